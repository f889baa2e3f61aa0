//! Where the time of a step goes, instruction by instruction, under the author's names. On a GPU, where instructions are
//! only handed over, times are those of handing over.

use crate::ir::op::Op;
use crate::ir::show_op;
use crate::lower::{Instr, InstrOp};
use crate::source::Span;
use crate::types::Axes;
use std::time::{Duration, Instant};

/// One execution of one instruction.
#[derive(Clone, Debug)]
pub struct Event {
    /// The operation in a word: `dot`, `fused`, `rope`.
    pub operation: String,
    /// The author's name for the value, with the path of its net; `∂` before it in the backward pass.
    pub name: String,
    /// Where the author wrote it.
    pub span: Span,
    /// Since the step began.
    pub start: Duration,
    /// How long it took.
    pub took: Duration,
}

/// The instructions of one step in the order they ran; loops are their bodies.
#[derive(Debug)]
pub struct Profile {
    began: Instant,
    /// In order of execution.
    pub events: Vec<Event>,
}

impl Profile {
    /// Of a step that begins now.
    pub(super) fn start() -> Profile {
        Profile { began: Instant::now(), events: Vec::new() }
    }

    /// Notes what began at `start` and has just ended.
    pub(super) fn add(&mut self, operation: &str, name: &str, span: Span, start: Instant) {
        self.events.push(Event {
            operation: operation.to_owned(),
            name: name.to_owned(),
            span,
            start: start - self.began,
            took: start.elapsed(),
        });
    }

    /// Notes an instruction that began at `start` and has just ended.
    pub(super) fn note(&mut self, instr: &Instr, axes: &Axes, start: Instant) {
        let operation = match &instr.op {
            InstrOp::Op(Op::Prim(id, _)) => id.get().name.to_owned(),
            InstrOp::Op(op) => show_op(op, axes).split(' ').next().unwrap_or("").to_owned(),
            InstrOp::Fused { .. } => "fused".to_owned(),
            InstrOp::Repeat { .. } => return,
        };
        self.events.push(Event {
            operation,
            name: instr.name.clone(),
            span: instr.span,
            start: start - self.began,
            took: start.elapsed(),
        });
    }
}
