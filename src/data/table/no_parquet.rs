//! Parquet files where the library for them is left out, such as in a browser: takes what `parquet` takes, and refuses.

use super::{Cause, Column, Record};
use crate::data::DataError;
use std::path::Path;

/// The name of the thread that would decode.
pub const THREAD: &str = "parquet";

/// Refuses.
pub(super) fn read<const N: usize>(
    path: &Path,
    _columns: [&Column; N],
    _take: impl FnMut(Record<N>) -> Result<(), Cause>,
) -> Result<(), DataError> {
    Err(DataError::Empty {
        path: path.to_owned(),
        what: "is a Parquet file, which this build of totc cannot read".to_owned(),
        fix: "convert it to JSON lines".to_owned(),
    })
}
