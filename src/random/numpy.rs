//! NumPy's legacy generator: takes a seed, gives the draws of `np.random.seed(seed)`; knows nothing of data sets.
//!
//! The reference builders draw from it, and sets built from the same seed must come out byte for byte. The algorithms
//! are those of `numpy.random.RandomState`, whose stream NumPy has frozen (NEP 19).

use rand_mt::Mt;

/// The draws of NumPy's `RandomState` over MT19937.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumpyRandom(Mt);

impl NumpyRandom {
    /// `np.random.seed(seed)`; NumPy takes no larger seeds either.
    pub fn new(seed: u32) -> NumpyRandom {
        NumpyRandom(Mt::new(seed))
    }

    /// `np.random.random_sample()`, also called `rand()`: uniform in [0, 1) with 53 random bits.
    pub fn random_sample(&mut self) -> f64 {
        let (high, low) = (self.0.next_u32() >> 5, self.0.next_u32() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }

    /// `np.random.randint(low, high)` of the default type (int64): uniform in `low..high`; `low` where that is empty.
    pub fn randint(&mut self, low: i64, high: i64) -> i64 {
        let range = high.wrapping_sub(low).wrapping_sub(1);
        if high <= low {
            return low;
        }
        low.wrapping_add(self.up_to(range as u64) as i64)
    }

    /// `np.random.randint(0, n)` for sizes and indices; 0 where `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        self.up_to((n as u64).saturating_sub(1)) as usize
    }

    /// `np.random.shuffle(items)` of a list or of an array's first axis.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.up_to(last as u64) as usize);
        }
    }

    /// `np.random.permutation(n)`.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        self.shuffle(&mut order);
        order
    }

    /// `np.random.choice(n, size=count, replace=False)`; all `n` in random order where `count` is larger.
    pub fn choice(&mut self, n: usize, count: usize) -> Vec<usize> {
        let mut chosen = self.permutation(n);
        chosen.truncate(count);
        chosen
    }

    /// Uniform in `0..=max`, by masking and rejecting; draws nothing where `max` is 0.
    fn up_to(&mut self, max: u64) -> u64 {
        if max == 0 {
            return 0;
        }
        let mask = u64::MAX >> max.leading_zeros();
        loop {
            let bits = match u32::try_from(max) {
                Ok(_) => u64::from(self.0.next_u32()),
                Err(_) => (u64::from(self.0.next_u32()) << 32) | u64::from(self.0.next_u32()),
            };
            let value = bits & mask;
            if value <= max {
                return value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every expected number was printed by NumPy 2.4.6, in this order of calls after `np.random.seed(42)`.
    #[test]
    fn draws_what_numpy_draws() {
        let mut random = NumpyRandom::new(42);
        let samples: Vec<f64> = (0..4).map(|_| random.random_sample()).collect();
        assert_eq!(samples, [0.3745401188473625, 0.9507143064099162, 0.7319939418114051, 0.5986584841970366]);
        let mut many = |low, high, n: usize| (0..n).map(|_| random.randint(low, high)).collect::<Vec<_>>();
        assert_eq!(many(0, 8, 20), [6, 1, 2, 6, 2, 2, 7, 4, 3, 7, 7, 2, 5, 4, 1, 7, 3, 5, 5, 1]);
        assert_eq!(many(3, 1000, 8), [194, 958, 279, 163, 462, 316, 24, 255]);
        assert_eq!(many(0, 1, 1), [0]);
        assert_eq!(many(0, 1 << 33, 4), [4_394_019_672, 2_253_890_010, 1_717_389_822, 4_495_394_815]);
        assert_eq!(many(0, 1 << 32, 3), [1_254_751_707, 4_182_248_123, 1_573_512_143]);
        assert_eq!(many(-5, 5, 8), [-3, 1, -2, 3, -3, -1, -3, 1]);
        assert_eq!(random.random_sample(), f64::from_bits(0x3fc5_d3bc_0735_3eb4));
        let mut colours: Vec<u8> = (1..10).collect();
        random.shuffle(&mut colours); // np.random.permutation(np.arange(1, 10))
        assert_eq!(colours, [6, 3, 5, 8, 9, 1, 4, 2, 7]);
        assert_eq!(random.permutation(10), [9, 7, 0, 2, 5, 6, 3, 1, 4, 8]);
        let mut list: Vec<i32> = (0..12).collect();
        random.shuffle(&mut list);
        assert_eq!(list, [11, 10, 4, 6, 5, 8, 9, 7, 1, 3, 0, 2]);
        let mut letters: Vec<char> = "abcdefg".chars().collect();
        random.shuffle(&mut letters);
        assert_eq!(letters, ['a', 'c', 'e', 'd', 'f', 'b', 'g']);
        let mut array: Vec<i32> = (0..8).collect();
        random.shuffle(&mut array);
        assert_eq!(array, [4, 2, 1, 0, 6, 7, 3, 5]);
        assert_eq!(random.choice(20, 6), [1, 5, 2, 19, 3, 16]);
        let with_replacement: Vec<usize> = (0..6).map(|_| random.below(20)).collect();
        assert_eq!(with_replacement, [18, 16, 7, 2, 2, 0]);
    }

    #[test]
    fn takes_the_seeds_that_numpy_takes() {
        let cases = [
            (0, [684, 559, 629, 192, 835], [0, 2, 1, 4, 3]),
            (1, [37, 235, 908, 72, 767], [0, 2, 4, 3, 1]),
            (u32::MAX, [419, 290, 12, 71, 948], [4, 1, 3, 2, 0]),
        ];
        for (seed, numbers, order) in cases {
            let mut random = NumpyRandom::new(seed);
            assert_eq!(numbers.map(|_| random.randint(0, 1000)), numbers, "seed {seed}");
            assert_eq!(random.permutation(5), order, "seed {seed}");
        }
    }

    #[test]
    fn an_empty_range_draws_nothing() {
        let mut random = NumpyRandom::new(3);
        assert_eq!((random.randint(4, 4), random.below(0), random.permutation(0)), (4, 0, Vec::new()));
        assert_eq!(random, NumpyRandom::new(3));
    }
}
