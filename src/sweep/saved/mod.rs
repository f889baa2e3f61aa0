//! The saved results of a sweep: one small JSON file that holds what documents quote, without weights and without a path of
//! the machine; what reads it needs neither the runs nor libtorch.

mod account;
mod curves;
mod gather;
mod layout;

pub use account::Account;
pub use gather::gather;

use std::collections::BTreeMap;
use std::path::Path;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::compare::{Puzzles, RunRecord};
use crate::train::{About, MetricsKind, MetricsRecord};

/// Version of the file.
const FORMAT: u64 = 1;

/// The finished runs of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// [`FORMAT`] of the totc that wrote it.
    pub format: u64,
    /// What stands above the table.
    pub title: String,
    /// Where runs computed; runs name them by place.
    pub machines: Vec<SavedMachine>,
    /// Settings that all variants share, by dotted name.
    pub settings: BTreeMap<String, String>,
    /// Variants of which a run is finished, in the order of the sweep.
    pub variants: Vec<SavedVariant>,
    /// Runs that training could not end, so that no mean over the others hides them.
    pub failed: Vec<FailedRun>,
}

/// A run that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailedRun {
    /// The variant's label.
    pub label: String,
    /// Its seed.
    pub seed: u64,
}

/// Where a run computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedMachine {
    /// What the processor is called, how many cores, the system.
    pub machine: String,
    /// The kind of processor ([`crate::train::processor::kind`]); empty where it is not known.
    pub kind: String,
    /// `cpu` or `cuda:N`.
    pub device: String,
    /// Threads for computing.
    pub threads: usize,
    /// The version of totc.
    pub totc: String,
    /// The version of libtorch.
    pub libtorch: String,
}

/// One way to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedVariant {
    /// What it is called in the sweep.
    pub label: String,
    /// Floating-point operations of a training step, by count.
    pub flops: u64,
    /// Settings that not all variants share.
    pub settings: BTreeMap<String, String>,
    /// How it was tested.
    pub protocol: String,
    /// Model, parameters, data.
    pub about: About,
    /// One for each seed that is finished.
    pub runs: Vec<SavedRun>,
}

/// A finished run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedRun {
    /// Its seed.
    pub seed: u64,
    /// Training steps done.
    pub steps: u64,
    /// Wall-clock seconds of training and tests, over all resumes.
    pub seconds: f64,
    /// Places in [`Saved::machines`].
    pub machines: Vec<usize>,
    /// The first record of the log: what training the run again must come to.
    pub first: FirstRecord,
    /// The tests, the last one at the end.
    pub tests: SavedTests,
    /// Of each metric that is right or wrong: 1 or 0 for each puzzle of the last test, in the order of the test set.
    pub right: IndexMap<String, String>,
}

/// Means over the first training steps, in full precision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstRecord {
    /// Steps it is of.
    pub step: u64,
    /// Losses by name; `total` is their sum.
    pub losses: IndexMap<String, f64>,
    /// Joint norm of the gradients before clipping.
    pub gradient_norm: Option<f64>,
}

/// Tests of a run, column by column; absent values were no finite numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedTests {
    /// Training steps done.
    pub step: Vec<u64>,
    /// Metrics by name.
    pub metrics: IndexMap<String, Vec<Option<f64>>>,
    /// Supervision steps per puzzle.
    pub steps_used: Vec<Option<f64>>,
}

impl Saved {
    /// Reads a file.
    ///
    /// # Errors
    /// A sentence with file, place and mend.
    pub fn read(path: &Path) -> Result<Saved, String> {
        let text = crate::text_file::read(path).map_err(|cause| format!("{}: {cause}", path.display()))?;
        let refuse = |what: String| {
            format!("{}: {what}; `totc sweep FILE --save {}` writes it anew", path.display(), path.display())
        };
        let saved: Saved = serde_json::from_str(&text)
            .map_err(|error| refuse(format!("not the results of a sweep as totc saves them: {error}")))?;
        if saved.format != FORMAT {
            return Err(refuse(format!("it has format {}, and this totc reads {FORMAT}", saved.format)));
        }
        saved.check().map_err(refuse)?;
        Ok(saved)
    }

