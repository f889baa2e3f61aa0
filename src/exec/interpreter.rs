//! Executes the instructions of a program, one after the other, on libtorch tensors. Values die at their last reader, and
//! results take the memory of operands that die. Gradients are instructions like any other: nothing is put on libtorch's
//! tape. Every device; on the CPU what the executor of slices cannot take, and the reference that it is held against.

use super::Weights;
use super::draws::{Drawing, NamedDraws, draws};
use super::link::{Action, Names, link};
use super::profile::Profile;
use super::step::{ExecError, Inputs, OutputValues, Outputs, TableRows};
use super::watch::{Before, Origin, Watch};
use crate::ir::op::Op;
use crate::ir::{OutputKind, OutputName, Yield};
use crate::lower::{Instr, InstrOp, Operand, Program};
use crate::primitive::kernel::{Arg, Draws, Planner, Run, torch_kind};
use crate::types::{AxisId, AxisSize, Kind as ValueKind, Ty};
use indexmap::IndexMap;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;
use tch::{Device, TchError, Tensor};

/// The kernels of a program's instructions, and what it reads from outside.
pub(super) struct Linked {
    names: Names,
    outputs: Arc<[OutputName]>,
    actions: Vec<Action>,
}

impl Linked {
    /// Plans the kernels for a device.
    ///
    /// # Errors
    /// A kernel that cannot be planned (a bug of totc, or no memory left).
    pub fn of(program: &Program, device: Device) -> Result<Linked, ExecError> {
        Linked::by(program, device, device == Device::Cpu)
    }

    /// The same with every operation on its own.
    ///
    /// # Errors
    /// As [`Linked::of`].
    pub fn apart(program: &Program, device: Device) -> Result<Linked, ExecError> {
        Linked::by(program, device, false)
    }

    fn by(program: &Program, device: Device, chains: bool) -> Result<Linked, ExecError> {
        let (planner, mut names) = (Planner::new(device), Names::default());
        let actions = link(program, &program.body, &planner, chains, &mut names)
            .map_err(|unplanned| failure(program, unplanned.instr, &unplanned.error))?;
        Ok(Linked { names, outputs: OutputValues::names_of(program), actions })
    }
}

/// A program about to be run.
pub(super) struct Interpreter<'p> {
    pub program: &'p Program,
    pub device: Device,
    pub linked: &'p Linked,
}

/// What stands in a slot.
#[derive(Debug)]
pub(super) enum Value {
    Tensor(Tensor),
    /// What the iterations of a loop have yielded, in their order; put together only where somebody wants the whole.
    Stack(Rc<Vec<Value>>),
}

/// One step in progress.
pub(super) struct Step<'a> {
    data: Vec<Option<&'a Tensor>>,
    states: Vec<Option<&'a Tensor>>,
    weights: Vec<Option<&'a Tensor>>,
    inputs: &'a Inputs,
    pub(super) slots: Vec<Option<Value>>,
    /// Of the loops that are running, from the outermost: how many iterations are done, of how many.
    pub(super) loops: Vec<(usize, usize)>,
    run: Run,
    /// Where draws are to be known by name.
    named: Option<&'a mut NamedDraws>,
    profile: Option<Profile>,
    /// Where numbers come from that are not finite, if somebody wants to know.
    pub(super) watch: Option<Watch>,
    /// Operands of the instruction at hand.
    args: Vec<Arg>,
}

