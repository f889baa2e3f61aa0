//! Running a chain, block by block, in a form.

use super::access::{Source, load, store};
use super::chain::{Chain, Mismatch, Op, Register, Width};
use super::compute::{Value, binary, choose, larger, reduce, smaller, unary};
use super::memory::{Input, Kind, Output};
use super::real::Real;
use crate::form::Form;
use crate::pool::Pool;
use std::cell::RefCell;
use std::sync::Arc;

/// Values of a full register that are computed together: they stay in the first-level cache.
const BLOCK: usize = 1024;

/// Blocks that a thread takes at once.
const BLOCKS_A_TASK: usize = 16;

/// A chain with the memory that it reads and writes: what is known of both is worked out once, so that it can be run many
/// times.
pub struct Bound {
    chain: Arc<Chain>,
    inputs: Vec<Source>,
    outputs: Vec<Output>,
    /// By step: memory of the caller that holds its values as they are computed with, one behind the other: an input that
    /// lies so is read there, and what leaves the chain so is computed there.
    direct: Vec<Option<*mut u8>>,
}

// SAFETY: pointers that whoever calls `run` promises to be readable, and writable at disjoint places, from any thread.
unsafe impl Sync for Bound {}
// SAFETY: likewise.
unsafe impl Send for Bound {}

impl Chain {
    /// Computes the chain in a form, on all threads of the pool.
    ///
    /// # Errors
    /// Inputs or outputs that are not as many as the chain has, or whose strides are not as many as the space has axes.
    ///
    /// # Safety
    /// Every input can be read at every place of the space by its strides (one for rows is not read along the last axis);
    /// every output can be written at as many places as its step has; outputs overlap neither one another nor an input.
    pub unsafe fn run(
        self: &Arc<Chain>,
        form: Form,
        inputs: &[Input],
        outputs: &[Output],
    ) -> Result<(), Mismatch> {
        // SAFETY: the caller's promise.
        unsafe { self.bind(inputs, outputs)?.run(form) };
        Ok(())
    }

    /// The chain on this memory.
    ///
    /// # Errors
    /// As [`Chain::run`].
    pub fn bind(self: &Arc<Chain>, inputs: &[Input], outputs: &[Output]) -> Result<Bound, Mismatch> {
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
        let inputs: Vec<Source> = inputs.iter().map(|input| Source::of(input, &self.space)).collect();
        let direct = (0..self.steps.len()).map(|at| self.direct(at, &inputs, outputs)).collect();
        Ok(Bound { chain: Arc::clone(self), inputs, outputs: outputs.to_vec(), direct })
    }

    fn direct(&self, at: usize, inputs: &[Source], outputs: &[Output]) -> Option<*mut u8> {
        let kind = if self.double { Kind::Float64 } else { Kind::Float32 };
        let (step, last) = (&self.steps[at], self.space.last());
        if let Op::Input(k) = step.op {
            let (source, full) = (&inputs[k], step.width == Width::Full);
            let each = if full { last } else { 1 };
            let whole = source.even == Some(each as isize) && (!full || source.inner == 1 || last == 1);
            return (whole && source.input.kind == kind).then_some(source.input.pointer as *mut u8);
        }
        let place = self.outputs.iter().position(|register| register.0 == at)?;
        (step.width != Width::One && outputs[place].kind == kind).then_some(outputs[place].pointer)
    }
}

impl Bound {
    /// Computes the chain in a form, on all threads of the pool.
    ///
    /// # Safety
    /// As [`Chain::run`], while this runs.
    pub unsafe fn run(&self, form: Form) {
        let (rows, last) = (self.chain.space.rows(), self.chain.space.last());
        if rows * last == 0 {
            return;
        }
        let rows_a_block = (BLOCK / last).max(1);
        let rows_a_task = rows_a_block * BLOCKS_A_TASK;
        let task = |number: usize| {
            let from = number * rows_a_task;
            let to = rows.min(from + rows_a_task);
            for start in (from..to).step_by(rows_a_block) {
                let count = rows_a_block.min(to - start);
                // SAFETY: the caller's promise; blocks are disjoint, so are the places that they write.
                unsafe {
                    if self.chain.double {
                        self.block_in::<f64>(form, start, count);
                    } else {
                        self.block_in::<f32>(form, start, count);
                    }
                }
            }
        };
        Pool::shared().run(rows.div_ceil(rows_a_task), task);
    }

