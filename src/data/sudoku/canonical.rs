//! Canonical forms: takes a puzzle with its answer, gives a key that all its symmetric images share and no other has.
//!
//! The key is the puzzle as it stands in the lexicographically smallest pair (answer, puzzle) among all images under
//! relabelling, transposition (where boxes are square), and permutations of bands, rows, stacks and columns. For
//! puzzles with one solution, equal keys mean equivalent puzzles.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::Pairs;
use super::grid::{Grid, MAX_SIDE, Side};
use super::symmetry::Turn;
use crate::random::splitmix64;

const NONE: u8 = u8::MAX;

/// The canonical form of a puzzle; none if `answer` is not a finished grid of the same side with each digit once in
/// every row.
///
/// Relabelling makes the first row of an image 1, 2, 3, ..., so after choosing the two topmost rows the second row
/// depends on the column order alone: it lists, for each column, where in the first row the digit of the second row
/// stands. The column orders that make it smallest are found by assigning columns on demand (`Columns::descend`);
/// what they leave open, the order of the remaining rows, is forced by the first column.
pub fn canonical(puzzle: &Grid, answer: &Grid) -> Option<Vec<u8>> {
    let side = answer.side();
    let n = side.digits();
    if puzzle.side() != side || answer.givens() != side.cells() {
        return None;
    }
    let stack = std::array::from_fn(|column| (column / side.box_columns()) as u8);
    let mut best = Best { side, second: [NONE; MAX_SIDE], answer: Vec::new(), puzzle: Vec::new() };
    for turn in Turn::of(side) {
        let read = |grid: &Grid| -> Vec<u8> {
            (0..side.cells()).map(|cell| grid.cells()[turn.source(side, cell)]).collect()
        };
        let (answer, puzzle) = (read(answer), read(puzzle));
        for first in 0..n {
            let mut place = [NONE; MAX_SIDE + 1];
            for (column, &digit) in answer[first * n..][..n].iter().enumerate() {
                place[usize::from(digit)] = column as u8;
            }
            let band = first / side.box_rows() * side.box_rows();
            for second in (band..band + side.box_rows()).filter(|&row| row != first) {
                let mut points = [NONE; MAX_SIDE];
                for (column, &digit) in answer[second * n..][..n].iter().enumerate() {
                    points[column] = place[usize::from(digit)];
                }
                if points[..n].contains(&NONE) {
                    return None;
                }
                let rows = Rows { answer: &answer, puzzle: &puzzle, first, second, points, stack };
                Columns::OPEN.clone().descend(0, &rows, &mut best);
            }
        }
    }
    Some(best.puzzle)
}

/// A pair of topmost rows to try.
struct Rows<'a> {
    answer: &'a [u8],
    puzzle: &'a [u8],
    first: usize,
    second: usize,
    /// For each column, the column where the first row holds what the second row holds here.
    points: [u8; MAX_SIDE],
    /// The stack of each column.
    stack: [u8; MAX_SIDE],
}

/// The smallest image so far; `answer` is empty until one is known for `second`.
struct Best {
    side: Side,
    second: [u8; MAX_SIDE],
    answer: Vec<u8>,
    puzzle: Vec<u8>,
}

/// A column order under construction.
#[derive(Clone)]
struct Columns {
    /// The old column at each new place, and the reverse.
    at: [u8; MAX_SIDE],
    place: [u8; MAX_SIDE],
    /// The new place of each old stack, and how many of its columns are placed.
    slot: [u8; MAX_SIDE],
    placed: [u8; MAX_SIDE],
    slots: u8,
    /// The second row so far: places counted from 0.
    second: [u8; MAX_SIDE],
}

impl Columns {
    /// No column placed yet.
    const OPEN: Columns = Columns {
        at: [NONE; MAX_SIDE],
        place: [NONE; MAX_SIDE],
        slot: [NONE; MAX_SIDE],
        placed: [0; MAX_SIDE],
        slots: 0,
        second: [NONE; MAX_SIDE],
    };

    /// Puts an old column at the first free place that its stack allows.
    fn assign(&mut self, column: usize, stack: usize, width: usize) {
        if self.slot[stack] == NONE {
            self.slot[stack] = self.slots;
            self.slots += 1;
        }
        let place = self.slot[stack] * width as u8 + self.placed[stack];
        self.placed[stack] += 1;
        self.at[usize::from(place)] = column as u8;
        self.place[column] = place;
    }

    /// Extends the second row from place `next` on in all ways that may still be smallest.
    fn descend(mut self, mut next: usize, rows: &Rows, best: &mut Best) {
        let (n, width) = (best.side.digits(), best.side.box_columns());
        while next < n && self.at[next] != NONE {
            let target = usize::from(rows.points[usize::from(self.at[next])]);
            if self.place[target] == NONE {
                self.assign(target, usize::from(rows.stack[target]), width);
            }
            self.second[next] = self.place[target];
            next += 1;
            if self.second[..next] > best.second[..next] {
                return;
            }
        }
        if next == n {
            best.offer(&self, rows);
            return;
        }
        // A free place is the first one of its slot: either the slot has a stack, or any stack without one may come.
        let slot = rows.stack[next];
        let wanted = if slot < self.slots { slot } else { NONE };
        for column in 0..n {
            let stack = usize::from(rows.stack[column]);
            if self.place[column] == NONE && self.slot[stack] == wanted {
                let mut columns = self.clone();
                columns.assign(column, stack, width);
                columns.descend(next, rows, best);
            }
        }
    }
}

