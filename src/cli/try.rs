//! `totc try FILE.tot`: a few training steps of a model on small data, without a run file: whether its losses fall, which of its
//! weights get no gradient, how wide and deep it is, and what it costs beside its parent.

mod told;

use super::machine::MachineArgs;
use super::signals::Asked;
use super::subject::{Subject, read};
use super::{Failure, Outcome};
use crate::compare::{self, Protocol, RunRecord};
use crate::ir::Mode;
use crate::model::Model;
use crate::model_file::ModelFile;
use crate::run_file::{self, RunFile};
use crate::syntax::{Disk, Reader, ast::ItemKind};
use crate::train::StepMetrics;
use crate::train::run::{RunObserver, RunOptions, RunOutcome, RunStart, run};
use std::path::{Path, PathBuf};

/// Trains a model for a few steps on small data and says what there is to see: no run file is needed and nothing is kept. Widths
/// that are left to the file are small (hidden 64); schedule and topology are as the file says.
#[derive(clap::Args)]
pub struct Args {
    /// A model file (.tot)
    file: PathBuf,
    /// Which model of the file (default: the one named like the file, else the first)
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Training steps
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(2..), value_name = "N")]
    steps: u64,
    /// sudoku4, sudoku6, sudoku9, maze8, or whatever `data:` of a run file may be
    #[arg(long, default_value = "sudoku4")]
    data: String,
    /// Give a config, or a field of a run file, another value
    #[arg(long = "set", value_name = "NAME=VALUE")]
    sets: Vec<String>,
    /// Train this model too, a name that the file knows or a model file, with as many seeds, and say whether the difference is more
    /// than noise
    #[arg(long, value_name = "MODEL")]
    against: Option<String>,
    /// Seeds of each side with --against
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..), requires = "against", value_name = "N")]
    seeds: u64,
    #[command(flatten)]
    machine: MachineArgs,
}

/// Data by short names.
const DATA: [(&str, &str); 4] = [
    ("sudoku4", "sudoku(side: 4, train: 500, test: 200, givens: (5, 8), augmentations: 20)"),
    ("sudoku6", "sudoku(side: 6, train: 500, test: 200, givens: (12, 18), augmentations: 20)"),
    ("sudoku9", "sudoku(side: 9, train: 500, test: 200, givens: (30, 40), augmentations: 20)"),
    ("maze8", "maze(side: 8, train: 500, test: 200, path_cells: (8, 30), symmetries: true, answers: solved)"),
];

/// Configs that are made small where the file has them larger: how wide the model is, not what it does.
const SMALL: [(&str, i64); 4] = [("hidden", 64), ("heads", 4), ("puzzle_tokens", 1), ("max_steps", 4)];

/// A model on disk.
struct Side {
    file: PathBuf,
    name: Option<String>,
    /// What the author calls it; of the model itself nothing.
    label: String,
    /// What is set in it.
    sets: Vec<String>,
}

impl Side {
    /// A failure in the author's names and places, not those of the parent's copy.
    fn told(&self, failure: Failure) -> Failure {
        let name = self.name.as_deref().filter(|name| name.starts_with(PARENT));
        let folder = self.file.parent().map_or(String::new(), |folder| format!("{}/", folder.display()));
        let named = |text: String| match name {
            Some(name) => text.replace(&folder, "").replace(name, &self.label),
            None => text,
        };
        match failure {
            Failure::Mistakes(text) => Failure::Mistakes(named(text)),
            Failure::World(text) => Failure::World(named(text)),
            Failure::Usage(text) => Failure::Usage(named(text)),
            other => other,
        }
    }
}

/// What stands before the name of a parent in a file of its own.
const PARENT: &str = "TheParent";

/// A model with the sizes of its data and what is set in it.
struct Bound {
    run: RunFile,
    file: ModelFile,
    model: Model,
}

/// What came of training.
struct Trial {
    bound: Bound,
    watch: Watch,
    outcome: RunOutcome,
}

