//! What the tests of the kernels share: seeded numbers, storage of both kinds, bounds on rounding errors.
#![allow(dead_code, reason = "each test uses some of it")]

use totc_kernels::{Element, bf16};

/// Numbers of a seed (SplitMix64).
pub struct Draw(pub u64);

impl Draw {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From -1 to 1.
    pub fn number(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % end as u64) as usize
    }

    pub fn numbers<T: Element + FromFloat>(&mut self, count: usize) -> Vec<T> {
        (0..count).map(|_| T::of(self.number())).collect()
    }
}

/// Storage of both kinds, from a float and to one.
pub trait FromFloat {
    /// Half the distance from 1 to the next number.
    const ROUNDING: f64;
    fn of(value: f32) -> Self;
    fn value(self) -> f64;
}

impl FromFloat for f32 {
    const ROUNDING: f64 = 1.0 / (1 << 24) as f64;
    fn of(value: f32) -> f32 {
        value
    }
    fn value(self) -> f64 {
        f64::from(self)
    }
}

impl FromFloat for bf16 {
    const ROUNDING: f64 = 1.0 / 256.0;
    fn of(value: f32) -> bf16 {
        bf16::from_f32(value)
    }
    fn value(self) -> f64 {
        self.to_f64()
    }
}

/// Rounding of float32.
pub const EPS: f64 = 1.0 / (1 << 24) as f64;

/// Asserts that `got` is within `bound` of `wanted`.
#[track_caller]
pub fn near(got: f64, wanted: f64, bound: f64, what: impl std::fmt::Display) {
    // Near the smallest normal number, about 1e-38, functions may end in zero.
    let bound = bound + 1e-36;
    assert!(
        (got - wanted).abs() <= bound,
        "{what}: {got} is {:e} from {wanted}, more than {bound:e}",
        got - wanted
    );
}
