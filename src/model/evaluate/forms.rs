//! Built-in forms that give a size, draw random numbers or choose the largest.

use crate::ir::op::{Attrs, Op};
use crate::model::checker::Checker;
use crate::model::complaints::told;
use crate::model::evaluate::complaints;
use crate::model::evaluate::number::Number;
use crate::model::evaluate::signature::Args;
use crate::model::evaluate::value::Value;
use crate::primitive;
use crate::source::Span;
use crate::syntax::ast::Clause;
use crate::types::AxisId;

impl Checker<'_> {
    /// `size(dim)` of an axis, `size(z, branch)` of a value.
    pub(in crate::model) fn size(&mut self, args: &Args, span: Span) -> Option<Value> {
        let size = match &args.positional[..] {
            [(Value::Axis(axis), place)] => self.fixed_size(*axis, *place)?,
            [(Value::Numbers(numbers), _)] => numbers.len(),
            [(value, place), (Value::Axis(axis), _)] => {
                self.size_along(&value.clone(), *axis, (*place, span), "`size`")?
            }
            _ => {
                self.error(complaints::size_of_what(span));
                return None;
            }
        };
        Some(Value::Number(Number::whole(size as i64)))
    }

    /// The size that a value has along an axis, 1 where the axis belongs to each value and this one lacks it; `places` are
    /// those of the value and of the call.
    pub(in crate::model) fn size_along(
        &mut self,
        value: &Value,
        axis: AxisId,
        places: (Span, Span),
        what: &str,
    ) -> Option<usize> {
        let val = self.tensor(value, places.0)?;
        match self.ty(val).size(axis) {
            Some(size) => Some(size),
            None if self.axes.is_growing(axis) => Some(1),
            None => {
                let complaint = primitive::missing(axis, &self.ty(val).clone(), &self.axes, what);
                self.error(told(complaint, places.1, "of this value"));
                None
            }
        }
    }

    pub(in crate::model) fn draw(&mut self, name: &str, args: &Args, span: Span) -> Option<Value> {
        let Some((_, axes, _)) = args.clause(Clause::Over) else {
            self.error(complaints::draws_over_what(name, span));
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
    pub(in crate::model) fn one_axis(
        &mut self,
        args: &Args,
        clause: Clause,
        name: &str,
        example: &str,
        span: Span,
    ) -> Option<(AxisId, Span)> {
        let (given, place) = match args.clause(clause) {
            Some((_, axes, place)) => match axes[..] {
                [axis] => return Some((axis, *place)),
                _ => (Some(axes.len()), *place),
            },
            None => (None, span),
        };
        self.error(complaints::one_axis_needed(name, clause, given, example, place));
        None
    }

    pub(in crate::model) fn top_k(&mut self, args: &Args, span: Span) -> Option<Value> {
        let x = self.operand(args, 0, "top_k", span)?;
        let count =
            args.named.iter().find(|(name, _, _)| name.name == "count").map(|(_, value, _)| value.clone());
        let (Some((_, over, _)), Some((_, into, _)), Some(Value::Number(count))) =
            (args.clause(Clause::Over), args.clause(Clause::Into), count)
        else {
            self.error(complaints::top_k_of_what(span));
            return None;
        };
        let Some(count) = count.to_whole().and_then(|count| usize::try_from(count).ok()) else {
            self.error(complaints::count_not_whole(count, span));
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
