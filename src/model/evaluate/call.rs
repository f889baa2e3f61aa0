//! Calls: nets, functions, the few built-in forms that need more than operands and axes, and the primitives.

use crate::ir::Called;
use crate::ir::op::{Attrs, Op};
use crate::model::checker::Checker;
use crate::model::evaluate::complaints;
use crate::model::evaluate::number::Number;
use crate::model::evaluate::signature::Args;
use crate::model::evaluate::value::Value;
use crate::model::{Bindings, Val};
use crate::primitive::{self, PrimId, Takes};
use crate::source::Span;
use crate::syntax::ast::{Arg, Clause, Expr, ExprKind};
use crate::types::Kind;

/// Built-in forms beside the primitives.
pub(in crate::model) const INTRINSICS: [&str; 23] = [
    "size",
    "concat",
    "stack",
    "pad",
    "split",
    "rename",
    "flatten",
    "unflatten",
    "broadcast",
    "index",
    "gather",
    "stop_gradient",
    "float",
    "float32",
    "float64",
    "int",
    "normal",
    "truncated_normal",
    "uniform",
    "noise",
    "top_k",
    "ceil",
    "round",
];

/// The names of the language's own functions.
pub fn built_in() -> impl Iterator<Item = &'static str> {
    INTRINSICS.into_iter().chain(primitive::all().map(|primitive| primitive.name))
}

/// Whether a name is a function of the language itself.
pub(in crate::model) fn is_built_in(name: &str) -> bool {
    INTRINSICS.contains(&name) || primitive::by_name(name).is_some()
}

