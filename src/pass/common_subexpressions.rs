//! Computes equal things once. What is computed without gradient is not shared with what is computed with it:
//! one is a constant, the other is not. Random draws are never shared.

use super::Pass;
use super::rewrite::{copy, with_body};
use crate::graph::{Flow, Graph};
use crate::model::ops::Op;
use petgraph::graph::NodeIndex;
use std::collections::HashMap;

pub const PASS: Pass = Pass { name: "common-subexpressions", about: "compute equal things once", run };

fn run(graph: &Graph) -> Graph {
    graph.with_flow(shared(&graph.flow))
}

fn shared(old: &Flow) -> Flow {
    let mut known: HashMap<(String, Vec<NodeIndex>, bool), NodeIndex> = HashMap::new();
    copy(old, |new, node, operands| {
        if node.body.is_some() || is_random(&node.op) || matches!(node.op, Op::Rows(_)) {
            return new.add(with_body(node, shared), operands);
        }
        // The type is part of the key: `Expand` says it nowhere else.
        let key = (format!("{:?} {:?}", node.op, node.ty), operands.to_vec(), node.gradient);
        *known.entry(key).or_insert_with(|| new.add(node.clone(), operands))
    })
}

pub(super) fn is_random(op: &Op) -> bool {
    matches!(op, Op::Prim(id, _) if id.get().random)
}
