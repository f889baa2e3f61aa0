//! Built-in forms that join, split, rename, flatten and unflatten axes.

use crate::ir::op::{Attrs, Op};
use crate::model::Val;
use crate::model::checker::Checker;
use crate::model::evaluate::complaints;
use crate::model::evaluate::signature::Args;
use crate::model::evaluate::value::Value;
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
            let (axis, names) = (self.axes.get(to).clone(), self.axes.names(&parts));
            let values = args.positional.len();
            self.error(complaints::other_parts(&axis, (parts.len(), &names), values, place));
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
            self.error(complaints::stack_of_none(span));
            return None;
        }
        if let Some(size) = self.own_size(into)
            && size != count
        {
            let axis = self.axes.get(into).clone();
            self.error(complaints::stacks_another_size(&axis, size, count, place));
            return None;
        }
        let (mut operands, mut parts) = (Vec::new(), Vec::new());
        for (value, place) in &args.positional {
            let val = self.tensor(value, *place)?;
            if self.ty(val).has(into) {
                let (name, shown) =
                    (self.axes.name(into).to_owned(), self.ty(val).show(&self.axes).to_string());
                self.error(complaints::stacked_already(&name, &shown, *place));
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
            self.error(complaints::broadcast_over_what(span));
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
                self.error(complaints::index_along_what(span));
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
            self.error(complaints::without_map(name, reshaping(name).1, span));
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
            let (takes, example) = reshaping(name);
            self.error(complaints::maps_other_axes(name, takes, example, place));
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
            self.error(complaints::several_open(place));
            return None;
        }
        if open == 1 && (known == 0 || !whole.is_multiple_of(known)) {
            let name = self.axes.name(from).to_owned();
            let shown = self.ty(x).show(&self.axes).to_string();
            self.error(complaints::no_rows_of(known, (whole, &name), (&shown, self.place(x)), place));
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
                let (axis, shown) = (self.axes.get(dim.axis).clone(), ty.show(&self.axes).to_string());
                self.error(complaints::gives_another_size(&axis, (size, dim.size), &shown, span));
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
