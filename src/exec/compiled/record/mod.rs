//! Writes a program out as a plan: loops iteration by iteration, views as strides, sums over samples as what is left to do
//! when all slices meet. Gives up (None) where samples meet in another way, or at an operation that needs more than a
//! slice; such a program is interpreted.

mod choose;
mod gradients;
mod guards;

pub(super) use choose::libtorch_multiplies;

use super::array::Array;
use super::class::{Class, class, of_group, resized_all};
use super::plan::{Buffer, Note, Plan, Room, Step, What};
use super::product::Application;
use crate::exec::chain;
use crate::ir::op::Op;
use crate::ir::{Yield, show_op};
use crate::lower::{Instr, InstrOp, Operand, Program};
use crate::types::{AxisId, Kind, Ty};
use std::collections::HashMap;
use totc_kernels::Form;

/// More steps than this are not written out: their plan would take longer than it saves.
const MOST_STEPS: usize = 200_000;

/// What stands in a slot.
#[derive(Clone, Debug)]
enum Held {
    Number(f64),
    Array(Array),
    /// What iterations have yielded.
    Stack(Vec<Held>),
    /// A sum over samples that is computed when slices meet.
    Later(Later),
}

/// A gradient of a weight that is not computed yet.
#[derive(Clone, Debug)]
struct Later {
    ty: Ty,
    applications: Vec<Pending>,
    arrays: Vec<Array>,
}

/// A product that waits, with the instruction that it is and its operands.
#[derive(Clone, Debug)]
struct Pending {
    application: Application,
    /// By place among all that were recorded.
    number: usize,
}

struct Recorder<'p> {
    program: &'p Program,
    form: Form,
    batch: AxisId,
    held: Vec<Option<Held>>,
    /// Of the loops that are being written out: iteration, of how many.
    loops: Vec<(usize, usize)>,
    plan: Plan,
    notes: HashMap<*const Instr, usize>,
    packed: HashMap<(usize, usize, [usize; 4], bool), usize>,
    /// Slices that the batch has at most, to know how much waits.
    slices: usize,
    waiting: usize,
    /// How many applications were recorded, and after which of them slices met.
    recorded: usize,
    met: Vec<(usize, usize)>,
    /// Of the loops at hand that may be left out, from the outermost: the bools that say so.
    guards: Vec<Array>,
    /// How many of them there were.
    guarded: usize,
}

/// A program as steps for slices of `rows` samples; None where it has to be interpreted.
pub(super) fn record(program: &Program, rows: usize, form: Form) -> Option<Plan> {
    let batch = program.batch?;
    if program.draws() || rows == 0 {
        return None;
    }
    let body = resized_all(&program.body, batch, rows);
    let mut recorder = Recorder {
        program,
        form,
        batch,
        held: vec![None; program.slots],
        loops: Vec::new(),
        plan: Plan {
            rows,
            inputs: Vec::new(),
            states: Vec::new(),
            weights: Vec::new(),
            buffers: Vec::new(),
            shared: Vec::new(),
            slice: Vec::new(),
            packs: Vec::new(),
            pack_weights: Vec::new(),
            results: Vec::new(),
            gradients: Vec::new(),
            row_gradients: Vec::new(),
            meetings: Vec::new(),
            notes: Vec::new(),
        },
        notes: HashMap::new(),
        packed: HashMap::new(),
        slices: program.batch_rows().div_ceil(rows),
        waiting: 0,
        recorded: 0,
        met: Vec::new(),
        guards: Vec::new(),
        guarded: 0,
    };
    recorder.instructions(&body)?;
    recorder.results()?;
    recorder.gradients()?;
    Some(recorder.plan)
}

