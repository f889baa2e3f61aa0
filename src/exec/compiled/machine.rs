//! Runs a plan: what is shared first, then the slices of the batch, each by one thread, which meet where something is summed
//! over all of them. Slices and the order of sums are fixed, so results do not depend on the number of threads.

use super::adding::add_all;
use super::call::{Call, Failed, Feed, Frame, Outside, any, call};
use super::memory::{Arena, Layout, layout, tidy};
use super::plan::{Plan, Room, Step, What};
use super::record::{bytes_of, record};
use super::sums::{Sums, Task, tasks};
use super::telling::Telling;
use crate::exec::profile::Profile;
use crate::exec::step::{ExecError, Inputs, OutputValues, Outputs, TableRows, Tell};
use crate::exec::weights::Weights;
use crate::ir::OutputName;
use crate::lower::Program;
use crate::primitive::kernel::{Planner, torch_kind};
use crate::source::Span;
use crate::types::Kind;
use indexmap::IndexMap;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tch::{Device, Tensor};
use totc_kernels::fused::Kind as Held;
use totc_kernels::untyped::{Operand as Raw, pack as pack_from};
use totc_kernels::{Form, Packed, Pool, Precision};

/// A program with its memory and its kernels.
pub(in crate::exec) struct Machine {
    plan: Plan,
    outputs: Arc<[OutputName]>,
    layout: Layout,
    form: Form,
    shared: Vec<(Call, usize)>,
    slices: Vec<Mutex<Slice>>,
    packs: Vec<Packed>,
    /// Where the shared buffers begin.
    base: usize,
    tasks: Vec<Task>,
    /// Memory of the shared buffers; the calls know where they are.
    _arena: Arena,
}

/// Tensors for the gradients of weights, and for ids and gradients of rows.
type Gradients = (Vec<Tensor>, Vec<(Tensor, Tensor)>);

/// The work on some samples.
struct Slice {
    calls: Vec<(Call, usize)>,
    base: usize,
    /// The call before which all are left out.
    resume: usize,
    _arena: Arena,
}

impl Slice {
    /// Runs some calls by `run`, those excepted that a loop that does nothing leaves out.
    ///
    /// # Errors
    /// The note of the call that failed, and why.
    fn run(
        &mut self,
        range: std::ops::Range<usize>,
        mut run: impl FnMut(&mut Call, usize) -> Result<(), Failed>,
    ) -> Result<(), (usize, Failed)> {
        if range.start == 0 {
            self.resume = 0;
        }
        let mut at = range.start.max(self.resume);
        while at < range.end {
            let (call, note) = &mut self.calls[at];
            at += 1;
            match call {
                Call::Unless { mask, to } if !any(mask.0, mask.1) => {
                    self.resume = *to;
                    at = *to;
                }
                call => run(call, *note).map_err(|failed| (*note, failed))?,
            }
        }
        Ok(())
    }
}

