//! Functions of one number, written so that a compiler can compute many at once. Their errors are bounds that tests hold.

/// A number that chains compute with.
pub(super) trait Real: Copy + PartialOrd + Send + Sync + 'static {
    const ZERO: Self;
    const ONE: Self;
    const LOWEST: Self;
    const HIGHEST: Self;
    fn from64(value: f64) -> Self;
    fn to64(self) -> f64;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn neg(self) -> Self;
    fn abs(self) -> Self;
    fn sqrt(self) -> Self;
    fn floor(self) -> Self;
    fn exp(self) -> Self;
    fn log(self) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
    fn powf(self, power: Self) -> Self;
    fn is_nan(self) -> bool;

    #[inline(always)]
    fn sigmoid(self) -> Self {
        Self::ONE.div(Self::ONE.add(self.neg().exp()))
    }

    /// 1 - 2 / (1 + exp 2x) loses digits near 0, where it is an odd polynomial.
    fn tanh(self) -> Self;
}

impl Real for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const LOWEST: f64 = f64::NEG_INFINITY;
    const HIGHEST: f64 = f64::INFINITY;

    #[inline(always)]
    fn from64(value: f64) -> f64 {
        value
    }
    #[inline(always)]
    fn to64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn add(self, other: f64) -> f64 {
        self + other
    }
    #[inline(always)]
    fn sub(self, other: f64) -> f64 {
        self - other
    }
    #[inline(always)]
    fn mul(self, other: f64) -> f64 {
        self * other
    }
    #[inline(always)]
    fn div(self, other: f64) -> f64 {
        self / other
    }
    #[inline(always)]
    fn neg(self) -> f64 {
        -self
    }
    #[inline(always)]
    fn abs(self) -> f64 {
        f64::abs(self)
    }
    #[inline(always)]
    fn sqrt(self) -> f64 {
        f64::sqrt(self)
    }
    #[inline(always)]
    fn floor(self) -> f64 {
        f64::floor(self)
    }
    #[inline(always)]
    fn exp(self) -> f64 {
        f64::exp(self)
    }
    #[inline(always)]
    fn log(self) -> f64 {
        f64::ln(self)
    }
    #[inline(always)]
    fn sin(self) -> f64 {
        f64::sin(self)
    }
    #[inline(always)]
    fn cos(self) -> f64 {
        f64::cos(self)
    }
    #[inline(always)]
    fn powf(self, power: f64) -> f64 {
        f64::powf(self, power)
    }
    #[inline(always)]
    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }
    #[inline(always)]
    fn tanh(self) -> f64 {
        f64::tanh(self)
    }
}

impl Real for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const LOWEST: f32 = f32::NEG_INFINITY;
    const HIGHEST: f32 = f32::INFINITY;

    #[inline(always)]
    fn from64(value: f64) -> f32 {
        value as f32
    }
    #[inline(always)]
    fn to64(self) -> f64 {
        self as f64
    }
    #[inline(always)]
    fn add(self, other: f32) -> f32 {
        self + other
    }
    #[inline(always)]
    fn sub(self, other: f32) -> f32 {
        self - other
    }
    #[inline(always)]
    fn mul(self, other: f32) -> f32 {
        self * other
    }
    #[inline(always)]
    fn div(self, other: f32) -> f32 {
        self / other
    }
    #[inline(always)]
    fn neg(self) -> f32 {
        -self
    }
    #[inline(always)]
    fn abs(self) -> f32 {
        f32::abs(self)
    }
    #[inline(always)]
    fn sqrt(self) -> f32 {
        f32::sqrt(self)
    }
    #[inline(always)]
    fn floor(self) -> f32 {
        f32::floor(self)
    }

    /// exp x = 2ⁿ · exp r with n = round(x / ln 2), |r| ≤ ln 2 / 2, by a polynomial of degree 6 (Cody and Waite's two-part
    /// ln 2): at most 2 ulp. Below -104 it is 0, above 89 infinite, of NaN NaN.
    #[inline(always)]
    fn exp(self) -> f32 {
        const MAGIC: f32 = 12_582_912.0; // 1.5 · 2²³: adding it rounds to a whole number
        const HIGH: f32 = 0.693_359_4;
        const LOW: f32 = -2.121_944_4e-4;
        let x = if self > 89.0 { 89.0 } else { self };
        let x = if x < -104.0 { -104.0 } else { x };
        let shifted = x * std::f32::consts::LOG2_E + MAGIC;
        let n = shifted - MAGIC;
        let r = (x - n * HIGH) - n * LOW;
        let p = 1.987_569_1e-4;
        let p = p * r + 1.398_199_9e-3;
        let p = p * r + 8.333_452e-3;
        let p = p * r + 4.166_579_6e-2;
        let p = p * r + 1.666_666_5e-1;
        let p = p * r + 0.5;
        let y = p * (r * r) + r + 1.0;
        // 2ⁿ in two halves, so that results below the normal range and above the largest come out.
        let n = (shifted.to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32);
        let half = n >> 1;
        let scale = |n: i32| f32::from_bits(((n + 127) as u32) << 23);
        let y = y * scale(half) * scale(n - half);
        if self.is_nan() { self } else { y }
    }

    #[inline(always)]
    fn log(self) -> f32 {
        f32::ln(self)
    }
    #[inline(always)]
    fn sin(self) -> f32 {
        f32::sin(self)
    }
    #[inline(always)]
    fn cos(self) -> f32 {
        f32::cos(self)
    }
    #[inline(always)]
    fn powf(self, power: f32) -> f32 {
        f32::powf(self, power)
    }
    #[inline(always)]
    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }

    /// Below 0.6 by x + x³·P(x²) (Cephes), else by exp: at most 3 ulp.
    #[inline(always)]
    fn tanh(self) -> f32 {
        let x = f32::abs(self);
        let s = x * x;
        let p = -5.704_988_7e-3;
        let p = p * s + 2.063_908_8e-2;
        let p = p * s - 5.373_971_6e-2;
        let p = p * s + 1.333_144_2e-1;
        let p = p * s - 3.333_328e-1;
        let small = x + x * s * p;
        let large = 1.0 - 2.0 / (Real::exp(x + x) + 1.0);
        let y = if x < 0.6 { small } else { large };
        f32::from_bits(y.to_bits() | (self.to_bits() & 0x8000_0000))
    }
}
