//! Chains: elementwise operations and reductions of rows, computed block by block.

use super::memory::{Input, Kind, Output};
use super::pool;
use super::real::Real;
use crate::form::Form;
use half::bf16;
use std::cell::RefCell;

/// The value of a step, by its place among the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register(pub usize);

/// How many values a step has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// One for each place of the space.
    Full,
    /// One for each row: the space without its last axis.
    Row,
    /// One for all.
    One,
}

/// What a step computes. Truth values are 0 and 1. Where PyTorch defines a function at its edges, so it is here.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "they are called as PyTorch calls them")]
pub enum Op {
    /// The input of that place.
    Input(usize),
    /// A number.
    Number(f64),
    Neg,
    Exp,
    Log,
    Sqrt,
    Rsqrt,
    Abs,
    Sign,
    Floor,
    Sin,
    Cos,
    Sigmoid,
    Tanh,
    Silu,
    Relu,
    Not,
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Maximum,
    Minimum,
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
    And,
    Or,
    /// Operands: adjoint, result.
    SigmoidBackward,
    /// Operands: adjoint, result.
    TanhBackward,
    /// Operands: adjoint, operand.
    SiluBackward,
    /// Operands: condition, a, b.
    Where,
    /// Over the last axis, in 16 partial sums.
    Sum,
    /// The largest over the last axis.
    Max,
    /// The smallest over the last axis.
    Min,
}

/// One operation on earlier steps.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is computed.
    pub op: Op,
    /// Its operands.
    pub operands: Vec<Register>,
    /// How many values it has.
    pub width: Width,
}

/// The places that a chain computes for: sizes of axes, the outermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space(pub Vec<usize>);

impl Space {
    fn last(&self) -> usize {
        self.0.last().copied().unwrap_or(1)
    }

    fn rows(&self) -> usize {
        self.0.split_last().map_or(1, |(_, outer)| outer.iter().product())
    }
}

/// A program of steps over a space.
#[derive(Clone, Debug)]
pub struct Chain {
    space: Space,
    double: bool,
    steps: Vec<Step>,
    outputs: Vec<Register>,
    inputs: usize,
    /// The buffer of each step that has one, and how many there are of each width.
    buffers: Vec<Option<usize>>,
    full: usize,
    row: usize,
}

/// What is wrong with a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch(pub String);

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mismatch {}

/// Values of a full register that are computed together: they stay in the first-level cache.
const BLOCK: usize = 1024;

/// Blocks that a thread takes at once.
const BLOCKS_A_TASK: usize = 16;

/// Partial sums of a row, whatever the form: results are those of every form.
const LANES: usize = 16;

impl Chain {
    /// A chain that computes in float32, or in float64 if `double`.
    ///
    /// # Errors
    /// Steps that read later ones, the wrong number of operands, or widths that do not fit.
    pub fn new(
        space: Space,
        double: bool,
        steps: Vec<Step>,
        outputs: Vec<Register>,
    ) -> Result<Chain, Mismatch> {
        let mut inputs = 0;
        for (at, step) in steps.iter().enumerate() {
            let wrong = |what: &str| Mismatch(format!("step {at} ({:?}): {what}", step.op));
            if step.operands.iter().any(|operand| operand.0 >= at) {
                return Err(wrong("reads a later one"));
            }
            if step.operands.len() != arity(step.op) {
                return Err(wrong("has the wrong number of operands"));
            }
            let widths = step.operands.iter().map(|operand| steps[operand.0].width);
            let widest = widths.max_by_key(|width| *width as usize == Width::Full as usize);
            let fits = match step.op {
                Op::Input(place) => {
                    inputs = inputs.max(place + 1);
                    step.width != Width::One
                }
                Op::Number(_) => step.width == Width::One,
                Op::Sum | Op::Max | Op::Min => step.width == Width::Row && widest == Some(Width::Full),
                _ => {
                    let own = step.operands.iter().map(|operand| steps[operand.0].width);
                    step.width
                        == own.fold(Width::One, |wide, width| match (wide, width) {
                            (Width::Full, _) | (_, Width::Full) => Width::Full,
                            (Width::Row, _) | (_, Width::Row) => Width::Row,
                            _ => Width::One,
                        })
                }
            };
            if !fits {
                return Err(wrong("has the wrong width"));
            }
        }
        if let Some(output) = outputs.iter().find(|output| output.0 >= steps.len()) {
            return Err(Mismatch(format!("there is no step {} to write", output.0)));
        }
        let mut chain = Chain { space, double, steps, outputs, inputs, buffers: Vec::new(), full: 0, row: 0 };
        chain.allocate();
        Ok(chain)
    }

