//! A model text with what it is compiled for: a case of a test folder, or a shipped model at a tiny size.

use std::path::{Path, PathBuf};

use totc::diagnostic::{Colours, Sink, render};
use totc::ir::Graph;
use totc::ir::Mode;
use totc::model::{Bindings, Model, Setting, check};
use totc::source::Sources;
use totc::syntax::{Disk, Modules, ast::ItemKind, load};

pub struct Subject {
    pub name: String,
    pub text: String,
    pub mode: Mode,
    sources: Sources,
    modules: Modules,
    bindings: Bindings,
}

impl Subject {
    /// A case: its first lines may bind what a run file would, `// set: heads = 3`, `// size: cell = 9`,
    /// `// model: NAME`, `// frozen: PATH`, and ask for `// evaluation`.
    pub fn case(path: &Path) -> Subject {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut subject = Subject::read(path, name);
        for line in subject.text.lines() {
            let pair = |line: &str| {
                let (name, value) = line.split_once('=').expect("`name = value`");
                (name.trim().to_owned(), value.trim().to_owned())
            };
            if let Some(rest) = line.strip_prefix("// set: ") {
                let (name, value) = pair(rest);
                subject.bindings.sets.insert(name, Setting::parse(&value));
            } else if let Some(rest) = line.strip_prefix("// size: ") {
                let (name, value) = pair(rest);
                subject.bindings.sizes.insert(name, value.parse().expect("a size is a number"));
            } else if let Some(path) = line.strip_prefix("// frozen: ") {
                subject.bindings.frozen.insert(path.trim().to_owned());
            } else if let Some(name) = line.strip_prefix("// model: ") {
                subject.bindings.model = Some(name.trim().to_owned());
            } else if line == "// evaluation" {
                subject.mode = Mode::Evaluation;
            }
        }
        subject
    }

    fn read(path: &Path, name: String) -> Subject {
        let (mut sources, mut sink) = (Sources::default(), Sink::default());
        let modules = load(path, &Disk, &mut sources, &mut sink).expect("the file can be read");
        assert!(!sink.has_errors(), "{}", render(&sink, &sources, Colours::Never));
        let text = sources.files()[0].text.clone();
        let mut bindings = Bindings::new(Mode::Training);
        for (axis, size) in [("batch", 2), ("cell", 4), ("symbol", 5), ("task", 3)] {
            bindings.sizes.insert(axis.to_owned(), size);
        }
        Subject { name, text, mode: Mode::Training, sources, modules, bindings }
    }

    pub fn model(&self, mode: Mode) -> Model {
        let (mut sink, bindings) = (Sink::default(), Bindings { mode, ..self.bindings.clone() });
        let model = check(&self.modules, &self.sources, &bindings, &mut sink);
        let said = || render(&sink, &self.sources, Colours::Never);
        model.unwrap_or_else(|| panic!("{} is refused:\n{}", self.name, said()))
    }

    /// The graph of what training and evaluation read, before any pass.
    pub fn graph(&self, mode: Mode) -> Graph {
        self.model(mode).graph.only(totc::Values::Dropped)
    }

    /// The same with another value for a config.
    #[allow(dead_code, reason = "each test that includes this file uses a part of it")]
    pub fn with(mut self, config: &str, value: &str) -> Subject {
        self.bindings.sets.insert(config.to_owned(), Setting::parse(value));
        self
    }
}

/// Every model of `models/*.tot`, small enough to run hundreds of times.
#[allow(dead_code, reason = "each test that includes this file uses a part of it")]
pub fn shipped() -> Vec<Subject> {
    published().into_iter().map(Subject::tiny).collect()
}

/// The same at the sizes of their defaults.
#[allow(dead_code, reason = "each test that includes this file uses a part of it")]
pub fn published() -> Vec<Subject> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let mut subjects = Vec::new();
    for path in files(&folder) {
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        let whole = Subject::read(&path, file.clone());
        for item in &whole.modules.by_path[""].tree.items {
            let ItemKind::Model(model) = &item.kind else { continue };
            if model.mixin {
                continue;
            }
            let mut subject = Subject::read(&path, format!("{file}.{}", model.name.name));
            subject.bindings.model = Some(model.name.name.clone());
            subjects.push(subject);
        }
    }
    subjects
}

/// The same, and each with other choices of its configs.
#[allow(dead_code, reason = "each test that includes this file uses a part of it")]
pub fn variants() -> Vec<Subject> {
    let choices = [
        ("trm.Trm", "mixing", "mlp"),
        ("totrm.TreeTrm", "fork", "additive"),
        ("totrm.TreeTrm", "fork", "copies"),
        ("totrm.TreeTrm", "combine", "max"),
        ("totrm.TreeTrm", "combine", "learned_weights"),
        ("totrm.TreeTrm", "combine", "geometric_mean"),
        ("totrm.TreeTrm", "combine", "gated_product"),
        ("totrm.TreeTrm", "combine", "hierarchical_attention"),
        ("totrm.ToTrm", "diversity_margin", "0"),
    ];
    let mut subjects = shipped();
    for (name, config, value) in choices {
        let mut subject = shipped().into_iter().find(|model| model.name == name).unwrap().with(config, value);
        subject.name = format!("{name}, {config} = {value}");
        subjects.push(subject);
    }
    subjects
}

/// The `.tot` files of a folder, sorted.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder can be listed").flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "tot"));
    paths.sort();
    paths
}

impl Subject {
    #[allow(dead_code, reason = "each test that includes this file uses a part of it")]
    fn tiny(mut self) -> Subject {
        let configs = self.model(Mode::Evaluation).configs;
        let small = [("hidden", "32"), ("heads", "4"), ("layers", "2"), ("n", "4")];
        for (name, value) in small.into_iter().chain([("puzzle_tokens", "2"), ("max_steps", "4")]) {
            if configs.iter().any(|(known, _)| known == name) {
                self = self.with(name, value);
            }
        }
        self
    }
}
