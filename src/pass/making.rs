//! Adding operations to a graph that is being made, under the name of what they are derived from.

use crate::ir::op::{Attrs, Op};
use crate::ir::{Builder, Label, Val};
use crate::source::Span;
use crate::types::{Axes, AxisId, AxisSize, Kind, Ty};

/// A graph in the making.
pub(super) struct Making {
    pub builder: Builder,
    pub axes: Axes,
    /// Of what is added next.
    pub label: Label,
}

impl Making {
    /// A value in the axes, their order and the kind of a type: summed, broadcast and cast as is needed.
    pub fn shaped(&mut self, val: Val, ty: &Ty) -> Val {
        let own = self.builder.ty(val).clone();
        if self.builder.number(val).is_some() && !ty.dims.is_empty() {
            return self.builder.add_typed(Op::Expand, &[val], ty.clone(), self.label.clone());
        }
        let lacking: Vec<AxisId> = own.axes().filter(|axis| !ty.has(*axis)).collect();
        // A sum is taken in the wider kind.
        let widens = own.kind != ty.kind && own.kind == Kind::BFloat16;
        let mut val = if widens { self.add(Op::Cast(ty.kind), &[val]) } else { val };
        if !lacking.is_empty() {
            let attrs = Attrs { over: lacking, ..Default::default() };
            if let Op::Prim(sum, _) = self.prim("sum") {
                val = self.add(Op::Prim(sum, attrs), &[val]);
            }
        }
        if self.builder.ty(val).kind != ty.kind {
            val = self.add(Op::Cast(ty.kind), &[val]);
        }
        if self.builder.ty(val).dims != ty.dims {
            val = self.builder.add_typed(Op::Expand, &[val], ty.clone(), self.label.clone());
        }
        val
    }

    /// A primitive without axes and constants.
    pub fn prim(&self, name: &str) -> Op {
        match crate::primitive::by_name(name) {
            Some(id) => Op::Prim(id, Default::default()),
            None => Op::Detach,
        }
    }

    /// Adds an operation. What inference refuses is a bug of totc: the verifier says so.
    pub fn add(&mut self, op: Op, operands: &[Val]) -> Val {
        match self.builder.add(op.clone(), operands, &self.axes, self.label.clone()) {
            Ok(val) => val,
            Err(_) => self.builder.add_typed(op, operands, Ty::scalar(Kind::Bool), self.label.clone()),
        }
    }

    /// A new axis of a known size.
    pub fn fresh_axis(&mut self, name: &str, size: usize) -> AxisId {
        self.axes.add(crate::types::Axis {
            name: name.to_owned(),
            size: AxisSize::Fixed(size),
            parts: Vec::new(),
            span: Span::NONE,
            origin: "made by a pass".to_owned(),
        })
    }
}
