//! The ends of a supervision step: states that leave `think`, predictions, metrics, losses, halting,
//! `lookahead`.

use crate::ir::op::Op;
use crate::ir::{HaltInfo, Mode, OutputKind, OutputName, State, Val};
use crate::model::Output;
use crate::model::checker::{Checker, Items};
use crate::model::evaluate::value::{BindingRole, Value};
use crate::model::names::inherit::Flat;
use crate::model::outline::{Item, ItemKind, Section};
use crate::model::results::complaints::{self, Leaving};
use crate::model::schedule::reading::Reading;
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind, Ident, MemberKind};
use crate::types::{AxisId, Dim, Kind, Ty};
use std::collections::HashMap;

impl Checker<'_> {
    /// States must leave `think` with the axes they were declared with.
    pub(in crate::model) fn leave_think(&mut self) -> Vec<(String, Val)> {
        let mut left = Vec::new();
        for state in self.states.clone() {
            let Some(binding) = self.scope.get(&state.name).cloned() else { continue };
            let place = binding.span;
            let val = match binding.value {
                Value::Broken => continue,
                value => self.tensor(&value, place),
            };
            let kept = val.filter(|val| self.keeps_axes(&state, *val, place));
            let kept = kept.and_then(|val| self.arranged(val, &state.ty, place));
            // What was refused is not complained about again where it is read.
            if let Some(binding) = self.scope.get_mut(&state.name) {
                binding.value = kept.map_or(Value::Broken, Value::Tensor);
            }
            left.extend(kept.map(|val| (state.name.clone(), val)));
        }
        if !self.looking_ahead {
            self.next_states = Some(left.clone());
        }
        left
    }

    fn keeps_axes(&mut self, state: &State, val: Val, place: Span) -> bool {
        let ty = self.ty(val).clone();
        let extra = ty.dims.iter().find(|dim| !state.ty.has(dim.axis)).copied();
        let lost: Vec<AxisId> = state.ty.axes().filter(|axis| !ty.has(*axis)).collect();
        let other_size = |dim: &Dim| state.ty.size(dim.axis) != Some(dim.size);
        let leaving = Leaving {
            state: &state.name,
            shown: ty.show(&self.axes).to_string(),
            declared: state.ty.show(&self.axes).to_string(),
            place,
            declaration: state.span,
        };
        let told = if let Some(Dim { axis, size }) = extra {
            leaving.with_more(self.axes.name(axis), size, self.axes.is_growing(axis))
        } else if !lost.is_empty() {
            leaving.with_fewer(&self.axes.names(&lost), lost.len())
        } else if ty.dims.iter().any(other_size) {
            leaving.with_other_sizes()
        } else {
            return true;
        };
        self.error(told);
        false
    }

    pub(in crate::model) fn halting(&mut self, members: &[Flat]) {
        for flat in members {
            let MemberKind::Halt { when, at_most, explore } = &flat.member.kind else { continue };
            self.scope.module = flat.module.clone();
            let at_most_steps = match at_most {
                Some(expr) => self.size_value(expr).map(|steps| (steps, expr.span)),
                None => Some((1, flat.member.span)),
            };
            let Some((steps, span)) = at_most_steps else { continue };
            if steps == 0 {
                self.error(complaints::no_step(span));
            }
            let chance =
                explore.as_ref().and_then(|expr| self.number(expr)).map_or(0.0, |number| number.to_f64());
            if !(0.0..=1.0).contains(&chance) {
                let span = explore.as_ref().map_or(flat.member.span, |expr| expr.span);
                self.error(complaints::not_a_probability(chance, span));
            }
            self.halt = Some(HaltInfo { at_most: steps, explore: chance, learned: when.is_some() });
        }
        let Some(batch) = self.batch else { return };
        let ty = Ty::new(Kind::Int, vec![Dim { axis: batch, size: self.batch_size() }]);
        let steps = self.emit_typed(Op::Steps, &[], ty, Span::NONE);
        self.scope.bind_global("steps", Value::Tensor(steps), BindingRole::Constant, Span::NONE);
        let most = self.halt.map_or(1, |halt| halt.at_most);
        let most = self.emit(Op::Number((most as f64).into()), &[], Span::NONE);
        if let Some(last) =
            most.and_then(|most| self.prim("ge", &[steps, most], Default::default(), Span::NONE))
        {
            self.scope.bind_global("last_step", Value::Tensor(last), BindingRole::Constant, Span::NONE);
        }
    }

    /// Gradient flows through so many steps that every sample takes a whole number of them.
    pub(in crate::model) fn carry_grad(&mut self, members: &[Flat]) {
        for flat in members {
            let MemberKind::CarryGrad(expr) = &flat.member.kind else { continue };
            self.scope.module = flat.module.clone();
            let Some(steps) = self.size_value(expr) else { continue };
            let at_most = self.halt.map_or(1, |halt| halt.at_most);
            if steps == 0 {
                self.error(complaints::no_step_in_a_row(expr.span));
            } else if !at_most.is_multiple_of(steps) {
                self.error(complaints::steps_left_over(steps, at_most, expr.span));
            } else if self.bindings.mode == Mode::Training {
                self.steps_in_a_row = steps;
            }
        }
    }

    pub(in crate::model) fn results(&mut self, members: &[Flat]) {
        self.outline.push(Items::default());
        for flat in members {
            self.resolved.clear();
            self.scope.module = flat.module.clone();
            match &flat.member.kind {
                MemberKind::Predict(predictions) => {
                    for (name, expr) in predictions {
                        self.prediction(name.as_ref(), expr);
                    }
                }
                MemberKind::Metric { name, value } => {
                    if let Some(val) = self.per_sample("metric", name, value) {
                        self.output(OutputKind::Metric, &name.name, val);
                    }
                }
                MemberKind::Loss { name, value } => self.loss(name, value),
                MemberKind::Halt { when: Some(when), .. } => {
                    let value = self.expr(when);
                    let Some(val) = self.tensor(&value, when.span) else { continue };
                    let ty = self.ty(val).clone();
                    if ty.kind == Kind::Bool && ty.dims.iter().all(|dim| Some(dim.axis) == self.batch) {
                        self.output(OutputKind::Halt, "", val);
                        self.halts_when = Some((self.author_text(when.span), Reading::of(when).reads));
                        continue;
                    }
                    let shown = ty.show(&self.axes).to_string();
                    self.error(complaints::halts_when_what(&shown, ty.kind == Kind::Bool, when.span));
                }
                _ => {}
            }
        }
        self.resolved.clear();
        let items = self.outline.pop().unwrap_or_default().into_iter().collect();
        self.sections.push(Section { name: "losses".to_owned(), items });
    }

    fn output(&mut self, kind: OutputKind, name: &str, val: Val) {
        self.outputs.push(Output { name: OutputName::new(kind, name), value: val });
    }

    fn prediction(&mut self, name: Option<&Ident>, expr: &Expr) {
        let label = match (name, &expr.kind) {
            (Some(name), _) => name.name.clone(),
            (None, ExprKind::Name(name)) => name.clone(),
            _ => {
                self.error(complaints::unnamed_prediction(expr.span));
                return;
            }
        };
        let value = self.expr(expr);
        let Some(val) = self.tensor(&value, expr.span) else { return };
        let taken = |output: &Output| output.name.kind == OutputKind::Prediction && output.name.name == label;
        if self.outputs.iter().any(taken) {
            let place = name.map_or(expr.span, |name| name.span);
            self.error(complaints::two_predictions(&label, place));
            return;
        }
        self.output(OutputKind::Prediction, &label, val);
    }

    /// The value of a metric or loss: a number per sample.
    fn per_sample(&mut self, what: &str, name: &Ident, value: &Expr) -> Option<Val> {
        let readable = std::mem::replace(&mut self.targets_readable, true);
        self.path.push(format!("{what}.{}", name.name));
        self.nets_called.clear();
        self.inside_result = true;
        let result = self.expr(value);
        self.inside_result = false;
        self.path.pop();
        self.targets_readable = readable;
        let val = self.tensor(&result, value.span)?;
        let ty = self.ty(val).clone();
        let extra: Vec<AxisId> = ty.axes().filter(|axis| Some(*axis) != self.batch).collect();
        if extra.is_empty() {
            return Some(val);
        }
        let (names, shown) = (self.axes.names(&extra), ty.show(&self.axes).to_string());
        let told = complaints::more_than_a_number((what, name), (extra.len(), &names), &shown, value.span);
        self.error(told);
        None
    }

    fn loss(&mut self, name: &Ident, value: &Expr) {
        let Some(val) = self.per_sample("loss", name, value) else { return };
        if self.bindings.mode == Mode::Training && !self.needs(val) && !self.is_number(val) {
            let shown = self.ty(val).show(&self.axes).to_string();
            self.error(complaints::loss_without_gradient(name, &shown, value.span));
            return;
        }
        // A loss that the configs switch off is not drawn.
        if !self.builder.number(val).is_some_and(|number| number == 0.0) {
            let text = self.resolved_text(value.span);
            self.reading = self.read_in(value, &text);
            let nets = std::mem::take(&mut self.nets_called);
            let kind = ItemKind::Update { target: name.name.clone(), text, nets, axes: Vec::new() };
            self.push_item(kind, name.span);
        }
        self.output(OutputKind::Loss, &name.name, val);
    }

    fn is_number(&self, val: Val) -> bool {
        self.builder.number(val).is_some()
    }

    pub(in crate::model) fn push_item(&mut self, kind: ItemKind, span: Span) {
        if self.functions_deep > 0 || self.looking_ahead || self.inside_result {
            return;
        }
        let gradient = self.gradient;
        let Reading { reads, gives } = std::mem::take(&mut self.reading);
        if let Some(items) = self.outline.last_mut() {
            items.push_back(Item { kind, gradient, reads, gives, span });
        }
    }

    /// The outputs of one more step from the new state on the same data, without gradient, in training.
    pub(in crate::model) fn lookahead(&mut self, names: &[Ident], span: Span) -> Value {
        let Some(states) = self.next_states.clone() else {
            self.error(complaints::looks_ahead_too_early(span));
            return Value::Broken;
        };
        if self.bindings.mode != Mode::Training {
            self.error(complaints::looks_ahead_in_evaluation(span));
            return Value::Broken;
        }
        if self.looking_ahead {
            self.error(complaints::looks_ahead_twice(span));
            return Value::Broken;
        }
        // The step ahead is a speculation of which the computation stays, and nothing else.
        let mut ahead = self.trial();
        ahead.scope.hide(self.model_depth);
        ahead.gradient = false;
        ahead.scheduled = false;
        ahead.targets_readable = false;
        ahead.functions_deep = 0;
        ahead.looking_ahead = true;
        let values = ahead.values_ahead(states, names, span);
        self.builder = ahead.builder;
        self.axes = ahead.axes;
        self.places = ahead.places;
        self.draws = ahead.draws;
        Value::Record(values)
    }

    /// What `names` are after one more step from `states`.
    fn values_ahead(
        &mut self,
        states: Vec<(String, Val)>,
        names: &[Ident],
        span: Span,
    ) -> Vec<(String, Value)> {
        let module = self.scope.module.clone();
        let histories: HashMap<String, usize> =
            self.states.iter().map(|state| (state.name.clone(), state.history)).collect();
        for (name, val) in states {
            // The new state comes into that step; what came into this one is then two steps ago.
            for ago in (2..=histories.get(&name).copied().unwrap_or(1)).rev() {
                let later = self.scope.get(&format!("{name}@{}", ago - 1)).map(|bound| bound.value.clone());
                if let (Some(later), Some(binding)) = (later, self.scope.get_mut(&format!("{name}@{ago}"))) {
                    binding.value = later;
                }
            }
            let detached = self.emit(Op::Detach, &[val], span).unwrap_or(val);
            for bound in [format!("{name}@1"), name] {
                if let Some(binding) = self.scope.get_mut(&bound) {
                    binding.value = Value::Tensor(detached);
                }
            }
        }
        self.path.push("lookahead".to_owned());
        self.section("encode");
        self.section("think");
        self.leave_think();
        self.section("decode");
        self.path.pop();
        let mut seen = Vec::new();
        for name in names {
            self.scope.module = module.clone();
            seen.push((name.name.clone(), self.name(&name.name, name.span)));
        }
        seen
    }
}

/// How far back each state is read: `y@2` needs two values.
pub(in crate::model) fn histories(members: &[Flat]) -> HashMap<String, usize> {
    let mut found = HashMap::new();
    for flat in members {
        crate::model::names::visit::visit_member(&flat.member, &mut |expr| {
            if let ExprKind::Ago { base, steps } = &expr.kind
                && let ExprKind::Name(name) = &base.kind
            {
                let deepest = found.entry(name.clone()).or_insert(1);
                *deepest = (*deepest).max(*steps as usize);
            }
        });
    }
    found
}
