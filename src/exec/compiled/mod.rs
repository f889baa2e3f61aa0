//! The CPU's executor: a program written out as a plan, with every buffer in an arena, computed in slices of the batch by
//! the kernels of `totc-kernels`, and by libtorch's where there is none. What it cannot take is interpreted.

mod adding;
mod array;
mod call;
mod class;
mod copies;
mod gates;
mod machine;
mod memory;
mod multiply;
mod plan;
mod product;
mod record;
mod sums;
mod telling;

pub(super) use machine::Machine;

use crate::ir::op::Op;
use crate::lower::{Instr, InstrOp, Program};
use crate::types::Ty;

/// Elements of the narrower side of a product in one slice, about: 400 rows of 512, a few blocks of the tile unit, and
/// activations that stay in the caches.
const SLICE: usize = 400 * 512;

/// The same where iterations may be left out: a slice computes what any of its samples asks for, so that it has few.
const GUARDED: usize = 8 * 512;

/// Whether there is a loop whose iterations may be left out.
fn guarded(body: &[Instr]) -> bool {
    body.iter().any(|instr| match &instr.op {
        InstrOp::Repeat { body, guard, .. } => guard.is_some() || guarded(body),
        _ => false,
    })
}

/// Samples of one slice: of equal slices as many as give products enough to do, and at least two slices where there are
/// two samples. It depends on the program alone.
pub(super) fn slice_rows(program: &Program) -> Option<usize> {
    let batch = program.batch_rows();
    if batch == 0 {
        // Nothing comes from the data, so nothing says how many samples there are.
        return None;
    }
    let each = elements_a_sample(&program.body, program)?.max(1);
    let slice = if guarded(&program.body) { GUARDED } else { SLICE };
    let most = (slice / each).clamp(1, batch.div_ceil(2));
    (1..=most).rev().find(|rows| batch.is_multiple_of(*rows))
}

/// Of the largest product, for each sample: its rows times what is narrower, their inputs or their outputs.
fn elements_a_sample(body: &[Instr], program: &Program) -> Option<usize> {
    let batch = program.batch?;
    let mut most = 1;
    for instr in body {
        match &instr.op {
            InstrOp::Repeat { body, .. } => most = most.max(elements_a_sample(body, program)?),
            InstrOp::Op(Op::Prim(id, attrs)) if id.get().name == "dot" && !attrs.over.contains(&batch) => {
                let inner: usize =
                    attrs.over.iter().filter_map(|axis| instr.arg_tys[0].size(*axis)).product();
                let free = |ty: &Ty, own: &Ty| -> usize {
                    let dims =
                        ty.dims.iter().filter(|dim| dim.axis != batch && !attrs.over.contains(&dim.axis));
                    dims.filter(|dim| !own.has(dim.axis) || ty.has(batch)).map(|dim| dim.size).product()
                };
                for (at, ty) in instr.arg_tys.iter().enumerate().filter(|(_, ty)| ty.has(batch)) {
                    let other = instr.arg_tys.iter().enumerate().find(|(place, _)| *place != at);
                    let outer = other.map_or(1, |(_, other)| free(other, ty));
                    most = most.max(free(ty, ty) * inner.min(outer).max(1));
                }
            }
            _ => {}
        }
    }
    Some(most)
}
