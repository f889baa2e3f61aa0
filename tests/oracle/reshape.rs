//! The forms that change shapes by name: `size`, `rename`, `fold`, `unfold`, `pad`, `split`, `concat`, `stack`,
//! `broadcast`, `index`.

use std::rc::Rc;

use totc::syntax::ast::{Arg, ArgKind, AxisSet, Clause};

use super::evaluate::{Frame, Oracle};
use super::value::{AxisId, Kind, Res, Tensor, Value, joined, walk};

impl<'a> Oracle<'a> {
    /// `size(dim)`, `size(z, branch)`: 1 before it branches.
    pub fn size(&mut self, args: &'a [Arg], frame: &mut Frame<'a>) -> Res<Value<'a>> {
        let args = self.args(args, frame)?;
        match &args.positional[..] {
            [Value::Axis(axis)] => {
                let size = self.axes[*axis].size.ok_or(format!("`{}` has no size", self.axis_name(*axis)))?;
                Ok(Value::whole(size))
            }
            [Value::Tuple(list)] => Ok(Value::whole(list.len())),
            [value, Value::Axis(axis)] => Ok(Value::whole(value.as_tensor()?.size(*axis).unwrap_or(1))),
            _ => Err("`size` of an axis, or of a value along one".to_owned()),
        }
    }

    /// A form that moves elements; None if nothing here is called so.
    pub fn reshaped(&mut self, name: &str, args: &'a [Arg], frame: &mut Frame<'a>) -> Res<Option<Value<'a>>> {
        if name == "concat" {
            return self.concat(args, frame).map(Some);
        }
        if name == "stack" {
            return self.stack(args, frame).map(Some);
        }
        if !["rename", "fold", "unfold", "flatten", "unflatten", "pad", "split", "broadcast", "index"]
            .contains(&name)
        {
            return Ok(None);
        }
        let Some(ArgKind::Positional(first)) = args.first().map(|arg| &arg.kind) else {
            return Err(format!("`{name}` of what?"));
        };
        let value = self.expr(first, frame)?;
        if name == "index" {
            let (axis, size) = match (value, args.get(1).map(|arg| &arg.kind)) {
                (Value::Axis(axis), None) => {
                    (axis, self.axes[axis].size.ok_or("`index` of an axis without size")?)
                }
                (along, Some(ArgKind::Positional(axis))) => {
                    let Value::Axis(axis) = self.expr(axis, frame)? else {
                        return Err("`index` of no axis".to_owned());
                    };
                    (axis, along.as_tensor()?.size(axis).unwrap_or(1))
                }
                _ => return Err("`index` of no axis".to_owned()),
            };
            let data = (0..size).map(|at| at as f64).collect();
            return Ok(Some(Value::tensor(Tensor {
                kind: Kind::Index(axis),
                axes: vec![(axis, size)],
                data,
            })));
        }
        let x = value.as_tensor()?;
        let result = match args.get(1).map(|arg| &arg.kind) {
            Some(ArgKind::Map(from, to)) => {
                let (from, to) = (self.side(from, frame)?, self.side(to, frame)?);
                self.mapped(name, &x, &from, &to)?
            }
            Some(ArgKind::Clause(Clause::Over, AxisSet::Names(names)))
                if matches!(name, "split" | "broadcast") =>
            {
                let mut axes = Vec::new();
                for name in names {
                    axes.extend(self.axes_called(&name.name, frame)?);
                }
                if name == "broadcast" {
                    return self.broadcast(&x, &axes).map(Some);
                }
                let [axis] = axes[..] else { return Err("`split` over one axis".to_owned()) };
                let count = x.size(axis).ok_or("`split` over an axis that is not there")?;
                let entries = (0..count).map(|at| self.entry(&x, axis, at).map(Value::tensor));
                return Ok(Some(Value::Tuple(entries.collect::<Res<_>>()?)));
            }
            _ => return Err(format!("`{name}` needs axes")),
        };
        Ok(Some(Value::tensor(result)))
    }

    fn mapped(&mut self, name: &str, x: &Tensor, from: &[AxisId], to: &[AxisId]) -> Res<Tensor> {
        match (name, from, to) {
            ("rename", [from], [to]) => {
                let size = x.size(*from);
                if self.axes[*to].size.is_some_and(|wanted| size != Some(wanted)) {
                    return Err(format!("`{}` has another size", self.axis_name(*to)));
                }
                if size.is_none() || x.has(*to) {
                    return Err("`rename` finds no axis, or the new name taken".to_owned());
                }
                Ok(x.renamed(*from, *to))
            }
            ("fold" | "flatten", from, [to]) => self.folded(x, from, *to),
            ("unfold" | "unflatten", [from], to) => self.unfolded(x, *from, to),
            ("pad", [from], [to]) => {
                let (size, wanted) = (x.size(*from), self.axes[*to].size);
                let (Some(size), Some(wanted)) = (size, wanted) else {
                    return Err("`pad` needs sizes".to_owned());
                };
                if wanted < size {
                    return Err("`pad` makes nothing shorter".to_owned());
                }
                let axes: Vec<_> = x.renamed(*from, *to).axes;
                let axes: Vec<_> = axes
                    .into_iter()
                    .map(|(axis, size)| (axis, if axis == *to { wanted } else { size }))
                    .collect();
                let index = Tensor { kind: Kind::Int, axes: vec![(*to, wanted)], data: vec![0.0; wanted] };
                let renamed = x.renamed(*from, *to);
                let mut data = Vec::new();
                walk(&axes, &[&renamed, &index], |at| {
                    data.push(if at[1] < size { x.data[at[0]] } else { 0.0 });
                });
                Ok(Tensor { kind: x.kind, axes, data })
            }
            _ => Err(format!("`{name}` from and to other numbers of axes")),
        }
    }

    /// Several axes become one, the first outermost. One that belongs to each value and is not there has one entry.
    pub fn folded(&self, x: &Tensor, from: &[AxisId], to: AxisId) -> Res<Tensor> {
        if let Some(axis) = from.iter().find(|axis| !x.has(**axis) && self.axes[**axis].size.is_some()) {
            return Err(format!("the axis `{}` is not there", self.axis_name(*axis)));
        }
        let inner: Vec<_> = from.iter().filter_map(|axis| Some((*axis, x.size(*axis)?))).collect();
        let size: usize = inner.iter().map(|(_, size)| size).product();
        if self.axes[to].size.is_some_and(|wanted| wanted != size) {
            return Err(format!("`{}` has another size than {size}", self.axis_name(to)));
        }
        let mut axes: Vec<_> = x.axes.iter().filter(|(axis, _)| !from.contains(axis)).copied().collect();
        let apart: Vec<_> = axes.iter().copied().chain(inner).collect();
        axes.push((to, size));
        Ok(Tensor { axes, ..x.laid_out(&apart) })
    }

    /// One axis becomes several, the first outermost; one of them may have no size of its own.
    pub fn unfolded(&self, x: &Tensor, from: AxisId, to: &[AxisId]) -> Res<Tensor> {
        let size = x.size(from).ok_or(format!("the axis `{}` is not there", self.axis_name(from)))?;
        let known: usize = to.iter().filter_map(|axis| self.axes[*axis].size).product();
        let open = to.iter().filter(|axis| self.axes[**axis].size.is_none()).count();
        if open > 1 || (open == 0 && known != size) || (open == 1 && (known == 0 || size % known != 0)) {
            return Err(format!("{size} entries are not unfolded so"));
        }
        let inner = to.iter().map(|axis| (*axis, self.axes[*axis].size.unwrap_or(size / known.max(1))));
        let mut axes: Vec<_> = x.axes.iter().filter(|(axis, _)| *axis != from).copied().collect();
        let together: Vec<_> = axes.iter().copied().chain([(from, size)]).collect();
        axes.extend(inner);
        Ok(Tensor { axes, ..x.laid_out(&together) })
    }

    fn broadcast(&self, x: &Tensor, over: &[AxisId]) -> Res<Value<'a>> {
        let mut axes = x.axes.clone();
        for axis in over {
            if !x.has(*axis) {
                let size = self.axes[*axis].size.ok_or(format!("`{}` has no size", self.axis_name(*axis)))?;
                axes.push((*axis, size));
            }
        }
        Ok(Value::tensor(x.laid_out(&axes)))
    }

    /// Values as the entries of an axis, which none of them has.
    fn stack(&mut self, args: &'a [Arg], frame: &mut Frame<'a>) -> Res<Value<'a>> {
        let args = self.args(args, frame)?;
        let Some((Clause::Into, into)) = args.clauses.first() else {
            return Err("`into` is missing".to_owned());
        };
        let [into] = into[..] else { return Err("`into` one axis".to_owned()) };
        let values: Vec<Rc<Tensor>> = args.positional.iter().map(Value::as_tensor).collect::<Res<_>>()?;
        let count = values.len();
        if self.axes[into].size.is_some_and(|size| size != count)
            || values.iter().any(|value| value.has(into))
        {
            return Err("`stack` into an axis of another size, or one that is there".to_owned());
        }
        let operands: Vec<&Tensor> = values.iter().map(Rc::as_ref).collect();
        let mut axes = joined(&operands)?;
        let entries: Vec<Tensor> = operands.iter().map(|value| value.laid_out(&axes)).collect();
        let first = operands.first().ok_or("`stack` of nothing")?;
        let kind = match operands.iter().all(|value| value.kind == first.kind) {
            true => first.kind,
            false if operands.iter().all(|value| value.is_exact()) => Kind::Int,
            false => Kind::Float,
        };
        axes.insert(0, (into, count));
        Ok(Value::tensor(Tensor {
            kind,
            axes,
            data: entries.into_iter().flat_map(|entry| entry.data).collect(),
        }))
    }

    fn concat(&mut self, args: &'a [Arg], frame: &mut Frame<'a>) -> Res<Value<'a>> {
        let args = self.args(args, frame)?;
        let Some((Clause::Along, along)) = args.clauses.first() else {
            return Err("`along` is missing".to_owned());
        };
        let [along] = along[..] else { return Err("`along` one axis".to_owned()) };
        let values: Vec<Rc<Tensor>> = args.positional.iter().map(Value::as_tensor).collect::<Res<_>>()?;
        let parts = self.axes[along].parts.clone();
        let size = self.axes[along].size.ok_or("an axis without size")?;
        let mut rest: Vec<(AxisId, usize)> = Vec::new();
        for value in &values {
            for axis in value.axes.iter().filter(|(axis, _)| !parts.contains(axis)) {
                if !rest.contains(axis) {
                    rest.push(*axis);
                }
            }
        }
        let mut lanes: Vec<Vec<f64>> = vec![Vec::new(); rest.iter().map(|(_, size)| size).product()];
        let mut kind = Kind::Int;
        for part in &parts {
            let value = values.iter().find(|value| value.has(*part)).ok_or("a part is missing")?;
            let length = value.size(*part).unwrap_or(0);
            let axes: Vec<_> = rest.iter().copied().chain([(*part, length)]).collect();
            let laid = value.laid_out(&axes);
            for (at, lane) in lanes.iter_mut().enumerate() {
                lane.extend(&laid.data[at * length..(at + 1) * length]);
            }
            if !value.is_exact() {
                kind = Kind::Float;
            }
        }
        rest.push((along, size));
        Ok(Value::tensor(Tensor { kind, axes: rest, data: lanes.concat() }))
    }
}
