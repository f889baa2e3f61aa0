//! The data set `arc`: takes settings that name ARC's files, gives examples that are augmented when they are asked for;
//! holds the tasks, and of each copy only its augmentation and identifier.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

use super::augment::Augmentation;
use super::files::Pair;
use super::grid::{PAD, SIDE, SYMBOLS};
use super::plan::{Plan, Planned, Wanted};
use super::show;
use super::test_set::TestSet;
use crate::data::{
    DataError, Dataset, Example, Mark, NO_LABEL, Picture, Purpose, Sizes, Source, Verdict, settings,
};

/// Settings of ARC tasks read from files.
#[derive(schemars::JsonSchema, Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "arc")]
pub struct ArcSpec {
    /// The folder of the subsets.
    #[schemars(extend("x-unit" = "path", "x-example" = "\"data/arc\""))]
    pub from: PathBuf,
    /// Subsets, in the order of their identifiers.
    #[serde(deserialize_with = "settings::names")]
    #[schemars(extend("x-example" = "[\"training\", \"evaluation\", \"concept\"]"))]
    pub subsets: Vec<String>,
    /// The subset, or subsets, whose `test` pairs are tested. Their demonstrations are trained on, as are both kinds of
    /// pairs of all other subsets.
    #[serde(deserialize_with = "settings::names")]
    #[schemars(extend("x-example" = "\"evaluation\""))]
    pub test: Vec<String>,
    /// Copies of each task at most, by another permutation of colours 1 to 9 and another symmetry.
    #[serde(default)]
    #[schemars(extend("x-unit" = "copies", "x-example" = "1000"))]
    pub augmentations: usize,
    /// Copies under which a test input is asked at most; `None` for all.
    #[serde(default, deserialize_with = "settings::limit")]
    #[schemars(extend("x-unit" = "copies", "x-example" = "8"))]
    pub test_augmentations: Option<usize>,
    /// Whether training examples are moved within the 30 x 30 cells, all but one of those visited together.
    #[serde(default = "yes")]
    #[schemars(extend("x-example" = "false"))]
    pub translate: bool,
    /// Side of the square of cells that holds the grids. 30 holds every grid and is what everyone uses; fewer cells are
    /// much cheaper for tasks with small grids.
    #[serde(default = "published_side")]
    #[schemars(extend("x-unit" = "cells", "x-example" = "10"))]
    pub side: usize,
    /// Seed of the order of tasks and of their copies; with the same one, identifiers are those of the reference's
    /// builder.
    #[serde(default = "published_seed")]
    #[schemars(extend("x-example" = "7"))]
    pub seed: u32,
}

fn yes() -> bool {
    true
}

fn published_side() -> usize {
    SIDE
}

fn published_seed() -> u32 {
    42
}

impl Source for ArcSpec {
    fn open(&self, base: &Path) -> Result<Box<dyn Dataset>, DataError> {
        let setting = |setting, what: &str, fix: &str| DataError::Setting {
            data_set: "arc",
            setting,
            what: what.to_owned(),
            fix: fix.to_owned(),
        };
        if self.subsets.is_empty() {
            return Err(setting(
                "subsets",
                "it names none",
                "write for instance [\"training\", \"evaluation\"]",
            ));
        }
        if self.test.is_empty() {
            return Err(setting("test", "it names no subset", "name one of the subsets"));
        }
        if self.side == 0 || self.side > SIDE {
            return Err(setting(
                "side",
                "it is not from 1 to 30",
                "write 30, or the longest side of your grids",
            ));
        }
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let wanted = Wanted {
            from: base.join(&self.from),
            subsets: self.subsets.clone(),
            test_sets: self.test.clone(),
            augmentations: self.augmentations,
            seed: self.seed,
            first_identifier: 1,
        };
        let mut plan = Plan::new(&wanted, threads)?;
        let longest = |planned: &Planned| {
            let grids =
                planned.task.pairs().flat_map(|pair| std::iter::once(&pair.input).chain(&pair.output));
            grids.map(|grid| grid.rows().max(grid.columns())).max().unwrap_or(0)
        };
        if let Some(planned) = plan.tasks.iter().find(|planned| longest(planned) > self.side) {
            let what = format!("task `{}` has a grid with a side of {}", planned.task.name, longest(planned));
            return Err(setting("side", &what, "write a larger side, or leave it out"));
        }
        for planned in plan.tasks.iter_mut().filter(|planned| !planned.tested) {
            planned.task.test.retain(|pair| pair.output.is_some());
        }
        plan.tasks.retain(|planned| planned.tested || !planned.train().is_empty());
        Ok(Box::new(Arc::new(self, plan)))
    }
}

