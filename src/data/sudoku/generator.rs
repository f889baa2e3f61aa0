//! Making puzzles: takes a side, bounds and a seed, gives inequivalent puzzles with exactly one solution each.
//!
//! Every attempt has its own draws, numbered from 0, so the outcome depends on the seed alone.

use std::collections::{BTreeMap, BTreeSet};

use super::Pairs;
use super::canonical::{Classes, canonical};
use super::grid::{Grid, Side};
use super::solver::{self, Search, State, Stuck};
use super::symmetry::Symmetry;
use crate::data::{CountRange, Purpose, Refused};
use crate::random::Draws;

/// What puzzles are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The side.
    pub side: Side,
    /// How many cells are given. `CountRange::Any` asks for puzzles that lose their uniqueness with any given.
    pub givens: CountRange,
    /// The rating of `solver::rating`, in the orientation in which the puzzle comes.
    pub rating: CountRange,
}

impl Wanted {
    /// Puzzles with so many cells per row, within these bounds.
    ///
    /// # Errors
    /// A side that is not made here; givens that no puzzle with one solution has.
    pub fn new(side: usize, givens: CountRange, rating: CountRange) -> Result<Wanted, Refused> {
        let Some(side) = Side::new(side) else {
            let what = format!("puzzles of side {side} are not made here");
            return Err(Refused { setting: "side", what, fix: "use 4, 6, 8, 9, 10, 12 or 16".to_owned() });
        };
        let (n, cells, fewest) = (side.digits(), side.cells(), side.fewest_givens());
        let what = match givens {
            CountRange::Between(low, _) if low > cells as u64 => {
                format!("a {n}x{n} grid has only {cells} cells")
            }
            CountRange::Between(_, high) if high < fewest as u64 => {
                format!("no {n}x{n} puzzle with fewer than {fewest} givens has one solution")
            }
            _ => return Ok(Wanted { side, givens, rating }),
        };
        Err(Refused { setting: "givens", what, fix: format!("ask for {fewest} to {cells}") })
    }
}

/// What came of a request.
#[derive(Clone, Debug)]
pub struct Made {
    /// The puzzles, no two of them equivalent; fewer than asked for if there are no more, or none were found.
    pub pairs: Pairs,
    /// The rating of each, as [`solver::rating`] counts.
    pub ratings: Vec<u64>,
    /// What was searched.
    pub searched: Searched,
}

/// How the puzzles were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Searched {
    /// All classes of puzzles with the givens asked for were listed; this is their number.
    All(usize),
    /// So many random puzzles were made.
    Attempts(u64),
}

/// Attempts without a new puzzle after which the search gives up: some ten minutes of them. One at 16x16 takes a second, at
/// 12x12 a thirtieth of it.
fn patience(side: Side) -> u64 {
    if side.digits() <= 12 { 20_000 } else { 1_000 }
}

/// Guesses that one search may take. Up to 9x9 every search ends by itself; beyond, a few take longer than a lifetime, and
/// one that is given up leaves a given in place or the puzzle out, so that solutions stay the only ones.
fn effort(side: Side) -> u64 {
    if side.digits() <= 9 { u64::MAX } else { 1_000 }
}

/// First rows tried for one finished grid; up to 9x9 the first will do.
const BEGINNINGS: usize = 100;

/// Guesses that solving a puzzle beyond 9x9 may take.
const LONGEST: u64 = 20_000;

/// Makes up to `count` inequivalent puzzles.
pub fn make(wanted: &Wanted, count: usize, seed: u64) -> Made {
    match wanted.side {
        Side::Four => choose(wanted, count, seed),
        _ => search(wanted, count, seed),
    }
}

/// Draws from the list of all 4x4 puzzles and turns each by a random symmetry.
fn choose(wanted: &Wanted, count: usize, seed: u64) -> Made {
    let mut all = every_four(wanted.givens);
    let searched = Searched::All(all.len());
    Purpose::Generate.draws(seed, 0, 0).shuffle(&mut all);
    let (mut pairs, mut ratings) = (Pairs::new(Side::Four), Vec::new());
    for (index, (question, answer)) in all.iter().enumerate() {
        if pairs.len() >= count {
            break;
        }
        let turn = Symmetry::random(Side::Four, &mut Purpose::Generate.draws(seed, index as u64, 1));
        let question = turn.apply(question);
        if let Some(rating) = rated(wanted, &question) {
            pairs.push(&question, &turn.apply(answer));
            ratings.push(rating);
        }
    }
    Made { pairs, ratings, searched }
}

/// Makes random puzzles until there are enough or no new one turns up.
fn search(wanted: &Wanted, count: usize, seed: u64) -> Made {
    let (mut pairs, mut ratings) = (Pairs::new(wanted.side), Vec::new());
    let mut classes = Classes::default();
    let (mut attempts, mut last) = (0, 0);
    while pairs.len() < count && attempts - last < patience(wanted.side) {
        let made = attempt(wanted, &mut Purpose::Generate.draws(seed, attempts, 0));
        attempts += 1;
        if let Some((question, answer, rating)) = made
            && classes.find(&pairs, &question, &answer).is_none()
        {
            classes.note(pairs.len(), &question, &answer);
            pairs.push(&question, &answer);
            ratings.push(rating);
            last = attempts;
        }
    }
    Made { pairs, ratings, searched: Searched::Attempts(attempts) }
}

/// One random puzzle with its answer and its rating, if it keeps within the bounds.
fn attempt(wanted: &Wanted, chance: &mut Draws) -> Option<(Grid, Grid, u64)> {
    let answer = full(wanted.side, chance)?;
    let fewest = match wanted.givens {
        CountRange::Any => 0,
        CountRange::Between(low, high) => {
            let high = high.min(wanted.side.cells() as u64);
            (low + chance.below(high.saturating_sub(low) as usize + 1) as u64) as usize
        }
    };
    let question = dig(&answer, fewest, chance);
    if !wanted.givens.holds(question.givens() as u64) {
        return None;
    }
    let rating = rated(wanted, &question)?;
    Some((question, answer, rating))
}

