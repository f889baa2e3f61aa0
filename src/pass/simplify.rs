//! Removes operations that change nothing: casts to the same kind, broadcasts to the same axes, detaching what gradient
//! does not reach. Assumes nothing; never changes a value or a gradient.

use super::Pass;
use super::rewrite::{Rewrite, rewritten, same};
use crate::ir::op::Op;
use crate::ir::{Builder, Graph, Node, Val};
use crate::primitive::Chained;
use crate::types::{Axes, Ty};

/// Operations that give their operand unchanged are replaced by it.
pub const PASS: Pass = Pass { name: "simplify", about: "remove operations that change nothing", run };

fn run(graph: &Graph) -> Graph {
    rewritten(graph, &mut Simplify { axes: graph.axes.clone() })
}

struct Simplify {
    axes: Axes,
}

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
        if let Op::Prim(id, attrs) = &node.op
            && matches!(id.get().chained, Chained::Each(_))
        {
            // Operands meet by axis: what another brings along need not be broadcast first.
            let narrow: Vec<Val> = operands.iter().map(|operand| unexpanded(builder, *operand)).collect();
            let types: Vec<&Ty> = narrow.iter().map(|operand| builder.ty(*operand)).collect();
            if (id.get().infer)(attrs, &types, &self.axes).is_ok_and(|ty| ty == node.ty) {
                return same(builder, node, &narrow);
            }
        }
        same(builder, node, operands)
    }
}

/// What a value was before it was broadcast.
fn unexpanded(builder: &Builder, val: Val) -> Val {
    match builder.made_by(val) {
        Some((Op::Expand, [operand]))
            if builder.ty(*operand).kind == builder.ty(val).kind
                && builder.requires_grad(*operand) == builder.requires_grad(val)
                && builder.depth_of(*operand) <= builder.depth() =>
        {
            unexpanded(builder, *operand)
        }
        _ => val,
    }
}