    /// How many inputs it reads.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Gives buffers to steps; one that nobody reads any more is given again.
    fn allocate(&mut self) {
        let mut last: Vec<usize> = (0..self.steps.len()).collect();
        for (at, step) in self.steps.iter().enumerate() {
            step.operands.iter().for_each(|operand| last[operand.0] = at);
        }
        self.outputs.iter().for_each(|output| last[output.0] = self.steps.len());
        let (mut free_full, mut free_row) = (Vec::new(), Vec::new());
        self.buffers = vec![None; self.steps.len()];
        for at in 0..self.steps.len() {
            let (free, made) = match self.steps[at].width {
                Width::Full => (&mut free_full, &mut self.full),
                Width::Row => (&mut free_row, &mut self.row),
                Width::One => continue,
            };
            // Taken before operands are given back: no operation writes what it reads.
            self.buffers[at] = Some(free.pop().unwrap_or_else(|| {
                *made += 1;
                *made - 1
            }));
            for (before, reader) in last.iter().enumerate().take(at + 1) {
                if *reader == at
                    && (before == at || self.steps[at].operands.contains(&Register(before)))
                    && let Some(buffer) = self.buffers[before]
                {
                    let free =
                        if self.steps[before].width == Width::Full { &mut free_full } else { &mut free_row };
                    if !free.contains(&buffer) {
                        free.push(buffer);
                    }
                }
            }
        }
    }

    /// Computes the chain in a form, on all threads of the pool.
    ///
    /// # Errors
    /// Inputs or outputs that are not as many as the chain has, or whose strides are not as many as the space has axes.
    ///
    /// # Safety
    /// Every input can be read at every place of the space by its strides (one for rows is not read along the last axis);
    /// every output can be written at as many places as its step has; outputs overlap neither one another nor an input.
    pub unsafe fn run(&self, form: Form, inputs: &[Input], outputs: &[Output]) -> Result<(), Mismatch> {
        if inputs.len() < self.inputs || outputs.len() != self.outputs.len() {
            return Err(Mismatch(format!(
                "{} inputs and {} outputs were given to a chain of {} and {}",
                inputs.len(),
                outputs.len(),
                self.inputs,
                self.outputs.len()
            )));
        }
        if let Some(input) = inputs.iter().find(|input| input.strides.len() != self.space.0.len()) {
            return Err(Mismatch(format!("{} strides for {} axes", input.strides.len(), self.space.0.len())));
        }
        let (rows, last) = (self.space.rows(), self.space.last());
        if rows * last == 0 {
            return Ok(());
        }
        let memory =
            Memory { inputs: inputs.iter().map(|input| Source::of(input, &self.space)).collect(), outputs };
        let rows_a_block = (BLOCK / last).max(1);
        let rows_a_task = rows_a_block * BLOCKS_A_TASK;
        let task = |number: usize| {
            let from = number * rows_a_task;
            let to = rows.min(from + rows_a_task);
            for start in (from..to).step_by(rows_a_block) {
                let count = rows_a_block.min(to - start);
                // SAFETY: the caller's promise; blocks are disjoint, so are the places that they write.
                unsafe {
                    if self.double {
                        self.block_in::<f64>(form, &memory, start, count);
                    } else {
                        self.block_in::<f32>(form, &memory, start, count);
                    }
                }
            }
        };
        pool().run(rows.div_ceil(rows_a_task), task);
        Ok(())
    }