impl Checker<'_> {
    pub(in crate::model) fn call(&mut self, callee: &Expr, args: &[Arg], span: Span) -> Value {
        let ExprKind::Name(name) = &callee.kind else {
            let value = match &callee.kind {
                ExprKind::Field { base, name } => self.called_field(base, name, callee, args),
                _ => self.expr(callee),
            };
            let args = self.arguments(args);
            return self.call_value(value, args, callee, span);
        };
        let known = self.scope.get(name).is_some() || self.item(&self.scope.module.clone(), name).is_some();
        if known {
            let value = self.name(name, callee.span);
            let args = self.arguments(args);
            return self.call_value(value, args, callee, span);
        }
        if is_built_in(name) {
            let args = self.arguments(args);
            if args.broken {
                return Value::Broken;
            }
            return self.built_in(name, &args, span).unwrap_or(Value::Broken);
        }
        if name == "Linear" {
            return self.net_not_made(name, callee.span);
        }
        self.name(name, callee.span)
    }

    pub(in crate::model) fn call_value(
        &mut self,
        value: Value,
        args: Args,
        callee: &Expr,
        span: Span,
    ) -> Value {
        if args.broken {
            return Value::Broken;
        }
        match value {
            Value::Net(net) => self.call_net(&net, args, span),
            Value::Function(function) => {
                let scope = crate::model::evaluate::value::Scope::new(&function.module);
                let label = function.def.name.as_ref().map_or("fn", |name| name.name.as_str()).to_owned();
                self.apply(&function.def, scope, args, span, &label, Called::Function(label.clone()))
            }
            Value::NetDef(def) => self.net_not_made(&def.def.name.name, callee.span),
            Value::Broken => Value::Broken,
            other => {
                let text = self.author_text(callee.span);
                self.error(complaints::cannot_be_called(&text, &other, callee.span));
                Value::Broken
            }
        }
    }

    pub(in crate::model) fn net_not_made(&mut self, name: &str, span: Span) -> Value {
        self.error(complaints::net_not_made(name, span));
        Value::Broken
    }

    pub(in crate::model) fn built_in(&mut self, name: &str, args: &Args, span: Span) -> Option<Value> {
        if let Some((number, operands)) = constant_function(name, args) {
            return Some(self.kept_number(number, &operands, span));
        }
        self.takes_only(name, args)?;
        match name {
            "size" => self.size(args, span),
            "normal" | "truncated_normal" => Some(self.distribution(name, args, span)),
            "uniform" if args.clauses.is_empty() => Some(self.distribution(name, args, span)),
            "noise" | "uniform" => self.draw(name, args, span),
            "int" if args.positional.first().is_some_and(|(value, _)| beyond_integers(value)) => {
                self.error(complaints::beyond_integers(span));
                None
            }
            "float" | "float32" | "float64" | "int" => {
                let kind = match name {
                    "float" => Kind::Float,
                    "float32" => Kind::Float32,
                    "float64" => Kind::Float64,
                    _ => Kind::Int,
                };
                let x = self.operand(args, 0, name, span)?;
                if self.ty(x).kind == kind {
                    return Some(Value::Tensor(x));
                }
                self.emit(Op::Cast(kind), &[x], span).map(Value::Tensor)
            }
            "stop_gradient" => {
                let x = self.operand(args, 0, name, span)?;
                self.emit(Op::Detach, &[x], span).map(Value::Tensor)
            }
            "concat" => self.concat(args, span),
            "stack" => self.stack(args, span),
            "split" => self.split(args, span),
            "broadcast" => self.broadcast(args, span),
            "index" | "iota" => self.index_along(args, span),
            "gather" => self.gather(args, span),
            "pad" | "rename" | "flatten" | "unflatten" => self.reshape(name, args, span),
            "top_k" => self.top_k(args, span),
            "attend" if self.attends_further(args) => self.attend_further(args, span),
            "where"
                if matches!(args.positional.first(), Some((Value::Bool(_), _)))
                    && args.positional.len() == 3 =>
            {
                let truth = matches!(args.positional[0].0, Value::Bool(true));
                Some(args.positional[if truth { 1 } else { 2 }].0.clone())
            }
            "max" | "min" if args.clause(Clause::Over).is_none() => {
                let mut others = args.positional.iter().skip(1);
                if (others.any(|(value, _)| matches!(value, Value::Axis(_) | Value::Axes(_)))
                    || !args.named.is_empty())
                    && let Some(told) = self.axis_without_word(name, Clause::Over, args, 1)
                {
                    self.error(told);
                    return None;
                }
                let id = primitive::by_name(if name == "max" { "maximum" } else { "minimum" })?;
                self.primitive_call(id, args, span)
            }
            "ceil" | "round" => {
                self.error(complaints::rounds_numbers(name, span));
                None
            }
            _ => self.primitive_call(primitive::by_name(name)?, args, span),
        }
    }

    /// Complains about arguments that a built-in form would not look at.
    pub(in crate::model) fn takes_only(&mut self, name: &str, args: &Args) -> Option<()> {
        let (values, named, clauses): (usize, &[&str], &[Clause]) = match name {
            "size" | "index" => (2, &[], &[]),
            "concat" => (usize::MAX, &[], &[Clause::Along]),
            "stack" => (usize::MAX, &[], &[Clause::Into]),
            "split" | "broadcast" | "noise" => (1, &[], &[Clause::Over]),
            "gather" => (2, &[], &[Clause::Over]),
            "uniform" => (2, &["low", "high"], &[Clause::Over]),
            "normal" | "truncated_normal" => (1, &["std"], &[]),
            "top_k" => (1, &["count"], &[Clause::Over, Clause::Into]),
            "pad" | "rename" | "flatten" | "unflatten" | "stop_gradient" | "float" | "float32"
            | "float64" | "int" | "ceil" | "round" => (1, &[], &[]),
            _ => return Some(()),
        };
        let is_axis = |(value, _): &(Value, Span)| matches!(value, Value::Axis(_));
        let most = match name {
            "concat" | "stack" => args.positional.iter().position(is_axis).unwrap_or(values),
            _ => values,
        };
        if let Some(told) = clauses.first().and_then(|word| self.axis_without_word(name, *word, args, most)) {
            self.error(told);
            return None;
        }
        let map = !matches!(name, "pad" | "rename" | "flatten" | "unflatten");
        let told = if let Some((_, place)) = args.positional.get(values) {
            complaints::one_too_many(name, values, *place)
        } else if let Some((own, _, place)) =
            args.named.iter().find(|(own, _, _)| !named.contains(&own.name.as_str()))
        {
            complaints::has_no_parameter(name, own, *place)
        } else if let Some((clause, _, place)) =
            args.clauses.iter().find(|(clause, _, _)| !clauses.contains(clause))
        {
            complaints::takes_no_clause(name, *clause, *place)
        } else if let Some((_, _, place)) = args.maps.get(usize::from(!map)) {
            complaints::takes_no_map(name, !map, *place)
        } else {
            return Some(());
        };
        self.error(told);
        None
    }

    pub(in crate::model) fn primitive_call(&mut self, id: PrimId, args: &Args, span: Span) -> Option<Value> {
        let row = id.get();
        let name = row.name;
        let (least, most) = row.operands;
        let count = args.positional.len();
        if row.over != Takes::Nothing
            && let Some(told) = self.axis_without_word(name, Clause::Over, args, most)
        {
            self.error(told);
            return None;
        }
        if count < least || count > most || !args.maps.is_empty() {
            let found = if args.maps.is_empty() { count.to_string() } else { "`from -> to`".to_owned() };
            self.error(complaints::values_of(row, &found, span));
            return None;
        }
        let mut attrs = Attrs::default();
        for (clause, takes) in [
            (Clause::Over, row.over),
            (Clause::Along, row.along),
            (Clause::Into, row.into),
            (Clause::Between, Takes::Nothing),
        ] {
            let given = args.clause(clause);
            let axes = match (takes, given) {
                (Takes::Nothing, None) => continue,
                (Takes::Nothing, Some((_, _, place))) => {
                    self.error(complaints::no_clause_of(row, clause, *place));
                    return None;
                }
                (_, None) => {
                    self.error(complaints::clause_of(row, clause, span));
                    return None;
                }
                (Takes::One, Some((_, axes, place))) if axes.len() != 1 => {
                    self.error(complaints::several_axes_of(row, clause, axes.len(), *place));
                    return None;
                }
                (_, Some((_, axes, _))) => axes.clone(),
            };
            match clause {
                Clause::Over => attrs.over = axes,
                Clause::Along => attrs.along = axes.first().copied(),
                Clause::Into | Clause::Between => {}
            }
        }
        for (constant, default) in row.constants {
            let given = args.named.iter().find(|(own, _, _)| own.name == *constant);
            attrs.numbers.push(match given {
                Some((_, Value::Number(number), _)) => number.to_f64().into(),
                Some((_, Value::Bool(value), _)) => f64::from(u8::from(*value)).into(),
                Some((_, other, place)) => {
                    self.error(complaints::constant_is_no_number(constant, other.what(), *place));
                    return None;
                }
                None => (*default).into(),
            });
        }
        if let Some((unknown, _, place)) =
            args.named.iter().find(|(own, _, _)| !row.constants.iter().any(|(known, _)| *known == own.name))
        {
            self.error(complaints::no_parameter_of(row, unknown, *place));
            return None;
        }
        if row.random {
            self.draws += 1;
            attrs.draw = self.draws;
        }
        if row.over == Takes::Many && attrs.over.is_empty() {
            return self.reduced_over_nothing(name, args, span);
        }
        let mut operands = Vec::new();
        for (value, place) in &args.positional {
            let mut val = self.tensor(value, *place)?;
            for axis in attrs.over.iter().chain(&attrs.along) {
                val = self.with_growing(val, *axis, *place);
            }
            operands.push(val);
        }
        self.emit(Op::Prim(id, attrs), &operands, span).map(Value::Tensor)
    }

    /// An empty pack of axes: nothing is reduced.
    pub(in crate::model) fn reduced_over_nothing(
        &mut self,
        name: &str,
        args: &Args,
        span: Span,
    ) -> Option<Value> {
        let x = self.operand(args, 0, name, span)?;
        match name {
            "norm" => self.prim("abs", &[x], Attrs::default(), span).map(Value::Tensor),
            "sum" | "mean" | "max" | "min" | "logsumexp" => {
                let kind = self.ty(x).kind;
                let wanted = match name {
                    "mean" | "logsumexp" if !kind.is_float() => Kind::Float,
                    "sum" if !kind.is_float() => Kind::Int,
                    _ => kind,
                };
                if kind == wanted {
                    return Some(Value::Tensor(x));
                }
                self.emit(Op::Cast(wanted), &[x], span).map(Value::Tensor)
            }
            _ => {
                self.error(complaints::needs_an_axis(name, span));
                None
            }
        }
    }

    pub(in crate::model) fn operand(
        &mut self,
        args: &Args,
        at: usize,
        name: &str,
        span: Span,
    ) -> Option<Val> {
        match args.positional.get(at) {
            Some((value, place)) => self.tensor(&value.clone(), *place),
            None => {
                self.error(complaints::needs_a_value(name, span));
                None
            }
        }
    }
}

