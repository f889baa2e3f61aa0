//! Computes equal things once. What is computed without gradient is not shared with what is computed with it:
//! one is a constant, the other is not. Random draws are never shared.

use super::Pass;
use super::rewrite::{copy, with_body};
use crate::ir::op::Op;
use crate::ir::{Flow, Graph};
use petgraph::graph::NodeIndex;
use std::collections::HashMap;

pub const PASS: Pass = Pass { name: "common-subexpressions", about: "compute equal things once", run };

fn run(graph: &Graph) -> Graph {
    graph.with_flow(shared(&graph.flow, &[]))
}

/// `entered`: of each value that comes into this flow, the first that is the same.
fn shared(old: &Flow, entered: &[usize]) -> Flow {
    let mut known: HashMap<(String, Vec<NodeIndex>, bool), NodeIndex> = HashMap::new();
    copy(old, |new, node, operands| {
        if let Some(body) = &node.body {
            let first = first_equal(body.carried, operands);
            return new.add(with_body(node, |flow| shared(flow, &first)), operands);
        }
        if is_random(&node.op) || matches!(node.op, Op::Rows(_)) {
            return new.add(node.clone(), operands);
        }
        let mut node = node.clone();
        if let Op::Enter(position) = &mut node.op {
            *position = entered.get(*position).copied().unwrap_or(*position);
        }
        // The type is part of the key: `Expand` says it nowhere else.
        let key = (format!("{:?} {:?}", node.op, node.ty), operands.to_vec(), node.gradient);
        *known.entry(key).or_insert_with(|| new.add(node, operands))
    })
}

/// A loop may be given one value twice: once what was computed twice outside has become one. Carried values change.
fn first_equal(carried: usize, operands: &[NodeIndex]) -> Vec<usize> {
    let first = |at: usize| (carried..at).find(|earlier| operands[*earlier] == operands[at]).unwrap_or(at);
    (0..operands.len()).map(first).collect()
}

pub(super) fn is_random(op: &Op) -> bool {
    matches!(op, Op::Prim(id, _) if id.get().random)
}
