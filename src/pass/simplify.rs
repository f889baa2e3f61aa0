//! Removes operations that change nothing: casts to the same kind, broadcasts to the same axes, detaching twice.
//! Assumes nothing; never changes a value or a gradient.

use super::Pass;
use super::rewrite::{copy, with_body};
use crate::ir::op::Op;
use crate::ir::{Flow, Graph};

pub const PASS: Pass = Pass { name: "simplify", about: "remove operations that change nothing", run };

fn run(graph: &Graph) -> Graph {
    graph.with_flow(simplified(&graph.flow))
}

fn simplified(old: &Flow) -> Flow {
    copy(old, |new, node, operands| {
        let same = |position: usize| {
            let operand = new.node(operands[position]);
            operand.ty == node.ty && (operand.gradient == node.gradient || !node.gradient)
        };
        match &node.op {
            // A cast or broadcast without gradient would cut it: only drop it where the scope is the same.
            Op::Cast(_) | Op::Expand if same(0) && new.node(operands[0]).gradient == node.gradient => {
                operands[0]
            }
            Op::Detach if matches!(new.node(operands[0]).op, Op::Detach) => operands[0],
            _ => new.add(with_body(node, simplified), operands),
        }
    })
}
