//! Which copies of which tasks there are: takes subsets of ARC and a seed, gives the tasks in order with their
//! augmentations and identifiers, those that the reference's builder would give; writes nothing.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::augment::{Augmentation, copies};
use super::files::{self, Pair, Task};
use super::grid::Grid;
use crate::data::DataError;
use crate::random::numpy::NumpyRandom;

/// What to read and how much of it to make.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// The folder of the subsets.
    pub from: PathBuf,
    /// Subsets, in the order in which they are to stand.
    pub subsets: Vec<String>,
    /// Subsets whose `test` pairs are tested; all other pairs are trained on.
    pub test_sets: Vec<String>,
    /// Copies of each task at most.
    pub augmentations: usize,
    /// Seed of orders and copies, as for `np.random.seed`.
    pub seed: u32,
    /// The identifier of the first task; those before it are blank.
    pub first_identifier: usize,
}

/// One task, its copies and their identifiers.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The task.
    pub task: Task,
    /// Whether its `test` pairs are tested.
    pub tested: bool,
    /// The identity, then its copies.
    pub augmentations: Vec<Augmentation>,
    /// The identifier of each of them.
    pub identifiers: Vec<u32>,
}

impl Planned {
    /// The pairs of the training split, in the order of the file.
    pub fn train(&self) -> Vec<&Pair> {
        if self.tested { self.task.train.iter().collect() } else { self.task.pairs().collect() }
    }

    /// The pairs of the test split.
    pub fn test(&self) -> &[Pair] {
        if self.tested { &self.task.test } else { &[] }
    }
}

/// All tasks in the order of their groups.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The tasks.
    pub tasks: Vec<Planned>,
    /// Number of identifiers, the blank ones included.
    pub identifiers: usize,
    /// The generator as it stands after the last draw of a copy.
    pub random: NumpyRandom,
    /// Test pairs of training tasks whose answer is not known.
    pub unanswered: usize,
    /// Tasks with fewer copies than were wanted, because they look the same under many augmentations.
    pub short: usize,
}

/// The answer that the reference puts where none is known.
pub fn no_answer() -> Grid {
    Grid::trusted(1, 1, vec![0])
}

impl Plan {
    /// Reads the subsets and draws the copies, as `load_puzzles_arcagi` and `convert_dataset` of the reference's
    /// `dataset/build_arc_dataset.py` do; the result does not depend on `threads`.
    pub fn new(wanted: &Wanted, threads: usize) -> Result<Plan, DataError> {
        if let Some(name) = wanted.test_sets.iter().find(|name| !wanted.subsets.contains(name)) {
            return Err(DataError::Setting {
                data_set: "arc",
                setting: "test",
                what: format!("`{name}` is none of the subsets ({})", wanted.subsets.join(", ")),
                fix: "name a subset to test on, or add this one to the subsets".to_owned(),
            });
        }
        let mut random = NumpyRandom::new(wanted.seed);
        let mut plan =
            Plan { tasks: Vec::new(), identifiers: 0, random: random.clone(), unanswered: 0, short: 0 };
        let mut subset_of: HashMap<String, (usize, bool)> = HashMap::new();
        let none = no_answer();
        for (number, subset) in wanted.subsets.iter().enumerate() {
            let tested = wanted.test_sets.contains(subset);
            let mut tasks = files::read(&wanted.from, subset)?;
            random.shuffle(&mut tasks);
            for task in tasks {
                if let Some((other, other_tested)) = subset_of.insert(task.name.clone(), (number, tested))
                    && (tested || other_tested)
                {
                    return Err(leak(&wanted.from, &task.name, &wanted.subsets[other], subset));
                }
                if tested && task.train.is_empty() {
                    return Err(DataError::Task {
                        path: wanted.from.clone(),
                        task: task.name,
                        what: "it has no demonstration, so its identifier would never be trained".to_owned(),
                        fix: "add a pair to `train`".to_owned(),
                    });
                }
                let pairs: Vec<(&Grid, &Grid)> =
                    task.pairs().map(|pair| (&pair.input, pair.output.as_ref().unwrap_or(&none))).collect();
                let found = copies(&pairs, wanted.augmentations, &mut random, threads);
                plan.short += usize::from(found.len() < wanted.augmentations);
                if !tested {
                    plan.unanswered += task.test.iter().filter(|pair| pair.output.is_none()).count();
                }
                let augmentations = std::iter::once(Augmentation::default()).chain(found).collect();
                plan.tasks.push(Planned { task, tested, augmentations, identifiers: Vec::new() });
            }
        }
        plan.random = random;
        plan.number(wanted.first_identifier);
        Ok(plan)
    }

    /// Gives out identifiers in order. A task that stands in two subsets keeps those it has.
    fn number(&mut self, first: usize) {
        let mut times: HashMap<String, usize> = HashMap::new();
        for planned in &self.tasks {
            *times.entry(planned.task.name.clone()).or_default() += 1;
        }
        let mut repeated: HashMap<(String, Augmentation), u32> = HashMap::new();
        let mut next = first as u32;
        for planned in &mut self.tasks {
            let once = times.get(&planned.task.name) == Some(&1);
            for augmentation in &planned.augmentations {
                let mut fresh = || {
                    next += 1;
                    next - 1
                };
                let identifier = if once {
                    fresh()
                } else {
                    *repeated.entry((planned.task.name.clone(), *augmentation)).or_insert_with(fresh)
                };
                planned.identifiers.push(identifier);
            }
        }
        self.identifiers = next as usize;
    }

    /// The name of every identifier, `<blank>` where there is none.
    pub fn names(&self) -> Vec<String> {
        let mut names = vec![super::BLANK.to_owned(); self.identifiers];
        for planned in &self.tasks {
            for (identifier, augmentation) in planned.identifiers.iter().zip(&planned.augmentations) {
                names[*identifier as usize] = augmentation.name(&planned.task.name);
            }
        }
        names
    }
}

fn leak(from: &Path, task: &str, first: &str, second: &str) -> DataError {
    DataError::Task {
        path: from.to_owned(),
        task: task.to_owned(),
        what: format!(
            "it stands in `{first}` and in `{second}`, so answers that are tested would be trained on"
        ),
        fix: "leave one of the two subsets out (much of ARC-AGI-1 stands in ARC-AGI-2 too)".to_owned(),
    }
}
