//! Executes the instructions of a program, one after the other, on libtorch tensors. Values die at their last
//! reader; without gradient nothing is recorded and results take the memory of operands that die.

use super::Weights;
use super::structural;
use crate::ir::op::Op;
use crate::lower::{Instr, InstrOp, Operand, Program};
use crate::primitive::kernel::{Arg, Call, Constants, Draws, torch_kind};
use crate::types::{self, AxisId, AxisSize, Ty};
use indexmap::IndexMap;
use std::cell::Cell;
use std::collections::HashMap;
use tch::{Device, Kind, TchError, Tensor};

/// A program with what running it needs: device, precision, tables.
pub struct Executable {
    program: Program,
    device: Device,
    precision: Kind,
    constants: Constants,
}

/// What goes into one supervision step.
#[derive(Debug)]
pub struct Inputs {
    /// By the model's names; int64, absent labels -100.
    pub data: HashMap<String, Tensor>,
    /// Carried states, `y`, and `y@2` for what lies further back.
    pub states: HashMap<String, Tensor>,
    /// bool `[batch]`: rows that start anew.
    pub fresh: Tensor,
    /// int64 `[batch]`: steps done, this one included.
    pub steps: Tensor,
}

/// What comes out: values by output name, in their declared axis order, and the rows of tables that were read.
#[derive(Debug)]
pub struct Outputs {
    pub values: IndexMap<String, Tensor>,
    pub rows: Vec<TableRows>,
}

/// Rows of a table read in one step: a leaf of its own, so that its gradient stays per row.
#[derive(Debug)]
pub struct TableRows {
    pub table: String,
    /// int64, any axes.
    pub ids: Tensor,
    /// The ids' axes, then the table's others; requires grad in training.
    pub leaf: Tensor,
}

/// totc is wrong, or memory has run out: the node, the author's line if known, and what libtorch said.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    #[error("memory has run out while computing `{node}`; a smaller `batch` or `hidden` needs less")]
    Memory { node: String },
    #[error(
        "internal error while computing `{node}` ({op}): {cause}; please report this with the model file"
    )]
    Kernel { node: String, op: String, cause: String },
    #[error("the program needs {what}, which it was not given")]
    Input { what: String },
    #[error(
        "the lookup {node} found the index {found}, and `{axis}` has {size} entries there: 0 to {}", *size as i64 - 1
    )]
    Index { node: String, axis: String, size: usize, found: i64 },
}

struct Run<'a> {
    weights: &'a Weights,
    inputs: &'a Inputs,
    slots: Vec<Option<Tensor>>,
    rows: Vec<TableRows>,
    no_grad: Option<tch::NoGradGuard>,
    draws: Option<Draws>,
}

impl Executable {
    pub fn new(program: Program, device: Device, precision: Kind) -> Executable {
        Executable { program, device, precision, constants: Constants::default() }
    }

    pub fn program(&self) -> &Program {
        &self.program
    }

    pub fn precision(&self) -> Kind {
        self.precision
    }

    pub fn device(&self) -> Device {
        self.device
    }

    /// Runs one supervision step.
    ///
    /// # Errors
    /// Missing inputs or weights; kernels that fail (a bug of totc, or no memory left).
    pub fn run(&self, weights: &Weights, inputs: &Inputs) -> Result<Outputs, ExecError> {
        self.run_drawing(weights, inputs, None)
    }

    /// Runs one supervision step in which each row of the batch draws its random numbers from its own seed of `seeds`,
    /// so that they do not depend on the batch.
    ///
    /// # Errors
    /// As `run`.
    pub fn run_drawing(
        &self,
        weights: &Weights,
        inputs: &Inputs,
        seeds: Option<&[u64]>,
    ) -> Result<Outputs, ExecError> {
        let batch = self.program.axes.named("batch");
        let draws = seeds.map(|seeds| Draws { batch, seeds: seeds.to_vec(), made: Cell::new(0) });
        let slots = (0..self.program.slots).map(|_| None).collect();
        let mut run = Run { weights, inputs, slots, rows: Vec::new(), no_grad: None, draws };
        self.instructions(&self.program.body, &mut run)?;
        run.no_grad = None;
        let mut values = IndexMap::new();
        for output in &self.program.outputs {
            let value = self.value(&run, output.value, &output.ty)?;
            let value = if is_part_of(&value, weights) { own(&value)? } else { value };
            values.insert(output.name.clone(), value);
        }
        Ok(Outputs { values, rows: run.rows })
    }

