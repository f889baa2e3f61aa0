//! The flat program: what `exec` runs. Made by `lower::program`, printable, knows no libtorch.

use crate::ir::op::Op;
use crate::ir::{HaltInfo, InputInfo, Mode, OutputKind, OutputName, Recompute, StateInfo, WeightInfo, Yield};
use crate::source::Span;
use crate::types::{Axes, AxisId, Precision, Ty};

/// One compiled supervision step, in training or evaluation.
#[derive(Clone, Debug)]
pub struct Program {
    /// The model's declared name.
    pub model: String,
    /// Training or evaluation.
    pub mode: Mode,
    /// What `float` is in this run.
    pub precision: Precision,
    /// What the backward pass computes again rather than keep.
    pub recompute: Recompute,
    /// The axis of the batch's rows.
    pub batch: Option<AxisId>,
    /// All axes that types name by id.
    pub axes: Axes,
    /// Every weight of the model, used here or not, in declaration order.
    pub weights: Vec<WeightInfo>,
    /// Tensors of the data, inputs and targets, in order of declaration.
    pub inputs: Vec<InputInfo>,
    /// What goes from one supervision step to the next, in order of declaration.
    pub states: Vec<StateInfo>,
    /// What leaves the step, in the graph's order.
    pub outputs: Vec<OutputInfo>,
    /// What the next step reads of the states, each state's newest value first.
    pub carried: Vec<CarriedInfo>,
    /// Gradients of the mean over the batch of the sum of all losses, in training.
    pub gradients: Vec<GradientInfo>,
    /// When samples end; None where the model does not say.
    pub halt: Option<HaltInfo>,
    /// Supervision steps that one run of the program does (`carry grad`).
    pub steps_in_a_row: usize,
    /// How many slots the instructions use, those of loops included.
    pub slots: usize,
    /// The step, in the order it runs.
    pub body: Vec<Instr>,
}

impl Program {
    /// Whether a step draws random numbers. Dropout counts only where it drops, in training.
    pub fn draws(&self) -> bool {
        fn any(instrs: &[Instr], training: bool) -> bool {
            instrs.iter().any(|instr| match &instr.op {
                InstrOp::Op(Op::Prim(id, _)) => id.get().random && (training || id.get().name != "dropout"),
                InstrOp::Repeat { body, .. } | InstrOp::Fused { body, .. } => any(body, training),
                InstrOp::Op(_) => false,
            })
        }
        any(&self.body, self.mode == Mode::Training)
    }

    /// The output of a name.
    pub fn output(&self, kind: OutputKind, name: &str) -> Option<OutputId> {
        let named = |output: &OutputInfo| output.name.kind == kind && output.name.name == name;
        self.outputs.iter().position(named).map(OutputId)
    }

    /// The outputs of a kind, in order.
    pub fn outputs_of(&self, kind: OutputKind) -> impl Iterator<Item = (OutputId, &OutputInfo)> {
        let all = self.outputs.iter().enumerate().map(|(at, output)| (OutputId(at), output));
        all.filter(move |(_, output)| output.name.kind == kind)
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
    /// Kind and name, as `loss.answering`.
    pub name: OutputName,
    /// Where it stands after the last instruction.
    pub value: Operand,
    /// Its type, axes in memory order.
    pub ty: Ty,
}

/// The place of an output in [`Program::outputs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputId(pub usize);

/// A value that is carried from one supervision step to the next.
#[derive(Clone, Debug)]
pub struct CarriedInfo {
    /// `y`, and `y@2` for the value before.
    pub name: String,
    /// The place of its state in [`Program::states`].
    pub state: usize,
    /// The output that gives it; without one, what was carried in the place before this one.
    pub given: Option<OutputId>,
}

/// A gradient: by a weight, in its axes, or by the rows of one lookup in a table.
#[derive(Clone, Debug)]
pub struct GradientInfo {
    /// The declared path of the weight.
    pub path: String,
    /// Where it stands after the last instruction.
    pub value: Operand,
    /// Its type, axes in memory order.
    pub ty: Ty,
    /// Of rows: where the indices that were looked up stand, and their type.
    pub ids: Option<(Operand, Ty)>,
    /// Nothing else sees its memory.
    pub owned: bool,
}

/// An operand: a slot, or a number known at compile time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operand {
    /// The value that stands in a slot.
    Slot(usize),
    /// A number, which has no slot.
    Number(f64),
}

/// One operation on slots.
#[derive(Clone, Debug)]
pub struct Instr {
    /// What is computed.
    pub op: InstrOp,
    /// The operands, in order.
    pub args: Vec<Operand>,
    /// Types of the operands, numbers included, as the graph had them.
    pub arg_tys: Vec<Ty>,
    /// Slots of the results; one but for loops.
    pub out: Vec<usize>,
    /// Type of the result, axes in memory order; loops have `result_tys`.
    pub ty: Ty,
    /// In the scope of gradient: forward operations of training, outside iterations without gradient.
    pub gradient: bool,
    /// Of the backward pass.
    pub backward: bool,
    /// Slots whose last reader this is.
    pub free: Vec<usize>,
    /// The first operand dies here and has the result's type: the result may take its memory.
    pub in_place: bool,
    /// The author's name, with the path of the net it belongs to.
    pub name: String,
    /// Where the author wrote it.
    pub span: Span,
}

/// What an instruction does.
#[derive(Clone, Debug)]
pub enum InstrOp {
    /// One operation of the graph, loops excepted.
    Op(Op),
    /// Operations that may be computed in one pass over memory, or one after the other: `body` is run once, and `yields`
    /// move into `out`.
    Fused {
        /// Elementwise operations and reductions of rows.
        body: Vec<Instr>,
        /// What leaves it.
        yields: Vec<Operand>,
        /// Types of the results.
        result_tys: Vec<Ty>,
    },
    /// Runs `body` `times` times. Before the first iteration `carried` slots are filled from `args`; after each,
    /// `next` move into `carried`; after the last, `yields` move into `out`.
    Repeat {
        /// How many iterations.
        times: usize,
        /// Slots of the carried values, then of what the body captures, as `args` has them.
        carried: Vec<usize>,
        /// The instructions of one iteration.
        body: Vec<Instr>,
        /// The carried values of the next iteration.
        next: Vec<Operand>,
        /// What leaves the loop behind the carried values, and how.
        yields: Vec<(Operand, Yield)>,
        /// Types of the results: the carried values, then what is yielded.
        result_tys: Vec<Ty>,
        /// Where the number of the iteration stands, if the body reads it.
        iteration: Option<usize>,
        /// Which of `args` says for which samples an iteration does anything ([`crate::ir::Body::guard`]).
        guard: Option<usize>,
    },
}
