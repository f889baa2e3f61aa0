//! Zebra puzzles: houses in a row, each with one value of every attribute, and clues that leave one solution; takes sizes and a
//! seed, gives puzzles with their solutions.
//!
//! Clues are of the kinds of Einstein's riddle, which Shah et al. (arXiv:2409.10502) give to networks: a value's house, two
//! values in one house, next to each other, directly left, somewhere left. No clue can be left out of a puzzle, unless a search
//! of [`EFFORT`] guesses does not show it.

mod clue;
pub mod solver;

use std::collections::HashSet;

pub use clue::{Clue, Item, Sizes};

use super::Purpose;
use crate::random::Draws;

/// A puzzle with its only solution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zebra {
    /// Houses and attributes.
    pub sizes: Sizes,
    /// Clues of which none can be left out, in the order of drawing.
    pub clues: Vec<Clue>,
    /// The value of each attribute (rows) in each house (columns): `[attributes * houses]`.
    pub solution: Vec<usize>,
    /// Guesses that [`solver::solve`] needed; 0 where its rules are enough.
    pub guesses: u64,
}

/// Puzzle number 0, 1, … of a seed, none twice; fewer than `count` where no more turn up.
pub fn make(sizes: Sizes, count: usize, seed: u64) -> Vec<Zebra> {
    let mut known = HashSet::new();
    let mut made: Vec<Zebra> = Vec::new();
    let mut misses = 0;
    for number in 0.. {
        if made.len() >= count || misses >= PATIENCE {
            break;
        }
        let zebra = puzzle(sizes, &mut Purpose::Generate.draws(seed, number, 0));
        let mut clues = zebra.clues.clone();
        clues.sort_unstable();
        match known.insert(clues) {
            true => {
                made.push(zebra);
                misses = 0;
            }
            false => misses += 1,
        }
    }
    made
}

/// Guesses that one search may take; one that is given up counts as one that found a second solution.
pub const EFFORT: u64 = 1_000;

/// Puzzles in a row that were made before, after which there are taken to be no more.
const PATIENCE: usize = 1_000;

/// A random solution with random clues of it: added until one solution is left, then left out where they can be.
fn puzzle(sizes: Sizes, chance: &mut Draws) -> Zebra {
    let mut solution = Vec::new();
    for _ in 0..sizes.attributes {
        let mut row: Vec<usize> = (0..sizes.houses).collect();
        chance.shuffle(&mut row);
        solution.extend(row);
    }
    let mut all = true_clues(sizes, &solution);
    chance.shuffle(&mut all);
    // The fewest of the shuffled clues that are enough, by halving.
    let unique = |clues: &[Clue]| {
        let found = solver::solve(sizes, clues, 2, EFFORT);
        found.solutions.len() == 1 && !found.gave_up
    };
    let (mut few, mut enough) = (0, all.len());
    while few < enough {
        let middle = (few + enough) / 2;
        match unique(&all[..middle]) {
            true => enough = middle,
            false => few = middle + 1,
        }
    }
    all.truncate(enough);
    let mut at = all.len();
    while at > 0 {
        at -= 1;
        let left_out = all.remove(at);
        if !unique(&all) {
            all.insert(at, left_out);
        }
    }
    let guesses = solver::solve(sizes, &all, 1, EFFORT).guesses;
    Zebra { sizes, clues: all, solution, guesses }
}

/// All clues that hold in a solution. Of clues in which the order of the two does not matter, the smaller stands first.
fn true_clues(sizes: Sizes, solution: &[usize]) -> Vec<Clue> {
    let houses = sizes.houses;
    let item =
        |attribute: usize, house: usize| Item { attribute, value: solution[attribute * houses + house] };
    let mut clues = Vec::new();
    for (a, house) in (0..sizes.attributes).flat_map(|a| (0..houses).map(move |house| (a, house))) {
        let first = item(a, house);
        clues.push(Clue::At(first, house));
        for b in 0..sizes.attributes {
            if a < b {
                clues.push(Clue::Same(first, item(b, house)));
            }
            for other in house + 1..houses {
                let second = item(b, other);
                clues.push(Clue::Before(first, second));
                if other == house + 1 {
                    clues.push(Clue::Left(first, second));
                    clues.push(Clue::Next(first.min(second), first.max(second)));
                }
            }
        }
    }
    clues
}
