//! Solving Zebra puzzles: takes clues, gives solutions up to a limit and the guesses that it took; each value has a set of
//! houses where it may be, which the clues narrow.

use super::clue::{Clue, Item, Sizes};

/// What a search has found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The value of each attribute (rows) in each house (columns), `[attributes * houses]` each.
    pub solutions: Vec<Vec<usize>>,
    /// Values tried where the rules left several houses.
    pub guesses: u64,
    /// Whether it took more guesses than it may, so that there may be further solutions.
    pub gave_up: bool,
}

/// Searches for at most `limit` solutions by at most `most` guesses; values are tried in the order of their houses.
pub fn solve(sizes: Sizes, clues: &[Clue], limit: usize, most: u64) -> Found {
    let all = (u32::MAX >> (32 - sizes.houses.clamp(1, 32))) as u16;
    let mut found = Found::default();
    let state = State { sizes, open: vec![all; sizes.houses * sizes.attributes] };
    Search { clues, limit, most }.descend(state, &mut found);
    found
}

struct Search<'a> {
    clues: &'a [Clue],
    limit: usize,
    most: u64,
}

/// For each value (attribute by attribute) the houses where it may be, as bits.
#[derive(Clone)]
struct State {
    sizes: Sizes,
    open: Vec<u16>,
}

/// The clues cannot all hold.
struct Stuck;

impl Search<'_> {
    fn descend(&self, mut state: State, found: &mut Found) {
        if state.propagate(self.clues).is_err() {
            return;
        }
        let unsettled = (0..state.open.len()).filter(|&at| state.open[at].count_ones() > 1);
        let Some(at) = unsettled.min_by_key(|&at| state.open[at].count_ones()) else {
            found.solutions.push(state.solution());
            return;
        };
        for house in (0..state.sizes.houses).filter(|house| state.open[at] >> house & 1 == 1) {
            if found.guesses >= self.most {
                found.gave_up = true;
            }
            if found.gave_up || found.solutions.len() >= self.limit {
                return;
            }
            let mut next = state.clone();
            next.open[at] = 1 << house;
            found.guesses += 1;
            self.descend(next, found);
        }
    }
}

impl State {
    /// Narrows until nothing changes.
    fn propagate(&mut self, clues: &[Clue]) -> Result<(), Stuck> {
        loop {
            let before = self.open.clone();
            clues.iter().for_each(|clue| self.follow(clue));
            for attribute in 0..self.sizes.attributes {
                self.once_each(attribute);
            }
            if self.open.contains(&0) {
                return Err(Stuck);
            }
            if self.open == before {
                return Ok(());
            }
        }
    }

    fn follow(&mut self, clue: &Clue) {
        match *clue {
            Clue::At(item, house) => self.narrow(item, 1 << house),
            Clue::Same(a, b) => {
                let both = self.of(a) & self.of(b);
                self.narrow(a, both);
                self.narrow(b, both);
            }
            Clue::Next(a, b) => {
                let beside = |houses: u16| houses << 1 | houses >> 1;
                self.narrow(a, beside(self.of(b)));
                self.narrow(b, beside(self.of(a)));
            }
            Clue::Left(a, b) => {
                self.narrow(a, self.of(b) >> 1);
                self.narrow(b, self.of(a) << 1);
            }
            Clue::Before(a, b) => {
                // Left of the last house where b may be, and right of the first where a may be.
                let last = self.of(b).checked_ilog2().unwrap_or(0);
                self.narrow(a, (1_u16 << last) - 1);
                let first = self.of(a).trailing_zeros().min(15);
                self.narrow(b, u16::MAX << first << 1);
            }
        }
    }

    /// The values of an attribute are in different houses, and each house has one.
    fn once_each(&mut self, attribute: usize) {
        let houses = self.sizes.houses;
        let from = attribute * houses;
        for at in from..from + houses {
            let settled = self.open[at];
            if settled.is_power_of_two() {
                (from..from + houses)
                    .filter(|&other| other != at)
                    .for_each(|other| self.open[other] &= !settled);
            }
        }
        for house in 0..houses {
            let mut places = (from..from + houses).filter(|&at| self.open[at] >> house & 1 == 1);
            match (places.next(), places.next()) {
                (Some(only), None) => self.open[only] = 1 << house,
                (None, _) => self.open[from] = 0,
                _ => {}
            }
        }
    }

    fn of(&self, item: Item) -> u16 {
        self.open[item.attribute * self.sizes.houses + item.value]
    }

    fn narrow(&mut self, item: Item, to: u16) {
        self.open[item.attribute * self.sizes.houses + item.value] &= to;
    }

    fn solution(&self) -> Vec<usize> {
        let houses = self.sizes.houses;
        let mut solution = vec![0; self.open.len()];
        for (at, houses_of) in self.open.iter().enumerate() {
            solution[at / houses * houses + houses_of.trailing_zeros() as usize] = at % houses;
        }
        solution
    }
}
