//! Canonical forms: takes a puzzle with its answer, gives a key that all its symmetric images share and no other has.
//!
//! The key is the puzzle as it stands in the lexicographically smallest pair (answer, puzzle) among all images under
//! relabelling, transposition (where boxes are square), and permutations of bands, rows, stacks and columns. For
//! puzzles with one solution, equal keys mean equivalent puzzles.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::grid::{Grid, MAX_SIDE, Side};
use super::symmetry::Turn;

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
                let rows = Rows { answer: &answer, puzzle: &puzzle, first, second, points };
                Columns::OPEN.descend(0, &rows, &mut best);
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
    fn assign(&mut self, column: usize, width: usize) {
        let stack = column / width;
        if self.slot[stack] == NONE {
            self.slot[stack] = self.slots;
            self.slots += 1;
        }
        let place = usize::from(self.slot[stack]) * width + usize::from(self.placed[stack]);
        self.placed[stack] += 1;
        self.at[place] = column as u8;
        self.place[column] = place as u8;
    }

    /// Extends the second row from place `next` on in all ways that may still be smallest.
    fn descend(&self, next: usize, rows: &Rows, best: &mut Best) {
        let (n, width) = (best.side.digits(), best.side.box_columns());
        if next == n {
            best.offer(self, rows);
            return;
        }
        let mut follow = |mut columns: Columns| {
            let target = usize::from(rows.points[usize::from(columns.at[next])]);
            if columns.place[target] == NONE {
                columns.assign(target, width);
            }
            columns.second[next] = columns.place[target];
            if columns.second[..=next] <= best.second[..=next] {
                columns.descend(next + 1, rows, best);
            }
        };
        if self.at[next] != NONE {
            follow(self.clone());
            return;
        }
        // A free place is the first one of its slot: either the slot has a stack, or any stack without one may come.
        let slot = (next / width) as u8;
        let wanted = if slot < self.slots { slot } else { NONE };
        for column in
            (0..n).filter(|column| self.place[*column] == NONE && self.slot[column / width] == wanted)
        {
            let mut columns = self.clone();
            columns.assign(column, width);
            follow(columns);
        }
    }
}

impl Best {
    /// Takes the image under `columns` if it is smaller than the best one.
    fn offer(&mut self, columns: &Columns, rows: &Rows) {
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
        let image = |of: &[u8], cell: usize| {
            label[usize::from(of[order[cell / n] * n + usize::from(columns.at[cell % n])])]
        };
        let cells = self.side.cells();
        let mut against = if self.answer.is_empty() { Ordering::Less } else { Ordering::Equal };
        for (of, known) in [(rows.answer, &mut self.answer), (rows.puzzle, &mut self.puzzle)] {
            if against == Ordering::Equal {
                against = (0..cells).map(|cell| image(of, cell)).cmp(known.iter().copied());
            }
            if against == Ordering::Less {
                known.clear();
                known.extend((0..cells).map(|cell| image(of, cell)));
            }
        }
    }
}

/// Puzzles told apart up to symmetry; each class keeps the number of its first member.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    seen: HashMap<Box<[u8]>, usize>,
}

impl Classes {
    /// The number under which an equivalent puzzle came in, if one did; otherwise the puzzle comes in as `number`.
    pub fn insert(&mut self, puzzle: &Grid, answer: &Grid, number: usize) -> Option<usize> {
        let key = canonical(puzzle, answer)?.into_boxed_slice();
        match self.seen.entry(key) {
            std::collections::hash_map::Entry::Occupied(known) => Some(*known.get()),
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(number);
                None
            }
        }
    }

    /// The number of an equivalent puzzle, if one came in.
    pub fn find(&self, puzzle: &Grid, answer: &Grid) -> Option<usize> {
        self.seen.get(canonical(puzzle, answer)?.as_slice()).copied()
    }
}
