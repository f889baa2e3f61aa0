//! What the settings of a data set must be able to do: open it, or tell its shape at less cost.

use super::dataset::{Dataset, Sizes};
use super::error::DataError;
use std::path::Path;

/// The settings of one kind of data set, as written in a run file.
///
/// Implementations also derive `serde::Deserialize` with `deny_unknown_fields`.
pub trait Source {
    /// Builds or reads the data set. Relative paths start at `base`, the folder of the run file.
    ///
    /// # Errors
    /// Settings that make no sense, files that cannot be read, and any row that breaks the rules.
    fn open(&self, base: &Path) -> Result<Box<dyn Dataset>, DataError>;

    /// The shape of the data set, found as cheaply as it can be: settings are checked, but puzzles that are generated are
    /// not made. By default the data set is opened.
    ///
    /// # Errors
    /// As [`Source::open`], as far as it has looked.
    fn shape(&self, base: &Path) -> Result<DataShape, DataError> {
        Ok(DataShape::of(self.open(base)?.as_ref()))
    }
}

/// What must be known of a data set to compile a model for it and to count the steps of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataShape {
    /// Sizes of the axes that the data binds.
    pub sizes: Sizes,
    /// Number of training puzzles, as [`Dataset::train_len`].
    pub train_len: usize,
}

impl DataShape {
    /// Of a data set that is open.
    pub fn of(data: &dyn Dataset) -> DataShape {
        DataShape { sizes: data.sizes(), train_len: data.train_len() }
    }
}
