//! Expressions: numbers known at compile time are folded exactly, tensors become instructions.

use super::Region;
use super::checker::{Checker, item_name};
use super::number::Number;
use super::stmt::Flow;
use super::ty::{Axis, AxisId, AxisSize};
use super::value::{Function, NetDefinition, Role, Value};
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::lower::Mode;
use crate::source::Span;
use crate::syntax::ast::{self, BinaryOp, Block, Expr, ExprKind, Ident, UnaryOp};
use std::rc::Rc;

impl Checker<'_> {
    pub(super) fn expr(&mut self, expr: &Expr) -> Value {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Number(text) => match Number::parse(text) {
                Some(number) => Value::Number(number),
                None => {
                    let message = format!("{text} is beyond the numbers that can be kept");
                    self.error(Diagnostic::new(Code::Number, message, span, "out of range"));
                    Value::Broken
                }
            },
            ExprKind::Bool(value) => Value::Bool(*value),
            ExprKind::Name(name) => self.name(name, span),
            ExprKind::Unary { op, value } => {
                let value = self.expr(value);
                self.unary(*op, value, span)
            }
            ExprKind::Binary { op, left, right } => self.binary(*op, left, right, span),
            ExprKind::Call { callee, args } => self.call(callee, args, span),
            ExprKind::Index { base, items } => {
                let value = self.expr(base);
                self.index(value, items, span)
            }
            ExprKind::Field { base, name } => {
                let value = self.expr(base);
                self.field(value, name)
            }
            ExprKind::Ago { base, steps } => self.ago(base, *steps, span),
            ExprKind::If { cond, then, otherwise } => match self.condition(cond) {
                Some(truth) => {
                    let about_training = matches!(&cond.kind, ExprKind::Name(name) if name == "training");
                    let readable = self.targets_readable;
                    self.targets_readable |= truth && about_training;
                    let value = self.block_value(if truth { then } else { otherwise });
                    self.targets_readable = readable;
                    value
                }
                None => Value::Broken,
            },
            ExprKind::Match { subject, arms } => match self.chosen_arm(subject, arms) {
                Some(chosen) => {
                    for (_, arm) in
                        arms.iter().enumerate().filter(|(at, _)| *at != chosen).map(|(_, arm)| arm)
                    {
                        self.try_expr(arm);
                    }
                    self.expr(&arms[chosen].1)
                }
                None => Value::Broken,
            },
            ExprKind::Lookahead(names) => self.lookahead(names, span),
            ExprKind::Tuple(values) => Value::Tuple(values.iter().map(|value| self.expr(value)).collect()),
            ExprKind::Block(block) => self.block_value(block),
        }
    }

    /// `y@2`: what a state was two supervision steps ago; `y@1` is what comes into this step.
    fn ago(&mut self, base: &Expr, steps: u32, span: Span) -> Value {
        let state = match &base.kind {
            ExprKind::Name(name) => {
                self.scope.get(&format!("{name}@{steps}")).map(|bound| bound.value.clone())
            }
            _ => None,
        };
        if let Some(value) = state {
            return value;
        }
        let text = self.author_text(base.span);
        self.error(
            Diagnostic::new(
                Code::Misplaced,
                format!("`@` goes back in time for a state, and `{text}` is none"),
                span,
                "not a state",
            )
            .help(if self.scope.of_model {
                "carry it from step to step: `state NAME: float [batch, …] = 0`"
            } else {
                "a function sees only its parameters: read the state where it is called"
            }),
        );
        Value::Broken
    }

    /// Checks an expression that is not chosen, and forgets what it computes.
    fn try_expr(&mut self, expr: &Expr) {
        let (known, draws) = (self.known.len(), self.draws);
        let (records, nets) = (self.records.clone(), self.nets_called.clone());
        self.regions.push(Region::default());
        self.outline.push(Vec::new());
        self.expr(expr);
        self.outline.pop();
        self.regions.pop();
        self.known.truncate(known);
        (self.draws, self.records, self.nets_called) = (draws, records, nets);
    }

    /// The value of a block: what it returns, or the expression it ends in.
    pub(super) fn block_value(&mut self, block: &Block) -> Value {
        self.scope.push();
        let value = match self.statements(&block.statements) {
            Flow::Return(value) => value,
            Flow::Next => match &block.value {
                Some(value) => self.expr(value),
                None => {
                    self.error(
                        Diagnostic::new(
                            Code::Incomplete,
                            "this block gives no value",
                            block.span,
                            "nothing is returned",
                        )
                        .help("end it with `return …`"),
                    );
                    Value::Broken
                }
            },
        };
        self.scope.pop();
        value
    }

    /// A value known at compile time.
    pub(super) fn constant(&mut self, expr: &Expr) -> Value {
        match self.expr(expr) {
            Value::Tensor(_) => {
                self.error(
                    Diagnostic::new(
                        Code::Number,
                        "this must be known at compile time, and it is a tensor",
                        expr.span,
                        "known when the model runs",
                    )
                    .help("use configs, sizes and numbers only"),
                );
                Value::Broken
            }
            value => value,
        }
    }

    pub(super) fn number(&mut self, expr: &Expr) -> Option<Number> {
        match self.constant(expr) {
            Value::Number(number) => Some(number),
            Value::Bool(value) => Some(Number::whole(i64::from(value))),
            Value::Broken => None,
            other => {
                self.error(Diagnostic::new(
                    Code::Number,
                    format!("a number is needed here, and this is {}", other.what()),
                    expr.span,
                    "not a number",
                ));
                None
            }
        }
    }

    pub(super) fn condition(&mut self, expr: &Expr) -> Option<bool> {
        match self.expr(expr) {
            Value::Bool(value) => Some(value),
            Value::Broken => None,
            other => {
                self.error(
                    Diagnostic::new(
                        Code::Number,
                        format!("a condition must be known at compile time, and this is {}", other.what()),
                        expr.span,
                        "not a condition",
                    )
                    .help("conditions read configs, loop counters and `training`; for tensors use `where(condition, a, b)`"),
                );
                None
            }
        }
    }

    pub(super) fn name(&mut self, name: &str, span: Span) -> Value {
        match self.known_name(name, span) {
            Some(value) => value,
            None => {
                self.unknown(name, span);
                Value::Broken
            }
        }
    }

    /// What a name means here; None, and nothing said, if it means nothing.
    fn known_name(&mut self, name: &str, span: Span) -> Option<Value> {
        if let Some(binding) = self.scope.get(name) {
            return Some(binding.value.clone());
        }
        if self.scope.of_model
            && let Some(target) = self.targets.get(name).copied()
        {
            if self.targets_readable {
                return Some(Value::Tensor(target));
            }
            self.error(
                Diagnostic::new(
                    Code::Misplaced,
                    format!("the target `{name}` cannot be read here"),
                    span,
                    "a target",
                )
                .help("targets are readable in `loss`, `metric` and `if training { … }`"),
            );
            return Some(Value::Broken);
        }
        if let Some(value) = self.item(&self.scope.module.clone(), name) {
            return Some(value);
        }
        match name {
            "training" => Some(Value::Bool(self.bindings.mode == Mode::Training)),
            "batch" => self.batch.map(Value::Axis),
            _ => None,
        }
    }

    /// An item of a module: its own, or one it imports.
    pub(super) fn item(&mut self, module: &str, name: &str) -> Option<Value> {
        if let Some(value) = self.own_item(module, name) {
            return Some(value);
        }
        let path = self.imported_from(module, name)?;
        self.own_item(&path, name)
    }

    /// The module that a `use` takes a name from.
    fn imported_from(&self, module: &str, name: &str) -> Option<String> {
        self.modules.by_path.get(module)?.tree.items.iter().find_map(|item| match &item.kind {
            ast::ItemKind::Use(used) if used.names.iter().any(|known| known.name == name) => {
                Some(used.module.join("::"))
            }
            _ => None,
        })
    }

    fn own_item(&mut self, module: &str, name: &str) -> Option<Value> {
        let modules = self.modules;
        for item in &modules.by_path.get(module)?.tree.items {
            match &item.kind {
                ast::ItemKind::Net(net) if net.name.name == name => {
                    return Some(Value::NetDef(Rc::new(NetDefinition {
                        def: net.clone(),
                        module: module.to_owned(),
                    })));
                }
                ast::ItemKind::Fn(function) if function.name.as_ref().is_some_and(|own| own.name == name) => {
                    return Some(Value::Function(Rc::new(Function {
                        def: function.clone(),
                        module: module.to_owned(),
                    })));
                }
                ast::ItemKind::Axis(axis) if axis.name == name => {
                    return Some(Value::Axis(self.module_axis(module, axis)));
                }
                _ => {}
            }
        }
        None
    }

    fn module_axis(&mut self, module: &str, name: &Ident) -> AxisId {
        let key = (module.to_owned(), name.name.clone());
        if let Some(axis) = self.module_axes.get(&key) {
            return *axis;
        }
        let axis = self.axes.add(Axis {
            name: name.name.clone(),
            size: AxisSize::Open,
            parts: Vec::new(),
            span: name.span,
            origin: "of each value".to_owned(),
        });
        self.module_axes.insert(key, axis);
        axis
    }

    pub(super) fn unknown(&mut self, name: &str, span: Span) {
        let diagnostic = Diagnostic::new(
            Code::UnknownName,
            format!("nothing here is called `{name}`"),
            span,
            "unknown name",
        );
        if let Some(path) = self.imported_from(&self.scope.module, name) {
            // An import that leads nowhere is reported where it stands.
            let Some(item) = self.item_named(&path, name) else { return };
            self.error(not_a_value(name, span).related(item, "imported from here"));
            return;
        }
        if let Some(item) = self.item_named(&self.scope.module, name) {
            self.error(not_a_value(name, span).related(item, "declared here"));
            return;
        }
        if let Some(told) = self.out_of_reach(name, span) {
            self.error(told);
            return;
        }
        if super::call::is_built_in(name) {
            self.error(
                Diagnostic::new(
                    Code::Kind,
                    format!("`{name}` is a function, and a value is needed here"),
                    span,
                    "not called",
                )
                .help(format!("call it: `{name}(…)`")),
            );
            return;
        }
        let in_library = crate::syntax::library_modules()
            .into_iter()
            .find(|path| crate::syntax::library_names(path).iter().any(|item| item == name));
        let known = self.names_here();
        self.error(match (in_library, did_you_mean(name, known.iter().map(String::as_str))) {
            (Some(path), _) => diagnostic.help(format!("import it: `use {path}::{name}`")),
            (None, Some(near)) => diagnostic.help(format!("did you mean `{near}`?")),
            (None, None) => diagnostic.help("declare it, or import it with `use`"),
        });
    }

    fn item_named(&self, module: &str, name: &str) -> Option<Span> {
        let items = &self.modules.by_path.get(module)?.tree.items;
        items.iter().find(|item| item_name(item) == Some(name)).map(|item| match &item.kind {
            ast::ItemKind::Model(model) => model.name.span,
            _ => item.span,
        })
    }

    /// The complaint about a name of the model that cannot be read here.
    fn out_of_reach(&self, name: &str, span: Span) -> Option<Diagnostic> {
        if let Some(dropped) = self.dropped.iter().find(|dropped| dropped.name == name) {
            return Some(
                Diagnostic::new(
                    Code::UnknownName,
                    format!("`{name}` was dropped, and is read here"),
                    span,
                    "still read",
                )
                .related(dropped.span, "dropped here")
                .help("declare anew what reads it, or keep it"),
            );
        }
        let declared = self.declared.get(name)?;
        if self.scope.of_model {
            return Some(
                Diagnostic::new(
                    Code::UnknownName,
                    format!("the {} `{name}` is not known yet where this is read", declared.kind),
                    span,
                    "read too early",
                )
                .related(declared.span, "declared here")
                .help(
                    "configs come first, then axes, data, weights and nets, and states, each in their order",
                ),
            );
        }
        Some(
            Diagnostic::new(
                Code::UnknownName,
                format!("the {} `{name}` of the model cannot be read in a function or net", declared.kind),
                span,
                "not a parameter",
            )
            .help("functions and nets see only their parameters: give it as an argument"),
        )
    }

    /// Names that could stand here, for suggestions.
    fn names_here(&self) -> Vec<String> {
        let mut known: Vec<String> = self.scope.names().iter().map(|name| (*name).to_owned()).collect();
        if self.scope.of_model {
            known.extend(self.targets.keys().cloned());
            known.extend(["steps", "last_step"].map(str::to_owned));
        }
        known.extend(["training", "Linear"].map(str::to_owned));
        known.extend(super::call::INTRINSICS.iter().map(|name| (*name).to_owned()));
        known.extend(crate::primitive::all().map(|primitive| primitive.name.to_owned()));
        if let Some(module) = self.modules.by_path.get(&self.scope.module) {
            known.extend(module.tree.items.iter().filter_map(item_name).map(str::to_owned));
            for item in &module.tree.items {
                if let ast::ItemKind::Use(used) = &item.kind {
                    known.extend(used.names.iter().map(|name| name.name.clone()));
                }
            }
        }
        known.retain(|name| !name.contains('@'));
        known
    }

    pub(super) fn axis_named(&mut self, name: &Ident) -> Option<AxisId> {
        match self.axes_named(name)?[..] {
            [axis] => Some(axis),
            _ => {
                self.error(Diagnostic::new(
                    Code::Kind,
                    format!("one axis is needed, and `{}` is several", name.name),
                    name.span,
                    "several axes",
                ));
                None
            }
        }
    }

    /// The axes a name stands for: one, or those of a pack.
    pub(super) fn axes_named(&mut self, name: &Ident) -> Option<Vec<AxisId>> {
        let Some(value) = self.known_name(&name.name, name.span) else {
            self.unknown_axis(name);
            return None;
        };
        match value {
            Value::Axis(axis) => Some(vec![axis]),
            Value::Axes(axes) => Some(axes),
            Value::Broken => None,
            other => {
                self.error(
                    Diagnostic::new(
                        Code::Kind,
                        format!("an axis is needed here, and `{}` is {}", name.name, other.what()),
                        name.span,
                        "not an axis",
                    )
                    .help("axes are declared: `axis way = 2`"),
                );
                None
            }
        }
    }

    /// The axes of a list, each once.
    pub(super) fn different_axes(&mut self, names: &[Ident]) -> Option<Vec<AxisId>> {
        let mut axes = Vec::new();
        for name in names {
            for axis in self.axes_named(name)? {
                if axes.contains(&axis) {
                    let message = format!("the axis `{}` is named twice", self.axes.name(axis));
                    self.error(
                        Diagnostic::new(Code::Arguments, message, name.span, "again here")
                            .help("name it once"),
                    );
                    return None;
                }
                axes.push(axis);
            }
        }
        Some(axes)
    }

    fn unknown_axis(&mut self, name: &Ident) {
        let axes: Vec<String> = self
            .names_here()
            .into_iter()
            .filter(|known| {
                matches!(
                    self.scope.get(known).map(|bound| &bound.value),
                    Some(Value::Axis(_) | Value::Axes(_))
                )
            })
            .collect();
        let kinds = ["float", "bool", "int", "float32", "float64"];
        let near = did_you_mean(&name.name, axes.iter().map(String::as_str).chain(kinds));
        let declared = self.declared.contains_key(&name.name) || super::call::is_built_in(&name.name);
        match near {
            Some(near) if !declared => {
                let message = format!("nothing here is called `{}`", name.name);
                let diagnostic = Diagnostic::new(Code::UnknownName, message, name.span, "unknown name");
                self.error(diagnostic.help(format!("did you mean `{near}`?")));
            }
            _ if !declared && self.imported_from(&self.scope.module, &name.name).is_none() => {
                let message = format!("there is no axis `{}` here", name.name);
                let listed: Vec<String> = axes.iter().map(|axis| format!("`{axis}`")).collect();
                let diagnostic = Diagnostic::new(Code::UnknownName, message, name.span, "unknown axis");
                self.error(if listed.is_empty() {
                    diagnostic.help("axes are declared: `axis way = 2`")
                } else {
                    diagnostic.help(format!("declare it, or take one of {}", listed.join(", ")))
                });
            }
            _ => self.unknown(&name.name, name.span),
        }
    }

    fn unary(&mut self, op: UnaryOp, value: Value, span: Span) -> Value {
        match (op, value) {
            (_, Value::Broken) => Value::Broken,
            (UnaryOp::Neg, Value::Number(number)) => Value::Number(-number),
            (UnaryOp::Not, Value::Bool(value)) => Value::Bool(!value),
            (op, value) => {
                let name = if op == UnaryOp::Neg { "neg" } else { "not" };
                let Some(val) = self.tensor(&value, span) else { return Value::Broken };
                self.prim(name, &[val], Default::default(), span).map_or(Value::Broken, Value::Tensor)
            }
        }
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> Value {
        let a = self.expr(left);
        if let (Value::Choice(word), ExprKind::Name(other), BinaryOp::Eq | BinaryOp::Ne) =
            (&a, &right.kind, op)
        {
            self.is_choice(left, other, right.span);
            return Value::Bool((word == other) == (op == BinaryOp::Eq));
        }
        // `and` and `or` read their second side only when it matters, as every language does.
        if let (Value::Bool(first), BinaryOp::And | BinaryOp::Or) = (&a, op)
            && *first == (op == BinaryOp::Or)
        {
            return a;
        }
        let b = self.expr(right);
        if compares(op)
            && let ExprKind::Binary { op: inner, left: x, right: y } = &left.kind
            && compares(*inner)
            // Parentheses say that it is meant.
            && left.span == x.span.to(y.span)
        {
            self.error(
                Diagnostic::new(
                    Code::Misplaced,
                    "comparisons cannot be chained",
                    span,
                    "two comparisons in one",
                )
                .help("join them: `a < b and b < c`"),
            );
            return Value::Broken;
        }
        match (&a, &b) {
            (Value::Broken, _) | (_, Value::Broken) => return Value::Broken,
            (Value::Number(x), Value::Number(y)) => return self.fold(op, *x, *y, span),
            (Value::Bool(x), Value::Bool(y)) => {
                return match op {
                    BinaryOp::And => Value::Bool(*x && *y),
                    BinaryOp::Or => Value::Bool(*x || *y),
                    BinaryOp::Eq => Value::Bool(x == y),
                    BinaryOp::Ne => Value::Bool(x != y),
                    _ => self.fold(op, Number::whole(i64::from(*x)), Number::whole(i64::from(*y)), span),
                };
            }
            _ => {}
        }
        let (Some(x), Some(y)) = (self.tensor(&a, left.span), self.tensor(&b, right.span)) else {
            return Value::Broken;
        };
        let name = match op {
            BinaryOp::Or => "or",
            BinaryOp::And => "and",
            BinaryOp::Le => "le",
            BinaryOp::Ge => "ge",
            BinaryOp::Eq => "eq",
            BinaryOp::Ne => "ne",
            BinaryOp::Lt => "lt",
            BinaryOp::Gt => "gt",
            BinaryOp::Add => "add",
            BinaryOp::Sub => "sub",
            BinaryOp::Mul => "mul",
            BinaryOp::Div => "div",
            BinaryOp::Pow => "pow",
        };
        self.prim(name, &[x, y], Default::default(), span).map_or(Value::Broken, Value::Tensor)
    }

    fn fold(&mut self, op: BinaryOp, x: Number, y: Number, span: Span) -> Value {
        let order = x.compare(y);
        let number = match op {
            BinaryOp::Add => x + y,
            BinaryOp::Sub => x - y,
            BinaryOp::Mul => x * y,
            BinaryOp::Pow => x.pow(y),
            BinaryOp::Div => match x.over(y) {
                Some(number) => number,
                None => {
                    self.error(Diagnostic::new(
                        Code::Number,
                        "this divides by zero",
                        span,
                        "the divisor is 0",
                    ));
                    return Value::Broken;
                }
            },
            BinaryOp::Le => return Value::Bool(order.is_le()),
            BinaryOp::Ge => return Value::Bool(order.is_ge()),
            BinaryOp::Lt => return Value::Bool(order.is_lt()),
            BinaryOp::Gt => return Value::Bool(order.is_gt()),
            BinaryOp::Eq => return Value::Bool(order.is_eq()),
            BinaryOp::Ne => return Value::Bool(order.is_ne()),
            BinaryOp::And | BinaryOp::Or => {
                self.error(Diagnostic::new(
                    Code::Kind,
                    "`and` and `or` need bools",
                    span,
                    "these are numbers",
                ));
                return Value::Broken;
            }
        };
        self.finite(number, span)
    }

    /// A number known at compile time that can be kept.
    pub(super) fn finite(&mut self, number: Number, span: Span) -> Value {
        if number.to_f64().is_finite() {
            return Value::Number(number);
        }
        self.error(Diagnostic::new(
            Code::Number,
            "this is no number",
            span,
            "undefined, or too large to keep",
        ));
        Value::Broken
    }

    fn is_choice(&mut self, subject: &Expr, word: &str, span: Span) -> bool {
        let ExprKind::Name(config) = &subject.kind else { return true };
        let Some(types) = self.config_types.get(config).cloned() else { return true };
        if types.all.iter().any(|choice| choice == word) {
            return true;
        }
        let diagnostic =
            Diagnostic::new(Code::Config, format!("`{config}` has no choice `{word}`"), span, "not a choice");
        let listed: Vec<String> = types.now.iter().map(|choice| format!("`{choice}`")).collect();
        self.error(match did_you_mean(word, types.now.iter().map(String::as_str)) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(format!("its choices are {}", listed.join(", "))),
        });
        false
    }

    /// Which arm the subject chooses; arms that no choice can reach and choices without an arm are reported.
    pub(super) fn chosen_arm(&mut self, subject: &Expr, arms: &[(Ident, Expr)]) -> Option<usize> {
        let word = match self.expr(subject) {
            Value::Choice(word) => word,
            Value::Broken => return None,
            other => {
                self.error(
                    Diagnostic::new(
                        Code::Kind,
                        format!("`match` chooses by a choice, and this is {}", other.what()),
                        subject.span,
                        "not a choice",
                    )
                    .help("match on a config with choices: `config fork: film | copies = film`"),
                );
                return None;
            }
        };
        for (at, (name, _)) in arms.iter().enumerate() {
            self.is_choice(subject, &name.name, name.span);
            if let Some((before, _)) = arms[..at].iter().find(|(before, _)| before.name == name.name) {
                self.error(
                    Diagnostic::new(
                        Code::Duplicate,
                        format!("`{}` has two arms", name.name),
                        name.span,
                        "never reached",
                    )
                    .related(before.span, "first here")
                    .help("remove one"),
                );
            }
        }
        let text = self.author_text(subject.span);
        let types = match &subject.kind {
            ExprKind::Name(config) => self.config_types.get(config).map(|types| types.now.clone()),
            _ => None,
        };
        let choices = types.unwrap_or_else(|| vec![word.clone()]);
        let without: Vec<String> = choices
            .iter()
            .filter(|choice| !arms.iter().any(|(name, _)| name.name == **choice))
            .map(|choice| format!("`{choice}`"))
            .collect();
        if let Some(first) = without.first() {
            self.error(
                Diagnostic::new(
                    Code::Incomplete,
                    format!("`match {text}` has no arm for {}", without.join(", ")),
                    subject.span,
                    "of these choices",
                )
                .help(format!("add `{} => …`", first.trim_matches('`'))),
            );
            return None;
        }
        arms.iter().position(|(name, _)| name.name == word)
    }

    /// Whether a name is bound so that `<-` may change it.
    pub(super) fn updatable(&mut self, name: &Ident) -> bool {
        let Some(binding) = self.scope.get(&name.name) else {
            if self.known_name(&name.name, name.span).is_none() {
                self.unknown(&name.name, name.span);
            } else if !self.targets.contains_key(&name.name) {
                self.not_updatable(name, "declared as an item, not as a state", None);
            }
            return false;
        };
        if matches!(binding.role, Role::Var | Role::State) {
            return true;
        }
        let place = binding.span;
        let help = match (&binding.value, binding.role) {
            (_, Role::Counter) => "a loop counts by itself",
            (Value::Net(_) | Value::Family(_) | Value::Recipe(_), _) => {
                "a net keeps its weights, which only training changes"
            }
            (Value::Tensor(_) | Value::Broken, _) if !self.declared.contains_key(&name.name) => {
                "bind it with `var` instead of `let`, or declare a `state`"
            }
            _ => "only a `state` or a `var` can be updated",
        };
        self.not_updatable(name, help, Some(place));
        false
    }

    fn not_updatable(&mut self, name: &Ident, help: &str, place: Option<Span>) {
        let message = format!("`{}` cannot be updated", name.name);
        let diagnostic = Diagnostic::new(Code::Misplaced, message, name.span, "updated here").help(help);
        self.error(match place {
            Some(place) => diagnostic.related(place, "bound here, for good"),
            None => diagnostic,
        });
    }
}

fn not_a_value(name: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::Kind, format!("`{name}` is a model, which has no value"), span, "a model")
        .help(format!("a model is built upon: `model Mine extends {name} {{ … }}`"))
}

fn compares(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::Le | BinaryOp::Ge | BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Gt)
}
