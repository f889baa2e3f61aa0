//! How tokens look: takes what a data set prints for each cell, gives rows and columns of cells with text or colour;
//! knows no file format and draws nothing.

use std::cell::RefCell;

/// What a printed cell holds, for callers that style it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// Part of the question.
    Given,
    /// Filled in by an answer.
    Filled,
    /// An answer that differs from the question's given.
    Changed,
    /// Still open.
    Blank,
}

/// A question or an answer as a grid, or as running text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// Cells of a row; 0 for running text, which breaks anywhere.
    pub columns: usize,
    /// A heavy line every so many rows and every so many columns; 0 for none.
    pub blocks: (usize, usize),
    /// Row by row. A data set may leave padding out.
    pub cells: Vec<PictureCell>,
}

/// One cell of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct PictureCell {
    /// Which token of the example it shows.
    pub at: usize,
    /// What is written in it; empty where the colour says it all.
    pub text: String,
    /// The colour that stands for the token itself (red, green, blue), where it has one.
    pub colour: Option<[u8; 3]>,
    /// Whether it is part of the question or of the answer.
    pub mark: Mark,
}

impl Picture {
    /// Whether colours stand for tokens, as in mazes and ARC grids.
    pub fn is_coloured(&self) -> bool {
        self.cells.iter().any(|cell| cell.colour.is_some())
    }

    /// Rows of the grid.
    pub fn rows(&self) -> usize {
        if self.columns == 0 { 1 } else { self.cells.len().div_ceil(self.columns) }
    }

    /// The grid that `render` prints: it passes the text of each of `cells` cells through the function it is given, in
    /// order. A line of the print is a row; lines of different length make running text.
    pub fn of_print(cells: usize, render: impl FnOnce(&dyn Fn(Mark, &str) -> String) -> String) -> Picture {
        const CELL: &str = "\u{1}";
        let seen = RefCell::new(Vec::new());
        let print = render(&|mark, text| {
            seen.borrow_mut().push((mark, text.to_owned()));
            CELL.to_owned()
        });
        let seen = seen.into_inner();
        if seen.len() != cells {
            // It prints no cells one by one: the print is the picture.
            let text = print.replace(CELL, "");
            let letters = text.chars().enumerate().take(cells).map(|(at, letter)| PictureCell {
                at,
                text: letter.to_string(),
                colour: None,
                mark: Mark::Filled,
            });
            return Picture { columns: 0, blocks: (0, 0), cells: letters.collect() };
        }
        let lengths: Vec<usize> =
            print.lines().map(|line| line.matches(CELL).count()).filter(|count| *count > 0).collect();
        let columns = match lengths.first() {
            Some(first) if lengths.len() > 1 && lengths.iter().all(|length| length == first) => *first,
            _ => 0,
        };
        let cell = |(at, (mark, text))| PictureCell { at, text, colour: None, mark };
        Picture { columns, blocks: (0, 0), cells: seen.into_iter().enumerate().map(cell).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(lines: &[&str], style: &dyn Fn(Mark, &str) -> String) -> String {
        let line = |line: &&str| -> Vec<String> {
            line.chars().map(|letter| style(Mark::Filled, &letter.to_string())).collect()
        };
        lines.iter().map(|text| line(text).join(" | ")).collect::<Vec<_>>().join("\n---\n")
    }

    #[test]
    fn lines_of_cells_are_rows() {
        let picture = Picture::of_print(6, |style| print(&["abc", "def"], style));
        assert_eq!((picture.columns, picture.rows()), (3, 2));
        let texts: Vec<&str> = picture.cells.iter().map(|cell| cell.text.as_str()).collect();
        assert_eq!(texts, ["a", "b", "c", "d", "e", "f"]);
        assert_eq!(picture.cells.last().map(|cell| cell.at), Some(5));
    }

    #[test]
    fn lines_of_different_length_are_text() {
        assert_eq!(Picture::of_print(5, |style| print(&["abc", "de"], style)).columns, 0);
        assert_eq!(Picture::of_print(3, |style| print(&["abc"], style)).columns, 0);
        let whole = Picture::of_print(3, |_| "abc".to_owned());
        assert_eq!((whole.columns, whole.cells.len()), (0, 3));
    }
}
