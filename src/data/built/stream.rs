//! The order of training on groups: takes a seed and a position, gives the example to visit there.
//!
//! As in `puzzle_dataset.py` of TinyRecursiveModels, an epoch goes through the groups in a random order, draws one
//! puzzle of each group uniformly, and visits that puzzle's examples in random order, each once. What differs:
//!
//! - Draws are ChaCha words of seed, epoch and place instead of one Philox sequence (and an unseeded global generator for
//!   the examples), so that any position can be found without going through those before it: that is what makes a
//!   resumed run bit-identical and lets any number of threads prepare rows.
//! - The groups of all sets and folders are mixed, where the loader goes through one set after the other.
//! - The loader cuts a puzzle's examples off at the end of a batch (`min(size, room)`) and drops a last incomplete batch;
//!   here rows go to samples that have halted, there is no end of a batch, and nothing is cut off or dropped.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::part::Part;
use crate::data::Purpose;
use crate::random::SPLITMIX_STEP;

/// One step of a training stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Which part.
    pub part: usize,
    /// Which of its puzzles.
    pub puzzle: usize,
    /// Which of its examples, numbered within the part.
    pub example: usize,
}

/// Epoch after epoch over the groups of several parts, addressable by position.
#[derive(Debug)]
pub struct GroupStream {
    /// Number of groups of all parts before each part.
    before: Vec<usize>,
    groups: usize,
    /// Examples of an epoch, if every puzzle of a group has equally many: then no epoch depends on its draws.
    steady: Option<u64>,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    /// The epochs visited last: two, since threads that work ahead straddle a border.
    epochs: VecDeque<Arc<Epoch>>,
    /// Where epochs begin, of one seed; grows as far as it is asked for. Unused where epochs are steady.
    starts: (u64, Vec<u64>),
}

#[derive(Debug)]
struct Epoch {
    seed: u64,
    number: u64,
    /// Part and puzzle of each place.
    puzzles: Vec<(u32, u32)>,
    /// Examples up to and including each place.
    ends: Vec<u64>,
}

impl GroupStream {
    /// A stream over the groups of `parts`, of which at least one has groups.
    pub fn new(parts: &[Part]) -> GroupStream {
        let mut groups = 0;
        let mut before = Vec::new();
        for part in parts {
            before.push(groups);
            groups += part.groups();
        }
        let mut steady = Some(0);
        for part in parts {
            for group in 0..part.groups() {
                let mut sizes = part.puzzles_of(group).map(|puzzle| part.examples_of(puzzle).len());
                let first = sizes.next().unwrap_or(0);
                let same = sizes.all(|size| size == first);
                steady = steady.filter(|_| same).map(|sum| sum + first as u64);
            }
        }
        GroupStream { before, groups, steady, memory: Mutex::default() }
    }

    /// Position `k` of the stream of `seed` over the same parts: a pure function of the two.
    pub fn visit(&self, parts: &[Part], seed: u64, k: u64) -> Visit {
        let (number, offset) = match self.steady {
            Some(length) => (k / length.max(1), k % length.max(1)),
            None => self.found(parts, seed, k),
        };
        let epoch = self.epoch(parts, seed, number);
        let place = epoch.ends.partition_point(|end| *end <= offset);
        let (part, puzzle) =
            epoch.puzzles.get(place).map_or((0, 0), |(part, puzzle)| (*part as usize, *puzzle as usize));
        let start = place.checked_sub(1).map_or(0, |before| epoch.ends[before]);
        let examples = parts.get(part).map_or(0..1, |part| part.examples_of(puzzle));
        let within = (offset - start) as usize;
        let example = examples.start + nth(seed, number, place as u64, examples.len(), within);
        Visit { part, puzzle, example }
    }

