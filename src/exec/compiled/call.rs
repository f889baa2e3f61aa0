//! The calls of a slice: steps with their addresses worked out, once. What runs per step is one match and one kernel.

use super::array::Array;
use super::copies::Copies;
use super::multiply::{Gated, Multiply, parts, together};
use super::plan::{Attention, Step, What};
use super::product::offsets;
use super::record::bytes_of;
use crate::exec::chain::held;
use crate::exec::link;
use crate::lower::{Operand, Program};
use crate::primitive::kernel::{Arg, Kernel, Planner, Run, TchResult, torch_kind};
use crate::types::Kind;
use half::bf16;
use std::collections::HashMap;
use std::sync::Arc;
use tch::{Device, TchError, Tensor};
use totc_kernels::fused::{Bound, Input, Output, Rotation};
use totc_kernels::untyped::{Head, Operand as Raw};
use totc_kernels::{Form, Mismatch, Packed, Precision};

/// Memory outside of a step that it reads: dense, of the kind that the program says. Addresses, as several threads read it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outside {
    pub address: usize,
    /// Of one row of its first axis.
    pub row_bytes: usize,
    pub rows: usize,
}

/// What comes from outside of one step.
#[derive(Debug, Default)]
pub(super) struct Feed {
    pub inputs: Vec<Outside>,
    pub states: Vec<Outside>,
    pub fresh: Outside,
    pub steps: Outside,
    pub weights: Vec<Outside>,
}

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Failed {
    Kernel(String),
    /// An index outside of a table: which weight, what was found, how many rows there are.
    Index {
        weight: usize,
        found: i64,
        rows: usize,
    },
}

/// Addresses of a slice: where each buffer begins, and which rows of the batch it computes.
pub(super) struct Frame<'a> {
    pub starts: &'a dyn Fn(usize) -> usize,
    /// The first of its rows.
    pub first: usize,
    pub rows: usize,
    /// That may share a kernel: one where slices run beside each other.
    pub threads: usize,
    /// Where the loops end that may be left out, by their numbers.
    pub ends: &'a HashMap<usize, usize>,
}

/// A step with its addresses.
pub(super) enum Call {
    /// Bytes from outside: which tensor, the first row, how many rows.
    Load {
        from: Source,
        first: usize,
        rows: usize,
        to: usize,
    },
    /// Rows of a table: ids, how many, where they go.
    Rows {
        weight: usize,
        ids: usize,
        count: usize,
        optional: bool,
        to: usize,
    },
    Put {
        to: usize,
        bytes: [u8; 8],
        count: usize,
    },
    Copy(Copies),
    Torch(Box<Torch>),
    Chain(Bound),
    Product(Box<Multiply>),
    Gated(Box<Gated>),
    /// Left, right and result.
    Matmul(Box<[Tensor; 3]>),
    Rotate(Box<Rotate>),
    Attention(Box<Attend>),
    /// Bools: where they begin, how many; the calls up to this one are left out where none is true.
    Unless {
        mask: (usize, usize),
        to: usize,
    },
    /// Nothing: only a place.
    Behind,
    /// Bools as above; the copy where none is true, and the other.
    Settle {
        mask: (usize, usize),
        copies: Box<[Call; 2]>,
    },
}

/// Whether one of so many bools is true.
#[expect(unsafe_code, reason = "reads memory of the arena")]
pub(super) fn any(start: usize, count: usize) -> bool {
    // SAFETY: a dense array of bools, a byte each, that the step has written.
    unsafe { std::slice::from_raw_parts(start as *const u8, count) }.iter().any(|byte| *byte != 0)
}

/// A tensor of the feed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    Input(usize),
    State(usize),
    Fresh,
    Steps,
    Weight(usize),
}

pub(super) struct Torch {
    /// None for the operand as it is.
    kernel: Option<Kernel>,
    args: Vec<Arg>,
    run: Run,
    out: Tensor,
}

