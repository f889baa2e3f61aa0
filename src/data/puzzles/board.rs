//! One question or answer: takes a field of a file, gives its cells in rows; and the frame in which all of them stand.

use std::fmt;

use serde_json::Value;

use super::symbols::Symbols;
use crate::data::table::Cause;

/// Cells in rows that need not be equally long; a sequence is one row. None: blank in a question, not scored in an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Board {
    rows: Vec<Vec<Option<u16>>>,
}

/// Reads a field: text is one symbol a character and a line a row; a list is a sequence of symbols, or of rows where its
/// items are lists.
pub(super) fn board(name: &str, field: &Value, symbols: &mut Symbols) -> Result<Board, Cause> {
    let rows = match field {
        Value::String(text) => {
            let rows = text.lines().map(|line| {
                line.chars().map(|cell| symbols.note(cell.encode_utf8(&mut [0; 4])).map(Some)).collect()
            });
            rows.collect::<Result<Vec<Vec<_>>, Cause>>()?
        }
        Value::Array(rows) if rows.iter().any(Value::is_array) => {
            let row = |row: &Value| match row.as_array() {
                Some(cells) => line(name, cells, symbols),
                None => Err((
                    format!("the {name} mixes rows and single cells"),
                    "write a list of cells, or a list of rows that are lists".to_owned(),
                )),
            };
            rows.iter().map(row).collect::<Result<_, _>>()?
        }
        Value::Array(cells) => vec![line(name, cells, symbols)?],
        Value::Null => {
            return Err((format!("there is no {name}"), "write text, or a list of cells".to_owned()));
        }
        other => {
            let what = format!("the {name} is `{other}`");
            return Err((what, "write text, or a list of cells".to_owned()));
        }
    };
    let board = Board { rows };
    if board.cells() == 0 {
        return Err((
            format!("the {name} has no cells"),
            "write at least one, or remove the puzzle".to_owned(),
        ));
    }
    Ok(board)
}

/// Lays what is written in one row out as a grid of `[rows, columns]`, where there are `sizes`.
pub(super) fn sized(name: &str, board: Board, sizes: &Value) -> Result<Board, Cause> {
    match sizes {
        Value::Null => Ok(board),
        Value::String(text) if text.trim().is_empty() => Ok(board),
        Value::String(text) => {
            laid_out(name, board, &serde_json::from_str(text).unwrap_or_else(|_| sizes.clone()))
        }
        sizes => laid_out(name, board, sizes),
    }
}

fn line(name: &str, cells: &[Value], symbols: &mut Symbols) -> Result<Vec<Option<u16>>, Cause> {
    let cell = |cell: &Value| match cell {
        Value::Null => Ok(None),
        Value::String(symbol) => symbols.note(symbol).map(Some),
        Value::Number(number) if number.is_i64() => symbols.note(&number.to_string()).map(Some),
        other => {
            let what = format!("the {name} holds `{other}` as a cell");
            Err((what, "write text, a whole number, or null for a cell without a symbol".to_owned()))
        }
    };
    cells.iter().map(cell).collect()
}

fn laid_out(name: &str, board: Board, sizes: &Value) -> Result<Board, Cause> {
    let size =
        |place: usize| sizes.get(place).and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
    let (Some(rows), Some(columns), None) = (size(0), size(1), sizes.get(2)) else {
        return Err((format!("the sizes are `{sizes}`"), "write [rows, columns], such as [9, 9]".to_owned()));
    };
    if rows.checked_mul(columns) != Some(board.cells()) {
        let what = format!("the {name} has {} cells, which is not {rows} times {columns}", board.cells());
        return Err((what, "correct `sizes`, or leave it out for a sequence".to_owned()));
    }
    if board.is_line() {
        return Ok(board.in_rows_of(columns));
    }
    if board.rows.iter().any(|row| row.len() != columns) {
        let what = format!("the {name} has rows that are not {columns} cells long");
        return Err((what, "leave `sizes` out: rows say it themselves".to_owned()));
    }
    Ok(board)
}

impl Board {
    pub fn cells(&self) -> usize {
        self.rows.iter().map(Vec::len).sum()
    }

    pub fn is_line(&self) -> bool {
        self.rows.len() == 1
    }

    /// One row broken into several.
    pub fn in_rows_of(self, columns: usize) -> Board {
        let all = self.rows.concat();
        Board { rows: all.chunks(columns.max(1)).map(<[_]>::to_vec).collect() }
    }

    fn columns(&self) -> usize {
        self.rows.iter().map(Vec::len).max().unwrap_or(0)
    }
}

impl fmt::Display for Board {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        Frame { rows: self.rows.len(), columns: self.columns() }.fmt(out)
    }
}

/// The grid that all puzzles of a data set share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    rows: usize,
    columns: usize,
}

impl Frame {
    /// As large as the largest of `boards` needs.
    pub fn around<'a>(boards: impl Iterator<Item = &'a Board>) -> Frame {
        boards.fold(Frame { rows: 0, columns: 0 }, |frame, board| Frame {
            rows: frame.rows.max(board.rows.len()),
            columns: frame.columns.max(board.columns()),
        })
    }

    pub fn cells(&self) -> usize {
        self.rows.saturating_mul(self.columns)
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    pub fn holds(&self, board: &Board) -> bool {
        board.rows.len() <= self.rows && board.columns() <= self.columns
    }

    /// The board in the upper left corner, as tokens `[cells]`; `empty` where it has no symbol.
    pub fn lay(&self, board: &Board, tokens: &[u16], empty: u16) -> Vec<u16> {
        let mut laid = vec![empty; self.cells()];
        for (row, cells) in board.rows.iter().enumerate() {
            for (column, cell) in cells.iter().enumerate() {
                let token = cell.and_then(|symbol| tokens.get(usize::from(symbol)));
                if let (Some(place), Some(token)) = (laid.get_mut(row * self.columns + column), token) {
                    *place = *token;
                }
            }
        }
        laid
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match (self.rows, self.columns) {
            (1, columns) => write!(out, "{columns} cells in a row"),
            (rows, columns) => write!(out, "{rows} rows of {columns} cells"),
        }
    }
}
