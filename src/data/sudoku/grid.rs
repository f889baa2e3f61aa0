//! Sudoku grids: takes a side and cell values, gives shapes, units and candidate masks; knows nothing of solving.

use std::sync::LazyLock;

/// The sizes of Sudoku that exist here. Boxes are 2x2, 2x3 (rows x columns), 2x4, 3x3, 2x5, 3x4 and 4x4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// 4x4.
    Four,
    /// 6x6 in boxes of 2 rows and 3 columns.
    Six,
    /// 8x8 in boxes of 2 rows and 4 columns.
    Eight,
    /// 9x9.
    Nine,
    /// 10x10 in boxes of 2 rows and 5 columns.
    Ten,
    /// 12x12 in boxes of 3 rows and 4 columns.
    Twelve,
    /// 16x16, with digits beyond 9 written A to G.
    Sixteen,
}

/// Most digits, or cells in a row, that a grid has.
pub const MAX_SIDE: usize = 16;
/// Most cells that a grid has.
pub const MAX_CELLS: usize = MAX_SIDE * MAX_SIDE;

/// A set of digits: bit `d - 1` stands for digit `d`.
pub type Mask = u16;

impl Side {
    /// All sides, ascending.
    pub const ALL: [Side; 7] =
        [Side::Four, Side::Six, Side::Eight, Side::Nine, Side::Ten, Side::Twelve, Side::Sixteen];

    /// The side of so many cells per row.
    pub fn new(digits: usize) -> Option<Side> {
        Side::ALL.into_iter().find(|side| side.digits() == digits)
    }

    /// The side of a grid of so many cells.
    pub fn of_cells(cells: usize) -> Option<Side> {
        Side::ALL.into_iter().find(|side| side.cells() == cells)
    }

    /// Cells per row, which is also the number of digits.
    pub const fn digits(self) -> usize {
        match self {
            Side::Four => 4,
            Side::Six => 6,
            Side::Eight => 8,
            Side::Nine => 9,
            Side::Ten => 10,
            Side::Twelve => 12,
            Side::Sixteen => 16,
        }
    }

    /// Cells of the grid.
    pub const fn cells(self) -> usize {
        self.digits() * self.digits()
    }

    /// Rows of a box, which is also the number of boxes side by side.
    pub const fn box_rows(self) -> usize {
        match self {
            Side::Four | Side::Six | Side::Eight | Side::Ten => 2,
            Side::Nine | Side::Twelve => 3,
            Side::Sixteen => 4,
        }
    }

    /// Columns of a box, which is also the number of boxes above each other.
    pub const fn box_columns(self) -> usize {
        self.digits() / self.box_rows()
    }

    /// Whether the transposed grid has boxes of the same shape.
    pub const fn is_square(self) -> bool {
        self.box_rows() == self.box_columns()
    }

    /// Fewest givens with which a puzzle of this side can have one solution: by our own listing for 4x4, by exhaustive
    /// searches that others published for 6x6 and for 9x9 (McGuire, Tugemann and Civario, arXiv:1201.0749); 0 where
    /// it is not known.
    pub const fn fewest_givens(self) -> usize {
        match self {
            Side::Four => 4,
            Side::Six => 8,
            Side::Nine => 17,
            Side::Eight | Side::Ten | Side::Twelve | Side::Sixteen => 0,
        }
    }

    /// The mask of all digits.
    pub const fn all(self) -> Mask {
        Mask::MAX >> (MAX_SIDE - self.digits())
    }

    /// The box of a cell; boxes count row by row.
    pub const fn box_of(self, cell: usize) -> usize {
        let (row, column) = (cell / self.digits(), cell % self.digits());
        row / self.box_rows() * self.box_rows() + column / self.box_columns()
    }

    /// The tables of this side.
    pub fn shape(self) -> &'static Shape {
        &SHAPES[self as usize]
    }
}

/// Tables of one side.
#[derive(Debug)]
pub struct Shape {
    /// The cells of each unit: all rows, then all columns, then all boxes.
    pub units: Vec<Vec<u8>>,
    /// The cells that share a unit with each cell, without itself, ascending.
    pub peers: Vec<Vec<u8>>,
}

static SHAPES: LazyLock<[Shape; 7]> = LazyLock::new(|| Side::ALL.map(Shape::of));

impl Shape {
    fn of(side: Side) -> Shape {
        let n = side.digits();
        let unit = |belongs: &dyn Fn(usize) -> bool| -> Vec<u8> {
            (0..side.cells()).filter(|&cell| belongs(cell)).map(|cell| cell as u8).collect()
        };
        let mut units = Vec::new();
        units.extend((0..n).map(|row| unit(&|cell| cell / n == row)));
        units.extend((0..n).map(|column| unit(&|cell| cell % n == column)));
        units.extend((0..n).map(|block| unit(&|cell| side.box_of(cell) == block)));
        let see = |a: usize, b: usize| a / n == b / n || a % n == b % n || side.box_of(a) == side.box_of(b);
        let peers = (0..side.cells()).map(|cell| unit(&|other| other != cell && see(cell, other))).collect();
        Shape { units, peers }
    }

    /// The name of a unit for people, such as `row 3`.
    pub fn name(&self, unit: usize) -> String {
        let n = self.units.len() / 3;
        format!("{} {}", ["row", "column", "box"][unit / n % 3], unit % n + 1)
    }
}

/// A grid, finished or not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Grid {
    side: Side,
    cells: Vec<u8>,
}

impl Grid {
    /// The grid of these values, row by row, 0 for a blank. None if their number or one of them does not fit.
    pub fn new(side: Side, cells: Vec<u8>) -> Option<Grid> {
        let fits =
            cells.len() == side.cells() && cells.iter().all(|&digit| usize::from(digit) <= side.digits());
        fits.then_some(Grid { side, cells })
    }

    /// The grid without any digit.
    pub fn blank(side: Side) -> Grid {
        Grid { side, cells: vec![0; side.cells()] }
    }

    /// The grid whose cells are `cell(0)`, `cell(1)`, ...; values beyond the side become blanks.
    pub fn from_fn(side: Side, cell: impl Fn(usize) -> u8) -> Grid {
        let fit = |digit: u8| if usize::from(digit) <= side.digits() { digit } else { 0 };
        Grid { side, cells: (0..side.cells()).map(|index| fit(cell(index))).collect() }
    }

    /// The side.
    pub fn side(&self) -> Side {
        self.side
    }

    /// The values, row by row, 0 for a blank.
    pub fn cells(&self) -> &[u8] {
        &self.cells
    }

    /// The same grid with one cell cleared.
    pub fn without(mut self, cell: usize) -> Grid {
        if let Some(digit) = self.cells.get_mut(cell) {
            *digit = 0;
        }
        self
    }

    /// Number of cells that hold a digit.
    pub fn givens(&self) -> usize {
        self.cells.iter().filter(|&&digit| digit != 0).count()
    }

    /// Whether every digit of `question` stands here too.
    pub fn keeps(&self, question: &Grid) -> bool {
        self.side == question.side && question.cells.iter().zip(&self.cells).all(|(&q, &a)| q == 0 || q == a)
    }
}

/// The token of a cell value: 1 for a blank, `d + 1` for digit `d` (0 is padding and never occurs).
pub fn token(value: u8) -> i64 {
    i64::from(value) + 1
}

/// The cell value of a token; none for padding and for tokens beyond the side.
pub fn value(side: Side, token: i64) -> Option<u8> {
    u8::try_from(token.checked_sub(1)?).ok().filter(|&value| usize::from(value) <= side.digits())
}
