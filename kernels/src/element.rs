//! What tensors are stored as (float32, bfloat16), loaded as sixteen floats and stored from them; ends of rows that are
//! shorter than sixteen included.

use half::bf16;
use half::slice::HalfFloatSliceExt;

use crate::lanes::{Lanes, WIDTH};

/// float32 or bfloat16. Kernels compute in float32 whatever the storage.
pub trait Element: sealed::Stored {}

impl Element for f32 {}
impl Element for bf16 {}

pub(crate) mod sealed {
    use super::*;

    /// How an element becomes a float and back.
    pub trait Stored: Copy + Default + Send + Sync + std::fmt::Debug + PartialEq + 'static {
        /// Whether it is bfloat16.
        const NARROW: bool;
        #[doc(hidden)]
        fn widened(self) -> f32;
        #[doc(hidden)]
        fn narrowed(value: f32) -> Self;
        #[doc(hidden)]
        fn load<L: Lanes>(from: &[Self; WIDTH]) -> L;
        #[doc(hidden)]
        fn store<L: Lanes>(value: L, to: &mut [Self; WIDTH]);
        /// The first sixteen as bfloat16, zeros behind where there are fewer.
        #[doc(hidden)]
        fn bits<L: Lanes>(from: &[Self]) -> [u16; WIDTH];
    }
}
pub(crate) use sealed::Stored;

impl Stored for f32 {
    const NARROW: bool = false;
    fn widened(self) -> f32 {
        self
    }
    fn narrowed(value: f32) -> f32 {
        value
    }
    #[inline(always)]
    fn load<L: Lanes>(from: &[f32; WIDTH]) -> L {
        L::load(from)
    }
    #[inline(always)]
    fn store<L: Lanes>(value: L, to: &mut [f32; WIDTH]) {
        value.store(to);
    }
    #[inline(always)]
    fn bits<L: Lanes>(from: &[f32]) -> [u16; WIDTH] {
        let mut bits = [0; WIDTH];
        load::<L, f32>(from).narrow(&mut bits);
        bits
    }
}

impl Stored for bf16 {
    const NARROW: bool = true;
    fn widened(self) -> f32 {
        self.to_f32()
    }
    fn narrowed(value: f32) -> bf16 {
        bf16::from_f32(value)
    }
    #[inline(always)]
    fn load<L: Lanes>(from: &[bf16; WIDTH]) -> L {
        match from.reinterpret_cast().first_chunk() {
            Some(bits) => L::widen(bits),
            None => L::zero(),
        }
    }
    #[inline(always)]
    fn store<L: Lanes>(value: L, to: &mut [bf16; WIDTH]) {
        if let Some(bits) = to.reinterpret_cast_mut().first_chunk_mut() {
            value.narrow(bits);
        }
    }
    #[inline(always)]
    fn bits<L: Lanes>(from: &[bf16]) -> [u16; WIDTH] {
        let from = from.reinterpret_cast();
        if let Some(whole) = from.first_chunk() {
            return *whole;
        }
        let mut bits = [0; WIDTH];
        bits[..from.len()].copy_from_slice(from);
        bits
    }
}

/// The first sixteen elements, or all there are with zeros behind.
#[inline(always)]
pub(crate) fn load<L: Lanes, T: Stored>(from: &[T]) -> L {
    if let Some(whole) = from.first_chunk::<WIDTH>() {
        return T::load(whole);
    }
    let mut padded = [T::default(); WIDTH];
    padded[..from.len()].copy_from_slice(from);
    T::load(&padded)
}

/// As [`load`] with `fill` behind.
#[inline(always)]
pub(crate) fn load_or<L: Lanes, T: Stored>(from: &[T], fill: f32) -> L {
    if let Some(whole) = from.first_chunk::<WIDTH>() {
        return T::load(whole);
    }
    let mut padded = [fill; WIDTH];
    for (to, from) in padded.iter_mut().zip(from) {
        *to = from.widened();
    }
    L::load(&padded)
}

/// Stores sixteen elements, or as many as there is room for.
#[inline(always)]
pub(crate) fn store<L: Lanes, T: Stored>(value: L, to: &mut [T]) {
    if let Some(whole) = to.first_chunk_mut::<WIDTH>() {
        T::store(value, whole);
        return;
    }
    let mut padded = [T::default(); WIDTH];
    T::store(value, &mut padded);
    let count = to.len();
    to.copy_from_slice(&padded[..count]);
}