/// Whether a number has no counterpart among the integers that are told apart exactly.
fn beyond_integers(value: &Value) -> bool {
    matches!(value, Value::Number(number) if number.to_f64().abs() > (1u64 << f64::MANTISSA_DIGITS) as f64)
}

/// Functions of numbers known at compile time, and the numbers.
fn constant_function(name: &str, args: &Args) -> Option<(Number, Vec<Number>)> {
    let numbers: Option<Vec<Number>> = args
        .positional
        .iter()
        .map(|(value, _)| match value {
            Value::Number(number) => Some(*number),
            _ => None,
        })
        .collect();
    let numbers = numbers?;
    let real = |f: fn(f64) -> f64| Some(Number::from_f64(f(numbers[0].to_f64())));
    let number = match (name, &numbers[..]) {
        ("sqrt", [_]) => real(f64::sqrt),
        ("rsqrt", [_]) => real(|x| 1.0 / x.sqrt()),
        ("exp", [_]) => real(f64::exp),
        ("log", [_]) => real(f64::ln),
        ("sin", [_]) => real(f64::sin),
        ("cos", [_]) => real(f64::cos),
        ("tanh", [_]) => real(f64::tanh),
        ("floor", [x]) => Some(x.floor()),
        ("ceil", [x]) => Some(-(-*x).floor()),
        ("round", [x]) => Some(x.round()),
        ("abs", [x]) => Some(x.abs()),
        ("max", [first, rest @ ..]) => {
            Some(rest.iter().fold(*first, |a, b| if b.compare(a).is_gt() { *b } else { a }))
        }
        ("min", [first, rest @ ..]) => {
            Some(rest.iter().fold(*first, |a, b| if b.compare(a).is_lt() { *b } else { a }))
        }
        _ => None,
    };
    Some((number?, numbers))
}

impl Bindings {
    /// The same bindings for the other mode.
    pub fn in_mode(&self, mode: crate::ir::Mode) -> Bindings {
        Bindings { mode, ..self.clone() }
    }
}
