//! Sudoku in CSV files: takes a file with the columns question, answer and rating, gives its rows checked one by one.
//!
//! A row is refused, with its line, if it has no such shape or if its answer breaks a rule or a given. Whether a
//! question has other answers too is not asked. Other columns, such as `source`, are left alone.

use std::path::Path;

use ::csv::{Error, ErrorKind, ReaderBuilder, StringRecord};

use super::check::check;
use super::grid::{Grid, Side};
use super::text;
use crate::data::DataError;

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The line on which it starts, from 1.
    pub line: u64,
    /// The puzzle.
    pub question: Grid,
    /// Its answer, which keeps the givens and breaks no rule.
    pub answer: Grid,
    /// How hard the puzzle is, by the measure of the file's author.
    pub rating: f64,
}

/// Passes every row of a file to `take`, in order. All rows have the side of the first one.
pub fn read(path: &Path, mut take: impl FnMut(Row)) -> Result<(), DataError> {
    let broken = |line: u64, (what, mend): Cause| DataError::Row { path: path.to_owned(), line, what, mend };
    let mut reader =
        ReaderBuilder::new().flexible(true).from_path(path).map_err(|error| from_csv(path, error))?;
    let header = reader.headers().map_err(|error| from_csv(path, error))?.clone();
    let columns = Columns::of(&header).map_err(|cause| broken(1, cause))?;
    let mut side = None;
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| from_csv(path, error))? {
        let line = record.position().map_or(0, |position| position.line());
        let row = columns.row(line, &record, side).map_err(|cause| broken(line, cause))?;
        side = Some(row.question.side());
        take(row);
    }
    Ok(())
}

/// What is wrong, and how to mend it.
type Cause = (String, String);

/// Where the columns stand.
struct Columns {
    question: usize,
    answer: usize,
    rating: usize,
    count: usize,
}

impl Columns {
    fn of(header: &StringRecord) -> Result<Columns, Cause> {
        let place = |name: &str| {
            header.iter().position(|column| column.trim_start_matches('\u{feff}').trim() == name).ok_or_else(
                || {
                    let what = format!("the header has no column `{name}`");
                    (what, "start the file with the line `source,question,answer,rating`".to_owned())
                },
            )
        };
        Ok(Columns {
            question: place("question")?,
            answer: place("answer")?,
            rating: place("rating")?,
            count: header.len(),
        })
    }

    fn row(&self, line: u64, record: &StringRecord, side: Option<Side>) -> Result<Row, Cause> {
        if record.len() != self.count {
            let what = format!("the row has {} fields where the header has {}", record.len(), self.count);
            return Err((what, "write every column, with a comma between each two".to_owned()));
        }
        let field = |column: usize| record.get(column).unwrap_or_default().trim();
        let question = grid("question", field(self.question), side)?;
        let answer = grid("answer", field(self.answer), Some(question.side()))?;
        if let Some(fault) = check(&question, &answer).faults.first() {
            let what = format!("the answer is wrong: {}", fault.what);
            return Err((what, "correct the answer or remove the row".to_owned()));
        }
        let rating = field(self.rating);
        match rating.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Row { line, question, answer, rating: number }),
            _ => {
                let what = format!("the rating `{rating}` is no number");
                Err((what, "write a number, such as 0 for an unrated puzzle".to_owned()))
            }
        }
    }
}

/// Reads one grid of `side`, or of whatever side its length says.
fn grid(name: &str, written: &str, side: Option<Side>) -> Result<Grid, Cause> {
    let found = written.chars().count();
    let own = match side {
        Some(side) if side.cells() == found => side,
        Some(side) => {
            let what = format!("the {name} has {found} characters instead of {}", side.cells());
            return Err((
                what,
                "write one character per cell; all puzzles of a file have one side".to_owned(),
            ));
        }
        None => Side::of_cells(found).ok_or_else(|| {
            let what = format!("the {name} has {found} characters");
            (what, "write 16, 36, 81 or 256, one per cell".to_owned())
        })?,
    };
    let mut cells = Vec::with_capacity(found);
    for (index, character) in written.chars().enumerate() {
        match text::value(character).filter(|&value| usize::from(value) <= own.digits()) {
            Some(value) => cells.push(value),
            None => {
                let what = format!("character {} of the {name} is `{character}`", index + 1);
                let last = text::digit(own.digits() as u8);
                return Err((what, format!("write digits from 1 to {last}, and `.` or `0` for a blank")));
            }
        }
    }
    Ok(Grid::from_fn(own, |cell| cells[cell]))
}

/// An error of the CSV reader in our words.
fn from_csv(path: &Path, error: Error) -> DataError {
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    let line = error.position().map_or(1, |position| position.line());
    let cause = error.to_string();
    match error.into_kind() {
        ErrorKind::Io(cause) => DataError::File { path: path.to_owned(), cause },
        ErrorKind::Utf8 { .. } if packed => DataError::Row {
            path: path.to_owned(),
            line,
            what: "the file is packed".to_owned(),
            mend: "unpack it first, for instance with `gunzip`".to_owned(),
        },
        ErrorKind::Utf8 { .. } => DataError::Row {
            path: path.to_owned(),
            line,
            what: "the line is not UTF-8 text".to_owned(),
            mend: "save the file as UTF-8".to_owned(),
        },
        _ => DataError::Row {
            path: path.to_owned(),
            line,
            what: cause,
            mend: "write it as comma-separated values".to_owned(),
        },
    }
}
