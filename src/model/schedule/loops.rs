//! `repeat`: a loop stays a loop where each iteration does the same to the same axes; where iterations differ
//! (the counter is read, a branch axis grows) it is unrolled. Scopes of gradient nest by intersection.

use crate::ir::{Val, Yield};
use crate::model::Number;
use crate::model::checker::{Checker, Items};
use crate::model::evaluate::value::{Binding, BindingRole, Scope, Value};
use crate::model::names::visit::visit_block;
use crate::model::outline::{Item, ItemKind};
use crate::model::schedule::complaints;
use crate::model::schedule::left::{Flow, Tried};
use crate::source::Span;
use crate::syntax::ast::{Block, Expr, ExprKind, Ident, LoopCount, MemberKind, Stmt, StmtKind};
use std::collections::BTreeSet;

/// Iterations `from .. from + times` with or without gradient.
struct Segment {
    from: i64,
    times: usize,
    gradient: bool,
    /// In the scope of gradient of the schedule, in evaluation too.
    scheduled: bool,
}

/// Tries to keep a loop a loop, at most: what a body updates is known after the first.
const MOST_TRIES: usize = 3;

/// What became of a try to keep a loop a loop.
enum Rolled<T> {
    Kept(T),
    /// It updates these tensors, no more and no fewer: others keep what they are, gradient included.
    Updates(BTreeSet<String>),
    /// Its iterations differ: one changes axes, emits, collects, or updates what is known when the model is compiled.
    Differs,
}