pub(super) struct Rotate {
    rotation: Arc<Rotation>,
    sizes: Vec<usize>,
    axis: usize,
    input: Input,
    output: Output,
}

// SAFETY: addresses within arenas that live as long as the calls, which one thread at a time runs.
#[expect(unsafe_code, reason = "kernels read and write memory by pointers")]
unsafe impl Send for Rotate {}

pub(super) struct Attend {
    own: Attention,
    addresses: Vec<usize>,
    size: usize,
    kind: totc_kernels::fused::Kind,
    threads: usize,
}

/// The same elements elsewhere.
fn copied(from: &Array, to: &Array, address: &dyn Fn(&Array) -> usize) -> Call {
    match Copies::of(from, to, address(from), address(to)) {
        Some(copies) => Call::Copy(copies),
        None => {
            let args = vec![Arg::Tensor(tensor(from, address(from)))];
            Call::Torch(Box::new(Torch {
                kernel: None,
                args,
                run: Run::default(),
                out: tensor(to, address(to)),
            }))
        }
    }
}

/// Makes a call of a step.
///
/// # Errors
/// What libtorch says of a kernel that it cannot plan.
pub(super) fn call(
    program: &Program,
    planner: &Planner,
    rotations: &mut Vec<(RotationKey, Arc<Rotation>)>,
    step: &Step,
    frame: &Frame,
) -> TchResult<Call> {
    let address = |array: &Array| (frame.starts)(array.buffer) + array.offset * bytes_of(array.ty.kind);
    let load = |from: Source| Call::Load {
        from,
        first: frame.first,
        rows: frame.rows,
        to: address(&step.writes[0]),
    };
    let raw = |kind: Kind| held(torch_kind(kind));
    Ok(match &step.what {
        What::Input(at) => load(Source::Input(*at)),
        What::State(at) => load(Source::State(*at)),
        What::Fresh => load(Source::Fresh),
        What::Steps => load(Source::Steps),
        What::Weight(at) => {
            Call::Load { from: Source::Weight(*at), first: 0, rows: usize::MAX, to: address(&step.writes[0]) }
        }
        What::Rows(weight) => {
            let ids = &step.reads[0];
            Call::Rows {
                weight: *weight,
                ids: address(ids),
                count: ids.ty.count(),
                optional: matches!(ids.ty.kind, Kind::Index { .. }),
                to: address(&step.writes[0]),
            }
        }
        What::Fill(value) => put(*value, step.writes[0].ty.kind, address(&step.writes[0])),
        What::Copy => copied(&step.reads[0], &step.writes[0], &address),
        What::Unless(number) => {
            // Without an end nothing is left out.
            let to = frame.ends.get(number).copied().unwrap_or(0);
            Call::Unless { mask: (address(&step.reads[0]), step.reads[0].ty.count()), to }
        }
        What::Behind(_) => Call::Behind,
        What::Settle => {
            let mask = (address(&step.reads[0]), step.reads[0].ty.count());
            let copies = [1, 2].map(|at| copied(&step.reads[at], &step.writes[0], &address));
            Call::Settle { mask, copies: Box::new(copies) }
        }
        What::Torch(instr) => {
            let mut reads = step.reads.iter();
            let args = instr.args.iter().map(|arg| match arg {
                Operand::Number(_) => Arg::Number,
                Operand::Slot(_) => {
                    reads.next().map_or(Arg::Number, |array| Arg::Tensor(tensor(array, address(array))))
                }
            });
            let args = args.collect();
            let kernel = Some(link::kernel(program, instr, planner)?);
            let out = tensor(&step.writes[0], address(&step.writes[0]));
            Call::Torch(Box::new(Torch { kernel, args, run: Run::default(), out }))
        }
        What::Chain(planned) | What::Convert(planned) => {
            let mut inputs = Vec::with_capacity(step.reads.len());
            for (array, axes) in step.reads.iter().zip(planned.axes()) {
                let strides = axes.iter().map(|axis| axis.map_or(0, |axis| array.strides[axis] as isize));
                let kind = held(torch_kind(array.ty.kind))?;
                inputs.push(Input { pointer: address(array) as *const u8, kind, strides: strides.collect() });
            }
            let mut outputs = Vec::with_capacity(step.writes.len());
            for array in &step.writes {
                let kind = held(torch_kind(array.ty.kind))?;
                outputs.push(Output { pointer: address(array) as *mut u8, kind });
            }
            let bound = planned.chain().bind(&inputs, &outputs);
            Call::Chain(bound.map_err(|mismatch| TchError::Torch(mismatch.to_string()))?)
        }
        What::Product(own, pack) => {
            let (left, right) = if own.swapped { (1, 0) } else { (0, 1) };
            let arrays = [&step.reads[left], &step.reads[right], &step.writes[0]];
            let kinds = arrays.map(|array| array.ty.kind);
            let narrow = kinds[0] == Kind::BFloat16 && kinds[1] == Kind::BFloat16;
            let right_address = if pack.is_some() { 0 } else { address(arrays[1]) };
            Call::Product(Box::new(Multiply {
                offsets: offsets(&own.walks),
                own: own.clone(),
                addresses: [address(arrays[0]), right_address, address(arrays[2])],
                raw_kinds: [raw(kinds[0])?, raw(kinds[1])?, raw(kinds[2])?],
                kinds,
                pack: *pack,
                threads: frame.threads,
                precision: if narrow { Precision::Bfloat16 } else { Precision::Float32 },
            }))
        }
        What::Gated(own, pack) => {
            let left = &step.reads[usize::from(own.swapped)];
            let (gate, both) = (&step.writes[0], step.writes.get(1));
            Call::Gated(Box::new(Gated {
                own: own.clone(),
                left: (address(left), raw(left.ty.kind)?),
                gate: (address(gate), raw(gate.ty.kind)?),
                both: both.map(&address),
                pack: *pack,
                threads: frame.threads,
            }))
        }
        What::Matmul(own) => {
            let (left, right) = if own.swapped { (1, 0) } else { (0, 1) };
            let arrays = [&step.reads[left], &step.reads[right], &step.writes[0]];
            let [left, right, out] = arrays.map(&address);
            Call::Matmul(Box::new([
                matrix(left, (own.rows, own.k), own.left),
                matrix(right, (own.k, own.cols), (own.right.1, own.right.0)),
                matrix(out, (own.rows, own.cols), (own.out, 1)),
            ]))
        }
        What::Rotate { theta, back, axis } => {
            let (from, to) = (&step.reads[0], &step.writes[0]);
            let sizes: Vec<usize> = to.ty.dims.iter().map(|dim| dim.size).collect();
            let (rows, width) = (sizes[*axis], sizes[sizes.len() - 1]);
            let key = (rows, width, theta.to_bits(), *back);
            let known =
                rotations.iter().find(|(own, _)| *own == key).map(|(_, rotation)| Arc::clone(rotation));
            let rotation = known.unwrap_or_else(|| {
                let made = Arc::new(Rotation::new(rows, width, *theta, *back));
                rotations.push((key, Arc::clone(&made)));
                made
            });
            let kind = held(torch_kind(to.ty.kind))?;
            let strides = from.strides.iter().map(|stride| *stride as isize).collect();
            let input = Input { pointer: address(from) as *const u8, kind, strides };
            let output = Output { pointer: address(to) as *mut u8, kind };
            Call::Rotate(Box::new(Rotate { rotation, sizes, axis: *axis, input, output }))
        }
        What::Attention(own) => {
            let arrays = || step.reads.iter().chain(&step.writes);
            // Offsets of heads count from the first element of the buffer.
            let addresses = arrays().map(|array| (frame.starts)(array.buffer)).collect();
            let kind = step.reads[0].ty.kind;
            let (size, kind) = (bytes_of(kind), raw(kind)?);
            Call::Attention(Box::new(Attend {
                own: own.clone(),
                addresses,
                size,
                kind,
                threads: frame.threads,
            }))
        }
    })
}

