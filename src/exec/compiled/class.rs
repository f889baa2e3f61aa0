//! Which values belong to one sample, which are the same for all, and which are sums over samples: what makes it legal to
//! compute some samples apart from the others.

use crate::ir::op::Op;
use crate::lower::{Instr, InstrOp, Operand};
use crate::types::{AxisId, Ty};

/// How a value depends on the samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A number known at compile time.
    Number,
    /// The same for every sample: weights, tables, and what is computed from them.
    Shared,
    /// Has an entry for each sample, which depends on that sample alone.
    Sample,
    /// A sum over samples: that of all is the sum of those of some.
    Sum,
}

/// The class of an instruction's result; None where samples meet in another way than by a sum.
pub(super) fn class(instr: &Instr, op: &Op, args: &[Class], batch: AxisId) -> Option<Class> {
    let tys = &instr.arg_tys;
    let has = instr.ty.has(batch);
    let prim = |name: &str| matches!(op, Op::Prim(id, _) if id.get().name == name);
    if args.contains(&Class::Sum) {
        return linear(op, args).then_some(Class::Sum);
    }
    let own = match op {
        Op::Prim(_, attrs) if attrs.over.contains(&batch) => {
            let all = tys.iter().all(|ty| ty.has(batch)) && args.iter().all(|class| *class == Class::Sample);
            return ((prim("sum") || prim("dot")) && all && !has).then_some(Class::Sum);
        }
        Op::Prim(id, _) if id.get().random => return None,
        // A lookup backwards adds up over whatever the result lacks.
        Op::Scatter { axis } if *axis != batch && !has && args.contains(&Class::Sample) => {
            return (args[0] == Class::Sample && tys[0].has(batch) && tys[1].has(batch))
                .then_some(Class::Sum);
        }
        op => !names(op, batch),
    };
    if !own {
        return None;
    }
    match (args.contains(&Class::Sample), has) {
        (_, true) => Some(Class::Sample),
        (false, false) => Some(Class::Shared),
        (true, false) => None,
    }
}

/// Whether an operation works along an axis.
fn names(op: &Op, axis: AxisId) -> bool {
    match op {
        Op::Prim(_, attrs) => {
            attrs.over.contains(&axis)
                || attrs.along == Some(axis)
                || attrs.into.iter().any(|(into, _)| *into == axis)
        }
        Op::Select { axis: own, .. } | Op::Gather { axis: own } | Op::Scatter { axis: own } => *own == axis,
        Op::Slice { axis: own, to, .. } | Op::Pad { axis: own, to, .. } => *own == axis || *to == axis,
        Op::Rename { from, to } => *from == axis || *to == axis,
        Op::Flatten { from, to } => from.contains(&axis) || *to == axis,
        Op::Unflatten { from, to } => *from == axis || to.iter().any(|(own, _)| *own == axis),
        Op::Concat { parts, to } => parts.contains(&axis) || *to == axis,
        Op::Unstack { axis: own } => *own == axis,
        _ => false,
    }
}

/// Whether an operation of sums over samples gives such a sum.
fn linear(op: &Op, args: &[Class]) -> bool {
    let sum = |at: usize| args.get(at) == Some(&Class::Sum);
    let fixed = |at: usize| matches!(args.get(at), Some(Class::Number | Class::Shared));
    match op {
        Op::Prim(id, _) => match id.get().name {
            "add" | "sub" => sum(0) && sum(1),
            "neg" | "sum" => true,
            "mul" | "dot" => (sum(0) && fixed(1)) || (fixed(0) && sum(1)),
            "div" => sum(0) && fixed(1),
            // In the adjoint, which stands first.
            name if name.ends_with("_backward") => sum(0) && (1..args.len()).all(fixed),
            _ => false,
        },
        Op::Concat { .. } => args.iter().all(|class| *class == Class::Sum),
        Op::Select { .. }
        | Op::Slice { .. }
        | Op::Rename { .. }
        | Op::Flatten { .. }
        | Op::Unflatten { .. }
        | Op::Expand
        | Op::Pad { .. }
        | Op::Cast(_)
        | Op::Detach => true,
        Op::Scatter { .. } | Op::Gather { .. } => sum(0) && args.get(1) != Some(&Class::Sum),
        _ => false,
    }
}

/// The classes of what a group yields, by those of what it reads.
pub(super) fn of_group(
    body: &[Instr],
    yields: &[Operand],
    batch: AxisId,
    outside: impl Fn(usize) -> Option<Class>,
) -> Option<Vec<Class>> {
    let mut known: Vec<(usize, Class)> = Vec::new();
    let find = |known: &[(usize, Class)], operand: &Operand| match operand {
        Operand::Number(_) => Some(Class::Number),
        Operand::Slot(slot) => {
            known.iter().find(|(own, _)| own == slot).map(|(_, class)| *class).or_else(|| outside(*slot))
        }
    };
    for instr in body {
        let InstrOp::Op(op) = &instr.op else { return None };
        let args: Vec<Class> = instr.args.iter().map(|arg| find(&known, arg)).collect::<Option<_>>()?;
        known.push((*instr.out.first()?, class(instr, op, &args, batch)?));
    }
    yields.iter().map(|operand| find(&known, operand)).collect()
}

/// The type that a value has in a slice of `rows` samples.
pub(super) fn resized(ty: &Ty, batch: AxisId, rows: usize) -> Ty {
    let mut ty = ty.clone();
    ty.dims.iter_mut().filter(|dim| dim.axis == batch).for_each(|dim| dim.size = rows);
    ty
}

/// The instructions of a slice of `rows` samples.
pub(super) fn resized_all(instrs: &[Instr], batch: AxisId, rows: usize) -> Vec<Instr> {
    let one = |ty: &Ty| resized(ty, batch, rows);
    let each = |instr: &Instr| {
        let mut own = instr.clone();
        own.ty = one(&instr.ty);
        own.arg_tys = instr.arg_tys.iter().map(one).collect();
        own.in_place = false;
        match &mut own.op {
            InstrOp::Repeat { body, result_tys, .. } | InstrOp::Fused { body, result_tys, .. } => {
                *body = resized_all(body, batch, rows);
                *result_tys = result_tys.iter().map(one).collect();
            }
            InstrOp::Op(_) => {}
        }
        own
    };
    instrs.iter().map(each).collect()
}
