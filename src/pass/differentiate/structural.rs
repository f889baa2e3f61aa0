//! Derivatives of the structural operations: each is undone, and what was broadcast is summed.

use super::rule::Call;
use super::with_dim;
use crate::ir::op::Op;
use crate::primitive::Backward;
use crate::types::{AxisId, Ty};

/// The rule of an operation that is no primitive.
pub(super) fn rule(op: &Op, call: &mut Call) {
    let adjoint = call.adjoint();
    match op {
        Op::Select { axis, at } => {
            let whole = call.operand_ty(0);
            let size = whole.size(*axis).unwrap_or(1);
            let own = call.ty(adjoint);
            let one = Ty::new(own.kind, with_dim(&own.dims, &whole.dims, *axis, 1));
            let one = call.add_typed(Op::Expand, &[adjoint], one);
            let share = call.pad(one, *axis, *at, size);
            call.give(0, share);
        }
        Op::Slice { axis, start, to, .. } => {
            let size = call.operand_ty(0).size(*axis).unwrap_or(1);
            let share = call.add(Op::Pad { axis: *to, start: *start, size, to: *axis }, &[adjoint]);
            call.give(0, share);
        }
        Op::Pad { axis, start, to, .. } => {
            let len = call.operand_ty(0).size(*axis).unwrap_or(0);
            let share = call.add(Op::Slice { axis: *to, start: *start, len, to: *axis }, &[adjoint]);
            call.give(0, share);
        }
        Op::Gather { axis } => {
            let (whole, index) = (call.operand_ty(0), call.operand(1));
            let ty = Ty::new(call.ty(adjoint).kind, whole.dims);
            let share = call.add_typed(Op::Scatter { axis: *axis }, &[adjoint, index], ty);
            call.give(0, share);
        }
        Op::Rename { from, to } => {
            let share = call.add(Op::Rename { from: *to, to: *from }, &[adjoint]);
            call.give(0, share);
        }
        Op::Flatten { from, to } => {
            let whole = call.operand_ty(0);
            let parts: Vec<(AxisId, usize)> =
                from.iter().map(|axis| (*axis, whole.size(*axis).unwrap_or(1))).collect();
            let share = call.add(Op::Unflatten { from: *to, to: parts }, &[adjoint]);
            call.give(0, share);
        }
        Op::Unflatten { from, to } => {
            let parts = to.iter().map(|(axis, _)| *axis).collect();
            let share = call.add(Op::Flatten { from: parts, to: *from }, &[adjoint]);
            call.give(0, share);
        }
        Op::Concat { parts, to } => concat(call, parts, *to),
        Op::Expand | Op::Cast(_) => call.give(0, adjoint),
        // Sources have no operands, and gradient stops at the others.
        Op::Input(_)
        | Op::State { .. }
        | Op::Fresh
        | Op::Steps
        | Op::Weight(_)
        | Op::EmbeddingRows(_)
        | Op::Number(_)
        | Op::Prim(..)
        | Op::Scatter { .. }
        | Op::Detach
        | Op::Repeat { .. }
        | Op::Fused
        | Op::LoopResult(_)
        | Op::Argument(_)
        | Op::Iteration
        | Op::Unstack { .. } => {}
    }
}

fn concat(call: &mut Call, parts: &[AxisId], to: AxisId) {
    let (adjoint, mut start) = (call.adjoint(), 0);
    for (at, part) in parts.iter().enumerate() {
        let len = call.operand_ty(at).size(*part).unwrap_or(0);
        if call.wants(at) {
            let share = call.add(Op::Slice { axis: to, start, len, to: *part }, &[adjoint]);
            call.give(at, share);
        }
        start += len;
    }
}
