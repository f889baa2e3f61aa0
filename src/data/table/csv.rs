//! Puzzles in CSV files: takes the byte between fields and the columns wanted, gives those fields of every row as they are
//! written, spaces included.
//!
//! Lines may end as on Windows: the carriage return before a line feed is left out before anything is read, because a line is
//! counted by its line feed.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use csv::{Error, ErrorKind, ReaderBuilder, StringRecord};
use serde_json::Value;

use super::{Cause, Column, Record, open};
use crate::data::DataError;

/// Passes every row to `take`, as [`super::read_table`] does.
pub(super) fn read<const N: usize>(
    path: &Path,
    delimiter: u8,
    columns: [&Column; N],
    mut take: impl FnMut(Record<N>) -> Result<(), Cause>,
) -> Result<(), DataError> {
    let broken = |line: u64, (what, fix): Cause| DataError::Row { path: path.to_owned(), line, what, fix };
    let from = UnixEnds { from: BufReader::new(open(path)?), held: false };
    let mut reader = ReaderBuilder::new().flexible(true).delimiter(delimiter).from_reader(from);
    let header = reader.headers().map_err(|error| from_csv(path, error))?.clone();
    let names: Vec<&str> = header.iter().map(clean).collect();
    let mut places = [None; N];
    for (place, column) in places.iter_mut().zip(columns) {
        *place = column.place(&names).map_err(|missing| {
            let fix = "start the file with the line `source,question,answer,rating`".to_owned();
            broken(
                1,
                (format!("the header has {missing}"), format!("{fix} (also understood: {})", column.also())),
            )
        })?;
    }
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| from_csv(path, error))? {
        let line = record.position().map_or(0, |position| position.line());
        if record.len() != header.len() {
            let what = format!("the row has {} fields where the header has {}", record.len(), header.len());
            let between = between(delimiter);
            return Err(broken(line, (what, format!("write every column, with {between} between each two"))));
        }
        let field = |place: usize| record.get(place).map_or(Value::Null, Value::from);
        let fields = places.map(|place| place.map_or(Value::Null, field));
        take(Record { line, fields }).map_err(|cause| broken(line, cause))?;
    }
    Ok(())
}

/// The names of a header.
pub(super) fn names(header: &[u8], delimiter: u8) -> impl Iterator<Item = &str> {
    header.split(move |byte| *byte == delimiter).filter_map(|name| std::str::from_utf8(name).ok()).map(clean)
}

/// A name without the mark of byte order, spaces and quotes around it.
fn clean(name: &str) -> &str {
    name.trim_start_matches('\u{feff}').trim().trim_matches('"')
}

fn between(delimiter: u8) -> &'static str {
    match delimiter {
        b';' => "a semicolon",
        b'\t' => "a tab",
        b'|' => "a `|`",
        _ => "a comma",
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

/// What is read, without the carriage return before each line feed.
struct UnixEnds<R> {
    from: R,
    /// A carriage return has been read whose successor has not.
    held: bool,
}

impl<R: BufRead> Read for UnixEnds<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let mut written = 0;
        while written == 0 && !out.is_empty() {
            let input = self.from.fill_buf()?;
            if input.is_empty() {
                if std::mem::take(&mut self.held) {
                    out[0] = b'\r';
                    written = 1;
                }
                break;
            }
            let mut used = 0;
            while let (Some(&byte), true) = (input.get(used), written < out.len()) {
                if self.held && byte != b'\n' {
                    out[written] = b'\r';
                    written += 1;
                    self.held = false;
                    continue;
                }
                self.held = byte == b'\r';
                if !self.held {
                    out[written] = byte;
                    written += 1;
                }
                used += 1;
            }
            self.from.consume(used);
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However small the pieces are in which it is read and handed on.
    #[test]
    fn carriage_returns_go_before_line_feeds_alone() {
        let text = b"a\r\nb\rc\r\r\n\n\r";
        for room in 1..5 {
            for buffer in 1..6 {
                let mut from = UnixEnds { from: BufReader::with_capacity(buffer, &text[..]), held: false };
                let (mut all, mut piece) = (Vec::new(), vec![0; room]);
                loop {
                    match from.read(&mut piece).expect("bytes") {
                        0 => break,
                        read => all.extend_from_slice(&piece[..read]),
                    }
                }
                assert_eq!(all, b"a\nb\rc\r\n\n\r", "{room} {buffer}");
            }
        }
    }
}
