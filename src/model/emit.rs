//! Emitting instructions: types are inferred here, complaints get their places here. Every instruction of a
//! model passes through `emit`.

use crate::diagnostic::Diagnostic;
use crate::ir::op::{Attrs, Op};
use crate::ir::{Called, Frame, Label, Val, Yield};
use crate::model::checker::Checker;
use crate::model::complaints;
use crate::model::evaluate::value::Value;
use crate::primitive::{self, Complaint};
use crate::source::Span;
use crate::types::{AxisId, Dim, Ty};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

/// Instructions, calls and iterations, at most; a schedule of the shipped models has some thousands.
const MOST_WORK: usize = 300_000;

/// Calls inside calls, at most.
pub(in crate::model) const DEEPEST_CALL: usize = 60;

/// Expressions, statements and nets inside one another, at most; the shipped models have about fifty.
const DEEPEST: usize = 400;

/// Overrides shown beside one mistake.
const MOST_OVERRIDES: usize = 3;

/// Elements of one tensor, at most: a thousand times the memory of any device, where 32 bits do not end before that.
const MOST_ELEMENTS: usize = match 1usize.checked_shl(46) {
    Some(most) => most,
    None => isize::MAX as usize,
};

impl Checker<'_> {
    pub(in crate::model) fn ty(&self, val: Val) -> &Ty {
        self.builder.ty(val)
    }

    /// Gradient can reach a weight through it.
    pub(in crate::model) fn needs(&self, val: Val) -> bool {
        self.builder.requires_grad(val)
    }

    /// Where the author made a value: the text itself, or the call of the library that it comes from.
    pub(in crate::model) fn place(&self, val: Val) -> Span {
        self.places.get(&val).copied().unwrap_or(Span::NONE)
    }

    fn label(&self, span: Span) -> Label {
        let (name, frame) = (self.path.join("/"), self.frame.clone());
        Label { gradient: self.gradient, backward: false, leaf: false, span, name, frame }
    }

    pub(in crate::model) fn emit(&mut self, op: Op, args: &[Val], span: Span) -> Option<Val> {
        let label = self.label(span);
        match self.builder.add(op, args, &self.axes, label) {
            Ok(val) => {
                self.spend(span);
                self.note_place(val, span);
                let dims = self.ty(val).dims.clone();
                self.fits(&dims, span)?;
                Some(val)
            }
            Err(complaint) => {
                self.complain(complaint, args, span);
                None
            }
        }
    }

    /// For operations whose type is stated where they are made.
    pub(in crate::model) fn emit_typed(&mut self, op: Op, args: &[Val], ty: Ty, span: Span) -> Val {
        self.emit_labelled(op, args, ty, self.label(span))
    }

    /// Opens a frame: what is emitted until [`Checker::leave`] is written out from `what`. Gives the frame around it.
    pub(in crate::model) fn enter(&mut self, what: Called) -> Option<Arc<Frame>> {
        self.frames += 1;
        let around = self.frame.clone();
        self.frame = Some(Arc::new(Frame { number: self.frames, what, around: around.clone() }));
        around
    }

    /// Closes the frame opened last.
    pub(in crate::model) fn leave(&mut self, around: Option<Arc<Frame>>) {
        self.frame = around;
    }

    /// Notes what the author calls a value here.
    pub(in crate::model) fn note_name(&mut self, name: &str, span: Span, value: &Value) {
        if let Value::Tensor(val) = value {
            self.builder.call(*val, self.frame.as_ref().map_or(0, |frame| frame.number), name, span);
        }
    }

    /// A weight as it is stored; a `leaf` is learned.
    pub(in crate::model) fn emit_weight(&mut self, path: &str, ty: Ty, leaf: bool, span: Span) -> Val {
        let learned = leaf && self.gradient && !self.bindings.frozen.contains(path);
        let label = Label { leaf: learned, ..self.label(span) };
        self.emit_labelled(Op::Weight(path.to_owned()), &[], ty, label)
    }

    fn emit_labelled(&mut self, op: Op, args: &[Val], ty: Ty, label: Label) -> Val {
        let span = label.span;
        self.spend(span);
        let val = self.builder.add_typed(op, args, ty, label);
        self.note_place(val, span);
        val
    }

    fn note_place(&mut self, val: Val, span: Span) {
        let place = self.author_place(span);
        self.places.insert(val, place);
    }

    /// Opens a loop of `times` iterations; gives what it carries as its body sees it.
    pub(in crate::model) fn open_loop(
        &mut self,
        times: usize,
        starts: &[Val],
        guard: Option<Val>,
        span: Span,
    ) -> Vec<Val> {
        self.spend(span);
        let arguments = self.builder.open_loop(times, starts, guard, self.label(span));
        for argument in &arguments {
            self.note_place(*argument, span);
        }
        arguments
    }

    /// Closes the loop opened last; gives its results, the carried values first.
    pub(in crate::model) fn close_loop(
        &mut self,
        next: &[Val],
        yields: &[(Val, Yield)],
        span: Span,
    ) -> Vec<Val> {
        let results = self.builder.close_loop(next, yields);
        for result in &results {
            self.spend(span);
            self.note_place(*result, span);
        }
        results
    }

    pub(in crate::model) fn prim(
        &mut self,
        name: &str,
        args: &[Val],
        attrs: Attrs,
        span: Span,
    ) -> Option<Val> {
        let id = primitive::by_name(name)?;
        self.emit(Op::Prim(id, attrs), args, span)
    }

    /// The value with the axis, of size 1 if it is a growing axis that the value lacks.
    pub(in crate::model) fn with_growing(&mut self, val: Val, axis: AxisId, span: Span) -> Val {
        if self.ty(val).has(axis) || !self.axes.is_growing(axis) {
            return val;
        }
        self.broadcast_to(val, &[Dim { axis, size: 1 }], span)
    }

    /// Adds axes the value lacks, right behind `batch`.
    pub(in crate::model) fn broadcast_to(&mut self, val: Val, dims: &[Dim], span: Span) -> Val {
        let mut ty = self.ty(val).clone();
        let at = usize::from(ty.dims.first().is_some_and(|first| Some(first.axis) == self.batch));
        let extra: Vec<Dim> = dims.iter().filter(|dim| !ty.has(dim.axis)).copied().collect();
        if extra.is_empty() {
            return val;
        }
        ty.dims.splice(at..at, extra);
        if self.fits(&ty.dims, span).is_none() {
            return val;
        }
        self.emit_typed(Op::Expand, &[val], ty, span)
    }

    /// The same value in the memory order of `ty`, broadcast where it lacks axes; None if it has others.
    pub(in crate::model) fn arranged(&mut self, val: Val, ty: &Ty, span: Span) -> Option<Val> {
        let own = self.ty(val).clone();
        if !own.dims.iter().all(|dim| ty.dims.contains(dim)) {
            return None;
        }
        let val = if own.kind == ty.kind { val } else { self.emit(Op::Cast(ty.kind), &[val], span)? };
        if own.dims == ty.dims {
            return Some(val);
        }
        Some(self.emit_typed(Op::Expand, &[val], ty.clone(), span))
    }

    /// A tensor of the value: numbers and bools become constants.
    pub(in crate::model) fn tensor(&mut self, value: &Value, span: Span) -> Option<Val> {
        match value {
            Value::Tensor(val) => Some(*val),
            Value::Bool(value) => self.emit(Op::Number(f64::from(u8::from(*value)).into()), &[], span),
            Value::Number(number) => self.number_as_tensor(*number, span),
            Value::Broken => None,
            other => {
                let text = self.author_text(span);
                self.error(complaints::not_a_tensor(other, &text, span));
                None
            }
        }
    }

    fn complain(&mut self, complaint: Complaint, args: &[Val], span: Span) {
        let operand = |at: usize| args.get(at).map(|arg| self.place(*arg));
        let diagnostic = complaints::of_operation(complaint, operand, span);
        self.error(diagnostic);
    }

    /// Reports; what went wrong inside the library is shown at the author's call, once for each call, and what an
    /// heir declared anew is shown beside the inherited text that reads it.
    pub(in crate::model) fn error(&mut self, mut diagnostic: Diagnostic) {
        if self.sources.is_library(diagnostic.primary.0)
            && let Some(call) = self.author_call()
        {
            if !self.told.borrow_mut().blamed_calls.insert(call) {
                return;
            }
            diagnostic = complaints::in_a_call(diagnostic, call, |place| !self.sources.is_library(place));
        }
        if let Some((state, axis)) = self.unmerged(&diagnostic) {
            diagnostic = complaints::beside_unmerged(diagnostic, &state, self.axes.name(axis));
        }
        let overrides = self.overrides_read(diagnostic.primary.0);
        diagnostic = complaints::beside_overrides(diagnostic, &overrides);
        let diagnostic = self.told_to_heir(diagnostic, &overrides);
        self.told.borrow_mut().sink.push(diagnostic);
    }

    /// Reports, and gives up the rest: expanding it would not end.
    pub(in crate::model) fn give_up(&mut self, diagnostic: Diagnostic) {
        if !self.runaway() {
            self.told.borrow_mut().runaway = true;
            self.error(diagnostic);
        }
    }

    /// The model turned out to be without end, or too large; the rest of it is not looked at.
    fn runaway(&self) -> bool {
        self.told.borrow().runaway
    }

    /// One level further in; false, and not counted, if that is too deep for the compiler's own stack.
    pub(in crate::model) fn deeper(&mut self, span: Span) -> bool {
        if self.depth >= DEEPEST {
            self.give_up(complaints::too_deep(DEEPEST, self.author_place(span)));
            return false;
        }
        self.depth += 1;
        true
    }

    /// Counts an instruction, a call or an iteration; false when there have been too many.
    pub(in crate::model) fn spend(&mut self, span: Span) -> bool {
        let work = {
            let mut told = self.told.borrow_mut();
            told.work += 1;
            told.work
        };
        if work > MOST_WORK {
            self.give_up(complaints::too_many_operations(MOST_WORK, self.author_place(span)));
        }
        !self.runaway()
    }

    /// Whether a tensor of these axes can exist at all; complains if not.
    pub(in crate::model) fn fits(&mut self, dims: &[Dim], span: Span) -> Option<()> {
        let count = dims.iter().try_fold(1usize, |count, dim| count.checked_mul(dim.size.max(1)));
        if count.is_some_and(|count| count <= MOST_ELEMENTS) {
            return Some(());
        }
        let sizes: Vec<String> =
            dims.iter().map(|dim| format!("{} {}", self.axes.name(dim.axis), dim.size)).collect();
        self.error(complaints::too_large(&sizes, span));
        None
    }

    /// Where the author made a value: the text itself, or the call of the library that it comes from.
    fn author_place(&self, span: Span) -> Span {
        match self.author_call() {
            Some(call) if self.sources.is_library(span) => call,
            _ => span,
        }
    }

    fn author_call(&self) -> Option<Span> {
        self.calls.iter().rev().find(|call| !self.sources.is_library(**call)).copied()
    }

    /// What the text at `place` reads, directly or through declarations, that a model further down the line of
    /// heirs declared anew; the nearest few.
    fn overrides_read(&self, place: Span) -> Vec<(String, Span)> {
        let inside =
            |model: Span| model.file == place.file && model.start <= place.start && place.end <= model.end;
        let mut waiting = VecDeque::from([place]);
        let mut seen: HashSet<&str> = HashSet::new();
        let mut found = Vec::new();
        while let Some(text) = waiting.pop_front() {
            for word in self.sources.text(text).split(|c: char| !c.is_alphanumeric() && c != '_') {
                let Some(declared) = self.declared.get(word) else { continue };
                if !seen.insert(word) {
                    continue;
                }
                waiting.push_back(declared.text);
                if declared.replaces && !inside(declared.model) && found.len() < MOST_OVERRIDES {
                    found.push((word.to_owned(), declared.span));
                }
            }
        }
        found
    }
}
