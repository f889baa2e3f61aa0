//! Attention of one head in bfloat16 on the tile unit: 32 queries at a time against all keys, so that scores and
//! probabilities stay in the nearest cache. Takes operands whose inner dimensions are whole steps of 32; what they mean and
//! the formulas are those of [`crate::Attention`], which has checked their shapes.

use std::marker::PhantomData;

use crate::attention::AttentionGradients;
use crate::element::{Element, store};
use crate::lanes::{Avx512, Lanes, Line, WIDTH};
use crate::math::exp;
use crate::matrix::{Matrix, MatrixMut};
use crate::scratch::grown;
use crate::tiles::{Left, Tiles};
use crate::units::{Blocks, Order, Unit, pack_left, pack_right};

/// Rows of a block, elements of a step, columns of a panel.
const BLOCK: usize = 32;

/// Where a head's operands and what lies between its products are kept; grown once.
#[derive(Default)]
pub(crate) struct Room {
    right: [Vec<Line>; 5],
    left: [Vec<Line>; 2],
    scores: Vec<Line>,
    slopes: Vec<Line>,
    shares: Vec<Line>,
    narrow: Vec<Line>,
}

/// One head; `T` is bfloat16.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a, T> {
    pub q: Matrix<'a, T>,
    pub k: Matrix<'a, T>,
    pub v: Matrix<'a, T>,
    pub scale: f32,
    pub causal: bool,
}

/// Whether this kernel takes a head of these sizes.
pub(crate) fn takes(dim: usize, values: usize, queries: usize, keys: usize) -> bool {
    let steps = |size: usize| size > 0 && size.is_multiple_of(BLOCK);
    steps(dim) && steps(values) && queries > 0 && keys > 0
}

/// A right operand given with its columns as rows, `[n, k]`.
#[inline(always)]
fn right<T: Element>(from: Matrix<'_, T>, room: &mut Vec<Line>) -> *const Line {
    let steps = from.cols().div_ceil(BLOCK);
    let lines = grown(room, from.rows().div_ceil(BLOCK) * steps * BLOCK);
    pack_right::<Avx512, T>(PhantomData, from, Unit::Pair, Order::Plain, (0, steps), lines);
    lines.as_ptr()
}

/// A left operand of one block, `[up to 32, k]`.
#[inline(always)]
fn left<'r, T: Element>(from: Matrix<'_, T>, room: &'r mut Vec<Line>) -> Left<'r> {
    let steps = from.cols().div_ceil(BLOCK);
    let lines = grown(room, steps * BLOCK);
    let blocks = Blocks { rows: from.rows(), block: BLOCK, steps };
    pack_left::<Avx512, T>(PhantomData, from, Unit::Pair, blocks, 0, lines);
    Left::packed(lines)
}

/// Floats of 64-byte lines.
#[inline(always)]
fn floats(lines: &mut [Line]) -> &mut [f32] {
    let count = lines.len() * WIDTH;
    // SAFETY: a line is sixteen times four bytes, aligned for floats, and any bits are floats.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), count) }
}

/// Bfloat16 of 64-byte lines.
#[inline(always)]
fn narrow<T: Element>(lines: &mut [Line]) -> &mut [T] {
    assert!(T::NARROW);
    let count = lines.len() * BLOCK;
    // SAFETY: a line is 32 times two bytes, aligned for them, and any bits are bfloat16, which `T` is.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), count) }
}