    /// The text of the file: the same for the same results, a line for what belongs together.
    pub fn text(&self) -> String {
        layout::laid_out(&serde_json::to_string(self).unwrap_or_default())
    }

    /// Its variant of that label.
    pub fn variant(&self, label: &str) -> Option<&SavedVariant> {
        self.variants.iter().find(|variant| variant.label == label)
    }

    /// All settings of one of its variants, but for the seed, by dotted name.
    pub fn settings_of(&self, variant: &SavedVariant) -> BTreeMap<String, String> {
        self.settings.clone().into_iter().chain(variant.settings.clone()).collect()
    }

    /// What no run could have left behind.
    fn check(&self) -> Result<(), String> {
        for variant in &self.variants {
            if variant.runs.is_empty() {
                return Err(format!("variant `{}` has no run", variant.label));
            }
            for run in &variant.runs {
                let tests = run.tests.step.len();
                let whole = run
                    .tests
                    .metrics
                    .values()
                    .map(Vec::len)
                    .chain([run.tests.steps_used.len()])
                    .all(|n| n == tests);
                let right = run.right.values().all(|right| {
                    right.len() == variant.about.test.examples
                        && right.bytes().all(|byte| matches!(byte, b'0' | b'1'))
                });
                let machines = run.machines.iter().all(|place| *place < self.machines.len());
                if tests == 0 || !whole || !right || !machines {
                    return Err(format!("seed {} of variant `{}` is not whole", run.seed, variant.label));
                }
            }
        }
        Ok(())
    }

    /// The runs as they are compared, variant by variant.
    fn records(&self) -> Vec<RunRecord> {
        let of_variant = |variant| self.runs_of(variant);
        self.variants.iter().flat_map(of_variant).collect()
    }

    fn runs_of(&self, variant: &SavedVariant) -> Vec<RunRecord> {
        let record = |run: &SavedRun| {
            let mut settings = self.settings_of(variant);
            settings.insert("seed".to_owned(), run.seed.to_string());
            // Two variants of equal settings are two sides all the same.
            settings.insert("variant".to_owned(), variant.label.clone());
            RunRecord {
                name: format!("{}/{}", variant.label, run.seed),
                folder: std::path::PathBuf::new(),
                settings,
                about: Some(variant.about.clone()),
                tests: run.tests.records(),
                training: Vec::new(),
                seconds: run.seconds,
                puzzles: (!run.right.is_empty()).then(|| run.puzzles()),
                latency: None,
                protocol: variant.protocol.clone(),
                evaluation: None,
            }
        };
        variant.runs.iter().map(record).collect()
    }
}

impl SavedRun {
    fn puzzles(&self) -> Puzzles {
        let column = |right: &String| right.bytes().map(|byte| f64::from(byte - b'0')).collect::<Vec<f64>>();
        let columns: IndexMap<_, _> =
            self.right.iter().map(|(name, right)| (name.clone(), column(right))).collect();
        let puzzles = columns.values().map(Vec::len).min().unwrap_or(0);
        Puzzles { index: (0..puzzles as u64).collect(), columns }
    }
}

impl SavedTests {
    fn of(tests: &[MetricsRecord]) -> SavedTests {
        let mut metrics: IndexMap<String, Vec<Option<f64>>> = IndexMap::new();
        for (at, test) in tests.iter().enumerate() {
            for (name, value) in &test.metrics {
                let column = metrics.entry(name.clone()).or_insert_with(|| vec![None; tests.len()]);
                column[at] = Some(*value).filter(|value| value.is_finite());
            }
        }
        SavedTests {
            step: tests.iter().map(|test| test.step).collect(),
            metrics,
            steps_used: tests.iter().map(|test| test.steps_used).collect(),
        }
    }

    fn records(&self) -> Vec<MetricsRecord> {
        let record = |(at, step): (usize, &u64)| {
            let value = |(name, values): (&String, &Vec<Option<f64>>)| {
                (name.clone(), values.get(at).copied().flatten().unwrap_or(f64::NAN))
            };
            MetricsRecord {
                kind: MetricsKind::Test,
                step: *step,
                metrics: self.metrics.iter().map(value).collect(),
                steps_used: self.steps_used.get(at).copied().flatten(),
                ..MetricsRecord::default()
            }
        };
        self.step.iter().enumerate().map(record).collect()
    }
}
