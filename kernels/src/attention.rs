//! Attention of one head in one sample, forward and backward: `softmax(scale · q kᵀ) v`. What is large in the middle,
//! scores and probabilities, lies in the thread's room; the backward pass computes it again from the logarithms of the sums.

use std::marker::PhantomData;

use crate::element::{Element, load, store};
use crate::epilogue::Epilogue;
use crate::error::{Mismatch, same};
use crate::form::Form;
use crate::gemm::{Precision, product};
use crate::lanes::{Lanes, WIDTH, always, forms};
use crate::math::exp;
use crate::matrix::{Matrix, MatrixMut};
use crate::rows::{first_of, softmax};
use crate::scratch::grown;

/// One head: queries `[queries, dim]`, keys `[keys, dim]`, values `[keys, values]`.
#[derive(Clone, Copy, Debug)]
pub struct Attention<'a, T> {
    /// Queries.
    pub q: Matrix<'a, T>,
    /// Keys.
    pub k: Matrix<'a, T>,
    /// Values.
    pub v: Matrix<'a, T>,
    /// Multiplies the scores, mostly `1 / √dim`.
    pub scale: f32,
    /// Whether query r sees keys up to `r + keys - queries` alone.
    pub causal: bool,
}

/// Gradients of a head's operands, each of its operand's shape.
#[derive(Debug)]
pub struct AttentionGradients<'a, T> {
    /// Of the queries.
    pub dq: MatrixMut<'a, T>,
    /// Of the keys.
    pub dk: MatrixMut<'a, T>,
    /// Of the values.
    pub dv: MatrixMut<'a, T>,
}

/// Room between the products of attention.
struct Room<T> {
    scores: Vec<f32>,
    slopes: Vec<f32>,
    shares: Vec<T>,
    narrow: Vec<T>,
    logarithms: Vec<f32>,
}

impl<T> Default for Room<T> {
    fn default() -> Self {
        Room {
            scores: Vec::new(),
            slopes: Vec::new(),
            shares: Vec::new(),
            narrow: Vec::new(),
            logarithms: Vec::new(),
        }
    }
}

/// Where attention works: kept by the caller, one per thread, so that a step that has run once allocates nothing.
pub struct AttentionRoom<T> {
    any: Room<T>,
    #[cfg(target_arch = "x86_64")]
    tiles: crate::attention_tiles::Room,
}

impl<T> Default for AttentionRoom<T> {
    fn default() -> Self {
        AttentionRoom {
            any: Room::default(),
            #[cfg(target_arch = "x86_64")]
            tiles: crate::attention_tiles::Room::default(),
        }
    }
}

