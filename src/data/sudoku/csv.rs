//! The data set `sudoku_csv`: takes CSV files with the columns question, answer and rating, gives checked pairs.

use std::path::{Path, PathBuf};

use crate::data::{DataError, Dataset, Source, knob};

/// Settings of Sudoku puzzles read from files.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvSpec {
    /// The training file.
    pub train: PathBuf,
    /// The test file.
    pub test: PathBuf,
    /// Augmented copies of each training puzzle.
    #[serde(default)]
    pub augmentations: usize,
    /// Rows rated lower are left out, of both files.
    #[serde(default)]
    pub min_rating: f64,
    /// Most training rows; more are drawn from at random.
    #[serde(default, deserialize_with = "knob::limit")]
    pub limit: Option<usize>,
    /// Most test rows; more are drawn from at random.
    #[serde(default, deserialize_with = "knob::limit")]
    pub test_limit: Option<usize>,
    /// What to do with training rows that are test rows up to symmetry.
    #[serde(default)]
    pub shared: Shared,
    /// Seed of the drawn rows and of the copies.
    #[serde(default)]
    pub seed: u64,
}

/// What to do with training rows that are test rows up to symmetry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shared {
    /// Refuse the pair of files.
    #[default]
    Refuse,
    /// Leave such rows out of training.
    Drop,
}

impl Source for CsvSpec {
    fn open(&self, _base: &Path) -> Result<Box<dyn Dataset>, DataError> {
        Err(DataError::Empty {
            path: self.train.clone(),
            what: "is not read yet".into(),
            mend: "wait".into(),
        })
    }
}
