//! Attention beyond what the primitive takes: with a mask, and of queries to keys along an axis that the queries lack.
//! Takes a call of `attend`, gives softmax(q·k / √d)·v of primitives that every executor has.

use crate::ir::op::{Attrs, Op};
use crate::model::Val;
use crate::model::checker::Checker;
use crate::model::evaluate::complaints;
use crate::model::evaluate::signature::Args;
use crate::model::evaluate::value::Value;
use crate::primitive;
use crate::source::Span;
use crate::syntax::ast::Clause;
use crate::types::{Axis, AxisId, AxisSize, Kind};

/// A score so low that its exponential beside any other is 0, and finite in every precision, so that a query without
/// any key has no NaN in it or in its gradient.
const NEVER: f64 = -1e30;

impl Checker<'_> {
    /// Whether a call of `attend` is more than the primitive: it has a mask, or its queries lack the axis of the keys.
    pub(in crate::model) fn attends_further(&mut self, args: &Args) -> bool {
        let masked = args.named.iter().any(|(name, _, _)| name.name == "mask");
        let over = args.clause(Clause::Over).and_then(|(_, axes, _)| match axes[..] {
            [axis] => Some(axis),
            _ => None,
        });
        let has = |at: usize, axis: AxisId| match args.positional.get(at) {
            Some((Value::Tensor(val), _)) => self.ty(*val).has(axis),
            _ => false,
        };
        let apart = over.is_some_and(|axis| !has(0, axis) && has(1, axis) && has(2, axis));
        args.positional.len() == 3 && (masked || apart)
    }

    /// softmax(q·k / √d)·v over the keys, d the size of `along` (Vaswani et al., arXiv:1706.03762, eq. 1), in the axes of
    /// the queries and those that keys, values or mask have beside `over` and `along`. A mask of bools says which keys are
    /// looked at, one of floats is added to the scores. A query that may look at nothing gets 0.
    pub(in crate::model) fn attend_further(&mut self, args: &Args, span: Span) -> Option<Value> {
        let example = "attend(q, k, v, over thought, along feature, mask = edge)";
        let (over, place) = self.one_axis(args, Clause::Over, "attend", example, span)?;
        let (along, _) = self.one_axis(args, Clause::Along, "attend", example, span)?;
        if let Some((name, _, place)) =
            args.named.iter().find(|(name, _, _)| !["mask", "causal"].contains(&name.name.as_str()))
        {
            self.error(complaints::attend_has_no_parameter(name, *place));
            return None;
        }
        let q = self.operand(args, 0, "attend", span)?;
        let (k, v) = (self.operand(args, 1, "attend", span)?, self.operand(args, 2, "attend", span)?);
        let (k, v) = (self.with_growing(k, over, span), self.with_growing(v, over, span));
        let causal = self.is_causal(args, q, over)?;
        for (val, axis) in [(q, along), (k, along), (k, over), (v, over)] {
            self.attended(val, axis, place)?;
        }
        // Where the queries have the axis too, keys stand along another name, and the mask is about keys.
        let (keys, k, v) = if self.ty(q).has(over) {
            let keys = self.axis_of_keys(over, span);
            let k = self.emit(Op::Rename { from: over, to: keys }, &[k], span)?;
            (keys, k, self.emit(Op::Rename { from: over, to: keys }, &[v], span)?)
        } else {
            (over, k, v)
        };
        let scores = self.scores(q, k, along, span)?;
        let (scores, looked_at) = self.masked(args, scores, (over, keys), causal, span)?;
        let attrs = Attrs { over: vec![keys], ..Default::default() };
        let mut weights = self.prim("softmax", &[scores], attrs.clone(), span)?;
        if let Some(looked_at) = looked_at {
            let nothing = self.emit(Op::Number(0.0.into()), &[], span)?;
            weights = self.prim("where", &[looked_at, weights, nothing], Attrs::default(), span)?;
        }
        let kind = self.ty(v).kind;
        let weights = if self.ty(weights).kind == kind {
            weights
        } else {
            self.emit(Op::Cast(kind), &[weights], span)?
        };
        self.prim("dot", &[weights, v], attrs, span).map(Value::Tensor)
    }

    /// q·k / √d, in float32 or wider.
    fn scores(&mut self, q: Val, k: Val, along: AxisId, span: Span) -> Option<Val> {
        let features = self.ty(q).size(along).unwrap_or(1).max(1);
        let products = self.prim("dot", &[q, k], Attrs { over: vec![along], ..Default::default() }, span)?;
        let wide = match self.ty(products).kind {
            Kind::Float32 | Kind::Float64 => products,
            _ => self.emit(Op::Cast(Kind::Float32), &[products], span)?,
        };
        let scale = self.emit(Op::Number((features as f64).sqrt().recip().into()), &[], span)?;
        self.prim("mul", &[wide, scale], Attrs::default(), span)
    }

    /// The scores with the mask, and which keys are looked at where a mask of bools or `causal` says so. `axes` are the
    /// axis of the keys in the call, and here.
    fn masked(
        &mut self,
        args: &Args,
        scores: Val,
        axes: (AxisId, AxisId),
        causal: bool,
        span: Span,
    ) -> Option<(Val, Option<Val>)> {
        let (over, keys) = axes;
        let (mut scores, mut looked_at) = (scores, None);
        if let Some((_, value, place)) = args.named.iter().find(|(name, _, _)| name.name == "mask") {
            let mut mask = self.tensor(value, *place)?;
            if matches!(value, Value::Bool(_)) {
                mask = self.emit(Op::Cast(Kind::Bool), &[mask], span)?;
            }
            if over != keys && self.ty(mask).has(over) {
                mask = self.emit(Op::Rename { from: over, to: keys }, &[mask], span)?;
            }
            let kind = self.ty(mask).kind;
            if kind != Kind::Bool && !kind.is_float() {
                let shown = self.ty(mask).show(&self.axes).to_string();
                self.error(complaints::mask_of_another_kind(&shown, *place));
                return None;
            }
            if kind == Kind::Bool {
                looked_at = Some(mask);
            } else {
                scores = self.prim("add", &[scores, mask], Attrs::default(), span)?;
            }
        }
        if causal {
            let earlier = self.no_later(over, keys, self.ty(scores).size(keys).unwrap_or(1), span)?;
            looked_at = Some(match looked_at {
                Some(mask) => self.prim("and", &[mask, earlier], Attrs::default(), span)?,
                None => earlier,
            });
        }
        let Some(mask) = looked_at else { return Some((scores, None)) };
        let never = self.emit(Op::Number(NEVER.into()), &[], span)?;
        let kept = self.prim("where", &[mask, scores, never], Attrs::default(), span)?;
        Some((kept, looked_at))
    }

    /// Pairs whose key stands no later than the query.
    fn no_later(&mut self, queries: AxisId, keys: AxisId, size: usize, span: Span) -> Option<Val> {
        let mut count = |axis: AxisId| {
            self.prim("iota", &[], Attrs { into: vec![(axis, size)], ..Default::default() }, span)
        };
        let (query, key) = (count(queries)?, count(keys)?);
        self.prim("le", &[key, query], Attrs::default(), span)
    }

    fn is_causal(&mut self, args: &Args, q: Val, over: AxisId) -> Option<bool> {
        let Some((name, value, place)) = args.named.iter().find(|(name, _, _)| name.name == "causal") else {
            return Some(false);
        };
        let truth = match value {
            Value::Bool(truth) => *truth,
            Value::Number(number) => number.to_f64() != 0.0,
            other => {
                self.error(complaints::causal_not_known(other.what(), *place));
                return None;
            }
        };
        if truth && !self.ty(q).has(over) {
            let axis = self.axes.name(over).to_owned();
            let shown = self.ty(q).show(&self.axes).to_string();
            let place = name.span.to(*place);
            self.error(complaints::earlier_than_what(&axis, (&shown, self.place(q)), place));
            return None;
        }
        Some(truth)
    }

    /// Complains where an operand lacks an axis.
    fn attended(&mut self, val: Val, axis: AxisId, span: Span) -> Option<()> {
        if self.ty(val).has(axis) {
            return Some(());
        }
        let own = self.ty(val).clone();
        let complaint = primitive::missing(axis, &own, &self.axes, "`attend`");
        let shown = own.show(&self.axes).to_string();
        self.error(complaints::attends_along_what(complaint, (&shown, self.place(val)), span));
        None
    }

    fn axis_of_keys(&mut self, over: AxisId, span: Span) -> AxisId {
        self.axes.add(Axis {
            name: format!("{}'", self.axes.name(over)),
            size: AxisSize::Open,
            parts: Vec::new(),
            span,
            origin: "the keys of an attention".to_owned(),
        })
    }
}
