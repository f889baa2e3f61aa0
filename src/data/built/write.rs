//! Writing built data sets: takes examples one after another, gives the files of the reference scripts, byte for byte;
//! holds no example. Examples form puzzles, puzzles form groups: an original and its augmented copies.

use std::path::{Path, PathBuf};

use super::metadata::{self, Metadata};
use crate::data::DataError;
use crate::data::npy::{ArrayWriter, NpyType};
use crate::data::python_json;

/// What a split holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Tokens of an example.
    pub seq_len: usize,
    /// Number of tokens, padding included.
    pub vocab_size: usize,
    /// Type of inputs and labels.
    pub dtype: NpyType,
    /// Labels of this value count as no label.
    pub ignore_label_id: Option<i64>,
}

/// How the reference script of a data set fills in `total_puzzles`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TotalPuzzles {
    /// The number of puzzles (ARC).
    Puzzles,
    /// The number of groups (Sudoku, maze).
    Groups,
}

/// Number of examples, puzzles and groups of a split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pairs of question and answer.
    pub examples: usize,
    /// Original puzzles and copies.
    pub puzzles: usize,
    /// Original puzzles.
    pub groups: usize,
}

/// Writes one split (`train` or `test`) of a data set, set name `all`.
///
/// Padding token and blank identifier are 0, as in all reference sets.
#[derive(Debug)]
pub struct SplitWriter {
    folder: PathBuf,
    layout: Layout,
    inputs: ArrayWriter,
    labels: ArrayWriter,
    identifiers: ArrayWriter,
    puzzle_ends: ArrayWriter,
    group_ends: ArrayWriter,
    counts: Counts,
}

/// The set that every reference script writes.
const SET: &str = "all";

impl SplitWriter {
    /// Starts the folder `out/split`. What it held before is gone.
    pub fn create(out: &Path, split: &str, layout: Layout) -> Result<SplitWriter, DataError> {
        let folder = out.join(split);
        std::fs::create_dir_all(&folder).map_err(|cause| DataError::Write { path: folder.clone(), cause })?;
        // The description comes last: without it, an interrupted build cannot be taken for a data set.
        let _ = std::fs::remove_file(folder.join(metadata::FILE));
        let array = |name: &str, dtype, width| {
            ArrayWriter::create(&folder.join(format!("{SET}__{name}.npy")), dtype, width)
        };
        let mut writer = SplitWriter {
            inputs: array("inputs", layout.dtype, Some(layout.seq_len))?,
            labels: array("labels", layout.dtype, Some(layout.seq_len))?,
            identifiers: array("puzzle_identifiers", NpyType::I32, None)?,
            puzzle_ends: array("puzzle_indices", NpyType::I32, None)?,
            group_ends: array("group_indices", NpyType::I32, None)?,
            folder,
            layout,
            counts: Counts::default(),
        };
        writer.puzzle_ends.push([0])?;
        writer.group_ends.push([0])?;
        Ok(writer)
    }

    /// Appends an example to the puzzle at hand: tokens `[seq_len]`, below `vocab_size`.
    pub fn example(&mut self, inputs: &[u8], labels: &[u8]) -> Result<(), DataError> {
        for (name, tokens) in [("inputs", inputs), ("labels", labels)] {
            if tokens.len() != self.layout.seq_len {
                let what = format!("the {name} have {} tokens", tokens.len());
                return Err(self.refused(what, format!("give {}", self.layout.seq_len)));
            }
            if let Some(token) = tokens.iter().find(|token| usize::from(**token) >= self.layout.vocab_size) {
                let what = format!("token {token} of the {name} is none of {}", self.layout.vocab_size);
                return Err(self.refused(what, "correct the source".to_owned()));
            }
        }
        self.inputs.push_tokens(inputs)?;
        self.labels.push_tokens(labels)?;
        self.counts.examples += 1;
        Ok(())
    }

    /// Closes the puzzle that the examples since the last one form.
    pub fn end_puzzle(&mut self, identifier: i32) -> Result<(), DataError> {
        self.identifiers.push([i64::from(identifier)])?;
        self.counts.puzzles += 1;
        let end = self.index(self.counts.examples)?;
        self.puzzle_ends.push([end])
    }

    /// Closes the group that the puzzles since the last one form.
    pub fn end_group(&mut self) -> Result<(), DataError> {
        self.counts.groups += 1;
        let end = self.index(self.counts.puzzles)?;
        self.group_ends.push([end])
    }

    /// Completes the arrays and writes `dataset.json`. `identifiers` is the number of puzzle identifiers of the whole
    /// data set, the blank one included.
    pub fn finish(self, identifiers: usize, total: TotalPuzzles) -> Result<Counts, DataError> {
        let counts = self.counts;
        for array in [self.inputs, self.labels, self.identifiers, self.puzzle_ends, self.group_ends] {
            array.finish()?;
        }
        let metadata = Metadata {
            pad_id: 0,
            ignore_label_id: self.layout.ignore_label_id,
            blank_identifier_id: 0,
            vocab_size: self.layout.vocab_size,
            seq_len: self.layout.seq_len,
            num_puzzle_identifiers: identifiers,
            total_groups: counts.groups,
            mean_puzzle_examples: counts.examples as f64 / counts.puzzles.max(1) as f64,
            total_puzzles: Some(match total {
                TotalPuzzles::Puzzles => counts.puzzles,
                TotalPuzzles::Groups => counts.groups,
            }),
            sets: vec![SET.to_owned()],
        };
        metadata.write(&self.folder)?;
        Ok(counts)
    }

    /// Examples so far, and so on.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The indices are 32-bit numbers.
    fn index(&self, count: usize) -> Result<i64, DataError> {
        i32::try_from(count).map(i64::from).map_err(|_| {
            self.refused(
                format!("{count} rows are more than the format's 32-bit indices can number"),
                "ask for fewer copies".to_owned(),
            )
        })
    }

    fn refused(&self, what: String, fix: String) -> DataError {
        DataError::Array { path: self.folder.clone(), row: Some(self.counts.examples), what, fix }
    }
}

/// Writes `identifiers.json`: the name of each puzzle identifier, the first of which is `<blank>`.
pub fn identifiers(out: &Path, names: &[String]) -> Result<(), DataError> {
    python_json::write(&out.join("identifiers.json"), &names)
}