impl Machine {
    /// The machine of a program, for slices of `rows` samples; None where it has to be interpreted.
    ///
    /// # Errors
    /// No memory left; a kernel that libtorch cannot plan.
    pub fn of(program: &Program, rows: usize, form: Form) -> Result<Option<Machine>, ExecError> {
        let Some(mut plan) = record(program, rows, form) else { return Ok(None) };
        tidy(&mut plan);
        let layout = layout(&plan);
        let memory = |_| ExecError::Memory { node: "the memory of a step".to_owned() };
        let mut arena = Arena::new(layout.shared).map_err(memory)?;
        let base = arena.start();
        let planner = Planner::new(Device::Cpu);
        let ends = ends(&plan.slice);
        let mut rotations = Vec::new();
        let mut calls = |steps: &[Step], slice: usize, first: usize, alone: bool| {
            let starts = |buffer: usize| {
                let room = if plan.buffers[buffer].room == Room::Shared { base } else { slice };
                room.wrapping_add(layout.offsets[buffer])
            };
            let threads = if alone { Pool::shared().threads() } else { 1 };
            let frame = Frame { starts: &starts, first, rows, threads, ends: &ends };
            let each = steps.iter().map(|step| {
                let made = call(program, &planner, &mut rotations, step, &frame);
                made.map(|call| (call, step.note)).map_err(|error| ExecError::Kernel {
                    node: plan.notes[step.note].name.clone(),
                    op: plan.notes[step.note].operation.clone(),
                    cause: error.to_string().lines().next().unwrap_or_default().to_owned(),
                })
            });
            each.collect::<Result<Vec<_>, _>>()
        };
        let shared = calls(&plan.shared, 0, 0, true)?;
        let mut slices = Vec::new();
        for first in (0..program.batch_rows()).step_by(rows) {
            let mut arena = Arena::new(layout.slice).map_err(memory)?;
            let base = arena.start();
            let calls = calls(&plan.slice, base, first, program.batch_rows() <= rows)?;
            slices.push(Mutex::new(Slice { calls, base, resume: 0, _arena: arena }));
        }
        let packs = plan.packs.iter().map(|pack| {
            let precision = if pack.bfloat16 { Precision::Bfloat16 } else { Precision::Float32 };
            match pack.paired {
                true => Packed::paired(form, precision, pack.n, pack.k),
                false => Ok(Packed::new(form, precision, pack.n, pack.k)),
            }
        });
        let packs = packs.collect::<Result<_, _>>().map_err(|mismatch| ExecError::Kernel {
            node: program.model.clone(),
            op: "the weights of a gate".to_owned(),
            cause: mismatch.to_string(),
        })?;
        let tasks = tasks(&plan);
        let outputs = OutputValues::names_of(program);
        Ok(Some(Machine { plan, outputs, layout, form, shared, slices, packs, base, tasks, _arena: arena }))
    }

    /// How many slices of how many samples, and the form of the kernels.
    pub fn described(&self) -> String {
        let (slices, rows) = (self.slices.len(), self.plan.rows);
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        format!(
            "{slices} slice{} of {rows} sample{}, kernels: {}",
            plural(slices),
            plural(rows),
            self.form.usable().name()
        )
    }

    /// One supervision step.
    ///
    /// # Errors
    /// Missing inputs or weights, indices outside of their tables, no memory left.
    pub fn run(
        &mut self,
        program: &Program,
        weights: &Weights,
        inputs: &Inputs,
        mut profile: Option<&mut Profile>,
        tell: Option<&Tell>,
    ) -> Result<Outputs, ExecError> {
        let mut kept = Vec::new();
        let feed = self.feed(program, weights, inputs, &mut kept)?;
        let batch = self.slices.len() * self.plan.rows;
        for (call, note) in &mut self.shared {
            let start = Instant::now();
            let done = call.run(&feed, &[], self.form);
            done.map_err(|failed| failure(&self.plan, *note, failed))?;
            noted(&mut profile, &self.plan, *note, start);
        }
        self.pack(&feed)?;
        let values = self.empty_results(program, batch)?;
        let (gradients, rows) = self.empty_gradients(program, batch)?;
        let addresses = |tensors: &[Tensor]| -> Vec<usize> {
            tensors.iter().map(|tensor| tensor.data_ptr() as usize).collect()
        };
        let sums = addresses(&gradients);
        let telling = Telling::begin((&self.plan, &self.tasks), program, &gradients, tell);
        let failed: Mutex<Option<(usize, usize, Failed)>> = Mutex::new(None);
        let mut from = 0;
        for (number, meeting) in self.plan.meetings.iter().enumerate() {
            let one = |at: usize| {
                let mut slice = lock(&self.slices[at]);
                let done = slice.run(from..meeting.after, |call, _| call.run(&feed, &self.packs, self.form));
                if let Err((note, reason)) = done {
                    let mut failed = lock(&failed);
                    if failed.as_ref().is_none_or(|(slice, ..)| *slice > at) {
                        *failed = Some((at, note, reason));
                    }
                }
            };
            match &mut profile {
                None => Pool::shared().run(self.slices.len(), one),
                Some(_) => {
                    for at in 0..self.slices.len() {
                        self.one_profiled(at, from..meeting.after, &feed, &mut profile)?;
                    }
                }
            }
            if let Some((_, note, reason)) = lock(&failed).take() {
                return Err(failure(&self.plan, note, reason));
            }
            let start = Instant::now();
            let bases: Vec<usize> = self.slices.iter().map(|slice| lock(slice).base).collect();
            let tasks: Vec<&Task> = self.tasks.iter().filter(|task| task.meeting == number).collect();
            let own =
                Sums { plan: &self.plan, layout: &self.layout, form: self.form, base: self.base, bases };
            let unsummed: Mutex<Option<String>> = Mutex::new(None);
            Pool::shared().run(tasks.len(), |at| match own.sum(tasks[at], sums[tasks[at].gradient]) {
                Ok(()) => telling.summed(tasks[at].gradient),
                Err(error) => _ = lock(&unsummed).get_or_insert(error),
            });
            told("the gradients of weights", &unsummed)?;
            if let (Some(profile), false) = (&mut profile, tasks.is_empty()) {
                profile.add("weight gradients", "∂ of all weights", Span::NONE, start);
            }
            from = meeting.after;
        }
        self.arrays(program, &sums);
        self.collect(program, &values, &rows);
        drop(kept);
        self.outputs(program, values, gradients, rows)
    }

