//! A fused group as one kernel of totc's own, on tensors of the CPU. Planned once from the group's instructions; a run reads
//! the operands where they lie, by their strides, and gives new tensors.

use crate::ir::op::Op;
use crate::lower::{Instr, InstrOp, Operand};
use crate::primitive::Chained;
use crate::primitive::chained::Steps;
use crate::primitive::kernel::{TchResult, torch_kind};
use crate::types::{AxisId, Dim, Kind, Ty};
use std::collections::HashMap;
use std::sync::Arc;
use tch::{Device, TchError, Tensor};
use totc_kernels::Form;
use totc_kernels::fused::{Chain, Input, Kind as Held, Op as Do, Output, Register, Space, Step, Width};

/// A group that has become a chain.
pub(in crate::exec) struct Planned {
    chain: Arc<Chain>,
    inputs: Vec<Source>,
    outputs: Vec<Ty>,
}

/// What a chain reads.
struct Source {
    slot: usize,
    /// For each axis of the space, the outermost first: the operand's axis, or None where it lacks it.
    axes: Vec<Option<usize>>,
}

/// The chain of a group; None where it is no chain's to compute.
pub(in crate::exec) fn plan(body: &[Instr], yields: &[Operand], result_tys: &[Ty]) -> Option<Planned> {
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
        let place = |axis: AxisId| ty.position(axis);
        let axes: Vec<Option<usize>> = self.space.iter().map(|dim| place(dim.axis)).collect();
        if axes.iter().flatten().count() != ty.dims.len() {
            return None;
        }
        // What lacks the last axis is read once a row.
        let width = if axes.last().is_some_and(Option::is_some) { Width::Full } else { Width::Row };
        let register =
            self.steps.push(Step { op: Do::Input(self.inputs.len()), operands: Vec::new(), width });
        self.inputs.push(Source { slot, axes });
        self.known.insert(slot, register);
        Some(register)
    }
}

impl Planned {
    /// The slots that it reads, in the order that [`Planned::run`] takes their tensors in.
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

    /// Computes the group.
    ///
    /// # Errors
    /// No memory left for the results; a tensor of a kind that no chain reads.
    pub fn run(&self, operands: &[Tensor]) -> TchResult<Vec<Tensor>> {
        let mut inputs = Vec::with_capacity(operands.len());
        for (source, tensor) in self.inputs.iter().zip(operands) {
            let strides = tensor.stride();
            let strides = source.axes.iter().map(|axis| axis.map_or(0, |axis| strides[axis] as isize));
            let (pointer, kind) = (tensor.data_ptr() as *const u8, held(tensor.kind())?);
            inputs.push(Input { pointer, kind, strides: strides.collect() });
        }
        let mut results = Vec::with_capacity(self.outputs.len());
        let mut outputs = Vec::with_capacity(self.outputs.len());
        for ty in &self.outputs {
            let kind = torch_kind(ty.kind);
            let result = Tensor::f_empty(ty.shape(), (kind, Device::Cpu))?;
            outputs.push(Output { pointer: result.data_ptr() as *mut u8, kind: held(kind)? });
            results.push(result);
        }
        // SAFETY: the program's types say the sizes of every operand, and libtorch's strides where its elements lie, all of
        // them inside its memory, which `operands` keeps alive; results are new, contiguous and as large as their types.
        #[expect(unsafe_code, reason = "kernels read and write memory by pointers")]
        let done = unsafe { self.chain.run(Form::best(), &inputs, &outputs) };
        done.map_err(|mismatch| TchError::Torch(mismatch.to_string()))?;
        Ok(results)
    }
}

pub(in crate::exec) fn held(kind: tch::Kind) -> TchResult<Held> {
    match kind {
        tch::Kind::Bool => Ok(Held::Bool),
        tch::Kind::BFloat16 => Ok(Held::BFloat16),
        tch::Kind::Float => Ok(Held::Float32),
        tch::Kind::Double => Ok(Held::Float64),
        other => Err(TchError::Torch(format!("a chain cannot read {other:?}"))),
    }
}
