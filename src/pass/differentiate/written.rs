//! Before anything is differentiated: calls that have no derivative of their own become equal expressions that have.

use super::rule::Expression;
use crate::ir::op::Op;
use crate::ir::{Builder, Graph, Label, Node, Val};
use crate::pass::making::Making;
use crate::pass::rewrite::{Rewrite, rewritten, same};
use crate::primitive::Derivative;
use crate::types::Axes;

/// The graph in which every call that gradient goes through has a rule.
pub(super) fn differentiable(graph: &Graph) -> Graph {
    rewritten(graph, &mut Written { axes: graph.axes.clone() })
}

struct Written {
    axes: Axes,
}

impl Rewrite for Written {
    fn place(&mut self, builder: &mut Builder, node: &Node, operands: &[Val]) -> Val {
        let Op::Prim(id, attrs) = &node.op else { return same(builder, node, operands) };
        let Derivative::Rewritten(expression) = id.get().derivative else {
            return same(builder, node, operands);
        };
        if !node.requires_grad {
            return same(builder, node, operands);
        }
        let mut making = Making {
            builder: std::mem::take(builder),
            axes: self.axes.clone(),
            label: Label { leaf: false, ..Label::of(node) },
        };
        let val = expression(&mut Expression { making: &mut making, attrs, operands });
        *builder = making.builder;
        val
    }
}
