//! What is kept of iterations and calls: `record` (the last iteration's value), `collect` (those of all iterations, on
//! an axis), `emit` (a value of every call of a net, read as its mean). A loop whose body collects or emits is written
//! out: each iteration then contributes a value of its own.

use crate::ir::op::Op;
use crate::model::Val;
use crate::model::checker::Checker;
use crate::model::evaluate::value::{BindingRole, NetInstance, Value};
use crate::model::outline::ItemKind;
use crate::model::schedule::complaints;
use crate::model::schedule::left::{Collection, Emission};
use crate::model::schedule::reading::Reading;
use crate::source::Span;
use crate::syntax::ast::{Expr, Ident};
use crate::types::{AxisId, Dim};

impl Checker<'_> {
    /// `record NAME = expr`: the value of the last iteration, visible after the loop.
    pub(in crate::model) fn record(&mut self, name: &Ident, value: &Expr) {
        let reading = Reading::of(value);
        let Some(value) = self.kept("record", name, value) else { return };
        self.note_name(&name.name, name.span, &value);
        if let Value::Tensor(val) = value {
            let axes = self.extents(val);
            self.reading = reading;
            self.push_item(ItemKind::Record { name: name.name.clone(), over: None, axes }, name.span);
            if let Some(records) = self.records.last_mut() {
                records.retain(|(known, _, _)| *known != name.name);
                records.push((name.name.clone(), val, name.span));
            }
        }
        self.scope.bind_global(&name.name, value, BindingRole::Constant, name.span);
    }

    /// The value to keep, without the gradient that its scope does not have.
    fn kept(&mut self, word: &str, name: &Ident, value: &Expr) -> Option<Value> {
        if self.functions_deep > 0 {
            self.error(complaints::kept_in_a_function(word, name));
            return None;
        }
        let value = self.named_expr(&name.name, value);
        let value = self.settled(value, name.span);
        self.may_bind(name, word).then_some(value)
    }

    /// `collect NAME = expr over AXIS`: the values of all iterations of the loops around it, in order, on a new axis.
    pub(in crate::model) fn collect(&mut self, name: &Ident, value: &Expr, over: &Ident) {
        if self.loops_deep == 0 && self.functions_deep == 0 {
            self.error(complaints::collected_once(name));
            self.scope.bind_global(&name.name, Value::Broken, BindingRole::Constant, name.span);
            return;
        }
        let reading = Reading::of(value);
        let value = self.kept("collect", name, value);
        let axis = self.axis_named(over);
        let entry = match (value, axis) {
            (Some(value), Some(axis)) => self
                .tensor(&value, name.span)
                .and_then(|val| self.collectable(name, val, axis, over.span))
                .map(|val| (val, axis)),
            _ => None,
        };
        let Some((val, axis)) = entry else {
            self.collections
                .iter_mut()
                .filter(|known| known.name == name.name)
                .for_each(|known| known.broken = true);
            if !self.declared.contains_key(&name.name) {
                self.scope.bind_global(&name.name, Value::Broken, BindingRole::Constant, name.span);
            }
            return;
        };
        let axes = self.extents(val);
        let over = Some(over.name.clone());
        self.reading = reading;
        self.push_item(ItemKind::Record { name: name.name.clone(), over, axes }, name.span);
        match self.collections.iter_mut().find(|known| known.name == name.name) {
            Some(known) => known.entries.push(val),
            None => self.collections.push(Collection {
                name: name.name.clone(),
                axis,
                entries: vec![val],
                broken: false,
                span: name.span,
            }),
        }
    }

    /// The value in the form of the entries before it; complains if it has another.
    fn collectable(&mut self, name: &Ident, val: Val, axis: AxisId, over: Span) -> Option<Val> {
        let ty = self.ty(val).clone();
        let shown = ty.show(&self.axes).to_string();
        if ty.has(axis) {
            let axis = self.axes.name(axis).to_owned();
            self.error(complaints::collected_over_its_own(name, &axis, &shown, over));
            return None;
        }
        let Some(known) = self.collections.iter().find(|known| known.name == name.name) else {
            return Some(val);
        };
        let (first, known_axis, place) = (known.entries[0], known.axis, known.span);
        let before = self.ty(first).clone();
        if known_axis != axis {
            let (one, other) = (self.axes.name(known_axis).to_owned(), self.axes.name(axis).to_owned());
            self.error(complaints::collected_over_two(name, (&one, place), (&other, over)));
            return None;
        }
        if !ty.same_axes(&before) {
            let before = before.show(&self.axes).to_string();
            self.error(complaints::iterations_differ(name, &shown, (&before, place)));
            return None;
        }
        self.arranged(val, &before, name.span)
    }

    /// After the outermost loop: what was collected gets its name.
    pub(in crate::model) fn finish_collections(&mut self) {
        for Collection { name, axis, entries, broken, span } in std::mem::take(&mut self.collections) {
            if broken {
                self.scope.bind_global(&name, Value::Broken, BindingRole::Constant, span);
                continue;
            }
            let parts = vec![axis; entries.len()];
            let entries: Vec<Val> = entries
                .into_iter()
                .map(|val| self.broadcast_to(val, &[Dim { axis, size: 1 }], span))
                .collect();
            self.path.push(name.clone());
            let whole = self.emit(Op::Concat { parts, to: axis }, &entries, span);
            self.path.pop();
            let fits = whole.filter(|whole| {
                let ty = self.ty(*whole).clone();
                self.fixed_sizes_kept(&ty, span).is_some()
            });
            let value = fits.map_or(Value::Broken, Value::Tensor);
            self.scope.bind_global(&name, value, BindingRole::Constant, span);
        }
    }

    /// Where a `while` has stopped a sample, its entry is the one before.
    pub(in crate::model) fn freeze_collections(&mut self, cond: Val, counts: &[(String, usize)], span: Span) {
        for at in 0..self.collections.len() {
            let Collection { name, entries, .. } = &self.collections[at];
            let before = counts.iter().find(|(known, _)| known == name).map_or(0, |(_, count)| *count);
            if before == 0 || entries.len() == before {
                continue;
            }
            let (last, new) = (entries[before - 1], entries[before..].to_vec());
            let ty = self.ty(last).clone();
            for (offset, val) in new.into_iter().enumerate() {
                let kept = self.prim("where", &[cond, val, last], Default::default(), span);
                if let Some(kept) = kept.and_then(|kept| self.arranged(kept, &ty, span)) {
                    self.collections[at].entries[before + offset] = kept;
                }
            }
        }
    }

    /// How much has been collected under each name.
    pub(in crate::model) fn collected(&self) -> Vec<(String, usize)> {
        self.collections.iter().map(|known| (known.name.clone(), known.entries.len())).collect()
    }

    /// `emit NAME = expr` in a net: `f.NAME` is its mean over the calls of `f` in the scope of gradient.
    pub(in crate::model) fn emission(&mut self, name: &Ident, value: &Expr) {
        let Some(net) = self.net_paths.last().cloned().flatten() else {
            self.error(complaints::emitted_outside(name, self.functions_deep > 0));
            return;
        };
        let value = self.named_expr(&name.name, value);
        let value = self.tensor(&value, name.span);
        // Calls of a loss or of the step ahead are no calls of the schedule.
        let counts = self.scheduled && !self.inside_result && !self.looking_ahead;
        if !counts || !self.fields_read.contains(&name.name) {
            return;
        }
        self.emissions.push_back(Emission { net, name: name.name.clone(), value, span: name.span });
    }

    /// `f.NAME`: a weight that `f` declares, or the mean of what it, and the nets inside it, emitted.
    pub(in crate::model) fn field_of_nets(
        &mut self,
        nets: &[std::rc::Rc<NetInstance>],
        name: &Ident,
    ) -> Value {
        if let [net] = nets
            && let Some(weight) = self.weight_of(net, &name.name)
        {
            return weight;
        }
        let inside = |path: &str| {
            nets.iter().any(|net| {
                path.strip_prefix(net.path.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        let found: Vec<Emission> =
            self.emissions.iter().filter(|known| inside(&known.net)).cloned().collect();
        let chosen: Vec<&Emission> = found.iter().filter(|known| known.name == name.name).collect();
        if chosen.is_empty() {
            self.nothing_of_net(nets, name, &found);
            return Value::Broken;
        }
        if self.next_states.is_none() {
            self.error(complaints::mean_too_early(name));
            return Value::Broken;
        }
        let mut sum: Option<Val> = None;
        for known in &chosen {
            let Some(val) = known.value else { return Value::Broken };
            let ty = self.ty(val).clone();
            match sum {
                None => sum = Some(val),
                Some(before) if ty.same_axes(&self.ty(before).clone()) => {
                    sum = self.prim("add", &[before, val], Default::default(), name.span);
                }
                Some(before) => {
                    let first = self.ty(before).show(&self.axes).to_string();
                    let shown = ty.show(&self.axes).to_string();
                    self.error(complaints::calls_differ(name, (&shown, known.span), &first));
                    return Value::Broken;
                }
            }
        }
        let share = self.emit(Op::Number((1.0 / chosen.len() as f64).into()), &[], name.span);
        match (sum, share) {
            (Some(sum), Some(_)) if chosen.len() == 1 => Value::Tensor(sum),
            (Some(sum), Some(share)) => self
                .prim("mul", &[sum, share], Default::default(), name.span)
                .map_or(Value::Broken, Value::Tensor),
            _ => Value::Broken,
        }
    }

    fn nothing_of_net(&mut self, nets: &[std::rc::Rc<NetInstance>], name: &Ident, found: &[Emission]) {
        let mut known: Vec<String> = found.iter().map(|emission| emission.name.clone()).collect();
        if let [net] = nets {
            known.extend(self.weights_of(net));
        }
        known.sort_unstable();
        known.dedup();
        let path = nets.first().map_or("", |net| net.path.as_str());
        self.error(complaints::nothing_of_net(path, name, &known));
    }
}
