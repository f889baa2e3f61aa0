//! Grids of colours: takes cells or tokens, gives the one from the other; knows no task.

use std::fmt;

/// Longest side of a grid.
pub const SIDE: usize = 30;
/// Tokens of a sequence: a square of [`SIDE`] x [`SIDE`], row by row.
pub const CELLS: usize = SIDE * SIDE;
/// Distinct tokens: pad, end mark and ten colours.
pub const SYMBOLS: usize = 12;
/// Token of cells outside the grid; in labels, no label.
pub const PAD: u8 = 0;
/// Token below and right of the grid.
pub const END: u8 = 1;
/// Token of colour 0.
pub const FIRST_COLOUR: u8 = 2;
/// Number of colours.
pub const COLOURS: u8 = 10;

/// A rectangle of colours 0 to 9, at most 30 x 30; a cropped prediction may have no cells.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Grid {
    rows: u8,
    columns: u8,
    cells: Box<[u8]>,
}

impl Grid {
    /// A grid of `cells` `[rows * columns]`; why not, where sizes or colours are out of range.
    pub fn new(rows: usize, columns: usize, cells: Vec<u8>) -> Result<Grid, String> {
        if rows > SIDE || columns > SIDE {
            return Err(format!("a grid of {rows}x{columns} cells; sides are 1 to {SIDE}"));
        }
        if cells.len() != rows * columns {
            return Err(format!("{} cells in a grid of {rows}x{columns}", cells.len()));
        }
        if let Some(colour) = cells.iter().find(|cell| **cell >= COLOURS) {
            return Err(format!("colour {colour}; colours are 0 to 9"));
        }
        Ok(Grid { rows: rows as u8, columns: columns as u8, cells: cells.into() })
    }

    /// A grid of lines of equal length.
    pub fn from_lines(lines: &[Vec<u8>]) -> Result<Grid, String> {
        let columns = lines.first().map_or(0, Vec::len);
        if columns == 0 {
            return Err("a grid without cells".to_owned());
        }
        if let Some(row) = lines.iter().position(|line| line.len() != columns) {
            let found = lines[row].len();
            return Err(format!("row {} has {found} cells where row 1 has {columns}", row + 1));
        }
        Grid::new(lines.len(), columns, lines.concat())
    }

    /// The grid with its cells renamed and moved; `cells` must fit the sizes and hold colours.
    pub(super) fn trusted(rows: usize, columns: usize, cells: Vec<u8>) -> Grid {
        debug_assert!(cells.len() == rows * columns && cells.iter().all(|cell| *cell < COLOURS));
        Grid { rows: rows as u8, columns: columns as u8, cells: cells.into() }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        usize::from(self.rows)
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        usize::from(self.columns)
    }

    /// Colours, row by row.
    pub fn cells(&self) -> &[u8] {
        &self.cells
    }

    /// Whether it has no cell.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Its rows, as ARC's JSON has them.
    pub fn lines(&self) -> Vec<&[u8]> {
        self.cells.chunks(self.columns().max(1)).collect()
    }

    /// Writes its tokens into `tokens`, a square of cells such as `[CELLS]`, with the top-left corner at (`top`, `left`):
    /// colour c as c + 2, end marks below and right of it where there is room, the rest padding. It must fit.
    pub fn write(&self, top: usize, left: usize, tokens: &mut [u8]) {
        tokens.fill(PAD);
        let side = tokens.len().isqrt();
        let (bottom, right) = (top + self.rows(), left + self.columns());
        for (line, row) in self.lines().into_iter().zip(top..) {
            for (cell, token) in line.iter().zip(&mut tokens[row * side + left..]) {
                *token = cell + FIRST_COLOUR;
            }
            if right < side {
                tokens[row * side + right] = END;
            }
        }
        if bottom < side {
            tokens[bottom * side + left..bottom * side + right].fill(END);
        }
    }

    /// Its tokens `[CELLS]` with the corner at (0, 0).
    pub fn tokens(&self) -> Vec<u8> {
        let mut tokens = vec![PAD; CELLS];
        self.write(0, 0, &mut tokens);
        tokens
    }