impl Best {
    /// Takes the image under `columns` if it is smaller than the best one.
    fn offer<'a>(&mut self, columns: &Columns, rows: &Rows<'a>) {
        let (n, height) = (self.side.digits(), self.side.box_rows());
        if columns.second != self.second {
            self.second = columns.second;
            self.answer.clear();
        }
        let mut label = [0; MAX_SIDE + 1];
        for place in 0..n {
            label[usize::from(rows.answer[rows.first * n + usize::from(columns.at[place])])] =
                place as u8 + 1;
        }
        // Bands and the rows in them follow their entries in the first column, after the two rows that lead.
        let lead = |row: usize| match row {
            row if row == rows.first => 0,
            row if row == rows.second => 1,
            row => usize::from(label[usize::from(rows.answer[row * n + usize::from(columns.at[0])])]),
        };
        let mut bands: [usize; MAX_SIDE] = std::array::from_fn(|band| band);
        let bands = &mut bands[..n / height];
        bands.sort_by_key(|band| (band * height..(band + 1) * height).map(lead).min());
        let mut order = [0; MAX_SIDE];
        for (band, into) in bands.iter().zip(order.chunks_exact_mut(height)) {
            for (offset, row) in into.iter_mut().enumerate() {
                *row = band * height + offset;
            }
            into.sort_by_key(|&row| lead(row));
        }
        let image = |of: &'a [u8]| {
            let cell =
                move |row: usize, place: usize| usize::from(of[row * n + usize::from(columns.at[place])]);
            order[..n].iter().flat_map(move |&row| (0..n).map(move |place| label[cell(row, place)]))
        };
        let mut against = if self.answer.is_empty() { Ordering::Less } else { Ordering::Equal };
        for (of, known) in [(rows.answer, &mut self.answer), (rows.puzzle, &mut self.puzzle)] {
            if against == Ordering::Equal {
                against = image(of).cmp(known.iter().copied());
            }
            if against == Ordering::Less {
                known.clear();
                known.extend(image(of));
            }
        }
    }
}

/// Puzzles told apart up to symmetry.
///
/// Members are numbers of pairs that the caller stores. They are found by a cheap signature first, so that canonical
/// forms are needed only where signatures agree.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    seen: HashMap<u64, Vec<usize>>,
}

impl Classes {
    /// Takes in a pair under its number in the caller's store.
    pub fn note(&mut self, number: usize, puzzle: &Grid, answer: &Grid) {
        self.seen.entry(signature(puzzle, answer)).or_default().push(number);
    }

    /// The first number in `store` that was noted and is equivalent to this pair.
    pub fn find(&self, store: &Pairs, puzzle: &Grid, answer: &Grid) -> Option<usize> {
        let near = self.seen.get(&signature(puzzle, answer))?;
        let key = canonical(puzzle, answer)?;
        let same = |number: usize| {
            store
                .get(number)
                .and_then(|(puzzle, answer)| canonical(&puzzle, &answer))
                .is_some_and(|other| other == key)
        };
        near.iter().copied().find(|&number| same(number))
    }
}

/// A number that equivalent pairs share, and inequivalent ones hardly ever: colours of cells, refined twice by the
/// colours of the row and the column, the box and the digit that a cell belongs to.
pub fn signature(puzzle: &Grid, answer: &Grid) -> u64 {
    let side = answer.side();
    let (n, cells) = (side.digits(), side.cells());
    let mut colour: Vec<u64> = puzzle.cells().iter().map(|&value| u64::from(value != 0)).collect();
    colour.resize(cells, 0);
    for _ in 0..3 {
        let mut sums = [[0_u64; MAX_SIDE + 1]; 4];
        let units = |cell: usize, row: usize| {
            [row, cell - row * n, side.box_of(cell), usize::from(answer.cells()[cell])]
        };
        for (cell, own) in colour.iter().enumerate() {
            for (sum, unit) in sums.iter_mut().zip(units(cell, cell / n)) {
                sum[unit] = sum[unit].wrapping_add(*own);
            }
        }
        for (cell, own) in colour.iter_mut().enumerate() {
            let [across, down, block, digit] = units(cell, cell / n);
            // Rows and columns count alike, since a transposition swaps them.
            let lines = splitmix64(sums[0][across]).wrapping_add(splitmix64(sums[1][down]));
            *own = splitmix64(
                splitmix64(splitmix64(lines ^ *own).wrapping_add(sums[2][block])) ^ sums[3][digit],
            );
        }
    }
    colour.into_iter().fold(0, u64::wrapping_add)
}
