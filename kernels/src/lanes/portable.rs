//! Sixteen floats in plain Rust, for any processor: the meaning that the other forms are tested against.

use super::{Lanes, WIDTH};

/// An array, which the compiler may put into whatever vectors the target has.
#[derive(Clone, Copy)]
pub(crate) struct Portable([f32; WIDTH]);

impl Portable {
    #[inline(always)]
    fn each(self, function: impl Fn(f32) -> f32) -> Portable {
        Portable(std::array::from_fn(|lane| function(self.0[lane])))
    }

    #[inline(always)]
    fn both(self, other: Portable, function: impl Fn(f32, f32) -> f32) -> Portable {
        Portable(std::array::from_fn(|lane| function(self.0[lane], other.0[lane])))
    }

    #[inline(always)]
    fn ask(self, other: Portable, question: impl Fn(f32, f32) -> bool) -> [bool; WIDTH] {
        std::array::from_fn(|lane| question(self.0[lane], other.0[lane]))
    }

    #[inline(always)]
    fn fold(self, function: impl Fn(f32, f32) -> f32) -> f32 {
        let mut lanes = self.0;
        for half in [8, 4, 2, 1] {
            for lane in 0..half {
                lanes[lane] = function(lanes[lane], lanes[lane + half]);
            }
        }
        lanes[0]
    }
}

/// 2^n for whole n in -126..=127.
fn power_of_two(n: f32) -> f32 {
    f32::from_bits(((n as i32 + 127) as u32) << 23)
}

impl Lanes for Portable {
    type Mask = [bool; WIDTH];

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Portable([value; WIDTH])
    }
    #[inline(always)]
    fn load(from: &[f32; WIDTH]) -> Self {
        Portable(*from)
    }
    #[inline(always)]
    fn store(self, to: &mut [f32; WIDTH]) {
        *to = self.0;
    }
    #[inline(always)]
    fn widen(from: &[u16; WIDTH]) -> Self {
        Portable(std::array::from_fn(|lane| f32::from_bits(u32::from(from[lane]) << 16)))
    }
    #[inline(always)]
    fn narrow(self, to: &mut [u16; WIDTH]) {
        for (to, value) in to.iter_mut().zip(self.0) {
            let bits = value.to_bits();
            let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
            let bits = if value.is_nan() { bits | 0x0040_0000 } else { rounded };
            *to = (bits >> 16) as u16;
        }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.both(other, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.both(other, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.both(other, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.both(other, |a, b| a / b)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.each(f32::sqrt)
    }
    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        // Where the target has no such instruction, `mul_add` is a slow call.
        if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
            return Portable(std::array::from_fn(|lane| self.0[lane].mul_add(b.0[lane], c.0[lane])));
        }
        self.mul(b).add(c)
    }
    #[inline(always)]
    fn least(self, other: Self) -> Self {
        self.both(other, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn most(self, other: Self) -> Self {
        self.both(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.each(f32::abs)
    }
    #[inline(always)]
    fn copysign(self, other: Self) -> Self {
        self.both(other, f32::copysign)
    }
    #[inline(always)]
    fn round(self) -> Self {
        self.each(f32::round_ties_even)
    }
    #[inline(always)]
    fn floor(self) -> Self {
        self.each(f32::floor)
    }
    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        self.both(n, |value, n| {
            let first = (n * 0.5).floor();
            value * power_of_two(first) * power_of_two(n - first)
        })
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        let mantissa = self.each(|value| f32::from_bits((value.to_bits() & 0x007f_ffff) | 0x3f80_0000));
        (mantissa, self.each(|value| ((value.to_bits() >> 23) as i32 - 127) as f32))
    }
    #[inline(always)]
    fn lt(self, other: Self) -> Self::Mask {
        self.ask(other, |a, b| a < b)
    }
    #[inline(always)]
    fn le(self, other: Self) -> Self::Mask {
        self.ask(other, |a, b| a <= b)
    }
    #[inline(always)]
    fn eq(self, other: Self) -> Self::Mask {
        self.ask(other, |a, b| a == b)
    }
    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Portable(std::array::from_fn(|lane| if mask[lane] { yes.0[lane] } else { no.0[lane] }))
    }
    #[inline(always)]
    fn sum(self) -> f32 {
        self.fold(|a, b| a + b)
    }
    #[inline(always)]
    fn largest(self) -> f32 {
        self.fold(|a, b| if a > b { a } else { b })
    }
}
