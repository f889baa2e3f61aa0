//! What the author is told: each file of `tests/diagnostics` is a case, checked for training and evaluation;
//! its snapshot shows the text and what is said about it. Cases named `ok_…` must pass without a word.
//!
//! The first lines of a case may bind what a run file would: `// set: heads = 3`, `// size: cell = 9`,
//! `// model: NAME`.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use totc::diagnostic::{Code, Colours, Sink, render};
use totc::ir::Mode;
use totc::model::{Bindings, Setting, check};
use totc::source::{Sources, Span};
use totc::syntax::{Disk, Reader, load};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/diagnostics");
const SNAPSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/diagnostics");

/// The folder of the cases, by relative paths, so that snapshots are the same everywhere.
struct Cases;

impl Reader for Cases {
    fn read(&self, path: &Path) -> Result<String, std::io::Error> {
        std::fs::read_to_string(Path::new(CASES).join(path))
    }

    fn siblings(&self, _: &Path) -> Vec<String> {
        vec!["tiny".to_owned()]
    }
}

struct Checked {
    /// Of the file, without its ending.
    name: String,
    text: String,
    sources: Sources,
    sink: Sink,
    /// Models that came out, of the two modes.
    models: usize,
}

/// All cases, in the order of their names.
static CHECKED: LazyLock<Vec<Checked>> = LazyLock::new(|| names().iter().map(|name| checked(name)).collect());

fn checked(name: &str) -> Checked {
    let (mut sources, mut sink) = (Sources::default(), Sink::default());
    let modules = load(Path::new(name), &Cases, &mut sources, &mut sink).expect("the case can be read");
    let text = sources.files()[0].text.clone();
    let mut models = Vec::new();
    for mode in [Mode::Training, Mode::Evaluation] {
        models.extend(check(&modules, &sources, &bindings(&text, mode), &mut sink));
    }
    // A setting that nothing reads in either mode is refused, as the commands do.
    if let [training, evaluation] = &models[..] {
        for (name, told) in training.unread.clone() {
            if evaluation.unread.iter().any(|(other, _)| *other == name) {
                sink.push(told);
            }
        }
    }
    let models = if sink.has_errors() { models.len().min(1) } else { models.len() };
    Checked { name: name.trim_end_matches(".tot").to_owned(), text, sources, sink, models }
}

fn names() -> Vec<String> {
    let entries = std::fs::read_dir(CASES).expect("the cases can be listed").flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".tot"))
        .collect();
    names.sort();
    names
}

/// The cases that something is said about, and those that pass.
fn cases(passing: bool) -> impl Iterator<Item = &'static Checked> {
    CHECKED.iter().filter(move |case| case.name.starts_with("ok_") == passing)
}

fn bindings(text: &str, mode: Mode) -> Bindings {
    let mut bindings = Bindings::new(mode);
    for line in text.lines() {
        let pair = |line: &str| {
            let (name, value) = line.split_once('=').expect("`name = value`");
            (name.trim().to_owned(), value.trim().to_owned())
        };
        if let Some(rest) = line.strip_prefix("// set: ") {
            let (name, value) = pair(rest);
            bindings.sets.insert(name, Setting::parse(&value));
        } else if let Some(rest) = line.strip_prefix("// size: ") {
            let (name, value) = pair(rest);
            bindings.sizes.insert(name, value.parse().expect("a size is a number"));
        } else if let Some(name) = line.strip_prefix("// model: ") {
            bindings.model = Some(name.trim().to_owned());
        }
    }
    bindings
}

#[test]
fn told() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(SNAPSHOTS);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.remove_input_file();
    settings.bind(|| {
        for case in cases(false) {
            let name = case.name.as_str();
            assert!(!case.sink.is_empty(), "{name} passes, and should not");
            assert_eq!(case.models == 2, !case.sink.has_errors(), "{name}: models, or errors");
            let said = render(&case.sink, &case.sources, Colours::Never);
            insta::assert_snapshot!(name, format!("{}\n────────\n\n{said}", case.text));
        }
    });
}

#[test]
fn accepted() {
    for case in cases(true) {
        let said = render(&case.sink, &case.sources, Colours::Never);
        assert!(said.is_empty() && case.models == 2, "{} is refused:\n{said}", case.name);
    }
}

/// What totc ships is without reproach, under every name and in both modes.
#[test]
fn shipped_models_pass_without_a_word() {
    let mut count = 0;
    for folder in ["models", "examples/extensions"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in std::fs::read_dir(folder).expect("the models can be listed").flatten() {
            let path = entry.path();
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            for name in text.lines().filter_map(|line| line.strip_prefix("model ")) {
                let (mut sources, mut sink) = (Sources::default(), Sink::default());
                let modules = load(&path, &Disk, &mut sources, &mut sink).expect("the model can be read");
                for mode in [Mode::Training, Mode::Evaluation] {
                    let mut bindings = Bindings::new(mode);
                    bindings.model = name.split_whitespace().next().map(str::to_owned);
                    check(&modules, &sources, &bindings, &mut sink);
                }
                let said = render(&sink, &sources, Colours::Never);
                assert!(said.is_empty(), "{name} of {}:\n{said}", path.display());
                count += 1;
            }
        }
    }
    assert!(count >= 9, "only {count} models were found");
}

/// Every kind of mistake is shown by a case.
#[test]
fn every_code_has_a_case() {
    let shown: BTreeSet<&str> =
        cases(false).flat_map(|case| case.sink.sorted()).map(|told| told.code.slug()).collect();
    let all: BTreeSet<&str> = Code::ALL.iter().map(|code| code.slug()).collect();
    assert_eq!(shown, all);
}

/// Messages are sentences without a full stop, and their labels lie in the text they speak of.
#[test]
fn labels_lie_in_the_text() {
    for case in cases(false) {
        let name = &case.name;
        for told in case.sink.sorted() {
            assert!(!told.message.is_empty() && !told.message.ends_with('.'), "{name}: {}", told.message);
            assert!(!told.primary.1.is_empty(), "{name}: a label without words for: {}", told.message);
            for (span, _) in std::iter::once(&told.primary).chain(&told.related) {
                assert_ne!(*span, Span::NONE, "{name}: points nowhere: {}", told.message);
                let text = &case.sources.files()[span.file as usize].text;
                assert!(text.get(span.range()).is_some(), "{name}: {span:?} is outside: {}", told.message);
            }
        }
    }
}

#[test]
fn no_snapshot_is_orphaned() {
    let known: BTreeSet<String> = cases(false).map(|case| format!("{}.snap", case.name)).collect();
    for entry in std::fs::read_dir(SNAPSHOTS).expect("the snapshots can be listed").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(known.contains(name.trim_end_matches(".new")), "{name} has no case in tests/diagnostics");
    }
}
