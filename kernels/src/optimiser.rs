//! Steps of optimisers over one flat weight, everything in one pass: takes weight, gradient and memory of one length, all
//! float32, changes them in place. Elements do not meet but in [`sum_of_squares`], so any slices give the same bits.

use std::marker::PhantomData;

use crate::element::{load, store};
use crate::error::{Mismatch, same};
use crate::form::Form;
use crate::lanes::{Lanes, WIDTH, forms};
use crate::math::atan2_right;

/// How the quotient of the moments is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quotient {
    /// `m / (√v + eps)`: AdamW (Loshchilov and Hutter, arXiv:1711.05101).
    Eps(f32),
    /// `atan2(m, √v)`: Adam-atan2 (Everett et al., arXiv:2407.05872).
    Atan2,
}

/// The numbers of one step of Adam with decoupled weight decay.
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Updates of this weight, this one included.
    pub count: u64,
    /// Learning rate of this step.
    pub lr: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// How the moments become a step.
    pub quotient: Quotient,
    /// The gradient is multiplied by it first: what clipping says, 1 without.
    pub gradient_scale: f32,
}

/// Adam's numbers as the loop uses them.
#[derive(Clone, Copy)]
struct Factors {
    keep: f32,
    rate1: f32,
    beta2: f32,
    rate2: f32,
    spread: f32,
    step: f32,
    quotient: Quotient,
    scale: f32,
}

impl Adam {
    /// `w ← w (1 - lr · decay)`, `m ← m + (1 - β₁)(g - m)`, `v ← β₂ v + (1 - β₂) g²`,
    /// `w ← w - lr / (1 - β₁ᵗ) · quotient(m, √(v / (1 - β₂ᵗ)))`.
    pub fn step(
        &self,
        form: Form,
        weight: &mut [f32],
        gradient: &[f32],
        m: &mut [f32],
        v: &mut [f32],
    ) -> Result<(), Mismatch> {
        for length in [gradient.len(), m.len(), v.len()] {
            same("length of what an optimiser's step takes", length, weight.len())?;
        }
        let correction = |beta: f64| 1.0 - beta.powf(self.count as f64);
        let factors = Factors {
            keep: (1.0 - self.lr * self.weight_decay) as f32,
            rate1: (1.0 - self.beta1) as f32,
            beta2: self.beta2 as f32,
            rate2: (1.0 - self.beta2) as f32,
            spread: (1.0 / correction(self.beta2).sqrt()) as f32,
            step: (self.lr / correction(self.beta1)) as f32,
            quotient: self.quotient,
            scale: self.gradient_scale,
        };
        adam(form, factors, weight, gradient, m, v);
        Ok(())
    }
}

forms! {
    fn adam[](factors: Factors, weight: &mut [f32], gradient: &[f32], m: &mut [f32], v: &mut [f32]) = adam_in
}

#[inline(always)]
fn adam_in<L: Lanes>(
    _: PhantomData<L>,
    f: Factors,
    weight: &mut [f32],
    gradient: &[f32],
    m: &mut [f32],
    v: &mut [f32],
) {
    for at in (0..weight.len()).step_by(WIDTH) {
        let g = load::<L, f32>(&gradient[at..]).mul(L::splat(f.scale));
        let first: L = load(&m[at..]);
        let first = g.sub(first).fma(L::splat(f.rate1), first);
        let second = load::<L, f32>(&v[at..]).mul(L::splat(f.beta2));
        let second = g.mul(g).fma(L::splat(f.rate2), second);
        let spread = second.sqrt().mul(L::splat(f.spread));
        let quotient = match f.quotient {
            Quotient::Eps(eps) => first.div(spread.add(L::splat(eps))),
            Quotient::Atan2 => atan2_right(first, spread),
        };
        let kept = load::<L, f32>(&weight[at..]).mul(L::splat(f.keep));
        store(quotient.fma(L::splat(-f.step), kept), &mut weight[at..]);
        store(first, &mut m[at..]);
        store(second, &mut v[at..]);
    }
}

/// Sign descent on a row of a table: `w ← w (1 - lr · decay) - lr · sign(g)`.
pub fn sign_descent(
    form: Form,
    weight: &mut [f32],
    gradient: &[f32],
    lr: f64,
    weight_decay: f64,
) -> Result<(), Mismatch> {
    same("length of a row's gradient", gradient.len(), weight.len())?;
    descend(form, weight, gradient, lr as f32, (1.0 - lr * weight_decay) as f32);
    Ok(())
}

forms! {
    fn descend[](weight: &mut [f32], gradient: &[f32], lr: f32, keep: f32) = descend_in
}

#[inline(always)]
fn descend_in<L: Lanes>(_: PhantomData<L>, weight: &mut [f32], gradient: &[f32], lr: f32, keep: f32) {
    let (zero, lr) = (L::zero(), L::splat(lr));
    for at in (0..weight.len()).step_by(WIDTH) {
        let g: L = load(&gradient[at..]);
        let step = L::select(zero.lt(g), lr, L::select(g.lt(zero), zero.sub(lr), zero));
        store(load::<L, f32>(&weight[at..]).mul(L::splat(keep)).sub(step), &mut weight[at..]);
    }
}

/// Moving average: `shadow ← rate · shadow + (1 - rate) · weight`.
pub fn moving_average(form: Form, shadow: &mut [f32], weight: &[f32], rate: f64) -> Result<(), Mismatch> {
    same("length of a moving average", shadow.len(), weight.len())?;
    average(form, shadow, weight, rate as f32, (1.0 - rate) as f32);
    Ok(())
}

forms! {
    fn average[](shadow: &mut [f32], weight: &[f32], rate: f32, rest: f32) = average_in
}

#[inline(always)]
fn average_in<L: Lanes>(_: PhantomData<L>, shadow: &mut [f32], weight: &[f32], rate: f32, rest: f32) {
    for at in (0..shadow.len()).step_by(WIDTH) {
        let new = load::<L, f32>(&weight[at..]).mul(L::splat(rest));
        store(load::<L, f32>(&shadow[at..]).fma(L::splat(rate), new), &mut shadow[at..]);
    }
}

/// Elements of which squares are added up in float32 before float64 takes their sum.
const SQUARES: usize = 4096;

/// `Σ x²`, for clipping: float32 within pieces of 4096, float64 between them, in their order.
pub fn sum_of_squares(form: Form, values: &[f32]) -> f64 {
    values.chunks(SQUARES).map(|piece| f64::from(squares(form, piece))).sum()
}

forms! {
    fn squares[](values: &[f32]) -> f32 = squares_in
}

#[inline(always)]
fn squares_in<L: Lanes>(_: PhantomData<L>, values: &[f32]) -> f32 {
    let mut sum = L::zero();
    for at in (0..values.len()).step_by(WIDTH) {
        let value: L = load(&values[at..]);
        sum = value.fma(value, sum);
    }
    sum.sum()
}