/// Rows, width, bits of theta, whether backwards.
pub(super) type RotationKey = (usize, usize, u64, bool);

fn put(value: f64, kind: Kind, to: usize) -> Call {
    let mut bytes = [0; 8];
    let own: &[u8] = match kind {
        Kind::Bool => &[u8::from(value != 0.0)],
        Kind::BFloat16 => &bf16::from_f64(value).to_ne_bytes(),
        Kind::Float | Kind::Float32 => &(value as f32).to_ne_bytes(),
        Kind::Float64 => &value.to_ne_bytes(),
        Kind::Int | Kind::Index { .. } => &(value as i64).to_ne_bytes(),
    };
    bytes[..own.len()].copy_from_slice(own);
    Call::Put { to, bytes, count: own.len() }
}

/// A tensor on the memory of an array.
fn tensor(array: &Array, address: usize) -> Tensor {
    let strides: Vec<i64> = array.strides.iter().map(|stride| *stride as i64).collect();
    let (shape, kind) = (array.ty.shape(), torch_kind(array.ty.kind));
    // SAFETY: the array lies within an arena that lives as long as the call that holds the tensor.
    #[expect(unsafe_code, reason = "libtorch's kernels work on the arena's memory")]
    unsafe {
        Tensor::from_blob(address as *const u8, &shape, &strides, kind, Device::Cpu)
    }
}