/// ARC tasks, augmented when they are asked for.
#[derive(Debug)]
struct Arc {
    plan: Plan,
    set: TestSet,
    /// Numbers in the plan of the tested tasks, with the number of test examples before each.
    tests: Vec<(usize, usize)>,
    test_len: usize,
    train_len: usize,
    test_copies: usize,
    translate: bool,
    side: usize,
    about: String,
    /// The order of the epoch visited last.
    latest: Mutex<Option<Epoch>>,
}

#[derive(Debug)]
struct Epoch {
    seed: u64,
    number: u64,
    visits: Vec<Visit>,
}

/// One training example.
#[derive(Clone, Copy, Debug)]
struct Visit {
    task: u32,
    copy: u32,
    pair: u32,
    moves: bool,
}

impl Arc {
    fn new(spec: &ArcSpec, plan: Plan) -> Arc {
        let test_copies = spec.test_augmentations.unwrap_or(usize::MAX);
        let mut tests = Vec::new();
        let mut test_len = 0;
        for (number, planned) in plan.tasks.iter().enumerate().filter(|(_, planned)| planned.tested) {
            tests.push((number, test_len));
            test_len += planned.task.test.len() * asked(planned, test_copies);
        }
        let set = TestSet::of_plan(&plan, test_copies);
        let train_len: usize = plan.tasks.iter().map(|planned| planned.train().len()).sum();
        let all: usize =
            plan.tasks.iter().map(|planned| planned.train().len() * planned.augmentations.len()).sum();
        let mut about = format!(
            "ARC: {} tasks of {} ({}), {} training pairs ({all} with copies), {} test inputs of {} tasks ({test_len} with \
             copies), {} identifiers by seed {}",
            plan.tasks.len(),
            spec.from.display(),
            spec.subsets.join(", "),
            train_len,
            set.inputs(),
            set.tasks.len(),
            plan.identifiers,
            spec.seed
        );
        if plan.short > 0 {
            about +=
                &format!("; {} tasks have fewer than {} different copies", plan.short, spec.augmentations);
        }
        if plan.unanswered > 0 {
            about += &format!("; {} pairs without an answer left out of training", plan.unanswered);
        }
        Arc {
            set,
            tests,
            test_len,
            train_len,
            test_copies,
            translate: spec.translate,
            side: spec.side,
            about,
            latest: Mutex::new(None),
            plan,
        }
    }

    /// Position `k` of the training stream.
    ///
    /// As the reference's loader does (`puzzle_dataset.py`), an epoch visits each task once in random order, draws one of
    /// its copies uniformly and gives all of its pairs in random order.
    fn visit(&self, seed: u64, k: u64) -> Visit {
        let (number, place) = (k / self.train_len as u64, (k % self.train_len as u64) as usize);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let epoch = match latest.take() {
            Some(epoch) if epoch.seed == seed && epoch.number == number => epoch,
            _ => Epoch { seed, number, visits: self.visits(seed, number) },
        };
        let visit = epoch.visits[place];
        *latest = Some(epoch);
        visit
    }

    fn visits(&self, seed: u64, number: u64) -> Vec<Visit> {
        let mut order: Vec<u32> = (0..self.plan.tasks.len() as u32).collect();
        Purpose::Epoch.draws(seed, number, 0).shuffle(&mut order);
        let mut visits = Vec::with_capacity(self.train_len);
        for task in order {
            let planned = &self.plan.tasks[task as usize];
            let mut chance = Purpose::Copy.draws(seed, number, u64::from(task));
            let copy = chance.below(planned.augmentations.len()) as u32;
            let mut pairs: Vec<u32> = (0..planned.train().len() as u32).collect();
            let stays = chance.below(pairs.len().max(1)) as u32;
            chance.shuffle(&mut pairs);
            visits.extend(pairs.into_iter().map(|pair| Visit { task, copy, pair, moves: pair != stays }));
        }
        visits
    }

    /// The task, copy and test pair of test example `i`, in the order of the reference's test split.
    fn test(&self, i: usize) -> Option<(&Planned, usize, &Pair)> {
        if i >= self.test_len {
            return None;
        }
        let (task, before) = self.tests[self.tests.partition_point(|(_, before)| *before <= i) - 1];
        let planned = &self.plan.tasks[task];
        let tests = planned.task.test.len();
        Some((planned, (i - before) / tests, &planned.task.test[(i - before) % tests]))
    }
}

