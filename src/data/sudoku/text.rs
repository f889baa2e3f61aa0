//! Sudoku as people write it: takes text, gives a grid, and the reverse; never judges a grid.

use super::grid::{Grid, Side};
use crate::data::{DataError, Mark};

/// The character of a cell value: `.` for 0, then 1 to 9, then A to G.
pub fn digit(value: u8) -> char {
    match value {
        0 => '.',
        value => char::from_digit(u32::from(value), 17).map_or('?', |c| c.to_ascii_uppercase()),
    }
}

/// The cell value of a character: `.` and `0` are blank, A to G count on from 9.
pub fn value(character: char) -> Option<u8> {
    match character {
        '.' | '0' => Some(0),
        _ => character.to_digit(17).and_then(|value| u8::try_from(value).ok()),
    }
}

/// Reads a grid of 16, 36, 64, 81, 100, 144 or 256 cells; whitespace and the box lines `|`, `-` and `+` do not count.
pub fn parse(text: &str) -> Result<Grid, DataError> {
    let refuse = |what: String, fix: &str| Err(DataError::Puzzle { what, fix: fix.to_owned() });
    let mut cells = Vec::new();
    for character in text.chars().filter(|c| !c.is_whitespace() && !"|-+".contains(*c)) {
        match value(character) {
            Some(value) => cells.push(value),
            None => return refuse(format!("`{character}` is no digit"), "write blanks as `.` or `0`"),
        }
    }
    let found = cells.len();
    let Some(side) = Side::of_cells(found) else {
        return refuse(
            format!("it has {found} cells"),
            "write 16, 36, 64, 81, 100, 144 or 256 of them, row by row",
        );
    };
    match cells.iter().find(|&&value| usize::from(value) > side.digits()) {
        Some(&beyond) => {
            let what = format!("`{}` is no digit of a grid of {found} cells", digit(beyond));
            refuse(what, &format!("its digits go from 1 to {}", digit(side.digits() as u8)))
        }
        None => Ok(Grid::from_fn(side, |cell| cells[cell])),
    }
}

/// One line without separators.
pub fn line(grid: &Grid) -> String {
    grid.cells().iter().map(|&value| digit(value)).collect()
}

/// A board with box lines. `shown(cell)` gives what to print there, one character wide once `style` is taken away.
pub fn board(
    side: Side,
    shown: impl Fn(usize) -> (Mark, char),
    style: &dyn Fn(Mark, &str) -> String,
) -> String {
    let n = side.digits();
    let rule = vec!["-".repeat(2 * side.box_columns()); side.box_rows()].join("+-");
    let mut out = String::new();
    for row in 0..n {
        if row > 0 && row % side.box_rows() == 0 {
            // The outermost boxes have no space at their outer edge.
            out.push_str(&rule[..rule.len() - 1]);
            out.push('\n');
        }
        for column in 0..n {
            if column > 0 {
                out.push_str(if column % side.box_columns() == 0 { " | " } else { " " });
            }
            let (mark, character) = shown(row * n + column);
            out.push_str(&style(mark, character.encode_utf8(&mut [0; 4])));
        }
        out.push('\n');
    }
    out
}
