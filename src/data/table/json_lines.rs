//! Puzzles as JSON lines: takes the columns wanted, gives those members of the object on every line; empty lines do not count.

use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::{Map, Value};

use super::{Cause, Column, Record, open};
use crate::data::DataError;

/// Passes every row to `take`, as [`super::read_table`] does.
pub(super) fn read<const N: usize>(
    path: &Path,
    columns: [&Column; N],
    mut take: impl FnMut(Record<N>) -> Result<(), Cause>,
) -> Result<(), DataError> {
    let mut from = BufReader::new(open(path)?);
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let read = from.read_until(b'\n', &mut text);
        if read.map_err(|cause| DataError::File { path: path.to_owned(), cause })? == 0 {
            break;
        }
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        let text = text.trim_ascii_end();
        if text.is_empty() {
            continue;
        }
        let broken = |(what, fix)| DataError::Row { path: path.to_owned(), line, what, fix };
        let fields = members(text, columns).map_err(broken)?;
        take(Record { line, fields }).map_err(broken)?;
    }
    Ok(())
}

fn members<const N: usize>(text: &[u8], columns: [&Column; N]) -> Result<[Value; N], Cause> {
    let mut object: Map<String, Value> = serde_json::from_slice(text).map_err(|error| {
        let what = format!("the line is no JSON object: {}", without_place(&error));
        (what, r#"write one object a line, such as {"question": "12..", "answer": "1234"}"#.to_owned())
    })?;
    let names: Vec<String> = object.keys().cloned().collect();
    let mut fields = [const { Value::Null }; N];
    for (field, column) in fields.iter_mut().zip(columns) {
        let place = column.place(&names).map_err(|_| {
            let what = format!("the object has no `{}`", column.name());
            (what, format!("write it (also understood: {})", column.also()))
        })?;
        if let Some(member) = place.and_then(|place| object.get_mut(&names[place])) {
            *field = member.take();
        }
    }
    Ok(fields)
}

/// What the reader says, with the column but without the line, which is always 1.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or_default();
    format!("{what} (column {})", error.column())
}
