//! Writes a program out as a plan: loops iteration by iteration, views as strides, sums over samples as what is left to do
//! when all slices meet. Gives up (None) where samples meet in another way, or at an operation that needs more than a
//! slice; such a program is interpreted.

use super::array::Array;
use super::class::{Class, class, of_group, resized, resized_all};
use super::plan::{
    Attention, Buffer, Meeting, Note, Pack, Plan, Result as Given, Room, RowGradient, Step, WeightGradient,
    What,
};
use super::product::{Application, Product};
use crate::exec::chain;
use crate::ir::op::Op;
use crate::ir::{Yield, show_op};
use crate::lower::{Instr, InstrOp, Operand, Program};
use crate::primitive::{Attrs, Chained};
use crate::types::{AxisId, AxisSize, Kind, Ty};
use std::collections::HashMap;
use std::ops::Range;

/// More steps than this are not written out: their plan would take longer than it saves.
const MOST_STEPS: usize = 200_000;

/// Bytes of operands of weight gradients that wait for a meeting, over all slices.
const WAITING: usize = 256 << 20;

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
}

/// A program as steps for slices of `rows` samples; None where it has to be interpreted.
pub(super) fn record(program: &Program, rows: usize) -> Option<Plan> {
    let batch = program.batch?;
    if program.draws() || rows == 0 {
        return None;
    }
    let body = resized_all(&program.body, batch, rows);
    let mut recorder = Recorder {
        program,
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
        let InstrOp::Repeat { times, carried, body, next, yields, iteration, .. } = &instr.op else {
            return None;
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
        Some(())
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
                self.held[slot] = Some(Held::Array(whole.clone()));
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
        if let Some(held) = self.from_outside(instr, op, note) {
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
    fn from_outside(&mut self, instr: &Instr, op: &Op, note: usize) -> Option<Option<Held>> {
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

    /// Gradients of weights that wait for the other slices: contractions over the batch, and sums of them.
    fn later(&mut self, instr: &Instr, op: &Op) -> Option<Held> {
        let held: Vec<Held> = instr.args.iter().map(|arg| self.find(*arg)).collect::<Option<_>>()?;
        let empty = |ty: &Ty| Later { ty: ty.clone(), applications: Vec::new(), arrays: Vec::new() };
        match (op, &held[..]) {
            (Op::Expand, [Held::Number(0.0)]) if !instr.ty.has(self.batch) && instr.ty.kind.is_float() => {
                // Where a gradient begins, or zeros that somebody reads.
                self.is_gradient_start(instr).then(|| Held::Later(empty(&instr.ty)))
            }
            (Op::Cast(_), [Held::Later(later)]) => {
                Some(Held::Later(Later { ty: instr.ty.clone(), ..later.clone() }))
            }
            (Op::Prim(id, _), [a, b]) if id.get().name == "add" => {
                let sum = |held: &Held| match held {
                    Held::Later(later) => Some(later.clone()),
                    Held::Array(array) if self.class_of(array) == Class::Sum => {
                        Some(Later { arrays: vec![array.clone()], ..empty(&array.ty) })
                    }
                    _ => None,
                };
                if !matches!((a, b), (Held::Later(_), _) | (_, Held::Later(_))) {
                    return None;
                }
                let (a, b) = (sum(a)?, sum(b)?);
                if a.ty.dims != b.ty.dims || a.ty.dims != instr.ty.dims {
                    return None;
                }
                Some(Held::Later(Later {
                    ty: instr.ty.clone(),
                    applications: [a.applications, b.applications].concat(),
                    arrays: [a.arrays, b.arrays].concat(),
                }))
            }
            (Op::Prim(id, attrs), [Held::Array(a), Held::Array(b)])
                if id.get().name == "dot" && attrs.over.contains(&self.batch) =>
            {
                let both = self.class_of(a) == Class::Sample && self.class_of(b) == Class::Sample;
                if !both || !(multiplied(a.ty.kind) && multiplied(b.ty.kind)) {
                    return None;
                }
                let axes: Vec<AxisId> = instr.ty.axes().collect();
                let application = Application::of(a, b, &attrs.over, &axes)?;
                let bytes = |array: &Array| array.ty.count() * bytes_of(array.ty.kind);
                self.waiting += (bytes(a) + bytes(b)) * self.slices;
                let pending = Pending { application, number: self.recorded };
                self.recorded += 1;
                if self.waiting > WAITING {
                    self.met.push((self.plan.slice.len(), self.recorded));
                    self.waiting = 0;
                }
                Some(Held::Later(Later { applications: vec![pending], ..empty(&instr.ty) }))
            }
            _ => None,
        }
    }

    /// Whether zeros of a weight's axes are where the sum of its gradient begins.
    fn is_gradient_start(&self, instr: &Instr) -> bool {
        instr.backward
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

    /// Records the computation of an operation.
    fn computed(
        &mut self,
        instr: &Instr,
        op: &Op,
        arrays: Vec<Option<Array>>,
        out: &Array,
        note: usize,
        shared: bool,
    ) -> Option<()> {
        let reads: Vec<Array> = arrays.iter().flatten().cloned().collect();
        let all = reads.len() == arrays.len();
        let prim = match op {
            Op::Prim(id, attrs) => Some((id.get().name, attrs)),
            _ => None,
        };
        if let (Op::Concat { parts, to }, true) = (op, all) {
            if reads.iter().any(|read| read.ty.kind != out.ty.kind) {
                return self.by_libtorch(instr, op, reads, out, note, shared);
            }
            let mut start = 0;
            for (read, part) in reads.into_iter().zip(parts) {
                let size = read.ty.size(*part)?;
                let mut ty = out.ty.clone();
                ty.dims.iter_mut().filter(|dim| dim.axis == *to).for_each(|dim| dim.size = size);
                let target = out.part(*to, start, ty.clone(), *to);
                // The operand's axes in the order of the result.
                let strides =
                    ty.axes().map(|axis| read.stride(if axis == *to { *part } else { axis })).collect();
                let read = Array { strides, ty, ..read };
                self.step(What::Copy, vec![read], vec![target], note, shared);
                start += size;
            }
            return Some(());
        }
        if let (Op::Expand | Op::Flatten { .. } | Op::Unflatten { .. }, [read], true) = (op, &reads[..], all)
            && let Op::Expand = op
        {
            let strides = out.ty.axes().map(|axis| read.stride(axis)).collect();
            let read = Array { strides, ty: Ty::new(read.ty.kind, out.ty.dims.clone()), ..read.clone() };
            self.step(What::Copy, vec![read], vec![out.clone()], note, shared);
            return Some(());
        }
        match prim {
            Some(("dot", attrs)) if all && !shared => {
                if let Some(done) = self.product(&reads, attrs, out, note) {
                    return Some(done);
                }
            }
            Some(("rope", attrs)) if all && !shared => {
                if let Some(done) = self.rotated(&reads[0], attrs, out, note) {
                    return Some(done);
                }
            }
            Some((name @ ("attend" | "attend_backward"), attrs)) if all && !shared => {
                if let Some(done) = self.attention(&reads, attrs, out, note, name != "attend") {
                    return Some(done);
                }
            }
            _ => {}
        }
        if self.chain(instr, op, out, note, shared).is_some() {
            return Some(());
        }
        self.by_libtorch(instr, op, reads, out, note, shared)
    }

    /// One operation as a chain of its own.
    fn chain(&mut self, instr: &Instr, op: &Op, out: &Array, note: usize, shared: bool) -> Option<()> {
        let possible = match op {
            Op::Prim(id, attrs) => match id.get().chained {
                Chained::Never => false,
                Chained::Each(_) => !instr.ty.dims.is_empty(),
                // Rows run along the last axis.
                Chained::Rows(_) => {
                    let whole = &instr.arg_tys.last()?.dims;
                    let along = whole.last().is_some_and(|last| last.size > 0 && attrs.over == [last.axis]);
                    along && instr.arg_tys.iter().all(|ty| ty.dims == *whole)
                }
            },
            Op::Cast(kind) => kind.is_float() && !instr.ty.dims.is_empty(),
            _ => false,
        };
        let number = |arg: &Operand| matches!(arg, Operand::Number(_));
        let kinds = instr.arg_tys.iter().zip(&instr.args).all(|(ty, arg)| chained(ty.kind) || number(arg));
        if !possible || !kinds || !chained(instr.ty.kind) || instr.args.iter().all(number) {
            return None;
        }
        let yields = [Operand::Slot(*instr.out.first()?)];
        let planned = chain::plan(std::slice::from_ref(instr), &yields, std::slice::from_ref(&instr.ty))?;
        let mut reads = Vec::new();
        for slot in planned.reads() {
            let at = instr.args.iter().position(|arg| *arg == Operand::Slot(slot))?;
            reads.push(self.array(slot, &instr.arg_tys[at], note)?);
        }
        let what = if matches!(op, Op::Cast(_)) { What::Convert(planned) } else { What::Chain(planned) };
        self.step(what, reads, vec![out.clone()], note, shared);
        Some(())
    }

    fn by_libtorch(
        &mut self,
        instr: &Instr,
        op: &Op,
        reads: Vec<Array>,
        out: &Array,
        note: usize,
        shared: bool,
    ) -> Option<()> {
        if let Op::Gather { axis } = op
            && !self.proved(instr, *axis)
        {
            return None;
        }
        self.step(What::Torch(Box::new(instr.clone())), reads, vec![out.clone()], note, shared);
        Some(())
    }

    /// Whether the kind of a lookup's index proves that it finds something.
    fn proved(&self, instr: &Instr, axis: AxisId) -> bool {
        let Some(size) = instr.arg_tys[0].size(axis) else { return false };
        match (instr.arg_tys[1].kind, self.program.axes.get(axis).size) {
            (Kind::Index { .. }, AxisSize::Fixed(own)) => own <= size,
            (Kind::Index { .. }, _) => true,
            _ => false,
        }
    }

    fn product(&mut self, reads: &[Array], attrs: &Attrs, out: &Array, note: usize) -> Option<()> {
        let [a, b] = reads else { return None };
        if ![a, b, out].iter().all(|array| multiplied(array.ty.kind)) {
            return None;
        }
        let product = Product::of(a, b, &attrs.over, out)?;
        let right = if product.swapped { a } else { b };
        let moves = product.walks.iter().any(|walk| walk.right != 0);
        let pack = self.class_of(right) == Class::Shared && !moves;
        let bfloat16 = a.ty.kind == Kind::BFloat16 && b.ty.kind == Kind::BFloat16;
        let pack = pack.then(|| {
            let (n, k) = (product.cols, product.k);
            let key = (right.buffer, right.offset, [n, k, product.right.0, product.right.1], bfloat16);
            *self.packed.entry(key).or_insert_with(|| {
                self.plan.packs.push(Pack { from: right.clone(), n, k, strides: product.right, bfloat16 });
                self.plan.packs.len() - 1
            })
        });
        self.step(What::Product(product, pack), reads.to_vec(), vec![out.clone()], note, false);
        Some(())
    }

    fn rotated(&mut self, read: &Array, attrs: &Attrs, out: &Array, note: usize) -> Option<()> {
        let last = *out.ty.dims.last()?;
        let fits = multiplied(read.ty.kind)
            && Some(last.axis) == attrs.along
            && read.ty.dims == out.ty.dims
            && read.strides.last() == Some(&1);
        if !fits {
            return None;
        }
        let axis = out.ty.position(*attrs.over.first()?)?;
        let (theta, back) = (attrs.number(0).unwrap_or(10000.0), attrs.number(1).is_some());
        self.step(What::Rotate { theta, back, axis }, vec![read.clone()], vec![out.clone()], note, false);
        Some(())
    }

    fn attention(
        &mut self,
        reads: &[Array],
        attrs: &Attrs,
        out: &Array,
        note: usize,
        backward: bool,
    ) -> Option<()> {
        let (over, along) = (*attrs.over.first()?, attrs.along?);
        let part = attrs.into.first().map(|(axis, _)| *axis);
        let kind = reads[0].ty.kind;
        let kinds = reads.iter().chain([out]).all(|array| array.ty.kind == kind);
        if !kinds || !multiplied(kind) || out.ty.dims.last()?.axis != along {
            return None;
        }
        let mut writes = Vec::new();
        match (backward, part) {
            (true, Some(part)) => {
                let own: Vec<_> = out.ty.dims.iter().filter(|dim| dim.axis != part).copied().collect();
                for at in 0..3 {
                    let ty = Ty::new(out.ty.kind, own.clone());
                    writes.push(out.viewed(&Op::Select { axis: part, at }, &ty)?);
                }
            }
            _ => writes.push(out.clone()),
        }
        let first = &reads[usize::from(backward)];
        let outer: Vec<AxisId> = first.ty.axes().filter(|axis| *axis != over && *axis != along).collect();
        let heads = |array: &Array| {
            let mut all = vec![array.offset];
            for axis in &outer {
                let (size, stride) = (first.ty.size(*axis).unwrap_or(1), array.stride(*axis));
                all = all.into_iter().flat_map(|own| (0..size).map(move |at| own + at * stride)).collect();
            }
            all
        };
        let arrays = || reads.iter().chain(&writes);
        let attention = Attention {
            causal: attrs.number(0).is_some_and(|value| value != 0.0),
            heads: arrays().map(heads).collect(),
            sizes: (first.ty.size(over)?, first.ty.size(along)?),
            strides: arrays().map(|array| (array.stride(over), array.stride(along))).collect(),
            backward,
        };
        self.step(What::Attention(attention), reads.to_vec(), writes, note, false);
        Some(())
    }

    fn results(&mut self) -> Option<()> {
        for (at, output) in self.program.outputs.iter().enumerate() {
            let rows = self.plan.rows;
            let ty = resized(&output.ty, self.batch, rows);
            let from = self.given(output.value, &ty)?;
            let leads = from.ty.position(self.batch).is_none_or(|place| place == 0);
            if self.class_of(&from) == Class::Sum || !leads {
                return None;
            }
            self.plan.results.push(Given { output: at, from });
        }
        Some(())
    }

    /// A value that leaves the step, one element behind the other.
    fn given(&mut self, operand: Operand, ty: &Ty) -> Option<Array> {
        let note = self.plan.notes.len().checked_sub(1)?;
        let array = match operand {
            Operand::Number(value) => self.filled(value, ty, note),
            Operand::Slot(slot) => self.array(slot, ty, note)?,
        };
        Some(self.dense(array))
    }

    /// The same elements one behind the other.
    fn dense(&mut self, array: Array) -> Array {
        if array.is_dense() {
            return array;
        }
        let (shared, note) = (self.class_of(&array) == Class::Shared, self.plan.notes.len() - 1);
        let dense = self.fresh(&array.ty.clone(), shared);
        self.step(What::Copy, vec![array], vec![dense.clone()], note, shared);
        dense
    }

    fn gradients(&mut self) -> Option<()> {
        let mut ranges: Vec<Vec<usize>> = Vec::new();
        for (at, gradient) in self.program.gradients.iter().enumerate() {
            if let Some((ids, ty)) = &gradient.ids {
                let rows = self.plan.rows;
                let ids = self.given(*ids, &resized(ty, self.batch, rows))?;
                let from = self.given(gradient.value, &resized(&gradient.ty, self.batch, rows))?;
                let lead = |array: &Array| array.ty.position(self.batch) == Some(0);
                if !lead(&ids) || !lead(&from) {
                    return None;
                }
                self.plan.row_gradients.push(RowGradient { gradient: at, ids, from });
                continue;
            }
            let later = match self.find(gradient.value)? {
                Held::Later(later) => later,
                Held::Array(array) if self.class_of(&array) == Class::Sum => {
                    Later { ty: gradient.ty.clone(), applications: Vec::new(), arrays: vec![array] }
                }
                _ => return None,
            };
            let kept = matches!(gradient.ty.kind, Kind::Float32 | Kind::Float64);
            let wide = gradient.ty.kind == Kind::Float64;
            if later.ty.dims != gradient.ty.dims || !kept || (wide && !later.applications.is_empty()) {
                return None;
            }
            let mut arrays = Vec::new();
            for array in later.arrays {
                if array.ty.dims != gradient.ty.dims {
                    return None;
                }
                arrays.push(self.dense(array));
            }
            let (n, k) = later
                .applications
                .first()
                .map_or((1, gradient.ty.count()), |first| (first.application.n, first.application.k));
            if later
                .applications
                .iter()
                .any(|pending| (pending.application.n, pending.application.k) != (n, k))
            {
                return None;
            }
            let mut pending = later.applications;
            pending.sort_by_key(|pending| pending.number);
            ranges.push(pending.iter().map(|pending| pending.number).collect());
            self.plan.gradients.push(WeightGradient {
                gradient: at,
                applications: pending.into_iter().map(|pending| pending.application).collect(),
                arrays,
                n,
                k,
            });
        }
        self.meetings(&ranges);
        Some(())
    }

    /// When what is summed: applications recorded since the meeting before.
    fn meetings(&mut self, numbers: &[Vec<usize>]) {
        let end = (self.plan.slice.len(), self.recorded);
        let mut from = 0;
        for (after, upto) in self.met.iter().copied().chain([end]).collect::<Vec<_>>() {
            let sums = numbers.iter().enumerate().map(|(gradient, numbers)| {
                let count = |limit: usize| numbers.partition_point(|number| *number < limit);
                let range: Range<usize> = count(from)..count(upto);
                (gradient, range)
            });
            let sums = sums.filter(|(_, range)| !range.is_empty()).collect();
            self.plan.meetings.push(Meeting { after, sums });
            from = upto;
        }
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
