//! ARC's score of a finished model: takes the score, gives its files in the run's folder and its JSON, and says whether
//! identifiers still mean what they meant in training.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::FileError;
use crate::data::Dataset;
use crate::data::arc::{ArcScore, TestSet};

/// The score of an evaluation and what must be known beside it.
#[derive(Clone, Debug)]
pub struct ArcTest {
    /// Votes and pass@K.
    pub score: ArcScore,
    /// Reasons not to trust it, a sentence each.
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

/// The score and the submission that a final test left in a run's folder, as JSON. None where there are none.
pub fn saved(folder: &Path) -> Option<(serde_json::Value, serde_json::Value)> {
    let read = |name: &str| serde_json::from_slice(&std::fs::read(folder.join(name)).ok()?).ok();
    Some((read(SCORE)?, read(SUBMISSION)?))
}

/// Notes in a run's folder what identifiers mean, where the data set is one of ARC.
///
/// # Errors
/// A file that cannot be written.
pub fn note_identifiers(folder: &Path, data: &dyn Dataset) -> Result<(), FileError> {
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

fn write(path: &Path, value: &impl Serialize) -> Result<(), FileError> {
    let failed = |cause: std::io::Error| FileError { path: path.to_owned(), cause };
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

    /// Adds what the weights tell: of `tested` identifiers of tested tasks, so many were never trained.
    pub fn doubt_untrained(&mut self, untrained: usize, tested: usize) {
        if untrained > 0 {
            self.warnings.push(format!(
                "{untrained} of {tested} identifiers of tested tasks (tasks and copies) were never trained: their vectors \
                 are still zero. Train longer or with fewer augmentations, or ask under fewer (`test_augmentations`)"
            ));
        }
    }

    /// Writes `arc.json`, and `submission.json` into the folder or the file that is given; gives the latter's path.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &Path, submission: Option<&Path>) -> Result<PathBuf, FileError> {
        write(&folder.join(SCORE), &self.json())?;
        let path = submission.map_or_else(|| folder.join(SUBMISSION), Path::to_owned);
        self.write_submission(&path)?;
        Ok(path)
    }

    /// Writes the two attempts per test input alone.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_submission(&self, path: &Path) -> Result<(), FileError> {
        write(path, &self.score.submission)
    }

    /// The score as `arc.json` holds it.
    pub fn json(&self) -> serde_json::Value {
        let pass =
            self.score.pass.iter().map(|(attempts, share)| (format!("pass@{attempts}"), (*share).into()));
        let mut all = serde_json::json!(self.score);
        all["pass"] = serde_json::Value::Object(pass.collect());
        all["warnings"] = serde_json::json!(self.warnings);
        all
    }
}
