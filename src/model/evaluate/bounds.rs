//! Between which entries an index lies. Takes a lookup; refuses one that must miss its axis, and turns an integer that
//! cannot miss into an index of the axis, whose kind is the proof. What can be told neither way is left an integer:
//! it is checked when the model runs.

use crate::ir::op::Op;
use crate::model::Val;
use crate::model::checker::Checker;
use crate::model::evaluate::complaints;
use crate::source::Span;
use crate::types::{AxisId, AxisSize, Kind};

/// Operations looked through, at most.
const DEEPEST: usize = 24;

/// Whole numbers up to here are exact in every kind of float.
const EXACT: f64 = 256.0;

/// The least and the largest value of a tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bounds {
    low: f64,
    high: f64,
    /// Both occur whenever the model runs, or in its last supervision step; else they only bound what occurs.
    occur: bool,
}

impl Bounds {
    fn new(low: f64, high: f64) -> Bounds {
        Bounds { low: low.min(high), high: low.max(high), occur: false }
    }

    fn is_number(self) -> bool {
        self.low == self.high && self.occur
    }

    /// What a function that rises or falls everywhere makes of two operands, at most one of them not a number.
    fn with(self, other: Bounds, f: impl Fn(f64, f64) -> f64) -> Bounds {
        let ends = [self.low, self.high].map(|a| [f(a, other.low), f(a, other.high)]).concat();
        let low = ends.iter().copied().fold(f64::INFINITY, f64::min);
        let high = ends.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let occur = self.occur && other.occur && (self.is_number() || other.is_number());
        Bounds { low, high, occur }
    }

    fn or(self, other: Bounds) -> Bounds {
        Bounds {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            occur: self.occur && other.occur,
        }
    }

    fn perhaps(self) -> Bounds {
        Bounds { occur: false, ..self }
    }
}

impl Checker<'_> {
    /// The index of a lookup along `axis` of something with `size` entries: refused, proved, or left as it is.
    pub(in crate::model) fn within(
        &mut self,
        index: Val,
        axis: AxisId,
        size: Option<usize>,
        span: Span,
    ) -> Option<Val> {
        let (Some(size), kind) = (size, self.ty(index).kind) else { return Some(index) };
        let typed = matches!(kind, Kind::Index { axis: of, .. } if of == axis);
        if !typed && kind != Kind::Int {
            return Some(index);
        }
        // An index of an axis that grows and shrinks was one when it was made: that proves nothing later.
        let doubtful = typed && self.axes.is_growing(axis);
        let Some(bounds) = self.bounds(index, DEEPEST) else {
            return if doubtful { self.emit(Op::Cast(Kind::Int), &[index], span) } else { Some(index) };
        };
        let last = size as f64 - 1.0;
        let inside = bounds.low >= 0.0 && bounds.high <= last;
        let misses = bounds.low > last || bounds.high < 0.0;
        if misses || (bounds.occur && !inside) {
            let name = self.axes.name(axis).to_owned();
            let reach = (bounds.low, (!bounds.is_number()).then_some(bounds.high));
            self.error(complaints::index_misses(&name, size, reach, span));
            return None;
        }
        if doubtful && !inside {
            return self.emit(Op::Cast(Kind::Int), &[index], span);
        }
        if typed || !inside {
            return Some(index);
        }
        self.emit(Op::Cast(Kind::Index { axis, optional: false }), &[index], span)
    }

    fn bounds(&self, val: Val, deep: usize) -> Option<Bounds> {
        let kind = self.ty(val).kind;
        let found = self.bounds_of(val, deep.checked_sub(1)?).or(match kind {
            Kind::Bool => Some(Bounds::new(0.0, 1.0)),
            Kind::Index { axis, optional: false } => match self.axes.get(axis).size {
                AxisSize::Fixed(size) => Some(Bounds::new(0.0, (size as f64 - 1.0).max(0.0))),
                _ => None,
            },
            _ => None,
        })?;
        // Further out the run's precision may round.
        let exact = kind != Kind::Float || found.low.abs().max(found.high.abs()) <= EXACT;
        exact.then_some(found)
    }

    fn bounds_of(&self, val: Val, deep: usize) -> Option<Bounds> {
        let (op, operands) = self.builder.made_by(val)?;
        let of = |at: usize| self.bounds(*operands.get(at)?, deep);
        match op {
            Op::Number(value) => Some(Bounds { low: value.get(), high: value.get(), occur: true }),
            Op::Steps => {
                Some(Bounds { low: 1.0, high: self.halt.map_or(1, |halt| halt.at_most) as f64, occur: true })
            }
            Op::Rename { .. } | Op::Expand | Op::Flatten { .. } | Op::Unflatten { .. } | Op::Detach => of(0),
            Op::Cast(Kind::Int | Kind::Index { .. }) => {
                let bounds = of(0)?;
                Some(Bounds { low: bounds.low.trunc(), high: bounds.high.trunc(), ..bounds })
            }
            Op::Cast(_) => of(0),
            Op::Select { .. } | Op::Slice { .. } | Op::Gather { .. } => of(0).map(Bounds::perhaps),
            Op::Concat { .. } => (1..operands.len()).try_fold(of(0)?, |sum, at| Some(sum.or(of(at)?))),
            Op::Pad { .. } => Some(of(0)?.or(Bounds::new(0.0, 0.0))),
            Op::Prim(id, attrs) => match id.get().name {
                "add" => Some(of(0)?.with(of(1)?, |a, b| a + b)),
                "sub" => Some(of(0)?.with(of(1)?, |a, b| a - b)),
                "mul" => Some(of(0)?.with(of(1)?, |a, b| a * b)),
                "minimum" => Some(of(0)?.with(of(1)?, f64::min)),
                "maximum" => Some(of(0)?.with(of(1)?, f64::max)),
                "div" => {
                    let (top, bottom) = (of(0)?, of(1)?);
                    // A quotient may be rounded up, past a whole number.
                    let wide = |a: f64, b: f64| a / b * (1.0 + 1.0 / EXACT);
                    let wide = top.with(bottom, wide).or(top.with(bottom, |a, b| a / b));
                    (bottom.is_number() && bottom.low != 0.0).then_some(wide.perhaps())
                }
                "neg" => of(0).map(|own| Bounds { low: -own.high, high: -own.low, ..own }),
                "floor" => of(0).map(|own| Bounds { low: own.low.floor(), high: own.high.floor(), ..own }),
                "abs" => of(0).filter(|own| own.low >= 0.0),
                "where" => Some(of(1)?.or(of(2)?).perhaps()),
                "max" | "min" => of(0).map(Bounds::perhaps),
                // An axis that grows has as many entries as the value had.
                "iota" => {
                    let (_, size) = attrs.into.first()?;
                    Some(Bounds { occur: true, ..Bounds::new(0.0, (*size as f64 - 1.0).max(0.0)) })
                }
                "argmax" | "top_k" => {
                    let size = self.ty(*operands.first()?).size(*attrs.over.first()?)?;
                    Some(Bounds::new(0.0, (size as f64 - 1.0).max(0.0)))
                }
                _ => None,
            },
            _ => None,
        }
    }
}
