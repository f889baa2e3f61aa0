//! Statements of the schedule: bindings, updates, `branch`, `merge`, `prune`, `record`, `do`. Branching is
//! flattening into an axis, merging is reducing it; nothing else in the compiler knows trees.

use crate::ir::Called;
use crate::ir::op::Op;
use crate::model::Val;
use crate::model::checker::Checker;
use crate::model::evaluate::value::{BindingRole, Value};
use crate::model::outline::{Extent, ItemKind};
use crate::model::schedule::complaints::{self, Hidden};
use crate::model::schedule::left::Flow;
use crate::model::schedule::reading::Reading;
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind, Ident, InheritedBlock, MemberKind, Stmt, StmtKind};

impl Checker<'_> {
    pub(in crate::model) fn statements(&mut self, statements: &[Stmt]) -> Flow {
        for statement in statements {
            if let Flow::Return(value) = self.statement(statement) {
                return Flow::Return(value);
            }
        }
        Flow::Next
    }

    pub(in crate::model) fn statement(&mut self, statement: &Stmt) -> Flow {
        if !self.deeper(statement.span) {
            return Flow::Next;
        }
        let flow = self.run(statement);
        self.depth -= 1;
        flow
    }

    fn run(&mut self, statement: &Stmt) -> Flow {
        let span = statement.span;
        if self.functions_deep == 0 {
            self.nets_called.clear();
        }
        match &statement.kind {
            StmtKind::Let { names, value } => self.let_(names, value),
            StmtKind::Axis { name, size } => {
                if !self.may_bind(name, "axis") {
                    return Flow::Next;
                }
                let axis = self.local_axis(name, size.as_ref());
                self.scope.bind(&name.name, Value::Axis(axis), BindingRole::Constant, name.span);
            }
            StmtKind::Var { name, value } => {
                let value = self.expr(value);
                if self.may_bind(name, "var") {
                    self.note_name(&name.name, name.span, &value);
                    self.note_bound(name, &value);
                    self.scope.bind(&name.name, value, BindingRole::Var, name.span);
                }
            }
            StmtKind::Update { name, value } => {
                let result = self.named_expr(&name.name, value);
                self.note_update(&name.name, value, &result, name.span);
                self.note_taken_over(name, &result);
                self.update(name, result, span);
            }
            StmtKind::Record { name, value } => self.record(name, value),
            StmtKind::Collect { name, value, over } => self.collect(name, value, over),
            StmtKind::Emit { name, value } => self.emission(name, value),
            StmtKind::Repeat { count, grad_last, while_, body } => {
                return self.repeat(count, grad_last.as_ref(), while_.as_ref(), body, span);
            }
            StmtKind::Branch { state, axis, how } => self.branch(state, axis.as_ref(), how, span),
            StmtKind::Merge { state, axis, groups, with, giving } => {
                self.merge(state, axis.as_ref(), groups.as_ref(), with, giving.as_ref(), span);
            }
            StmtKind::Prune { states, axis, to, by } => self.prune(states, axis.as_ref(), to, by, span),
            StmtKind::Do { name, args } => self.run_block(name, args, span),
            StmtKind::Inherited(base) => return self.go_on_from(base.as_deref(), span),
            StmtKind::Return(value) => return Flow::Return(self.expr(value)),
            StmtKind::If { cond, then, otherwise } => {
                let Some(truth) = self.condition(cond) else { return Flow::Next };
                let block = if truth { Some(then) } else { otherwise.as_ref() };
                let Some(block) = block else { return Flow::Next };
                let readable = self.targets_readable;
                self.targets_readable |=
                    truth && matches!(&cond.kind, ExprKind::Name(name) if name == "training");
                self.scope.push();
                let flow = self.statements(&block.statements);
                if let (Flow::Next, Some(value)) = (&flow, &block.value) {
                    self.unread_value(value);
                }
                self.scope.pop();
                self.targets_readable = readable;
                return flow;
            }
        }
        Flow::Next
    }

    /// `inherited`: the statements of the parent's section or block, as if they stood here under its file's names.
    fn go_on_from(&mut self, base: Option<&InheritedBlock>, span: Span) -> Flow {
        let Some(base) = base else {
            self.error(complaints::nothing_inherited(span));
            return Flow::Next;
        };
        if !self.spend(span) {
            return Flow::Next;
        }
        let module = std::mem::replace(&mut self.scope.module, base.module.clone());
        let flow = self.statements(&base.body.statements);
        self.scope.module = module;
        flow
    }

    /// Complains about an expression in the place of a statement.
    pub(in crate::model) fn unread_value(&mut self, value: &Expr) {
        self.error(complaints::unread_value(value.span));
    }

    /// Complains about a `return` in the schedule, which nobody called.
    pub(in crate::model) fn return_without_caller(&mut self, statements: &[Stmt], span: Span) {
        let span = first_return(statements).unwrap_or(span);
        self.error(complaints::return_without_caller(span));
    }

    /// Whether a statement may bind this name: a name that can be read here means one thing, and is not hidden.
    pub(in crate::model) fn may_bind(&mut self, name: &Ident, word: &str) -> bool {
        if name.name == "_" {
            return true;
        }
        let Some((hidden, place)) = self.is_hidden_by(name, word) else { return true };
        let told = complaints::hides(name, word, &hidden, place);
        if self.scope.of_model && self.declared.contains_key(&name.name) {
            self.scope.bind(&name.name, Value::Broken, BindingRole::Var, name.span);
        }
        self.error(told);
        false
    }

    /// What a new binding of the name would hide, and where that stands.
    fn is_hidden_by(&self, name: &Ident, word: &str) -> Option<(Hidden<'static>, Span)> {
        if let Some(declared) = self.declared.get(&name.name).filter(|_| self.scope.of_model) {
            return Some((Hidden::Declaration(declared.kind), declared.span));
        }
        // The step ahead binds everything once more, and several `record` may feed one name.
        let kept = || self.records.iter().flatten().any(|(known, _, _)| *known == name.name);
        if self.looking_ahead || (word == "record" && kept()) {
            return None;
        }
        let bound = self.scope.get(&name.name)?;
        if bound.span == name.span || matches!(bound.value, Value::Broken) {
            return None;
        }
        Some((Hidden::Binding { var: bound.role == BindingRole::Var }, bound.span))
    }

    pub(in crate::model) fn named_expr(&mut self, name: &str, value: &Expr) -> Value {
        self.path.push(name.to_owned());
        let result = self.expr(value);
        self.path.pop();
        result
    }

    pub(in crate::model) fn let_(&mut self, names: &[Ident], value: &Expr) {
        let label = names.first().map_or("", |name| name.name.as_str()).to_owned();
        let result = self.named_expr(&label, value);
        if let [name] = names {
            if self.may_bind(name, "let") {
                self.note_update(&name.name, value, &result, name.span);
                self.note_name(&name.name, name.span, &result);
                self.note_bound(name, &result);
                self.scope.bind(&name.name, result, BindingRole::Constant, name.span);
            }
            return;
        }
        let values = match result {
            Value::Tuple(values) if values.len() == names.len() => values,
            Value::Broken => vec![Value::Broken; names.len()],
            other => {
                let found = if let Value::Tuple(values) = &other {
                    format!("{} values", values.len())
                } else {
                    other.what().to_owned()
                };
                self.error(complaints::other_values(names.len(), &found, value.span));
                vec![Value::Broken; names.len()]
            }
        };
        for (name, value) in names.iter().zip(values) {
            if name.name != "_" && self.may_bind(name, "let") {
                self.note_name(&name.name, name.span, &value);
                self.note_bound(name, &value);
                self.scope.bind(&name.name, value, BindingRole::Constant, name.span);
            }
        }
    }

    /// In the scope of no gradient a value leaves its history behind, even one that was computed with it.
    pub(in crate::model) fn settled(&mut self, value: Value, span: Span) -> Value {
        match value {
            Value::Tensor(val) if !self.gradient && self.needs(val) => {
                self.emit(Op::Detach, &[val], span).map_or(Value::Broken, Value::Tensor)
            }
            value => value,
        }
    }

    pub(in crate::model) fn update(&mut self, name: &Ident, value: Value, span: Span) {
        if !self.updatable(name) {
            return;
        }
        let value = self.settled(value, span);
        self.note_name(&name.name, name.span, &value);
        if let Some(binding) = self.scope.get_mut(&name.name) {
            binding.value = value;
            binding.span = span;
        }
    }

    pub(in crate::model) fn extents(&self, val: Val) -> Vec<Extent> {
        self.ty(val)
            .dims
            .iter()
            .map(|dim| Extent { axis: self.axes.name(dim.axis).to_owned(), size: dim.size })
            .collect()
    }

    /// The author's words on one line.
    pub(in crate::model) fn author_text(&self, span: Span) -> String {
        on_one_line(self.sources.text(span))
    }

    pub(in crate::model) fn note_update(&mut self, target: &str, written: &Expr, value: &Value, span: Span) {
        if self.functions_deep > 0 {
            return;
        }
        let Value::Tensor(val) = value else { return };
        let axes = self.extents(*val);
        let text = self.author_text(written.span);
        self.reading = Reading::of(written);
        let nets = std::mem::take(&mut self.nets_called);
        self.push_item(ItemKind::Update { target: target.to_owned(), text, nets, axes }, span);
    }

    /// `do NAME(args)`: a named piece of the schedule; it sees the model's names and its arguments.
    pub(in crate::model) fn run_block(&mut self, name: &Ident, args: &[Expr], span: Span) {
        let Some(flat) = self.blocks.get(&name.name).cloned() else {
            let known: Vec<&String> = self.blocks.keys().collect();
            let bound = self.scope.get(&name.name).map(|bound| &bound.value);
            let told = complaints::no_block(name, &known, matches!(bound, Some(Value::Net(_))));
            self.error(told);
            return;
        };
        let MemberKind::Block { name: declared, args: params, body } = &flat.member.kind else { return };
        self.note_block(name, declared.span);
        if params.len() != args.len() {
            self.error(complaints::other_arguments(name, params.len(), args.len(), (span, declared.span)));
            return;
        }
        if self.calls.len() > crate::model::emit::DEEPEST_CALL {
            self.give_up(complaints::does_itself(name, span));
        }
        if !self.spend(span) {
            return;
        }
        let values: Vec<(Value, BindingRole)> =
            args.iter().map(|arg| (self.expr(arg), BindingRole::Constant)).collect();
        let module = std::mem::replace(&mut self.scope.module, flat.module.clone());
        let hidden = self.scope.hide(self.model_depth);
        self.scope.push();
        for (param, (value, role)) in params.iter().zip(values) {
            if self.may_bind(param, "block") {
                self.note_bound(param, &value);
                self.scope.bind(&param.name, value, role, param.span);
            }
        }
        self.calls.push(span);
        let around = self.enter(Called::Block(name.name.clone()));
        if let Flow::Return(_) = self.statements(&body.statements) {
            self.return_without_caller(&body.statements, body.span);
        }
        if let Some(value) = &body.value {
            self.unread_value(value);
        }
        self.leave(around);
        self.calls.pop();
        self.scope.pop();
        self.scope.restore(hidden);
        self.scope.module = module;
    }
}

/// The first `return` among statements, in loops and conditions too.
pub(in crate::model) fn first_return(statements: &[Stmt]) -> Option<Span> {
    statements.iter().find_map(|statement| match &statement.kind {
        StmtKind::Return(_) => Some(statement.span),
        StmtKind::Repeat { body, .. } => first_return(&body.statements),
        StmtKind::If { then, otherwise, .. } => first_return(&then.statements)
            .or_else(|| otherwise.as_ref().and_then(|block| first_return(&block.statements))),
        _ => None,
    })
}

/// The text without comments, with one space wherever it has some.
pub(in crate::model) fn on_one_line(text: &str) -> String {
    let code = text.lines().flat_map(|line| line.split("//").next().unwrap_or("").split_whitespace());
    code.collect::<Vec<_>>().join(" ")
}
