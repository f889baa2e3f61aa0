//! The flat program: what `exec` runs. Made by `lower::program`, printable, knows no libtorch.

use crate::ir::op::Op;
use crate::ir::{HaltInfo, InputInfo, Mode, StateInfo, WeightInfo, Yield};
use crate::source::Span;
use crate::types::{Axes, AxisId, Precision, Ty};

/// One compiled supervision step, in training or evaluation.
#[derive(Clone, Debug)]
pub struct Program {
    pub model: String,
    pub mode: Mode,
    /// What `float` is in this run.
    pub precision: Precision,
    /// The axis of the batch's rows.
    pub batch: Option<AxisId>,
    pub axes: Axes,
    /// Every weight of the model, used here or not, in declaration order.
    pub weights: Vec<WeightInfo>,
    pub inputs: Vec<InputInfo>,
    pub states: Vec<StateInfo>,
    pub outputs: Vec<OutputInfo>,
    pub halt: Option<HaltInfo>,
    pub slots: usize,
    pub body: Vec<Instr>,
}

impl Program {
    /// Whether a step draws random numbers. Dropout counts only where it drops, in training.
    pub fn draws(&self) -> bool {
        fn any(instrs: &[Instr], training: bool) -> bool {
            instrs.iter().any(|instr| match &instr.op {
                InstrOp::Op(Op::Prim(id, _)) => id.get().random && (training || id.get().name != "dropout"),
                InstrOp::Repeat { body, .. } => any(body, training),
                InstrOp::Op(_) => false,
            })
        }
        any(&self.body, self.mode == Mode::Training)
    }

    /// Rows of the batch it was compiled for.
    pub fn batch_rows(&self) -> usize {
        self.inputs.first().and_then(|input| input.shape.first()).map_or(0, |rows| (*rows).max(0) as usize)
    }
}

/// A named result: `state.y`, `loss.answering` `[batch]`, `metric.exact` `[batch]`, `predict.logits`, `halt`
/// (bool `[batch]`), `value.x` (on request).
#[derive(Clone, Debug)]
pub struct OutputInfo {
    pub name: String,
    pub value: Operand,
    pub ty: Ty,
}

/// An operand: a slot, or a number known at compile time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operand {
    Slot(usize),
    Number(f64),
}

#[derive(Clone, Debug)]
pub struct Instr {
    pub op: InstrOp,
    pub args: Vec<Operand>,
    /// Types of the operands, numbers included, as the graph had them.
    pub arg_tys: Vec<Ty>,
    pub out: Vec<usize>,
    pub ty: Ty,
    /// Whether the tape records it.
    pub gradient: bool,
    /// Slots whose last reader this is.
    pub free: Vec<usize>,
    /// The first operand dies here and has the result's type: the result may take its memory.
    pub in_place: bool,
    pub name: String,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum InstrOp {
    Op(Op),
    /// Runs `body` `times` times. Before the first iteration `carried` slots are filled from `args`; after each,
    /// `next` move into `carried`; after the last, `yields` move into `out`.
    Repeat {
        times: usize,
        carried: Vec<usize>,
        body: Vec<Instr>,
        next: Vec<Operand>,
        yields: Vec<(Operand, Yield)>,
        /// Types of the results: the carried values, then what is yielded.
        result_tys: Vec<Ty>,
        /// Where the number of the iteration stands, if the body reads it.
        iteration: Option<usize>,
    },
}