impl Recorder<'_> {
    fn instructions(&mut self, body: &[Instr]) -> Option<()> {
        for instr in body {
            if self.plan.slice.len() + self.plan.shared.len() > MOST_STEPS {
                return None;
            }
            match &instr.op {
                InstrOp::Repeat { .. } => self.repeat(instr)?,
                InstrOp::Fused { body, yields, result_tys } => self.group(instr, body, yields, result_tys)?,
                InstrOp::Op(op) => {
                    let held = self.operation(instr, op)?;
                    self.held[*instr.out.first()?] = Some(held);
                }
            }
        }
        Some(())
    }

    fn repeat(&mut self, instr: &Instr) -> Option<()> {
        let InstrOp::Repeat { times, carried, body, next, yields, iteration, guard, .. } = &instr.op else {
            return None;
        };
        let guard = match guard {
            Some(at) => Some(self.guard(instr, *at)?),
            None => None,
        };
        for (at, slot) in carried.iter().enumerate() {
            self.held[*slot] = Some(self.find(instr.args[at])?);
        }
        let mut yielded: Vec<Vec<Held>> = vec![Vec::new(); yields.len()];
        self.loops.push((0, *times));
        for done in 0..*times {
            if let Some(current) = self.loops.last_mut() {
                current.0 = done;
            }
            if let Some(slot) = iteration {
                self.held[*slot] = Some(Held::Number(done as f64));
            }
            self.instructions(body)?;
            for (into, (operand, how)) in yielded.iter_mut().zip(yields) {
                if matches!(how, Yield::Stack(_)) || done + 1 == *times {
                    into.push(self.find(*operand)?);
                }
            }
            let moved: Vec<Held> = next.iter().map(|operand| self.find(*operand)).collect::<Option<_>>()?;
            let to = if done + 1 == *times { &instr.out } else { carried };
            for (slot, held) in to.iter().zip(moved) {
                self.held[*slot] = Some(held);
            }
        }
        self.loops.pop();
        for ((slot, (_, how)), mut held) in instr.out[next.len()..].iter().zip(yields).zip(yielded) {
            self.held[*slot] = match how {
                Yield::Stack(_) => Some(Held::Stack(held)),
                Yield::Last => held.pop(),
            };
        }
        match guard {
            Some(number) => self.behind(instr, number),
            None => Some(()),
        }
    }

    fn find(&self, operand: Operand) -> Option<Held> {
        match operand {
            Operand::Number(value) => Some(Held::Number(value)),
            Operand::Slot(slot) => self.held[slot].clone(),
        }
    }

    /// A slot as an array of a type; numbers fill one.
    fn array(&mut self, slot: usize, ty: &Ty, note: usize) -> Option<Array> {
        match self.held[slot].clone()? {
            Held::Array(array) => Some(array),
            Held::Number(value) => Some(self.filled(value, ty, note)),
            Held::Stack(parts) => {
                let (first, rest) = ty.dims.split_first()?;
                let part = Ty::new(ty.kind, rest.to_vec());
                let mut arrays = Vec::new();
                for held in parts {
                    match held {
                        Held::Array(array) => arrays.push(array),
                        Held::Number(value) => arrays.push(self.filled(value, &part, note)),
                        _ => return None,
                    }
                }
                let shared = arrays.iter().all(|array| self.class_of(array) == Class::Shared);
                let whole = self.fresh(ty, shared);
                for (at, array) in arrays.into_iter().enumerate() {
                    let mut to = whole.part(first.axis, at, part.clone(), first.axis);
                    to.ty = part.clone();
                    self.step(What::Copy, vec![array], vec![to], note, shared);
                }
                // What is left out has put nothing together for those behind it.
                if self.guards.is_empty() {
                    self.held[slot] = Some(Held::Array(whole.clone()));
                }
                Some(whole)
            }
            Held::Later(_) => None,
        }
    }

    fn filled(&mut self, value: f64, ty: &Ty, note: usize) -> Array {
        // One element, seen everywhere.
        let one = self.fresh(&Ty::scalar(ty.kind), true);
        self.step(What::Fill(value), Vec::new(), vec![one.clone()], note, true);
        Array { strides: vec![0; ty.dims.len()], ty: ty.clone(), ..one }
    }

    /// New memory for a value.
    fn fresh(&mut self, ty: &Ty, shared: bool) -> Array {
        let room = if shared { Room::Shared } else { Room::Slice };
        self.plan.buffers.push(Buffer { count: ty.count(), kind: ty.kind, room });
        Array::dense(self.plan.buffers.len() - 1, ty.clone())
    }

    fn step(&mut self, what: What, reads: Vec<Array>, writes: Vec<Array>, note: usize, shared: bool) {
        let list = if shared { &mut self.plan.shared } else { &mut self.plan.slice };
        list.push(Step { what, reads, writes, note });
    }

    fn note(&mut self, instr: &Instr) -> usize {
        if let Some(known) = self.notes.get(&(instr as *const Instr)) {
            return *known;
        }
        let operation = match &instr.op {
            InstrOp::Op(Op::Prim(id, _)) => id.get().name.to_owned(),
            InstrOp::Op(op) => {
                show_op(op, &self.program.axes).split(' ').next().unwrap_or_default().to_owned()
            }
            InstrOp::Fused { .. } => "fused".to_owned(),
            InstrOp::Repeat { .. } => "repeat".to_owned(),
        };
        let name = if instr.backward { format!("∂{}", instr.name) } else { instr.name.clone() };
        self.plan.notes.push(Note { operation, name, span: instr.span });
        self.notes.insert(instr, self.plan.notes.len() - 1);
        self.plan.notes.len() - 1
    }

    fn class_of(&self, array: &Array) -> Class {
        match (self.plan.buffers[array.buffer].room, array.ty.has(self.batch)) {
            (_, true) => Class::Sample,
            (Room::Shared, false) => Class::Shared,
            (Room::Slice, false) => Class::Sum,
        }
    }

    fn class_of_slot(&self, slot: usize) -> Option<Class> {
        match self.held[slot].as_ref()? {
            Held::Number(_) => Some(Class::Number),
            Held::Array(array) => Some(self.class_of(array)),
            Held::Later(_) => Some(Class::Sum),
            Held::Stack(parts) => {
                let classes = parts.iter().map(|part| match part {
                    Held::Number(_) => Some(Class::Shared),
                    Held::Array(array) => Some(self.class_of(array)),
                    _ => None,
                });
                let classes = classes.collect::<Option<Vec<_>>>()?;
                let first = *classes.first()?;
                classes.iter().all(|class| *class == first).then_some(first)
            }
        }
    }

    fn class_of_operand(&self, operand: &Operand) -> Option<Class> {
        match operand {
            Operand::Number(_) => Some(Class::Number),
            Operand::Slot(slot) => self.class_of_slot(*slot),
        }
    }

    fn operation(&mut self, instr: &Instr, op: &Op) -> Option<Held> {
        let note = self.note(instr);
        if let Some(held) = self.outside(instr, op, note) {
            return held;
        }
        if let Op::Unstack { axis } = op
            && let Operand::Slot(slot) = instr.args[0]
        {
            let (done, times) = *self.loops.last()?;
            if let Some(Held::Stack(parts)) = &self.held[slot] {
                return parts.get(times - 1 - done).cloned();
            }
            let whole = self.array(slot, &instr.arg_tys[0], note)?;
            let at = times - 1 - done;
            return Some(Held::Array(whole.viewed(&Op::Select { axis: *axis, at }, &instr.ty)?));
        }
        if let Some(held) = self.later(instr, op) {
            return Some(held);
        }
        if let (Op::Expand, Some(Operand::Number(value))) = (op, instr.args.first()) {
            return Some(Held::Array(self.filled(*value, &instr.ty, note)));
        }
        let args: Vec<Class> =
            instr.args.iter().map(|arg| self.class_of_operand(arg)).collect::<Option<_>>()?;
        let class = class(instr, op, &args, self.batch)?;
        let mut arrays = Vec::with_capacity(instr.args.len());
        for (arg, ty) in instr.args.iter().zip(&instr.arg_tys) {
            arrays.push(match arg {
                Operand::Number(_) => None,
                Operand::Slot(slot) => Some(self.array(*slot, ty, note)?),
            });
        }
        if let (Some(Some(first)), 1) = (arrays.first(), arrays.len())
            && let Some(view) = first.viewed(op, &instr.ty)
        {
            return Some(Held::Array(view));
        }
        let shared = matches!(class, Class::Shared | Class::Number);
        // A sum over samples whose operands are shared would be computed once, not once for each slice.
        let out = self.fresh(&instr.ty, shared);
        self.computed(instr, op, arrays, &out, note, shared)?;
        Some(Held::Array(out))
    }

    /// What comes from outside of the step.
    fn outside(&mut self, instr: &Instr, op: &Op, note: usize) -> Option<Option<Held>> {
        let place = |names: &mut Vec<String>, name: String| {
            names.iter().position(|known| *known == name).unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            })
        };
        let (what, shared) = match op {
            Op::Input(name) => (What::Input(place(&mut self.plan.inputs, name.clone())), false),
            Op::State { name, ago } => {
                let name = if *ago == 1 { name.clone() } else { format!("{name}@{ago}") };
                (What::State(place(&mut self.plan.states, name)), false)
            }
            Op::Fresh => (What::Fresh, false),
            Op::Steps => (What::Steps, false),
            Op::Weight(path) => (What::Weight(place(&mut self.plan.weights, path.clone())), true),
            Op::EmbeddingRows(path) => {
                let at = place(&mut self.plan.weights, path.clone());
                return Some(self.table_rows(instr, at, note));
            }
            _ => return None,
        };
        if !shared && instr.ty.position(self.batch) != Some(0) {
            return Some(None);
        }
        let out = self.fresh(&instr.ty, shared);
        self.step(what, Vec::new(), vec![out.clone()], note, shared);
        Some(Some(Held::Array(out)))
    }

    fn table_rows(&mut self, instr: &Instr, at: usize, note: usize) -> Option<Held> {
        let Operand::Slot(slot) = instr.args[0] else { return None };
        let ids = self.array(slot, &instr.arg_tys[0], note)?;
        let fits = ids.is_dense() && ids.ty.kind.is_integer() && self.class_of(&ids) == Class::Sample;
        if !fits || !matches!(instr.ty.kind, Kind::Float32 | Kind::Float64) {
            return None;
        }
        let out = self.fresh(&instr.ty, false);
        self.step(What::Rows(at), vec![ids], vec![out.clone()], note, false);
        Some(Held::Array(out))
    }

    /// A group as one chain, or its operations one after the other.
    fn group(&mut self, instr: &Instr, body: &[Instr], yields: &[Operand], tys: &[Ty]) -> Option<()> {
        let note = self.note(instr);
        let classes = of_group(body, yields, self.batch, |slot| self.class_of_slot(slot))?;
        let planned = chain::plan(body, yields, tys);
        let same = classes.windows(2).all(|pair| pair[0] == pair[1]);
        let waits = body.iter().flat_map(|inner| &inner.args).any(|operand| {
            matches!(operand, Operand::Slot(slot) if matches!(self.held.get(*slot), Some(Some(Held::Later(_)))))
        });
        let kinds = tys.iter().all(|ty| chained(ty.kind));
        let Some(planned) = planned.filter(|_| same && kinds && !waits) else {
            self.instructions(body)?;
            for (slot, operand) in instr.out.iter().zip(yields) {
                self.held[*slot] = Some(self.find(*operand)?);
            }
            return Some(());
        };
        let shared = classes.first() == Some(&Class::Shared);
        let mut reads = Vec::new();
        for slot in planned.reads() {
            let read = body.iter().find_map(|inner| {
                let at = inner.args.iter().position(|arg| *arg == Operand::Slot(slot))?;
                Some(&inner.arg_tys[at])
            })?;
            let read = self.array(slot, read, note)?;
            reads.push(read);
        }
        if reads.iter().any(|array| !chained(array.ty.kind)) {
            return None;
        }
        let writes: Vec<Array> = tys.iter().map(|ty| self.fresh(ty, shared)).collect();
        for (slot, array) in instr.out.iter().zip(&writes) {
            self.held[*slot] = Some(Held::Array(array.clone()));
        }
        self.step(What::Chain(planned), reads, writes, note, shared);
        Some(())
    }
}

/// What the products' kernels take.
fn multiplied(kind: Kind) -> bool {
    matches!(kind, Kind::Float32 | Kind::BFloat16)
}

/// What chains read and write.
fn chained(kind: Kind) -> bool {
    matches!(kind, Kind::Bool | Kind::BFloat16 | Kind::Float32 | Kind::Float64)
}

/// Of one element.
pub(super) fn bytes_of(kind: Kind) -> usize {
    match kind {
        Kind::Bool => 1,
        Kind::BFloat16 => 2,
        Kind::Float | Kind::Float32 => 4,
        Kind::Int | Kind::Index { .. } | Kind::Float64 => 8,
    }
}
