//! One set of one split of one folder: takes its files, gives its rows; everything that can be wrong with them is found
//! when they are opened.

use std::panic::resume_unwind;
use std::path::Path;

use super::metadata::Metadata;
use crate::data::npy::{Array, Block};
use crate::data::{DataError, NO_LABEL};

/// The two splits of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// What is trained on.
    Train,
    /// What is tested on.
    Test,
}

impl Split {
    /// The name of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Test => "test",
        }
    }
}

/// Examples with their index: example < puzzle < group.
#[derive(Debug)]
pub struct Part {
    inputs: Array,
    labels: Array,
    /// Identifier of each puzzle.
    identifiers: Vec<i32>,
    /// Where each puzzle begins, and where the last one ends.
    puzzles: Vec<u32>,
    /// Where each group begins among the puzzles, and where the last one ends.
    groups: Vec<u32>,
    ignored: Option<i64>,
}

const REBUILD: &str = "build or copy the data set again";

impl Part {
    /// Opens and checks the files `set__*.npy` of `folder/split`.
    pub fn open(folder: &Path, split: Split, set: &str, metadata: &Metadata) -> Result<Part, DataError> {
        let file = |name: &str| folder.join(split.name()).join(format!("{set}__{name}.npy"));
        let inputs = Array::open(&file("inputs"), 2)?;
        let labels = Array::open(&file("labels"), 2)?;
        for array in [&inputs, &labels] {
            if array.width() != metadata.seq_len {
                let what = format!(
                    "its rows have {} tokens, dataset.json says `seq_len` {}",
                    array.width(),
                    metadata.seq_len
                );
                return Err(broken(array.path(), None, what));
            }
        }
        let rows = inputs.rows();
        if labels.rows() != rows {
            let what = match labels.rows() {
                fewer if fewer < rows => {
                    format!(
                        "row {fewer} of the inputs and those after it have no labels: there are {rows} rows of inputs"
                    )
                }
                more => format!("it has {more} rows where the inputs have {rows}"),
            };
            return Err(broken(labels.path(), Some(labels.rows().min(rows)), what));
        }
        let empty_ok = split == Split::Test;
        let puzzles = index(&file("puzzle_indices"), rows, "examples", empty_ok)?;
        let count = puzzles.len() - 1;
        let groups = index(&file("group_indices"), count, "puzzles", empty_ok)?;
        if groups.len() - 1 != metadata.total_groups {
            let what = format!(
                "it has {} groups, dataset.json says `total_groups` {}",
                groups.len() - 1,
                metadata.total_groups
            );
            return Err(broken(&file("group_indices"), None, what));
        }
        let path = file("puzzle_identifiers");
        let identifiers = identifiers(&path, count, metadata.num_puzzle_identifiers)?;
        let part = Part { inputs, labels, identifiers, puzzles, groups, ignored: metadata.ignore_label_id };
        part.check_tokens(metadata.vocab_size as i64, split)?;
        Ok(part)
    }

    /// Number of examples.
    pub fn examples(&self) -> usize {
        self.inputs.rows()
    }

    /// Number of puzzles.
    pub fn puzzles(&self) -> usize {
        self.identifiers.len()
    }

    /// Number of groups.
    pub fn groups(&self) -> usize {
        self.groups.len() - 1
    }

    /// Where the tokens lie.
    pub fn paths(&self) -> [&Path; 2] {
        [self.inputs.path(), self.labels.path()]
    }

    /// Hands on the files' numbers as bytes.
    pub fn contents(&self, take: &mut dyn FnMut(&[u8])) {
        let starts = self.puzzles.iter().chain(&self.groups).flat_map(|start| start.to_le_bytes());
        let identifiers = self.identifiers.iter().flat_map(|identifier| identifier.to_le_bytes());
        take(&starts.chain(identifiers).collect::<Vec<u8>>());
        for array in [&self.inputs, &self.labels] {
            let each = array.rows_of_a_block();
            for from in (0..array.rows()).step_by(each) {
                let block =
                    array.block(from, from + each).unwrap_or_else(|error| resume_unwind(Box::new(error)));
                (from..array.rows().min(from + each)).for_each(|row| take(block.row_bytes(row)));
            }
        }
    }

    /// The puzzles of a group.
    pub fn puzzles_of(&self, group: usize) -> std::ops::Range<usize> {
        span(&self.groups, group)
    }

    /// The examples of a puzzle.
    pub fn examples_of(&self, puzzle: usize) -> std::ops::Range<usize> {
        span(&self.puzzles, puzzle)
    }

    /// The identifier of a puzzle.
    pub fn identifier(&self, puzzle: usize) -> i64 {
        self.identifiers.get(puzzle).map_or(0, |id| i64::from(*id))
    }

    /// The puzzle of an example.
    pub fn puzzle_of(&self, example: usize) -> usize {
        self.puzzles.partition_point(|start| *start as usize <= example).saturating_sub(1)
    }

    /// Tokens `[seq_len]` of an example, and its labels with [`NO_LABEL`] where there is none.
    pub fn tokens(&self, example: usize) -> (Vec<i64>, Vec<i64>) {
        let mut labels = self.labels.row(example);
        if let Some(ignored) = self.ignored {
            for label in labels.iter_mut().filter(|label| **label == ignored) {
                *label = NO_LABEL;
            }
        }
        (self.inputs.row(example), labels)
    }