    /// One block, by the instructions of a form.
    ///
    /// # Safety
    /// As [`Chain::run`].
    unsafe fn block_in<T: Scratch>(&self, form: Form, memory: &Memory, start: usize, rows: usize) {
        T::scratch(|scratch| {
            // SAFETY: the caller's promise; a form beyond what the processor has is not entered.
            unsafe {
                match form.usable() {
                    #[cfg(target_arch = "x86_64")]
                    Form::AmxBf16 | Form::Avx512 => self.block_avx512(memory, start, rows, scratch),
                    #[cfg(target_arch = "x86_64")]
                    Form::Avx2 => self.block_avx2(memory, start, rows, scratch),
                    _ => self.block(memory, start, rows, scratch),
                }
            }
        });
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
    unsafe fn block_avx512<T: Real>(&self, memory: &Memory, start: usize, rows: usize, scratch: &mut Vec<T>) {
        // SAFETY: as the caller's.
        unsafe { self.block(memory, start, rows, scratch) }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn block_avx2<T: Real>(&self, memory: &Memory, start: usize, rows: usize, scratch: &mut Vec<T>) {
        // SAFETY: as the caller's.
        unsafe { self.block(memory, start, rows, scratch) }
    }

    /// Rows `start .. start + rows`.
    ///
    /// # Safety
    /// As [`Chain::run`].
    #[inline(always)]
    unsafe fn block<T: Real>(&self, memory: &Memory, start: usize, rows: usize, scratch: &mut Vec<T>) {
        let last = self.space.last();
        let size = rows * last;
        let row_base = self.full * size;
        let needed = row_base + self.row * rows;
        if scratch.len() < needed {
            scratch.resize(needed, T::ZERO);
        }
        let base = scratch.as_mut_ptr();
        // What leaves the chain in the kind it is computed in is computed where it goes.
        let placed = |at: usize| {
            let output = self.outputs.iter().position(|register| register.0 == at)?;
            let each = if self.steps[at].width == Width::Full { last } else { 1 };
            let computed = !matches!(self.steps[at].op, Op::Input(_)) && self.steps[at].width != Width::One;
            // SAFETY: rows of this block, which the caller has promised to be writable.
            (computed && memory.outputs[output].kind == T::KIND).then(|| unsafe {
                ((memory.outputs[output].pointer as *mut T).add(start * each), rows * each)
            })
        };
        // What is read as it lies, in the kind that it is computed with, is read where it lies.
        let lies = |at: usize| {
            let Op::Input(k) = self.steps[at].op else { return None };
            let (source, full) = (&memory.inputs[k], self.steps[at].width == Width::Full);
            let each = if full { last } else { 1 };
            let whole = source.even == Some(each as isize) && (!full || source.inner == 1 || last == 1);
            // SAFETY: rows of this block, which the caller has promised to be readable.
            (whole && source.input.kind == T::KIND)
                .then(|| unsafe { ((source.input.pointer as *mut T).add(start * each), rows * each) })
        };
        let direct: Vec<Option<(*mut T, usize)>> =
            (0..self.steps.len()).map(|at| lies(at).or_else(|| placed(at))).collect();
        let place = |at: usize| match (self.steps[at].width, self.buffers[at]) {
            _ if direct[at].is_some() => direct[at].unwrap_or((base, 0)),
            // SAFETY: buffers lie behind one another within `needed`.
            (Width::Full, Some(buffer)) => unsafe { (base.add(buffer * size), size) },
            // SAFETY: likewise.
            (Width::Row, Some(buffer)) => unsafe { (base.add(row_base + buffer * rows), rows) },
            _ => (base, 0),
        };
        // What a step's value is; a number by itself.
        let value = |register: Register| -> Value<'_, T> {
            let step = &self.steps[register.0];
            if let (Op::Number(number), Width::One) = (step.op, step.width) {
                return Value::One(T::from64(number));
            }
            let (pointer, len) = place(register.0);
            // SAFETY: a buffer of the scratch that no step writes while it is read (`allocate`).
            let slice = unsafe { std::slice::from_raw_parts(pointer as *const T, len) };
            match step.width {
                Width::Row => Value::Row(slice),
                _ => Value::Full(slice),
            }
        };
        for (at, step) in self.steps.iter().enumerate() {
            if step.width == Width::One || lies(at).is_some() {
                continue;
            }
            let (pointer, len) = place(at);
            // SAFETY: the buffer of this step, which none of its operands shares (`allocate`).
            let out = unsafe { std::slice::from_raw_parts_mut(pointer, len) };
            let operand = |k: usize| value(step.operands[k]);
            match step.op {
                // SAFETY: the caller's promise about inputs.
                Op::Input(k) => unsafe {
                    load(
                        &memory.inputs[k],
                        start,
                        rows,
                        if step.width == Width::Full { last } else { 1 },
                        out,
                    )
                },
                Op::Number(number) => out.fill(T::from64(number)),
                Op::Sum => reduce(operand(0), out, last, T::ZERO, |a, b| a.add(b)),
                Op::Max => reduce(operand(0), out, last, T::LOWEST, larger),
                Op::Min => reduce(operand(0), out, last, T::HIGHEST, smaller),
                Op::Where => choose(operand(0), operand(1), operand(2), out, last, step.width),
                op if step.operands.len() == 1 => unary(op, operand(0), out),
                op => binary(op, operand(0), operand(1), out, last),
            }
        }
        for (output, register) in memory.outputs.iter().zip(&self.outputs) {
            let each = if self.steps[register.0].width == Width::Full { last } else { 1 };
            let there = (output.pointer as *mut T).wrapping_add(start * each);
            if output.kind == T::KIND && direct[register.0].is_some_and(|(pointer, _)| pointer == there) {
                continue;
            }
            // SAFETY: the caller's promise about outputs.
            unsafe { store(output, start * each, rows * each, value(*register)) };
        }
    }
}

fn arity(op: Op) -> usize {
    match op {
        Op::Input(_) | Op::Number(_) => 0,
        Op::Neg
        | Op::Exp
        | Op::Log
        | Op::Sqrt
        | Op::Rsqrt
        | Op::Abs
        | Op::Sign
        | Op::Floor
        | Op::Sin
        | Op::Cos
        | Op::Sigmoid
        | Op::Tanh
        | Op::Silu
        | Op::Relu
        | Op::Not
        | Op::Sum
        | Op::Max
        | Op::Min => 1,
        Op::Where => 3,
        _ => 2,
    }
}

/// What an operand is in a block.
#[derive(Clone, Copy)]
enum Value<'v, T> {
    Full(&'v [T]),
    Row(&'v [T]),
    One(T),
}

struct Memory<'m> {
    inputs: Vec<Source>,
    outputs: &'m [Output],
}

// SAFETY: pointers that the caller of `run` has promised to be readable, and writable at disjoint places.
unsafe impl Sync for Memory<'_> {}
// SAFETY: likewise.
unsafe impl Send for Memory<'_> {}

/// An input with what is known of its rows.
struct Source {
    input: Input,
    sizes: Vec<usize>,
    /// The distance of rows, where it is the same for all.
    even: Option<isize>,
    inner: isize,
}

impl Source {
    fn of(input: &Input, space: &Space) -> Source {
        let (inner, outer) =
            input.strides.split_last().map_or((0, &[][..]), |(inner, outer)| (*inner, outer));
        let sizes = space.0.split_last().map_or(&[][..], |(_, sizes)| sizes).to_vec();
        // Axes of one entry have no say.
        let axes: Vec<(usize, isize)> =
            sizes.iter().copied().zip(outer.iter().copied()).filter(|(size, _)| *size > 1).collect();
        let even = axes.windows(2).all(|pair| pair[0].1 == pair[1].1 * pair[1].0 as isize);
        let even = even.then(|| axes.last().map_or(0, |(_, stride)| *stride));
        Source { input: input.clone(), sizes, even, inner }
    }