    fn one_profiled(
        &self,
        at: usize,
        range: std::ops::Range<usize>,
        feed: &Feed,
        profile: &mut Option<&mut Profile>,
    ) -> Result<(), ExecError> {
        let mut slice = lock(&self.slices[at]);
        let done = slice.run(range, |call, note| {
            let start = Instant::now();
            call.run(feed, &self.packs, self.form)?;
            noted(profile, &self.plan, note, start);
            Ok(())
        });
        done.map_err(|(note, failed)| failure(&self.plan, note, failed))
    }

    /// Everything from outside, dense and of the program's kinds; `kept` holds what had to be made.
    fn feed(
        &self,
        program: &Program,
        weights: &Weights,
        inputs: &Inputs,
        kept: &mut Vec<Tensor>,
    ) -> Result<Feed, ExecError> {
        let batch = self.slices.len() * self.plan.rows;
        let mut outside = |tensor: &Tensor, kind: tch::Kind, what: &str| -> Result<Outside, ExecError> {
            let failed = |error: tch::TchError| ExecError::Kernel {
                node: what.to_owned(),
                op: "input".to_owned(),
                cause: error.to_string().lines().next().unwrap_or_default().to_owned(),
            };
            let dense = tensor.f_to_kind(kind).and_then(|tensor| tensor.f_contiguous()).map_err(failed)?;
            let rows = dense.size().first().copied().unwrap_or(1).max(0) as usize;
            let bytes = dense.numel() * kind.elt_size_in_bytes();
            let outside =
                Outside { address: dense.data_ptr() as usize, row_bytes: bytes / rows.max(1), rows };
            kept.push(dense);
            Ok(outside)
        };
        let missing = |what: String| ExecError::Input { what };
        let mut feed = Feed::default();
        let kinds = outside_kinds(&self.plan);
        for (name, kind) in self.plan.inputs.iter().zip(kinds.inputs) {
            let tensor = inputs.data.get(name).ok_or_else(|| missing(format!("the input `{name}`")))?;
            feed.inputs.push(outside(tensor, kind, name)?);
        }
        for (name, kind) in self.plan.states.iter().zip(kinds.states) {
            let tensor = inputs.states.get(name).ok_or_else(|| missing(format!("the state `{name}`")))?;
            feed.states.push(outside(tensor, kind, name)?);
        }
        feed.fresh = outside(&inputs.fresh, tch::Kind::Bool, "fresh")?;
        feed.steps = outside(&inputs.steps, tch::Kind::Int64, "steps")?;
        for (path, kind) in self.plan.weights.iter().zip(kinds.weights) {
            let tensor = weights.get(path).ok_or_else(|| missing(format!("the weight `{path}`")))?;
            feed.weights.push(outside(tensor, kind, path)?);
        }
        let short = feed.inputs.iter().chain(&feed.states).chain([&feed.fresh]).any(|own| own.rows != batch);
        if short {
            let what = format!("a batch of {batch} rows of `{}`", program.model);
            return Err(missing(what));
        }
        Ok(feed)
    }

