//! Between memory and the registers of a block: numbers are widened when they are read and rounded once when they are written.

use super::chain::Space;
use super::compute::Value;
use super::memory::{Input, Kind, Output};
use super::real::Real;
use half::bf16;

/// An input with what is known of its rows.
pub(super) struct Source {
    pub(super) input: Input,
    sizes: Vec<usize>,
    /// The distance of rows, where it is the same for all.
    pub(super) even: Option<isize>,
    pub(super) inner: isize,
}

impl Source {
    pub(super) fn of(input: &Input, space: &Space) -> Source {
        let (inner, outer) =
            input.strides.split_last().map_or((0, &[][..]), |(inner, outer)| (*inner, outer));
        let sizes = space.0.split_last().map_or(&[][..], |(_, sizes)| sizes).to_vec();
        // Axes of one entry have no say.
        let axes: Vec<(usize, isize)> =
            sizes.iter().copied().zip(outer.iter().copied()).filter(|(size, _)| *size > 1).collect();
        let even = axes.windows(2).all(|pair| pair[0].1 == pair[1].1 * pair[1].0 as isize);
        let even = even.then(|| axes.last().map_or(0, |(_, stride)| *stride));
        Source { input: input.clone(), sizes, even, inner }
    }

    fn row(&self, row: usize) -> isize {
        if let Some(stride) = self.even {
            return row as isize * stride;
        }
        let (mut rest, mut offset) = (row, 0);
        for (size, stride) in self.sizes.iter().zip(&self.input.strides).rev() {
            offset += (rest % size) as isize * stride;
            rest /= size;
        }
        offset
    }
}

/// Numbers of memory as the chain computes with them.
///
/// # Safety
/// Every place that is loaded can be read.
#[inline(always)]
pub(super) unsafe fn load<T: Real>(source: &Source, start: usize, rows: usize, each: usize, out: &mut [T]) {
    macro_rules! rows_of {
        ($element:ty, $convert:expr) => {{
            let pointer = source.input.pointer as *const $element;
            let inner = if each == 1 { 1 } else { source.inner };
            // Rows behind one another are one row.
            let whole = inner == 1 && source.even == Some(each as isize);
            let (rows, each) = if whole { (1, rows * each) } else { (rows, each) };
            for row in 0..rows {
                let out = &mut out[row * each..(row + 1) * each];
                // SAFETY: the caller's promise.
                unsafe {
                    let from = pointer.offset(source.row(start + row));
                    match inner {
                        1 => {
                            let from = std::slice::from_raw_parts(from, each);
                            for at in 0..each {
                                out[at] = $convert(from[at]);
                            }
                        }
                        0 => out.fill($convert(*from)),
                        stride => {
                            for (at, out) in out.iter_mut().enumerate() {
                                *out = $convert(*from.offset(at as isize * stride));
                            }
                        }
                    }
                }
            }
        }};
    }
    match source.input.kind {
        Kind::Float32 => rows_of!(f32, |value: f32| T::from64(value as f64)),
        Kind::Float64 => rows_of!(f64, T::from64),
        Kind::BFloat16 => {
            rows_of!(u16, |bits: u16| T::from64(f32::from_bits((bits as u32) << 16) as f64))
        }
        Kind::Bool => rows_of!(u8, |value: u8| if value != 0 { T::ONE } else { T::ZERO }),
    }
}

/// Numbers of the chain as memory holds them, rounded to nearest.
///
/// # Safety
/// Every place that is stored can be written.
#[inline(always)]
pub(super) unsafe fn store<T: Real>(output: &Output, start: usize, count: usize, value: Value<'_, T>) {
    macro_rules! as_element {
        ($element:ty, $convert:expr) => {{
            // SAFETY: the caller's promise.
            let out = unsafe {
                std::slice::from_raw_parts_mut((output.pointer as *mut $element).add(start), count)
            };
            match value {
                Value::Full(from) | Value::Row(from) => {
                    let from = &from[..count];
                    for at in 0..count {
                        out[at] = $convert(from[at]);
                    }
                }
                Value::One(number) => out.fill($convert(number)),
            }
        }};
    }
    match output.kind {
        Kind::Float32 => as_element!(f32, |value: T| value.to64() as f32),
        Kind::Float64 => as_element!(f64, |value: T| value.to64()),
        Kind::BFloat16 => as_element!(bf16, |value: T| narrowed(value.to64() as f32)),
        Kind::Bool => as_element!(u8, |value: T| u8::from(value != T::ZERO)),
    }
}

/// To the nearest bfloat16, ties to even, without a branch on anything but NaN.
#[inline(always)]
pub(super) fn narrowed(value: f32) -> bf16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
    let bits = if value.is_nan() { bits | 0x40_0000 } else { rounded };
    bf16::from_bits((bits >> 16) as u16)
}