    fn row(&self, row: usize) -> isize {
        if let Some(stride) = self.even {
            return row as isize * stride;
        }
        let (mut rest, mut offset) = (row, 0);
        for (size, stride) in self.sizes.iter().zip(&self.input.strides).rev() {
            offset += (rest % size) as isize * stride;
            rest /= size;
        }
        offset
    }
}

/// Numbers of memory as the chain computes with them.
///
/// # Safety
/// Every place that is loaded can be read.
#[inline(always)]
unsafe fn load<T: Real>(source: &Source, start: usize, rows: usize, each: usize, out: &mut [T]) {
    macro_rules! rows_of {
        ($element:ty, $convert:expr) => {{
            let pointer = source.input.pointer as *const $element;
            let inner = if each == 1 { 1 } else { source.inner };
            // Rows behind one another are one row.
            let whole = inner == 1 && source.even == Some(each as isize);
            let (rows, each) = if whole { (1, rows * each) } else { (rows, each) };
            for row in 0..rows {
                let out = &mut out[row * each..(row + 1) * each];
                // SAFETY: the caller's promise.
                unsafe {
                    let from = pointer.offset(source.row(start + row));
                    match inner {
                        1 => {
                            let from = std::slice::from_raw_parts(from, each);
                            for at in 0..each {
                                out[at] = $convert(from[at]);
                            }
                        }
                        0 => out.fill($convert(*from)),
                        stride => {
                            for (at, out) in out.iter_mut().enumerate() {
                                *out = $convert(*from.offset(at as isize * stride));
                            }
                        }
                    }
                }
            }
        }};
    }
    match source.input.kind {
        Kind::Float32 => rows_of!(f32, |value: f32| T::from64(value as f64)),
        Kind::Float64 => rows_of!(f64, T::from64),
        Kind::BFloat16 => {
            rows_of!(u16, |bits: u16| T::from64(f32::from_bits((bits as u32) << 16) as f64))
        }
        Kind::Bool => rows_of!(u8, |value: u8| if value != 0 { T::ONE } else { T::ZERO }),
    }
}

/// Numbers of the chain as memory holds them, rounded to nearest.
///
/// # Safety
/// Every place that is stored can be written.
#[inline(always)]
unsafe fn store<T: Real>(output: &Output, start: usize, count: usize, value: Value<'_, T>) {
    macro_rules! as_element {
        ($element:ty, $convert:expr) => {{
            // SAFETY: the caller's promise.
            let out = unsafe {
                std::slice::from_raw_parts_mut((output.pointer as *mut $element).add(start), count)
            };
            match value {
                Value::Full(from) | Value::Row(from) => {
                    let from = &from[..count];
                    for at in 0..count {
                        out[at] = $convert(from[at]);
                    }
                }
                Value::One(number) => out.fill($convert(number)),
            }
        }};
    }
    match output.kind {
        Kind::Float32 => as_element!(f32, |value: T| value.to64() as f32),
        Kind::Float64 => as_element!(f64, |value: T| value.to64()),
        Kind::BFloat16 => as_element!(bf16, |value: T| narrowed(value.to64() as f32)),
        Kind::Bool => as_element!(u8, |value: T| u8::from(value != T::ZERO)),
    }
}

/// To the nearest bfloat16, ties to even, without a branch on anything but NaN.
#[inline(always)]
pub(super) fn narrowed(value: f32) -> bf16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
    let bits = if value.is_nan() { bits | 0x40_0000 } else { rounded };
    bf16::from_bits((bits >> 16) as u16)
}

