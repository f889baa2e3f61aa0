//! `run.json`: what a run is, kept beside its checkpoints: takes settings and counts, gives JSON and back; compares
//! nothing itself.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

#[cfg(feature = "torch")]
use crate::bytes::hexadecimal;
use crate::data::Dataset;
use crate::random::fnv1a;
use crate::run_file::Fingerprint;
#[cfg(feature = "torch")]
use sha2::{Digest, Sha256};

/// Version of a run's folder. 2: the folder holds its model files, and its run file says every setting.
pub const FOLDER_FORMAT: u64 = 2;

/// What decides the course of a run, and what a person wants to know of it later.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// [`FOLDER_FORMAT`] of the totc that wrote it.
    #[serde(default = "first_format")]
    pub format: u64,
    /// The settings that decide what training computes.
    pub settings: Fingerprint,
    /// Hash of the compiled training step ([`fnv1a`] of its print).
    pub program: u64,
    /// Hash of every training and evaluation program of the run with what they take and give, and when samples end, by the
    /// step it begins at. Absent in folders of earlier versions.
    #[serde(default)]
    pub programs: Vec<(u64, u64)>,
    /// Rows computed at once: the order of sums depends on it, so a resumed run keeps it.
    pub micro_batch: usize,
    /// The weights that it started from, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<WeightOrigin>,
    /// How it came about; decides nothing.
    #[serde(default)]
    pub made: Provenance,
    /// What it is about; decides nothing. Absent in folders of earlier versions.
    #[serde(default)]
    pub about: Option<About>,
    /// Each call that has trained, in order; decides nothing.
    #[serde(default)]
    pub sessions: Vec<TrainingSession>,
}

/// Folders of before there was a number.
fn first_format() -> u64 {
    1
}

/// One call of `totc run` on a run: where it computed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingSession {
    /// When it began, in seconds since 1970.
    pub began: u64,
    /// Steps done before.
    pub steps_before: u64,
    /// `cpu` or `cuda:N`.
    pub device: String,
    /// Threads for computing.
    pub threads: usize,
    /// Processor and number of cores; of a GPU its number.
    pub machine: String,
    /// The kind of processor ([`crate::train::processor::kind`]); empty in folders of earlier versions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The version of totc.
    pub totc: String,
    /// The version of libtorch.
    pub libtorch: String,
}

/// The weights of another model that a run started from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightOrigin {
    /// SHA-256 of the weight file.
    pub sha256: String,
    /// Paths that were taken from it.
    pub taken: Vec<String>,
}

/// How a run came about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The run file; relative paths of `run.ron` start at its folder.
    pub run_file: PathBuf,
    /// The folder in which the command was given.
    pub folder: PathBuf,
    /// The command of the process, word by word.
    pub command: Vec<String>,
    /// The version of totc.
    pub totc: String,
}

/// What a run is about; does not decide its course.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// The model's name.
    pub model: String,
    /// Numbers that the main optimiser learns.
    pub parameters: u64,
    /// Numbers in embedding tables.
    pub table_parameters: u64,
    /// Rows of a batch.
    pub batch: usize,
    /// The data set in words.
    pub data: String,
    /// The test puzzles.
    pub test: TestSetHash,
    /// What is trained on: the first rows of the training stream, and how many puzzles there are.
    #[serde(default)]
    pub train: Option<TestSetHash>,
    /// SHA-256 of the model files, library included ([`crate::model_file::ModelFile::digest`]).
    #[serde(default)]
    pub model_sha256: Option<String>,
    /// SHA-256 of all puzzles, trained and tested on ([`Dataset::contents`]).
    #[serde(default)]
    pub contents_sha256: Option<String>,
}

/// Which puzzles a run is tested on or trained on: equal for equal puzzles in equal order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestSetHash {
    /// How many there are.
    pub examples: usize,
    /// Hash of their tokens, of the first 20,000, in hexadecimal.
    pub hash: String,
}

/// SHA-256 of all that training and tests can meet.
#[cfg(feature = "torch")]
pub fn contents_hash(data: &dyn Dataset) -> String {
    let mut hash = Sha256::new();
    data.contents(&mut |bytes| hash.update(bytes));
    hexadecimal(&hash.finalize())
}

/// Test examples that are hashed: enough to tell two sets apart, and quick for large ones.
const HASHED: usize = 20_000;
/// Rows of the training stream that are hashed, whenever a checkpoint is written.
const HASHED_ROWS: usize = 256;

impl Identity {
    /// The file's name in a run's folder.
    pub const NAME: &'static str = "run.json";

    /// What a folder says; `None` if it holds no such file.
    ///
    /// # Errors
    /// A sentence for a file that totc did not write.
    pub fn read(folder: &Path) -> Result<Option<Identity>, String> {
        let path = folder.join(Self::NAME);
        let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
        let identity: Identity = serde_json::from_str(&text)
            .map_err(|error| format!("{}: not what totc wrote: {error}", path.display()))?;
        if identity.format > FOLDER_FORMAT {
            return Err(format!(
                "{} has format {}, and this totc reads formats up to {FOLDER_FORMAT}; use the totc that wrote it, or a later one",
                path.display(),
                identity.format
            ));
        }
        Ok(Some(identity))
    }

    /// Whether another identity trains on the same rows and is tested on the same puzzles, wherever they lie.
    pub fn same_data(&self, other: &Identity) -> bool {
        let (Some(own), Some(other)) = (&self.about, &other.about) else { return false };
        if own.contents_sha256.is_some() && other.contents_sha256.is_some() {
            return own.contents_sha256 == other.contents_sha256;
        }
        own.train.is_some() && own.train == other.train && own.test == other.test
    }
}

impl Provenance {
    /// Of this process, working on the run file at `path`.
    pub fn of(path: &Path) -> Provenance {
        Provenance {
            run_file: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
            folder: std::env::current_dir().unwrap_or_default(),
            command: std::env::args().collect(),
            totc: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Of the run in `folder`; none if a totc wrote it that did not note it yet.
    pub fn read(folder: &Path) -> Option<Provenance> {
        let made = Identity::read(folder).ok()??.made;
        Some(made).filter(|made| !made.command.is_empty())
    }
}

impl TestSetHash {
    /// Of the test examples of `data`.
    pub fn of(data: &dyn Dataset) -> TestSetHash {
        let examples = data.test_len();
        let tokens = (0..examples.min(HASHED)).filter_map(|i| data.test_example(i)).flat_map(|example| {
            [example.puzzle]
                .into_iter()
                .chain(example.inputs)
                .chain(example.labels)
                .flat_map(i64::to_le_bytes)
        });
        TestSetHash { examples, hash: format!("{:016x}", fnv1a(tokens)) }
    }

    /// Of the training stream of `seed`.
    pub fn of_training(data: &dyn Dataset, seed: u64) -> TestSetHash {
        let rows = data.train_rows(seed, 0, HASHED_ROWS);
        let tokens =
            rows.puzzle.iter().chain(&rows.inputs).chain(&rows.labels).flat_map(|token| token.to_le_bytes());
        TestSetHash { examples: data.train_len(), hash: format!("{:016x}", fnv1a(tokens)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_folders_are_read() -> Result<(), serde_json::Error> {
        let old = r#"{"settings":{"batch":"64"},"program":7,"micro_batch":32}"#;
        let identity: Identity = serde_json::from_str(old)?;
        assert_eq!((identity.program, identity.micro_batch, identity.about), (7, 32, None));
        assert_eq!(identity.format, 1);
        Ok(())
    }
}
