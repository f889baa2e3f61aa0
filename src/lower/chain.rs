//! A fused group as a chain of `totc_kernels::fused`: steps over the group's space, and what they read and give. Both the
//! CPU's kernels and the generated ones for CUDA are made of it. Knows no libtorch.

use super::program::{Instr, InstrOp, Operand};
use crate::ir::op::Op;
use crate::primitive::Chained;
use crate::primitive::chained::Steps;
use crate::types::{AxisId, Dim, Kind, Ty};
use std::collections::HashMap;
use std::sync::Arc;
use totc_kernels::fused::{Chain, Kind as Held, Op as Do, Register, Space, Step, Width};

/// A group that has become a chain.
#[derive(Clone, Debug)]
pub struct Planned {
    chain: Arc<Chain>,
    inputs: Vec<Source>,
    outputs: Vec<Ty>,
}

/// What a chain reads.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where it stands.
    pub slot: usize,
    /// What its elements are.
    pub kind: Held,
    /// For each axis of the space, the outermost first: the operand's axis, or None where it lacks it.
    pub axes: Vec<Option<usize>>,
}

/// The chain of a group; None where it is no chain's to compute.
pub fn plan(body: &[Instr], yields: &[Operand], result_tys: &[Ty]) -> Option<Planned> {
    let space = space_of(body)?;
    let double = body.iter().any(|instr| {
        let types = instr.arg_tys.iter().chain([&instr.ty]);
        types.into_iter().any(|ty| ty.kind == Kind::Float64)
    });
    let mut planning = Planning {
        space: &space,
        steps: Steps { steps: Vec::new(), last: space.last().map_or(1, |dim| dim.size) },
        known: HashMap::new(),
        inputs: Vec::new(),
    };
    for instr in body {
        planning.instruction(instr)?;
    }
    let outputs = yields.iter().map(|operand| match operand {
        Operand::Slot(slot) => planning.known.get(slot).copied(),
        Operand::Number(_) => None,
    });
    let outputs: Vec<Register> = outputs.collect::<Option<_>>()?;
    let sizes = Space(space.iter().map(|dim| dim.size).collect());
    let chain = Chain::new(sizes, double, planning.steps.steps, outputs).ok()?;
    Some(Planned { chain, inputs: planning.inputs, outputs: result_tys.to_vec() })
}

/// The widest of the types; where an operation runs over rows, its operand's.
fn space_of(body: &[Instr]) -> Option<Vec<Dim>> {
    let types = body.iter().map(|instr| match &instr.op {
        InstrOp::Op(Op::Prim(id, _)) if matches!(id.get().chained, Chained::Rows(_)) => instr.arg_tys.last(),
        _ => Some(&instr.ty),
    });
    types.flatten().max_by_key(|ty| ty.dims.len()).map(|ty| ty.dims.clone())
}

struct Planning<'a> {
    space: &'a [Dim],
    steps: Steps,
    /// Where the value of a slot stands.
    known: HashMap<usize, Register>,
    inputs: Vec<Source>,
}

impl Planning<'_> {
    fn instruction(&mut self, instr: &Instr) -> Option<()> {
        let mut operands = Vec::with_capacity(instr.args.len());
        for (arg, ty) in instr.args.iter().zip(&instr.arg_tys) {
            operands.push(match arg {
                Operand::Number(value) => self.steps.number(*value),
                Operand::Slot(slot) => self.read(*slot, ty)?,
            });
        }
        let result = match &instr.op {
            InstrOp::Op(Op::Prim(id, _)) => match (id.get().chained, instr.args.get(1)) {
                // As the kernel of libtorch does.
                (Chained::Each(Do::Pow), Some(Operand::Number(2.0))) => {
                    self.steps.add(Do::Mul, &[operands[0], operands[0]])
                }
                (Chained::Each(op), _) => self.steps.add(op, &operands),
                (Chained::Rows(rows), _) => rows(&mut self.steps, &operands),
                (Chained::Never, _) => return None,
            },
            InstrOp::Op(Op::Cast(_)) => operands[0],
            _ => return None,
        };
        // A value that meets nothing of its own width is read as wide as it is said to be.
        let width = self.width(&instr.ty)?;
        let result = self.widened(result, width)?;
        self.known.insert(*instr.out.first()?, result);
        Some(())
    }

    /// How many values a type has in the space.
    fn width(&self, ty: &Ty) -> Option<Width> {
        let (last, outer) = self.space.split_last()?;
        if ty.dims == self.space {
            return Some(Width::Full);
        }
        if ty.dims == outer {
            return Some(Width::Row);
        }
        ty.has(last.axis).then_some(Width::Full).or(Some(Width::Row))
    }

    fn widened(&mut self, register: Register, width: Width) -> Option<Register> {
        let own = self.steps.steps[register.0].width;
        match (own, width) {
            _ if own == width => Some(register),
            // What all operands lack is the same for all: a group has no such operation.
            _ => None,
        }
    }

    /// A value of the group, or of memory.
    fn read(&mut self, slot: usize, ty: &Ty) -> Option<Register> {
        if let Some(known) = self.known.get(&slot) {
            return Some(*known);
        }
        let kind = held(ty.kind)?;
        let place = |axis: AxisId| ty.position(axis);
        let axes: Vec<Option<usize>> = self.space.iter().map(|dim| place(dim.axis)).collect();
        if axes.iter().flatten().count() != ty.dims.len() {
            return None;
        }
        // What lacks the last axis is read once a row.
        let width = if axes.last().is_some_and(Option::is_some) { Width::Full } else { Width::Row };
        let register =
            self.steps.push(Step { op: Do::Input(self.inputs.len()), operands: Vec::new(), width });
        self.inputs.push(Source { slot, kind, axes });
        self.known.insert(slot, register);
        Some(register)
    }
}

impl Planned {
    /// The slots that it reads, in the order in which a run takes their tensors.
    pub fn reads(&self) -> impl Iterator<Item = usize> + '_ {
        self.inputs.iter().map(|source| source.slot)
    }

    /// For each of them, the operand's axis that stands for each axis of the space, the outermost first.
    pub fn axes(&self) -> impl Iterator<Item = &[Option<usize>]> + '_ {
        self.inputs.iter().map(|source| &source.axes[..])
    }

    /// Where its reads stand if all it computes is `silu(a) · b`: (a, b).
    pub fn gate(&self) -> Option<(usize, usize)> {
        self.chain.gate().filter(|_| self.inputs.len() == 2)
    }

    /// The kernel, which memory can be bound to.
    pub fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    /// What it reads, by the places that the chain's steps name.
    pub fn inputs(&self) -> &[Source] {
        &self.inputs
    }

    /// Types of its results.
    pub fn outputs(&self) -> &[Ty] {
        &self.outputs
    }
}

/// What memory holds of a type; None of what no chain reads.
pub fn held(kind: Kind) -> Option<Held> {
    match kind {
        Kind::Bool => Some(Held::Bool),
        Kind::BFloat16 => Some(Held::BFloat16),
        Kind::Float32 => Some(Held::Float32),
        Kind::Float64 => Some(Held::Float64),
        _ => None,
    }
}