/// A matrix of float32 on memory of the arena.
pub(super) fn matrix(address: usize, shape: (usize, usize), strides: (usize, usize)) -> Tensor {
    let shape = [shape.0 as i64, shape.1 as i64];
    let strides = [strides.0 as i64, strides.1 as i64];
    // SAFETY: as in `tensor`.
    #[expect(unsafe_code, reason = "libtorch's kernels work on the arena's memory")]
    unsafe {
        Tensor::from_blob(address as *const u8, &shape, &strides, tch::Kind::Float, Device::Cpu)
    }
}

impl Call {
    /// Computes it.
    ///
    /// # Errors
    /// An index outside of its table; what libtorch says.
    #[expect(unsafe_code, reason = "kernels read and write memory by pointers")]
    pub fn run(&mut self, feed: &Feed, packs: &[Packed], form: Form) -> Result<(), Failed> {
        match self {
            Call::Load { from, first, rows, to } => {
                let outside = feed.of(*from);
                let count = (*rows).min(outside.rows) * outside.row_bytes;
                let start = outside.address + *first * outside.row_bytes;
                // SAFETY: the feed has as many rows as the batch, of the program's kind; the buffer holds those of a slice.
                unsafe { std::ptr::copy_nonoverlapping(start as *const u8, *to as *mut u8, count) };
            }
            Call::Rows { weight, ids, count, optional, to } => {
                let table = feed.weights[*weight];
                // SAFETY: as many int64 lie there.
                let ids = unsafe { std::slice::from_raw_parts(*ids as *const i64, *count) };
                for (at, id) in ids.iter().enumerate() {
                    let row = if *optional { (*id).max(0) } else { *id };
                    if row < 0 || row as usize >= table.rows {
                        return Err(Failed::Index { weight: *weight, found: *id, rows: table.rows });
                    }
                    let from = table.address + row as usize * table.row_bytes;
                    let to = *to + at * table.row_bytes;
                    // SAFETY: a row of the table, and room for one.
                    unsafe {
                        std::ptr::copy_nonoverlapping(from as *const u8, to as *mut u8, table.row_bytes);
                    }
                }
            }
            Call::Put { to, bytes, count } => {
                // SAFETY: a buffer of one element.
                unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), *to as *mut u8, *count) };
            }
            Call::Copy(copies) => copies.run(),
            Call::Unless { .. } | Call::Behind => {}
            Call::Settle { mask, copies } => {
                copies[usize::from(any(mask.0, mask.1))].run(feed, packs, form)?;
            }
            Call::Torch(torch) => torch.run().map_err(|error| Failed::Kernel(error.to_string()))?,
            // SAFETY: addresses of buffers that no other step in progress writes.
            Call::Chain(bound) => unsafe { bound.run(form) },
            Call::Product(multiply) => {
                multiply.run(packs, form).map_err(|mismatch| Failed::Kernel(mismatch.to_string()))?;
            }
            Call::Gated(gated) => {
                gated.run(packs).map_err(|mismatch| Failed::Kernel(mismatch.to_string()))?;
            }
            Call::Matmul(tensors) => {
                let [left, right, out] = &**tensors;
                let _ = left.f_mm_out(out, right).map_err(|error| Failed::Kernel(error.to_string()))?;
            }
            Call::Rotate(rotate) => {
                let Rotate { rotation, sizes, axis, input, output } = &**rotate;
                // SAFETY: likewise.
                let done = unsafe { rotation.run(form, sizes, *axis, input, output) };
                done.map_err(|mismatch| Failed::Kernel(mismatch.to_string()))?;
            }
            Call::Attention(attend) => {
                let done = attend.run(form);
                done.map_err(|mismatch| Failed::Kernel(mismatch.to_string()))?;
            }
        }
        Ok(())
    }
}

