//! Rating puzzles: takes a file of puzzles, gives each with its answer and its rating; refuses those without exactly one
//! answer.

use std::io::{BufRead, BufReader};
use std::path::Path;

use super::grid::Grid;
use super::{solver, text};
use crate::data::DataError;
use crate::data::table::{self, Cause, QUESTION, RATING, SOURCE, number, read_table, text as written};

/// A puzzle with what the solver says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rated {
    /// What the file's `source` column says; empty where there is none.
    pub source: String,
    /// The puzzle.
    pub question: Grid,
    /// Its only answer.
    pub answer: Grid,
    /// Guesses of [`solver::rating`].
    pub rating: u64,
    /// The file's own rating, where it has one.
    pub given: Option<f64>,
}

/// Passes every puzzle of a file on: a table with a column of questions, or text with a puzzle at the start of each
/// line (empty lines and lines from `#` on are left out).
pub fn each(path: &Path, mut take: impl FnMut(Rated)) -> Result<(), DataError> {
    if table::has_questions(path)? {
        return read_table(path, [&QUESTION, &SOURCE, &RATING], |record| {
            let [question, source, given] = &record.fields;
            let (question, source) = (written("question", question)?, written("source", source)?);
            take(rated(&question, &source, number("rating", given).ok().flatten())?);
            Ok(())
        });
    }
    let fail = |cause| DataError::File { path: path.to_owned(), cause };
    let file = BufReader::new(table::open(path)?);
    for (line, puzzle) in (1..).zip(file.lines()) {
        let puzzle = puzzle.map_err(fail)?;
        let puzzle = puzzle.split([' ', '\t', ',', ';']).next().unwrap_or_default();
        if !puzzle.is_empty() && !puzzle.starts_with('#') {
            let read = rated(puzzle, "", None);
            take(read.map_err(|(what, fix)| DataError::Row { path: path.to_owned(), line, what, fix })?);
        }
    }
    Ok(())
}

fn rated(puzzle: &str, source: &str, given: Option<f64>) -> Result<Rated, Cause> {
    let question = text::parse(puzzle.trim()).map_err(|error| match error {
        DataError::Puzzle { what, fix } => (what, fix),
        other => (other.to_string(), "correct it".to_owned()),
    })?;
    let mut answers = solver::solutions(&question, 2);
    match (answers.pop(), answers.is_empty()) {
        (Some(answer), true) => {
            let rating = solver::rating(&question).unwrap_or(0);
            Ok(Rated { source: source.to_owned(), question, answer, rating, given })
        }
        (Some(_), false) => {
            Err(("the puzzle has more than one answer".to_owned(), "add givens, or remove it".to_owned()))
        }
        (None, _) => Err(("the puzzle has no answer".to_owned(), "correct its givens".to_owned())),
    }
}
