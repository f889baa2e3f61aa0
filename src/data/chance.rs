//! Seeded randomness: takes a seed, a purpose and two indices, gives draws that depend on nothing else.
//!
//! The draws are spelled out here over the raw ChaCha words, so a new release of `rand` cannot change a data set.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What draws are for; equal seeds give unrelated draws for different purposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The order of puzzles within an epoch.
    Epoch = 1,
    /// Which copy of a puzzle an epoch visits.
    Copy = 2,
    /// The transform that makes a copy.
    Transform = 3,
    /// Making a puzzle.
    Generate = 4,
    /// Choosing rows of a training file.
    ChooseTrain = 5,
    /// Choosing rows of a test file.
    ChooseTest = 6,
    /// The order of a puzzle's examples.
    Examples = 7,
    /// The symmetries under which a test example is seen.
    View = 8,
    /// Where the windows of an epoch begin in a text.
    Phase = 9,
}

/// A source of draws.
#[derive(Clone, Debug)]
pub struct Chance(ChaCha8Rng);

impl Chance {
    /// The draws of `seed` for one purpose; `a` and `b` number the streams within it.
    pub fn new(seed: u64, purpose: Purpose, a: u64, b: u64) -> Chance {
        let mut key = [0; 32];
        for (bytes, word) in key.chunks_exact_mut(8).zip([seed, purpose as u64, a, b]) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Chance(ChaCha8Rng::from_seed(key))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `n`, which must not be 0; its bias is below `n` / 2^64.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// Puts `items` into a random order (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
