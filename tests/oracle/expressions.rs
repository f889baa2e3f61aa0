//! Expressions: operators, names, choices, blocks, indexing. Takes a tree and the frame it stands in; gives a value.

use std::collections::HashMap;
use std::rc::Rc;

use totc::syntax::ast::{BinaryOp, Block, Expr, ExprKind, Ident, IndexItem, UnaryOp};

use super::evaluate::{Frame, Oracle};
use super::nets::Instance;
use super::primitives as p;
use super::schedule::Flow;
use super::value::{AxisId, Kind, Number, Recipe, Res, Tensor, Value, walk};

/// The kind of two values side by side: indices of one axis stay so.
pub fn beside(a: &Tensor, b: &Tensor) -> Kind {
    match (a.kind, b.kind) {
        (Kind::Index(axis), Kind::Index(same)) if axis == same => a.kind,
        _ => promoted(a, b),
    }
}

/// The kind of what two values make together.
pub fn promoted(a: &Tensor, b: &Tensor) -> Kind {
    match (a.kind, b.kind) {
        (Kind::Float, _) | (_, Kind::Float) => Kind::Float,
        (Kind::Bool, Kind::Bool) => Kind::Bool,
        _ => Kind::Int,
    }
}

impl<'a> Oracle<'a> {
    pub fn expr(&mut self, expr: &'a Expr, frame: &mut Frame<'a>) -> Res<Value<'a>> {
        match &expr.kind {
            ExprKind::Number(text) => Number::parse(text).map(Value::Number),
            ExprKind::Bool(value) => Ok(Value::Bool(*value)),
            ExprKind::Name(name)
                if name == "inherited" && !frame.locals.iter().any(|scope| scope.contains_key(name)) =>
            {
                self.inherited_value(frame)
            }
            ExprKind::Inherited { .. } => Err("no text of an author".to_owned()),
            ExprKind::Name(name) => self.find(name, frame)?.ok_or(format!("nothing here is called `{name}`")),
            ExprKind::Call { callee, args } => match &callee.kind {
                ExprKind::Name(name) if name == "size" && self.find(name, frame)?.is_none() => {
                    self.size(args, frame)
                }
                _ => self.call(callee, args, frame),
            },
            ExprKind::Index { base, items } => self.index(base, items, frame),
            ExprKind::Field { base, name } => {
                let base = self.expr(base, frame)?;
                self.field(&base, name)
            }
            ExprKind::Ago { base, steps } => {
                let ExprKind::Name(name) = &base.kind else { return Err("`@` of no state".to_owned()) };
                let past = self.past.get(&(name.clone(), *steps as usize)).cloned();
                past.ok_or(format!("`{name}@{steps}` is not there"))
            }
            ExprKind::Unary { op: UnaryOp::Neg, value } => match self.expr(value, frame)? {
                Value::Number(number) => Ok(Value::Number(number.neg())),
                value => {
                    let x = value.as_tensor()?;
                    let kind = if x.is_exact() { Kind::Int } else { Kind::Float };
                    Ok(Value::tensor(p::elementwise(kind, &[&x], |at| -at[0])?))
                }
            },
            ExprKind::Unary { op: UnaryOp::Not, value } => match self.expr(value, frame)? {
                Value::Bool(value) => Ok(Value::Bool(!value)),
                value => {
                    let x = value.as_tensor()?;
                    let not = p::elementwise(Kind::Bool, &[&x], |at| f64::from(u8::from(at[0] == 0.0)))?;
                    Ok(self.constant(Value::tensor(not)))
                }
            },
            ExprKind::Binary { op, left, right } => {
                let (mut a, mut b) = (self.operand(left, frame)?, self.operand(right, frame)?);
                // Beside a choice, a name is one of its words, whatever else is called so.
                match (&left.kind, &right.kind) {
                    (_, ExprKind::Name(word)) if matches!(a, Value::Word(_)) => b = Value::Word(word.clone()),
                    (ExprKind::Name(word), _) if matches!(b, Value::Word(_)) => a = Value::Word(word.clone()),
                    _ => {}
                }
                self.binary(*op, &a, &b)
            }
            ExprKind::If { cond, then, otherwise } => {
                let chosen = if self.expr(cond, frame)?.truth()? { then } else { otherwise };
                self.block(chosen, frame)?.ok_or("an `if` without value".to_owned())
            }
            ExprKind::Match { subject, arms } => {
                let subject = self.expr(subject, frame)?;
                let meant = |arm: &str| match (&subject, arm.strip_prefix('-')) {
                    (Value::Word(word), _) => arm == word,
                    (Value::Number(number), None) => {
                        Number::parse(arm).is_ok_and(|arm| arm.float() == number.float())
                    }
                    (Value::Number(number), Some(arm)) => {
                        Number::parse(arm).is_ok_and(|arm| -arm.float() == number.float())
                    }
                    _ => false,
                };
                let own = arms.iter().find(|(arm, _)| arm.name != "_" && meant(&arm.name));
                let arm = own.or_else(|| arms.iter().find(|(arm, _)| arm.name == "_"));
                self.expr(&arm.ok_or("no arm for it")?.1, frame)
            }
            ExprKind::List(values) => {
                Ok(Value::Tuple(values.iter().map(|value| self.expr(value, frame)).collect::<Res<_>>()?))
            }
            ExprKind::Lookahead(names) => self.lookahead(names),
            ExprKind::Tuple(values) => {
                let mut values: Vec<Value<'a>> =
                    values.iter().map(|value| self.expr(value, frame)).collect::<Res<_>>()?;
                Ok(if values.len() == 1 { values.remove(0) } else { Value::Tuple(values) })
            }
            ExprKind::Block(block) => self.block(block, frame)?.ok_or("a block without value".to_owned()),
        }
    }

    /// The value of the result that this one replaced.
    fn inherited_value(&mut self, frame: &mut Frame<'a>) -> Res<Value<'a>> {
        let base = self.inside.last().and_then(|own| own.base.clone()).ok_or("nothing is inherited")?;
        let (_, value) = super::results::result(&base).ok_or("no value is inherited")?;
        let module = std::mem::replace(&mut frame.module, base.module.clone());
        self.inside.push((*base).clone());
        let value = self.expr(value, frame)?;
        self.inside.pop();
        frame.module = module;
        Ok(value)
    }

    /// An operand; a name that nothing is called by is a word to compare with.
    fn operand(&mut self, expr: &'a Expr, frame: &mut Frame<'a>) -> Res<Value<'a>> {
        match &expr.kind {
            ExprKind::Name(name) if name != "inherited" => {
                Ok(self.find(name, frame)?.unwrap_or(Value::Word(name.clone())))
            }
            _ => self.expr(expr, frame),
        }
    }

    /// The value that a block returns, or ends with.
    pub fn block(&mut self, block: &'a Block, frame: &mut Frame<'a>) -> Res<Option<Value<'a>>> {
        frame.locals.push(HashMap::new());
        let value = match self.statements(&block.statements, frame)? {
            Flow::Return(value) => Some(value),
            Flow::On => match &block.value {
                Some(value) => Some(self.expr(value, frame)?),
                None => None,
            },
        };
        frame.locals.pop();
        Ok(value)
    }

    fn binary(&mut self, op: BinaryOp, a: &Value<'a>, b: &Value<'a>) -> Res<Value<'a>> {
        use BinaryOp::*;
        match (a, b) {
            (Value::Word(a), Value::Word(b)) => match op {
                Eq => Ok(Value::Bool(a == b)),
                Ne => Ok(Value::Bool(a != b)),
                _ => Err("words are compared by `==` and `!=`".to_owned()),
            },
            (Value::Recipe(recipe), count) if op == Mul => {
                Ok(Value::Recipe(Rc::new(Recipe::Family(recipe.clone(), count.number()?.count()?))))
            }
            (Value::Bool(a), Value::Bool(b)) if matches!(op, And | Or | Eq | Ne) => {
                Ok(Value::Bool(match op {
                    And => *a && *b,
                    Or => *a || *b,
                    Eq => a == b,
                    _ => a != b,
                }))
            }
            (Value::Number(_) | Value::Bool(_), Value::Number(_) | Value::Bool(_)) => {
                numbers(op, a.number()?, b.number()?)
            }
            _ => self.tensors(op, &*a.as_tensor()?, &*b.as_tensor()?),
        }
    }

    fn tensors(&mut self, op: BinaryOp, a: &Tensor, b: &Tensor) -> Res<Value<'a>> {
        use BinaryOp::*;
        let truth = |value: bool| f64::from(u8::from(value));
        let arithmetic: fn(f64, f64) -> f64 = match op {
            Add => |a, b| a + b,
            Sub => |a, b| a - b,
            Mul => |a, b| a * b,
            Div => |a, b| a / b,
            Pow => f64::powf,
            _ => {
                let exact = a.is_exact() && b.is_exact();
                let margins = &mut self.margins;
                let result = p::elementwise(Kind::Bool, &[a, b], |at| {
                    let (a, b) = (at[0], at[1]);
                    if !exact && !matches!(op, And | Or) {
                        margins.jumps_at((a - b) / a.abs().max(b.abs()).max(1.0));
                    }
                    truth(match op {
                        Or => a != 0.0 || b != 0.0,
                        And => a != 0.0 && b != 0.0,
                        Le => a <= b,
                        Ge => a >= b,
                        Eq => a == b,
                        Ne => a != b,
                        Lt => a < b,
                        _ => a > b,
                    })
                })?;
                return Ok(self.constant(Value::tensor(result)));
            }
        };
        let kind = match (op, promoted(a, b)) {
            (Div, _) | (_, Kind::Float) => Kind::Float,
            _ => Kind::Int,
        };
        if op == Pow && !a.is_exact() {
            // A root, or a power below 1, has no slope at 0.
            a.data.iter().filter(|_| b.data.iter().any(|b| *b < 1.0)).for_each(|a| self.margins.bends_at(*a));
        }
        Ok(Value::tensor(p::elementwise(kind, &[a, b], |at| arithmetic(at[0], at[1]))?))
    }

    fn field(&mut self, base: &Value<'a>, name: &Ident) -> Res<Value<'a>> {
        match base {
            Value::Fields(values) => values.get(&name.name).cloned().ok_or(format!("no `{}`", name.name)),
            Value::Net(net) => {
                let known = net.names.borrow().get(&name.name).cloned();
                match known {
                    Some(value) => self.read(value),
                    None => self.emitted_by(net, &name.name),
                }
            }
            other => Err(format!("{} has no `{}`", other.what(), name.name)),
        }
    }

    /// The mean of what a net and those inside it have emitted, over the calls in the scope of gradient.
    fn emitted_by(&mut self, net: &Instance<'a>, name: &str) -> Res<Value<'a>> {
        let below = format!("{}.", net.path);
        let own = self.emitted.iter().filter(|emitted| {
            emitted.name == name && (emitted.net == net.path || emitted.net.starts_with(&below))
        });
        let values: Vec<Rc<Tensor>> =
            own.filter(|emitted| emitted.gradient).map(|emitted| emitted.value.clone()).collect();
        if values.is_empty() {
            return Err(format!("`{}` has emitted no `{name}` in the scope of gradient", net.path));
        }
        let operands: Vec<&Tensor> = values.iter().map(Rc::as_ref).collect();
        let count = operands.len() as f64;
        Ok(Value::tensor(p::elementwise(Kind::Float, &operands, |at| at.iter().sum::<f64>() / count)?))
    }

    fn index(&mut self, base: &'a Expr, items: &'a [IndexItem], frame: &mut Frame<'a>) -> Res<Value<'a>> {
        let mut value = self.expr(base, frame)?;
        for item in items {
            value = match (item, &value) {
                (IndexItem::Plain(index), Value::Family(nets)) => {
                    let at = self.expr(index, frame)?.number()?.count()?;
                    nets.get(at).cloned().ok_or("a family has no such net")?
                }
                (IndexItem::Plain(index), Value::Tuple(list)) => {
                    let at = self.expr(index, frame)?.number()?.count()?;
                    list.get(at).cloned().ok_or("a list has no such entry")?
                }
                (IndexItem::Plain(part), _) => {
                    let Value::Axis(part) = self.expr(part, frame)? else {
                        return Err("an index that is no axis".to_owned());
                    };
                    Value::tensor(self.part(&*value.as_tensor()?, part)?)
                }
                (IndexItem::Equal(axis, index), _) => {
                    let x = value.as_tensor()?;
                    let axis = self.axis(&axis.name, frame)?;
                    match self.expr(index, frame)? {
                        Value::Number(number) => Value::tensor(self.entry(&x, axis, number.count()?)?),
                        index => Value::tensor(p::looked_up(&x, axis, &*index.as_tensor()?)?),
                    }
                }
                (IndexItem::In(axis, from, to), _) => {
                    let x = value.as_tensor()?;
                    let axis = self.axis(&axis.name, frame)?;
                    let from = self.expr(from, frame)?.number()?.count()?;
                    let to = self.expr(to, frame)?.number()?.count()?;
                    Value::tensor(self.range(&x, axis, from, to)?)
                }
            };
        }
        Ok(value)
    }

    pub fn axis(&mut self, name: &str, frame: &Frame<'a>) -> Res<AxisId> {
        match self.axes_called(name, frame)?[..] {
            [axis] => Ok(axis),
            _ => Err(format!("`{name}` is not one axis")),
        }
    }

    /// The entries `from .. to` along an axis.
    pub fn range(&self, x: &Tensor, axis: AxisId, from: usize, to: usize) -> Res<Tensor> {
        let size = x.size(axis).ok_or(format!("the axis `{}` is not there", self.axis_name(axis)))?;
        if from > to || to > size {
            return Err(format!("{from} .. {to} of {size}"));
        }
        let axes: Vec<_> =
            x.axes.iter().map(|(own, size)| (*own, if *own == axis { to - from } else { *size })).collect();
        let step = x.strides(&[(axis, 0)])[0];
        let mut data = Vec::new();
        walk(&axes, &[x], |at| data.push(x.data[at[0] + from * step]));
        Ok(Tensor { kind: x.kind, axes, data })
    }

    /// One entry along an axis, which is gone after it.
    pub fn entry(&self, x: &Tensor, axis: AxisId, at: usize) -> Res<Tensor> {
        let mut one = self.range(x, axis, at, at + 1)?;
        one.axes.retain(|(own, _)| *own != axis);
        Ok(one)
    }

    /// The part `part` of the axis that has it.
    fn part(&self, x: &Tensor, part: AxisId) -> Res<Tensor> {
        for (axis, _) in &x.axes {
            let Some(place) = self.axes[*axis].parts.iter().position(|own| *own == part) else { continue };
            let size = |axis: &AxisId| self.axes[*axis].size.unwrap_or(0);
            let before: usize = self.axes[*axis].parts[..place].iter().map(size).sum();
            return Ok(self.range(x, *axis, before, before + size(&part))?.renamed(*axis, part));
        }
        Err(format!("nothing here has the part `{}`", self.axis_name(part)))
    }
}

fn numbers<'a>(op: BinaryOp, a: Number, b: Number) -> Res<Value<'a>> {
    use BinaryOp::*;
    let order = match (a, b) {
        (Number::Ratio(x, y), Number::Ratio(z, w)) => match x.checked_mul(w).zip(z.checked_mul(y)) {
            Some((left, right)) => Some(left.cmp(&right)),
            None => a.float().partial_cmp(&b.float()),
        },
        _ => a.float().partial_cmp(&b.float()),
    };
    Ok(match op {
        Add => Value::Number(a.add(b)),
        Sub => Value::Number(a.add(b.neg())),
        Mul => Value::Number(a.mul(b)),
        Div => Value::Number(a.div(b)?),
        Pow => Value::Number(a.pow(b)?),
        Le => Value::Bool(order.is_some_and(|order| order.is_le())),
        Ge => Value::Bool(order.is_some_and(|order| order.is_ge())),
        Eq => Value::Bool(order.is_some_and(|order| order.is_eq())),
        Ne => Value::Bool(!order.is_some_and(|order| order.is_eq())),
        Lt => Value::Bool(order.is_some_and(|order| order.is_lt())),
        Gt => Value::Bool(order.is_some_and(|order| order.is_gt())),
        And | Or => return Err("`and` and `or` join truth values".to_owned()),
    })
}
