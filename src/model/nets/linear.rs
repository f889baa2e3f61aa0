//! `Linear`: the one net that is no library code, `x · Wᵀ + b` from axes to axes.

use crate::ir::WeightRole;
use crate::ir::op::{Attrs, Init, Op};
use crate::model::Val;
use crate::model::checker::Checker;
use crate::model::complaints::told;
use crate::model::evaluate::value::{Linear, NetInstance, NetKind, Value};
use crate::model::nets::complaints;
use crate::source::Span;
use crate::syntax::ast::{Arg, ArgKind, Expr, ExprKind, MapSide};
use crate::types::{Axis, Dim};
use std::rc::Rc;

impl Checker<'_> {
    /// `Linear(from -> to [, bias = false | true | initial] [, weight = initial])`.
    pub(in crate::model) fn linear(&mut self, args: &[Arg], path: &str, span: Span) -> Value {
        let mut map = None;
        let mut bias: Option<Init> = None;
        let mut weight: Option<Init> = None;
        let mut positional = 0;
        for arg in args {
            let (name, expr) = match &arg.kind {
                ArgKind::Map(from, to) => {
                    map = Some((from, to));
                    continue;
                }
                ArgKind::Positional(Expr { kind: ExprKind::Name(name), .. })
                    if matches!(
                        self.scope.get(name).map(|bound| &bound.value),
                        Some(Value::Axis(_) | Value::Axes(_))
                    ) =>
                {
                    map = None;
                    break;
                }
                ArgKind::Positional(expr) => {
                    positional += 1;
                    (if positional == 1 { "bias" } else { "weight" }, expr)
                }
                ArgKind::Named(name, expr) => (name.name.as_str(), expr),
                ArgKind::Clause(..) => ("", &Expr { kind: ExprKind::Bool(false), span: arg.span }),
            };
            match (name, self.constant(expr)) {
                (_, Value::Broken) => return Value::Broken,
                ("bias", Value::Bool(false)) => bias = None,
                ("bias", Value::Bool(true)) => bias = Some(Init::Constant(0.0)),
                ("bias", Value::Number(number)) => bias = Some(Init::Constant(number.to_f64())),
                ("bias", Value::Init(init)) => bias = Some(init),
                ("weight", Value::Number(number)) => weight = Some(Init::Constant(number.to_f64())),
                ("weight", Value::Init(init)) => weight = Some(init),
                _ => {
                    self.error(complaints::linear_has_no_parameter(arg.span));
                    return Value::Broken;
                }
            }
        }
        let Some((from, to)) = map else {
            self.error(complaints::linear_without_axes(span));
            return Value::Broken;
        };
        let (from_place, to_place) = (side_span(from).unwrap_or(span), side_span(to).unwrap_or(span));
        let (Some(from), Some(to)) = (self.map_side(from), self.map_side(to)) else { return Value::Broken };
        let mut inner = Vec::new();
        let (mut in_dims, mut out_dims) = (Vec::new(), Vec::new());
        for axis in &to {
            let Some(size) = self.fixed_size(*axis, to_place) else { return Value::Broken };
            out_dims.push(Dim { axis: *axis, size });
        }
        for axis in &from {
            let Some(size) = self.fixed_size(*axis, from_place) else { return Value::Broken };
            // `dim -> dim`: inside, the input needs a name of its own.
            let own = if to.contains(axis) {
                let old = self.axes.get(*axis).clone();
                self.axes.add(Axis { name: format!("{}'", old.name), parts: Vec::new(), ..old })
            } else {
                *axis
            };
            inner.push(own);
            in_dims.push(Dim { axis: own, size });
        }
        let fan_in: usize = in_dims.iter().map(|dim| dim.size).product();
        let weight = weight.unwrap_or(Init::TruncatedNormal { std: 1.0 / (fan_in.max(1) as f64).sqrt() });
        let dims = out_dims.iter().chain(&in_dims).copied().collect();
        let Some(Value::Tensor(weight)) =
            self.add_weight(&format!("{path}.weight"), WeightRole::Param, dims, weight, span)
        else {
            return Value::Broken;
        };
        let bias = match bias {
            Some(init) => {
                match self.add_weight(&format!("{path}.bias"), WeightRole::Param, out_dims, init, span) {
                    Some(Value::Tensor(bias)) => Some(bias),
                    _ => return Value::Broken,
                }
            }
            None => None,
        };
        let kind = NetKind::Linear(Linear { from, to, inner, weight, bias });
        Value::Net(Rc::new(NetInstance { path: path.to_owned(), kind }))
    }

    pub(in crate::model) fn apply_linear(&mut self, linear: &Linear, x: Val, span: Span) -> Option<Val> {
        let ty = self.ty(x).clone();
        for axis in &linear.from {
            if !ty.has(*axis) {
                let complaint = crate::primitive::missing(*axis, &ty, &self.axes, "this `Linear`");
                self.error(told(complaint, span, format!("this is given {}", ty.show(&self.axes))));
                return None;
            }
        }
        if let Some(axis) = linear.to.iter().find(|axis| ty.has(**axis) && !linear.from.contains(axis)) {
            let (name, shown) = (self.axes.name(*axis).to_owned(), ty.show(&self.axes).to_string());
            self.error(complaints::linear_makes_again(&name, &shown, span));
            return None;
        }
        let mut x = x;
        for (from, inner) in linear.from.iter().zip(&linear.inner) {
            if from != inner {
                x = self.emit(Op::Rename { from: *from, to: *inner }, &[x], span)?;
            }
        }
        let mut y = if linear.from.is_empty() {
            self.scaled(linear, x, span)?
        } else {
            let attrs = Attrs { over: linear.inner.clone(), ..Default::default() };
            self.prim("dot", &[x, linear.weight], attrs, span)?
        };
        if let Some(bias) = linear.bias {
            y = self.prim("add", &[y, bias], Default::default(), span)?;
        }
        Some(y)
    }

    /// `Linear(1 -> dim)`: nothing is summed, each number becomes a multiple of the weight, whose axes come last.
    fn scaled(&mut self, linear: &Linear, x: Val, span: Span) -> Option<Val> {
        let mut ty = self.ty(x).clone();
        ty.dims.extend(self.ty(linear.weight).dims.clone());
        self.fits(&ty.dims, span)?;
        let spread = self.arranged(x, &ty, span)?;
        self.prim("mul", &[spread, linear.weight], Default::default(), span)
    }
}

/// Where a side of `from -> to` stands.
fn side_span(side: &MapSide) -> Option<Span> {
    match side {
        MapSide::One(span) => Some(*span),
        MapSide::Axes(names) => Some(names.first()?.span.to(names.last()?.span)),
    }
}
