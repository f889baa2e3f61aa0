//! Removes operations that change nothing: casts to the same kind, broadcasts to the same axes, detaching what gradient
//! does not reach. Assumes nothing; never changes a value or a gradient.

use super::Pass;
use super::rewrite::{Rewrite, rewritten, same};
use crate::ir::op::Op;
use crate::ir::{Builder, Graph, Node, Val};

/// Operations that give their operand unchanged are replaced by it.
pub const PASS: Pass = Pass { name: "simplify", about: "remove operations that change nothing", run };

fn run(graph: &Graph) -> Graph {
    rewritten(graph, &mut Simplify)
}

struct Simplify;

impl Rewrite for Simplify {
    fn place(&mut self, builder: &mut Builder, node: &Node, operands: &[Val]) -> Val {
        let changes_nothing = match &node.op {
            Op::Cast(_) | Op::Expand => *builder.ty(operands[0]) == node.ty,
            Op::Detach => true,
            _ => false,
        };
        // Without gradient, or detached, the result is constant: the operand stands for it only if it is so too.
        let passes_gradient = node.gradient && !matches!(node.op, Op::Detach);
        if changes_nothing && (passes_gradient || !builder.requires_grad(operands[0])) {
            return operands[0];
        }
        same(builder, node, operands)
    }
}