/// The rating of a puzzle, if it is one that is wanted.
fn rated(wanted: &Wanted, question: &Grid) -> Option<u64> {
    let most = if wanted.side.digits() <= 9 { u64::MAX } else { LONGEST };
    solver::rating_within(question, most).filter(|rating| wanted.rating.holds(*rating))
}

/// A random finished grid: a depth-first search whose values come in random order. Not uniform over all grids.
pub fn full(side: Side, chance: &mut Draws) -> Option<Grid> {
    (0..BEGINNINGS).find_map(|_| {
        let mut top: Vec<u8> = (1..=side.digits() as u8).collect();
        chance.shuffle(&mut top);
        let start = Grid::from_fn(side, |cell| top.get(cell).copied().unwrap_or(0));
        fill(State::of(&start).ok()?, chance, &mut effort(side))
    })
}

/// Takes at most `left` guesses.
fn fill(mut state: State, chance: &mut Draws, left: &mut u64) -> Option<Grid> {
    if state.propagate().is_err() {
        return None;
    }
    let Some((cell, open)) = state.narrowest() else {
        return Some(state.grid());
    };
    let mut digits: Vec<_> = solver::digits(open).collect();
    chance.shuffle(&mut digits);
    digits.into_iter().find_map(|digit| {
        *left = left.checked_sub(1)?;
        let mut next = state.clone();
        next.put(cell, digit).ok()?;
        fill(next, chance, left)
    })
}

/// Clears cells in random order as long as the solution stays the only one, as far as [`effort`] goes to prove it, down to
/// `fewest` givens.
pub fn dig(answer: &Grid, fewest: usize, chance: &mut Draws) -> Grid {
    let mut order: Vec<usize> = (0..answer.side().cells()).collect();
    chance.shuffle(&mut order);
    let mut left = answer.givens();
    let mut puzzle = answer.clone();
    for cell in order {
        if left <= fewest {
            break;
        }
        let dug = puzzle.clone().without(cell);
        if forced(&dug, cell, answer.cells()[cell]) {
            puzzle = dug;
            left -= 1;
        }
    }
    puzzle
}

/// Whether a blank cell holds `digit` in every solution.
fn forced(puzzle: &Grid, cell: usize, digit: u8) -> bool {
    let other = || -> Result<Search, Stuck> {
        let mut state = State::of(puzzle)?;
        state.forbid(cell, 1 << (digit - 1))?;
        Ok(Search::from(state, 1, effort(puzzle.side())))
    };
    other().map_or(true, |search| search.found.is_empty() && !search.gave_up())
}

/// Classes of 4x4 puzzles with one solution, by number of givens.
const FOUR: [usize; 17] = [0, 0, 0, 0, 13, 96, 376, 711, 1040, 980, 788, 414, 210, 56, 22, 2, 2];
/// Of these, the ones that lose uniqueness with any given.
const FOUR_MINIMAL: usize = 36;

/// How many puzzles [`every_four`] lists, without listing them.
pub fn count_four(givens: CountRange) -> usize {
    match givens {
        CountRange::Any => FOUR_MINIMAL,
        CountRange::Between(..) => {
            (0..).zip(FOUR).filter(|(number, _)| givens.holds(*number)).map(|(_, count)| count).sum()
        }
    }
}

/// One puzzle with one solution of every class of 4x4 puzzles with so many givens (`CountRange::Any`: of every class that
/// loses uniqueness with any given), with its answer, in the order of canonical forms.
///
/// There are 288 finished grids in 2 classes. A choice of givens has one solution if no other finished grid agrees
/// with the answer on all of them.
pub fn every_four(givens: CountRange) -> Vec<(Grid, Grid)> {
    const CELLS: usize = Side::Four.cells();
    let grids = solver::solutions(&Grid::blank(Side::Four), 288);
    let mut kinds = BTreeSet::new();
    let mut classes = BTreeMap::new();
    for answer in &grids {
        if !kinds.insert(canonical(answer, answer)) {
            continue;
        }
        let agree = |other: &Grid| -> u16 {
            (0..CELLS).filter(|&cell| answer.cells()[cell] == other.cells()[cell]).map(|cell| 1 << cell).sum()
        };
        let others: Vec<u16> = grids.iter().filter(|other| *other != answer).map(agree).collect();
        let unique = |chosen: u16| others.iter().all(|same| chosen & !same != 0);
        let minimal =
            |chosen: u16| (0..CELLS).all(|cell| chosen >> cell & 1 == 0 || !unique(chosen & !(1 << cell)));
        for chosen in 0..=u16::MAX {
            let fits = givens.holds(u64::from(chosen.count_ones())) && unique(chosen);
            if !fits || givens == CountRange::Any && !minimal(chosen) {
                continue;
            }
            let question =
                Grid::from_fn(
                    Side::Four,
                    |cell| if chosen >> cell & 1 == 1 { answer.cells()[cell] } else { 0 },
                );
            if let Some(key) = canonical(&question, answer) {
                classes.entry(key).or_insert_with(|| (question, answer.clone()));
            }
        }
    }
    classes.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_four_by_fours_are_the_listed_ones() {
        let listed = |givens| every_four(givens).len();
        let by_givens: Vec<usize> =
            (0..=16).map(|number| listed(CountRange::Between(number, number))).collect();
        assert_eq!(by_givens, FOUR);
        assert_eq!(listed(CountRange::Any), FOUR_MINIMAL);
    }
}
