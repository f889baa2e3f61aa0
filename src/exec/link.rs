//! From a program to what runs it: each instruction gets its kernel, planned for the device, and names become places.
//! Done once; a step then only calls functions.

use super::structural;
use crate::ir::op::Op;
use crate::lower::{Instr, InstrOp, Operand, Program};
use crate::primitive::Call;
use crate::primitive::kernel::{Kernel, Planner, TchResult};
use tch::TchError;

/// What an instruction does when its turn comes.
pub(super) enum Action {
    /// An input of the data, by place among `Names::inputs`.
    Input(usize),
    /// A carried state, by place among `Names::states`.
    State(usize),
    Fresh,
    Steps,
    /// A weight, by place among `Names::weights`.
    Weight(usize),
    /// Rows of a table, by place among `Names::weights`.
    EmbeddingRows(usize),
    Kernel(Kernel),
    /// An entry of a stack, by the iteration.
    Unstack,
    /// A group of operations in one kernel.
    Chain(super::chain::Planned),
    /// A group of operations, one after the other.
    Each(Vec<Action>),
    /// The actions of a loop's body.
    Repeat(Vec<Action>),
}

/// What a program reads from outside, each once.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Names of the data's tensors.
    pub inputs: Vec<String>,
    /// Names of states, `y` or `y@2`.
    pub states: Vec<String>,
    /// Declared paths.
    pub weights: Vec<String>,
}

/// An instruction that no kernel could be planned for, and what libtorch said.
pub(super) struct Unplanned<'a> {
    /// The instruction.
    pub instr: &'a Instr,
    /// What libtorch said of it.
    pub error: TchError,
}

/// The actions of a program's instructions, in their order; `chains`: with fused groups in one kernel of the CPU.
pub(super) fn link<'a>(
    program: &Program,
    body: &'a [Instr],
    planner: &Planner,
    chains: bool,
    names: &mut Names,
) -> Result<Vec<Action>, Unplanned<'a>> {
    let mut actions = Vec::with_capacity(body.len());
    for instr in body {
        let action = match &instr.op {
            InstrOp::Repeat { body, .. } => Action::Repeat(link(program, body, planner, chains, names)?),
            InstrOp::Fused { body, yields, result_tys } => {
                match chains.then(|| super::chain::plan(body, yields, result_tys)).flatten() {
                    Some(planned) => Action::Chain(planned),
                    None => Action::Each(link(program, body, planner, chains, names)?),
                }
            }
            InstrOp::Op(op) => {
                action(program, op, instr, planner, names).map_err(|error| Unplanned { instr, error })?
            }
        };
        actions.push(action);
    }
    Ok(actions)
}

fn action(
    program: &Program,
    op: &Op,
    instr: &Instr,
    planner: &Planner,
    names: &mut Names,
) -> TchResult<Action> {
    Ok(match op {
        Op::Input(name) => Action::Input(place(&mut names.inputs, name)),
        Op::State { name, ago: 1 } => Action::State(place(&mut names.states, name)),
        Op::State { name, ago } => Action::State(place(&mut names.states, &format!("{name}@{ago}"))),
        Op::Fresh => Action::Fresh,
        Op::Steps => Action::Steps,
        Op::Weight(path) => Action::Weight(place(&mut names.weights, path)),
        Op::EmbeddingRows(path) => Action::EmbeddingRows(place(&mut names.weights, path)),
        Op::Prim(id, attrs) => {
            let call = Call { attrs: attrs.clone(), ..call(program, instr) };
            Action::Kernel((id.get().kernel)(&call, planner)?)
        }
        Op::Unstack { .. } => Action::Unstack,
        op => match structural::plan(op, &call(program, instr), planner)? {
            Some(kernel) => Action::Kernel(kernel),
            None => return Err(TchError::Torch(format!("{op:?} is no operation to run"))),
        },
    })
}

/// The kernel of one operation that computes something from its operands.
pub(super) fn kernel(program: &Program, instr: &Instr, planner: &Planner) -> TchResult<Kernel> {
    let InstrOp::Op(op) = &instr.op else {
        return Err(TchError::Torch("a loop is no operation to run".to_owned()));
    };
    match action(program, op, instr, planner, &mut Names::default())? {
        Action::Kernel(kernel) => Ok(kernel),
        _ => Err(TchError::Torch(format!("{op:?} is no operation to run"))),
    }
}

fn call(program: &Program, instr: &Instr) -> Call {
    let number = |operand: &Operand| match operand {
        Operand::Number(value) => Some(*value),
        Operand::Slot(_) => None,
    };
    Call {
        attrs: crate::primitive::Attrs::default(),
        args: instr.arg_tys.clone(),
        numbers: instr.args.iter().map(number).collect(),
        ty: instr.ty.clone(),
        in_place: instr.in_place,
        training: program.mode == crate::ir::Mode::Training,
        batch: program.batch,
    }
}

fn place(names: &mut Vec<String>, name: &str) -> usize {
    names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}
