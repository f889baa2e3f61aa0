//! Solving: takes a grid, gives solutions, their number up to a limit, and a rating; never guesses at random.

use super::grid::{Grid, MAX_CELLS, MAX_SIDE, Mask, Side};

/// The first solution in the order of the search.
pub fn solve(puzzle: &Grid) -> Option<Grid> {
    solutions(puzzle, 1).pop()
}

/// Solutions in the order of the search, at most `limit`.
pub fn solutions(puzzle: &Grid, limit: usize) -> Vec<Grid> {
    Search::of(puzzle, limit, u64::MAX).found
}

/// Number of solutions, counted up to `limit`.
pub fn count(puzzle: &Grid, limit: usize) -> usize {
    solutions(puzzle, limit).len()
}

/// Number of guesses until the first solution; none if there is no solution.
///
/// The rule is that of `sudoku_rate.cpp`, which made the rating column of our files: naked and hidden singles to a
/// fixpoint, then branch on the blank cell with the fewest candidates (the first of them), values ascending; every
/// value tried is one guess. The count depends on how the puzzle is turned.
pub fn rating(puzzle: &Grid) -> Option<u64> {
    rating_within(puzzle, u64::MAX)
}

/// As [`rating`]; none also where more than `most` guesses would be needed.
pub fn rating_within(puzzle: &Grid, most: u64) -> Option<u64> {
    let search = Search::of(puzzle, 1, most);
    search.found.first().map(|_| search.guesses)
}

/// A position in the search.
#[derive(Clone)]
pub(super) struct State {
    side: Side,
    left: usize,
    /// Open candidates of each blank cell; 0 for filled ones.
    open: [Mask; MAX_CELLS],
    /// Value of each cell, 0 while blank.
    value: [u8; MAX_CELLS],
    /// Blank cells with one candidate, yet to be filled.
    single: [u8; MAX_CELLS],
    singles: usize,
}

/// The grid breaks a rule or cannot be finished.
pub(super) struct Stuck;

impl State {
    /// The position of a grid, with its digits' direct consequences.
    pub(super) fn of(grid: &Grid) -> Result<State, Stuck> {
        let side = grid.side();
        let mut state = State {
            side,
            left: side.cells(),
            open: [0; MAX_CELLS],
            value: [0; MAX_CELLS],
            single: [0; MAX_CELLS],
            singles: 0,
        };
        state.open[..side.cells()].fill(side.all());
        for (cell, &digit) in grid.cells().iter().enumerate() {
            if digit != 0 {
                state.put(cell, 1 << (digit - 1))?;
            }
        }
        Ok(state)
    }

    /// Takes candidates away from a blank cell.
    pub(super) fn forbid(&mut self, cell: usize, digits: Mask) -> Result<(), Stuck> {
        let before = self.open[cell];
        let after = before & !digits;
        if before == after {
            return Ok(());
        }
        self.open[cell] = after;
        if after == 0 {
            return Err(Stuck);
        }
        if after.is_power_of_two() {
            self.single[self.singles] = cell as u8;
            self.singles += 1;
        }
        Ok(())
    }

    /// Fills a blank cell with the digit of a one-bit mask.
    pub(super) fn put(&mut self, cell: usize, digit: Mask) -> Result<(), Stuck> {
        if self.open[cell] & digit == 0 {
            return Err(Stuck);
        }
        self.open[cell] = 0;
        self.value[cell] = digit.trailing_zeros() as u8 + 1;
        self.left -= 1;
        for &peer in &self.side.shape().peers[cell] {
            self.forbid(usize::from(peer), digit)?;
        }
        Ok(())
    }

    /// Fills in naked and hidden singles until none is left.
    pub(super) fn propagate(&mut self) -> Result<(), Stuck> {
        loop {
            while self.singles > 0 {
                self.singles -= 1;
                let cell = usize::from(self.single[self.singles]);
                if self.value[cell] == 0 {
                    self.put(cell, self.open[cell])?;
                }
            }
            if self.left == 0 {
                return Ok(());
            }
            let before = self.left;
            for unit in &self.side.shape().units {
                self.hidden(unit)?;
            }
            if self.left == before && self.singles == 0 {
                return Ok(());
            }
        }
    }

    /// Fills the digits that have a single place left in a unit.
    fn hidden(&mut self, unit: &[u8]) -> Result<(), Stuck> {
        let (mut once, mut more, mut have) = (0, 0, 0);
        for &cell in unit {
            let open = self.open[usize::from(cell)];
            more |= once & open;
            once |= open;
            let digit = self.value[usize::from(cell)];
            if digit != 0 {
                have |= 1 << (digit - 1);
            }
        }
        if once | have != self.side.all() {
            return Err(Stuck);
        }
        let mut only = once & !more;
        for &cell in unit {
            if only == 0 {
                break;
            }
            let digit = self.open[usize::from(cell)] & only;
            if digit != 0 {
                if !digit.is_power_of_two() {
                    return Err(Stuck);
                }
                self.put(usize::from(cell), digit)?;
                only &= !digit;
            }
        }
        Ok(())
    }

    /// After `propagate`: the blank cell with the fewest candidates, the first of them; none when all are filled.
    pub(super) fn narrowest(&self) -> Option<(usize, Mask)> {
        let mut best = None;
        let mut fewest = MAX_SIDE as u32 + 1;
        for (cell, &open) in self.open[..self.side.cells()].iter().enumerate() {
            let candidates = open.count_ones();
            if candidates != 0 && candidates < fewest {
                fewest = candidates;
                best = Some((cell, open));
                if candidates == 2 {
                    break;
                }
            }
        }
        best
    }

    /// The values as a grid.
    pub(super) fn grid(&self) -> Grid {
        Grid::from_fn(self.side, |cell| self.value[cell])
    }
}

/// The single digits of a mask, ascending.
pub(super) fn digits(mask: Mask) -> impl Iterator<Item = Mask> {
    (0..MAX_SIDE).map(|bit| 1 << bit).filter(move |digit| mask & digit != 0)
}

/// A depth-first search and what it has found.
pub(super) struct Search {
    pub(super) guesses: u64,
    pub(super) found: Vec<Grid>,
    limit: usize,
    most: u64,
}

impl Search {
    fn of(puzzle: &Grid, limit: usize, most: u64) -> Search {
        match State::of(puzzle) {
            Ok(state) => Search::from(state, limit, most),
            Err(Stuck) => Search { guesses: 0, found: Vec::new(), limit, most },
        }
    }

    /// Searches below a position for at most `limit` solutions, by at most `most` guesses.
    pub(super) fn from(state: State, limit: usize, most: u64) -> Search {
        let mut search = Search { guesses: 0, found: Vec::new(), limit, most };
        if limit > 0 {
            search.descend(state);
        }
        search
    }

    /// Whether it ended for want of guesses, so that there may be more than it has found.
    pub(super) fn gave_up(&self) -> bool {
        self.guesses > self.most
    }

    fn descend(&mut self, mut state: State) {
        if state.propagate().is_err() {
            return;
        }
        let Some((cell, open)) = state.narrowest() else {
            self.found.push(state.grid());
            return;
        };
        for digit in digits(open) {
            let mut next = state.clone();
            self.guesses += 1;
            if self.gave_up() {
                return;
            }
            if next.put(cell, digit).is_ok() {
                self.descend(next);
            }
            if self.found.len() >= self.limit || self.gave_up() {
                return;
            }
        }
    }
}
