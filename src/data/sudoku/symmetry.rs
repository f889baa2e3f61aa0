//! Symmetries of Sudoku: takes grids, gives equivalent grids; a symmetry keeps validity and the number of solutions.

use super::grid::{Grid, MAX_SIDE, Side};
use crate::random::Draws;
use crate::random::numpy::NumpyRandom;

/// A relabelling of the digits with a rearrangement of the cells.
///
/// New cell `(i, j)` = `digits[X[rows[i]][columns[j]]]`, where `X` is the grid, transposed first if `turn` says so
/// (section 5 of the built-data description, after `build_sudoku_dataset.py` of TinyRecursiveModels).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symmetry {
    side: Side,
    turn: Turn,
    digits: [u8; MAX_SIDE + 1],
    rows: [u8; MAX_SIDE],
    columns: [u8; MAX_SIDE],
}

/// Whether a symmetry starts by swapping rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Rows stay rows.
    Upright,
    /// Rows become columns. Only where boxes are square.
    Transposed,
}

impl Turn {
    /// The turns that keep boxes boxes.
    pub fn of(side: Side) -> &'static [Turn] {
        if side.is_square() { &[Turn::Upright, Turn::Transposed] } else { &[Turn::Upright] }
    }

    /// The cell that comes to stand in `cell`.
    pub fn source(self, side: Side, cell: usize) -> usize {
        let n = side.digits();
        match self {
            Turn::Upright => cell,
            Turn::Transposed => cell % n * n + cell / n,
        }
    }
}

impl Symmetry {
    /// The symmetry that changes nothing.
    pub fn identity(side: Side) -> Symmetry {
        let digits = std::array::from_fn(|digit| digit as u8);
        let lines = std::array::from_fn(|line| line as u8);
        Symmetry { side, turn: Turn::Upright, digits, rows: lines, columns: lines }
    }

    /// A symmetry drawn uniformly from the whole group of the side.
    pub fn random(side: Side, chance: &mut Draws) -> Symmetry {
        let mut drawn = Symmetry::identity(side);
        chance.shuffle(&mut drawn.digits[1..=side.digits()]);
        let turns = Turn::of(side);
        drawn.turn = turns[chance.below(turns.len())];
        drawn.rows = lines(side.box_rows(), side.box_columns(), chance);
        drawn.columns = lines(side.box_columns(), side.box_rows(), chance);
        drawn
    }

    /// The symmetry that the reference script draws from NumPy's generator (`shuffle_sudoku` of
    /// `build_sudoku_dataset.py`): digits, transposition, bands and their rows, stacks and their columns. Where boxes are
    /// not square, nothing is drawn for a transposition.
    pub fn from_numpy(side: Side, random: &mut NumpyRandom) -> Symmetry {
        let mut drawn = Symmetry::identity(side);
        random.shuffle(&mut drawn.digits[1..=side.digits()]);
        if side.is_square() && random.random_sample() < 0.5 {
            drawn.turn = Turn::Transposed;
        }
        let mut lines = |width: usize, groups: usize| {
            let mut lines = [0; MAX_SIDE];
            for (group, into) in random.permutation(groups).into_iter().zip(lines.chunks_exact_mut(width)) {
                for (offset, line) in into.iter_mut().zip(random.permutation(width)) {
                    *offset = (group * width + line) as u8;
                }
            }
            lines
        };
        drawn.rows = lines(side.box_rows(), side.box_columns());
        drawn.columns = lines(side.box_columns(), side.box_rows());
        drawn
    }

    /// The image of what stands in each cell, digits through `token`, which leaves alone what is no digit.
    pub fn apply_to<T: Copy>(&self, cells: &[T], token: impl Fn(T, &dyn Fn(u8) -> u8) -> T) -> Vec<T> {
        let relabel = |digit: u8| self.digits[usize::from(digit)];
        self.sources().map(|cell| token(cells[cell], &relabel)).collect()
    }

    /// The opposite of `apply_to`.
    pub fn undo_on<T: Copy>(&self, cells: &[T], token: impl Fn(T, &dyn Fn(u8) -> u8) -> T) -> Vec<T> {
        let mut back = self.digits;
        for (digit, image) in self.digits.iter().enumerate() {
            back[usize::from(*image)] = digit as u8;
        }
        let relabel = |digit: u8| back[usize::from(digit)];
        let mut undone = cells.to_vec();
        for (cell, source) in self.sources().enumerate() {
            undone[source] = token(cells[cell], &relabel);
        }
        undone
    }

    /// The old cell that comes to stand in each new one.
    fn sources(&self) -> impl Iterator<Item = usize> {
        let n = self.side.digits();
        (0..self.side.cells()).map(move |cell| {
            let moved = usize::from(self.rows[cell / n]) * n + usize::from(self.columns[cell % n]);
            self.turn.source(self.side, moved)
        })
    }

    /// The image of a grid. A grid of another side stays as it is.
    pub fn apply(&self, grid: &Grid) -> Grid {
        if grid.side() != self.side {
            return grid.clone();
        }
        let image = self.apply_to(grid.cells(), |digit, relabel| relabel(digit));
        Grid::from_fn(self.side, |cell| image[cell])
    }
}

/// A random order of `groups` groups of `width` lines each: the groups in a random order, each shuffled within.
fn lines(width: usize, groups: usize, chance: &mut Draws) -> [u8; MAX_SIDE] {
    let mut order: [usize; MAX_SIDE] = std::array::from_fn(|group| group);
    chance.shuffle(&mut order[..groups]);
    let mut lines = [0; MAX_SIDE];
    for (group, into) in order[..groups].iter().zip(lines.chunks_exact_mut(width)) {
        for (offset, line) in into.iter_mut().enumerate() {
            *line = (group * width + offset) as u8;
        }
        chance.shuffle(into);
    }
    lines
}
