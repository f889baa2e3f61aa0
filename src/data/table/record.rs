//! A row of a file, as its readers hand it on, and how it is refused.

use serde_json::Value;

/// What is wrong, and how to fix it.
pub type Cause = (String, String);

/// One row.
pub struct Record<const N: usize> {
    /// The line on which it starts, from 1; the row, from 1, of a file without lines.
    pub line: u64,
    /// The fields of the columns that were asked for; null where the file has no such column.
    pub fields: [Value; N],
}
