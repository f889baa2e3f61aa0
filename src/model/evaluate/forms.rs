//! Built-in forms that give a size, draw random numbers or choose the largest.

use crate::diagnostic::{Code, Diagnostic};
use crate::ir::op::{Attrs, Op};
use crate::model::checker::Checker;
use crate::model::evaluate::number::Number;
use crate::model::evaluate::signature::Args;
use crate::model::evaluate::value::Value;
use crate::model::words::told;
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
                self.error(
                    Diagnostic::new(
                        Code::Arguments,
                        "`size` takes an axis, a value and an axis, or a list",
                        span,
                        "size of what?",
                    )
                    .help("`size(dim)`, `size(z, branch)`, `size(ways)`"),
                );
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
            self.error(
                Diagnostic::new(
                    Code::Arguments,
                    format!("`{name}` needs to know over which axes"),
                    span,
                    "over which axes?",
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
    pub(in crate::model) fn one_axis(
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

    pub(in crate::model) fn top_k(&mut self, args: &Args, span: Span) -> Option<Value> {
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
                    "something is missing",
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
