//! Kernels along rows: norms, softmax, rotary positions, gates; forward and backward. Whatever the storage, they compute
//! in float32 and round once. Sums along a row are taken in sixteen parts that are added in a fixed order.

use std::marker::PhantomData;

use crate::element::{Element, load, load_or, store};
use crate::error::{Mismatch, same};
use crate::form::Form;
use crate::lanes::{Lanes, WIDTH, always, forms};
use crate::math::{exp, log, sigmoid, silu, silu_slope};
use crate::matrix::{Matrix, MatrixMut};

/// Refuses a matrix that is not of this shape or whose rows are not neighbours.
fn fits<T>(what: &'static str, matrix: &Matrix<'_, T>, shape: (usize, usize)) -> Result<(), Mismatch> {
    same(what, (matrix.rows(), matrix.cols()), shape)?;
    same("distance between the elements of a row", matrix.has_rows(), true)
}

/// `y = s / √(mean(s²) + eps) · scale` along each row, with `s = x + residual` (Zhang and Sennrich, arXiv:1910.07467).
/// `factors` (`[rows]`) receives `1 / √(mean(s²) + eps)` for the gradient, `sum` receives s.
pub struct RmsNorm<'a, T> {
    /// What is normalised, `[rows, cols]`.
    pub x: Matrix<'a, T>,
    /// Added first, of the same shape.
    pub residual: Option<Matrix<'a, T>>,
    /// Multiplies the columns, `[cols]`.
    pub scale: Option<&'a [f32]>,
    /// Keeps the root from zero.
    pub eps: f32,
}

impl<T: Element> RmsNorm<'_, T> {
    /// Fills `y`, and what is kept for the gradient.
    pub fn forward(
        &self,
        form: Form,
        y: MatrixMut<'_, T>,
        sum: Option<MatrixMut<'_, T>>,
        factors: Option<&mut [f32]>,
    ) -> Result<(), Mismatch> {
        let shape = (self.x.rows(), self.x.cols());
        fits("x of a norm", &self.x, shape)?;
        fits("y of a norm", &y.as_ref(), shape)?;
        if let Some(residual) = &self.residual {
            fits("residual of a norm", residual, shape)?;
        }
        if let Some(sum) = &sum {
            fits("sum of a norm", &sum.as_ref(), shape)?;
        }
        if let Some(scale) = self.scale {
            same("scale of a norm", scale.len(), shape.1)?;
        }
        if let Some(factors) = &factors {
            same("factors of a norm", factors.len(), shape.0)?;
        }
        if shape.1 > 0 {
            norm(form, self, y, sum, factors);
        }
        Ok(())
    }
}

forms! {
    fn norm[T: Element](
        norm: &RmsNorm<'_, T>, y: MatrixMut<'_, T>, sum: Option<MatrixMut<'_, T>>, factors: Option<&mut [f32]>,
    ) = norm_in
}

#[inline(always)]
fn norm_in<L: Lanes, T: Element>(
    _: PhantomData<L>,
    norm: &RmsNorm<'_, T>,
    mut y: MatrixMut<'_, T>,
    mut sum: Option<MatrixMut<'_, T>>,
    mut factors: Option<&mut [f32]>,
) {
    let cols = norm.x.cols();
    for row in 0..norm.x.rows() {
        let (x, residual) = (norm.x.row(row), norm.residual.map(|residual| residual.row(row)));
        let value = always(
            #[inline(always)]
            |at: usize| {
                let x: L = load(&x[at..]);
                residual.map_or(x, |residual| x.add(load(&residual[at..])))
            },
        );
        let mut squares = L::zero();
        for at in (0..cols).step_by(WIDTH) {
            let value = value(at);
            squares = value.fma(value, squares);
            if let Some(sum) = &mut sum {
                store(value, &mut sum.row(row)[at..]);
            }
        }
        let factor = 1.0 / (squares.sum() / cols as f32 + norm.eps).sqrt();
        if let Some(factors) = &mut factors {
            factors[row] = factor;
        }
        let y = y.row(row);
        for at in (0..cols).step_by(WIDTH) {
            let normed = value(at).mul(L::splat(factor));
            let scaled = norm.scale.map_or(normed, |scale| normed.mul(load(&scale[at..])));
            store(scaled, &mut y[at..]);
        }
    }
}

