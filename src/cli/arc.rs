//! ARC's score for `run` and `eval`: its files in the run's folder, its text and JSON, and whether identifiers still mean
//! what they meant in training.

use super::Failure;
use crate::data::Dataset;
use crate::data::arc::{ArcScore, TestSet};
use crate::exec::Weights;
use crate::ir::WeightInfo;
use crate::report::table;
use crate::train::untrained;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The score of an evaluation and what must be known beside it.
pub struct ArcTest {
    pub score: ArcScore,
    pub warnings: Vec<String>,
}

/// What identifiers meant when training began, kept beside the checkpoints.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct Meaning {
    identifiers: usize,
    /// Of their names in order.
    sha256: String,
}

const MEANING: &str = "identifiers.json";
const SCORE: &str = "arc.json";
const SUBMISSION: &str = "submission.json";

/// Notes what identifiers mean, where the data set is one of ARC.
pub fn note_identifiers(folder: &Path, data: &dyn Dataset) -> Result<(), Failure> {
    let Some(set) = data.arc() else { return Ok(()) };
    write(&folder.join(MEANING), &meaning(set))
}

/// What is wrong with the identifiers of the data set for weights that lie at `weights` or below that folder.
pub fn other_identifiers(weights: &Path, data: &dyn Dataset) -> Option<String> {
    let set = data.arc()?;
    // A run's folder, its checkpoints, a file in there.
    let text = weights.ancestors().take(3).find_map(|folder| std::fs::read(folder.join(MEANING)).ok())?;
    let trained: Meaning = serde_json::from_slice(&text).ok()?;
    (trained != meaning(set)).then(|| {
        format!(
            "the puzzle identifiers are not those of training ({} then, {} now, or the same number under other names): the \
             model would answer for other tasks. Use the subsets, augmentations and seed, or the built folder, of training",
            trained.identifiers,
            set.identifiers.len()
        )
    })
}

fn meaning(set: &TestSet) -> Meaning {
    Meaning { identifiers: set.identifiers.len(), sha256: set.identifiers.digest() }
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure::World(format!("cannot write `{}`: {error}", path.display()));
    let text = serde_json::to_string(value).map_err(|error| failed(error.into()))?;
    std::fs::write(path, text).map_err(failed)
}

impl ArcTest {
    /// The score with its own warnings; `asked` is the number of test examples that were to be looked at.
    pub fn new(score: ArcScore, asked: Option<usize>) -> ArcTest {
        let mut warnings = score.warnings();
        if let Some(asked) = asked.filter(|asked| *asked < score.predictions.expected) {
            warnings.insert(
                0,
                format!("`evaluation.examples` allows {asked} test examples; the others are missing below"),
            );
        }
        ArcTest { score, warnings }
    }

    /// Adds what the weights tell: tested tasks that were never trained on.
    pub fn look_at(&mut self, set: &TestSet, weights: &Weights, infos: &[WeightInfo]) -> Result<(), Failure> {
        let found = untrained(set, weights, infos).map_err(|error| Failure::World(error.to_string()))?;
        if let Some((still, all)) = found.filter(|(still, _)| *still > 0) {
            self.warnings.push(format!(
                "{still} of {all} identifiers of tested tasks (tasks and copies) were never trained: their vectors are \
                 still zero. Train longer or with fewer augmentations, or ask under fewer (`test_augmentations`)"
            ));
        }
        Ok(())
    }

    /// Writes `arc.json`, and `submission.json` into the folder or the file that is given; gives the latter's path.
    pub fn write(&self, folder: &Path, submission: Option<&Path>) -> Result<PathBuf, Failure> {
        write(&folder.join(SCORE), &self.json())?;
        let path = submission.map_or_else(|| folder.join(SUBMISSION), Path::to_owned);
        write(&path, &self.score.submission)?;
        Ok(path)
    }

    pub fn json(&self) -> serde_json::Value {
        let pass =
            self.score.pass.iter().map(|(attempts, share)| (format!("pass@{attempts}"), (*share).into()));
        let mut all = serde_json::json!(self.score);
        all["pass"] = serde_json::Value::Object(pass.collect());
        all["warnings"] = serde_json::json!(self.warnings);
        all
    }

    /// What a person reads: pass@K of each way of stopping.
    pub fn text(tests: &[(&str, &ArcTest)]) -> String {
        let Some((_, first)) = tests.first() else { return String::new() };
        let found = &first.score.predictions;
        let mut text = format!(
            "\nARC: {} tasks, {} test inputs, {} of {} predictions voted\n",
            first.score.tasks,
            first.score.inputs.len(),
            found.counted,
            found.expected
        );
        if first.score.pass.is_empty() {
            text +=
                "no answer is known, so there is no score; the submission has two attempts per test input\n";
        } else {
            let named = tests.iter().map(|(name, _)| (*name).to_owned());
            let mut lines: Vec<Vec<String>> = vec![std::iter::once(String::new()).chain(named).collect()];
            for attempts in first.score.pass.keys() {
                let shares = tests.iter().map(|(_, test)| {
                    test.score.pass.get(attempts).map_or("-".to_owned(), |share| format!("{share:.4}"))
                });
                lines.push(std::iter::once(format!("  pass@{attempts}")).chain(shares).collect());
            }
            text += &table(&lines);
        }
        for warning in &first.warnings {
            text += &format!("warning: {warning}\n");
        }
        text
    }
}
