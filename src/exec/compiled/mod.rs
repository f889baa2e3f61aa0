//! The CPU's executor: a program written out as a plan, with every buffer in an arena, computed in slices of the batch by
//! the kernels of `totc-kernels`, and by libtorch's where there is none. What it cannot take is interpreted.

mod array;
mod call;
mod class;
mod gates;
mod machine;
mod memory;
mod plan;
mod product;
mod record;
mod sums;

pub(super) use machine::Machine;

use crate::ir::op::Op;
use crate::lower::{Instr, InstrOp, Program};

/// Rows of products in one slice, about: a few blocks of the tile unit, and activations that stay in the caches.
const SLICE: usize = 400;

/// Samples of one slice: of equal slices as many as give products enough rows, and at least two slices where there are
/// two samples. It depends on the program alone.
pub(super) fn slice_rows(program: &Program) -> Option<usize> {
    let batch = program.batch_rows();
    if batch == 0 {
        // Nothing comes from the data, so nothing says how many samples there are.
        return None;
    }
    let each = rows_a_sample(&program.body, program)?.max(1);
    let most = (SLICE / each).clamp(1, batch.div_ceil(2));
    (1..=most).rev().find(|rows| batch.is_multiple_of(*rows))
}

/// Rows of the widest product, for each sample.
fn rows_a_sample(body: &[Instr], program: &Program) -> Option<usize> {
    let batch = program.batch?;
    let mut most = 1;
    for instr in body {
        match &instr.op {
            InstrOp::Repeat { body, .. } => most = most.max(rows_a_sample(body, program)?),
            InstrOp::Op(Op::Prim(id, attrs)) if id.get().name == "dot" && !attrs.over.contains(&batch) => {
                for ty in instr.arg_tys.iter().filter(|ty| ty.has(batch)) {
                    let rows =
                        ty.dims.iter().filter(|dim| dim.axis != batch && !attrs.over.contains(&dim.axis));
                    most = most.max(rows.map(|dim| dim.size).product());
                }
            }
            _ => {}
        }
    }
    Some(most)
}
