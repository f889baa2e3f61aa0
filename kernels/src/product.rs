//! Products of matrices: `out[r, n] = Σ_k left[r, k] · right[n, k]`, in the unit of the right operand, summed in float32 in
//! the order of k: the sum of one element depends neither on the other rows nor on the number of threads.

use std::marker::PhantomData;

use crate::element::Element;
use crate::epilogue::Finish;
use crate::form::Form;
use crate::lanes::{Lanes, Line, WIDTH, forms};
use crate::scratch::{Sums, grown};
use crate::units::{Blocks, CHUNK, Unit};

/// What both operands of a packed product are.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// Rows of the left operand.
    pub rows: usize,
    pub panels: usize,
    pub steps: usize,
}

/// The unit that a form multiplies bfloat16 in. AVX512_BF16 has an instruction for pairs, but where it has been measured
/// (Sapphire Rapids) it is slower than two float32 products.
pub(crate) fn bf16_unit(form: Form) -> Unit {
    match form.usable() {
        Form::AmxBf16 => Unit::Pair,
        _ => Unit::Rounded,
    }
}

/// Rows of a block of the left operand.
pub(crate) fn block(form: Form, unit: Unit) -> usize {
    match (form.usable(), unit) {
        (Form::AmxBf16, Unit::Pair) => 32,
        (Form::AmxBf16 | Form::Avx512, _) => 12,
        (Form::Avx2, _) => 6,
        (Form::Portable, _) => 4,
    }
}

/// Multiplies packed operands. `finish` receives every row of every panel once, at `first` rows further down.
pub(crate) fn multiply<O: Element>(
    form: Form,
    unit: Unit,
    shape: Shape,
    first: usize,
    (left, right): (&[Line], &[Line]),
    sums: &mut Vec<Sums>,
    finish: &mut Finish<'_, '_, O>,
) {
    let blocks = Blocks { rows: shape.rows, block: block(form, unit), steps: shape.steps };
    // The loops below read lines without asking where they end.
    assert!(left.len() >= blocks.lines() && right.len() >= shape.panels * shape.steps * 2 * WIDTH);
    match (form.usable(), unit) {
        #[cfg(target_arch = "x86_64")]
        (Form::AmxBf16, Unit::Pair) => {
            crate::tiles::multiply(shape, blocks, first, left, right, sums, finish)
        }
        _ => floats(form, shape, blocks, first, left, right, sums, finish),
    }
}

forms! {
    fn floats[O: Element](
        shape: Shape, blocks: Blocks, first: usize, left: &[Line], right: &[Line], sums: &mut Vec<Sums>, finish: &mut Finish<'_, '_, O>,
    ) = floats_in
}

#[inline(always)]
fn floats_in<L: Lanes, O: Element>(
    _: PhantomData<L>,
    shape: Shape,
    blocks: Blocks,
    first: usize,
    left: &[Line],
    right: &[Line],
    sums: &mut Vec<Sums>,
    finish: &mut Finish<'_, '_, O>,
) {
    match blocks.block {
        12 => panels::<L, O, 12, 2>(shape, blocks, first, left, right, sums, finish),
        6 => panels::<L, O, 6, 1>(shape, blocks, first, left, right, sums, finish),
        _ => panels::<L, O, 4, 1>(shape, blocks, first, left, right, sums, finish),
    }
}

/// One unit of the left operand times sixteen of the right, on top of the sums.
#[inline(always)]
fn add<L: Lanes>(sums: L, left: u32, right: &Line) -> L {
    L::splat(f32::from_bits(left)).fma(L::load(&right.0.map(f32::from_bits)), sums)
}

/// All panels. A block's sums lie in registers: `R` rows of `V` vectors at once.
#[inline(always)]
fn panels<L: Lanes, O: Element, const R: usize, const V: usize>(
    shape: Shape,
    blocks: Blocks,
    first: usize,
    left: &[Line],
    right: &[Line],
    sums: &mut Vec<Sums>,
    finish: &mut Finish<'_, '_, O>,
) {
    let chunks = shape.steps.div_ceil(CHUNK);
    let sums = grown(sums, if chunks > 1 { shape.rows } else { R });
    for panel in 0..shape.panels {
        let panel_lines = &right[panel * shape.steps * 2 * WIDTH..][..shape.steps * 2 * WIDTH];
        for chunk in 0..chunks.max(1) {
            let steps = blocks.steps_of(chunk);
            let right = &panel_lines[chunk * CHUNK * 2 * WIDTH..][..steps * 2 * WIDTH];
            for block in 0..shape.rows.div_ceil(R) {
                let left = &left[blocks.start(chunk, block)..][..steps * R];
                let rows = (shape.rows - block * R).min(R);
                let start = if chunks > 1 { block * R } else { 0 };
                let sums = &mut sums[start..start + rows];
                if rows == R {
                    tall::<L, R, R, V>(left, right, steps, chunk > 0, sums);
                } else {
                    short::<L, R, V>(left, right, steps, chunk > 0, sums);
                }
                if chunk + 1 >= chunks {
                    for (row, sums) in sums.iter().enumerate() {
                        finish.row::<L>(first + block * R + row, panel, &sums.0);
                    }
                }
            }
        }
    }
}

/// A block with fewer rows than it has room for: pieces of 8, 4, 2 and 1 rows.
#[inline(always)]
fn short<L: Lanes, const R: usize, const V: usize>(
    left: &[Line],
    right: &[Line],
    steps: usize,
    more: bool,
    sums: &mut [Sums],
) {
    let mut done = 0;
    while done < sums.len() {
        let (left, sums) = (left.get(done..).unwrap_or(&[]), &mut sums[done..]);
        done += match sums.len() {
            8.. => tall::<L, R, 8, V>(left, right, steps, more, sums),
            4.. => tall::<L, R, 4, V>(left, right, steps, more, sums),
            2.. => tall::<L, R, 2, V>(left, right, steps, more, sums),
            _ => tall::<L, R, 1, V>(left, right, steps, more, sums),
        };
    }
}

/// `N` rows of a block whose lines are `R` apart from step to step. Answers `N`.
#[inline(always)]
fn tall<L: Lanes, const R: usize, const N: usize, const V: usize>(
    left: &[Line],
    right: &[Line],
    steps: usize,
    more: bool,
    sums: &mut [Sums],
) -> usize {
    for side in 0..2 / V {
        let mut held = [[L::zero(); V]; N];
        if more {
            for (held, sums) in held.iter_mut().zip(sums.iter()) {
                for (v, held) in held.iter_mut().enumerate() {
                    *held = crate::element::load(&sums.0[(side * V + v) * WIDTH..]);
                }
            }
        }
        for step in 0..steps {
            let right = &right[step * 2 * WIDTH..][..2 * WIDTH];
            // The last step may end with the last of the rows asked for.
            let left = &left[step * R..][..N];
            for unit in 0..WIDTH {
                let columns: [&Line; V] = std::array::from_fn(|v| &right[(side * V + v) * WIDTH + unit]);
                for (held, line) in held.iter_mut().zip(left) {
                    for (held, column) in held.iter_mut().zip(columns) {
                        *held = add(*held, line.0[unit], column);
                    }
                }
            }
        }
        for (held, sums) in held.iter().zip(sums.iter_mut()) {
            for (v, held) in held.iter().enumerate() {
                crate::element::store(*held, &mut sums.0[(side * V + v) * WIDTH..]);
            }
        }
    }
    N
}
