//! What predictions are scored against: takes tasks and the names of identifiers, gives the task and augmentation of an
//! identifier and the answers of every test input; holds no prediction.

use std::collections::HashMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::BLANK;
use super::augment::Augmentation;
use super::files::{self, Pair, Task};
use super::plan::{Plan, no_answer};
use crate::data::DataError;

/// The file of the tested tasks, unaugmented.
pub const TEST_PUZZLES: &str = "test_puzzles.json";

/// The task and augmentation of every puzzle identifier.
#[derive(Clone, Debug, Default)]
pub struct Identifiers {
    tasks: Vec<String>,
    entries: Vec<Option<(u32, Augmentation)>>,
}

impl Identifiers {
    /// Identifiers by their names, `<blank>` for one without a task; the index and cause of a name that is none.
    pub fn from_names(names: &[String]) -> Result<Identifiers, (usize, String)> {
        let mut all = Identifiers::default();
        let mut known: HashMap<&str, u32> = HashMap::new();
        for (index, name) in names.iter().enumerate() {
            if name == BLANK {
                all.entries.push(None);
                continue;
            }
            let (task, augmentation) = Augmentation::parse(name).map_err(|what| (index, what))?;
            let number = *known.entry(task).or_insert_with(|| {
                all.tasks.push(task.to_owned());
                all.tasks.len() as u32 - 1
            });
            all.entries.push(Some((number, augmentation)));
        }
        Ok(all)
    }

    /// Identifiers of a plan.
    pub fn from_plan(plan: &Plan) -> Identifiers {
        let mut all = Identifiers { tasks: Vec::new(), entries: vec![None; plan.identifiers] };
        for (number, planned) in plan.tasks.iter().enumerate() {
            all.tasks.push(planned.task.name.clone());
            for (identifier, augmentation) in planned.identifiers.iter().zip(&planned.augmentations) {
                all.entries[*identifier as usize] = Some((number as u32, *augmentation));
            }
        }
        all
    }

    /// Number of identifiers, the blank ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The task and augmentation of an identifier; none of a blank one. The outer `None`: there is no such identifier.
    pub fn get(&self, identifier: i64) -> Option<Option<(&str, &Augmentation)>> {
        let entry = self.entries.get(usize::try_from(identifier).ok()?)?;
        Some(entry.as_ref().map(|(task, augmentation)| (self.tasks[*task as usize].as_str(), augmentation)))
    }

    /// The identifier's name.
    pub fn name(&self, identifier: i64) -> String {
        match self.get(identifier) {
            Some(Some((task, augmentation))) => augmentation.name(task),
            _ => BLANK.to_owned(),
        }
    }

    /// The identifier of a name.
    pub fn find(&self, name: &str) -> Option<i64> {
        let (task, augmentation) = Augmentation::parse(name).ok()?;
        let number = self.tasks.iter().position(|known| known == task)? as u32;
        self.entries.iter().position(|entry| *entry == Some((number, augmentation))).map(|at| at as i64)
    }

    /// A digest of all names in order, in hex: equal where the identifiers mean the same.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for identifier in 0..self.len() as i64 {
            hash.update(self.name(identifier));
            hash.update("\n");
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// One tested task.
#[derive(Clone, Debug, PartialEq)]
pub struct TestTask {
    /// Its name.
    pub name: String,
    /// The pairs that show what to do.
    pub demonstrations: Vec<Pair>,
    /// Its test inputs, with the answers that are known.
    pub tests: Vec<Pair>,
    /// Identifiers under which each input is asked: the task's own and those of its copies.
    pub copies: usize,
}

/// What predictions are scored against.
#[derive(Clone, Debug, Default)]
pub struct TestSet {
    /// What identifiers mean.
    pub identifiers: Identifiers,
    /// The tested tasks, in order.
    pub tasks: Vec<TestTask>,
}

impl TestSet {
    /// The test set of a built folder: `identifiers.json` and `test_puzzles.json`, and `tested`, the identifiers of the
    /// puzzles of its test split. `None` where the folder has no `test_puzzles.json`, which ARC's folders have.
    pub fn of_folder(
        folder: &Path,
        names: &[String],
        tested: impl IntoIterator<Item = i64>,
    ) -> Result<Option<TestSet>, DataError> {
        let path = folder.join(TEST_PUZZLES);
        if !path.exists() {
            return Ok(None);
        }
        let tasks = files::read_challenges(&path)?;
        let identifiers = Identifiers::from_names(names).map_err(|(index, what)| DataError::Empty {
            path: folder.join("identifiers.json"),
            what: format!("names identifier {index} `{}`: {what}", names[index]),
            fix: "names are `task` or `task|||t0|||0123456789`; build the data set again".to_owned(),
        })?;
        let mut copies: HashMap<&str, usize> = HashMap::new();
        for identifier in tested {
            if let Some(Some((task, _))) = identifiers.get(identifier) {
                *copies.entry(task).or_default() += 1;
            }
        }
        // The builder writes this answer where it knows none.
        let none = Some(no_answer());
        let unknown = tasks.iter().flat_map(|task| &task.test).all(|pair| pair.output == none);
        let tested = |mut task: Task| {
            if unknown {
                task.test.iter_mut().for_each(|pair| pair.output = None);
            }
            let copies = copies.get(task.name.as_str()).copied().unwrap_or(0);
            TestTask { name: task.name, demonstrations: task.train, tests: task.test, copies }
        };
        let tasks = tasks.into_iter().map(tested).collect();
        Ok(Some(TestSet { identifiers, tasks }))
    }

    /// The test set of a plan of which at most `copies` copies of each task are asked, beside the task itself.
    pub fn of_plan(plan: &Plan, copies: usize) -> TestSet {
        let tested = plan.tasks.iter().filter(|planned| planned.tested);
        let tasks = tested.map(|planned| TestTask {
            name: planned.task.name.clone(),
            demonstrations: planned.task.train.clone(),
            tests: planned.task.test.clone(),
            copies: planned.augmentations.len().min(copies.saturating_add(1)),
        });
        TestSet { identifiers: Identifiers::from_plan(plan), tasks: tasks.collect() }
    }

    /// Number of predictions that a complete evaluation makes.
    pub fn expected(&self) -> usize {
        self.tasks.iter().map(|task| task.tests.len() * task.copies).sum()
    }

    /// Number of test inputs.
    pub fn inputs(&self) -> usize {
        self.tasks.iter().map(|task| task.tests.len()).sum()
    }
}