    /// The epoch that holds position `k`, and the place in it.
    fn found(&self, parts: &[Part], seed: u64, k: u64) -> (u64, u64) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.starts.0 != seed || memory.starts.1.is_empty() {
            memory.starts = (seed, vec![0]);
        }
        while memory.starts.1.last().is_none_or(|start| *start <= k) {
            let number = memory.starts.1.len() as u64 - 1;
            let length = self.drawn(parts, seed, number).ends.last().copied().unwrap_or(0);
            let start = memory.starts.1.last().copied().unwrap_or(0);
            memory.starts.1.push(start + length.max(1));
        }
        let number = memory.starts.1.partition_point(|start| *start <= k) - 1;
        (number as u64, k - memory.starts.1[number])
    }

    fn epoch(&self, parts: &[Part], seed: u64, number: u64) -> Arc<Epoch> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let known = memory.epochs.iter().find(|epoch| epoch.seed == seed && epoch.number == number);
        if let Some(epoch) = known {
            return Arc::clone(epoch);
        }
        let epoch = Arc::new(self.drawn(parts, seed, number));
        memory.epochs.push_back(Arc::clone(&epoch));
        if memory.epochs.len() > 2 {
            memory.epochs.pop_front();
        }
        epoch
    }

    fn drawn(&self, parts: &[Part], seed: u64, number: u64) -> Epoch {
        let mut order: Vec<u32> = (0..self.groups as u32).collect();
        Purpose::Epoch.draws(seed, number, 0).shuffle(&mut order);
        let mut chance = Purpose::Copy.draws(seed, number, 0);
        let mut sum = 0;
        let mut epoch = Epoch {
            seed,
            number,
            puzzles: Vec::with_capacity(order.len()),
            ends: Vec::with_capacity(order.len()),
        };
        for group in order {
            let part = self.before.partition_point(|before| *before <= group as usize).saturating_sub(1);
            let (Some(from), Some(rows)) = (self.before.get(part), parts.get(part)) else { continue };
            let puzzles = rows.puzzles_of(group as usize - from);
            let puzzle = puzzles.start + chance.below(puzzles.len());
            sum += rows.examples_of(puzzle).len() as u64;
            epoch.puzzles.push((part as u32, puzzle as u32));
            epoch.ends.push(sum);
        }
        epoch
    }
}

/// Entry `at` of a random order of `n` things that belongs to one place of one epoch.
fn nth(seed: u64, epoch: u64, place: u64, n: usize, at: usize) -> usize {
    if n < 2 {
        return 0;
    }
    let mut chance = Purpose::Examples.draws(seed, epoch, place);
    if n <= SMALL {
        let mut order: Vec<u32> = (0..n as u32).collect();
        chance.shuffle(&mut order);
        return order.get(at).map_or(0, |entry| *entry as usize);
    }
    // Too many to shuffle for each entry: a random bijection of the next power of four, iterated until it lands
    // below `n` (format-preserving encryption by cycle walking, Black and Rogaway 2002).
    let half = (n.ilog2() / 2) + 1;
    let keys: [u64; 4] = std::array::from_fn(|_| chance.bits());
    let mask = (1_u64 << half) - 1;
    let mut entry = at as u64;
    loop {
        for key in keys {
            let (left, right) = (entry >> half, entry & mask);
            let mixed = (right ^ key).wrapping_mul(SPLITMIX_STEP).rotate_left(29).wrapping_mul(key | 1);
            entry = (right << half) | (left ^ (mixed >> 17) & mask);
        }
        if (entry as usize) < n {
            return entry as usize;
        }
    }
}

/// Puzzles of up to so many examples are shuffled whole.
const SMALL: usize = 64;

#[cfg(test)]
mod tests {
    use super::nth;

    #[test]
    fn every_example_of_a_puzzle_comes_once() {
        for n in [1, 2, 5, 64, 65, 100, 1000, 4096, 5000] {
            let mut seen: Vec<usize> = (0..n).map(|at| nth(3, 4, 5, n, at)).collect();
            let in_order = seen.windows(2).filter(|pair| pair[1] == pair[0] + 1).count();
            assert!(n < 5 || in_order < n / 2, "{n} examples come in order");
            seen.sort_unstable();
            assert_eq!(seen, (0..n).collect::<Vec<_>>());
        }
    }
}
