//! `dataset.json`: takes its text, gives what a reader needs of it; writes what the reference scripts write.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::data::{DataError, python_json};

/// What `dataset.json` of one split says, in the order of the reference (`PuzzleDatasetMetadata`); other keys are
/// left alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// The token of padding.
    pub pad_id: i64,
    /// Labels of this value count as no label; none: every label counts.
    pub ignore_label_id: Option<i64>,
    /// The puzzle identifier of padding rows.
    pub blank_identifier_id: i64,
    /// Number of tokens, padding included.
    pub vocab_size: usize,
    /// Tokens of an example.
    pub seq_len: usize,
    /// Number of puzzle identifiers.
    pub num_puzzle_identifiers: usize,
    /// Number of groups: original puzzles.
    pub total_groups: usize,
    /// Examples of a puzzle, on average.
    pub mean_puzzle_examples: f64,
    /// Number of puzzles. Sets of the HRM scripts do not say; Sudoku and maze sets of TRM give the number of groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_puzzles: Option<usize>,
    /// Names of the sets of the split, which are the beginnings of file names.
    pub sets: Vec<String>,
}

/// The file's name.
pub const FILE: &str = "dataset.json";

impl Metadata {
    /// Reads the metadata of a split's folder.
    pub fn read(folder: &Path) -> Result<Metadata, DataError> {
        let path = folder.join(FILE);
        let text = std::fs::read(&path).map_err(|cause| DataError::File { path: path.clone(), cause })?;
        let refuse = |what: String, fix: &str| DataError::Array {
            path: path.clone(),
            row: None,
            what,
            fix: fix.to_owned(),
        };
        let read: Metadata = serde_json::from_slice(&text).map_err(|error| {
            refuse(
                format!("it is no description of a data set: {error}"),
                "build the data set again, or give the folder that holds `train` and `test`",
            )
        })?;
        let wrong = if read.vocab_size == 0 || read.vocab_size > i32::MAX as usize {
            Some(("vocab_size", read.vocab_size.to_string()))
        } else if read.seq_len == 0 {
            Some(("seq_len", "0".to_owned()))
        } else if read.num_puzzle_identifiers == 0 || read.num_puzzle_identifiers > i32::MAX as usize {
            Some(("num_puzzle_identifiers", read.num_puzzle_identifiers.to_string()))
        } else if !(read.mean_puzzle_examples.is_finite() && read.mean_puzzle_examples >= 0.0) {
            Some(("mean_puzzle_examples", read.mean_puzzle_examples.to_string()))
        } else if read.sets.is_empty() {
            Some(("sets", "empty".to_owned()))
        } else if !(0..read.vocab_size as i64).contains(&read.pad_id) {
            Some(("pad_id", format!("{}, beyond the {} tokens", read.pad_id, read.vocab_size)))
        } else if !(0..read.num_puzzle_identifiers as i64).contains(&read.blank_identifier_id) {
            let what =
                format!("{}, beyond the {} ids", read.blank_identifier_id, read.num_puzzle_identifiers);
            Some(("blank_identifier_id", what))
        } else {
            None
        };
        if let Some((field, value)) = wrong {
            return Err(refuse(format!("`{field}` is {value}"), "build the data set again"));
        }
        if let Some(name) = read.sets.iter().find(|name| name.contains(['/', '\\', '\0'])) {
            return Err(refuse(format!("the set `{name}` is no part of a file name"), "rename the set"));
        }
        Ok(read)
    }

    /// Writes the metadata of a split's folder.
    pub fn write(&self, folder: &Path) -> Result<(), DataError> {
        python_json::write(&folder.join(FILE), self)
    }
}
