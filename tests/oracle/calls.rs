//! Calls: arguments meet parameters; the forms of the language and the primitives of the reference.

use std::collections::HashMap;
use std::rc::Rc;

use totc::syntax::ast::{Arg, ArgKind, AxisSet, Clause, Expr, ExprKind, ItemKind, Param};

use super::evaluate::{Frame, Home, Oracle};
use super::primitives as p;
use super::value::{AxisId, Kind, Number, Res, Tensor, Value};

/// Evaluated arguments of a call.
#[derive(Default)]
pub struct Args<'a> {
    pub positional: Vec<Value<'a>>,
    pub named: HashMap<String, Value<'a>>,
    pub clauses: Vec<(Clause, Vec<AxisId>)>,
}

/// Arguments by parameter, and the parameters that keep their defaults.
pub type Bound<'a> = (HashMap<String, Value<'a>>, Vec<&'a Param>);

pub fn bind<'a>(params: &'a [Param], mut args: Args<'a>) -> Res<Bound<'a>> {
    let (mut bound, mut missing) = (HashMap::new(), Vec::new());
    let mut positional = std::mem::take(&mut args.positional).into_iter();
    for param in params {
        let name = &param.name.name;
        let value = match param.clause {
            Some(clause) => {
                let at = args.clauses.iter().position(|(given, _)| *given == clause);
                at.map(|at| args.clauses.remove(at).1).map(|axes| {
                    let single = param.ty.as_ref().is_some_and(|ty| ty.name.name == "axis");
                    if single && axes.len() == 1 { Value::Axis(axes[0]) } else { Value::Axes(axes) }
                })
            }
            None => args.named.remove(name).or_else(|| positional.next()),
        };
        match value {
            Some(value) => drop(bound.insert(name.clone(), value)),
            None => missing.push(param),
        }
    }
    if positional.next().is_some() || !args.named.is_empty() || !args.clauses.is_empty() {
        return Err("arguments that no parameter takes".to_owned());
    }
    Ok((bound, missing))
}

impl<'a> Args<'a> {
    fn tensor(&self, at: usize) -> Res<Rc<Tensor>> {
        self.positional.get(at).ok_or("an argument is missing")?.as_tensor()
    }

    fn clause(&self, clause: Clause) -> Res<&[AxisId]> {
        let found = self.clauses.iter().find(|(given, _)| *given == clause);
        found.map(|(_, axes)| axes.as_slice()).ok_or(format!("`{}` is missing", clause.word()))
    }

    fn axis(&self, clause: Clause) -> Res<AxisId> {
        match self.clause(clause)? {
            [axis] => Ok(*axis),
            _ => Err("one axis is needed".to_owned()),
        }
    }

    fn flag(&self, name: &str) -> Res<bool> {
        self.named.get(name).map_or(Ok(false), Value::truth)
    }
}

impl<'a> Oracle<'a> {
    pub fn axes_called(&mut self, name: &str, frame: &Frame<'a>) -> Res<Vec<AxisId>> {
        match self.find(name, frame)? {
            Some(Value::Axis(axis)) => Ok(vec![axis]),
            Some(Value::Axes(axes)) => Ok(axes),
            _ => Err(format!("`{name}` is no axis here")),
        }
    }