/// Trains, and tells.
pub fn main(args: &Args) -> Outcome {
    if args.file.extension().is_none_or(|extension| extension != "tot") {
        return Err(Failure::Usage(format!(
            "`totc try` takes a model file (.tot), and {} is none; `totc run` trains what a run file says",
            args.file.display()
        )));
    }
    let place =
        tempfile::tempdir().map_err(|error| Failure::World(format!("a temporary folder: {error}")))?;
    let asked = Asked::listen();
    let (file, name, sets) = (args.file.clone(), args.model.clone(), args.sets.clone());
    let side = Side { file, name, label: String::new(), sets };
    let trial = train(args, &side, place.path(), 0, &asked)?;
    let own = &trial.bound.model;
    let parent = parent(args, own, place.path())?;
    let parent = parent.map(|parent| shared(args, parent, own, place.path())).transpose()?;
    print!("{}", told::trial(args, &trial)?);
    if let Some(parent) = &parent {
        print!("{}", told::beside(&trial.bound, bound(args, parent, place.path(), 0)?, &parent.label)?);
    }
    let Some(against) = &args.against else { return Ok(()) };
    let other = match parent {
        Some(parent) if parent.label == *against => parent,
        _ => shared(args, other(args, against, own, place.path())?, own, place.path())?,
    };
    let mut folders = vec![trial.outcome.folder.clone()];
    for seed in 0..args.seeds {
        if seed > 0 {
            folders.push(train(args, &side, place.path(), seed, &asked)?.outcome.folder);
        }
        folders.push(train(args, &other, place.path(), seed, &asked)?.outcome.folder);
    }
    let read = |folder: &PathBuf| RunRecord::read(folder).map_err(|error| Failure::World(error.to_string()));
    // Differences are to the first.
    folders.swap(0, 1);
    let runs = folders.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let protocol = Protocol { group: args.seeds > 1, unpaired: false, across_protocols: false, seed: 0 };
    let comparison = compare::compare(&runs, protocol).map_err(Failure::World)?;
    print!("\n{}", told::comparison(&comparison, &other.label, args));
    Ok(())
}

/// The run file of a side; `small` are configs that it makes small, where the model reads them.
fn run_file(
    args: &Args,
    side: &Side,
    place: &Path,
    seed: u64,
    small: &[(&str, i64)],
) -> Result<RunFile, Failure> {
    let data = DATA.iter().find(|(name, _)| *name == args.data).map_or(args.data.as_str(), |(_, data)| data);
    let here = std::path::absolute(&side.file).map_err(|error| Failure::World(error.to_string()))?;
    let out = place.join(format!("{}-{seed}", if side.label.is_empty() { "own" } else { "other" }));
    let steps = args.steps;
    let small: Vec<String> = small.iter().map(|(name, size)| format!("{name:?}: {size}")).collect();
    let small = small.join(", ");
    // Without weight decay a weight that has not moved has had no gradient.
    let text = format!(
        "Run(
    model: {here:?},
    data: {data}, set: {{ {small} }},
    batch: 32, length: steps({steps}), seed: {seed}, out: {out:?},
    optimiser: (name: \"adamw\", lr: 2e-3, weight_decay: 0.0, options: {{ \"beta1\": 0.9, \"beta2\": 0.95 }}),
    schedule: (warmup: {}), clip: 1.0, ema: None,
    evaluation: (every: {steps}), checkpoints: (every: {steps}),
)",
        (steps / 5).min(20),
    );
    let name = side.name.iter().map(|name| format!("name={name}"));
    let sets: Vec<String> = name.chain(side.sets.iter().cloned()).collect();
    // Paths that the author gives start where the command does.
    let place = std::env::current_dir().map_err(|error| Failure::World(error.to_string()))?;
    Ok(run_file::parse(&place.join("the command line"), &text, &sets)?)
}

/// The model of a side, with its small configs. No example is made for that.
fn bound(args: &Args, side: &Side, place: &Path, seed: u64) -> Result<Bound, Failure> {
    bound_as_written(args, side, place, seed).map_err(|failure| side.told(failure))
}

fn bound_as_written(args: &Args, side: &Side, place: &Path, seed: u64) -> Result<Bound, Failure> {
    let with = |small: &[(&str, i64)]| -> Result<Bound, Failure> {
        let run = run_file(args, side, place, seed, small)?;
        let mut subject = Subject::of_run(run.clone(), None)?.with_sizes(&[])?;
        if let Some(error) = subject.data_error {
            return Err(Failure::Usage(error.to_string()));
        }
        let model = subject.model_file.model(Mode::Training)?;
        Ok(Bound { run, file: subject.model_file, model })
    };
    let first = with(&[])?;
    let large = |(name, size): &&(&str, i64)| {
        let value = first.model.configs.iter().find(|(config, _)| config == name).map(|(_, value)| value);
        !side.sets.iter().any(|set| set_name(set) == *name)
            && value.and_then(|value| value.parse::<i64>().ok()).is_some_and(|value| value > *size)
    };
    let small: Vec<(&str, i64)> = SMALL.iter().filter(large).copied().collect();
    if small.is_empty() { Ok(first) } else { with(&small) }
}

