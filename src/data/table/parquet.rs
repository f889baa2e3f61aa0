//! Puzzles in Parquet files, the form of the Hugging Face hub: takes the columns wanted, gives those fields of every row. Text,
//! numbers and lists of them are read; pages packed with Snappy, Zstandard or gzip, or not.
//!
//! The library panics at some damaged files. It decodes in a thread of its own, whose end is an error like others.

use std::fs::File;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;
use serde_json::Value;

use super::{Cause, Column, Record};
use crate::data::DataError;

/// The name of the thread that decodes: a panic in it is told as an error, and by nobody else.
pub const THREAD: &str = "parquet";

/// Rows that are decoded ahead of those taken.
const AHEAD: usize = 1024;

/// Passes every row to `take`, as [`super::read_table`] does. Only the columns wanted are read.
pub(super) fn read<const N: usize>(
    path: &Path,
    columns: [&Column; N],
    mut take: impl FnMut(Record<N>) -> Result<(), Cause>,
) -> Result<(), DataError> {
    let broken =
        |row: Option<usize>, (what, fix): Cause| DataError::Array { path: path.to_owned(), row, what, fix };
    thread::scope(|scope| {
        let (send, rows) = sync_channel::<Record<N>>(AHEAD);
        let work = move || decode(path, columns, &send);
        let decoding = thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn_scoped(scope, work)
            .map_err(|cause| DataError::File { path: path.to_owned(), cause })?;
        let mut taken = 0;
        let mut refused = None;
        for row in rows {
            if let Err(cause) = take(row) {
                refused = Some(broken(Some(taken), cause));
                break;
            }
            taken += 1;
        }
        // Joined whatever happened: a scope panics with a thread that nobody joined.
        let ended = decoding.join();
        match refused {
            Some(refused) => Err(refused),
            None => ended.unwrap_or_else(|_| {
                Err(broken(Some(taken), damaged("its pages contradict each other".to_owned())))
            }),
        }
    })
}

/// Sends every row until nobody takes them any more.
fn decode<const N: usize>(
    path: &Path,
    columns: [&Column; N],
    send: &SyncSender<Record<N>>,
) -> Result<(), DataError> {
    let broken =
        |row: Option<usize>, (what, fix): Cause| DataError::Array { path: path.to_owned(), row, what, fix };
    let failed = |row: Option<usize>, error: ParquetError| broken(row, in_our_words(&error));
    let file = File::open(path).map_err(|cause| DataError::File { path: path.to_owned(), cause })?;
    let reader = SerializedFileReader::new(file).map_err(|error| failed(None, error))?;
    let schema = reader.metadata().file_metadata().schema_descr().root_schema_ptr();
    let names: Vec<&str> = schema.get_fields().iter().map(|field| field.name()).collect();
    let mut places = [None; N];
    for (place, column) in places.iter_mut().zip(columns) {
        *place = column.place(&names).map_err(|missing| {
            let fix = format!("it has {}; rename one (also understood: {})", names.join(", "), column.also());
            broken(None, (format!("there is {missing}"), fix))
        })?;
    }
    // In the order of the file, as the rows will have them.
    let mut chosen: Vec<usize> = places.iter().flatten().copied().collect();
    chosen.sort_unstable();
    chosen.dedup();
    let fields = chosen.iter().map(|place| schema.get_fields()[*place].clone()).collect();
    let wanted = Type::group_type_builder(schema.name())
        .with_fields(fields)
        .build()
        .map_err(|error| failed(None, error))?;
    let rows = RowIter::from_file(Some(wanted), &reader).map_err(|error| failed(None, error))?;
    for (row, read) in rows.enumerate() {
        let mut read = read.map_err(|error| failed(Some(row), error))?.into_columns();
        let fields = places.map(|place| {
            let at = place.and_then(|place| chosen.iter().position(|other| *other == place));
            let field = at.and_then(|at| read.get_mut(at));
            field.map_or(Value::Null, |(_, field)| value(std::mem::replace(field, Field::Null)))
        });
        if send.send(Record { line: row as u64 + 1, fields }).is_err() {
            break;
        }
    }
    Ok(())
}

/// A field as JSON; what no puzzle is made of becomes an object, which nobody takes.
fn value(field: Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(bool) => bool.into(),
        Field::Byte(number) => number.into(),
        Field::Short(number) => number.into(),
        Field::Int(number) => number.into(),
        Field::Long(number) => number.into(),
        Field::UByte(number) => number.into(),
        Field::UShort(number) => number.into(),
        Field::UInt(number) => number.into(),
        Field::ULong(number) => number.into(),
        Field::Float(number) => f64::from(number).into(),
        Field::Double(number) => number.into(),
        Field::Str(text) => text.into(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into_owned().into(),
        Field::ListInternal(list) => list.elements().iter().cloned().map(value).collect(),
        _ => serde_json::json!({}),
    }
}

fn in_our_words(error: &ParquetError) -> Cause {
    let text = error.to_string();
    let what = text.rsplit_once("error: ").map_or(text.as_str(), |(_, what)| what);
    let unread = match error {
        ParquetError::NYI(what) => Some(what.as_str()),
        _ => what.strip_prefix("Disabled feature at compile time: "),
    };
    let Some(unread) = unread else { return damaged(what.to_owned()) };
    (
        format!("it uses what is not read here ({unread})"),
        "write it anew, packed with Snappy, Zstandard, gzip or not at all".to_owned(),
    )
}

fn damaged(what: String) -> Cause {
    (format!("the Parquet file is damaged: {what}"), "fetch or write it again".to_owned())
}