    /// Looks at every token once, on all processors.
    fn check_tokens(&self, vocab: i64, split: Split) -> Result<(), DataError> {
        let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get());
        let each = self.examples().div_ceil(threads).max(1024);
        let found = std::thread::scope(|scope| {
            let pieces: Vec<_> = (0..self.examples())
                .step_by(each)
                .map(|from| {
                    let to = (from + each).min(self.examples());
                    scope.spawn(move || self.check_rows(from, to, vocab, split))
                })
                .collect();
            // In order of rows, so the first broken row is told whatever the number of threads.
            pieces.into_iter().map(|piece| piece.join()).collect::<Vec<_>>()
        });
        for piece in found {
            piece.unwrap_or_else(|_| {
                Err(broken(self.inputs.path(), None, "checking it failed within totc".to_owned()))
            })?;
        }
        Ok(())
    }

    fn check_rows(&self, from: usize, to: usize, vocab: i64, split: Split) -> Result<(), DataError> {
        let each = self.inputs.rows_of_a_block().min(self.labels.rows_of_a_block());
        for from in (from..to).step_by(each) {
            let end = to.min(from + each);
            let (inputs, labels) = (self.inputs.block(from, end)?, self.labels.block(from, end)?);
            (from..end).try_for_each(|row| self.check_row(row, &inputs, &labels, vocab, split))?;
        }
        Ok(())
    }

    fn check_row(
        &self,
        row: usize,
        inputs: &Block,
        labels: &Block,
        vocab: i64,
        split: Split,
    ) -> Result<(), DataError> {
        let (low, high) = inputs.bounds(row);
        if low < 0 || high >= vocab {
            let fits = |token| (0..vocab).contains(&token);
            return Err(outside(&self.inputs, &inputs.row(row), row, vocab, &fits));
        }
        let (low, high) = labels.bounds(row);
        let fits =
            |token: i64| (0..vocab).contains(&token) || token == NO_LABEL || Some(token) == self.ignored;
        if (low < 0 || high >= vocab) && !labels.row(row).into_iter().all(fits) {
            return Err(outside(&self.labels, &labels.row(row), row, vocab, &fits));
        }
        let none = |token: i64| token == NO_LABEL || Some(token) == self.ignored;
        if split == Split::Train && low == high && none(low) {
            let what = "it has no label: there is nothing to learn from it".to_owned();
            return Err(broken(self.labels.path(), Some(row), what));
        }
        Ok(())
    }
}

fn outside(array: &Array, tokens: &[i64], row: usize, vocab: i64, fits: &dyn Fn(i64) -> bool) -> DataError {
    let place = tokens.iter().position(|token| !fits(*token)).unwrap_or(0);
    let what = format!("token {} at place {place} is none of 0 to {}", tokens[place], vocab - 1);
    broken(array.path(), Some(row), what)
}

fn broken(path: &Path, row: Option<usize>, what: String) -> DataError {
    DataError::Array { path: path.to_owned(), row, what, fix: REBUILD.to_owned() }
}

fn span(ends: &[u32], number: usize) -> std::ops::Range<usize> {
    let at = |number: usize| ends.get(number).map_or(0, |end| *end as usize);
    at(number)..at(number + 1)
}

/// Reads the beginnings of consecutive pieces of `total` things.
fn index(path: &Path, total: usize, things: &str, empty_ok: bool) -> Result<Vec<u32>, DataError> {
    let starts = Array::open(path, 1)?.all()?;
    let refuse = |row: usize, what: String| Err(broken(path, Some(row), what));
    match starts.first() {
        Some(0) => {}
        Some(first) => return refuse(0, format!("it starts with {first} instead of 0")),
        None => return refuse(0, "it is empty, without the 0 that it starts with".to_owned()),
    }
    for (row, pair) in (1..).zip(starts.windows(2)) {
        if pair[1] < pair[0] {
            return refuse(row, format!("{} comes after {}: the indices must not fall", pair[1], pair[0]));
        }
        if pair[1] == pair[0] && !empty_ok {
            return refuse(row, format!("piece {} holds none of the {things}", row - 1));
        }
    }
    let end = starts.last().copied().unwrap_or(0);
    if end != total as i64 {
        return refuse(starts.len() - 1, format!("it ends with {end}, but there are {total} {things}"));
    }
    // Rising from 0 to a number of rows in memory; NumPy's own are 32 bits wide.
    match starts.iter().map(|start| u32::try_from(*start)).collect() {
        Ok(starts) => Ok(starts),
        Err(_) => refuse(starts.len() - 1, format!("{total} {things} are more than 32 bits can number")),
    }
}

fn identifiers(path: &Path, puzzles: usize, known: usize) -> Result<Vec<i32>, DataError> {
    let read = Array::open(path, 1)?;
    if read.rows() != puzzles {
        let what = format!("it has {} identifiers for {puzzles} puzzles", read.rows());
        return Err(broken(path, Some(read.rows().min(puzzles)), what));
    }
    let all = read.all()?;
    match all.iter().position(|id| !(0..known as i64).contains(id)) {
        Some(row) => {
            let what = format!(
                "identifier {} is none of the {known} that `num_puzzle_identifiers` of dataset.json tells of",
                all[row]
            );
            Err(broken(path, Some(row), what))
        }
        None => Ok(all.into_iter().map(|id| id as i32).collect()),
    }
}
