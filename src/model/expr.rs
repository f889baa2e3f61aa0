//! Expressions: numbers known at compile time are folded exactly, tensors become instructions.

use super::checker::{Checker, item_name};
use super::number::Number;
use super::ops::Op;
use super::stmt::Flow;
use super::ty::{Axis, AxisId, AxisSize, Kind};
use super::value::{Function, NetDefinition, Role, Value};
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::lower::Mode;
use crate::source::Span;
use crate::syntax::ast::{self, BinaryOp, Block, Expr, ExprKind, Ident, IndexItem, UnaryOp};
use std::rc::Rc;

impl Checker<'_> {
    pub(super) fn expr(&mut self, expr: &Expr) -> Value {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Number(text) => Number::parse(text).map_or(Value::Broken, Value::Number),
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
            ExprKind::Ago { base, steps } => match &base.kind {
                ExprKind::Name(name) if *steps > 1 => self.name(&format!("{name}@{steps}"), span),
                ExprKind::Name(name) => self.name(name, span),
                _ => {
                    self.error(Diagnostic::new(
                        Code::Misplaced,
                        "`@` goes back in time for a state",
                        span,
                        "not a state",
                    ));
                    Value::Broken
                }
            },
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
                Some(arm) => self.expr(&arms[arm].1),
                None => Value::Broken,
            },
            ExprKind::Lookahead(names) => self.lookahead(names, span),
            ExprKind::Tuple(values) => Value::Tuple(values.iter().map(|value| self.expr(value)).collect()),
            ExprKind::Block(block) => self.block_value(block),
        }
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
                        "this must be known at compile time",
                        expr.span,
                        "a tensor",
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
        if let Some(binding) = self.scope.get(name) {
            let value = binding.value.clone();
            if let Value::Net(net) = &value {
                self.mark_net(&net.path.clone());
            }
            if let Value::Family(nets) = &value
                && let Some(net) = nets.first()
            {
                self.mark_net(&net.path.clone());
            }
            return value;
        }
        if let Some(target) = self.targets.get(name).copied() {
            if self.targets_readable || self.functions_deep > 0 {
                return Value::Tensor(target);
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
            return Value::Broken;
        }
        if let Some(value) = self.item(&self.scope.module.clone(), name) {
            return value;
        }
        match name {
            "training" => return Value::Bool(self.bindings.mode == Mode::Training),
            "batch" => {
                if let Some(batch) = self.batch {
                    return Value::Axis(batch);
                }
            }
            _ => {}
        }
        self.unknown(name, span);
        Value::Broken
    }

    fn mark_net(&mut self, path: &str) {
        let root = path.split('.').next().unwrap_or(path);
        self.used.insert(format!("net {root}"));
    }

    /// An item of a module: its own, or one it imports.
    pub(super) fn item(&mut self, module: &str, name: &str) -> Option<Value> {
        let tree = &self.modules.by_path.get(module)?.tree;
        for item in &tree.items {
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
                    let axis = axis.clone();
                    return Some(Value::Axis(self.module_axis(module, &axis)));
                }
                ast::ItemKind::Use(used) if used.names.iter().any(|known| known.name == name) => {
                    let path = used.module.join("::");
                    if path != module {
                        return self.item(&path, name);
                    }
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

    fn unknown(&mut self, name: &str, span: Span) {
        let mut known: Vec<String> = self.scope.names().iter().map(|name| (*name).to_owned()).collect();
        known.extend(self.targets.keys().cloned());
        known.extend(["training", "steps", "last_step"].map(str::to_owned));
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
        let diagnostic = Diagnostic::new(
            Code::UnknownName,
            format!("nothing here is called `{name}`"),
            span,
            "unknown name",
        );
        let in_library = crate::syntax::library_modules()
            .into_iter()
            .find(|path| crate::syntax::library_names(path).iter().any(|item| item == name));
        self.error(match (in_library, did_you_mean(name, known.iter().map(String::as_str))) {
            (Some(path), _) => diagnostic.help(format!("import it: `use {path}::{name}`")),
            (None, Some(near)) => diagnostic.help(format!("did you mean `{near}`?")),
            (None, None) => diagnostic.help("declare it, or import it with `use`"),
        });
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
        match self.name(&name.name, name.span) {
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
                    .help(format!("declare it as one: `axis {}`", name.name)),
                );
                None
            }
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
        Value::Number(match op {
            BinaryOp::Add => x + y,
            BinaryOp::Sub => x - y,
            BinaryOp::Mul => x * y,
            BinaryOp::Pow => x.pow(y),
            BinaryOp::Div => match x.over(y) {
                Some(number) => number,
                None => {
                    self.error(Diagnostic::new(Code::Number, "division by zero", span, "the divisor is 0"));
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
        })
    }

    fn is_choice(&mut self, subject: &Expr, word: &str, span: Span) -> bool {
        let ExprKind::Name(config) = &subject.kind else { return true };
        let Some(choices) = self.config_types.get(config).cloned() else { return true };
        if choices.is_empty() || choices.iter().any(|choice| choice == word) {
            return true;
        }
        let diagnostic =
            Diagnostic::new(Code::Config, format!("`{config}` has no choice `{word}`"), span, "not a choice");
        self.error(match did_you_mean(word, choices.iter().map(String::as_str)) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(format!("its choices are {}", choices.join(", "))),
        });
        false
    }

    /// Which arm the subject chooses; arms that no choice can reach and choices without an arm are reported.
    pub(super) fn chosen_arm(&mut self, subject: &Expr, arms: &[(Ident, Expr)]) -> Option<usize> {
        let value = self.expr(subject);
        for (name, _) in arms {
            self.is_choice(subject, &name.name, name.span);
        }
        if let ExprKind::Name(config) = &subject.kind
            && let Some(choices) = self.config_types.get(config).cloned()
        {
            let without: Vec<&str> = choices
                .iter()
                .filter(|choice| choices.len() > 1 && !arms.iter().any(|(name, _)| name.name == **choice))
                .map(String::as_str)
                .collect();
            if !without.is_empty() {
                self.error(
                    Diagnostic::new(
                        Code::Incomplete,
                        format!("no arm for {}", without.join(", ")),
                        subject.span,
                        "of these choices",
                    )
                    .help(format!("add `{} => …`", without[0])),
                );
                return None;
            }
        }
        match value {
            Value::Choice(word) => arms.iter().position(|(name, _)| name.name == word),
            Value::Broken => None,
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
                None
            }
        }
    }

    fn field(&mut self, value: Value, name: &Ident) -> Value {
        match value {
            Value::Record(fields) => match fields.iter().find(|(known, _)| *known == name.name) {
                Some((_, value)) => value.clone(),
                None => {
                    let known: Vec<&str> = fields.iter().map(|(known, _)| known.as_str()).collect();
                    self.error(
                        Diagnostic::new(
                            Code::UnknownName,
                            format!("there is no `{}` in it", name.name),
                            name.span,
                            "not there",
                        )
                        .help(format!("it has {}", known.join(", "))),
                    );
                    Value::Broken
                }
            },
            Value::Broken => Value::Broken,
            other => {
                self.error(Diagnostic::new(
                    Code::Kind,
                    format!("`.{}` reads a named value, and this is {}", name.name, other.what()),
                    name.span,
                    "nothing to read it from",
                ));
                Value::Broken
            }
        }
    }

    fn index(&mut self, value: Value, items: &[IndexItem], span: Span) -> Value {
        match value {
            Value::Family(nets) => {
                let [IndexItem::Plain(expr)] = items else {
                    self.error(Diagnostic::new(
                        Code::Arguments,
                        "a family of nets takes one number",
                        span,
                        "here",
                    ));
                    return Value::Broken;
                };
                let Some(at) = self.size_value(expr) else { return Value::Broken };
                match nets.get(at) {
                    Some(net) => Value::Net(net.clone()),
                    None => {
                        self.error(
                            Diagnostic::new(
                                Code::Number,
                                format!("there is no net {at}"),
                                expr.span,
                                format!("this is {at}"),
                            )
                            .help(format!("the family has {}, counted from 0", nets.len())),
                        );
                        Value::Broken
                    }
                }
            }
            Value::Table(table) => self.rows(table, items, span).map_or(Value::Broken, Value::Tensor),
            Value::Broken => Value::Broken,
            value => {
                let Some(mut val) = self.tensor(&value, span) else { return Value::Broken };
                for item in items {
                    match self.index_tensor(val, item, span) {
                        Some(next) => val = next,
                        None => return Value::Broken,
                    }
                }
                Value::Tensor(val)
            }
        }
    }

    fn index_tensor(&mut self, val: super::Val, item: &IndexItem, span: Span) -> Option<super::Val> {
        match item {
            IndexItem::Plain(expr) => {
                let ExprKind::Name(name) = &expr.kind else {
                    self.error(
                        Diagnostic::new(Code::Arguments, "say which axis is indexed", expr.span, "of which axis?")
                            .help("`x[axis = 0]` takes one entry, `x[axis in a..b]` a range, `x[part]` a named part"),
                    );
                    return None;
                };
                let part = self.axis_named(&Ident { name: name.clone(), span: expr.span })?;
                self.part_of(val, part, span)
            }
            IndexItem::Equal(axis, expr) => {
                let axis = self.axis_named(axis)?;
                let val = self.with_growing(val, axis, span);
                match self.expr(expr) {
                    Value::Number(number) => match number.to_whole() {
                        Some(at) if at >= 0 => self.emit(Op::Select { axis, at: at as usize }, &[val], span),
                        _ => {
                            self.error(Diagnostic::new(
                                Code::Number,
                                format!("{number} is no place on an axis"),
                                expr.span,
                                "must be whole and not negative",
                            ));
                            None
                        }
                    },
                    value => {
                        let index = self.tensor(&value, expr.span)?;
                        self.emit(Op::Pick { axis }, &[val, index], span)
                    }
                }
            }
            IndexItem::In(axis, from, to) => {
                let axis = self.axis_named(axis)?;
                let val = self.with_growing(val, axis, span);
                let (start, end) = (self.size_value(from)?, self.size_value(to)?);
                if end < start {
                    self.error(Diagnostic::new(
                        Code::Number,
                        format!("the range {start} .. {end} runs backwards"),
                        from.span.to(to.span),
                        "here",
                    ));
                    return None;
                }
                self.emit(Op::Slice { axis, start, len: end - start, to: axis }, &[val], span)
            }
        }
    }

    /// `y[cell]`: the part of the axis that has it.
    fn part_of(&mut self, val: super::Val, part: AxisId, span: Span) -> Option<super::Val> {
        let ty = self.ty(val).clone();
        let whole = ty.axes().find(|whole| crate::primitive::is_part(part, *whole, &self.axes));
        let Some(whole) = whole else {
            let name = self.axes.name(part).to_owned();
            let shown = ty.show(&self.axes).to_string();
            let mut diagnostic = Diagnostic::new(
                Code::AxisMissing,
                format!("`{name}` is no part of this value"),
                span,
                format!("this is {shown}"),
            );
            if ty.has(part) {
                diagnostic = diagnostic.help(format!("it has `{name}` already, whole"));
            } else {
                diagnostic = diagnostic.help(format!("parts are declared: `axis pos = prefix + {name}`"));
            }
            self.error(diagnostic);
            return None;
        };
        let parts = self.axes.get(whole).parts.clone();
        let mut start = 0;
        for own in parts {
            let len = self.fixed_size(own, span)?;
            if own == part || crate::primitive::is_part(part, own, &self.axes) {
                let val = self.emit(Op::Slice { axis: whole, start, len, to: own }, &[val], span)?;
                return if own == part { Some(val) } else { self.part_of(val, part, span) };
            }
            start += len;
        }
        None
    }

    fn rows(&mut self, table: usize, items: &[IndexItem], span: Span) -> Option<super::Val> {
        let weight = self.weights[table].clone();
        let [IndexItem::Equal(axis, expr)] = items else {
            self.error(
                Diagnostic::new(Code::Arguments, "a table is read by rows", span, "here")
                    .help("`rows[task = puzzle]` with an index of that axis"),
            );
            return None;
        };
        let axis = self.axis_named(axis)?;
        let value = self.expr(expr);
        let index = self.tensor(&value, expr.span)?;
        let whole = super::ty::Ty::new(Kind::Float32, weight.dims.clone());
        let types = [&whole, &self.ty(index).clone()];
        match super::infer(&Op::Pick { axis }, &types, &self.axes) {
            Ok(ty) => {
                let rows = self.emit_typed(Op::Rows(weight.path), &[index], ty, span);
                self.emit(Op::Cast(Kind::Float), &[rows], span)
            }
            Err(complaint) => {
                let mut diagnostic =
                    Diagnostic::new(complaint.code, complaint.message, expr.span, "this index");
                diagnostic.help = complaint.help;
                self.error(diagnostic.related(weight.span, "the table"));
                None
            }
        }
    }

    /// Whether a name is bound so that `<-` may change it.
    pub(super) fn updatable(&mut self, name: &Ident) -> bool {
        match self.scope.get(&name.name).map(|binding| (binding.role, binding.span)) {
            Some((Role::Var | Role::State, _)) => true,
            Some((_, span)) => {
                self.error(
                    Diagnostic::new(
                        Code::Misplaced,
                        format!("`{}` cannot be updated", name.name),
                        name.span,
                        "updated here",
                    )
                    .related(span, "bound here, for good")
                    .help("bind it with `var` instead of `let`, or declare a `state`"),
                );
                false
            }
            None => {
                self.unknown(&name.name, name.span);
                false
            }
        }
    }
}
