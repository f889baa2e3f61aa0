//! Puzzles in CSV files, packed with gzip or not: takes the names of columns, gives those fields of every row as they are
//! written, spaces included; knows no puzzle.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use csv::{Error, ErrorKind, ReaderBuilder, StringRecord};
use flate2::read::MultiGzDecoder;

use super::DataError;

/// What is wrong, and how to fix it.
pub type Cause = (String, String);

/// One row.
pub struct Record<'a, const N: usize> {
    /// The line on which it starts, from 1.
    pub line: u64,
    /// The fields of the columns that were asked for.
    pub fields: [&'a str; N],
}

/// Passes every row of the file to `take`, in order, with the fields of `columns`; other columns are left alone.
///
/// # Errors
/// The file cannot be read or unpacked, lacks a column, has a row of another length, or `take` refuses a row.
pub fn read_table<const N: usize>(
    path: &Path,
    columns: [&str; N],
    mut take: impl FnMut(Record<N>) -> Result<(), Cause>,
) -> Result<(), DataError> {
    let broken = |line: u64, (what, fix): Cause| DataError::Row { path: path.to_owned(), line, what, fix };
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(open(path)?);
    let header = reader.headers().map_err(|error| from_csv(path, error))?.clone();
    let mut places = [0; N];
    for (place, name) in places.iter_mut().zip(columns) {
        let found = header.iter().position(|column| column.trim_start_matches('\u{feff}').trim() == name);
        let missing = || {
            let what = format!("the header has no column `{name}`");
            broken(1, (what, "start the file with the line `source,question,answer,rating`".to_owned()))
        };
        *place = found.ok_or_else(missing)?;
    }
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| from_csv(path, error))? {
        let line = record.position().map_or(0, |position| position.line());
        if record.len() != header.len() {
            let what = format!("the row has {} fields where the header has {}", record.len(), header.len());
            return Err(broken(line, (what, "write every column, with a comma between each two".to_owned())));
        }
        let fields = places.map(|place| record.get(place).unwrap_or_default());
        take(Record { line, fields }).map_err(|cause| broken(line, cause))?;
    }
    Ok(())
}

/// The file's text, unpacked if it begins as gzip does.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read>, DataError> {
    let failed = |cause| DataError::File { path: path.to_owned(), cause };
    let file = File::open(path).map_err(failed)?;
    let mut start = [0; 2];
    let mut again = File::open(path).map_err(failed)?;
    let packed = again.read_exact(&mut start).is_ok() && start == [0x1f, 0x8b];
    let longest = file.metadata().map_err(failed)?.len().saturating_mul(UNPACKED).saturating_add(1 << 20);
    Ok(match packed {
        true => Box::new(Bounded { from: MultiGzDecoder::new(BufReader::new(file)), left: longest }),
        false => Box::new(file),
    })
}

/// How many times as long as packed a file may be: puzzles pack 2 to 20 to 1, and only what repeats itself 1,000 to 1.
pub(super) const UNPACKED: u64 = 200;

/// What is read until it is longer than its file can honestly be.
struct Bounded<R> {
    from: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            let what = format!(
                "unpacked, it is more than {UNPACKED} times as long: no file of puzzles packs so well"
            );
            std::io::Error::new(std::io::ErrorKind::InvalidData, what)
        })?;
        Ok(read)
    }
}

/// An error of the CSV reader in our words.
fn from_csv(path: &Path, error: Error) -> DataError {
    let line = error.position().map_or(1, |position| position.line());
    let row = |what: &str, fix: &str| DataError::Row {
        path: path.to_owned(),
        line,
        what: what.to_owned(),
        fix: fix.to_owned(),
    };
    let cause = error.to_string();
    match error.into_kind() {
        ErrorKind::Io(cause) => DataError::File { path: path.to_owned(), cause },
        ErrorKind::Utf8 { .. } => row("the line is not UTF-8 text", "save the file as UTF-8"),
        _ => row(&cause, "write it as comma-separated values"),
    }
}
