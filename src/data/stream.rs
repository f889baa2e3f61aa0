//! The order of training: takes a seed and a position, gives the puzzle and copy to visit there; holds no examples.

use std::sync::{Mutex, PoisonError};

use super::purpose::Purpose;

/// One step of a training stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Index of the training puzzle.
    pub puzzle: usize,
    /// 0 for the puzzle as it is, `1..=copies` for an augmented copy.
    pub copy: usize,
}

/// Epoch after epoch of random permutations, addressable by position.
///
/// Like the reference loader (`puzzle_dataset.py` of TinyRecursiveModels), an epoch visits each group once and
/// draws one of its `1 + copies` members uniformly.
#[derive(Debug)]
pub struct Stream {
    puzzles: usize,
    copies: usize,
    /// The order of the epoch visited last.
    latest: Mutex<Option<Epoch>>,
}

#[derive(Debug)]
struct Epoch {
    seed: u64,
    number: u64,
    order: Vec<u32>,
}

impl Stream {
    /// A stream over `puzzles` puzzles of `copies` augmented copies each; no puzzles count as one.
    pub fn new(puzzles: usize, copies: usize) -> Stream {
        Stream { puzzles: puzzles.max(1), copies, latest: Mutex::new(None) }
    }

    /// Position `k` of the stream of `seed`: a pure function of the two. The order of the latest epoch is kept, so
    /// neighbouring positions cost no new permutation.
    pub fn visit(&self, seed: u64, k: u64) -> Visit {
        let (number, place) = (k / self.puzzles as u64, (k % self.puzzles as u64) as usize);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let epoch = match latest.take() {
            Some(epoch) if epoch.seed == seed && epoch.number == number => epoch,
            _ => Epoch { seed, number, order: self.order(seed, number) },
        };
        let puzzle = epoch.order[place] as usize;
        *latest = Some(epoch);
        drop(latest);
        Visit { puzzle, copy: Purpose::Copy.draws(seed, k, 0).below(self.copies.saturating_add(1)) }
    }

    fn order(&self, seed: u64, number: u64) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.puzzles as u32).collect();
        Purpose::Epoch.draws(seed, number, 0).shuffle(&mut order);
        order
    }
}