impl Interpreter<'_> {
    /// Runs one supervision step.
    ///
    /// # Errors
    /// Missing inputs or weights; kernels that fail (a bug of totc, or no memory left).
    pub fn run(
        &self,
        weights: &Weights,
        inputs: &Inputs,
        drawing: Drawing,
        profile: Option<Profile>,
    ) -> Result<(Outputs, Option<Profile>), ExecError> {
        let mut step = self.step(weights, inputs, drawing, profile);
        let _constant = tch::no_grad_guard();
        self.instructions(&self.program.body, &self.linked.actions, &mut step)?;
        let mut values = Vec::with_capacity(self.program.outputs.len());
        for output in &self.program.outputs {
            let value = self.value(&step, output.value, &output.ty)?;
            values.push(if is_part_of(&value, weights) { own(&value)? } else { value });
        }
        let values = OutputValues::new(&self.linked.outputs, values);
        let (mut gradients, mut rows) = (IndexMap::new(), Vec::new());
        for info in &self.program.gradients {
            let gradient = self.value(&step, info.value, &info.ty)?;
            let gradient = if info.owned && gradient.is_contiguous() { gradient } else { own(&gradient)? };
            match &info.ids {
                Some((ids, ty)) => {
                    let ids = self.value(&step, *ids, ty)?;
                    rows.push(TableRows { table: info.path.clone(), ids, gradient });
                }
                None => {
                    gradients.insert(info.path.clone(), gradient);
                }
            }
        }
        Ok((Outputs { values, gradients, rows }, step.profile))
    }

    /// Runs one supervision step to find the operation that made the first number that spoils a loss or a gradient.
    ///
    /// # Errors
    /// As [`Interpreter::run`].
    pub fn origin(&self, weights: &Weights, inputs: &Inputs) -> Result<Option<Origin>, ExecError> {
        let mut step = self.step(weights, inputs, Drawing::default(), None);
        step.watch = Some(Watch::of(self.program.slots));
        let _constant = tch::no_grad_guard();
        self.instructions(&self.program.body, &self.linked.actions, &mut step)?;
        Ok(step.watch.as_ref().and_then(|watch| self.spoilt(watch)))
    }

    fn step<'a>(
        &'a self,
        weights: &'a Weights,
        inputs: &'a Inputs,
        drawing: Drawing<'a>,
        profile: Option<Profile>,
    ) -> Step<'a> {
        let draws = drawing.seeds.map(|seeds| Draws { seeds: seeds.to_vec(), made: Cell::new(0) });
        Step {
            data: self.linked.names.inputs.iter().map(|name| inputs.data.get(name)).collect(),
            states: self.linked.names.states.iter().map(|name| inputs.states.get(name)).collect(),
            weights: self.linked.names.weights.iter().map(|path| weights.get(path)).collect(),
            inputs,
            slots: (0..self.program.slots).map(|_| None).collect(),
            loops: Vec::new(),
            run: Run { draws },
            named: drawing.named,
            profile,
            watch: None,
            args: Vec::new(),
        }
    }

    pub(super) fn instructions(
        &self,
        body: &[Instr],
        actions: &[Action],
        step: &mut Step,
    ) -> Result<(), ExecError> {
        for (instr, action) in body.iter().zip(actions) {
            let start = step.profile.is_some().then(Instant::now);
            let before = step.watch.as_ref().map(|watch| watch.before(instr));
            match action {
                Action::Repeat(actions) => self.repeat(instr, actions, step)?,
                Action::Chain(planned) => self.chain(instr, planned, step)?,
                Action::Each(actions) => self.each(instr, actions, step)?,
                Action::Unstack => step.slots[instr.out[0]] = Some(self.unstacked(instr, step)?),
                action => {
                    let result = self.result(instr, action, step)?;
                    step.slots[instr.out[0]] = Some(Value::Tensor(result));
                }
            }
            if let Some(before) = before {
                self.watch(instr, before, step)?;
            }
            for slot in &instr.free {
                step.slots[*slot] = None;
            }
            if let (Some(profile), Some(start)) = (&mut step.profile, start) {
                profile.note(instr, &self.program.axes, start);
            }
        }
        Ok(())
    }

    /// Looks at what an instruction has just made.
    fn watch(&self, instr: &Instr, before: Before, step: &mut Step) -> Result<(), ExecError> {
        let InstrOp::Op(op) = &instr.op else { return Ok(()) };
        let (Some(watch), Some(Some(Value::Tensor(result)))) =
            (&mut step.watch, step.slots.get(instr.out[0]))
        else {
            return Ok(());
        };
        let operation = match op {
            Op::Prim(id, _) => id.get().name.to_owned(),
            op => crate::ir::show_op(op, &self.program.axes).split(' ').next().unwrap_or("").to_owned(),
        };
        watch.note(instr, operation, before, result).map_err(|error| failure(self.program, instr, &error))
    }

    /// Whose numbers spoil the losses, or else the gradients, of a watched step: the earliest.
    fn spoilt(&self, watch: &Watch) -> Option<Origin> {
        let losses = self.program.outputs_of(OutputKind::Loss);
        let losses = losses.filter_map(|(_, output)| watch.at(output.value)).min();
        let gradients = || self.program.gradients.iter().filter_map(|info| watch.at(info.value)).min();
        losses.or_else(gradients).map(|at| watch.origin(at))
    }

    fn repeat(&self, instr: &Instr, actions: &[Action], step: &mut Step) -> Result<(), ExecError> {
        let InstrOp::Repeat { times, carried, body, next, yields, result_tys, iteration, guard } = &instr.op
        else {
            return Ok(());
        };
        if let Some(guard) = guard
            && !self.any(step, instr, *guard)?
        {
            return self.left_out(instr, step);
        }
        for (at, slot) in carried.iter().enumerate() {
            step.slots[*slot] = Some(Value::Tensor(self.value(step, instr.args[at], &instr.arg_tys[at])?));
        }
        if let Some(watch) = &mut step.watch {
            watch.moved(instr.args.iter().copied().zip(carried.iter().copied()));
        }
        let mut stacked: Vec<Vec<Value>> = yields.iter().map(|_| Vec::new()).collect();
        step.loops.push((0, *times));
        for done in 0..*times {
            if let Some(current) = step.loops.last_mut() {
                current.0 = done;
            }
            if let Some(slot) = iteration {
                let count = self.value(step, Operand::Number(done as f64), &Ty::scalar(ValueKind::Int))?;
                step.slots[*slot] = Some(Value::Tensor(count));
            }
            self.instructions(body, actions, step)?;
            let last = done + 1 == *times;
            for (at, (operand, yielded)) in yields.iter().enumerate() {
                let ty = &result_tys[next.len() + at];
                match yielded {
                    Yield::Stack(_) => {
                        stacked[at].push(self.held(step, *operand, ty)?);
                        if let Some(watch) = &mut step.watch {
                            watch.stacked(*operand, instr.out[next.len() + at], done == 0);
                        }
                    }
                    Yield::Last if last => {
                        let out = instr.out[next.len() + at];
                        step.slots[out] = Some(self.held(step, *operand, ty)?);
                        if let Some(watch) = &mut step.watch {
                            watch.moved([(*operand, out)].into_iter());
                        }
                    }
                    Yield::Last => {}
                }
            }
            let mut moved = Vec::with_capacity(next.len());
            for (operand, ty) in next.iter().zip(result_tys) {
                moved.push(self.held(step, *operand, ty)?);
            }
            let into = if last { &instr.out } else { carried };
            if let Some(watch) = &mut step.watch {
                watch.moved(next.iter().copied().zip(into.iter().copied()));
            }
            for (slot, value) in into.iter().zip(moved) {
                step.slots[*slot] = Some(value);
            }
        }
        step.loops.pop();
        for (at, values) in stacked.into_iter().enumerate().filter(|(_, values)| !values.is_empty()) {
            step.slots[instr.out[next.len() + at]] = Some(Value::Stack(Rc::new(values)));
        }
        let inside = body.iter().flat_map(|inner| inner.out.iter()).chain(carried).chain(iteration);
        for slot in inside {
            step.slots[*slot] = None;
        }
        Ok(())
    }

    /// Whether an operand, a bool of each sample, is true of any.
    fn any(&self, step: &Step, instr: &Instr, at: usize) -> Result<bool, ExecError> {
        let mask = self.value(step, instr.args[at], &instr.arg_tys[at])?;
        let any = mask.f_any().and_then(i64::try_from);
        any.map(|any| any != 0).map_err(|error| failure(self.program, instr, &error))
    }

    /// A loop that does nothing to any sample: what it carries stays as it is, and nobody reads what it stacks.
    fn left_out(&self, instr: &Instr, step: &mut Step) -> Result<(), ExecError> {
        let InstrOp::Repeat { carried, .. } = &instr.op else { return Ok(()) };
        for (at, out) in instr.out.iter().enumerate() {
            let value = match at < carried.len() {
                true => self.held(step, instr.args[at], &instr.arg_tys[at])?,
                false => Value::Stack(Rc::default()),
            };
            if let (Some(watch), true) = (&mut step.watch, at < carried.len()) {
                watch.moved([(instr.args[at], *out)].into_iter());
            }
            step.slots[*out] = Some(value);
        }
        Ok(())
    }

    /// An operand as it stands, stacks as stacks.
    pub(super) fn held(&self, step: &Step, operand: Operand, ty: &Ty) -> Result<Value, ExecError> {
        match operand {
            Operand::Slot(slot) => {
                step.slots[slot].as_ref().map(Value::share).ok_or_else(|| never_computed(slot))
            }
            operand => self.value(step, operand, ty).map(Value::Tensor),
        }
    }

    /// An operand as a tensor; a number takes the kind of `ty`.
    pub(super) fn value(&self, step: &Step, operand: Operand, ty: &Ty) -> Result<Tensor, ExecError> {
        match operand {
            Operand::Slot(slot) => match &step.slots[slot] {
                Some(value) => value.whole().map_err(|error| ExecError::Kernel {
                    node: "the iterations of a loop".to_owned(),
                    op: "stack".to_owned(),
                    cause: first_line(&error),
                }),
                None => Err(never_computed(slot)),
            },
            Operand::Number(value) => Tensor::f_full([0i64; 0], value, (torch_kind(ty.kind), self.device))
                .map_err(|error| ExecError::Kernel {
                    node: "number".to_owned(),
                    op: "full".to_owned(),
                    cause: first_line(&error),
                }),
        }
    }

    fn result(&self, instr: &Instr, action: &Action, step: &mut Step) -> Result<Tensor, ExecError> {
        let missing = |what: String| ExecError::Input { what };
        let failed = |error: TchError| failure(self.program, instr, &error);
        let kind = torch_kind(instr.ty.kind);
        let given = |tensor: Option<&Tensor>, what: &str, name: &String| match tensor {
            Some(tensor) if tensor.kind() == kind => Ok(tensor.shallow_clone()),
            Some(tensor) => tensor.f_to_kind(kind).map_err(failed),
            None => Err(missing(format!("the {what} `{name}`"))),
        };
        match action {
            Action::Input(at) => given(step.data[*at], "input", &self.linked.names.inputs[*at]),
            Action::State(at) => given(step.states[*at], "state", &self.linked.names.states[*at]),
            Action::Weight(at) => given(step.weights[*at], "weight", &self.linked.names.weights[*at]),
            Action::Fresh => Ok(step.inputs.fresh.shallow_clone()),
            Action::Steps => Ok(step.inputs.steps.shallow_clone()),
            Action::EmbeddingRows(at) => {
                let path = &self.linked.names.weights[*at];
                let table = given(step.weights[*at], "table", path)?;
                let ids = self.value(step, instr.args[0], &instr.arg_tys[0])?;
                if instr.arg_tys[0].kind == ValueKind::Int {
                    let rows = table.size().first().copied().unwrap_or(0) as usize;
                    self.in_range(instr, &ids, path, rows)?;
                }
                let rows = ids.f_clamp_min(0).and_then(|ids| ids.f_reshape([-1])).map_err(failed)?;
                table
                    .f_index_select(0, &rows)
                    .and_then(|rows| rows.f_reshape(instr.ty.shape()))
                    .map_err(failed)
            }
            Action::Kernel(kernel) => {
                step.args.clear();
                for operand in &instr.args {
                    let arg = match operand {
                        Operand::Number(_) => Arg::Number,
                        Operand::Slot(_) => Arg::Tensor(self.value(step, *operand, &instr.ty)?),
                    };
                    step.args.push(arg);
                }
                if let InstrOp::Op(Op::Gather { axis }) = &instr.op
                    && let Some(size) = self.unproved(instr, *axis)
                {
                    let index = self.value(step, instr.args[1], &instr.arg_tys[1])?;
                    self.in_range(instr, &index, self.program.axes.name(*axis), size)?;
                }
                let (run, args) = (&mut step.run, &mut step.args);
                let result = match &mut step.named {
                    Some(named) if draws(instr, self.program.mode) => {
                        named.draw(instr, self.device, args, |args| kernel(run, args), failed)?
                    }
                    _ => kernel(run, args).map_err(failed)?,
                };
                step.args.clear();
                if result.kind() == kind { Ok(result) } else { result.f_to_kind(kind).map_err(failed) }
            }
            Action::Repeat(_) | Action::Unstack | Action::Chain(_) | Action::Each(_) => {
                Err(missing("the loop".to_owned()))
            }
        }
    }

    /// The entries that a lookup may find, where the kind of its index does not prove that it finds one.
    fn unproved(&self, instr: &Instr, axis: AxisId) -> Option<usize> {
        let size = instr.arg_tys[0].size(axis)?;
        let proved = match (instr.arg_tys[1].kind, self.program.axes.get(axis).size) {
            (ValueKind::Index { .. }, AxisSize::Fixed(own)) => own <= size,
            (ValueKind::Index { .. }, _) => true,
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
        let (low, high) = ends.map_err(|error| failure(self.program, instr, &error))?;
        let optional = matches!(instr.arg_tys.last().map(|ty| ty.kind), Some(ValueKind::Index { .. }));
        let found = if low < 0 && !optional { low } else { high };
        if (0..size as i64).contains(&found) || (optional && found < 0) {
            return Ok(());
        }
        let node = instr.name.find('`').map_or(instr.name.as_str(), |at| &instr.name[at..]).to_owned();
        Err(ExecError::Index { node, axis: axis.to_owned(), size, found })
    }
}

