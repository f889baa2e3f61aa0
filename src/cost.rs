//! The cost of one step: takes a program, gives floating-point operations and activation memory, from types alone; runs
//! nothing.

use crate::ir::Yield;
use crate::ir::op::Op;
use crate::lower::{Instr, InstrOp, Operand, Program};
use crate::types::{Kind, Ty};
use std::collections::HashMap;

/// What one step costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Cost {
    /// Forward operations without gradient.
    pub flops_without_gradient: u64,
    /// Forward operations with gradient.
    pub flops_with_gradient: u64,
    /// Of the backward pass, what it computes again included.
    pub flops_backward: u64,
    /// Of matrix products and attention alone.
    pub flops_of_products: u64,
    /// All of them.
    pub flops: u64,
    /// Bytes that loops keep of their iterations for the backward pass.
    pub kept_bytes: u64,
    /// Most bytes of activations alive at once, what is kept included.
    pub activation_bytes: u64,
}

#[derive(Default)]
struct Walk {
    cost: Cost,
    live: u64,
    sizes: HashMap<usize, u64>,
}

/// Counts a program's step. Views cost nothing; a value lives until its last reader, in the backward pass too.
pub fn cost(program: &Program) -> Cost {
    let mut walk = Walk::default();
    walk.body(&program.body, 1);
    let mut cost = walk.cost;
    let forward = cost.flops_without_gradient.saturating_add(cost.flops_with_gradient);
    cost.flops = forward.saturating_add(cost.flops_backward);
    cost
}

impl Walk {
    fn body(&mut self, instrs: &[Instr], times: u64) {
        for instr in instrs {
            match &instr.op {
                InstrOp::Op(op) => self.operation(op, instr, times),
                InstrOp::Fused { body, result_tys, .. } => {
                    // What stays inside takes no memory.
                    let (before, most) = (self.live, self.cost.activation_bytes);
                    self.body(body, times);
                    (self.live, self.cost.activation_bytes) = (before, most);
                    for (slot, ty) in instr.out.iter().zip(result_tys) {
                        self.hold(*slot, bytes(ty));
                    }
                }
                InstrOp::Repeat { times: inner, body, result_tys, yields, next, .. } => {
                    // What is stacked grows while the iterations run.
                    let stacked: u64 = (yields.iter().zip(&result_tys[next.len()..]))
                        .filter(|((_, yielded), _)| matches!(yielded, Yield::Stack(_)))
                        .fold(0, |sum, (_, ty)| sum.saturating_add(bytes(ty)));
                    self.cost.kept_bytes = self.cost.kept_bytes.saturating_add(stacked);
                    let before = self.live;
                    self.live = self.live.saturating_add(stacked);
                    self.body(body, times.saturating_mul(*inner as u64));
                    self.live = before;
                    for (slot, ty) in instr.out.iter().zip(result_tys) {
                        self.hold(*slot, bytes(ty));
                    }
                }
            }
            for slot in &instr.free {
                if let Some(bytes) = self.sizes.remove(slot) {
                    self.live = self.live.saturating_sub(bytes);
                }
            }
        }
    }

    fn operation(&mut self, op: &Op, instr: &Instr, times: u64) {
        let bytes = match op {
            Op::Prim(..)
            | Op::Concat { .. }
            | Op::Gather { .. }
            | Op::Pad { .. }
            | Op::EmbeddingRows(_)
            | Op::Scatter { .. } => bytes(&instr.ty),
            // Views, or the operand itself.
            _ => 0,
        };
        if let (false, Some(slot)) = (instr.in_place, instr.out.first()) {
            self.hold(*slot, bytes);
        }
        let Op::Prim(id, attrs) = op else { return };
        let types: Vec<&Ty> = instr.arg_tys.iter().collect();
        let flops = times.saturating_mul((id.get().flops)(attrs, &types, &instr.ty));
        let learns = instr.gradient && instr.args.iter().any(|arg| matches!(arg, Operand::Slot(_)));
        let sum = match (instr.backward, learns) {
            (true, _) => &mut self.cost.flops_backward,
            (false, true) => &mut self.cost.flops_with_gradient,
            (false, false) => &mut self.cost.flops_without_gradient,
        };
        *sum = sum.saturating_add(flops);
        if matches!(id.get().name, "dot" | "attend" | "attend_backward") {
            self.cost.flops_of_products = self.cost.flops_of_products.saturating_add(flops);
        }
    }

    fn hold(&mut self, slot: usize, bytes: u64) {
        self.sizes.insert(slot, bytes);
        self.live = self.live.saturating_add(bytes);
        self.peak();
    }

    fn peak(&mut self) {
        self.cost.activation_bytes = self.cost.activation_bytes.max(self.live);
    }
}

fn bytes(ty: &Ty) -> u64 {
    let element = match ty.kind {
        Kind::Bool => 1,
        Kind::Int | Kind::Index { .. } | Kind::Float64 => 8,
        Kind::Float | Kind::Float32 => 4,
        Kind::BFloat16 => 2,
    };
    ty.dims.iter().fold(element, |bytes: u64, dim| bytes.saturating_mul(dim.size as u64))
}
