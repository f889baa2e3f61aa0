//! `branch` and `merge`: branching is flattening into an axis, merging is reducing it; nothing else in the compiler knows
//! trees, but for `prune`.

use crate::diagnostic::{Code, Diagnostic};
use crate::ir::op::Op;
use crate::model::Val;
use crate::model::checker::Checker;
use crate::model::evaluate::value::{Binding, BindingRole, Value};
use crate::model::outline::ItemKind;
use crate::model::schedule::complaints::{self, Changed};
use crate::source::Span;
use crate::syntax::ast::{Branching, Expr, Ident};
use crate::types::{Axis, AxisId, AxisSize, Dim, Ty};

impl Checker<'_> {
    /// The axis that `branch`, `merge` and `prune` work on: the one named, or the model's `branch`.
    pub(in crate::model) fn branch_axis(&mut self, named: Option<&Ident>, span: Span) -> Option<AxisId> {
        if let Some(name) = named {
            return self.axis_named(name);
        }
        match self.scope.get("branch").map(|binding| binding.value.clone()) {
            Some(Value::Axis(axis)) => Some(axis),
            _ => {
                self.error(complaints::no_branch_axis(span));
                None
            }
        }
    }

    pub(in crate::model) fn state_val(&mut self, state: &Ident) -> Option<Val> {
        if !self.updatable(state) {
            return None;
        }
        let value = self.name(&state.name, state.span);
        self.tensor(&value, state.span)
    }

    /// `branch z with expr`: the one axis that `expr` has more is flattened into the branch axis, sibling beside
    /// sibling: thought k becomes 2k and 2k + 1.
    pub(in crate::model) fn branch(
        &mut self,
        state: &Ident,
        axis: Option<&Ident>,
        how: &Branching,
        span: Span,
    ) {
        let branched = self.branched(state, axis, how, span);
        self.moved(state, branched, span);
    }

    /// Remembers where a state takes over the branch axis of another, which somebody may have forgotten to merge.
    pub(in crate::model) fn note_taken_over(&mut self, state: &Ident, value: &Value) {
        let (Some(Binding { value: Value::Tensor(old), role: BindingRole::State, .. }), Value::Tensor(new)) =
            (self.scope.get(&state.name), value)
        else {
            return;
        };
        let old = self.ty(*old).clone();
        let grown = self.ty(*new).axes().find(|axis| self.axes.is_growing(*axis) && !old.has(*axis));
        if let Some(axis) = grown {
            self.taken_over.push_back((state.clone(), axis));
        }
    }

    /// The first state that still has a branch axis it has taken over.
    fn still_branched(&self) -> Option<(Ident, AxisId)> {
        let still = |(state, axis): &&(Ident, AxisId)| match self.scope.get(&state.name) {
            Some(Binding { value: Value::Tensor(val), role: BindingRole::State, .. }) => {
                self.ty(*val).has(*axis)
            }
            _ => false,
        };
        self.taken_over.iter().find(still).cloned()
    }

    /// The same, if that can be why `diagnostic` is told: sizes along the axis differ, or there is no room to branch again.
    pub(in crate::model) fn unmerged(&self, diagnostic: &Diagnostic) -> Option<(Ident, AxisId)> {
        match diagnostic.code {
            Code::Number => self.branching.clone(),
            Code::AxisSize => self
                .still_branched()
                .filter(|(_, axis)| diagnostic.message.contains(&format!("`{}`", self.axes.name(*axis)))),
            _ => None,
        }
    }

    /// Gives a state its new value; a broken one where that was refused, so that nothing follows from it.
    pub(in crate::model) fn moved(&mut self, state: &Ident, value: Option<Val>, span: Span) {
        if self
            .scope
            .get(&state.name)
            .is_some_and(|bound| matches!(bound.role, BindingRole::Var | BindingRole::State))
        {
            self.update(state, value.map_or(Value::Broken, Value::Tensor), span);
        }
    }

    pub(in crate::model) fn branched(
        &mut self,
        state: &Ident,
        axis: Option<&Ident>,
        how: &Branching,
        span: Span,
    ) -> Option<Val> {
        let (branch, old) = (self.branch_axis(axis, span), self.state_val(state));
        let (branch, old) = (branch?, old?);
        let old_ty = self.ty(old).clone();
        let (result, place) = match how {
            Branching::With(expr) => {
                let still = self.still_branched();
                let inside = std::mem::replace(&mut self.branching, still);
                let value = self.named_expr(&state.name, expr);
                self.branching = inside;
                (self.tensor(&value, expr.span), expr.span)
            }
            Branching::Into(expr) => {
                let ways = self.size_value(expr)?;
                if ways == 0 {
                    self.error(complaints::branch_into_none(state, expr.span));
                    return None;
                }
                let copy = self.axes.add(Axis {
                    name: "copy".to_owned(),
                    size: AxisSize::Fixed(ways),
                    parts: Vec::new(),
                    span: expr.span,
                    origin: "the number of copies".to_owned(),
                });
                (Some(self.broadcast_to(old, &[Dim { axis: copy, size: ways }], span)), expr.span)
            }
        };
        let result = result?;
        let ty = self.ty(result).clone();
        let extra: Vec<Dim> =
            ty.dims.iter().filter(|dim| !old_ty.has(dim.axis) && dim.axis != branch).copied().collect();
        let lost: Vec<AxisId> = old_ty.axes().filter(|axis| !ty.has(*axis)).collect();
        let [way] = extra[..] else {
            let added: Vec<AxisId> = extra.iter().map(|dim| dim.axis).collect();
            let added = (!added.is_empty()).then(|| self.axes.names(&added));
            let changed = self.change(state, &old_ty, &ty);
            self.error(complaints::not_one_way(&changed, added, place));
            return None;
        };
        if !lost.is_empty() {
            let (names, changed) = (self.axes.names(&lost), self.change(state, &old_ty, &ty));
            self.error(complaints::branch_loses(&changed, &names, place));
            return None;
        }
        let flattened = if ty.has(branch) {
            self.emit(Op::Flatten { from: vec![branch, way.axis], to: branch }, &[result], span)
        } else {
            self.emit(Op::Rename { from: way.axis, to: branch }, &[result], span)
        };
        let flattened =
            flattened.and_then(|flattened| self.in_branch_order(flattened, &old_ty, branch, span))?;
        let grown = self.ty(flattened).clone();
        self.fixed_sizes_kept(&grown, span)?;
        let (from, to) = (old_ty.size(branch).unwrap_or(1), self.ty(flattened).size(branch).unwrap_or(1));
        self.note_tree(state, branch, (from, to), how_span(how), span, Tree::Branch);
        self.without_single(flattened, branch, span)
    }

    /// A state that is left with one entry along a growing axis loses the axis, so that one thought has the same axes
    /// however it came about, and the next cycle finds what the first one found.
    pub(in crate::model) fn without_single(&mut self, val: Val, branch: AxisId, span: Span) -> Option<Val> {
        if self.axes.is_growing(branch) && self.ty(val).size(branch) == Some(1) {
            return self.emit(Op::Select { axis: branch, at: 0 }, &[val], span);
        }
        Some(val)
    }

    /// Memory order: the branch axis right behind `batch`, everything else as it was.
    pub(in crate::model) fn in_branch_order(
        &mut self,
        val: Val,
        old: &Ty,
        branch: AxisId,
        span: Span,
    ) -> Option<Val> {
        let ty = self.ty(val).clone();
        let size = ty.size(branch)?;
        let mut dims: Vec<Dim> = old.dims.iter().filter(|dim| dim.axis != branch).copied().collect();
        let at = usize::from(dims.first().is_some_and(|first| Some(first.axis) == self.batch));
        dims.insert(at, Dim { axis: branch, size });
        if dims.len() != ty.dims.len() {
            return Some(val);
        }
        self.arranged(val, &Ty::new(ty.kind, dims), span)
    }

    /// What became of the axes of a state, for messages.
    fn change<'s>(&self, state: &'s Ident, before: &Ty, now: &Ty) -> Changed<'s> {
        Changed { state, before: before.show(&self.axes).to_string(), now: now.show(&self.axes).to_string() }
    }

    pub(in crate::model) fn note_tree(
        &mut self,
        state: &Ident,
        axis: AxisId,
        (from, to): (usize, usize),
        by: Span,
        span: Span,
        tree: Tree,
    ) {
        let (state, axis) = (state.name.clone(), self.axes.name(axis).to_owned());
        let by = self.author_text(by);
        let nets = std::mem::take(&mut self.nets_called);
        let kind = match tree {
            Tree::Branch => ItemKind::Branch { state, axis, from, to, by, nets },
            Tree::Merge => ItemKind::Merge { state, axis, from, to, by, nets },
            Tree::Prune => ItemKind::Prune { state, axis, from, to, by },
        };
        self.push_item(kind, span);
    }

    /// `merge z with expr [giving name]`, `merge z in groups of k with expr`.
    pub(in crate::model) fn merge(
        &mut self,
        state: &Ident,
        axis: Option<&Ident>,
        groups: Option<&Expr>,
        with: &Expr,
        giving: Option<&Ident>,
        span: Span,
    ) {
        let merged = self.merged(state, axis, groups, with, giving, span);
        self.moved(state, merged.as_ref().map(|(val, _)| *val), span);
        if let Some(name) = giving
            && self.may_bind(name, "giving")
        {
            let second = merged.map_or(Value::Broken, |(_, second)| second);
            self.scope.bind(&name.name, second, BindingRole::Constant, name.span);
        }
    }

    /// The merged state and what `giving` names.
    pub(in crate::model) fn merged(
        &mut self,
        state: &Ident,
        axis: Option<&Ident>,
        groups: Option<&Expr>,
        with: &Expr,
        giving: Option<&Ident>,
        span: Span,
    ) -> Option<(Val, Value)> {
        let (branch, old) = (self.branch_axis(axis, span), self.state_val(state));
        let (branch, old) = (branch?, old?);
        let old_ty = self.ty(old).clone();
        let width = old_ty.size(branch).unwrap_or(1);
        let mut group = None;
        if let Some(expr) = groups {
            let size = self.size_value(expr)?;
            if size == 0 || !width.is_multiple_of(size) {
                self.error(complaints::uneven_groups(state, width, size, expr.span));
                return None;
            }
            let id = self.axes.add(Axis {
                name: "group".to_owned(),
                size: AxisSize::Open,
                parts: Vec::new(),
                span: expr.span,
                origin: "the number of groups".to_owned(),
            });
            let whole = self.with_growing(old, branch, span);
            // Unflattening an axis into (group, itself) needs a name in between.
            let inner = self.axes.add(Axis { name: "member".to_owned(), ..self.axes.get(id).clone() });
            let unflattened = self.emit(
                Op::Unflatten { from: branch, to: vec![(id, width / size), (inner, size)] },
                &[whole],
                span,
            );
            let val = unflattened
                .and_then(|val| self.emit(Op::Rename { from: inner, to: branch }, &[val], span))?;
            group = Some((id, val));
        }
        let result = match group {
            Some((_, val)) => {
                self.scope.push();
                self.scope.bind(&state.name, Value::Tensor(val), BindingRole::Constant, state.span);
                let result = self.named_expr(&state.name, with);
                self.scope.pop();
                result
            }
            None => self.named_expr(&state.name, with),
        };
        let (first, second) = match result {
            Value::Tuple(mut values) if values.len() >= 2 => {
                let second = values.remove(1);
                (values.remove(0), Some(second))
            }
            value => (value, None),
        };
        let mut val = self.tensor(&first, with.span)?;
        let ty = self.ty(val).clone();
        if ty.has(branch) {
            let (name, changed) = (self.axes.name(branch).to_owned(), self.change(state, &old_ty, &ty));
            self.error(complaints::merge_keeps(&changed, &name, with.span));
            return None;
        }
        let wanted: Vec<AxisId> =
            old_ty.axes().filter(|axis| *axis != branch).chain(group.map(|(id, _)| id)).collect();
        let extra: Vec<AxisId> = ty.axes().filter(|axis| !wanted.contains(axis)).collect();
        if !extra.is_empty() {
            let (names, changed) = (self.axes.names(&extra), self.change(state, &old_ty, &ty));
            self.error(complaints::merge_adds(&changed, &names, with.span));
            return None;
        }
        let lost: Vec<AxisId> = wanted.iter().filter(|axis| !ty.has(**axis)).copied().collect();
        if !lost.is_empty() {
            let by_group = group.is_some_and(|(id, _)| lost.contains(&id));
            let names = (!by_group).then(|| self.axes.names(&lost));
            let changed = self.change(state, &old_ty, &ty);
            self.error(complaints::merge_loses(&changed, names, with.span));
            return None;
        }
        if let Some((id, _)) = group {
            let renamed = self.emit(Op::Rename { from: id, to: branch }, &[val], span);
            val = renamed.and_then(|renamed| self.in_branch_order(renamed, &old_ty, branch, span))?;
        } else if let Some(ordered) = self.in_old_order(val, &old_ty, branch, span) {
            val = ordered;
        }
        let to = self.ty(val).size(branch).unwrap_or(1);
        self.note_tree(state, branch, (width, to), with.span, span, Tree::Merge);
        val = self.without_single(val, branch, span)?;
        let Some(name) = giving else { return Some((val, Value::Broken)) };
        let second = match second {
            Some(value) => match (group, value) {
                (Some((id, _)), Value::Tensor(val)) if self.ty(val).has(id) => {
                    let op = if self.ty(val).has(branch) {
                        Op::Flatten { from: vec![id, branch], to: branch }
                    } else {
                        Op::Rename { from: id, to: branch }
                    };
                    self.emit(op, &[val], span).map_or(Value::Broken, Value::Tensor)
                }
                (_, value) => value,
            },
            None => {
                self.error(complaints::one_result(name.span, with.span));
                Value::Broken
            }
        };
        Some((val, second))
    }

    pub(in crate::model) fn in_old_order(
        &mut self,
        val: Val,
        old: &Ty,
        branch: AxisId,
        span: Span,
    ) -> Option<Val> {
        let dims: Vec<Dim> = old.dims.iter().filter(|dim| dim.axis != branch).copied().collect();
        let ty = Ty::new(self.ty(val).kind, dims);
        self.arranged(val, &ty, span)
    }
}

pub(in crate::model) enum Tree {
    Branch,
    Merge,
    Prune,
}

pub(in crate::model) fn how_span(how: &Branching) -> Span {
    match how {
        Branching::With(expr) | Branching::Into(expr) => expr.span,
    }
}