    /// One block, by the instructions of a form.
    ///
    /// # Safety
    /// As [`Chain::run`].
    unsafe fn block_in<T: Scratch>(&self, form: Form, start: usize, rows: usize) {
        T::scratch(|scratch| {
            // SAFETY: the caller's promise; a form beyond what the processor has is not entered.
            unsafe {
                match form.usable() {
                    #[cfg(target_arch = "x86_64")]
                    Form::AmxBf16 | Form::Avx512 => self.block_avx512(start, rows, scratch),
                    #[cfg(target_arch = "x86_64")]
                    Form::Avx2 => self.block_avx2(start, rows, scratch),
                    _ => self.block(start, rows, scratch),
                }
            }
        });
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
    unsafe fn block_avx512<T: Real>(&self, start: usize, rows: usize, scratch: &mut Vec<T>) {
        // SAFETY: as the caller's.
        unsafe { self.block(start, rows, scratch) }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn block_avx2<T: Real>(&self, start: usize, rows: usize, scratch: &mut Vec<T>) {
        // SAFETY: as the caller's.
        unsafe { self.block(start, rows, scratch) }
    }

    /// Rows `start .. start + rows`.
    ///
    /// # Safety
    /// As [`Chain::run`].
    #[inline(always)]
    unsafe fn block<T: Real>(&self, start: usize, rows: usize, scratch: &mut Vec<T>) {
        let last = self.chain.space.last();
        let size = rows * last;
        let row_base = self.chain.full * size;
        let needed = row_base + self.chain.row * rows;
        if scratch.len() < needed {
            scratch.resize(needed, T::ZERO);
        }
        let base = scratch.as_mut_ptr();
        let each = |at: usize| if self.chain.steps[at].width == Width::Full { last } else { 1 };
        let direct = |at: usize| -> Option<(*mut T, usize)> {
            // SAFETY: rows of this block, which the caller has promised to be there.
            self.direct[at]
                .map(|pointer| unsafe { ((pointer as *mut T).add(start * each(at)), rows * each(at)) })
        };
        let place = |at: usize| match (self.chain.steps[at].width, self.chain.buffers[at]) {
            _ if self.direct[at].is_some() => direct(at).unwrap_or((base, 0)),
            // SAFETY: buffers lie behind one another within `needed`.
            (Width::Full, Some(buffer)) => unsafe { (base.add(buffer * size), size) },
            // SAFETY: likewise.
            (Width::Row, Some(buffer)) => unsafe { (base.add(row_base + buffer * rows), rows) },
            _ => (base, 0),
        };
        // What a step's value is; a number by itself.
        let value = |register: Register| -> Value<'_, T> {
            let step = &self.chain.steps[register.0];
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
        for (at, step) in self.chain.steps.iter().enumerate() {
            let lies = matches!(step.op, Op::Input(_)) && self.direct[at].is_some();
            if step.width == Width::One || lies {
                continue;
            }
            let (pointer, len) = place(at);
            // SAFETY: the buffer of this step, which none of its operands shares (`allocate`).
            let out = unsafe { std::slice::from_raw_parts_mut(pointer, len) };
            let operand = |k: usize| value(step.operands[k]);
            match step.op {
                // SAFETY: the caller's promise about inputs.
                Op::Input(k) => unsafe { load(&self.inputs[k], start, rows, each(at), out) },
                Op::Number(number) => out.fill(T::from64(number)),
                Op::Sum => reduce(operand(0), out, last, T::ZERO, |a, b| a.add(b)),
                Op::Max => reduce(operand(0), out, last, T::LOWEST, larger),
                Op::Min => reduce(operand(0), out, last, T::HIGHEST, smaller),
                Op::Where => choose(operand(0), operand(1), operand(2), out, last, step.width),
                op if step.operands.len() == 1 => unary(op, operand(0), out),
                op => binary(op, operand(0), operand(1), out, last),
            }
        }
        for (output, register) in self.outputs.iter().zip(&self.chain.outputs) {
            let each = each(register.0);
            if self.direct[register.0] == Some(output.pointer) {
                continue;
            }
            // SAFETY: the caller's promise about outputs.
            unsafe { store(output, start * each, rows * each, value(*register)) };
        }
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