#[inline(always)]
fn larger<T: Real>(a: T, b: T) -> T {
    if a.is_nan() || a > b { a } else { b }
}

#[inline(always)]
fn smaller<T: Real>(a: T, b: T) -> T {
    if a.is_nan() || a < b { a } else { b }
}

/// Of each row: `LANES` partial results, which are then joined pair by pair.
#[inline(always)]
fn reduce<T: Real>(x: Value<'_, T>, out: &mut [T], last: usize, start: T, join: impl Fn(T, T) -> T) {
    let Value::Full(x) = x else { return };
    for (row, out) in x.chunks_exact(last).zip(out) {
        let mut lanes = [start; LANES];
        let chunks = row.chunks_exact(LANES);
        let rest = chunks.remainder();
        for chunk in chunks {
            for lane in 0..LANES {
                lanes[lane] = join(lanes[lane], chunk[lane]);
            }
        }
        for (lane, value) in lanes.iter_mut().zip(rest) {
            *lane = join(*lane, *value);
        }
        let mut width = LANES / 2;
        while width > 0 {
            for lane in 0..width {
                lanes[lane] = join(lanes[lane], lanes[lane + width]);
            }
            width /= 2;
        }
        *out = lanes[0];
    }
}

#[inline(always)]
fn unary<T: Real>(op: Op, x: Value<'_, T>, out: &mut [T]) {
    #[inline(always)]
    fn each<T: Real>(x: Value<'_, T>, out: &mut [T], f: impl Fn(T) -> T) {
        match x {
            Value::Full(x) | Value::Row(x) => {
                let (count, x) = (out.len(), &x[..out.len()]);
                for at in 0..count {
                    out[at] = f(x[at]);
                }
            }
            Value::One(x) => out.fill(f(x)),
        }
    }
    match op {
        Op::Neg => each(x, out, |x| x.neg()),
        Op::Exp => each(x, out, |x| x.exp()),
        Op::Log => each(x, out, |x| x.log()),
        Op::Sqrt => each(x, out, |x| x.sqrt()),
        Op::Rsqrt => each(x, out, |x| T::ONE.div(x.sqrt())),
        Op::Abs => each(x, out, |x| x.abs()),
        Op::Sign => each(x, out, |x| {
            let sign = if x > T::ZERO { T::ONE } else { T::ZERO };
            if x < T::ZERO { T::ONE.neg() } else { sign }
        }),
        Op::Floor => each(x, out, |x| x.floor()),
        Op::Sin => each(x, out, |x| x.sin()),
        Op::Cos => each(x, out, |x| x.cos()),
        Op::Sigmoid => each(x, out, |x| x.sigmoid()),
        Op::Tanh => each(x, out, |x| x.tanh()),
        Op::Silu => each(x, out, |x| x.mul(x.sigmoid())),
        Op::Relu => each(x, out, |x| if x < T::ZERO { T::ZERO } else { x }),
        Op::Not => each(x, out, |x| truth(x == T::ZERO)),
        _ => {}
    }
}

