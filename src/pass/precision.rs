//! Says what `float` is in this run: float32, bfloat16, or float64 in tests. Types and casts are concrete from here on,
//! so that casts between equal kinds can go. Runs first; every later pass may assume that no value is `float`.

use super::Pass;
use super::rewrite::{Rewrite, rewritten};
use crate::ir::op::Op;
use crate::ir::{Builder, Graph, Label, Node, Val};
use crate::types::{Precision, Ty};

/// Every type's `float` becomes the kind of the run's precision.
pub const PASS: Pass = Pass { name: "precision", about: "say what `float` is in this run", run };

fn run(graph: &Graph) -> Graph {
    rewritten(graph, &mut Resolve { precision: graph.precision })
}

struct Resolve {
    precision: Precision,
}

impl Rewrite for Resolve {
    fn place(&mut self, builder: &mut Builder, node: &Node, operands: &[Val]) -> Val {
        let op = match &node.op {
            Op::Cast(kind) => Op::Cast(self.precision.of(*kind)),
            op => op.clone(),
        };
        let ty = Ty::new(self.precision.of(node.ty.kind), node.ty.dims.clone());
        builder.add_typed(op, operands, ty, Label::of(node))
    }
}