impl<T: Element> Head<'_, T> {
    /// Keys that a query sees.
    #[inline(always)]
    fn seen(&self, query: usize) -> usize {
        let keys = self.k.rows();
        if self.causal { (keys + 1 + query).saturating_sub(self.q.rows()).min(keys) } else { keys }
    }

    /// Fills `out`, `[queries, values]`.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    pub(crate) fn forward(&self, room: &mut Room, mut out: MatrixMut<'_, T>) {
        let (queries, keys) = (self.q.rows(), self.k.rows());
        let (dim, panels) = (self.q.cols() / BLOCK, keys.div_ceil(BLOCK));
        let Room { right: [kt, vt, ..], left: [q, _], scores, slopes, shares, .. } = room;
        let (kt, vt) = (right(self.k, kt), right(self.v.transposed(), vt));
        let scores = floats(grown(scores, BLOCK * panels * 2));
        let sums = floats(grown(slopes, BLOCK * 2));
        let shares = grown(shares, BLOCK * panels);
        let tiles = Tiles::configured();
        let mut inverse = [0.0; BLOCK];
        for start in (0..queries).step_by(BLOCK) {
            let rows = BLOCK.min(queries - start);
            let q = left(self.q.some_rows(start, rows), q);
            for panel in 0..panels {
                // SAFETY: both operands hold `dim` steps, and `scores` 32 rows of so many panels.
                unsafe {
                    tiles.block(
                        q,
                        kt.add(panel * dim * BLOCK),
                        dim,
                        rows,
                        &mut scores[panel * BLOCK..],
                        panels,
                    )
                };
            }
            for (row, inverse) in inverse.iter_mut().enumerate().take(rows) {
                let scores = &mut scores[row * panels * BLOCK..][..panels * BLOCK];
                let shares = narrow::<T>(&mut shares[row * panels..][..panels]);
                *inverse = 1.0 / powers::<Avx512>(scores, self.scale, self.seen(start + row));
                for (at, power) in scores.chunks_exact(WIDTH).enumerate() {
                    store::<Avx512, T>(crate::element::load(power), &mut shares[at * WIDTH..][..WIDTH]);
                }
            }
            let shares = Left::rows(shares, panels);
            // SAFETY: as above; rows of `shares` beyond `rows` hold what was there, and nobody reads what they give.
            unsafe {
                product(&tiles, shares, rows, vt, panels, (&mut out, start), sums, |row| inverse[row]);
            };
        }
        drop(tiles);
    }

    /// Fills the gradients from that of the output, `[queries, values]`.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    pub(crate) fn backward(
        &self,
        room: &mut Room,
        dout: Matrix<'_, T>,
        gradients: AttentionGradients<'_, T>,
    ) {
        let (queries, keys) = (self.q.rows(), self.k.rows());
        let (dim, values) = (self.q.cols() / BLOCK, self.v.cols() / BLOCK);
        let panels = keys.div_ceil(BLOCK);
        let width = panels * BLOCK;
        let AttentionGradients { mut dq, dk, dv } = gradients;
        let Room { right: [kt, vt, kd, dod, qd], left: [q, own], scores, slopes, shares, narrow: narrowed } =
            room;
        let (kt, vt, kd) = (right(self.k, kt), right(self.v, vt), right(self.k.transposed(), kd));
        let (dod, qd) = (right(dout.transposed(), dod), right(self.q.transposed(), qd));
        let scores = floats(grown(scores, BLOCK * panels * 2));
        let slopes = floats(grown(slopes, BLOCK * panels * 2));
        let padded = queries.next_multiple_of(BLOCK);
        let (shares, narrowed) = (grown(shares, padded * panels), grown(narrowed, padded * panels));
        let tiles = Tiles::configured();
        for start in (0..queries).step_by(BLOCK) {
            let rows = BLOCK.min(queries - start);
            let (q, own) = (left(self.q.some_rows(start, rows), q), left(dout.some_rows(start, rows), own));
            for panel in 0..panels {
                // SAFETY: operands hold `dim` and `values` steps, both results 32 rows of so many panels.
                unsafe {
                    tiles.block(
                        q,
                        kt.add(panel * dim * BLOCK),
                        dim,
                        rows,
                        &mut scores[panel * BLOCK..],
                        panels,
                    );
                    let to = &mut slopes[panel * BLOCK..];
                    tiles.block(own, vt.add(panel * values * BLOCK), values, rows, to, panels);
                }
            }
            for row in 0..rows {
                let lines = (start + row) * panels..(start + row + 1) * panels;
                let shares = narrow::<T>(&mut shares[lines.clone()]);
                let narrowed = narrow::<T>(&mut narrowed[lines]);
                let (scores, slopes) = (&mut scores[row * width..][..width], &slopes[row * width..][..width]);
                let sum = powers::<Avx512>(scores, self.scale, self.seen(start + row));
                slopes_of::<Avx512, T>(scores, slopes, (1.0 / sum, self.scale), shares, narrowed);
            }
            let block = Left::rows(&narrowed[start * panels..], panels);
            // SAFETY: as above.
            unsafe { product(&tiles, block, rows, kd, panels, (&mut dq, start), scores, |_| 1.0) };
        }
        for (from, with, mut to) in [(&*shares, dod, dv), (&*narrowed, qd, dk)] {
            // SAFETY: `queries` rows of `width` bfloat16, written above.
            let from: Matrix<'_, T> =
                unsafe { Matrix::raw(from.as_ptr().cast(), (queries, keys), (width, 1)) };
            for start in (0..keys).step_by(BLOCK) {
                let rows = BLOCK.min(keys - start);
                let block = left(from.transposed().some_rows(start, rows), own);
                // SAFETY: as above.
                unsafe {
                    product(
                        &tiles,
                        block,
                        rows,
                        with,
                        queries.div_ceil(BLOCK),
                        (&mut to, start),
                        scores,
                        |_| 1.0,
                    )
                };
            }
        }
        drop(tiles);
    }
}