/// What a norm's gradient knows of its forward pass.
#[derive(Clone, Copy, Debug)]
pub enum Normed<'a, T> {
    /// What was normalised (x, with the residual where there was one).
    Input(Matrix<'a, T>),
    /// What came out before the scale.
    Output(Matrix<'a, T>),
}

/// Gradient of [`RmsNorm`]: `ds = factor · (g - ŝ · mean(g · ŝ))` with `g = dy · scale` and ŝ the normalised row; the same
/// for x and residual. `more`, of the same shape, is added to `ds` (the gradient that passes the norm by). `dscale` adds up
/// `Σ_rows dy · ŝ`.
pub struct RmsNormGradient<'a, T> {
    /// Gradient of y.
    pub dy: Matrix<'a, T>,
    /// x or ŝ.
    pub normed: Normed<'a, T>,
    /// What the forward pass left, `[rows]`.
    pub factors: &'a [f32],
    /// As in the forward pass.
    pub scale: Option<&'a [f32]>,
    /// Added to the result.
    pub more: Option<Matrix<'a, T>>,
}

impl<T: Element> RmsNormGradient<'_, T> {
    /// Fills `ds` and adds to `dscale`.
    pub fn run(&self, form: Form, ds: MatrixMut<'_, T>, dscale: Option<&mut [f32]>) -> Result<(), Mismatch> {
        let shape = (self.dy.rows(), self.dy.cols());
        fits("dy of a norm", &self.dy, shape)?;
        let (Normed::Input(normed) | Normed::Output(normed)) = &self.normed;
        fits("what a norm kept", normed, shape)?;
        fits("ds of a norm", &ds.as_ref(), shape)?;
        if let Some(more) = &self.more {
            fits("what passes a norm by", more, shape)?;
        }
        same("factors of a norm", self.factors.len(), shape.0)?;
        for scale in [self.scale, dscale.as_deref()].into_iter().flatten() {
            same("scale of a norm", scale.len(), shape.1)?;
        }
        if shape.1 > 0 {
            norm_back(form, self, ds, dscale);
        }
        Ok(())
    }
}

forms! {
    fn norm_back[T: Element](
        norm: &RmsNormGradient<'_, T>, ds: MatrixMut<'_, T>, dscale: Option<&mut [f32]>,
    ) = norm_back_in
}

#[inline(always)]
fn norm_back_in<L: Lanes, T: Element>(
    _: PhantomData<L>,
    norm: &RmsNormGradient<'_, T>,
    mut ds: MatrixMut<'_, T>,
    mut dscale: Option<&mut [f32]>,
) {
    let cols = norm.dy.cols();
    for row in 0..norm.dy.rows() {
        let dy = norm.dy.row(row);
        let factor = norm.factors[row];
        let (kept, times) = match norm.normed {
            Normed::Input(x) => (x.row(row), L::splat(factor)),
            Normed::Output(y) => (y.row(row), L::splat(1.0)),
        };
        let normed = always(
            #[inline(always)]
            |at: usize| load::<L, T>(&kept[at..]).mul(times),
        );
        let gradient = always(
            #[inline(always)]
            |at: usize| {
                let dy: L = load(&dy[at..]);
                norm.scale.map_or(dy, |scale| dy.mul(load(&scale[at..])))
            },
        );
        let mut products = L::zero();
        for at in (0..cols).step_by(WIDTH) {
            products = gradient(at).fma(normed(at), products);
            if let Some(dscale) = &mut dscale {
                let there: L = load(&dscale[at..]);
                store(load::<L, T>(&dy[at..]).fma(normed(at), there), &mut dscale[at..]);
            }
        }
        let mean = L::splat(-products.sum() / cols as f32);
        let more = norm.more.map(|more| more.row(row));
        let ds = ds.row(row);
        for at in (0..cols).step_by(WIDTH) {
            let slope = normed(at).fma(mean, gradient(at)).mul(L::splat(factor));
            let all = more.map_or(slope, |more| slope.add(load(&more[at..])));
            store(all, &mut ds[at..]);
        }
    }
}

