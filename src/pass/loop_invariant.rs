//! Moves out of loops what every iteration computes alike: in TRM, `y + x` is computed once per cycle, not once
//! per update of `z`. Inner loops first, so that a computation moves as far out as it can. Nodes keep their scope
//! of gradient. Never moves random draws, nor loops themselves.

use super::Pass;
use super::common_subexpressions::is_random;
use crate::ir::op::Op;
use crate::ir::{Body, Flow, Graph, Node};
use petgraph::graph::NodeIndex;
use std::collections::HashMap;

pub const PASS: Pass = Pass { name: "loop-invariant", about: "move out of loops what iterations share", run };

fn run(graph: &Graph) -> Graph {
    graph.with_flow(hoisted(&graph.flow))
}

fn hoisted(old: &Flow) -> Flow {
    super::rewrite::copy(old, |new, node, operands| {
        let Some(body) = &node.body else { return new.add(node.clone(), operands) };
        let body = Body { flow: hoisted(&body.flow), carried: body.carried };
        move_out(new, node, &body, operands)
    })
}

fn move_out(outer: &mut Flow, node: &Node, body: &Body, operands: &[NodeIndex]) -> NodeIndex {
    let mut operands = operands.to_vec();
    // Where an invariant node of the body stands outside.
    let mut outside: HashMap<NodeIndex, NodeIndex> = HashMap::new();
    for index in body.flow.indices() {
        let inner = body.flow.node(index);
        match &inner.op {
            Op::Enter(k) if *k >= body.carried => {
                outside.insert(index, operands[*k]);
            }
            Op::Enter(_) | Op::Repeat { .. } | Op::Output(_) | Op::Rows(_) => {}
            op if is_random(op) => {}
            _ => {
                let inner_operands = body.flow.operands(index);
                let moved: Option<Vec<NodeIndex>> =
                    inner_operands.iter().map(|operand| outside.get(operand).copied()).collect();
                if let Some(moved) = moved {
                    outside.insert(index, outer.add(inner.clone(), &moved));
                }
            }
        }
    }
    // What stays, and what of the moved it reads, entering anew.
    let mut flow = Flow::default();
    let mut map: HashMap<NodeIndex, NodeIndex> = HashMap::new();
    let mut entered: HashMap<NodeIndex, NodeIndex> = HashMap::new();
    let captured = operands.split_off(body.carried);
    drop(captured);
    for index in body.flow.indices() {
        if outside.contains_key(&index) {
            continue;
        }
        let inner = body.flow.node(index);
        let mut mapped = Vec::new();
        for operand in body.flow.operands(index) {
            mapped.push(bring_in(&mut flow, operand, &map, &outside, &mut entered, &mut operands, body));
        }
        map.insert(index, flow.add(inner.clone(), &mapped));
    }
    let results: Vec<NodeIndex> = body
        .flow
        .results
        .iter()
        .map(|result| bring_in(&mut flow, *result, &map, &outside, &mut entered, &mut operands, body))
        .collect();
    flow.results = results;
    outer.add(Node { body: Some(Box::new(Body { flow, carried: body.carried })), ..node.clone() }, &operands)
}

fn bring_in(
    flow: &mut Flow,
    operand: NodeIndex,
    map: &HashMap<NodeIndex, NodeIndex>,
    outside: &HashMap<NodeIndex, NodeIndex>,
    entered: &mut HashMap<NodeIndex, NodeIndex>,
    operands: &mut Vec<NodeIndex>,
    body: &Body,
) -> NodeIndex {
    if let Some(inside) = map.get(&operand) {
        return *inside;
    }
    let Some(outer) = outside.get(&operand) else {
        // Operands come before their users, so everything is in one of the two.
        return operand;
    };
    if let Some(inside) = entered.get(outer) {
        return *inside;
    }
    let inner = body.flow.node(operand);
    // Numbers cost nothing where they stand.
    if matches!(inner.op, Op::Number(_)) {
        let inside = flow.add(inner.clone(), &[]);
        entered.insert(*outer, inside);
        return inside;
    }
    let at = operands.len();
    operands.push(*outer);
    let inside = flow.add(
        Node {
            op: Op::Enter(at),
            ty: inner.ty.clone(),
            gradient: inner.gradient,
            span: inner.span,
            name: String::new(),
            body: None,
        },
        &[],
    );
    entered.insert(*outer, inside);
    inside
}