    fn pack(&mut self, feed: &Feed) -> Result<(), ExecError> {
        let failed: Mutex<Option<String>> = Mutex::new(None);
        let (plan, layout, base) = (&self.plan, &self.layout, self.base);
        let packs: Vec<Mutex<&mut Packed>> = self.packs.iter_mut().map(Mutex::new).collect();
        Pool::shared().run(packs.len(), |at| {
            let own = &plan.packs[at];
            let mut pack = lock(&packs[at]);
            let narrow = own.from.ty.kind == Kind::BFloat16;
            let (first, kind) = match plan.pack_weights[at] {
                Some(weight) => (feed.weights[weight].address, Held::Float32),
                None if narrow => (base + layout.offsets[own.from.buffer], Held::BFloat16),
                None => (base + layout.offsets[own.from.buffer], Held::Float32),
            };
            let size = if kind == Held::BFloat16 { 2 } else { 4 };
            let address = first + own.from.offset * size;
            let from = Raw { address, kind, shape: (own.n, own.k), strides: own.strides };
            // SAFETY: a weight outside, float32 and dense, or a shared buffer; the array's type says how much is read.
            #[expect(unsafe_code, reason = "kernels read memory by pointers")]
            let done = unsafe { pack_from(&mut pack, from) };
            if let Err(error) = done {
                lock(&failed).get_or_insert(error.to_string());
            }
        });
        drop(packs);
        told("the weights of a product", &failed)
    }

    /// Adds what each slice has summed by itself, slice by slice.
    fn arrays(&self, program: &Program, sums: &[usize]) {
        for (gradient, address) in self.plan.gradients.iter().zip(sums) {
            let count = gradient.n * gradient.k;
            let begins = gradient.applications.is_empty();
            let arrays: Vec<(Kind, usize)> = self
                .slices
                .iter()
                .flat_map(|slice| {
                    let base = lock(slice).base;
                    gradient.arrays.iter().map(move |array| {
                        let size = bytes_of(array.ty.kind);
                        (array.ty.kind, base + self.layout.offsets[array.buffer] + array.offset * size)
                    })
                })
                .collect();
            match program.gradients[gradient.gradient].ty.kind {
                Kind::Float64 => add_all::<f64>(*address, count, begins, &arrays),
                _ => add_all::<f32>(*address, count, begins, &arrays),
            }
        }
    }

    fn empty_results(&self, program: &Program, batch: usize) -> Result<Vec<Tensor>, ExecError> {
        let each = self.plan.results.iter().map(|result| {
            let ty = &program.outputs[result.output].ty;
            let mut shape = result.from.ty.shape();
            if Some(true) == program.batch.map(|axis| ty.has(axis)) {
                shape[0] = batch as i64;
            }
            empty(&shape, torch_kind(ty.kind))
        });
        each.collect()
    }

    /// Tensors for the gradients of weights, and for ids and gradients of rows.
    fn empty_gradients(&self, program: &Program, batch: usize) -> Result<Gradients, ExecError> {
        let weights = self.plan.gradients.iter().map(|own| {
            let ty = &program.gradients[own.gradient].ty;
            empty(&ty.shape(), torch_kind(ty.kind))
        });
        let rows = self.plan.row_gradients.iter().map(|own| {
            let one = |array: &super::array::Array| {
                let mut shape = array.ty.shape();
                shape[0] = batch as i64;
                empty(&shape, torch_kind(array.ty.kind))
            };
            Ok((one(&own.ids)?, one(&own.from)?))
        });
        Ok((weights.collect::<Result<_, _>>()?, rows.collect::<Result<_, _>>()?))
    }

    /// Copies what leaves the step out of the arenas.
    #[expect(unsafe_code, reason = "copies memory of the arenas")]
    fn collect(&self, program: &Program, values: &[Tensor], rows: &[(Tensor, Tensor)]) {
        let pairs = self.plan.results.iter().map(|result| &result.from).zip(values);
        let of_rows = self.plan.row_gradients.iter().zip(rows);
        let of_rows = of_rows.flat_map(|(own, (ids, from))| [(&own.ids, ids), (&own.from, from)]);
        for (array, tensor) in pairs.chain(of_rows) {
            let bytes = array.ty.count() * bytes_of(array.ty.kind);
            let start = self.layout.offsets[array.buffer] + array.offset * bytes_of(array.ty.kind);
            let to = tensor.data_ptr() as usize;
            let sampled = program.batch.is_some_and(|batch| array.ty.has(batch));
            let shared = self.plan.buffers[array.buffer].room == Room::Shared;
            for (at, slice) in self.slices.iter().enumerate().take(if sampled { usize::MAX } else { 1 }) {
                let base = if shared { self.base } else { lock(slice).base };
                // SAFETY: a dense array in a slice that has stopped, and its rows in a new tensor of all rows.
                unsafe {
                    std::ptr::copy_nonoverlapping(
                        (base + start) as *const u8,
                        (to + at * bytes) as *mut u8,
                        bytes,
                    );
                }
            }
        }
    }

