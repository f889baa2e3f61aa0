//! Sixteen floats at once: what a vector unit does, said once, so that a kernel is one text for every form.
//! The order of sums is the same in all forms; only the portable one rounds products before it adds.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
pub(crate) use portable::Portable;

/// Floats of one vector.
pub(crate) const WIDTH: usize = 16;

/// 64 bytes: sixteen floats, or sixteen pairs of bfloat16, or one row of a tile.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub struct Line(pub [u32; WIDTH]);

/// Sixteen floats. Types that need instructions of their own are named only below a function that `forms!` has made,
/// which runs only after the processor was asked: that is the proof behind every `unsafe` in the implementations.
pub trait Lanes: Copy {
    /// Sixteen answers.
    type Mask: Copy;

    fn splat(value: f32) -> Self;
    fn load(from: &[f32; WIDTH]) -> Self;
    fn store(self, to: &mut [f32; WIDTH]);
    /// Widens bfloat16, given as bits.
    fn widen(from: &[u16; WIDTH]) -> Self;
    /// Narrows to bfloat16 as bits: to nearest, ties to even; NaN stays NaN.
    fn narrow(self, to: &mut [u16; WIDTH]);

    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn sqrt(self) -> Self;
    /// `self · b + c`, rounded once where the processor can.
    fn fma(self, b: Self, c: Self) -> Self;
    /// `self < other ? self : other`: where one is NaN, `other`.
    fn least(self, other: Self) -> Self;
    /// `self > other ? self : other`: where one is NaN, `other`.
    fn most(self, other: Self) -> Self;
    fn abs(self) -> Self;
    /// `self` with the sign of `other`.
    fn copysign(self, other: Self) -> Self;
    /// To the nearest whole number, ties to even.
    fn round(self) -> Self;
    fn floor(self) -> Self;
    /// `self · 2^n` for whole `n` in -252..=254; a result below the normal numbers is right too.
    fn scale(self, n: Self) -> Self;
    /// `(m, e)` with `self = m · 2^e`, m in [1, 2), for normal positive `self`.
    fn split(self) -> (Self, Self);

    fn lt(self, other: Self) -> Self::Mask;
    fn le(self, other: Self) -> Self::Mask;
    fn eq(self, other: Self) -> Self::Mask;
    /// `yes` where the mask says so, else `no`.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;

    /// Sum of all sixteen: halves onto each other, 8, 4, 2, 1.
    fn sum(self) -> f32;
    /// Largest of all sixteen.
    fn largest(self) -> f32;

    /// Rows become columns.
    #[inline(always)]
    fn transpose(tile: &mut [Line; WIDTH]) {
        for i in 0..WIDTH {
            for j in 0..i {
                let kept = tile[i].0[j];
                tile[i].0[j] = tile[j].0[i];
                tile[j].0[i] = kept;
            }
        }
    }

    /// A function of the scalar kind on each.
    #[inline(always)]
    fn map(self, function: impl Fn(f32) -> f32) -> Self {
        let mut lanes = [0.0; WIDTH];
        self.store(&mut lanes);
        for lane in &mut lanes {
            *lane = function(*lane);
        }
        Self::load(&lanes)
    }

    #[inline(always)]
    fn zero() -> Self {
        Self::splat(0.0)
    }
}

/// The closure itself: gives a place where it may be marked `#[inline(always)]`. A closure that is not inlined is compiled
/// without the features of its form, so that each of its instructions becomes a call.
pub(crate) fn always<F>(closure: F) -> F {
    closure
}

/// Makes of one generic function a function of [`crate::Form`]: one copy for each family of instructions, chosen when
/// it is called. The generic function's first argument is `PhantomData` of the lanes.
macro_rules! forms {
    ($(#[$meta:meta])* $vis:vis fn $name:ident [$($generics:tt)*] ($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? = $body:path) => {
        $(#[$meta])*
        $vis fn $name<$($generics)*>(form: $crate::Form, $($arg: $ty),*) $(-> $ret)? {
            use std::marker::PhantomData;
            #[cfg(target_arch = "x86_64")]
            use $crate::lanes::{Avx2, Avx512};
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
            unsafe fn avx512<$($generics)*>($($arg: $ty),*) $(-> $ret)? {
                $body(PhantomData::<Avx512>, $($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2<$($generics)*>($($arg: $ty),*) $(-> $ret)? {
                $body(PhantomData::<Avx2>, $($arg),*)
            }
            match form.usable() {
                // SAFETY: `usable` names these forms only where the processor has their instructions.
                #[cfg(target_arch = "x86_64")]
                $crate::Form::AmxBf16 | $crate::Form::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::Form::Avx2 => unsafe { avx2($($arg),*) },
                _ => $body(PhantomData::<$crate::lanes::Portable>, $($arg),*),
            }
        }
    };
}
pub(crate) use forms;