    fn instructions(&self, instrs: &[Instr], run: &mut Run) -> Result<(), ExecError> {
        for instr in instrs {
            match (instr.gradient, run.no_grad.is_some()) {
                (true, true) => run.no_grad = None,
                (false, false) => run.no_grad = Some(tch::no_grad_guard()),
                _ => {}
            }
            match &instr.op {
                InstrOp::Op(op) => {
                    let result = self.operation(op, instr, run)?;
                    run.slots[instr.out[0]] = Some(constant_without(instr.gradient, result));
                }
                InstrOp::Repeat { times, carried, body, next, yields } => {
                    self.repeat(instr, *times, carried, body, next, yields, run)?;
                }
            }
            for slot in &instr.free {
                run.slots[*slot] = None;
            }
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn repeat(
        &self,
        instr: &Instr,
        times: usize,
        carried: &[usize],
        body: &[Instr],
        next: &[Operand],
        yields: &[Operand],
        run: &mut Run,
    ) -> Result<(), ExecError> {
        for (at, slot) in carried.iter().enumerate() {
            run.slots[*slot] = Some(self.value(run, instr.args[at], &instr.arg_tys[at])?);
        }
        for iteration in 0..times {
            self.instructions(body, run)?;
            let mut moved = Vec::with_capacity(next.len());
            for (at, operand) in next.iter().enumerate() {
                moved.push(self.value(run, *operand, &instr.arg_tys[at])?);
            }
            if iteration + 1 < times {
                for (slot, value) in carried.iter().zip(moved) {
                    run.slots[*slot] = Some(value);
                }
            } else {
                for (at, value) in moved.into_iter().enumerate() {
                    run.slots[instr.out[at]] = Some(constant_without(instr.gradient, value));
                }
                for (at, operand) in yields.iter().enumerate() {
                    let value = self.value(run, *operand, &instr.ty)?;
                    run.slots[instr.out[next.len() + at]] = Some(constant_without(instr.gradient, value));
                }
            }
        }
        for slot in carried {
            run.slots[*slot] = None;
        }
        let results: Vec<usize> = body.iter().flat_map(|inner| inner.out.iter().copied()).collect();
        for slot in results {
            run.slots[slot] = None;
        }
        Ok(())
    }

    /// An operand as a tensor; a number takes the kind of `ty`.
    fn value(&self, run: &Run, operand: Operand, ty: &Ty) -> Result<Tensor, ExecError> {
        match operand {
            Operand::Slot(slot) => match &run.slots[slot] {
                Some(tensor) => Ok(tensor.shallow_clone()),
                None => {
                    Err(ExecError::Input { what: format!("a value that was never computed (slot {slot})") })
                }
            },
            Operand::Number(value) => {
                Tensor::f_full([0i64; 0], value, (torch_kind(ty.kind, self.precision), self.device)).map_err(
                    |error| ExecError::Kernel {
                        node: "number".to_owned(),
                        op: "full".to_owned(),
                        cause: first_line(&error),
                    },
                )
            }
        }
    }

    fn operation(&self, op: &Op, instr: &Instr, run: &mut Run) -> Result<Tensor, ExecError> {
        let missing = |what: String| ExecError::Input { what };
        let failed = |error: TchError| self.failure(instr, op, &error);
        match op {
            Op::Input(name) => run
                .inputs
                .data
                .get(name)
                .map(Tensor::shallow_clone)
                .ok_or_else(|| missing(format!("the input `{name}`"))),
            Op::State { name, ago } => {
                let key = if *ago > 1 { format!("{name}@{ago}") } else { name.clone() };
                let state =
                    run.inputs.states.get(&key).ok_or_else(|| missing(format!("the state `{key}`")))?;
                state.f_to_kind(torch_kind(instr.ty.kind, self.precision)).map_err(failed)
            }
            Op::Fresh => Ok(run.inputs.fresh.shallow_clone()),
            Op::Steps => Ok(run.inputs.steps.shallow_clone()),
            Op::Weight(path) => run
                .weights
                .get(path)
                .map(Tensor::shallow_clone)
                .ok_or_else(|| missing(format!("the weight `{path}`"))),
            Op::Rows(path) => {
                let table = run
                    .weights
                    .get(path)
                    .ok_or_else(|| missing(format!("the table `{path}`")))?
                    .shallow_clone();
                let ids = self.value(run, instr.args[0], &instr.arg_tys[0])?;
                let rows = table.size().first().copied().unwrap_or(0) as usize;
                if instr.arg_tys[0].kind == types::Kind::Int {
                    self.in_range(instr, &ids, path, rows)?;
                }
                let leaf = table
                    .detach()
                    .f_index_select(
                        0,
                        &ids.f_clamp_min(0).and_then(|ids| ids.f_reshape([-1])).map_err(failed)?,
                    )
                    .and_then(|rows| rows.f_reshape(instr.ty.shape()))
                    .map_err(failed)?;
                // A table of width 0 (no puzzle tokens) has nothing to learn.
                if !instr.gradient || leaf.numel() == 0 {
                    return Ok(leaf);
                }
                let leaf = leaf.set_requires_grad(true);
                run.rows.push(TableRows { table: path.clone(), ids, leaf: leaf.shallow_clone() });
                Ok(leaf)
            }
            Op::Prim(id, attrs) => {
                let mut args = Vec::with_capacity(instr.args.len());
                for operand in &instr.args {
                    args.push(match operand {
                        Operand::Number(value) => Arg::Number(*value),
                        Operand::Slot(_) => Arg::Tensor(self.value(run, *operand, &instr.ty)?),
                    });
                }
                let mut call = Call {
                    attrs,
                    args: &mut args,
                    arg_tys: &instr.arg_tys,
                    ty: &instr.ty,
                    in_place: instr.in_place,
                    mode: self.program.mode,
                    precision: self.precision,
                    device: self.device,
                    constants: &self.constants,
                    draws: run.draws.as_ref(),
                };
                let result = (id.get().kernel)(&mut call).map_err(failed)?;
                let kind = torch_kind(instr.ty.kind, self.precision);
                if result.kind() == kind { Ok(result) } else { result.f_to_kind(kind).map_err(failed) }
            }
            op => {
                let mut args = Vec::with_capacity(instr.args.len());
                for (operand, ty) in instr.args.iter().zip(&instr.arg_tys) {
                    args.push(self.value(run, *operand, ty)?);
                }
                if let Op::Pick { axis } = op
                    && let Some(size) = self.unproved(instr, *axis)
                {
                    self.in_range(instr, &args[1], self.program.axes.name(*axis), size)?;
                }
                structural::run(op, &args, &instr.arg_tys, &instr.ty, self.precision, self.device)
                    .map_err(failed)
            }
        }
    }

    /// The entries that a lookup may find, where the kind of its index does not prove that it finds one.
    fn unproved(&self, instr: &Instr, axis: AxisId) -> Option<usize> {
        let size = instr.arg_tys[0].size(axis)?;
        let proved = match (instr.arg_tys[1].kind, self.program.axes.get(axis).size) {
            (types::Kind::Index { .. }, AxisSize::Fixed(own)) => own <= size,
            (types::Kind::Index { .. }, _) => true,
            _ => false,
        };
        (!proved).then_some(size)
    }

    /// Complains about an index outside of 0 .. `size`. libtorch reads nonsense there, or stops a GPU for good. An
    /// absent label (-100) of an optional index finds something that the author must not use.
    fn in_range(&self, instr: &Instr, index: &Tensor, axis: &str, size: usize) -> Result<(), ExecError> {
        if index.numel() == 0 {
            return Ok(());
        }
        let ends = index
            .f_aminmax(None::<i64>, false)
            .and_then(|(low, high)| Ok((i64::try_from(low)?, i64::try_from(high)?)));
        let (low, high) = ends.map_err(|error| self.failure(instr, &Op::Detach, &error))?;
        let optional = matches!(instr.arg_tys.last().map(|ty| ty.kind), Some(types::Kind::Index { .. }));
        let found = if low < 0 && !optional { low } else { high };
        if (0..size as i64).contains(&found) || (optional && found < 0) {
            return Ok(());
        }
        let node = instr.name.find('`').map_or(instr.name.as_str(), |at| &instr.name[at..]).to_owned();
        Err(ExecError::Index { node, axis: axis.to_owned(), size, found })
    }

    fn failure(&self, instr: &Instr, op: &Op, error: &TchError) -> ExecError {
        let cause = first_line(error);
        let node = if instr.name.is_empty() { "a constant".to_owned() } else { instr.name.clone() };
        if ["not enough memory", "out of memory", "can't allocate memory"]
            .iter()
            .any(|said| cause.contains(said))
        {
            return ExecError::Memory { node };
        }
        ExecError::Kernel { node, op: crate::ir::show_op(op, &self.program.axes), cause }
    }
}

/// Whether a value lies in the memory of a weight, which the optimiser will change.
fn is_part_of(value: &Tensor, weights: &Weights) -> bool {
    let at = value.data_ptr() as usize;
    weights.tensors.values().any(|weight| {
        let start = weight.data_ptr() as usize;
        (start..start + weight.numel() * weight.kind().elt_size_in_bytes()).contains(&at)
    })
}

fn own(value: &Tensor) -> Result<Tensor, ExecError> {
    value.f_alias_copy().map_err(|error| ExecError::Kernel {
        node: "an output".to_owned(),
        op: "copy".to_owned(),
        cause: first_line(&error),
    })
}

/// What is computed without gradient is constant, even if it is only handed on: a renaming, a loop that changes
/// nothing.
fn constant_without(gradient: bool, value: Tensor) -> Tensor {
    if gradient || !value.requires_grad() { value } else { value.detach() }
}

fn first_line(error: &TchError) -> String {
    error.to_string().lines().next().unwrap_or("").to_owned()
}
