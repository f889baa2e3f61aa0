//! Calls: nets, functions, the few built-in forms that need more than operands and axes, and the primitives.

use super::checker::Checker;
use super::number::Number;
use super::ops::{Attrs, Op};
use super::signature::Args;
use super::ty::{AxisId, AxisSize, Dim, Kind, Ty};
use super::value::Value;
use super::{Bindings, Val};
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::primitive::{self, PrimId, Takes};
use crate::source::Span;
use crate::syntax::ast::{Arg, Clause, Expr, ExprKind, MapSide};

/// Built-in forms beside the primitives.
pub(super) const INTRINSICS: [&str; 21] = [
    "size",
    "concat",
    "pad",
    "split",
    "rename",
    "fold",
    "unfold",
    "broadcast",
    "index",
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

/// Whether a name is a function of the language itself.
pub(super) fn is_built_in(name: &str) -> bool {
    INTRINSICS.contains(&name) || primitive::by_name(name).is_some()
}

/// `1 value`, `2 values`.
pub(super) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

impl Checker<'_> {
    pub(super) fn call(&mut self, callee: &Expr, args: &[Arg], span: Span) -> Value {
        let ExprKind::Name(name) = &callee.kind else {
            let value = self.expr(callee);
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

    fn call_value(&mut self, value: Value, args: Args, callee: &Expr, span: Span) -> Value {
        if args.broken {
            return Value::Broken;
        }
        match value {
            Value::Net(net) => self.call_net(&net, args, span),
            Value::Function(function) => {
                let scope = super::value::Scope::new(&function.module);
                let label = function.def.name.as_ref().map_or("fn", |name| name.name.as_str()).to_owned();
                self.apply(&function.def, scope, args, span, &label)
            }
            Value::NetDef(def) => self.net_not_made(&def.def.name.name, callee.span),
            Value::Broken => Value::Broken,
            other => {
                let text = self.author_text(callee.span);
                let diagnostic = Diagnostic::new(
                    Code::Kind,
                    format!("`{text}` is {} and cannot be called", other.what()),
                    callee.span,
                    "not a net or function",
                );
                self.error(match other {
                    Value::Family(_) => diagnostic.help(format!("choose one of them: `{text}[0](…)`")),
                    _ => diagnostic,
                });
                Value::Broken
            }
        }
    }

    fn net_not_made(&mut self, name: &str, span: Span) -> Value {
        self.error(
            Diagnostic::new(
                Code::Misplaced,
                format!("`{name}` makes a net; its weights must be declared first"),
                span,
                "used as a function",
            )
            .help(format!("declare `net mine = {name}(…)`, then call `mine(x)`")),
        );
        Value::Broken
    }

    fn built_in(&mut self, name: &str, args: &Args, span: Span) -> Option<Value> {
        if let Some(number) = constant_function(name, args) {
            return Some(self.finite(number, span));
        }
        self.takes_only(name, args)?;
        match name {
            "size" => self.size(args, span),
            "normal" | "truncated_normal" => Some(self.distribution(name, args, span)),
            "uniform" if args.clauses.is_empty() => Some(self.distribution(name, args, span)),
            "noise" | "uniform" => self.draw(name, args, span),
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
            "split" => self.split(args, span),
            "broadcast" => self.broadcast(args, span),
            "index" => self.index_along(args, span),
            "pad" | "rename" | "fold" | "unfold" => self.reshape(name, args, span),
            "top_k" => self.top_k(args, span),
            "where"
                if matches!(args.positional.first(), Some((Value::Bool(_), _)))
                    && args.positional.len() == 3 =>
            {
                let truth = matches!(args.positional[0].0, Value::Bool(true));
                Some(args.positional[if truth { 1 } else { 2 }].0.clone())
            }
            "max" | "min" if args.clause(Clause::Over).is_none() => {
                let id = primitive::by_name(if name == "max" { "maximum" } else { "minimum" })?;
                self.primitive_call(id, args, span)
            }
            "ceil" | "round" => {
                self.error(
                    Diagnostic::new(
                        Code::Number,
                        format!("`{name}` rounds numbers known at compile time"),
                        span,
                        "given a tensor",
                    )
                    .help("for tensors there is `floor`"),
                );
                None
            }
            _ => self.primitive_call(primitive::by_name(name)?, args, span),
        }
    }

    /// Complains about arguments that a built-in form would not look at.
    fn takes_only(&mut self, name: &str, args: &Args) -> Option<()> {
        let (values, named, clauses): (usize, &[&str], &[Clause]) = match name {
            "size" => (2, &[], &[]),
            "concat" => (usize::MAX, &[], &[Clause::Along]),
            "split" | "broadcast" | "noise" => (1, &[], &[Clause::Over]),
            "uniform" => (2, &["low", "high"], &[Clause::Over]),
            "normal" | "truncated_normal" => (1, &["std"], &[]),
            "top_k" => (1, &["count"], &[Clause::Over, Clause::Into]),
            "pad" | "rename" | "fold" | "unfold" | "index" | "stop_gradient" | "float" | "float32"
            | "float64" | "int" | "ceil" | "round" => (1, &[], &[]),
            _ => return Some(()),
        };
        let map = !matches!(name, "pad" | "rename" | "fold" | "unfold");
        let (place, what) = if let Some((_, place)) = args.positional.get(values) {
            (*place, format!("takes {}, and this is one more", counted(values, "value")))
        } else if let Some((own, _, place)) =
            args.named.iter().find(|(own, _, _)| !named.contains(&own.name.as_str()))
        {
            (own.span.to(*place), format!("has no parameter `{}`", own.name))
        } else if let Some((clause, _, place)) =
            args.clauses.iter().find(|(clause, _, _)| !clauses.contains(clause))
        {
            (*place, format!("takes no `{}`", clause.word()))
        } else if let Some((_, _, place)) = args.maps.get(usize::from(!map)) {
            (*place, "takes no further `from -> to`".replace(" further", if map { "" } else { " further" }))
        } else {
            return Some(());
        };
        self.error(Diagnostic::new(Code::Arguments, format!("`{name}` {what}"), place, "not expected"));
        None
    }

    fn primitive_call(&mut self, id: PrimId, args: &Args, span: Span) -> Option<Value> {
        let row = id.get();
        let name = row.name;
        let (least, most) = row.operands;
        let count = args.positional.len();
        if count < least || count > most || !args.maps.is_empty() {
            let wanted =
                if least == most { counted(least, "value") } else { format!("{least} to {most} values") };
            let found = if args.maps.is_empty() { count.to_string() } else { "`from -> to`".to_owned() };
            self.error(
                Diagnostic::new(
                    Code::Arguments,
                    format!("`{name}` takes {wanted}, not {found}"),
                    span,
                    format!("given {found}"),
                )
                .help(format!("`{name}`: {}", row.about)),
            );
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
                    self.error(
                        Diagnostic::new(
                            Code::Arguments,
                            format!("`{name}` takes no `{}`", clause.word()),
                            *place,
                            "not expected",
                        )
                        .help(format!("`{name}`: {}", row.about)),
                    );
                    return None;
                }
                (_, None) => {
                    self.error(
                        Diagnostic::new(
                            Code::Arguments,
                            format!("`{name}` needs `{} …`", clause.word()),
                            span,
                            "missing here",
                        )
                        .help(format!("say which axis: `{name}(…, {} dim)`", clause.word())),
                    );
                    return None;
                }
                (Takes::One, Some((_, axes, place))) if axes.len() != 1 => {
                    self.error(Diagnostic::new(
                        Code::Arguments,
                        format!("`{name}` takes one axis after `{}`, not {}", clause.word(), axes.len()),
                        *place,
                        counted(axes.len(), "axis").replace("axiss", "axes"),
                    ));
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
                Some((_, Value::Number(number), _)) => number.to_f64(),
                Some((_, Value::Bool(value), _)) => f64::from(u8::from(*value)),
                Some((_, other, place)) => {
                    let message = format!(
                        "`{constant}` must be a number known at compile time, and this is {}",
                        other.what()
                    );
                    self.error(Diagnostic::new(Code::Arguments, message, *place, "not a number"));
                    return None;
                }
                None => *default,
            });
        }
        if let Some((unknown, _, place)) =
            args.named.iter().find(|(own, _, _)| !row.constants.iter().any(|(known, _)| *known == own.name))
        {
            let known: Vec<&str> = row.constants.iter().map(|(known, _)| *known).collect();
            let message = format!("`{name}` has no parameter `{}`", unknown.name);
            let diagnostic =
                Diagnostic::new(Code::Arguments, message, unknown.span.to(*place), "not expected");
            self.error(match (did_you_mean(&unknown.name, known.iter().copied()), known.is_empty()) {
                (Some(near), _) => diagnostic.help(format!("did you mean `{near}`?")),
                (None, true) => diagnostic.help(format!("`{name}`: {}", row.about)),
                (None, false) => diagnostic.help(format!("it has `{}`", known.join("`, `"))),
            });
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
    fn reduced_over_nothing(&mut self, name: &str, args: &Args, span: Span) -> Option<Value> {
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
                self.error(Diagnostic::new(
                    Code::Arguments,
                    format!("`{name}` needs at least one axis"),
                    span,
                    "over no axis",
                ));
                None
            }
        }
    }

    fn operand(&mut self, args: &Args, at: usize, name: &str, span: Span) -> Option<Val> {
        match args.positional.get(at) {
            Some((value, place)) => self.tensor(&value.clone(), *place),
            None => {
                self.error(Diagnostic::new(Code::Arguments, format!("`{name}` needs a value"), span, "here"));
                None
            }
        }
    }

    /// `size(dim)` of an axis, `size(z, branch)` of a value.
    fn size(&mut self, args: &Args, span: Span) -> Option<Value> {
        let size = match &args.positional[..] {
            [(Value::Axis(axis), place)] => self.fixed_size(*axis, *place)?,
            [(value, place), (Value::Axis(axis), _)] => {
                let val = self.tensor(&value.clone(), *place)?;
                match self.ty(val).size(*axis) {
                    Some(size) => size,
                    None if self.axes.is_growing(*axis) => 1,
                    None => {
                        let complaint =
                            primitive::missing(*axis, &self.ty(val).clone(), &self.axes, "`size`");
                        let mut diagnostic = Diagnostic::new(complaint.code, complaint.message, span, "here");
                        diagnostic.help = complaint.help;
                        self.error(diagnostic);
                        return None;
                    }
                }
            }
            _ => {
                self.error(
                    Diagnostic::new(
                        Code::Arguments,
                        "`size` takes an axis, or a value and an axis",
                        span,
                        "here",
                    )
                    .help("`size(dim)`, `size(z, branch)`"),
                );
                return None;
            }
        };
        Some(Value::Number(Number::whole(size as i64)))
    }

    fn draw(&mut self, name: &str, args: &Args, span: Span) -> Option<Value> {
        let Some((_, axes, _)) = args.clause(Clause::Over) else {
            self.error(
                Diagnostic::new(
                    Code::Arguments,
                    format!("`{name}` needs to know over which axes"),
                    span,
                    "here",
                )
                .help(format!("`{name}(over (batch, pos, dim))`")),
            );
            return None;
        };
        let like = args.positional.first().and_then(|(value, _)| match value {
            Value::Tensor(val) => Some(self.ty(*val).clone()),
            _ => None,
        });
        let mut into = Vec::new();
        for axis in axes.clone() {
            let size = match like.as_ref().and_then(|ty| ty.size(axis)) {
                Some(size) => size,
                None => self.fixed_size(axis, span)?,
            };
            into.push((axis, size));
        }
        self.draws += 1;
        let id = primitive::by_name(name)?;
        self.emit(Op::Prim(id, Attrs { into, draw: self.draws, ..Default::default() }), &[], span)
            .map(Value::Tensor)
    }

    /// The one axis that a clause names.
    fn one_axis(
        &mut self,
        args: &Args,
        clause: Clause,
        name: &str,
        example: &str,
        span: Span,
    ) -> Option<(AxisId, Span)> {
        let (message, place) = match args.clause(clause) {
            Some((_, axes, place)) => match axes[..] {
                [axis] => return Some((axis, *place)),
                _ => {
                    (format!("`{name}` takes one axis after `{}`, not {}", clause.word(), axes.len()), *place)
                }
            },
            None => (format!("`{name}` needs `{} …`", clause.word()), span),
        };
        self.error(
            Diagnostic::new(Code::Arguments, message, place, "one axis is needed")
                .help(format!("`{example}`")),
        );
        None
    }

    /// `concat(a, b, along pos)`: each operand has the part of `pos` that it fills.
    fn concat(&mut self, args: &Args, span: Span) -> Option<Value> {
        let example = "concat(a, b, along pos)` with `axis pos = prefix + cell";
        let (to, place) = self.one_axis(args, Clause::Along, "concat", example, span)?;
        let parts = self.axes.get(to).parts.clone();
        if parts.len() != args.positional.len() {
            let name = self.axes.name(to).to_owned();
            self.error(
                Diagnostic::new(
                    Code::Arguments,
                    format!(
                        "`{name}` has {}, and {} joined",
                        counted(parts.len(), "part"),
                        match args.positional.len() {
                            1 => "1 value is".to_owned(),
                            count => format!("{count} values are"),
                        }
                    ),
                    place,
                    "along this axis",
                )
                .related(self.axes.get(to).span, "declared here")
                .help(if parts.is_empty() {
                    "declare its parts: `axis pos = prefix + cell`".to_owned()
                } else {
                    format!("its parts are {}", self.axes.names(&parts))
                }),
            );
            return None;
        }
        let mut operands = Vec::new();
        for (value, place) in &args.positional {
            operands.push(self.tensor(value, *place)?);
        }
        self.emit(Op::Concat { parts, to }, &operands, span).map(Value::Tensor)
    }

    /// `split(x, over part)`: one value per entry.
    fn split(&mut self, args: &Args, span: Span) -> Option<Value> {
        let x = self.operand(args, 0, "split", span)?;
        let example = "let gate, up = split(x, over part)";
        let (axis, _) = self.one_axis(args, Clause::Over, "split", example, span)?;
        let size = self.ty(x).size(axis).unwrap_or(1);
        let mut parts = Vec::new();
        for at in 0..size {
            if !self.spend(span) {
                return None;
            }
            parts.push(Value::Tensor(self.emit(Op::Select { axis, at }, &[x], span)?));
        }
        Some(Value::Tuple(parts))
    }

    fn broadcast(&mut self, args: &Args, span: Span) -> Option<Value> {
        let x = self.operand(args, 0, "broadcast", span)?;
        if args.clauses.is_empty() {
            self.error(
                Diagnostic::new(Code::Arguments, "`broadcast` needs `over …`", span, "missing here")
                    .help("say over which new axes: `broadcast(x, over way)`"),
            );
            return None;
        }
        let mut dims = Vec::new();
        for (_, axes, _) in &args.clauses {
            for axis in axes.clone() {
                dims.push(Dim { axis, size: self.fixed_size(axis, span)? });
            }
        }
        Some(Value::Tensor(self.broadcast_to(x, &dims, span)))
    }

    fn index_along(&mut self, args: &Args, span: Span) -> Option<Value> {
        let Some((Value::Axis(axis), place)) = args.positional.first() else {
            self.error(
                Diagnostic::new(Code::Arguments, "`index` takes an axis", span, "here")
                    .help("`index(pos)` counts 0, 1, 2, … along `pos`"),
            );
            return None;
        };
        let size = self.fixed_size(*axis, *place)?;
        let mut numbers = Vec::new();
        for at in 0..size {
            if !self.spend(span) {
                return None;
            }
            numbers.push(self.emit(Op::Number(at as f64), &[], span)?);
        }
        self.emit(Op::StackOn { to: *axis }, &numbers, span).map(Value::Tensor)
    }

    pub(super) fn map_side(&mut self, side: &MapSide) -> Option<Vec<AxisId>> {
        match side {
            MapSide::One(_) => Some(Vec::new()),
            MapSide::Axes(names) => self.different_axes(names),
        }
    }

    /// `rename(x, a -> b)`, `fold(x, (a, b) -> c)`, `unfold(x, c -> (a, b))`, `pad(x, a -> longer)`.
    fn reshape(&mut self, name: &str, args: &Args, span: Span) -> Option<Value> {
        let mut x = self.operand(args, 0, name, span)?;
        let Some((from, to, place)) = args.maps.first().cloned() else {
            self.error(
                Diagnostic::new(
                    Code::Arguments,
                    format!("`{name}` needs `from -> to`"),
                    span,
                    "missing here",
                )
                .help(format!("`{}`", reshaping(name).1)),
            );
            return None;
        };
        let (from, to) = (self.map_side(&from)?, self.map_side(&to)?);
        let one_each = matches!(name, "rename" | "pad");
        if from.is_empty()
            || to.is_empty()
            || (one_each && (from.len() != 1 || to.len() != 1))
            || (name == "fold" && to.len() != 1)
            || (name == "unfold" && from.len() != 1)
        {
            let (what, example) = reshaping(name);
            self.error(
                Diagnostic::new(Code::Arguments, format!("`{name}` takes {what}"), place, "these axes")
                    .help(format!("`{example}`")),
            );
            return None;
        }
        for axis in &from {
            x = self.with_growing(x, *axis, span);
        }
        let op = match name {
            "rename" => Op::Rename { from: from[0], to: to[0] },
            "fold" => Op::Fold { from, to: to[0] },
            "pad" => Op::Pad { axis: from[0], size: self.fixed_size(to[0], place)?, to: to[0] },
            _ => {
                let sizes = self.unfolded_sizes(x, from[0], &to, place)?;
                Op::Unfold { from: from[0], to: sizes }
            }
        };
        let val = self.emit(op, &[x], span)?;
        let ty = self.ty(val).clone();
        self.fixed_sizes_kept(&ty, span)?;
        Some(Value::Tensor(val))
    }

    /// Axes with a size of their own keep it; at most one other takes what is left.
    fn unfolded_sizes(
        &mut self,
        x: Val,
        from: AxisId,
        to: &[AxisId],
        place: Span,
    ) -> Option<Vec<(AxisId, usize)>> {
        let whole = self.ty(x).size(from).unwrap_or(1);
        let known: usize = to.iter().filter_map(|axis| self.own_size(*axis)).product();
        let open = to.iter().filter(|axis| self.own_size(**axis).is_none()).count();
        if open > 1 {
            self.error(
                Diagnostic::new(
                    Code::Number,
                    "the sizes of these axes are not known",
                    place,
                    "more than one is open",
                )
                .help("declare their sizes: `axis way = 2`"),
            );
            return None;
        }
        if open == 1 && (known == 0 || !whole.is_multiple_of(known)) {
            let name = self.axes.name(from).to_owned();
            let shown = self.ty(x).show(&self.axes).to_string();
            self.error(
                Diagnostic::new(
                    Code::AxisSize,
                    format!("the {whole} entries of `{name}` cannot be laid out as rows of {known}"),
                    place,
                    "into these axes",
                )
                .related(self.known[x.0 as usize].span, format!("this is {shown}"))
                .help(format!("choose sizes whose product divides {whole}")),
            );
            return None;
        }
        Some(to.iter().map(|axis| (*axis, self.own_size(*axis).unwrap_or(whole / known.max(1)))).collect())
    }

    fn own_size(&self, axis: AxisId) -> Option<usize> {
        match self.axes.get(axis).size {
            AxisSize::Fixed(size) => Some(size),
            _ => None,
        }
    }

    pub(super) fn fixed_sizes_kept(&mut self, ty: &Ty, span: Span) -> Option<()> {
        for dim in &ty.dims {
            if let Some(size) = self.own_size(dim.axis)
                && size != dim.size
                && matches!(self.axes.get(dim.axis).parts.len(), 0)
            {
                let axis = self.axes.get(dim.axis).clone();
                self.error(
                    Diagnostic::new(
                        Code::AxisSize,
                        format!("`{}` is {size}, and this gives it {}", axis.name, dim.size),
                        span,
                        format!("this is {}", ty.show(&self.axes)),
                    )
                    .related(axis.span, format!("`{}` is {size}: {}", axis.name, axis.origin))
                    .help("use an axis of that size, or one without a size of its own"),
                );
                return None;
            }
        }
        Some(())
    }

    fn top_k(&mut self, args: &Args, span: Span) -> Option<Value> {
        let x = self.operand(args, 0, "top_k", span)?;
        let count =
            args.named.iter().find(|(name, _, _)| name.name == "count").map(|(_, value, _)| value.clone());
        let (Some((_, over, _)), Some((_, into, _)), Some(Value::Number(count))) =
            (args.clause(Clause::Over), args.clause(Clause::Into), count)
        else {
            self.error(
                Diagnostic::new(
                    Code::Arguments,
                    "`top_k` needs an axis, a count and a new axis",
                    span,
                    "here",
                )
                .help("`top_k(score, over branch, count = 4, into kept)`"),
            );
            return None;
        };
        let Some(count) = count.to_whole().and_then(|count| usize::try_from(count).ok()) else {
            let message = format!("`count` must be a whole number, and this is {count}");
            self.error(Diagnostic::new(Code::Number, message, span, "of which count?"));
            return None;
        };
        let attrs = Attrs {
            over: over.clone(),
            into: into.iter().map(|axis| (*axis, count)).collect(),
            ..Default::default()
        };
        self.prim("top_k", &[x], attrs, span).map(Value::Tensor)
    }
}

/// What a change of axes takes, and an example.
fn reshaping(name: &str) -> (&'static str, &'static str) {
    match name {
        "fold" => ("several axes to one", "fold(x, (a, b) -> c)"),
        "unfold" => ("one axis to several", "unfold(x, c -> (a, b))"),
        "pad" => ("one axis to a longer one", "pad(x, short -> long)"),
        _ => ("one axis to one", "rename(x, a -> b)"),
    }
}

/// Functions of numbers known at compile time.
fn constant_function(name: &str, args: &Args) -> Option<Number> {
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
    match (name, &numbers[..]) {
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
        ("abs", [x]) => Some(if x.to_f64() < 0.0 { -*x } else { *x }),
        ("max", [first, rest @ ..]) => {
            Some(rest.iter().fold(*first, |a, b| if b.compare(a).is_gt() { *b } else { a }))
        }
        ("min", [first, rest @ ..]) => {
            Some(rest.iter().fold(*first, |a, b| if b.compare(a).is_lt() { *b } else { a }))
        }
        _ => None,
    }
}

impl Bindings {
    /// The same bindings for the other mode.
    pub fn in_mode(&self, mode: crate::lower::Mode) -> Bindings {
        Bindings { mode, ..self.clone() }
    }
}
