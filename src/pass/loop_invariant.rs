//! Moves out of loops what every iteration computes alike, as far out as its operands allow: in TRM, `y + x` is computed
//! once per cycle, not once per update of `z`. Nodes keep their scope of gradient. Never moves random draws, rows of
//! tables, nor loops themselves; numbers cost nothing where they stand.

use super::Pass;
use super::common_subexpressions::is_random;
use super::rewrite::{Rewrite, rewritten, same};
use crate::ir::op::Op;
use crate::ir::{Builder, Graph, Label, Node, Val};

/// What each iteration would compute alike is computed once, before the loop.
pub const PASS: Pass = Pass { name: "loop-invariant", about: "move out of loops what iterations share", run };

fn run(graph: &Graph) -> Graph {
    rewritten(graph, &mut Hoist)
}

struct Hoist;

impl Rewrite for Hoist {
    fn place(&mut self, builder: &mut Builder, node: &Node, operands: &[Val]) -> Val {
        if matches!(node.op, Op::Number(_) | Op::EmbeddingRows(_) | Op::Iteration | Op::Unstack { .. })
            || is_random(&node.op)
        {
            return same(builder, node, operands);
        }
        let variable = operands.iter().filter(|operand| builder.number(**operand).is_none());
        let depth = variable.map(|operand| builder.depth_of(*operand)).max().unwrap_or(0);
        if depth == builder.depth() {
            return same(builder, node, operands);
        }
        let operands: Vec<Val> = operands.iter().map(|operand| number_at(builder, depth, *operand)).collect();
        builder.add_at(depth, node.op.clone(), &operands, node.ty.clone(), Label::of(node))
    }
}

/// A number again, where it is known inside `depth` loops; any other value as it is.
fn number_at(builder: &mut Builder, depth: usize, operand: Val) -> Val {
    match builder.number(operand) {
        Some(value) if builder.depth_of(operand) > depth => {
            let ty = builder.ty(operand).clone();
            builder.add_at(depth, Op::Number(value.into()), &[], ty, Label::default())
        }
        _ => operand,
    }
}
