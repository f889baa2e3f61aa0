//! Products of a slice, with their addresses: by weights packed before the step or of two operands of the slice, and with
//! the gate behind them.

use super::product::Product;
use super::record::bytes_of;
use crate::types::Kind;
use std::sync::{Mutex, PoisonError};
use totc_kernels::untyped::{Operand as Raw, gate_into, gemm_into, product_into};
use totc_kernels::{Form, Mismatch, Packed, Pool, Precision};

/// A product, or one for every entry of the loops around it.
pub(super) struct Multiply {
    pub own: Product,
    pub offsets: Vec<(usize, usize, usize)>,
    pub addresses: [usize; 3],
    pub kinds: [Kind; 3],
    pub raw_kinds: [totc_kernels::fused::Kind; 3],
    pub pack: Option<usize>,
    pub precision: Precision,
    /// Threads that do it together.
    pub threads: usize,
}

/// A product that a gate follows.
pub(super) struct Gated {
    pub own: Product,
    pub left: (usize, totc_kernels::fused::Kind),
    pub gate: (usize, totc_kernels::fused::Kind),
    /// Where the product itself goes.
    pub both: Option<usize>,
    pub pack: usize,
    /// Threads that do it together.
    pub threads: usize,
}

/// Multiplications of a thread's share, at least: about ten times as long as another thread takes to begin.
const SHARE: usize = 1 << 23;

/// Into how many parts a product of so many multiplications is cut.
pub(super) fn parts(threads: usize, multiplications: usize) -> usize {
    threads.min(multiplications / SHARE).max(1)
}

/// Does `parts` parts on the threads of the pool; the first that failed.
pub(super) fn together(
    parts: usize,
    part: impl Fn(usize) -> Result<(), Mismatch> + Sync,
) -> Result<(), Mismatch> {
    let failed = Mutex::new(None);
    Pool::shared().run(parts, |at| {
        if let Err(mismatch) = part(at) {
            failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(mismatch);
        }
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

impl Multiply {
    #[expect(unsafe_code, reason = "kernels read and write memory by pointers")]
    pub fn run(&self, packs: &[Packed], form: Form) -> Result<(), Mismatch> {
        let Product { rows, cols, k, left, right, out, .. } = self.own;
        let raw = |which: usize, offset: usize, shape: (usize, usize), strides: (usize, usize)| Raw {
            address: self.addresses[which] + offset * bytes_of(self.kinds[which]),
            kind: self.raw_kinds[which],
            shape,
            strides,
        };
        for (a, b, o) in &self.offsets {
            let (left, out) = (raw(0, *a, (rows, k), left), raw(2, *o, (rows, cols), (out, 1)));
            match self.pack {
                Some(pack) => {
                    let parts = parts(self.threads, rows * cols * k);
                    // SAFETY: the arrays' types say how much of their buffers is read and written; no buffer is both.
                    together(parts, |at| unsafe { gemm_into(left, &packs[pack], out, (at, parts)) })?;
                }
                None => {
                    let right = raw(1, *b, (cols, k), right);
                    // SAFETY: likewise.
                    unsafe { product_into(form, self.precision, left, right, out)? };
                }
            }
        }
        Ok(())
    }
}

impl Gated {
    #[expect(unsafe_code, reason = "kernels read and write memory by pointers")]
    pub fn run(&self, packs: &[Packed]) -> Result<(), Mismatch> {
        let Product { rows, cols, k, left, out, .. } = self.own;
        let half = cols / 2;
        let raw = |(address, kind), shape, strides| Raw { address, kind, shape, strides };
        let both = self.both.map(|both| raw((both, self.gate.1), (rows, cols), (out, 1)));
        let (left, gate) = (raw(self.left, (rows, k), left), raw(self.gate, (rows, half), (half, 1)));
        let parts = if both.is_some() { 1 } else { parts(self.threads, rows * cols * k) };
        // SAFETY: the arrays' types say how much of their buffers is read and written; no buffer is both.
        together(parts, |at| unsafe { gate_into(left, &packs[self.pack], gate, both, (at, parts)) })
    }
}