    /// The grid in a predicted sequence, a square of cells such as `[CELLS]`: the largest rectangle with its corner at (0, 0) that holds nothing
    /// but colours; of two equally large ones that with fewer rows. Where the first cell is no colour, a grid without
    /// cells. (`_crop` of the reference's `evaluators/arc.py`.)
    pub fn crop(tokens: &[i64]) -> Grid {
        let side = tokens.len().isqrt();
        let colour = |row: usize, column: usize| {
            let token = tokens.get(row * side + column)?;
            u8::try_from(token - i64::from(FIRST_COLOUR)).ok().filter(|colour| *colour < COLOURS)
        };
        let (mut best, mut width) = ((0, 0), side);
        for row in 0..side {
            width = (0..width).find(|column| colour(row, *column).is_none()).unwrap_or(width);
            if (row + 1) * width > best.0 * best.1 {
                best = (row + 1, width);
            }
        }
        let (rows, columns) = best;
        let cells = (0..rows * columns).filter_map(|cell| colour(cell / columns, cell % columns));
        Grid::trusted(rows, columns, cells.collect())
    }
}

impl fmt::Display for Grid {
    /// Digits row by row, rows apart by `|`.
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        for (number, line) in self.lines().into_iter().enumerate() {
            if number > 0 {
                out.write_str("|")?;
            }
            for cell in line {
                write!(out, "{cell}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Grid {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{}x{} {self}", self.rows, self.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(lines: &[&str]) -> Vec<i64> {
        let mut tokens = vec![0; CELLS];
        for (row, line) in lines.iter().enumerate() {
            for (column, token) in line.bytes().enumerate() {
                tokens[row * SIDE + column] = i64::from(token - b'a');
            }
        }
        tokens
    }

    #[test]
    fn writes_end_marks_where_there_is_room() {
        let grid = Grid::from_lines(&[vec![1, 2], vec![3, 4], vec![5, 6]]).unwrap();
        let mut tokens = vec![9; CELLS];
        grid.write(2, 4, &mut tokens);
        let marked: Vec<(usize, usize, u8)> =
            (0..CELLS).filter(|at| tokens[*at] != 0).map(|at| (at / SIDE, at % SIDE, tokens[at])).collect();
        let expected = [
            (2, 4, 3),
            (2, 5, 4),
            (2, 6, 1),
            (3, 4, 5),
            (3, 5, 6),
            (3, 6, 1),
            (4, 4, 7),
            (4, 5, 8),
            (4, 6, 1),
            (5, 4, 1),
            (5, 5, 1),
        ];
        assert_eq!(marked, expected);
        grid.write(27, 28, &mut tokens);
        assert!(!tokens.contains(&END), "a side at the edge has no mark");
    }

    #[test]
    fn crops_the_largest_rectangle_at_the_corner() {
        // Token letters: a pad, b end mark, c colour 0 and so on up to l colour 9.
        let cut = |lines: &[&str]| Grid::crop(&sequence(lines)).to_string();
        assert_eq!(cut(&["cdeb", "fghb", "bbb"]), "012|345");
        // A hole in row 2 leaves 1x4 or 2x1 or 3x1; the first is largest.
        assert_eq!(cut(&["cccc", "cbcc", "cccc"]), "0000");
        // 1x4 and 2x2 have four cells each: the one with fewer rows.
        assert_eq!(cut(&["cccc", "ddb", "b"]), "0000");
        // 2x2 has more cells than 1x3.
        assert_eq!(cut(&["ccc", "dd", "b"]), "00|11");
        // Colours behind an end mark do not belong to it; nor do tokens that are no colours at all.
        assert_eq!(cut(&["cbcc", "dbcc"]), "0|1");
        assert_eq!(cut(&["cm", "dm"]), "0|1");
        assert_eq!(cut(&["bccc", "cccc"]), "");
        assert_eq!(Grid::crop(&[2; CELLS]).rows(), 30);
    }

    #[test]
    fn a_written_grid_is_cropped_again() {
        let cells: Vec<u8> = (0..600).map(|cell| (cell * 7 % 10) as u8).collect();
        let grid = Grid::new(20, 30, cells).unwrap();
        let tokens: Vec<i64> = grid.tokens().into_iter().map(i64::from).collect();
        assert_eq!(Grid::crop(&tokens), grid);
    }
}