#[inline(always)]
fn truth<T: Real>(holds: bool) -> T {
    if holds { T::ONE } else { T::ZERO }
}

#[inline(always)]
fn binary<T: Real>(op: Op, a: Value<'_, T>, b: Value<'_, T>, out: &mut [T], last: usize) {
    match op {
        Op::Add => pairs(a, b, out, last, |a, b| a.add(b)),
        Op::Sub => pairs(a, b, out, last, |a, b| a.sub(b)),
        Op::Mul => pairs(a, b, out, last, |a, b| a.mul(b)),
        Op::Div => pairs(a, b, out, last, |a, b| a.div(b)),
        Op::Pow => pairs(a, b, out, last, |a, b| a.powf(b)),
        Op::Maximum => pairs(a, b, out, last, |a, b| if b.is_nan() { b } else { larger(a, b) }),
        Op::Minimum => pairs(a, b, out, last, |a, b| if b.is_nan() { b } else { smaller(a, b) }),
        Op::Lt => pairs(a, b, out, last, |a, b| truth(a < b)),
        Op::Le => pairs(a, b, out, last, |a, b| truth(a <= b)),
        Op::Gt => pairs(a, b, out, last, |a, b| truth(a > b)),
        Op::Ge => pairs(a, b, out, last, |a, b| truth(a >= b)),
        Op::Eq => pairs(a, b, out, last, |a, b| truth(a == b)),
        Op::Ne => pairs(a, b, out, last, |a, b| truth(a != b)),
        Op::And => pairs(a, b, out, last, |a, b| truth(a != T::ZERO && b != T::ZERO)),
        Op::Or => pairs(a, b, out, last, |a, b| truth(a != T::ZERO || b != T::ZERO)),
        Op::SigmoidBackward => pairs(a, b, out, last, |g, y| g.mul(y.mul(T::ONE.sub(y)))),
        Op::TanhBackward => pairs(a, b, out, last, |g, y| g.mul(T::ONE.sub(y.mul(y)))),
        Op::SiluBackward => pairs(a, b, out, last, |g, x| {
            let s = x.sigmoid();
            g.mul(s.mul(T::ONE.add(x.mul(T::ONE.sub(s)))))
        }),
        _ => {}
    }
}

