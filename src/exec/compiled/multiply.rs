//! Products of a slice, with their addresses: by weights packed before the step or of two operands of the slice, and with
//! the gate behind them.

use super::product::Product;
use super::record::bytes_of;
use crate::types::Kind;
use totc_kernels::untyped::{Operand as Raw, gate_into, gemm_into, product_into};
use totc_kernels::{Form, Mismatch, Packed, Precision};

/// A product, or one for every entry of the loops around it.
pub(super) struct Multiply {
    pub own: Product,
    pub offsets: Vec<(usize, usize, usize)>,
    pub addresses: [usize; 3],
    pub kinds: [Kind; 3],
    pub raw_kinds: [totc_kernels::fused::Kind; 3],
    pub pack: Option<usize>,
    pub precision: Precision,
}

/// A product that a gate follows.
pub(super) struct Gated {
    pub own: Product,
    pub left: (usize, totc_kernels::fused::Kind),
    pub gate: (usize, totc_kernels::fused::Kind),
    /// Where the product itself goes.
    pub both: Option<usize>,
    pub pack: usize,
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
            // SAFETY: the arrays' types say how much of their buffers is read and written; no buffer is both.
            unsafe {
                match self.pack {
                    Some(pack) => gemm_into(left, &packs[pack], out)?,
                    None => product_into(form, self.precision, left, raw(1, *b, (cols, k), right), out)?,
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
        // SAFETY: the arrays' types say how much of their buffers is read and written; no buffer is both.
        unsafe {
            gate_into(
                raw(self.left, (rows, k), left),
                &packs[self.pack],
                raw(self.gate, (rows, half), (half, 1)),
                both,
            )
        }
    }
}
