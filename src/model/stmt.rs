//! Statements of the schedule: bindings, updates, `branch`, `merge`, `prune`, `record`, `do`. Branching is
//! folding into an axis, merging is reducing it; nothing else in the compiler knows trees.

use super::Val;
use super::checker::Checker;
use super::ops::{Attrs, Op};
use super::outline::{Extent, ItemKind};
use super::ty::{Axis, AxisId, AxisSize, Dim, Ty};
use super::value::{Role, Value};
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::source::Span;
use crate::syntax::ast::{
    Block, Branching, Expr, ExprKind, Ident, IndexItem, LoopCount, Member, MemberKind, Stmt, StmtKind,
};

pub(super) enum Flow {
    Next,
    Return(Value),
}

impl Checker<'_> {
    pub(super) fn statements(&mut self, statements: &[Stmt]) -> Flow {
        for statement in statements {
            if let Flow::Return(value) = self.statement(statement) {
                return Flow::Return(value);
            }
        }
        Flow::Next
    }

    pub(super) fn statement(&mut self, statement: &Stmt) -> Flow {
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
                self.scope.bind(&name.name, Value::Axis(axis), Role::Constant, name.span);
            }
            StmtKind::Var { name, value } => {
                let value = self.expr(value);
                if self.may_bind(name, "var") {
                    self.scope.bind(&name.name, value, Role::Var, name.span);
                }
            }
            StmtKind::Update { name, value } => {
                let result = self.named_expr(&name.name, value);
                self.note_update(&name.name, value.span, &result, name.span);
                self.update(name, result, span);
            }
            StmtKind::Record { name, value } => self.record(name, value),
            StmtKind::Collect { name, .. } | StmtKind::Emit { name, .. } => {
                self.error(
                    Diagnostic::new(
                        Code::Misplaced,
                        "`collect` and `emit` are not part of this version of the language",
                        span,
                        "here",
                    )
                    .help(format!("to read `{}` of the last iteration, use `record`", name.name)),
                );
            }
            StmtKind::Repeat { count, grad_last, while_, body } => {
                return self.repeat(count, grad_last.as_ref(), while_.as_ref(), body, span);
            }
            StmtKind::Branch { state, axis, how } => self.branch(state, axis.as_ref(), how, span),
            StmtKind::Merge { state, axis, groups, with, giving } => {
                self.merge(state, axis.as_ref(), groups.as_ref(), with, giving.as_ref(), span);
            }
            StmtKind::Prune { states, axis, to, by } => self.prune(states, axis.as_ref(), to, by, span),
            StmtKind::Do { name, args } => self.run_block(name, args, span),
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

    /// Complains about an expression in the place of a statement.
    pub(super) fn unread_value(&mut self, value: &Expr) {
        self.error(
            Diagnostic::new(Code::Misplaced, "this value is not used", value.span, "an expression alone")
                .help("bind it, `let name = …`, or update a state, `z <- …`"),
        );
    }

    /// Complains about a `return` in the schedule, which nobody called.
    pub(super) fn return_without_caller(&mut self, statements: &[Stmt], span: Span) {
        let span = first_return(statements).unwrap_or(span);
        self.error(
            Diagnostic::new(
                Code::Misplaced,
                "`return` gives a value back, and nobody reads it here",
                span,
                "no caller",
            )
            .help("update a state, `z <- …`, or bind a name, `let name = …`"),
        );
    }

    /// Whether a statement may bind this name: one that the model declares would be hidden.
    fn may_bind(&mut self, name: &Ident, word: &str) -> bool {
        let Some(declared) = self.declared.get(&name.name).cloned().filter(|_| self.scope.of_model) else {
            return true;
        };
        let message = format!("`{}` is a {} of the model, which this would hide", name.name, declared.kind)
            .replace("a axis", "an axis")
            .replace("a input", "an input");
        let diagnostic =
            Diagnostic::new(Code::Duplicate, message, name.span, format!("bound anew by `{word}`"))
                .related(declared.span, "declared here");
        self.scope.bind(&name.name, Value::Broken, Role::Var, name.span);
        self.error(match declared.kind {
            "state" if word != "axis" => diagnostic.help(format!("update it: `{} <- …`", name.name)),
            _ => diagnostic.help("choose another name"),
        });
        false
    }

    fn named_expr(&mut self, name: &str, value: &Expr) -> Value {
        self.path.push(name.to_owned());
        let result = self.expr(value);
        self.path.pop();
        result
    }

    fn let_(&mut self, names: &[Ident], value: &Expr) {
        let label = names.first().map_or("", |name| name.name.as_str()).to_owned();
        let result = self.named_expr(&label, value);
        if let [name] = names {
            if self.may_bind(name, "let") {
                self.note_update(&name.name, value.span, &result, name.span);
                self.scope.bind(&name.name, result, Role::Constant, name.span);
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
                self.error(Diagnostic::new(
                    Code::Arguments,
                    format!("{} names are bound to {found}", names.len()),
                    value.span,
                    format!("this gives {found}"),
                ));
                vec![Value::Broken; names.len()]
            }
        };
        for (name, value) in names.iter().zip(values) {
            if name.name != "_" && self.may_bind(name, "let") {
                self.scope.bind(&name.name, value, Role::Constant, name.span);
            }
        }
    }

    /// In the scope of no gradient a value leaves its history behind, even one that was computed with it.
    fn settled(&mut self, value: Value, span: Span) -> Value {
        match value {
            Value::Tensor(val) if !self.gradient && self.needs(val) => {
                self.emit(Op::Detach, &[val], span).map_or(Value::Broken, Value::Tensor)
            }
            value => value,
        }
    }

    pub(super) fn update(&mut self, name: &Ident, value: Value, span: Span) {
        if !self.updatable(name) {
            return;
        }
        let value = self.settled(value, span);
        if let Some(binding) = self.scope.get_mut(&name.name) {
            binding.value = value;
            binding.span = span;
        }
    }

    fn record(&mut self, name: &Ident, value: &Expr) {
        if self.functions_deep > 0 {
            self.error(
                Diagnostic::new(
                    Code::Misplaced,
                    "`record` belongs in the schedule, not in a function",
                    name.span,
                    "in a function",
                )
                .help("return the value, and record it where the function is called"),
            );
            return;
        }
        let value = self.named_expr(&name.name, value);
        let value = self.settled(value, name.span);
        if !self.may_bind(name, "record") {
            return;
        }
        if let Value::Tensor(val) = value {
            let axes = self.extents(val);
            self.push_item(ItemKind::Record { name: name.name.clone(), axes }, name.span);
            if let Some(records) = self.records.last_mut() {
                records.retain(|(known, _, _)| *known != name.name);
                records.push((name.name.clone(), val, name.span));
            }
        }
        self.scope.bind_global(&name.name, value, Role::Constant, name.span);
    }

    pub(super) fn extents(&self, val: Val) -> Vec<Extent> {
        self.ty(val)
            .dims
            .iter()
            .map(|dim| Extent { axis: self.axes.name(dim.axis).to_owned(), size: dim.size })
            .collect()
    }

    /// The author's words on one line.
    pub(super) fn author_text(&self, span: Span) -> String {
        let text = self.sources.text(span);
        let lines: Vec<&str> =
            text.lines().map(|line| line.split("//").next().unwrap_or("").trim()).collect();
        lines.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn note_update(&mut self, target: &str, text: Span, value: &Value, span: Span) {
        if self.functions_deep > 0 {
            return;
        }
        let Value::Tensor(val) = value else { return };
        let axes = self.extents(*val);
        let text = self.author_text(text);
        let nets = std::mem::take(&mut self.nets_called);
        self.push_item(ItemKind::Update { target: target.to_owned(), text, nets, axes }, span);
    }

    /// The axis that `branch`, `merge` and `prune` work on: the one named, or the model's `branch`.
    fn branch_axis(&mut self, named: Option<&Ident>, span: Span) -> Option<AxisId> {
        if let Some(name) = named {
            return self.axis_named(name);
        }
        match self.scope.get("branch").map(|binding| binding.value.clone()) {
            Some(Value::Axis(axis)) => Some(axis),
            _ => {
                self.error(
                    Diagnostic::new(
                        Code::Incomplete,
                        "the model declares no axis `branch`",
                        span,
                        "branches need one",
                    )
                    .help("declare `axis branch`, or name another: `branch z along thought with …`"),
                );
                None
            }
        }
    }

    fn state_val(&mut self, state: &Ident) -> Option<Val> {
        if !self.updatable(state) {
            return None;
        }
        let value = self.name(&state.name, state.span);
        self.tensor(&value, state.span)
    }

    /// `branch z with expr`: the one axis that `expr` has more is folded into the branch axis, sibling beside
    /// sibling: thought k becomes 2k and 2k + 1.
    fn branch(&mut self, state: &Ident, axis: Option<&Ident>, how: &Branching, span: Span) {
        let branched = self.branched(state, axis, how, span);
        self.moved(state, branched, span);
    }

    /// Gives a state its new value; a broken one where that was refused, so that nothing follows from it.
    fn moved(&mut self, state: &Ident, value: Option<Val>, span: Span) {
        if self.scope.get(&state.name).is_some_and(|bound| matches!(bound.role, Role::Var | Role::State)) {
            self.update(state, value.map_or(Value::Broken, Value::Tensor), span);
        }
    }

    fn branched(&mut self, state: &Ident, axis: Option<&Ident>, how: &Branching, span: Span) -> Option<Val> {
        let (branch, old) = (self.branch_axis(axis, span), self.state_val(state));
        let (branch, old) = (branch?, old?);
        let old_ty = self.ty(old).clone();
        let (result, place) = match how {
            Branching::With(expr) => {
                let value = self.named_expr(&state.name, expr);
                (self.tensor(&value, expr.span), expr.span)
            }
            Branching::Into(expr) => {
                let ways = self.size_value(expr)?;
                if ways == 0 {
                    self.error(
                        Diagnostic::new(
                            Code::Number,
                            format!("`branch {} into 0` leaves nothing", state.name),
                            expr.span,
                            "this is 0",
                        )
                        .help("a thought goes on in 1 way or more"),
                    );
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
            let (shown, before) = (ty.show(&self.axes).to_string(), old_ty.show(&self.axes).to_string());
            let added: Vec<AxisId> = extra.iter().map(|dim| dim.axis).collect();
            let found = match extra.is_empty() {
                true => "adds none".to_owned(),
                false => format!("adds {}", self.axes.names(&added)),
            };
            let message = format!("`branch {}` needs exactly one new axis, and this {found}", state.name);
            self.error(
                Diagnostic::new(
                    if extra.is_empty() { Code::AxisMissing } else { Code::AxisUnexpected },
                    message,
                    place,
                    format!("this is {shown}"),
                )
                .related(state.span, format!("`{}` was {before}", state.name))
                .help(
                    "the new axis counts the ways a thought may go on, e.g. the result of `FiLM` has `way`",
                ),
            );
            return None;
        };
        if !lost.is_empty() {
            let names = self.axes.names(&lost);
            let (shown, before) = (ty.show(&self.axes).to_string(), old_ty.show(&self.axes).to_string());
            self.error(
                Diagnostic::new(
                    Code::AxisMissing,
                    format!("this branching of `{}` loses {names}", state.name),
                    place,
                    format!("this is {shown}"),
                )
                .related(state.span, format!("`{}` was {before}", state.name))
                .help("a thought that goes on keeps its axes and gets one more"),
            );
            return None;
        }
        let folded = if ty.has(branch) {
            self.emit(Op::Fold { from: vec![branch, way.axis], to: branch }, &[result], span)
        } else {
            self.emit(Op::Rename { from: way.axis, to: branch }, &[result], span)
        };
        let folded = folded.and_then(|folded| self.in_branch_order(folded, &old_ty, branch, span))?;
        let grown = self.ty(folded).clone();
        self.fixed_sizes_kept(&grown, span)?;
        let (from, to) = (old_ty.size(branch).unwrap_or(1), self.ty(folded).size(branch).unwrap_or(1));
        self.note_tree(state, branch, (from, to), how_span(how), span, Tree::Branch);
        Some(folded)
    }

    /// Memory order: the branch axis right behind `batch`, everything else as it was.
    fn in_branch_order(&mut self, val: Val, old: &Ty, branch: AxisId, span: Span) -> Option<Val> {
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

    fn note_tree(
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
    fn merge(
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
            self.scope.bind(&name.name, second, Role::Constant, name.span);
        }
    }

    /// The merged state and what `giving` names.
    fn merged(
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
                self.error(
                    Diagnostic::new(
                        Code::Number,
                        format!("{width} thoughts do not make groups of {size}"),
                        expr.span,
                        format!("this is {size}"),
                    )
                    .related(state.span, format!("`{}` has {width} here", state.name))
                    .help(format!("groups share the thoughts evenly: choose a divisor of {width}")),
                );
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
            // Unfolding an axis into (group, itself) needs a name in between.
            let inner = self.axes.add(Axis { name: "member".to_owned(), ..self.axes.get(id).clone() });
            let unfolded = self.emit(
                Op::Unfold { from: branch, to: vec![(id, width / size), (inner, size)] },
                &[whole],
                span,
            );
            let val =
                unfolded.and_then(|val| self.emit(Op::Rename { from: inner, to: branch }, &[val], span))?;
            group = Some((id, val));
        }
        let result = match group {
            Some((_, val)) => {
                self.scope.push();
                self.scope.bind(&state.name, Value::Tensor(val), Role::Constant, state.span);
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
            let name = self.axes.name(branch).to_owned();
            self.error(
                Diagnostic::new(
                    Code::AxisUnexpected,
                    format!("this merge of `{}` keeps the axis `{name}`, which it should reduce", state.name),
                    with.span,
                    format!("this is {}", ty.show(&self.axes)),
                )
                .help(format!("for example `merge {} with mean({}, over {name})`", state.name, state.name)),
            );
            return None;
        }
        let wanted: Vec<AxisId> =
            old_ty.axes().filter(|axis| *axis != branch).chain(group.map(|(id, _)| id)).collect();
        let extra: Vec<AxisId> = ty.axes().filter(|axis| !wanted.contains(axis)).collect();
        if !extra.is_empty() {
            let names = self.axes.names(&extra);
            let before = old_ty.show(&self.axes).to_string();
            self.error(
                Diagnostic::new(
                    Code::AxisUnexpected,
                    format!("this merge of `{}` adds {names}", state.name),
                    with.span,
                    format!("this is {}", ty.show(&self.axes)),
                )
                .related(state.span, format!("`{}` was {before}", state.name))
                .help("a merge reduces the branch axis and keeps the others as they were"),
            );
            return None;
        }
        let lost: Vec<AxisId> = wanted.iter().filter(|axis| !ty.has(**axis)).copied().collect();
        if !lost.is_empty() {
            let by_group = group.is_some_and(|(id, _)| lost.contains(&id));
            let message = if by_group {
                format!("this merge does not read the groups of `{}`", state.name)
            } else {
                format!("this merge of `{}` loses {}", state.name, self.axes.names(&lost))
            };
            let before = old_ty.show(&self.axes).to_string();
            self.error(
                Diagnostic::new(
                    Code::AxisMissing,
                    message,
                    with.span,
                    format!("this is {}", ty.show(&self.axes)),
                )
                .related(state.span, format!("`{}` was {before}", state.name))
                .help("a merge reduces the branch axis and keeps the others as they were"),
            );
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
        let Some(name) = giving else { return Some((val, Value::Broken)) };
        let second = match second {
            Some(value) => match (group, value) {
                (Some((id, _)), Value::Tensor(val)) if self.ty(val).has(id) => {
                    let op = if self.ty(val).has(branch) {
                        Op::Fold { from: vec![id, branch], to: branch }
                    } else {
                        Op::Rename { from: id, to: branch }
                    };
                    self.emit(op, &[val], span).map_or(Value::Broken, Value::Tensor)
                }
                (_, value) => value,
            },
            None => {
                self.error(
                    Diagnostic::new(
                        Code::Arguments,
                        "this merge gives one result, and `giving` names a second",
                        name.span,
                        "nothing to name",
                    )
                    .related(with.span, "gives one result")
                    .help("a net such as `Scorer` gives two: the merged thoughts, and their scores"),
                );
                Value::Broken
            }
        };
        Some((val, second))
    }

    fn in_old_order(&mut self, val: Val, old: &Ty, branch: AxisId, span: Span) -> Option<Val> {
        let dims: Vec<Dim> = old.dims.iter().filter(|dim| dim.axis != branch).copied().collect();
        let ty = Ty::new(self.ty(val).kind, dims);
        self.arranged(val, &ty, span)
    }

    /// `prune z, y to k by score`: the best k, in the order they stand.
    fn prune(&mut self, states: &[Ident], axis: Option<&Ident>, to: &Expr, by: &Expr, span: Span) {
        if self.pruned(states, axis, to, by, span).is_none() {
            for state in states {
                self.moved(state, None, span);
            }
        }
    }

    fn pruned(
        &mut self,
        states: &[Ident],
        axis: Option<&Ident>,
        to: &Expr,
        by: &Expr,
        span: Span,
    ) -> Option<()> {
        let branch = self.branch_axis(axis, span)?;
        let keep = self.size_value(to)?;
        if keep == 0 {
            self.error(
                Diagnostic::new(Code::Number, "pruning to 0 leaves no thought", to.span, "this is 0")
                    .help("keep 1 or more"),
            );
            return None;
        }
        let value = self.expr(by);
        let score = self.tensor(&value, by.span)?;
        let score = self.with_growing(score, branch, by.span);
        let score_ty = self.ty(score).clone();
        let Some(width) = score_ty.size(branch) else {
            let complaint = crate::primitive::missing(branch, &score_ty, &self.axes, "a score");
            let mut told = Diagnostic::new(
                complaint.code,
                complaint.message,
                by.span,
                format!("this is {}", score_ty.show(&self.axes)),
            );
            told.help = complaint.help;
            self.error(told);
            return None;
        };
        let mut olds = Vec::new();
        for state in states {
            let old = self.state_val(state)?;
            let old = self.with_growing(old, branch, span);
            let own = self.ty(old).size(branch).unwrap_or(1);
            if own != width {
                let name = self.axes.name(branch).to_owned();
                self.error(
                    Diagnostic::new(
                        Code::AxisSize,
                        format!("`{}` has {own} along `{name}`, and its score has {width}", state.name),
                        by.span,
                        format!("this is {}", score_ty.show(&self.axes)),
                    )
                    .related(state.span, format!("has {own}"))
                    .help("give every thought a score: reduce the other axes and keep this one"),
                );
                return None;
            }
            let unscored: Vec<AxisId> = score_ty.axes().filter(|axis| !self.ty(old).has(*axis)).collect();
            if !unscored.is_empty() {
                let names = self.axes.names(&unscored);
                self.error(
                    Diagnostic::new(
                        Code::AxisUnexpected,
                        format!("this score has {names}, which `{}` has not", state.name),
                        by.span,
                        format!("this is {}", score_ty.show(&self.axes)),
                    )
                    .related(state.span, "pruned by it")
                    .help("reduce the score to a number per thought"),
                );
                return None;
            }
            olds.push(old);
        }
        // Fewer thoughts than places in the beam: all stay.
        if width <= keep {
            return Some(());
        }
        let kept = self.axes.add(Axis {
            name: "kept".to_owned(),
            size: AxisSize::Open,
            parts: Vec::new(),
            span: to.span,
            origin: "the number kept".to_owned(),
        });
        let attrs = Attrs { over: vec![branch], into: vec![(kept, keep)], ..Default::default() };
        let best = self.prim("top_k", &[score], attrs, span)?;
        for (state, old) in states.iter().zip(olds) {
            let old_ty = self.ty(old).clone();
            let picked = self.emit(Op::Pick { axis: branch }, &[old, best], span)?;
            let renamed = self.emit(Op::Rename { from: kept, to: branch }, &[picked], span)?;
            let val = self.in_branch_order(renamed, &old_ty, branch, span)?;
            self.note_tree(state, branch, (width, keep), by.span, span, Tree::Prune);
            self.update(state, Value::Tensor(val), span);
        }
        Some(())
    }

    /// `do NAME(args)`: a named piece of the schedule; it sees the model's names and its arguments.
    fn run_block(&mut self, name: &Ident, args: &[Expr], span: Span) {
        let Some(flat) = self.blocks.get(&name.name).cloned() else {
            let known: Vec<&str> = self.blocks.keys().map(String::as_str).collect();
            let diagnostic = Diagnostic::new(
                Code::UnknownName,
                format!("there is no block `{}`", name.name),
                name.span,
                "not found",
            );
            let near = did_you_mean(&name.name, known.iter().copied()).map(str::to_owned);
            self.error(match near {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None if matches!(
                    self.scope.get(&name.name).map(|bound| &bound.value),
                    Some(Value::Net(_))
                ) =>
                {
                    diagnostic.help(format!("`{}` is a net: call it, `z <- {}(z)`", name.name, name.name))
                }
                None => diagnostic.help(format!("declare it: `block {} {{ … }}`", name.name)),
            });
            return;
        };
        let MemberKind::Block { name: declared, args: params, body } = &flat.member.kind else { return };
        if params.len() != args.len() {
            self.error(
                Diagnostic::new(
                    Code::Arguments,
                    format!(
                        "the block `{}` takes {}, not {}",
                        name.name,
                        super::call::counted(params.len(), "argument"),
                        args.len()
                    ),
                    span,
                    format!("given {}", args.len()),
                )
                .related(declared.span, "declared here"),
            );
            return;
        }
        if self.calls.len() > super::signature::DEEPEST_CALL {
            self.give_up(
                Diagnostic::new(
                    Code::Misplaced,
                    format!("the block `{}` does itself without end", name.name),
                    span,
                    "done again here",
                )
                .help("blocks are written out where they are done; use `repeat`"),
            );
        }
        if !self.spend(span) {
            return;
        }
        let values: Vec<(Value, Role)> = args.iter().map(|arg| (self.expr(arg), Role::Constant)).collect();
        let module = std::mem::replace(&mut self.scope.module, flat.module.clone());
        let hidden = self.scope.hide(self.model_depth);
        self.scope.push();
        for (param, (value, role)) in params.iter().zip(values) {
            self.scope.bind(&param.name, value, role, param.span);
        }
        self.calls.push(span);
        if let Flow::Return(_) = self.statements(&body.statements) {
            self.return_without_caller(&body.statements, body.span);
        }
        if let Some(value) = &body.value {
            self.unread_value(value);
        }
        self.calls.pop();
        self.scope.pop();
        self.scope.restore(hidden);
        self.scope.module = module;
    }
}

/// The first `return` among statements, in loops and conditions too.
pub(super) fn first_return(statements: &[Stmt]) -> Option<Span> {
    statements.iter().find_map(|statement| match &statement.kind {
        StmtKind::Return(_) => Some(statement.span),
        StmtKind::Repeat { body, .. } => first_return(&body.statements),
        StmtKind::If { then, otherwise, .. } => first_return(&then.statements)
            .or_else(|| otherwise.as_ref().and_then(|block| first_return(&block.statements))),
        _ => None,
    })
}

enum Tree {
    Branch,
    Merge,
    Prune,
}

fn how_span(how: &Branching) -> Span {
    match how {
        Branching::With(expr) | Branching::Into(expr) => expr.span,
    }
}

/// Every expression of a member.
pub(super) fn visit_member(member: &Member, visit: &mut dyn FnMut(&Expr)) {
    match &member.kind {
        MemberKind::Section { body, .. } | MemberKind::Block { body, .. } => visit_block(body, visit),
        MemberKind::Metric { value, .. } | MemberKind::Loss { value, .. } => visit_expr(value, visit),
        MemberKind::Predict(predictions) => {
            predictions.iter().for_each(|(_, value)| visit_expr(value, visit))
        }
        MemberKind::Halt { when: Some(when), .. } => visit_expr(when, visit),
        MemberKind::Net { value, .. } => visit_expr(value, visit),
        MemberKind::State { init, .. } => visit_expr(init, visit),
        _ => {}
    }
}

pub(super) fn visit_block(block: &Block, visit: &mut dyn FnMut(&Expr)) {
    for statement in &block.statements {
        match &statement.kind {
            StmtKind::Let { value, .. }
            | StmtKind::Var { value, .. }
            | StmtKind::Update { value, .. }
            | StmtKind::Record { value, .. }
            | StmtKind::Collect { value, .. }
            | StmtKind::Emit { value, .. }
            | StmtKind::Return(value) => visit_expr(value, visit),
            StmtKind::Axis { size, .. } => size.iter().for_each(|size| visit_expr(size, visit)),
            StmtKind::Repeat { count, grad_last, while_, body } => {
                match count {
                    LoopCount::Times(times) => visit_expr(times, visit),
                    LoopCount::Range { from, to, .. } => {
                        visit_expr(from, visit);
                        visit_expr(to, visit);
                    }
                }
                grad_last.iter().chain(while_).for_each(|expr| visit_expr(expr, visit));
                visit_block(body, visit);
            }
            StmtKind::Branch { how: Branching::With(expr) | Branching::Into(expr), .. } => {
                visit_expr(expr, visit)
            }
            StmtKind::Merge { groups, with, .. } => {
                groups.iter().for_each(|expr| visit_expr(expr, visit));
                visit_expr(with, visit);
            }
            StmtKind::Prune { to, by, .. } => {
                visit_expr(to, visit);
                visit_expr(by, visit);
            }
            StmtKind::Do { args, .. } => args.iter().for_each(|arg| visit_expr(arg, visit)),
            StmtKind::If { cond, then, otherwise } => {
                visit_expr(cond, visit);
                visit_block(then, visit);
                otherwise.iter().for_each(|block| visit_block(block, visit));
            }
        }
    }
    block.value.iter().for_each(|value| visit_expr(value, visit));
}

fn visit_expr(expr: &Expr, visit: &mut dyn FnMut(&Expr)) {
    use crate::syntax::ast::ArgKind;
    visit(expr);
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Bool(_) | ExprKind::Name(_) | ExprKind::Lookahead(_) => {}
        ExprKind::Call { callee, args } => {
            visit_expr(callee, visit);
            for arg in args {
                if let ArgKind::Positional(value) | ArgKind::Named(_, value) = &arg.kind {
                    visit_expr(value, visit);
                }
            }
        }
        ExprKind::Index { base, items } => {
            visit_expr(base, visit);
            for item in items {
                match item {
                    IndexItem::Plain(value) | IndexItem::Equal(_, value) => visit_expr(value, visit),
                    IndexItem::In(_, from, to) => {
                        visit_expr(from, visit);
                        visit_expr(to, visit);
                    }
                }
            }
        }
        ExprKind::Field { base, .. } | ExprKind::Ago { base, .. } => visit_expr(base, visit),
        ExprKind::Unary { value, .. } => visit_expr(value, visit),
        ExprKind::Binary { left, right, .. } => {
            visit_expr(left, visit);
            visit_expr(right, visit);
        }
        ExprKind::If { cond, then, otherwise } => {
            visit_expr(cond, visit);
            visit_block(then, visit);
            visit_block(otherwise, visit);
        }
        ExprKind::Match { subject, arms } => {
            visit_expr(subject, visit);
            arms.iter().for_each(|(_, arm)| visit_expr(arm, visit));
        }
        ExprKind::Tuple(values) => values.iter().for_each(|value| visit_expr(value, visit)),
        ExprKind::Block(block) => visit_block(block, visit),
    }
}
