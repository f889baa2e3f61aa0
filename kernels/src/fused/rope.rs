//! Rotary positions (Su et al., arXiv:2104.09864) in the half-split form: pairs of features turned by an angle that depends
//! on the row. Reads memory as it lies, writes it one behind the other, computes in float32.

use super::access::narrowed;
use super::chain::Mismatch;
use super::memory::{Input, Kind, Output};
use crate::form::Form;
use crate::pool::Pool;

/// Cosines and sines of a rotation, `[row, half of the features]` each.
#[derive(Clone, Debug)]
pub struct Rotation {
    rows: usize,
    half: usize,
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Rotation {
    /// angle(row, j) = row · theta^(-2j / width), the sines negated if `back`, for `rows` rows of `width` features.
    pub fn new(rows: usize, width: usize, theta: f64, back: bool) -> Rotation {
        let half = width / 2;
        let angle = |row: usize, j: usize| row as f64 * theta.powf(-2.0 * j as f64 / width as f64);
        let all = || (0..rows).flat_map(move |row| (0..half).map(move |j| (row, j)));
        let sign = if back { -1.0 } else { 1.0 };
        Rotation {
            rows,
            half,
            cos: all().map(|(row, j)| angle(row, j).cos() as f32).collect(),
            sin: all().map(|(row, j)| (sign * angle(row, j).sin()) as f32).collect(),
        }
    }

    /// Turns the features, the last of the axes with these `sizes`; rows run along `axis`, counted from the outermost.
    ///
    /// # Errors
    /// Sizes, strides or elements that do not fit: float32 and bfloat16 can be turned, features must lie one behind another.
    ///
    /// # Safety
    /// The input can be read at every place by its strides; the output can be written at as many places, and overlaps it
    /// nowhere.
    pub unsafe fn run(
        &self,
        form: Form,
        sizes: &[usize],
        axis: usize,
        input: &Input,
        output: &Output,
    ) -> Result<(), Mismatch> {
        let Some((width, outer)) = sizes.split_last() else { return Err(Mismatch("no features".to_owned())) };
        let fits = *width == 2 * self.half
            && outer.get(axis) == Some(&self.rows)
            && input.strides.len() == sizes.len()
            && (input.strides.last() == Some(&1) || *width == 1)
            && input.kind == output.kind
            && matches!(input.kind, Kind::Float32 | Kind::BFloat16);
        if !fits {
            return Err(Mismatch(format!(
                "{sizes:?} cannot be turned by {} rows of {}",
                self.rows,
                2 * self.half
            )));
        }
        let count: usize = outer.iter().product();
        let memory = Memory { input, output, outer, axis };
        let task = |number: usize| {
            for at in number * LINES..count.min((number + 1) * LINES) {
                // SAFETY: the caller's promise; lines are disjoint.
                unsafe { self.line(form.usable(), &memory, at) }
            }
        };
        Pool::shared().run(count.div_ceil(LINES), task);
        Ok(())
    }

    /// # Safety
    /// As [`Rotation::run`].
    unsafe fn line(&self, form: Form, memory: &Memory, at: usize) {
        let (mut rest, mut offset, mut row) = (at, 0, 0);
        for (axis, size) in memory.outer.iter().enumerate().rev() {
            let index = rest % size;
            rest /= size;
            offset += index as isize * memory.input.strides[axis];
            if axis == memory.axis {
                row = index;
            }
        }
        let turn = row * self.half..(row + 1) * self.half;
        let (cos, sin) = (&self.cos[turn.clone()], &self.sin[turn]);
        let (half, width) = (self.half, 2 * self.half);
        // SAFETY: the caller's promise about the line that starts at `offset`, and the one of the output.
        unsafe {
            match memory.input.kind {
                Kind::Float32 => {
                    let x = std::slice::from_raw_parts(
                        (memory.input.pointer as *const f32).offset(offset),
                        width,
                    );
                    let y = std::slice::from_raw_parts_mut(
                        (memory.output.pointer as *mut f32).add(at * width),
                        width,
                    );
                    turned(form, x, y, cos, sin, half, |x| x, |y| y);
                }
                _ => {
                    let x = std::slice::from_raw_parts(
                        (memory.input.pointer as *const u16).offset(offset),
                        width,
                    );
                    let y = std::slice::from_raw_parts_mut(
                        (memory.output.pointer as *mut u16).add(at * width),
                        width,
                    );
                    let wide = |x: u16| f32::from_bits((x as u32) << 16);
                    turned(form, x, y, cos, sin, half, wide, |y| narrowed(y).to_bits());
                }
            }
        }
    }
}

/// Lines of features that a thread takes at once.
const LINES: usize = 64;

struct Memory<'m> {
    input: &'m Input,
    output: &'m Output,
    outer: &'m [usize],
    axis: usize,
}

// SAFETY: pointers that the caller of `run` has promised to be readable, and writable at disjoint places.
unsafe impl Sync for Memory<'_> {}
// SAFETY: likewise.
unsafe impl Send for Memory<'_> {}

/// By the instructions of a form.
#[expect(clippy::too_many_arguments, reason = "a line, its turn and how its numbers are kept")]
#[inline(always)]
fn turned<E: Copy>(
    form: Form,
    x: &[E],
    y: &mut [E],
    cos: &[f32],
    sin: &[f32],
    half: usize,
    wide: impl Fn(E) -> f32,
    narrow: impl Fn(f32) -> E,
) {
    let line = Line { x, cos, sin, half };
    match form {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the form is one that the processor has.
        Form::AmxBf16 | Form::Avx512 => unsafe { avx512(&line, y, wide, narrow) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: likewise.
        Form::Avx2 => unsafe { avx2(&line, y, wide, narrow) },
        _ => plain(&line, y, wide, narrow),
    }
}

struct Line<'l, E> {
    x: &'l [E],
    cos: &'l [f32],
    sin: &'l [f32],
    half: usize,
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn avx512<E: Copy>(line: &Line<E>, y: &mut [E], wide: impl Fn(E) -> f32, narrow: impl Fn(f32) -> E) {
    plain(line, y, wide, narrow);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<E: Copy>(line: &Line<E>, y: &mut [E], wide: impl Fn(E) -> f32, narrow: impl Fn(f32) -> E) {
    plain(line, y, wide, narrow);
}

/// (a, b) → (a·cos - b·sin, b·cos + a·sin).
#[inline(always)]
fn plain<E: Copy>(line: &Line<E>, y: &mut [E], wide: impl Fn(E) -> f32, narrow: impl Fn(f32) -> E) {
    let half = line.half;
    let (first, second) = line.x.split_at(half);
    let (second, cos, sin) = (&second[..half], &line.cos[..half], &line.sin[..half]);
    let (low, high) = y.split_at_mut(half);
    let high = &mut high[..half];
    for at in 0..half {
        let (a, b) = (wide(first[at]), wide(second[at]));
        low[at] = narrow(a * cos[at] - b * sin[at]);
        high[at] = narrow(b * cos[at] + a * sin[at]);
    }
}
