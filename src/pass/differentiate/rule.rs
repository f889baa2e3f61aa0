//! What the rules of primitives work with: the call that is differentiated, its forward values, its shares.

use super::{Reverse, Scope, Sums, structural};
use crate::ir::op::{Attrs, Op, PrimId};
use crate::ir::{Node, Val};
use crate::pass::making::Making;
use crate::primitive::{Backward, Derivative};
use crate::types::{AxisId, Dim, Kind, Ty};
use petgraph::graph::NodeIndex;

impl Reverse {
    /// Gives the operands of a node their shares of its gradient.
    pub(super) fn operation(&mut self, scopes: &[Scope], index: NodeIndex, adjoint: Val, sums: &mut Sums) {
        let node = scopes[scopes.len() - 1].flow.node(index);
        let mut call = Call { reverse: self, scopes, index, adjoint, sums };
        match &node.op {
            Op::Prim(id, _) => {
                if let Derivative::Rule(rule) = id.get().derivative {
                    rule(&mut call);
                }
            }
            op => structural::rule(op, &mut call),
        }
    }
}

/// One call in reverse.
pub(super) struct Call<'a, 's> {
    reverse: &'a mut Reverse,
    scopes: &'a [Scope<'s>],
    index: NodeIndex,
    adjoint: Val,
    sums: &'a mut Sums,
}

/// One call that is written as other primitives; it has no adjoint yet.
pub(super) struct Expression<'a> {
    pub making: &'a mut Making,
    pub attrs: &'a Attrs,
    pub operands: &'a [Val],
}

impl<'s> Call<'_, 's> {
    fn node(&self) -> &'s Node {
        self.scopes[self.scopes.len() - 1].flow.node(self.index)
    }

    /// A structural operation.
    pub fn add(&mut self, op: Op, operands: &[Val]) -> Val {
        self.reverse.making.add(op, operands)
    }

    /// A structural operation whose type is stated.
    pub fn add_typed(&mut self, op: Op, operands: &[Val], ty: Ty) -> Val {
        let label = self.reverse.making.label.clone();
        self.reverse.making.builder.add_typed(op, operands, ty, label)
    }
}

/// What both can do with a graph.
macro_rules! making {
    () => {
        fn ty(&self, val: Val) -> Ty {
            self.making_ref().builder.ty(val).clone()
        }

        fn number(&mut self, value: f64) -> Val {
            self.making().add(Op::Number(value.into()), &[])
        }

        fn call(&mut self, primitive: PrimId, attrs: Attrs, operands: &[Val]) -> Val {
            self.making().add(Op::Prim(primitive, attrs), operands)
        }

        fn cast(&mut self, val: Val, kind: Kind) -> Val {
            if self.ty(val).kind == kind { val } else { self.making().add(Op::Cast(kind), &[val]) }
        }

        fn expand(&mut self, val: Val, dims: Vec<Dim>) -> Val {
            let ty = Ty::new(self.ty(val).kind, dims);
            self.making().shaped(val, &ty)
        }

        fn slice(&mut self, val: Val, axis: AxisId, start: usize, len: usize) -> Val {
            self.making().add(Op::Slice { axis, start, len, to: axis }, &[val])
        }

        fn select(&mut self, val: Val, axis: AxisId, at: usize) -> Val {
            self.making().add(Op::Select { axis, at }, &[val])
        }

        fn pad(&mut self, val: Val, axis: AxisId, start: usize, size: usize) -> Val {
            self.making().add(Op::Pad { axis, start, size, to: axis }, &[val])
        }

        fn concat(&mut self, vals: &[Val], axis: AxisId) -> Val {
            self.making().add(Op::Concat { parts: vec![axis; vals.len()], to: axis }, vals)
        }

        fn fresh_axis(&mut self, name: &str, size: usize) -> AxisId {
            self.making().fresh_axis(name, size)
        }
    };
}

impl Call<'_, '_> {
    fn making(&mut self) -> &mut Making {
        &mut self.reverse.making
    }

    fn making_ref(&self) -> &Making {
        &self.reverse.making
    }
}

impl Expression<'_> {
    fn making(&mut self) -> &mut Making {
        self.making
    }

    fn making_ref(&self) -> &Making {
        self.making
    }
}

impl Backward for Call<'_, '_> {
    making!();

    fn adjoint(&self) -> Val {
        self.adjoint
    }

    fn operand(&mut self, at: usize) -> Val {
        let operand = self.node().operands[at];
        self.reverse.value(self.scopes, operand)
    }

    fn result(&mut self) -> Val {
        self.reverse.value(self.scopes, self.index)
    }

    fn operand_ty(&self, at: usize) -> Ty {
        self.scopes[self.scopes.len() - 1].flow.node(self.node().operands[at]).ty.clone()
    }

    fn attrs(&self) -> Attrs {
        match &self.node().op {
            Op::Prim(_, attrs) => attrs.clone(),
            _ => Attrs::default(),
        }
    }

    fn constant(&self, at: usize) -> Option<f64> {
        let scope = &self.scopes[self.scopes.len() - 1];
        match &scope.flow.node(self.node().operands[at]).op {
            Op::Number(value) => Some(value.get()),
            _ => None,
        }
    }

    fn wants(&self, at: usize) -> bool {
        let scope = &self.scopes[self.scopes.len() - 1];
        let operand = self.node().operands.get(at);
        operand.is_some_and(|operand| self.reverse.reach.reached(&scope.path, *operand))
    }

    fn give(&mut self, at: usize, share: Val) {
        if !self.wants(at) {
            return;
        }
        let operand = self.node().operands[at];
        let ty = self.scopes[self.scopes.len() - 1].flow.node(operand).ty.clone();
        self.reverse.share(self.sums, operand, &ty, share);
    }
}

impl Backward for Expression<'_> {
    making!();

    fn adjoint(&self) -> Val {
        self.operands[0]
    }

    fn operand(&mut self, at: usize) -> Val {
        self.operands[at]
    }

    fn result(&mut self) -> Val {
        self.operands[0]
    }

    fn operand_ty(&self, at: usize) -> Ty {
        self.ty(self.operands[at])
    }

    fn attrs(&self) -> Attrs {
        self.attrs.clone()
    }

    fn constant(&self, at: usize) -> Option<f64> {
        self.making.builder.number(self.operands[at])
    }

    fn wants(&self, _: usize) -> bool {
        false
    }

    fn give(&mut self, _: usize, _: Val) {}
}
