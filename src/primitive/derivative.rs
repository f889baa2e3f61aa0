//! Derivatives in reverse mode: a primitive's rule takes the adjoint of its result (the gradient of the losses by it) and
//! gives each operand its share, in operations of the graph. What a rule may do is `Backward`; the pass that
//! differentiates implements it. Axes and kinds that an operand lacks are summed and cast away there, never by a rule.

use super::{Attrs, PrimId};
use crate::types::{AxisId, Dim, Kind, Ty};

/// A value of the graph that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Val(pub u32);

/// How gradient passes through a primitive.
#[derive(Clone, Copy)]
pub enum Derivative {
    /// The result carries no gradient.
    Stops,
    /// Gives every operand that wants one its share of the adjoint.
    Rule(fn(&mut dyn Backward)),
    /// An equal expression of other primitives, which is computed and differentiated in its place.
    Rewritten(fn(&mut dyn Backward) -> Val),
}

impl std::fmt::Debug for Derivative {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Derivative::Stops => "stops",
            Derivative::Rule(_) => "rule",
            Derivative::Rewritten(_) => "rewritten",
        })
    }
}

/// One call that is differentiated, and the graph that its backward operations are added to.
pub trait Backward {
    /// The gradient of the losses by the call's result, in its axes; its kind may be wider.
    fn adjoint(&self) -> Val;

    /// Operand `at` of the call.
    fn operand(&mut self, at: usize) -> Val;

    /// The result of the call.
    fn result(&mut self) -> Val;

    /// Axes and constants of the call.
    fn attrs(&self) -> Attrs;

    /// The number that operand `at` is, where it is one.
    fn constant(&self, at: usize) -> Option<f64>;

    /// Whether operand `at` leads to a weight.
    fn wants(&self, at: usize) -> bool;

    /// Adds to the gradient of operand `at`. Axes that it lacks are summed.
    fn give(&mut self, at: usize, share: Val);

    /// The type of operand `at`.
    fn operand_ty(&self, at: usize) -> Ty;

    /// The type of a value.
    fn ty(&self, val: Val) -> Ty;

    /// A number.
    fn number(&mut self, value: f64) -> Val;

    /// A call of a primitive.
    fn call(&mut self, primitive: PrimId, attrs: Attrs, operands: &[Val]) -> Val;

    /// The same values as another kind.
    fn cast(&mut self, val: Val, kind: Kind) -> Val;

    /// Broadcast to axes, in their order.
    fn expand(&mut self, val: Val, dims: Vec<Dim>) -> Val;

    /// Entries `start .. start + len` of an axis, which keeps its name.
    fn slice(&mut self, val: Val, axis: AxisId, start: usize, len: usize) -> Val;

    /// Entry `at` of an axis, which goes.
    fn select(&mut self, val: Val, axis: AxisId, at: usize) -> Val;

    /// Zeros around an axis: its entries stand from `start` on, of `size`.
    fn pad(&mut self, val: Val, axis: AxisId, start: usize, size: usize) -> Val;

    /// Values behind one another along an axis that all have.
    fn concat(&mut self, vals: &[Val], axis: AxisId) -> Val;

    /// A new axis, named for what it is.
    fn fresh_axis(&mut self, name: &str, size: usize) -> AxisId;
}

/// What rules are written with.
impl dyn Backward + '_ {
    /// A primitive of operands alone, by name.
    pub fn prim(&mut self, name: &str, operands: &[Val]) -> Val {
        self.over(name, &[], operands)
    }

    /// A primitive over axes, by name.
    pub fn over(&mut self, name: &str, over: &[AxisId], operands: &[Val]) -> Val {
        self.with(name, Attrs { over: over.to_vec(), ..Attrs::default() }, operands)
    }

    /// A primitive with all it is told, by name. Names are those of rows of the table, which tests hold.
    pub fn with(&mut self, name: &str, attrs: Attrs, operands: &[Val]) -> Val {
        match super::any_by_name(name) {
            Some(id) => self.call(id, attrs, operands),
            // The verifier then finds the type of the result wrong.
            None => operands.first().copied().unwrap_or(Val(0)),
        }
    }

    /// `a · b`.
    pub fn mul(&mut self, a: Val, b: Val) -> Val {
        self.prim("mul", &[a, b])
    }

    /// `a · factor`.
    pub fn scale(&mut self, a: Val, factor: f64) -> Val {
        let factor = self.number(factor);
        self.prim("mul", &[a, factor])
    }

    /// bfloat16 widened to float32: a rule of several operations rounds once, at its end, as one fused kernel does.
    pub fn wide(&mut self, val: Val) -> Val {
        if self.ty(val).kind == Kind::BFloat16 { self.cast(val, Kind::Float32) } else { val }
    }
}