    fn outputs(
        &self,
        program: &Program,
        values: Vec<Tensor>,
        gradients: Vec<Tensor>,
        rows: Vec<(Tensor, Tensor)>,
    ) -> Result<Outputs, ExecError> {
        let path = |gradient: usize| program.gradients[gradient].path.clone();
        let gradients = self.plan.gradients.iter().zip(gradients);
        let gradients = gradients.map(|(own, tensor)| (path(own.gradient), tensor));
        let rows = self.plan.row_gradients.iter().zip(rows);
        let rows = rows.map(|(own, (ids, gradient))| TableRows { table: path(own.gradient), ids, gradient });
        Ok(Outputs {
            values: OutputValues::new(&self.outputs, values),
            gradients: gradients.collect::<IndexMap<_, _>>(),
            rows: rows.collect(),
        })
    }
}

/// Kinds that the program reads what comes from outside in, by place among the plan's names.
struct Outsides {
    inputs: Vec<tch::Kind>,
    states: Vec<tch::Kind>,
    weights: Vec<tch::Kind>,
}

fn outside_kinds(plan: &Plan) -> Outsides {
    let mut kinds = Outsides {
        inputs: vec![tch::Kind::Int64; plan.inputs.len()],
        states: vec![tch::Kind::Float; plan.states.len()],
        weights: vec![tch::Kind::Float; plan.weights.len()],
    };
    for step in plan.shared.iter().chain(&plan.slice) {
        let kind = || torch_kind(step.writes[0].ty.kind);
        match step.what {
            What::Input(at) => kinds.inputs[at] = kind(),
            What::State(at) => kinds.states[at] = kind(),
            What::Weight(at) | What::Rows(at) => kinds.weights[at] = kind(),
            _ => {}
        }
    }
    kinds
}

/// Where the loops end that may be left out, by their numbers.
fn ends(steps: &[Step]) -> HashMap<usize, usize> {
    let end = |(at, step): (usize, &Step)| match step.what {
        What::Behind(number) => Some((number, at)),
        _ => None,
    };
    steps.iter().enumerate().filter_map(end).collect()
}

fn empty(shape: &[i64], kind: tch::Kind) -> Result<Tensor, ExecError> {
    Tensor::f_empty(shape, (kind, Device::Cpu))
        .map_err(|_| ExecError::Memory { node: "the results of a step".to_owned() })
}

fn failure(plan: &Plan, note: usize, failed: Failed) -> ExecError {
    let note = &plan.notes[note];
    match failed {
        Failed::Kernel(cause) => {
            let cause = cause.lines().next().unwrap_or_default().to_owned();
            if cause.contains("memory") {
                return ExecError::Memory { node: note.name.clone() };
            }
            ExecError::Kernel { node: note.name.clone(), op: note.operation.clone(), cause }
        }
        Failed::Index { weight, found, rows } => {
            let node = note.name.find('`').map_or(note.name.as_str(), |at| &note.name[at..]).to_owned();
            ExecError::Index { node, axis: plan.weights[weight].clone(), size: rows, found }
        }
    }
}

/// What a thread could not compute, as an error.
fn told(node: &str, failed: &Mutex<Option<String>>) -> Result<(), ExecError> {
    match lock(failed).take() {
        Some(cause) => Err(ExecError::Kernel { node: node.to_owned(), op: "product".to_owned(), cause }),
        None => Ok(()),
    }
}

fn noted(profile: &mut Option<&mut Profile>, plan: &Plan, note: usize, start: Instant) {
    if let Some(profile) = profile {
        let note = &plan.notes[note];
        profile.add(&note.operation, &note.name, note.span, start);
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
