//! Built-in forms that join, split, rename, flatten and unflatten axes.

use crate::diagnostic::{Code, Diagnostic};
use crate::ir::op::{Attrs, Op};
use crate::model::Val;
use crate::model::checker::Checker;
use crate::model::evaluate::signature::Args;
use crate::model::evaluate::value::Value;
use crate::model::words::counted;
use crate::source::Span;
use crate::syntax::ast::{Clause, MapSide};
use crate::types::{Axis, AxisId, AxisSize, Dim, Ty};

impl Checker<'_> {
    /// `concat(a, b, along pos)`: each operand has the part of `pos` that it fills.
    pub(in crate::model) fn concat(&mut self, args: &Args, span: Span) -> Option<Value> {
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

    /// `stack(a, b, into way)`: values become the entries of an axis, in order.
    pub(in crate::model) fn stack(&mut self, args: &Args, span: Span) -> Option<Value> {
        let (into, place) = self.one_axis(args, Clause::Into, "stack", "stack(a, b, into way)", span)?;
        let count = args.positional.len();
        if count == 0 {
            self.error(
                Diagnostic::new(Code::Arguments, "`stack` needs values", span, "given none")
                    .help("`stack(a, b, into way)`"),
            );
            return None;
        }
        if let Some(size) = self.own_size(into)
            && size != count
        {
            let axis = self.axes.get(into).clone();
            let (name, values) = (&axis.name, counted(count, "value"));
            let message = format!("`{name}` is {size}, and {values} are stacked along it");
            self.error(
                Diagnostic::new(
                    Code::AxisSize,
                    message.replace("1 value are", "1 value is"),
                    place,
                    "into this axis",
                )
                .related(axis.span, format!("`{name}` is {size}: {}", axis.origin))
                .help("use an axis of that size, or one without a size of its own"),
            );
            return None;
        }
        let (mut operands, mut parts) = (Vec::new(), Vec::new());
        for (value, place) in &args.positional {
            let val = self.tensor(value, *place)?;
            if self.ty(val).has(into) {
                let (name, shown) = (self.axes.name(into), self.ty(val).show(&self.axes));
                let message = format!("this value has the axis `{name}` already");
                let diagnostic =
                    Diagnostic::new(Code::AxisUnexpected, message, *place, format!("this is {shown}"));
                self.error(diagnostic.help("stack into another axis"));
                return None;
            }
            let entry = self.axes.add(Axis {
                name: "entry".to_owned(),
                size: AxisSize::Fixed(1),
                parts: Vec::new(),
                span: *place,
                origin: "one value of a stack".to_owned(),
            });
            operands.push(self.broadcast_to(val, &[Dim { axis: entry, size: 1 }], span));
            parts.push(entry);
        }
        self.emit(Op::Concat { parts, to: into }, &operands, span).map(Value::Tensor)
    }

    /// `split(x, over part)`: one value per entry.
    pub(in crate::model) fn split(&mut self, args: &Args, span: Span) -> Option<Value> {
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

    pub(in crate::model) fn broadcast(&mut self, args: &Args, span: Span) -> Option<Value> {
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

    pub(in crate::model) fn index_along(&mut self, args: &Args, span: Span) -> Option<Value> {
        let (axis, size) = match &args.positional[..] {
            [(Value::Axis(axis), place)] => (*axis, self.fixed_size(*axis, *place)?),
            [(value, place), (Value::Axis(axis), _)] => {
                (*axis, self.size_along(&value.clone(), *axis, (*place, span), "`index`")?)
            }
            _ => {
                let message = "`index` takes an axis, or a value and an axis";
                self.error(Diagnostic::new(Code::Arguments, message, span, "along which axis?").help(
                    "`index(pos)` counts 0, 1, 2, … along `pos`, `index(z, branch)` as far as `z` goes",
                ));
                return None;
            }
        };
        let attrs = Attrs { into: vec![(axis, size)], ..Default::default() };
        self.prim("iota", &[], attrs, span).map(Value::Tensor)
    }

    /// `gather(x, index, over axis)`: `x[axis = index]`, spelled as elsewhere.
    pub(in crate::model) fn gather(&mut self, args: &Args, span: Span) -> Option<Value> {
        let (axis, _) =
            self.one_axis(args, Clause::Over, "gather", "gather(thoughts, best, over branch)", span)?;
        let (x, index) = (self.operand(args, 0, "gather", span)?, self.operand(args, 1, "gather", span)?);
        let x = self.with_growing(x, axis, span);
        let place = args.positional.get(1).map_or(span, |(_, place)| *place);
        self.look_up(x, axis, index, place, span).map(Value::Tensor)
    }

    pub(in crate::model) fn map_side(&mut self, side: &MapSide) -> Option<Vec<AxisId>> {
        match side {
            MapSide::One(_) => Some(Vec::new()),
            MapSide::Axes(names) => self.different_axes(names),
        }
    }

    /// `rename(x, a -> b)`, `flatten(x, (a, b) -> c)`, `unflatten(x, c -> (a, b))`, `pad(x, a -> longer)`.
    pub(in crate::model) fn reshape(&mut self, name: &str, args: &Args, span: Span) -> Option<Value> {
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
            || (name == "flatten" && to.len() != 1)
            || (name == "unflatten" && from.len() != 1)
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
            "flatten" => Op::Flatten { from, to: to[0] },
            "pad" => Op::Pad { axis: from[0], start: 0, size: self.fixed_size(to[0], place)?, to: to[0] },
            _ => {
                let sizes = self.unflattened_sizes(x, from[0], &to, place)?;
                Op::Unflatten { from: from[0], to: sizes }
            }
        };
        let val = self.emit(op, &[x], span)?;
        let ty = self.ty(val).clone();
        self.fixed_sizes_kept(&ty, span)?;
        Some(Value::Tensor(val))
    }

    /// Axes with a size of their own keep it; at most one other takes what is left.
    pub(in crate::model) fn unflattened_sizes(
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
                .related(self.place(x), format!("this is {shown}"))
                .help(format!("choose sizes whose product divides {whole}")),
            );
            return None;
        }
        Some(to.iter().map(|axis| (*axis, self.own_size(*axis).unwrap_or(whole / known.max(1)))).collect())
    }

    pub(in crate::model) fn own_size(&self, axis: AxisId) -> Option<usize> {
        match self.axes.get(axis).size {
            AxisSize::Fixed(size) => Some(size),
            _ => None,
        }
    }

    pub(in crate::model) fn fixed_sizes_kept(&mut self, ty: &Ty, span: Span) -> Option<()> {
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
}

/// What a change of axes takes, and an example.
pub(in crate::model) fn reshaping(name: &str) -> (&'static str, &'static str) {
    match name {
        "flatten" => ("several axes to one", "flatten(x, (a, b) -> c)"),
        "unflatten" => ("one axis to several", "unflatten(x, c -> (a, b))"),
        "pad" => ("one axis to a longer one", "pad(x, short -> long)"),
        _ => ("one axis to one", "rename(x, a -> b)"),
    }
}

/// What a form of the language that had another name before is called.
pub(in crate::model) fn renamed(name: &str) -> Option<&'static str> {
    match name {
        "fold" => Some("flatten"),
        "unfold" => Some("unflatten"),
        _ => None,
    }
}