    pub fn args(&mut self, args: &'a [Arg], frame: &mut Frame<'a>) -> Res<Args<'a>> {
        let mut found = Args::default();
        for arg in args {
            match &arg.kind {
                ArgKind::Positional(value) => found.positional.push(self.expr(value, frame)?),
                ArgKind::Named(name, value) => {
                    let value = self.expr(value, frame)?;
                    found.named.insert(name.name.clone(), value);
                }
                ArgKind::Clause(clause, set) => {
                    let axes = self.axis_set(set, &found, frame)?;
                    found.clauses.push((*clause, axes));
                }
                ArgKind::Map(..) => return Err("`a -> b` stands where nothing takes it".to_owned()),
            }
        }
        Ok(found)
    }

    fn axis_set(&mut self, set: &'a AxisSet, args: &Args<'a>, frame: &Frame<'a>) -> Res<Vec<AxisId>> {
        let mut named = |names: &[totc::syntax::ast::Ident]| -> Res<Vec<AxisId>> {
            let mut axes = Vec::new();
            for name in names {
                axes.extend(self.axes_called(&name.name, frame)?);
            }
            Ok(axes)
        };
        let left_out = match set {
            AxisSet::Names(names) => return named(names),
            AxisSet::Not(names) => named(names)?,
            AxisSet::All => Vec::new(),
        };
        let tensor = args.tensor(0)?;
        Ok(tensor.axes.iter().map(|(axis, _)| *axis).filter(|axis| !left_out.contains(axis)).collect())
    }

    pub fn call(&mut self, callee: &'a Expr, args: &'a [Arg], frame: &mut Frame<'a>) -> Res<Value<'a>> {
        if let ExprKind::Name(name) = &callee.kind {
            if let Some(value) = self.find(name, frame)? {
                return self.call_value(&value, args, frame);
            }
            match self.item(name, &frame.module) {
                Some((module, ItemKind::Net(def))) => return self.recipe(Some((&module, def)), args, frame),
                Some((module, ItemKind::Fn(def))) => {
                    let args = self.args(args, frame)?;
                    return self.call_function(def, &module, Home::Function, args);
                }
                Some(_) => return Err(format!("`{name}` cannot be called")),
                None => {}
            }
            if name == "Linear" {
                return self.recipe(None, args, frame);
            }
            if let Some(value) = self.reshaped(name, args, frame)? {
                return Ok(value);
            }
            let args = self.args(args, frame)?;
            return self.primitive(name, args);
        }
        let value = self.expr(callee, frame)?;
        self.call_value(&value, args, frame)
    }

    fn call_value(&mut self, value: &Value<'a>, args: &'a [Arg], frame: &mut Frame<'a>) -> Res<Value<'a>> {
        let Value::Net(net) = value else { return Err(format!("{} cannot be called", value.what())) };
        let args = self.args(args, frame)?;
        self.call_net(net, args)
    }

    /// Axes of a reduction that the value has; one that belongs to each value and is not there has one entry.
    fn present_axes(&self, x: &Tensor, axes: &[AxisId]) -> Res<Vec<AxisId>> {
        if let Some(axis) = axes.iter().find(|axis| !x.has(**axis) && self.axes[**axis].size.is_some()) {
            return Err(format!("the axis `{}` is not there", self.axis_name(*axis)));
        }
        Ok(axes.iter().copied().filter(|axis| x.has(*axis)).collect())
    }

    fn primitive(&mut self, name: &str, args: Args<'a>) -> Res<Value<'a>> {
        if let Some(function) = p::function(name) {
            return self.function(name, function, &args.positional);
        }
        if !args.clauses.is_empty()
            && args.positional.len() == 1
            && let Some(value) = self.reduction(name, &args)?
        {
            return Ok(value);
        }
        match name {
            "max" | "min" => self.extreme(name, &args.positional),
            "ceil" | "round" => {
                let number = args.positional.first().ok_or("of what?")?.number()?;
                let ceil = number.neg().floor().neg();
                Ok(Value::Number(if name == "ceil" { ceil } else { number.round() }))
            }
            "float" | "float32" | "float64" | "int" => {
                let x = args.tensor(0)?;
                if name != "int" {
                    return Ok(Value::tensor(Tensor { kind: Kind::Float, ..(*x).clone() }));
                }
                for value in x.data.iter().filter(|_| !x.is_exact()) {
                    self.margins.jumps_at(value - value.round());
                }
                Ok(self.constant(Value::tensor(p::elementwise(Kind::Int, &[&x], |at| at[0].trunc())?)))
            }
            "stop_gradient" => {
                let value = args.positional.into_iter().next().ok_or("of what?")?;
                Ok(self.constant(value))
            }
            "where" => {
                let (a, b) = (args.tensor(1)?, args.tensor(2)?);
                let kind = super::expressions::beside(&a, &b);
                let condition = args.tensor(0)?;
                let choose = |at: &[f64]| if at[0] != 0.0 { at[1] } else { at[2] };
                Ok(Value::tensor(p::elementwise(kind, &[&condition, &a, &b], choose)?))
            }
            "present" => {
                let x = args.tensor(0)?;
                let there = |at: &[f64]| f64::from(u8::from(!at[0].is_nan()));
                Ok(Value::tensor(p::elementwise(Kind::Bool, &[&x], there)?))
            }
            "dot" => {
                let (x, y) = (args.tensor(0)?, args.tensor(1)?);
                let over = args.clause(Clause::Over)?;
                for operand in [&x, &y] {
                    self.present_axes(operand, over)?;
                }
                Ok(Value::tensor(p::dot(&x, &y, over)?))
            }
            "attend" => {
                let (q, k, v) = (args.tensor(0)?, args.tensor(1)?, args.tensor(2)?);
                let (pos, feature) = (args.axis(Clause::Over)?, args.axis(Clause::Along)?);
                let other = self.new_axis("key", None);
                let causal = args.flag("causal")?;
                let mask = args.named.get("mask").map(Value::as_tensor).transpose()?;
                if !k.has(pos) || !v.has(pos) || (!q.has(pos) && causal) {
                    return self.attend_to_one(&v, pos);
                }
                Ok(Value::tensor(p::attend(&q, &k, &v, (pos, feature), causal, mask.as_deref(), other)?))
            }
            "convolve" => {
                let (over, along) = (args.axis(Clause::Over)?, args.axis(Clause::Along)?);
                let (x, kernel) = (args.tensor(0)?, args.tensor(1)?);
                Ok(Value::tensor(p::convolve(&x, &kernel, over, along, args.flag("causal")?)?))
            }
            "rope" => {
                let (over, along) = (args.axis(Clause::Over)?, args.axis(Clause::Along)?);
                let theta = args.named.get("theta").map_or(Ok(Number::whole(10000)), Value::number)?;
                Ok(Value::tensor(p::rope(&*args.tensor(0)?, over, along, theta.float())?))
            }
            "top_k" => {
                let (over, into) = (args.axis(Clause::Over)?, args.axis(Clause::Into)?);
                let count = args.named.get("count").ok_or("`count` is missing")?.number()?.count()?;
                let best = p::top_k(&*args.tensor(0)?, over, count, into, &mut self.margins);
                Ok(self.constant(Value::tensor(best)))
            }
            "gather" => {
                let (x, index) = (args.tensor(0)?, args.tensor(1)?);
                Ok(Value::tensor(p::looked_up(&x, args.axis(Clause::Over)?, &index)?))
            }
            "dropout" => {
                let rate = args.named.get("rate").map_or(Ok(Number::whole(0)), Value::number)?.float();
                match self.settings.training && rate > 0.0 {
                    true => Err("draws random numbers".to_owned()),
                    false => args.positional.into_iter().next().ok_or("of what?".to_owned()),
                }
            }
            "noise" | "uniform" => Err("draws random numbers".to_owned()),
            _ => Err(format!("nothing is called `{name}`")),
        }
    }

    /// Attention over an axis that is not there yet has one place to look at.
    fn attend_to_one(&self, v: &Rc<Tensor>, pos: AxisId) -> Res<Value<'a>> {
        match self.axes[pos].size {
            None if !v.has(pos) => Ok(Value::Tensor(v.clone())),
            _ => Err(format!("the axis `{}` is not there", self.axis_name(pos))),
        }
    }

    fn function(&mut self, name: &str, function: fn(f64) -> f64, args: &[Value<'a>]) -> Res<Value<'a>> {
        let [value] = args else { return Err(format!("`{name}` takes one value")) };
        if let Value::Number(number) = value {
            return Ok(Value::Number(match name {
                "floor" => number.floor(),
                "abs" if number.float() >= 0.0 => *number,
                "abs" => number.neg(),
                _ => Number::Float(function(number.float())),
            }));
        }
        let x = value.as_tensor()?;
        for value in &x.data {
            match name {
                "abs" | "relu" | "sqrt" | "log" | "rsqrt" => self.margins.bends_at(*value),
                "sign" if !x.is_exact() => self.margins.jumps_at(*value),
                "floor" if !x.is_exact() => self.margins.jumps_at(value - value.round()),
                _ => {}
            }
        }
        let kind = match name {
            "abs" | "relu" | "sign" | "floor" if x.is_exact() => Kind::Int,
            _ => Kind::Float,
        };
        let result = Value::tensor(p::elementwise(kind, &[&x], |at| function(at[0]))?);
        Ok(if matches!(name, "sign" | "floor") { self.constant(result) } else { result })
    }

    /// Elementwise; exact between numbers.
    fn extreme(&mut self, name: &str, args: &[Value<'a>]) -> Res<Value<'a>> {
        let [a, b] = args else { return Err(format!("`{name}` takes two values")) };
        if let (Ok(x), Ok(y)) = (a.number(), b.number()) {
            return Ok(Value::Number(if (x.float() >= y.float()) == (name == "max") { x } else { y }));
        }
        let (x, y) = (a.as_tensor()?, b.as_tensor()?);
        let margins = &mut self.margins;
        let exact = x.is_exact() && y.is_exact();
        let result = p::elementwise(super::expressions::promoted(&x, &y), &[&x, &y], |at| {
            if !exact {
                margins.bends_at(at[0] - at[1]);
            }
            if name == "max" { at[0].max(at[1]) } else { at[0].min(at[1]) }
        })?;
        Ok(Value::tensor(result))
    }

    fn reduction(&mut self, name: &str, args: &Args<'a>) -> Res<Option<Value<'a>>> {
        if !["sum", "mean", "max", "min", "norm", "logsumexp", "argmax", "softmax"].contains(&name) {
            return Ok(None);
        }
        let x = args.tensor(0)?;
        let over = self.present_axes(&x, args.clause(Clause::Over)?)?;
        let count: f64 = over.iter().filter_map(|axis| x.size(*axis)).product::<usize>() as f64;
        let kind = if x.is_exact() { Kind::Int } else { Kind::Float };
        let margins = &mut self.margins;
        let result = match name {
            "sum" => p::reduced(kind, &x, &over, |lane| lane.iter().sum()),
            "mean" => p::reduced(Kind::Float, &x, &over, |lane| match lane.is_empty() {
                true => 0.0,
                false => lane.iter().sum::<f64>() / count,
            }),
            "max" | "min" => {
                let sign = if name == "max" { 1.0 } else { -1.0 };
                p::reduced(x.kind, &x, &over, |lane| {
                    let lane: Vec<f64> = lane.iter().map(|value| sign * value).collect();
                    margins.bends_at(p::lead(&lane));
                    sign * p::largest(&lane)
                })
            }
            "norm" => p::reduced(Kind::Float, &x, &over, |lane| {
                let norm = lane.iter().map(|value| value * value).sum::<f64>().sqrt();
                margins.bends_at(norm);
                norm
            }),
            "logsumexp" => p::reduced(Kind::Float, &x, &over, p::log_sum_exp),
            "argmax" => {
                let [axis] = over[..] else { return Err("`argmax` is over one axis".to_owned()) };
                let exact = x.is_exact();
                let best = p::reduced(Kind::Index(axis), &x, &over, |lane| {
                    if !exact {
                        margins.jumps_at(p::lead(lane));
                    }
                    lane.iter().position(|value| *value == p::largest(lane)).map_or(f64::NAN, |at| at as f64)
                });
                return Ok(Some(self.constant(Value::tensor(best))));
            }
            _ => p::along(&x, &over, p::softmax),
        };
        Ok(Some(Value::tensor(result)))
    }
}
