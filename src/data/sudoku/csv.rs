//! Sudoku in files (CSV, JSON lines, Parquet): takes a file with the columns question, answer and perhaps rating, gives its
//! rows checked one by one. Kaggle's names of columns are understood.
//!
//! A row is refused, with its line, if it has no such shape or if its answer breaks a rule or a given. Whether a
//! question has other answers too is not asked. Other columns, such as `source`, are left alone.

use std::path::Path;

use super::check::check;
use super::grid::{Grid, Side};
use super::text;
use crate::data::DataError;
use crate::data::table::{ANSWER, Cause, QUESTION, RATING, Record, number, read_table, text as written};

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The line on which it starts, from 1.
    pub line: u64,
    /// The puzzle.
    pub question: Grid,
    /// Its answer, which keeps the givens and breaks no rule.
    pub answer: Grid,
    /// How hard the puzzle is, by the measure of the file's author; none where the file does not say.
    pub rating: Option<f64>,
}

/// Passes every row of a file to `take`, in order. All rows have the side of the first one.
pub fn read(path: &Path, mut take: impl FnMut(Row)) -> Result<(), DataError> {
    let mut side = None;
    read_table(path, [&QUESTION, &ANSWER, &RATING], |record| {
        let row = row(&record, side)?;
        side = Some(row.question.side());
        take(row);
        Ok(())
    })
}

fn row(record: &Record<3>, side: Option<Side>) -> Result<Row, Cause> {
    let [question, answer, rating] = &record.fields;
    let question = grid("question", written("question", question)?.trim(), side)?;
    let answer = grid("answer", written("answer", answer)?.trim(), Some(question.side()))?;
    if let Some(fault) = check(&question, &answer).faults.first() {
        let what = format!("the answer is wrong: {}", fault.what);
        return Err((what, "correct the answer or remove the row".to_owned()));
    }
    Ok(Row { line: record.line, question, answer, rating: number("rating", rating)? })
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