/// A function of two operands; what has one value a row meets what has one a place.
#[inline(always)]
fn pairs<T: Real>(a: Value<'_, T>, b: Value<'_, T>, out: &mut [T], last: usize, f: impl Fn(T, T) -> T) {
    use Value::{Full, One, Row};
    #[inline(always)]
    fn both<T: Real>(a: &[T], b: &[T], out: &mut [T], f: &impl Fn(T, T) -> T) {
        let (count, a, b) = (out.len(), &a[..out.len()], &b[..out.len()]);
        for at in 0..count {
            out[at] = f(a[at], b[at]);
        }
    }
    #[inline(always)]
    fn by_number<T: Real>(a: &[T], b: T, out: &mut [T], f: &impl Fn(T, T) -> T) {
        let (count, a) = (out.len(), &a[..out.len()]);
        for at in 0..count {
            out[at] = f(a[at], b);
        }
    }
    let swapped = |b: T, a: T| f(a, b);
    match (a, b) {
        (Full(a), Full(b)) | (Row(a), Row(b)) => both(a, b, out, &f),
        (Full(a) | Row(a), One(b)) => by_number(a, b, out, &f),
        (One(a), Full(b) | Row(b)) => by_number(b, a, out, &swapped),
        (Full(a), Row(b)) => {
            for (row, by) in b.iter().enumerate() {
                let places = row * last..(row + 1) * last;
                by_number(&a[places.clone()], *by, &mut out[places], &f);
            }
        }
        (Row(a), Full(b)) => {
            for (row, by) in a.iter().enumerate() {
                let places = row * last..(row + 1) * last;
                by_number(&b[places.clone()], *by, &mut out[places], &swapped);
            }
        }
        (One(a), One(b)) => out.fill(f(a, b)),
    }
}

#[inline(always)]
fn choose<T: Real>(
    condition: Value<'_, T>,
    a: Value<'_, T>,
    b: Value<'_, T>,
    out: &mut [T],
    last: usize,
    width: Width,
) {
    let each = if width == Width::Full { last } else { 1 };
    let of = |value: Value<'_, T>, at: usize| match value {
        Value::Full(values) => values[at],
        Value::Row(values) => values[at / each],
        Value::One(number) => number,
    };
    if let (Value::Full(c), Value::Full(a), Value::Full(b)) = (condition, a, b) {
        for (((out, c), a), b) in out.iter_mut().zip(c).zip(a).zip(b) {
            *out = if *c != T::ZERO { *a } else { *b };
        }
        return;
    }
    for (at, out) in out.iter_mut().enumerate() {
        *out = if of(condition, at) != T::ZERO { of(a, at) } else { of(b, at) };
    }
}

/// Memory for the registers of a block, one for each thread.
trait Scratch: Real {
    fn scratch<R>(with: impl FnOnce(&mut Vec<Self>) -> R) -> R;
}

macro_rules! scratch {
    ($number:ty) => {
        impl Scratch for $number {
            fn scratch<R>(with: impl FnOnce(&mut Vec<$number>) -> R) -> R {
                thread_local! {
                    static MEMORY: RefCell<Vec<$number>> = const { RefCell::new(Vec::new()) };
                }
                MEMORY.with_borrow_mut(with)
            }
        }
    };
}
scratch!(f32);
scratch!(f64);