impl Feed {
    fn of(&self, source: Source) -> Outside {
        match source {
            Source::Input(at) => self.inputs[at],
            Source::State(at) => self.states[at],
            Source::Fresh => self.fresh,
            Source::Steps => self.steps,
            Source::Weight(at) => self.weights[at],
        }
    }
}

impl Torch {
    fn run(&mut self) -> TchResult<()> {
        let result = match (&self.kernel, self.args.first()) {
            (Some(kernel), _) => kernel(&mut self.run, &mut self.args)?,
            (None, Some(Arg::Tensor(tensor))) => tensor.shallow_clone(),
            (None, _) => return Ok(()),
        };
        self.out.f_copy_(&result)?;
        Ok(())
    }
}

impl Attend {
    fn run(&self, form: Form) -> Result<(), Mismatch> {
        let own = &self.own;
        let scale = (1.0 / (own.sizes.1 as f64).sqrt()) as f32;
        let heads = own.heads[0].len();
        // Two products or five, and what lies between them takes about as long as they do.
        let products = if own.backward { 10 } else { 4 };
        let work = products * own.sizes.0 * own.sizes.0 * own.sizes.1 * heads;
        let parts = parts(self.threads, work).min(heads);
        together(parts, |part| self.heads(form, scale, part * heads / parts..(part + 1) * heads / parts))
    }

    /// Some heads, whose results overlap none of the others.
    #[expect(unsafe_code, reason = "kernels read and write memory by pointers")]
    fn heads(&self, form: Form, scale: f32, heads: std::ops::Range<usize>) -> Result<(), Mismatch> {
        let own = &self.own;
        for head in heads {
            let at = |array: usize| Raw {
                address: self.addresses[array] + own.heads[array][head] * self.size,
                kind: self.kind,
                shape: own.sizes,
                strides: own.strides[array],
            };
            let first = usize::from(own.backward);
            let (q, k, v) = (at(first), at(first + 1), at(first + 2));
            let attention = Head { q, k, v, scale, causal: own.causal };
            // SAFETY: the arrays' types say how much of their buffers is read and written; results overlap nothing.
            unsafe {
                if own.backward {
                    attention.backward(form, at(0), [at(4), at(5), at(6)])?;
                } else {
                    attention.forward(form, at(3))?;
                }
            }
        }
        Ok(())
    }
}