/// Copies of a task that are asked, its own included.
fn asked(planned: &Planned, copies: usize) -> usize {
    planned.augmentations.len().min(copies.saturating_add(1))
}

/// The example of a pair under an augmentation, tokens `[side * side]`, with the corner where `place` puts it, given its
/// rows and columns.
fn example(
    pair: &Pair,
    augmentation: &Augmentation,
    identifier: u32,
    side: usize,
    place: impl FnOnce(usize, usize) -> (usize, usize),
) -> Example {
    let input = augmentation.apply(&pair.input);
    let output = pair.output.as_ref().map(|output| augmentation.apply(output));
    let (rows, columns) = output.as_ref().map_or((0, 0), |output| (output.rows(), output.columns()));
    let (top, left) = place(rows.max(input.rows()), columns.max(input.columns()));
    let mut tokens = vec![PAD; side * side];
    input.write(top, left, &mut tokens);
    let inputs = tokens.iter().map(|token| i64::from(*token)).collect();
    let mut labels = vec![NO_LABEL; side * side];
    if let Some(output) = output {
        output.write(top, left, &mut tokens);
        for (label, token) in labels.iter_mut().zip(&tokens).filter(|(_, token)| **token != PAD) {
            *label = i64::from(*token);
        }
    }
    Example { inputs, labels, puzzle: i64::from(identifier) }
}

impl Dataset for Arc {
    fn sizes(&self) -> Sizes {
        Sizes { cell: self.side * self.side, symbol: SYMBOLS, task: self.plan.identifiers }
    }

    fn train_len(&self) -> usize {
        self.train_len
    }

    fn test_len(&self) -> usize {
        self.test_len
    }

    fn train_example(&self, seed: u64, k: u64) -> Example {
        let visit = self.visit(seed, k);
        let planned = &self.plan.tasks[visit.task as usize];
        let copy = visit.copy as usize;
        let train = planned.train();
        example(
            train[visit.pair as usize],
            &planned.augmentations[copy],
            planned.identifiers[copy],
            self.side,
            |rows, columns| {
                if !(self.translate && visit.moves) {
                    return (0, 0);
                }
                let mut chance = Purpose::Transform.draws(seed, k, 0);
                (chance.below(self.side - rows + 1), chance.below(self.side - columns + 1))
            },
        )
    }

    fn test_example(&self, i: usize) -> Option<Example> {
        let (planned, copy, pair) = self.test(i)?;
        Some(example(pair, &planned.augmentations[copy], planned.identifiers[copy], self.side, |_, _| (0, 0)))
    }

    /// The size of the answer, where it is known.
    fn rating(&self, i: usize) -> Option<f64> {
        let (_, _, pair) = self.test(i)?;
        pair.output.as_ref().map(|output| output.cells().len() as f64)
    }

    fn rating_name(&self) -> &str {
        "answer cells"
    }

    fn describe(&self) -> String {
        match self.test_copies {
            usize::MAX => self.about.clone(),
            copies => format!("{}; test inputs asked under {copies} copies at most", self.about),
        }
    }

    fn parse_puzzle(&self, text: &str) -> Result<Example, DataError> {
        show::parse(text, &self.set, self.side)
    }

    fn render_styled(&self, tokens: &[i64], given: &[i64], style: &dyn Fn(Mark, &str) -> String) -> String {
        show::render(tokens, given, style)
    }

    fn picture(&self, tokens: &[i64], _given: &[i64]) -> Picture {
        show::picture(tokens)
    }

    fn validate(&self, given: &[i64], answer: &[i64]) -> Verdict {
        let pairs = self.plan.tasks.iter().flat_map(|planned| planned.task.pairs());
        show::validate(given, answer, pairs)
    }

    fn arc(&self) -> Option<&TestSet> {
        Some(&self.set)
    }

    /// The tasks themselves; their copies follow from the settings.
    fn contents(&self, take: &mut dyn FnMut(&[u8])) {
        for planned in &self.plan.tasks {
            take(planned.task.name.as_bytes());
            for identifier in &planned.identifiers {
                take(&identifier.to_le_bytes());
            }
            for grid in planned.task.pairs().flat_map(|pair| std::iter::once(&pair.input).chain(&pair.output))
            {
                take(&[grid.rows() as u8, grid.columns() as u8]);
                take(grid.cells());
            }
        }
    }
}