/// Keeps what the steps were like.
#[derive(Default)]
struct Watch {
    data: String,
    steps: Vec<StepMetrics>,
}

impl RunObserver for Watch {
    fn started(&mut self, start: &RunStart) {
        self.data.clone_from(&start.data);
    }

    fn stepped(&mut self, metrics: &StepMetrics) {
        self.steps.push(metrics.clone());
    }
}

fn train(args: &Args, side: &Side, place: &Path, seed: u64, asked: &Asked) -> Result<Trial, Failure> {
    let bound = bound(args, side, place, seed)?;
    let options = RunOptions { machine: args.machine.machine(), ..RunOptions::default() };
    let mut watch = Watch::default();
    let outcome = run(&bound.run, &options, &mut watch, asked.flag());
    let outcome = outcome.map_err(|error| side.told(error.into()))?;
    if let Some((name, number)) = asked.signal() {
        return Err(Failure::Stopped(format!("stopped by {name}; nothing was kept"), number));
    }
    Ok(Trial { bound, watch, outcome })
}

/// The model that this one extends, written where it can be read alone.
fn parent(args: &Args, model: &Model, place: &Path) -> Result<Option<Side>, Failure> {
    let file = read(&args.file, args.model.clone())?;
    let items = file.modules.by_path.get("").into_iter().flat_map(|module| &module.tree.items);
    let extends = items
        .filter_map(|item| match &item.kind {
            ItemKind::Model(own) if own.name.name == model.graph.model => own.extends.as_ref(),
            _ => None,
        })
        .next();
    extends.map(|parent| named(args, &parent.name, place)).transpose()
}

/// A model that the file knows by a name: the file is written once more, with a model that is this one.
fn named(args: &Args, name: &str, place: &Path) -> Result<Side, Failure> {
    /// The file with a line more.
    struct Longer<'a>(&'a Path, String);

    impl Reader for Longer<'_> {
        fn read(&self, path: &Path) -> Result<String, std::io::Error> {
            let text = Disk.read(path)?;
            Ok(if path == self.0 { text + &self.1 } else { text })
        }

        fn siblings(&self, folder: &Path) -> Vec<String> {
            Disk.siblings(folder)
        }
    }

    let world = |error: std::io::Error| Failure::World(format!("{}: {error}", args.file.display()));
    let own = format!("{PARENT}{name}");
    let reader = Longer(&args.file, format!("\nmodel {own} extends {name} {{}}\n"));
    let file = ModelFile::read(&args.file, Some(own.clone()), &reader).map_err(world)?;
    let folder = place.join(&own);
    for (path, text) in file.texts() {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(&folder)).map_err(world)?;
        std::fs::write(&path, text).map_err(world)?;
    }
    let root = folder.join(format!("{}.tot", file.modules.root_stem));
    Ok(Side { file: root, name: Some(own), label: name.to_owned(), sets: Vec::new() })
}

/// What `--against` means.
fn other(args: &Args, against: &str, model: &Model, place: &Path) -> Result<Side, Failure> {
    if Path::new(against).extension().is_some_and(|extension| extension == "tot") {
        let (file, label) = (PathBuf::from(against), against.to_owned());
        return Ok(Side { file, name: None, label, sets: Vec::new() });
    }
    if against == model.graph.model {
        return Err(Failure::Usage(format!("--against {against}: that is the model itself")));
    }
    named(args, against, place)
}

/// The other side with all that was set but configs that only this model has.
fn shared(args: &Args, side: Side, own: &Model, place: &Path) -> Result<Side, Failure> {
    let model = bound(args, &side, place, 0)?.model;
    let has = |model: &Model, set: &str| {
        let name = set_name(set);
        model.configs.iter().any(|(config, _)| config == name)
    };
    let sets = args.sets.iter().filter(|set| has(&model, set) || !has(own, set)).cloned().collect();
    Ok(Side { sets, ..side })
}

/// The name in `set.NAME=VALUE` or `NAME=VALUE`.
fn set_name(set: &str) -> &str {
    set.split('=').next().unwrap_or_default().trim().trim_start_matches("set.")
}