/// `y = exp(scale · x - m) / Σ exp(scale · x - m)` along each row, m its maximum; in row r only of the first `seen(r)`
/// columns (the others become 0), which is all of them unless `causal`, then r + 1 + cols - rows.
pub fn softmax<T: Element>(
    form: Form,
    x: Matrix<'_, f32>,
    scale: f32,
    causal: bool,
    y: MatrixMut<'_, T>,
    logsumexp: Option<&mut [f32]>,
) -> Result<(), Mismatch> {
    let shape = (x.rows(), x.cols());
    fits("x of a softmax", &x, shape)?;
    fits("y of a softmax", &y.as_ref(), shape)?;
    if let Some(logsumexp) = &logsumexp {
        same("logsumexp of a softmax", logsumexp.len(), shape.0)?;
    }
    if shape.1 > 0 {
        softmax_of(form, x, scale, (causal, (shape.1 + 1).saturating_sub(shape.0)), y, logsumexp);
    }
    Ok(())
}

forms! {
    pub(crate) fn softmax_of[T: Element](
        x: Matrix<'_, f32>, scale: f32, causal: (bool, usize), y: MatrixMut<'_, T>, logsumexp: Option<&mut [f32]>,
    ) = softmax_in
}

/// `causal`: whether, and the columns that the first row sees.
#[inline(always)]
fn softmax_in<L: Lanes, T: Element>(
    _: PhantomData<L>,
    x: Matrix<'_, f32>,
    scale: f32,
    (causal, first): (bool, usize),
    mut y: MatrixMut<'_, T>,
    mut logsumexp: Option<&mut [f32]>,
) {
    let scale = L::splat(scale);
    // Powers of the columns that there is room for; those of others are computed again.
    let mut powers = [0.0_f32; 512];
    for row in 0..x.rows() {
        let seen = if causal { (first + row).min(x.cols()) } else { x.cols() };
        let (x, y) = (&x.row(row)[..seen], y.row(row));
        // Infinities and NaN of the padding never show: exp(-∞) is 0.
        let value = always(
            #[inline(always)]
            |at: usize| load_or::<L, f32>(&x[at..], f32::NAN),
        );
        let mut top = L::splat(f32::NEG_INFINITY);
        for at in (0..seen).step_by(WIDTH) {
            // Where one is NaN `most` takes the second, so padding falls away.
            top = value(at).mul(scale).most(top);
        }
        let top = top.largest();
        let power = always(
            #[inline(always)]
            |at: usize| exp(value(at).mul(scale).sub(L::splat(top))),
        );
        let mut sum = L::zero();
        for at in (0..seen).step_by(WIDTH) {
            let power = if at + WIDTH <= seen { power(at) } else { first_of(power(at), seen - at) };
            if let Some(kept) = powers.get_mut(at..at + WIDTH) {
                store(power, kept);
            }
            sum = sum.add(power);
        }
        let sum = sum.sum();
        if let Some(logsumexp) = &mut logsumexp {
            let mut log_of_sum = [0.0; WIDTH];
            log(L::splat(sum)).store(&mut log_of_sum);
            logsumexp[row] = top + log_of_sum[0];
        }
        let share = L::splat(1.0 / sum);
        for at in (0..seen).step_by(WIDTH) {
            let power = match powers.get(at..at + WIDTH) {
                Some(kept) => load(kept),
                None => power(at),
            };
            store(power.mul(share), &mut y[at..seen]);
        }
        y[seen..].fill(T::default());
    }
}

