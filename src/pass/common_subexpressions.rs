//! Computes once what a loop's body, or the step itself, computes twice: the same operation on the same operands, in
//! the same scope of gradient. Never shares random draws, nor rows of tables, whose gradient belongs to one reading.

use super::Pass;
use super::rewrite::{Rewrite, rewritten, same};
use crate::ir::op::Op;
use crate::ir::{Builder, Graph, Node, Val};
use crate::types::Ty;
use std::collections::HashMap;

/// Two nodes of one operation, operands, type and scope of gradient become one.
pub const PASS: Pass = Pass { name: "common-subexpressions", about: "compute equal expressions once", run };

fn run(graph: &Graph) -> Graph {
    rewritten(graph, &mut Sharing { levels: vec![HashMap::new()] })
}

/// An operation in full. The type is part of it: `Expand` says it nowhere else.
type Key = (Op, Ty, Vec<Val>, bool);

/// What has been computed, by level of the loops that are open.
struct Sharing {
    levels: Vec<HashMap<Key, Val>>,
}

impl Rewrite for Sharing {
    fn place(&mut self, builder: &mut Builder, node: &Node, operands: &[Val]) -> Val {
        let own = matches!(node.op, Op::EmbeddingRows(_)) || is_random(&node.op);
        let Some(known) = self.levels.last_mut().filter(|_| !own) else {
            return same(builder, node, operands);
        };
        let key = (node.op.clone(), node.ty.clone(), operands.to_vec(), node.gradient);
        *known.entry(key).or_insert_with(|| same(builder, node, operands))
    }

    fn opened(&mut self) {
        self.levels.push(HashMap::new());
    }

    fn closed(&mut self) {
        self.levels.pop();
    }
}

pub(super) fn is_random(op: &Op) -> bool {
    matches!(op, Op::Prim(id, _) if id.get().random)
}
