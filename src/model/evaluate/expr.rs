//! Expressions: numbers known at compile time are folded exactly, tensors become instructions.

use crate::ir::op::Op;
use crate::model::Val;
use crate::model::checker::Checker;
use crate::model::evaluate::complaints;
use crate::model::evaluate::lists::OTHERS;
use crate::model::evaluate::number::Number;
use crate::model::evaluate::value::Value;
use crate::model::schedule::left::Flow;
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, Block, Expr, ExprKind, Ident, UnaryOp};
use crate::types::Kind;

impl Checker<'_> {
    pub(in crate::model) fn expr(&mut self, expr: &Expr) -> Value {
        if !self.deeper(expr.span) {
            return Value::Broken;
        }
        let value = self.value_of(expr);
        self.depth -= 1;
        value
    }

    fn value_of(&mut self, expr: &Expr) -> Value {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Number(text) => match Number::parse(text) {
                Some(number) => Value::Number(number),
                None => {
                    self.error(complaints::beyond_numbers(text, span));
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
                        self.trial().expr(arm);
                    }
                    self.expr(&arms[chosen].1)
                }
                None => Value::Broken,
            },
            ExprKind::Lookahead(names) => self.lookahead(names, span),
            ExprKind::Tuple(values) => Value::Tuple(values.iter().map(|value| self.expr(value)).collect()),
            ExprKind::List(entries) => self.list(entries),
            ExprKind::Block(block) => self.block_value(block),
            ExprKind::Inherited { module, value } => {
                let own = std::mem::replace(&mut self.scope.module, module.clone());
                let value = self.expr(value);
                self.scope.module = own;
                value
            }
        }
    }

    /// `y@2`: what a state was two supervision steps ago; `y@1` is what comes into this step.
    pub(in crate::model) fn ago(&mut self, base: &Expr, steps: u32, span: Span) -> Value {
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
        self.error(complaints::not_a_state(&text, self.scope.of_model, span));
        Value::Broken
    }

    /// The value of a block: what it returns, or the expression it ends in.
    pub(in crate::model) fn block_value(&mut self, block: &Block) -> Value {
        self.scope.push();
        let value = match self.statements(&block.statements) {
            Flow::Return(value) => value,
            Flow::Next => match &block.value {
                Some(value) => self.expr(value),
                None => {
                    self.error(complaints::block_without_value(block.span));
                    Value::Broken
                }
            },
        };
        self.scope.pop();
        value
    }

    /// A value known at compile time.
    pub(in crate::model) fn constant(&mut self, expr: &Expr) -> Value {
        match self.expr(expr) {
            Value::Tensor(_) => {
                self.error(complaints::not_known_yet(expr.span));
                Value::Broken
            }
            value => value,
        }
    }

    pub(in crate::model) fn number(&mut self, expr: &Expr) -> Option<Number> {
        match self.constant(expr) {
            Value::Number(number) => Some(number),
            Value::Bool(value) => Some(Number::whole(i64::from(value))),
            Value::Broken => None,
            other => {
                self.error(complaints::not_a_number(other.what(), expr.span));
                None
            }
        }
    }

    pub(in crate::model) fn condition(&mut self, expr: &Expr) -> Option<bool> {
        match self.expr(expr) {
            Value::Bool(value) => Some(value),
            Value::Broken => None,
            other => {
                self.error(complaints::not_a_condition(other.what(), expr.span));
                None
            }
        }
    }

    pub(in crate::model) fn unary(&mut self, op: UnaryOp, value: Value, span: Span) -> Value {
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

    pub(in crate::model) fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> Value {
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
            self.error(complaints::chained_comparisons(span));
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
        // Beside a bool per element, one known at compile time decides, or changes nothing.
        if let (BinaryOp::And | BinaryOp::Or, (Value::Bool(known), other) | (other, Value::Bool(known))) =
            (op, (&a, &b))
            && let Value::Tensor(val) = other
            && self.ty(*val).kind == Kind::Bool
        {
            return if *known == (op == BinaryOp::Or) { Value::Bool(*known) } else { Value::Tensor(*val) };
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

    pub(in crate::model) fn fold(&mut self, op: BinaryOp, x: Number, y: Number, span: Span) -> Value {
        let order = x.compare(y);
        let number = match op {
            BinaryOp::Add => x + y,
            BinaryOp::Sub => x - y,
            BinaryOp::Mul => x * y,
            BinaryOp::Pow => x.pow(y),
            BinaryOp::Div => match x.over(y) {
                Some(number) => number,
                None => {
                    self.error(complaints::divided_by_zero(span));
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
                self.error(complaints::bools_needed(span));
                return Value::Broken;
            }
        };
        self.kept_number(number, &[x, y], span)
    }

    /// A number computed from `operands` at compile time, if it can be kept. It is infinite only where one of them is.
    pub(in crate::model) fn kept_number(&mut self, number: Number, operands: &[Number], span: Span) -> Value {
        if number.is_finite()
            || operands.iter().any(|operand| !operand.is_finite()) && !number.to_f64().is_nan()
        {
            return Value::Number(number);
        }
        self.error(complaints::no_number(span));
        Value::Broken
    }

    /// A number where a tensor is needed.
    pub(in crate::model) fn number_as_tensor(&mut self, number: Number, span: Span) -> Option<Val> {
        if number.fits_tensors() {
            return self.emit(Op::Number(number.to_f64().into()), &[], span);
        }
        self.error(complaints::beyond_tensors(number, span));
        None
    }

    pub(in crate::model) fn is_choice(&mut self, subject: &Expr, word: &str, span: Span) -> bool {
        let ExprKind::Name(config) = &subject.kind else { return true };
        let Some(types) = self.config_types.get(config).cloned() else { return true };
        if types.all.iter().any(|choice| choice == word) {
            return true;
        }
        self.error(complaints::no_choice(config, word, &types.now, span));
        false
    }

    /// Which arm the subject chooses; arms that no choice can reach and choices without an arm are reported.
    pub(in crate::model) fn chosen_arm(&mut self, subject: &Expr, arms: &[(Ident, Expr)]) -> Option<usize> {
        self.others_come_last(arms);
        let word = match self.expr(subject) {
            Value::Choice(word) => word,
            Value::Number(number) => return self.arm_of_number(number, subject, arms),
            Value::Broken => return None,
            other => {
                self.error(complaints::not_a_subject(other.what(), subject.span));
                return None;
            }
        };
        for (at, (name, _)) in arms.iter().enumerate() {
            if name.name != OTHERS {
                self.is_choice(subject, &name.name, name.span);
            }
            if let Some((before, _)) = arms[..at].iter().find(|(before, _)| before.name == name.name) {
                self.error(complaints::two_arms(&format!("`{}`", name.name), name.span, before.span));
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
            .filter(|choice| {
                !arms.iter().any(|(name, _)| [OTHERS, choice.as_str()].contains(&name.name.as_str()))
            })
            .cloned()
            .collect();
        if !without.is_empty() {
            self.error(complaints::no_arm_for_choices(&text, &without, subject.span));
            return None;
        }
        let others = || arms.iter().position(|(name, _)| name.name == OTHERS);
        arms.iter().position(|(name, _)| name.name == word).or_else(others)
    }
}

pub(in crate::model) fn compares(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::Le | BinaryOp::Ge | BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Gt)
}