/// The first `count` lanes, zero in the others.
#[inline(always)]
pub(crate) fn first_of<L: Lanes>(value: L, count: usize) -> L {
    let mut lanes = [0.0; WIDTH];
    value.store(&mut lanes);
    lanes[count.min(WIDTH)..].fill(0.0);
    L::load(&lanes)
}

/// Gradient of [`softmax`]: `dx = scale · y · (dy - Σ_row y · dy)`.
pub fn softmax_gradient<T: Element>(
    form: Form,
    y: Matrix<'_, T>,
    dy: Matrix<'_, T>,
    scale: f32,
    dx: MatrixMut<'_, T>,
) -> Result<(), Mismatch> {
    let shape = (y.rows(), y.cols());
    fits("y of a softmax", &y, shape)?;
    fits("dy of a softmax", &dy, shape)?;
    fits("dx of a softmax", &dx.as_ref(), shape)?;
    if shape.1 > 0 {
        softmax_back(form, y, dy, scale, dx);
    }
    Ok(())
}

forms! {
    fn softmax_back[T: Element](y: Matrix<'_, T>, dy: Matrix<'_, T>, scale: f32, dx: MatrixMut<'_, T>) = softmax_back_in
}

#[inline(always)]
fn softmax_back_in<L: Lanes, T: Element>(
    _: PhantomData<L>,
    y: Matrix<'_, T>,
    dy: Matrix<'_, T>,
    scale: f32,
    mut dx: MatrixMut<'_, T>,
) {
    for row in 0..y.rows() {
        let (y, dy, dx) = (y.row(row), dy.row(row), dx.row(row));
        let mut products = L::zero();
        for at in (0..y.len()).step_by(WIDTH) {
            products = load::<L, T>(&y[at..]).fma(load(&dy[at..]), products);
        }
        let mean = L::splat(products.sum());
        for at in (0..y.len()).step_by(WIDTH) {
            let slope = load::<L, T>(&dy[at..]).sub(mean);
            store(slope.mul(load(&y[at..])).mul(L::splat(scale)), &mut dx[at..]);
        }
    }
}

/// Rotary positions (Su et al., arXiv:2104.09864), half-split as in Llama: `y₁ = x₁ cos - x₂ sin`, `y₂ = x₂ cos + x₁ sin`,
/// x₁ and x₂ the halves of a row. `cos`, `sin`: `[rows, cols / 2]`. `back` turns the other way: the gradient.
pub fn rope<T: Element>(
    form: Form,
    x: Matrix<'_, T>,
    (cos, sin): (Matrix<'_, f32>, Matrix<'_, f32>),
    back: bool,
    y: MatrixMut<'_, T>,
) -> Result<(), Mismatch> {
    let shape = (x.rows(), x.cols());
    same("columns of rotary positions, modulo 2", shape.1 % 2, 0)?;
    fits("x of rotary positions", &x, shape)?;
    fits("y of rotary positions", &y.as_ref(), shape)?;
    fits("cosines of rotary positions", &cos, (shape.0, shape.1 / 2))?;
    fits("sines of rotary positions", &sin, (shape.0, shape.1 / 2))?;
    if shape.1 > 0 {
        turn(form, x, (cos, sin), if back { -1.0 } else { 1.0 }, y);
    }
    Ok(())
}

forms! {
    fn turn[T: Element](
        x: Matrix<'_, T>, angles: (Matrix<'_, f32>, Matrix<'_, f32>), direction: f32, y: MatrixMut<'_, T>,
    ) = turn_in
}

#[inline(always)]
fn turn_in<L: Lanes, T: Element>(
    _: PhantomData<L>,
    x: Matrix<'_, T>,
    (cos, sin): (Matrix<'_, f32>, Matrix<'_, f32>),
    direction: f32,
    mut y: MatrixMut<'_, T>,
) {
    for row in 0..x.rows() {
        let (first, second) = x.row(row).split_at(x.cols() / 2);
        let (y_first, y_second) = y.row(row).split_at_mut(x.cols() / 2);
        let (cos, sin) = (cos.row(row), sin.row(row));
        for at in (0..first.len()).step_by(WIDTH) {
            let (a, b): (L, L) = (load(&first[at..]), load(&second[at..]));
            let (cos, sin): (L, L) = (load(&cos[at..]), load::<L, f32>(&sin[at..]).mul(L::splat(direction)));
            store(a.mul(cos).sub(b.mul(sin)), &mut y_first[at..]);
            store(b.mul(cos).add(a.mul(sin)), &mut y_second[at..]);
        }
    }
}

/// `y = silu(a) · b`, elements of any shape.
pub fn gate<T: Element>(form: Form, a: &[T], b: &[T], y: &mut [T]) -> Result<(), Mismatch> {
    same("b of a gate", b.len(), a.len())?;
    same("y of a gate", y.len(), a.len())?;
    gate_of(form, a, b, y);
    Ok(())
}

forms! {
    fn gate_of[T: Element](a: &[T], b: &[T], y: &mut [T]) = gate_in
}

#[inline(always)]
fn gate_in<L: Lanes, T: Element>(_: PhantomData<L>, a: &[T], b: &[T], y: &mut [T]) {
    for at in (0..a.len()).step_by(WIDTH) {
        store(silu(load::<L, T>(&a[at..])).mul(load(&b[at..])), &mut y[at..]);
    }
}

/// Gradients of [`gate`]: `da = dy · b · silu'(a)`, `db = dy · silu(a)`.
pub fn gate_gradient<T: Element>(
    form: Form,
    (a, b): (&[T], &[T]),
    dy: &[T],
    (da, db): (&mut [T], &mut [T]),
) -> Result<(), Mismatch> {
    for length in [b.len(), dy.len(), da.len(), db.len()] {
        same("operands of a gate's gradient", length, a.len())?;
    }
    gate_back(form, a, b, dy, da, db);
    Ok(())
}

forms! {
    fn gate_back[T: Element](a: &[T], b: &[T], dy: &[T], da: &mut [T], db: &mut [T]) = gate_back_in
}

#[inline(always)]
fn gate_back_in<L: Lanes, T: Element>(
    _: PhantomData<L>,
    a: &[T],
    b: &[T],
    dy: &[T],
    da: &mut [T],
    db: &mut [T],
) {
    for at in (0..a.len()).step_by(WIDTH) {
        let (a, b, dy): (L, L, L) = (load(&a[at..]), load(&b[at..]), load(&dy[at..]));
        store(dy.mul(b).mul(silu_slope(a)), &mut da[at..]);
        store(dy.mul(a.mul(sigmoid(a))), &mut db[at..]);
    }
}

/// `out[c] += Σ_r x[r, c]`, rows in their order: the gradient of what was broadcast to rows, such as a bias.
pub fn add_up_rows<T: Element>(form: Form, x: Matrix<'_, T>, out: &mut [f32]) -> Result<(), Mismatch> {
    fits("x of a sum over rows", &x, (x.rows(), out.len()))?;
    add_up(form, x, out);
    Ok(())
}

forms! {
    fn add_up[T: Element](x: Matrix<'_, T>, out: &mut [f32]) = add_up_in
}

#[inline(always)]
fn add_up_in<L: Lanes, T: Element>(_: PhantomData<L>, x: Matrix<'_, T>, out: &mut [f32]) {
    for at in (0..out.len()).step_by(WIDTH) {
        let mut sum: L = load(&out[at..]);
        for row in 0..x.rows() {
            sum = sum.add(load(&x.row(row)[at..]));
        }
        store(sum, &mut out[at..]);
    }
}