impl Checker<'_> {
    pub(in crate::model) fn repeat(
        &mut self,
        count: &LoopCount,
        grad_last: Option<&Expr>,
        while_: Option<&Expr>,
        body: &Block,
        span: Span,
    ) -> Flow {
        let Some((counter, from, times)) = self.iterations(count) else { return Flow::Next };
        let last = match grad_last {
            Some(expr) => match self.size_value(expr) {
                Some(last) => {
                    // Perhaps a config was meant to be larger. In evaluation it would be told a second time.
                    if last > times && times > 0 && self.gradient {
                        let told = complaints::more_than_all(last, times, expr.span);
                        self.told.borrow_mut().sink.push(told);
                    }
                    last.min(times)
                }
                None => return Flow::Next,
            },
            None => times,
        };
        // What nets emit is read off the same calls in evaluation.
        let splits = self.gradient || (self.scheduled && self.emitting);
        let segments = if splits && last < times {
            let (gradient, scheduled) = (self.gradient, self.scheduled);
            vec![
                Segment { from, times: times - last, gradient: false, scheduled: false },
                Segment { from: from + (times - last) as i64, times: last, gradient, scheduled },
            ]
        } else {
            vec![Segment { from, times, gradient: self.gradient, scheduled: self.scheduled }]
        };
        let in_schedule = self.functions_deep == 0;
        self.loops_deep += usize::from(in_schedule);
        for segment in segments.iter().filter(|segment| segment.times > 0) {
            let outer = (self.gradient, self.scheduled);
            (self.gradient, self.scheduled) = (segment.gradient, segment.scheduled);
            self.segment(segment, counter, while_, body, span);
            (self.gradient, self.scheduled) = outer;
        }
        self.loops_deep -= usize::from(in_schedule);
        if in_schedule && self.loops_deep == 0 {
            self.finish_collections();
        }
        Flow::Next
    }

    fn iterations<'e>(&mut self, count: &'e LoopCount) -> Option<(Option<&'e Ident>, i64, usize)> {
        match count {
            LoopCount::Times(expr) => {
                let number = self.number(expr)?;
                match number.to_whole() {
                    Some(times) if times >= 0 => Some((None, 0, times as usize)),
                    _ => {
                        self.error(complaints::not_a_count(&number.to_string(), expr.span));
                        None
                    }
                }
            }
            LoopCount::Range { index, from, to } => {
                if !self.may_bind(index, "repeat") {
                    return None;
                }
                let (low, high) = (self.number(from)?, self.number(to)?);
                match (low.to_whole(), high.to_whole()) {
                    (Some(low), Some(high)) if high < low => {
                        self.error(complaints::backwards((low, high), from.span.to(to.span)));
                        None
                    }
                    (Some(low), Some(high)) => Some((
                        Some(index),
                        low,
                        usize::try_from(high.saturating_sub(low)).unwrap_or(usize::MAX),
                    )),
                    _ => {
                        self.error(complaints::bounds_not_whole(
                            &format!("{low} .. {high}"),
                            from.span.to(to.span),
                        ));
                        None
                    }
                }
            }
        }
    }

    fn segment(
        &mut self,
        segment: &Segment,
        counter: Option<&Ident>,
        while_: Option<&Expr>,
        body: &Block,
        span: Span,
    ) {
        let reads_counter = counter.is_some_and(|counter| mentions(body, &counter.name));
        if !reads_counter && segment.times > 1 {
            let inside = |checker: &mut Self| checker.iteration_in_outline(while_, body, span);
            if let Some(items) = self.stays_a_loop(segment.times, None, &inside, (body, span)) {
                self.push_item(ItemKind::Repeat { times: segment.times, items }, span);
                return;
            }
        }
        if segment.times == 1 && counter.is_none() {
            let items = self.iteration_in_outline(while_, body, span);
            self.push_item(ItemKind::Repeat { times: 1, items }, span);
            return;
        }
        let mut iterations = Vec::new();
        for index in 0..segment.times {
            if !self.spend(span) {
                break;
            }
            self.outline.push(Items::default());
            let value = segment.from + index as i64;
            self.iteration(counter.map(|counter| (counter, value)), while_, body, span);
            let items = self.outline.pop().unwrap_or_default().into_iter().collect();
            let kind = ItemKind::Iteration { index: value, of: segment.times, items };
            iterations.push(Item {
                kind,
                gradient: self.gradient,
                reads: Vec::new(),
                gives: Vec::new(),
                span,
            });
        }
        if self.functions_deep == 0
            && !self.looking_ahead
            && let Some(items) = self.outline.last_mut()
        {
            items.extend(iterations);
        }
    }

    /// One iteration, in line; gives what the outline says of it.
    fn iteration_in_outline(&mut self, while_: Option<&Expr>, body: &Block, span: Span) -> Vec<Item> {
        self.outline.push(Items::default());
        self.iteration(None, while_, body, span);
        self.outline.pop().unwrap_or_default().into_iter().collect()
    }

    /// One iteration, in line. With a condition it is left out, when it runs, where the condition holds for no sample.
    fn iteration(&mut self, counter: Option<(&Ident, i64)>, while_: Option<&Expr>, body: &Block, span: Span) {
        let cond = while_.and_then(|cond| Some((self.frozen_unless(cond)?, cond.span)));
        if let Some((cond, at)) = cond {
            let inside = |checker: &mut Self| checker.conditional(counter, Some(cond), body, span);
            if self.stays_a_loop(1, Some(cond), &inside, (body, at)).is_some() {
                return;
            }
        }
        self.conditional(counter, cond.map(|(cond, _)| cond), body, span);
    }

    /// The statements of an iteration, which change nothing where a condition does not hold.
    fn conditional(&mut self, counter: Option<(&Ident, i64)>, cond: Option<Val>, body: &Block, span: Span) {
        let frozen = cond.map(|cond| (cond, self.tensors()));
        let collected = self.collected();
        self.scope.push();
        if let Some((counter, value)) = counter {
            self.scope.bind(
                &counter.name,
                Value::Number(Number::whole(value)),
                BindingRole::Counter,
                counter.span,
            );
        }
        if let Flow::Return(_) = self.statements(&body.statements) {
            let place = crate::model::schedule::stmt::first_return(&body.statements).unwrap_or(span);
            self.error(complaints::returned(place));
        }
        if let Some(value) = &body.value {
            self.unread_value(value);
        }
        self.scope.pop();
        if let Some((cond, before)) = frozen {
            self.freeze(cond, &before, span);
            self.freeze_collections(cond, &collected, span);
        }
    }

    /// The condition of `while`, without which a sample stays as it is.
    fn frozen_unless(&mut self, cond: &Expr) -> Option<Val> {
        let value = self.expr(cond);
        let val = self.tensor(&value, cond.span)?;
        let ty = self.ty(val).clone();
        if ty.kind != crate::types::Kind::Bool || ty.dims.iter().any(|dim| Some(dim.axis) != self.batch) {
            let shown = ty.show(&self.axes).to_string();
            self.error(complaints::not_a_condition(&shown, cond.span));
            return None;
        }
        Some(val)
    }

    /// The tensors that may be updated, by name.
    fn tensors(&self) -> Vec<(String, Val)> {
        let all = self.variables(&BTreeSet::new()).into_iter();
        all.filter_map(|(name, binding)| match binding.value {
            Value::Tensor(val) => Some((name, val)),
            _ => None,
        })
        .collect()
    }

    fn freeze(&mut self, cond: Val, before: &[(String, Val)], span: Span) {
        for (name, old) in before {
            let Some(Value::Tensor(new)) = self.scope.get(name).map(|binding| binding.value.clone()) else {
                continue;
            };
            if new == *old {
                continue;
            }
            let ty = self.ty(*old).clone();
            if !self.ty(new).same_axes(&ty) {
                let (then, now) =
                    (ty.show(&self.axes).to_string(), self.ty(new).show(&self.axes).to_string());
                self.error(complaints::axes_change_while(name, (&then, self.place(*old)), (&now, span)));
                continue;
            }
            let kept = self.prim("where", &[cond, new, *old], Default::default(), span);
            if let Some(kept) = kept.and_then(|kept| self.arranged(kept, &ty, span))
                && let Some(binding) = self.scope.get_mut(name)
            {
                binding.value = Value::Tensor(kept);
            }
        }
    }

    /// Names that statements update, as far as the text of the schedule shows.
    fn updated(&self, statements: &[Stmt], names: &mut BTreeSet<String>) {
        for statement in statements {
            match &statement.kind {
                StmtKind::Update { name, .. } => {
                    names.insert(name.name.clone());
                }
                StmtKind::Branch { state, .. } | StmtKind::Merge { state, .. } => {
                    names.insert(state.name.clone());
                }
                StmtKind::Prune { states, .. } => names.extend(states.iter().map(|state| state.name.clone())),
                StmtKind::Repeat { body, .. } => self.updated(&body.statements, names),
                StmtKind::Inherited(Some(base)) => self.updated(&base.body.statements, names),
                StmtKind::If { then, otherwise, .. } => {
                    self.updated(&then.statements, names);
                    if let Some(otherwise) = otherwise {
                        self.updated(&otherwise.statements, names);
                    }
                }
                StmtKind::Do { name, .. } => {
                    if let Some(MemberKind::Block { body, .. }) =
                        self.blocks.get(&name.name).map(|flat| &flat.member.kind)
                        && names.len() < 1000
                    {
                        let body = body.clone();
                        // A block that does itself is reported when it runs.
                        if !names.contains(&format!("do {}", name.name)) {
                            names.insert(format!("do {}", name.name));
                            self.updated(&body.statements, names);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether a loop of `times` iterations, `inside` each, can stay one, and then has been made; gives what `inside` gave. Each
    /// try is a speculation: kept, or dropped with all that it left behind. What a body updates shows when it has run, so
    /// that a second try may carry more or less than the first. `guard`: see [`crate::ir::Body::guard`].
    fn stays_a_loop<T>(
        &mut self,
        times: usize,
        guard: Option<Val>,
        inside: &dyn Fn(&mut Self) -> T,
        (body, span): (&Block, Span),
    ) -> Option<T> {
        let circumstances = self.circumstances(span);
        let known = self.told.borrow().loops.get(&circumstances).cloned();
        let mut names = match known {
            Some(Tried::Differs) => return None,
            Some(Tried::Carries(names)) => names,
            None => {
                let mut names = BTreeSet::new();
                self.updated(&body.statements, &mut names);
                names
            }
        };
        for _ in 0..MOST_TRIES {
            let mut trial = self.trial();
            match trial.rolled(&names, times, guard, inside, span) {
                Rolled::Kept(given) => {
                    *self = *trial;
                    self.told.borrow_mut().loops.insert(circumstances, Tried::Carries(names));
                    return Some(given);
                }
                Rolled::Updates(exactly) => names = exactly,
                Rolled::Differs => break,
            }
        }
        self.told.borrow_mut().loops.insert(circumstances, Tried::Differs);
        None
    }

    /// Makes the loop, carrying the tensors among `names`. What it has done if it is not kept is worth nothing.
    fn rolled<T>(
        &mut self,
        names: &BTreeSet<String>,
        times: usize,
        guard: Option<Val>,
        inside: &dyn Fn(&mut Self) -> T,
        span: Span,
    ) -> Rolled<T> {
        let before = self.variables(names);
        let carried: Vec<(String, Val)> = before
            .iter()
            .filter(|(name, _)| names.contains(name))
            .filter_map(|(name, binding)| match binding.value {
                Value::Tensor(val) => Some((name.clone(), val)),
                _ => None,
            })
            .collect();
        let bindings: Vec<(String, Binding)> = before
            .iter()
            .filter(|(name, _)| carried.iter().any(|(known, _)| known == name))
            .cloned()
            .collect();
        let collected = self.collected();
        let outer_records = self.scope.clone();
        let emitted = self.emissions.len();
        let starts: Vec<Val> = carried.iter().map(|(_, val)| *val).collect();
        let arguments = self.open_loop(times, &starts, guard, span);
        for ((name, _), argument) in carried.iter().zip(&arguments) {
            if let Some(binding) = self.scope.get_mut(name) {
                binding.value = Value::Tensor(*argument);
            }
            self.note_name(name, Span::NONE, &Value::Tensor(*argument));
        }
        self.records.push(Vec::new());
        let given = inside(self);
        let records = self.records.pop().unwrap_or_default();
        // Each iteration emits and collects values of its own, and what is left out records nothing.
        if guard.is_some() && !records.is_empty() {
            return Rolled::Differs;
        }
        if self.emissions.len() > emitted || self.collected() != collected {
            return Rolled::Differs;
        }
        let changed = before
            .iter()
            .filter(|(name, _)| !carried.iter().any(|(known, _)| known == name))
            .filter(|(name, old)| self.scope.get(name).is_some_and(|now| !now.value.is_same(&old.value)));
        let changed: Vec<&(String, Binding)> = changed.collect();
        // What is known when the model is compiled is another number in each iteration.
        if changed.iter().any(|(_, old)| !matches!(old.value, Value::Tensor(_) | Value::Broken)) {
            return Rolled::Differs;
        }
        let still = |(name, argument): &(&(String, Val), &Val)| {
            let now = self.scope.get(&name.0).map(|binding| &binding.value);
            matches!(now, Some(Value::Tensor(val)) if val == *argument)
        };
        let kept: Vec<&str> =
            carried.iter().zip(&arguments).filter(still).map(|((name, _), _)| name.as_str()).collect();
        let more = changed.iter().filter(|(_, old)| matches!(old.value, Value::Tensor(_)));
        let more: Vec<&str> = more.map(|(name, _)| name.as_str()).collect();
        let again = self.recorded_again(&records, &carried, &outer_records);
        if !more.is_empty() || !kept.is_empty() || !again.is_empty() {
            let updated = carried.iter().map(|(name, _)| name.as_str()).filter(|name| !kept.contains(name));
            let all = updated.chain(more).map(str::to_owned);
            return Rolled::Updates(all.chain(again).collect());
        }
        let mut next = Vec::new();
        for ((name, _), argument) in carried.iter().zip(&arguments) {
            let ty = self.ty(*argument).clone();
            let after = match self.scope.get(name).map(|binding| binding.value.clone()) {
                Some(Value::Tensor(val)) if self.ty(val).same_axes(&ty) && self.ty(val).kind == ty.kind => {
                    val
                }
                // What was reported is not reported again by unrolling.
                Some(Value::Broken) => *argument,
                _ => return Rolled::Differs,
            };
            next.push(self.arranged(after, &ty, span).unwrap_or(after));
        }
        let yields: Vec<(Val, Yield)> = records.iter().map(|(_, val, _)| (*val, Yield::Last)).collect();
        let mut results = self.close_loop(&next, &yields, span);
        let recorded = results.split_off(next.len().min(results.len()));
        for ((name, old), result) in bindings.into_iter().zip(results) {
            if let Some(binding) = self.scope.get_mut(&name) {
                let span = binding.span;
                *binding = old;
                binding.span = span;
                binding.value = Value::Tensor(result);
            }
        }
        for ((name, _, place), val) in records.into_iter().zip(recorded) {
            self.scope.bind_global(&name, Value::Tensor(val), BindingRole::Constant, place);
            if let Some(outer) = self.records.last_mut() {
                outer.retain(|(known, _, _)| *known != name);
                outer.push((name, val, place));
            }
        }
        Rolled::Kept(given)
    }

    /// Names around this place that may be updated, or are among `names`, and what they are.
    fn variables(&self, names: &BTreeSet<String>) -> Vec<(String, Binding)> {
        let all = self.scope.names().into_iter();
        all.filter_map(|name| Some((name.to_owned(), self.scope.get(name)?.clone())))
            .filter(|(name, binding)| {
                matches!(binding.role, BindingRole::Var | BindingRole::State) || names.contains(name)
            })
            .collect()
    }

    /// What was recorded before the loop, is read in it, and recorded in it again: each iteration reads what the one
    /// before it recorded.
    fn recorded_again(
        &self,
        records: &[(String, Val, Span)],
        carried: &[(String, Val)],
        before: &Scope,
    ) -> Vec<String> {
        let reads = |name: &str| match before.get(name).map(|binding| &binding.value) {
            Some(Value::Tensor(old)) => self.builder.captures(*old),
            _ => false,
        };
        let names = records.iter().map(|(name, _, _)| name);
        names.filter(|name| !carried.iter().any(|(own, _)| own == *name) && reads(name)).cloned().collect()
    }
}

fn mentions(body: &Block, name: &str) -> bool {
    let mut found = false;
    visit_block(body, &mut |expr| found |= matches!(&expr.kind, ExprKind::Name(own) if own == name));
    found
}