pub(super) fn failure(program: &Program, instr: &Instr, error: &TchError) -> ExecError {
    let cause = first_line(error);
    let node = if instr.name.is_empty() { "a constant".to_owned() } else { instr.name.clone() };
    if ["not enough memory", "out of memory", "can't allocate memory"].iter().any(|said| cause.contains(said))
    {
        return ExecError::Memory { node };
    }
    let op = match &instr.op {
        InstrOp::Op(op) => crate::ir::show_op(op, &program.axes),
        InstrOp::Repeat { times, .. } => format!("repeat {times}"),
        InstrOp::Fused { .. } => "fused".to_owned(),
    };
    ExecError::Kernel { node, op, cause }
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

fn never_computed(slot: usize) -> ExecError {
    ExecError::Input { what: format!("a value that was never computed (slot {slot})") }
}

impl Value {
    /// The same value; tensors are shared.
    pub(super) fn share(&self) -> Value {
        match self {
            Value::Tensor(tensor) => Value::Tensor(tensor.shallow_clone()),
            Value::Stack(values) => Value::Stack(Rc::clone(values)),
        }
    }

    /// As one tensor, iterations along a new outermost axis.
    fn whole(&self) -> Result<Tensor, TchError> {
        match self {
            Value::Tensor(tensor) => Ok(tensor.shallow_clone()),
            Value::Stack(values) => {
                let parts = values.iter().map(Value::whole).collect::<Result<Vec<_>, _>>()?;
                Tensor::f_stack(&parts, 0)
            }
        }
    }
}

fn first_line(error: &TchError) -> String {
    error.to_string().lines().next().unwrap_or("").to_owned()
}
