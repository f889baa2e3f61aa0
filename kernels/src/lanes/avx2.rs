//! Sixteen floats in two AVX2 registers. Assumes, as the trait says, that the processor was asked.

// SAFETY of every block below: the type is named only in functions that `forms!` or a product's driver has marked with
// `target_feature(avx2,fma)` and runs only where the processor has these; pointers come from references to arrays of
// the length that the instructions read or write.
#![allow(clippy::undocumented_unsafe_blocks, reason = "the proof is one for all and stands above")]

use std::arch::x86_64::*;

use super::{Lanes, WIDTH};

/// Two registers: lanes 0..8 and 8..16.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(__m256, __m256);

const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
const DOWN: i32 = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;

/// 2^n for whole n in -126..=127.
#[inline(always)]
unsafe fn power_of_two(n: __m256) -> __m256 {
    unsafe {
        let biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
    }
}

#[inline(always)]
unsafe fn scaled(value: __m256, n: __m256) -> __m256 {
    unsafe {
        let first = _mm256_floor_ps(_mm256_mul_ps(n, _mm256_set1_ps(0.5)));
        let second = _mm256_sub_ps(n, first);
        _mm256_mul_ps(_mm256_mul_ps(value, power_of_two(first)), power_of_two(second))
    }
}

#[inline(always)]
unsafe fn parts(value: __m256) -> (__m256, __m256) {
    unsafe {
        let bits = _mm256_castps_si256(value);
        let fraction = _mm256_and_si256(bits, _mm256_set1_epi32(0x007f_ffff));
        let mantissa = _mm256_castsi256_ps(_mm256_or_si256(fraction, _mm256_set1_epi32(0x3f80_0000)));
        let exponent = _mm256_sub_epi32(_mm256_srli_epi32::<23>(bits), _mm256_set1_epi32(127));
        (mantissa, _mm256_cvtepi32_ps(exponent))
    }
}

/// Bits of bfloat16 in the lower halves of eight words.
#[inline(always)]
unsafe fn rounded(value: __m256) -> __m256i {
    unsafe {
        let bits = _mm256_castps_si256(value);
        let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
        let rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
        let quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x0040_0000));
        let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(value, value));
        _mm256_srli_epi32::<16>(_mm256_blendv_epi8(rounded, quiet, nan))
    }
}

#[inline(always)]
unsafe fn widened(half: __m128i) -> __m256 {
    unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(half))) }
}

/// One instruction on both registers of each operand.
macro_rules! twice {
    ($op:ident, $a:expr) => {
        Avx2(unsafe { $op($a.0) }, unsafe { $op($a.1) })
    };
    ($op:ident, $a:expr, $b:expr) => {
        Avx2(unsafe { $op($a.0, $b.0) }, unsafe { $op($a.1, $b.1) })
    };
    ($op:ident, $a:expr, $b:expr, $c:expr) => {
        Avx2(unsafe { $op($a.0, $b.0, $c.0) }, unsafe { $op($a.1, $b.1, $c.1) })
    };
}

impl Lanes for Avx2 {
    type Mask = (__m256, __m256);

    #[inline(always)]
    fn splat(value: f32) -> Self {
        let eight = unsafe { _mm256_set1_ps(value) };
        Avx2(eight, eight)
    }
    #[inline(always)]
    fn load(from: &[f32; WIDTH]) -> Self {
        unsafe { Avx2(_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8))) }
    }
    #[inline(always)]
    fn store(self, to: &mut [f32; WIDTH]) {
        unsafe {
            _mm256_storeu_ps(to.as_mut_ptr(), self.0);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), self.1);
        }
    }
    #[inline(always)]
    fn widen(from: &[u16; WIDTH]) -> Self {
        unsafe {
            let low = _mm_loadu_si128(from.as_ptr().cast());
            let high = _mm_loadu_si128(from.as_ptr().add(8).cast());
            Avx2(widened(low), widened(high))
        }
    }
    #[inline(always)]
    fn narrow(self, to: &mut [u16; WIDTH]) {
        unsafe {
            let packed = _mm256_packus_epi32(rounded(self.0), rounded(self.1));
            let ordered = _mm256_permute4x64_epi64::<0b1101_1000>(packed);
            _mm256_storeu_si256(to.as_mut_ptr().cast(), ordered);
        }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        twice!(_mm256_add_ps, self, other)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        twice!(_mm256_sub_ps, self, other)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        twice!(_mm256_mul_ps, self, other)
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        twice!(_mm256_div_ps, self, other)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        twice!(_mm256_sqrt_ps, self)
    }
    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        twice!(_mm256_fmadd_ps, self, b, c)
    }
    #[inline(always)]
    fn least(self, other: Self) -> Self {
        twice!(_mm256_min_ps, self, other)
    }
    #[inline(always)]
    fn most(self, other: Self) -> Self {
        twice!(_mm256_max_ps, self, other)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        let sign = Self::splat(-0.0);
        twice!(_mm256_andnot_ps, sign, self)
    }
    #[inline(always)]
    fn copysign(self, other: Self) -> Self {
        let sign = Self::splat(-0.0);
        let (size, sign) = (twice!(_mm256_andnot_ps, sign, self), twice!(_mm256_and_ps, sign, other));
        twice!(_mm256_or_ps, size, sign)
    }
    #[inline(always)]
    fn round(self) -> Self {
        unsafe { Avx2(_mm256_round_ps::<NEAREST>(self.0), _mm256_round_ps::<NEAREST>(self.1)) }
    }
    #[inline(always)]
    fn floor(self) -> Self {
        unsafe { Avx2(_mm256_round_ps::<DOWN>(self.0), _mm256_round_ps::<DOWN>(self.1)) }
    }
    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        twice!(scaled, self, n)
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        let (low, high) = unsafe { (parts(self.0), parts(self.1)) };
        (Avx2(low.0, high.0), Avx2(low.1, high.1))
    }
    #[inline(always)]
    fn lt(self, other: Self) -> Self::Mask {
        unsafe {
            (_mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0), _mm256_cmp_ps::<_CMP_LT_OQ>(self.1, other.1))
        }
    }
    #[inline(always)]
    fn le(self, other: Self) -> Self::Mask {
        unsafe {
            (_mm256_cmp_ps::<_CMP_LE_OQ>(self.0, other.0), _mm256_cmp_ps::<_CMP_LE_OQ>(self.1, other.1))
        }
    }
    #[inline(always)]
    fn eq(self, other: Self) -> Self::Mask {
        unsafe {
            (_mm256_cmp_ps::<_CMP_EQ_OQ>(self.0, other.0), _mm256_cmp_ps::<_CMP_EQ_OQ>(self.1, other.1))
        }
    }
    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        twice!(_mm256_blendv_ps, no, yes, mask)
    }
    #[inline(always)]
    fn sum(self) -> f32 {
        unsafe {
            let eight = _mm256_add_ps(self.0, self.1);
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    fn largest(self) -> f32 {
        unsafe {
            let eight = _mm256_max_ps(self.0, self.1);
            let four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
}
