//! Puzzles in files: takes a file and the columns wanted, gives those fields of every row, whatever form the file has: CSV with
//! any delimiter, JSON lines, Parquet; CSV and JSON lines also packed with gzip. Knows no puzzle.
//!
//! The form is told by the contents, never by the name.

mod column;
mod csv;
mod json_lines;
mod packed;
// Its library is C in part; without it the same call refuses.
#[cfg_attr(not(feature = "system"), path = "no_parquet.rs")]
mod parquet;
mod record;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::DataError;

pub use self::parquet::THREAD as PARQUET_THREAD;
pub use column::{ANSWER, Column, QUESTION, RATING, SIZES, SOURCE, number, text};
pub use packed::{UNPACKED, open};
pub use record::{Cause, Record};

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A header and rows, with this byte between fields.
    Csv(u8),
    /// A JSON object a line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
}

/// The longest header that is looked at.
const HEADER: u64 = 1 << 16;

/// Passes every row of the file to `take`, in order, with the fields of `columns`; other columns are left alone.
///
/// # Errors
/// The file cannot be read or unpacked, lacks a column, has a row of another length, or `take` refuses a row.
pub fn read_table<const N: usize>(
    path: &Path,
    columns: [&Column; N],
    take: impl FnMut(Record<N>) -> Result<(), Cause>,
) -> Result<(), DataError> {
    match form(path)? {
        Form::Csv(delimiter) => csv::read(path, delimiter, columns, take),
        Form::JsonLines => json_lines::read(path, columns, take),
        Form::Parquet => parquet::read(path, columns, take),
    }
}

/// Whether the file has a column of questions, told by its first bytes: where it has none, it may be plain text.
pub fn has_questions(path: &Path) -> Result<bool, DataError> {
    Ok(match form(path)? {
        Form::Csv(delimiter) => csv::names(&header(path)?, delimiter).any(|name| QUESTION.is(name)),
        Form::JsonLines | Form::Parquet => true,
    })
}

fn form(path: &Path) -> Result<Form, DataError> {
    let header = header(path)?;
    if header.starts_with(b"PAR1") {
        return Ok(Form::Parquet);
    }
    if without_mark(&header).trim_ascii_start().starts_with(b"{") {
        return Ok(Form::JsonLines);
    }
    // Whichever parts the header so that a column of questions appears.
    let parts = |delimiter: &u8| csv::names(&header, *delimiter).any(|name| QUESTION.is(name));
    Ok(Form::Csv([b',', b';', b'\t', b'|'].into_iter().find(parts).unwrap_or(b',')))
}

/// Bytes without the mark of byte order at their start.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// The first line with anything in it.
fn header(path: &Path) -> Result<Vec<u8>, DataError> {
    let failed = |cause| DataError::File { path: path.to_owned(), cause };
    let mut from = BufReader::new(open(path)?).take(HEADER);
    let mut line = Vec::new();
    while line.trim_ascii().is_empty() {
        line.clear();
        if from.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
    }
    Ok(line)
}