/// Rows `start .. start + rows` of a product, all its panels, each row times its factor.
///
/// # Safety
/// `left` holds 32 rows and `right` all panels, of `steps` steps.
#[inline(always)]
unsafe fn product<T: Element>(
    tiles: &Tiles,
    left: Left<'_>,
    rows: usize,
    right: *const Line,
    steps: usize,
    (to, start): (&mut MatrixMut<'_, T>, usize),
    sums: &mut [f32],
    factor: impl Fn(usize) -> f32,
) {
    for panel in 0..to.cols() / BLOCK {
        // SAFETY: the caller's promise.
        unsafe { tiles.block(left, right.add(panel * steps * BLOCK), steps, rows, sums, 1) };
        for row in 0..rows {
            let factor = Avx512::splat(factor(row));
            let to = &mut to.row(start + row)[panel * BLOCK..][..BLOCK];
            for half in [0, WIDTH] {
                let sum: Avx512 = crate::element::load(&sums[row * BLOCK + half..]);
                store(sum.mul(factor), &mut to[half..half + WIDTH]);
            }
        }
    }
}

/// Makes a row of scores into `exp(scale · score - largest)`, zero from `seen` on. Answers their sum.
#[inline(always)]
fn powers<L: Lanes>(scores: &mut [f32], scale: f32, seen: usize) -> f32 {
    let scale = L::splat(scale);
    let lanes = L::load(&std::array::from_fn(|at| at as f32));
    let rest = lanes.lt(L::splat((seen % WIDTH) as f32));
    let whole = seen - seen % WIDTH;
    let (vectors, _) = scores.as_chunks_mut::<WIDTH>();
    let mut top = L::splat(f32::NEG_INFINITY);
    for (at, vector) in vectors.iter_mut().enumerate().take(seen.div_ceil(WIDTH)) {
        let mut value = L::load(vector).mul(scale);
        if at * WIDTH == whole {
            value = L::select(rest, value, L::splat(f32::NEG_INFINITY));
        }
        value.store(vector);
        top = value.most(top);
    }
    let top = L::splat(top.largest());
    let mut sum = L::zero();
    for (at, vector) in vectors.iter_mut().enumerate() {
        if at * WIDTH >= seen {
            *vector = [0.0; WIDTH];
            continue;
        }
        let power = exp(L::load(vector).sub(top));
        power.store(vector);
        sum = sum.add(power);
    }
    sum.sum()
}

/// Probabilities of a row of powers, and `scale · p · (dp - Σ p · dp)`.
#[inline(always)]
fn slopes_of<L: Lanes, T: Element>(
    powers: &[f32],
    slopes: &[f32],
    (inverse, scale): (f32, f32),
    shares: &mut [T],
    narrow: &mut [T],
) {
    let (powers, slopes) = (powers.as_chunks::<WIDTH>().0, slopes.as_chunks::<WIDTH>().0);
    let mut products = L::zero();
    for (power, slope) in powers.iter().zip(slopes) {
        products = L::load(power).fma(L::load(slope), products);
    }
    let mean = L::splat(products.sum() * inverse);
    let inverse = L::splat(inverse);
    let scale = L::splat(scale);
    for (at, (power, slope)) in powers.iter().zip(slopes).enumerate() {
        let share = L::load(power).mul(inverse);
        let slope = L::load(slope).sub(mean).mul(share).mul(scale);
        store(share, &mut shares[at * WIDTH..][..WIDTH]);
        store(slope, &mut narrow[at * WIDTH..][..WIDTH]);
    }
}