impl<T: Element> Attention<'_, T> {
    fn check(&self) -> Result<(usize, usize), Mismatch> {
        same("columns of the keys", self.k.cols(), self.q.cols())?;
        same("rows of the values", self.v.rows(), self.k.rows())?;
        if self.causal && self.q.rows() > self.k.rows() {
            return Err(Mismatch {
                what: "queries of a causal attention",
                given: self.q.rows().to_string(),
                needed: format!("at most {}, the number of keys,", self.k.rows()),
            });
        }
        Ok((self.q.rows(), self.k.rows()))
    }

    /// This head for the tile unit, where it takes such heads.
    #[cfg(target_arch = "x86_64")]
    fn on_tiles(&self, form: Form) -> Option<crate::attention_tiles::Head<'_, T>> {
        let Attention { q, k, v, scale, causal } = *self;
        let taken = T::NARROW && crate::attention_tiles::takes(q.cols(), v.cols(), q.rows(), k.rows());
        (taken && form.usable() == Form::AmxBf16).then_some(crate::attention_tiles::Head {
            q,
            k,
            v,
            scale,
            causal,
        })
    }

    fn precision() -> Precision {
        if T::NARROW { Precision::Bfloat16 } else { Precision::Float32 }
    }

    fn scores(&self, form: Form, scores: &mut [f32]) -> Result<(), Mismatch> {
        let scores = MatrixMut::dense(scores, self.q.rows(), self.k.rows())?;
        product(form, Self::precision(), self.q, self.k, scores, Epilogue::STORE)
    }

    /// Fills `out`, `[queries, values]`, and the logarithm of each row's sum of powers, `[queries]`, which the gradient
    /// needs.
    pub fn forward(
        &self,
        form: Form,
        room: &mut AttentionRoom<T>,
        out: MatrixMut<'_, T>,
        logsumexp: Option<&mut [f32]>,
    ) -> Result<(), Mismatch> {
        let (queries, keys) = self.check()?;
        #[cfg(target_arch = "x86_64")]
        if let (Some(head), None) = (self.on_tiles(form), &logsumexp) {
            same("shape of an attention's output", (out.rows(), out.cols()), (queries, self.v.cols()))?;
            // SAFETY: the processor has tiles, and with them AVX-512.
            unsafe { head.forward(&mut room.tiles, out) };
            return Ok(());
        }
        let Room { scores, shares, .. } = &mut room.any;
        let (scores, shares) = (grown(scores, queries * keys), grown(shares, queries * keys));
        self.scores(form, scores)?;
        let scores = Matrix::dense(scores, queries, keys)?;
        softmax(form, scores, self.scale, self.causal, MatrixMut::dense(shares, queries, keys)?, logsumexp)?;
        let shares = Matrix::dense(shares, queries, keys)?;
        product(form, Self::precision(), shares, self.v.transposed(), out, Epilogue::STORE)
    }

    /// Fills the gradients from `dout`, the gradient of the output, and the logarithms that the forward pass kept; where it
    /// kept none they are computed again. With p the
    /// probabilities: `dv = pᵀ dout`, `ds = p · (dp - Σ_row p · dp)` for `dp = dout vᵀ`, `dq = scale · ds k`,
    /// `dk = scale · dsᵀ q` (Dao et al., arXiv:2205.14135, appendix B.2).
    pub fn backward(
        &self,
        form: Form,
        room: &mut AttentionRoom<T>,
        dout: Matrix<'_, T>,
        logsumexp: Option<&[f32]>,
        gradients: AttentionGradients<'_, T>,
    ) -> Result<(), Mismatch> {
        let (queries, keys) = self.check()?;
        if let Some(kept) = logsumexp {
            same("rows of the logarithms", kept.len(), queries)?;
        }
        same("shape of the output's gradient", (dout.rows(), dout.cols()), (queries, self.v.cols()))?;
        #[cfg(target_arch = "x86_64")]
        if let Some(head) = self.on_tiles(form) {
            for (to, of) in [(&gradients.dq, &self.q), (&gradients.dk, &self.k), (&gradients.dv, &self.v)] {
                same("shape of an attention's gradient", (to.rows(), to.cols()), (of.rows(), of.cols()))?;
            }
            // SAFETY: the processor has tiles, and with them AVX-512.
            unsafe { head.backward(&mut room.tiles, dout, gradients) };
            return Ok(());
        }
        let Room { scores, slopes, shares, narrow, logarithms } = &mut room.any;
        let count = queries * keys;
        let (scores, slopes) = (grown(scores, count), grown(slopes, count));
        let (shares, narrow) = (grown(shares, count), grown(narrow, count));
        self.scores(form, scores)?;
        let logsumexp = match logsumexp {
            Some(kept) => kept,
            None => {
                let logarithms = grown(logarithms, queries);
                let shares = MatrixMut::dense(shares, queries, keys)?;
                let scores = Matrix::dense(scores, queries, keys)?;
                softmax(form, scores, self.scale, self.causal, shares, Some(logarithms))?;
                logarithms
            }
        };
        let slopes_out = MatrixMut::dense(slopes, queries, keys)?;
        product(form, Self::precision(), dout, self.v, slopes_out, Epilogue::STORE)?;
        if keys > 0 {
            let first = if self.causal { keys + 1 - queries } else { keys };
            probabilities(
                form,
                keys,
                (self.scale, self.causal, first),
                logsumexp,
                scores,
                slopes,
                shares,
                narrow,
            );
        }
        let shares = Matrix::dense(shares, queries, keys)?;
        let slopes = Matrix::dense(narrow, queries, keys)?;
        let AttentionGradients { dq, dk, dv } = gradients;
        let precision = Self::precision();
        product(form, precision, shares.transposed(), dout.transposed(), dv, Epilogue::STORE)?;
        product(form, precision, slopes, self.k.transposed(), dq, Epilogue::STORE)?;
        product(form, precision, slopes.transposed(), self.q.transposed(), dk, Epilogue::STORE)
    }
}

forms! {
    /// Probabilities and `scale · ds` of every row.
    fn probabilities[T: Element](
        keys: usize, rule: (f32, bool, usize), logsumexp: &[f32], scores: &[f32], slopes: &[f32],
        shares: &mut [T], narrow: &mut [T],
    ) = probabilities_in
}

#[inline(always)]
fn probabilities_in<L: Lanes, T: Element>(
    _: PhantomData<L>,
    keys: usize,
    (scale, causal, first): (f32, bool, usize),
    logsumexp: &[f32],
    scores: &[f32],
    slopes: &[f32],
    shares: &mut [T],
    narrow: &mut [T],
) {
    let rows = scores.chunks_exact(keys).zip(slopes.chunks_exact(keys));
    let outs = shares.chunks_exact_mut(keys).zip(narrow.chunks_exact_mut(keys));
    for (row, ((scores, slopes), (shares, narrow))) in rows.zip(outs).enumerate() {
        let seen = if causal { (first + row).min(keys) } else { keys };
        let below = L::splat(-logsumexp[row]);
        let share = always(
            #[inline(always)]
            |at: usize| exp(load::<L, f32>(&scores[at..seen]).fma(L::splat(scale), below)),
        );
        let mut products = L::zero();
        for at in (0..seen).step_by(WIDTH) {
            // Beyond the end it would be the power of minus the logarithm, which may be infinite, times a slope of zero.
            let share = if at + WIDTH <= seen { share(at) } else { first_of(share(at), seen - at) };
            products = share.fma(load(&slopes[at..seen]), products);
        }
        let mean = L::splat(products.sum());
        for at in (0..seen).step_by(WIDTH) {
            let share = share(at);
            let slope = load::<L, f32>(&slopes[at..seen]).sub(mean).mul(share).mul(L::splat(scale));
            store(share, &mut shares[at..seen]);
            store(slope, &mut narrow[at..seen]);
        }
        shares[seen..].fill(T::default());
        narrow[seen..].fill(T::default());
    }
}
