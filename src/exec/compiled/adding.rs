//! What slices have summed by themselves, added up: arrays of any kind of float onto a gradient.

use crate::types::Kind;
use half::bf16;

/// Adds dense arrays, by kind and address, to a sum of `count` elements.
#[expect(unsafe_code, reason = "reads the arenas")]
pub(super) fn add_all<S: Sum>(sum: usize, count: usize, begins: bool, arrays: &[(Kind, usize)]) {
    // SAFETY: a new tensor of the gradient's size and kind, and arrays of its size in slices that have stopped.
    unsafe {
        let out = std::slice::from_raw_parts_mut(sum as *mut S, count);
        if begins {
            out.fill(S::default());
        }
        for (kind, address) in arrays {
            match kind {
                Kind::BFloat16 => add(out, std::slice::from_raw_parts(*address as *const bf16, count)),
                Kind::Float64 => add(out, std::slice::from_raw_parts(*address as *const f64, count)),
                _ => add(out, std::slice::from_raw_parts(*address as *const f32, count)),
            }
        }
    }
}

fn add<S: Sum, T: Copy + Into<f64>>(out: &mut [S], from: &[T]) {
    out.iter_mut().zip(from).for_each(|(out, from)| *out = out.plus((*from).into()));
}

/// What gradients are summed in.
pub(super) trait Sum: Copy + Default {
    /// The sum of it and a number, rounded once.
    fn plus(self, other: f64) -> Self;
}

impl Sum for f32 {
    fn plus(self, other: f64) -> f32 {
        self + other as f32
    }
}

impl Sum for f64 {
    fn plus(self, other: f64) -> f64 {
        self + other
    }
}
