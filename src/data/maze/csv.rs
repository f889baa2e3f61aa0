//! Mazes in files (CSV, JSON lines, Parquet): takes a file with the columns question and answer, gives its rows checked one by one.
//!
//! Cells are `# SGo`, row after row, so spaces count. An answer must be a shortest path; which one is left open,
//! though all published answers follow one rule ([`Maze::answer`]). The rating is the author's; without one it is the
//! number of cells of the path.

use std::path::Path;

use super::grid::{self, Maze};
use crate::data::DataError;
use crate::data::table::{ANSWER, Cause, QUESTION, Record, read_table, text};

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The line on which it starts, from 1.
    pub line: u64,
    /// The question.
    pub maze: Maze,
    /// Tokens of the answer.
    pub answer: Vec<u8>,
    /// Cells of the shortest path, start and goal counted.
    pub path_cells: u32,
}

/// Passes every row of a file to `take`, in order. All mazes have the side of the first one.
pub fn read(path: &Path, mut take: impl FnMut(Row)) -> Result<(), DataError> {
    let mut side = None;
    read_table(path, [&QUESTION, &ANSWER], |record| {
        let row = row(&record, side)?;
        side = Some(row.maze.side());
        take(row);
        Ok(())
    })
}

fn row(record: &Record<2>, side: Option<usize>) -> Result<Row, Cause> {
    let [question, answer] = &record.fields;
    let (question, answer) = (text("question", question)?, text("answer", answer)?);
    let count = question.chars().count();
    let own = side.unwrap_or(count.isqrt());
    if own * own != count || own < 2 {
        let (what, fix) = match side {
            Some(side) => (
                format!("the question has {count} characters instead of {}", side * side),
                "all mazes of a file have one side; quote a field that begins or ends with spaces",
            ),
            None => (
                format!("the question has {count} characters, which make no square"),
                "write one character per cell, spaces too",
            ),
        };
        return Err((what, fix.to_owned()));
    }
    let tokens = |name: &str, text: &str| {
        let mut tokens = Vec::with_capacity(count);
        for (at, character) in text.chars().enumerate() {
            let Some(token) = grid::token(character) else {
                let what = format!("character {} of the {name} is `{character}`", at + 1);
                return Err((what, "write `#` wall, space free, `S` start, `G` goal, `o` path".to_owned()));
            };
            tokens.push(token);
        }
        Ok(tokens)
    };
    let wrong = |what: String, fix: &str| Err((what, fix.to_owned()));
    let maze = match Maze::new(own, tokens("question", &question)?) {
        Ok(maze) => maze,
        Err(what) => return wrong(format!("the question is wrong: {what}"), "correct it or remove the row"),
    };
    let answer = tokens("answer", &answer)?;
    if answer.len() != count {
        let what = format!("the answer has {} characters where the question has {count}", answer.len());
        return wrong(what, "write one character per cell, spaces too");
    }
    let Some(path_cells) = maze.path_cells() else {
        return wrong("no path leads from start to goal".to_owned(), "remove the row");
    };
    let wide: Vec<i64> = answer.iter().map(|&token| i64::from(token)).collect();
    if let Some(fault) = maze.check(&wide).faults.first() {
        let what = format!("the answer is no shortest path: {}", fault.what);
        return wrong(what, "correct the answer or remove the row");
    }
    Ok(Row { line: record.line, maze, answer, path_cells })
}
