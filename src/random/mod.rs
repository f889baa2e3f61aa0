//! Randomness without hidden state: takes seeds and numbers that say what a draw is for, gives bits that depend on nothing
//! else. The bits of every function here are fixed: data sets, initial weights and resumed runs rest on them.

pub mod numpy;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// 2^64 over the golden ratio: SplitMix64's step from one stream to the next (Steele et al., OOPSLA 2014).
pub const SPLITMIX_STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// FNV-1a, 64 bits: a hash that is the same in every build, which the standard library's hasher is not.
pub fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes
        .into_iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// One output of SplitMix64 from state `x`: spreads the bits of similar numbers.
pub fn splitmix64(x: u64) -> u64 {
    let x = x.wrapping_add(SPLITMIX_STEP);
    let x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// The draws of one stream: ChaCha with 8 rounds. How words become numbers is spelled out here, so that a new release of
/// `rand` cannot change a data set or a run.
#[derive(Clone, Debug)]
pub struct Draws(ChaCha8Rng);

impl Draws {
    /// The stream of a key, by convention the seed, what the draws are for, and two numbers within that; streams of
    /// different keys are unrelated.
    pub fn new(key: [u64; 4]) -> Draws {
        let mut bytes = [0; 32];
        for (bytes, word) in bytes.chunks_exact_mut(8).zip(key) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Draws(ChaCha8Rng::from_seed(bytes))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number in `0 .. 1` of 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv_1a_is_the_published_one() {
        // Vectors of the FNV reference code.
        assert_eq!(fnv1a(*b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(*b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(*b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn splitmix64_is_the_published_one() {
        // The first outputs of Vigna's splitmix64.c from seed 0.
        assert_eq!(splitmix64(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(splitmix64(SPLITMIX_STEP), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn a_stream_is_chacha8_keyed_by_its_words() {
        // ChaCha8 with an all-zero key, first block (test vector TC1 of draft-strombergson-chacha-test-vectors).
        assert_eq!(Draws::new([0; 4]).bits().to_le_bytes(), [0x3e, 0x00, 0xef, 0x2f, 0x89, 0x5f, 0x40, 0xd6]);
    }
}
