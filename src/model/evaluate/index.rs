//! Fields and indexing: entries, ranges and named parts of an axis, lookups by typed index, rows of tables.

use crate::ir::op::Op;
use crate::model::checker::Checker;
use crate::model::evaluate::complaints;
use crate::model::evaluate::habits::mend;
use crate::model::evaluate::value::Value;
use crate::source::Span;
use crate::syntax::ast::{ExprKind, Ident, IndexItem};
use crate::types::{AxisId, Kind};

impl Checker<'_> {
    pub(in crate::model) fn field(&mut self, value: Value, name: &Ident) -> Value {
        match value {
            Value::Record(fields) => match fields.iter().find(|(known, _)| *known == name.name) {
                Some((_, value)) => {
                    self.note(&name.name, name.span, value);
                    value.clone()
                }
                None => {
                    let known: Vec<&str> = fields.iter().map(|(known, _)| known.as_str()).collect();
                    self.error(complaints::no_field(name, &known));
                    Value::Broken
                }
            },
            Value::Net(net) => self.field_of_nets(&[net], name),
            Value::Family(nets) => self.field_of_nets(&nets, name),
            Value::Broken => Value::Broken,
            other => {
                self.error(complaints::has_no_fields(name, other.what(), mend(&name.name)));
                Value::Broken
            }
        }
    }

    pub(in crate::model) fn index(&mut self, value: Value, items: &[IndexItem], span: Span) -> Value {
        match value {
            Value::Family(nets) => {
                let [IndexItem::Plain(expr)] = items else {
                    self.error(complaints::which_net(span));
                    return Value::Broken;
                };
                let Some(at) = self.size_value(expr) else { return Value::Broken };
                match nets.get(at) {
                    Some(net) => Value::Net(net.clone()),
                    None => {
                        self.error(complaints::no_net(at, nets.len(), expr.span));
                        Value::Broken
                    }
                }
            }
            Value::Numbers(numbers) => self.entry_of(&numbers, items, span),
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

    pub(in crate::model) fn index_tensor(
        &mut self,
        val: crate::model::Val,
        item: &IndexItem,
        span: Span,
    ) -> Option<crate::model::Val> {
        match item {
            IndexItem::Plain(expr) => {
                let ExprKind::Name(name) = &expr.kind else {
                    self.error(complaints::which_axis(expr.span));
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
                            self.error(complaints::not_an_entry(number, expr.span));
                            None
                        }
                    },
                    value => {
                        let index = self.tensor(&value, expr.span)?;
                        self.look_up(val, axis, index, expr.span, span)
                    }
                }
            }
            IndexItem::In(axis, from, to) => {
                let axis = self.axis_named(axis)?;
                let val = self.with_growing(val, axis, span);
                let (start, end) = (self.size_value(from)?, self.size_value(to)?);
                if end < start {
                    self.error(complaints::range_backwards((start, end), from.span.to(to.span)));
                    return None;
                }
                self.emit(Op::Slice { axis, start, len: end - start, to: axis }, &[val], span)
            }
        }
    }

    /// `x[axis = index]` with an index that is a tensor.
    pub(in crate::model) fn look_up(
        &mut self,
        val: crate::model::Val,
        axis: AxisId,
        index: crate::model::Val,
        place: Span,
        span: Span,
    ) -> Option<crate::model::Val> {
        let index = self.within(index, axis, self.ty(val).size(axis), place)?;
        self.looked_up(index, span, |checker| checker.emit(Op::Gather { axis }, &[val, index], span))
    }

    /// What `emit` emits, under the author's words if the index has to be checked when the model runs.
    fn looked_up<T>(&mut self, index: crate::model::Val, span: Span, emit: impl FnOnce(&mut Self) -> T) -> T {
        if self.ty(index).kind != Kind::Int {
            return emit(self);
        }
        self.path.push(format!("`{}` ({})", self.author_text(span), self.sources.place(span)));
        let result = emit(self);
        self.path.pop();
        result
    }

    /// `y[cell]`: the part of the axis that has it.
    pub(in crate::model) fn part_of(
        &mut self,
        val: crate::model::Val,
        part: AxisId,
        span: Span,
    ) -> Option<crate::model::Val> {
        let ty = self.ty(val).clone();
        let whole = ty.axes().find(|whole| crate::primitive::is_part(part, *whole, &self.axes));
        let Some(whole) = whole else {
            let (name, shown) = (self.axes.name(part).to_owned(), ty.show(&self.axes).to_string());
            self.error(complaints::no_part(&name, &shown, ty.has(part), span));
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

    pub(in crate::model) fn rows(
        &mut self,
        table: usize,
        items: &[IndexItem],
        span: Span,
    ) -> Option<crate::model::Val> {
        let weight = self.weights[table].clone();
        let [IndexItem::Equal(axis, expr)] = items else {
            self.error(complaints::which_rows(span));
            return None;
        };
        let axis = self.axis_named(axis)?;
        let value = self.expr(expr);
        let index = self.tensor(&value, expr.span)?;
        let whole = crate::types::Ty::new(Kind::Float32, weight.dims.clone());
        let index = self.within(index, axis, whole.size(axis), expr.span)?;
        let types = [&whole, &self.ty(index).clone()];
        match crate::ir::infer(&Op::Gather { axis }, &types, &self.axes) {
            Ok(ty) => {
                let op = Op::EmbeddingRows(weight.path);
                let rows = self.looked_up(index, span, |checker| checker.emit_typed(op, &[index], ty, span));
                self.emit(Op::Cast(Kind::Float), &[rows], span)
            }
            Err(complaint) => {
                self.error(complaints::not_a_row(complaint, expr.span, weight.span));
                None
            }
        }
    }
}
