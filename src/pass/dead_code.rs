//! Removes what no output needs: nodes, results and carried values of loops that nobody reads, operands that a
//! body ignores. Assumes nothing; leaves operands before users; never removes an output.

use super::Pass;
use crate::ir::op::Op;
use crate::ir::{Body, Flow, Graph, Node};
use petgraph::graph::NodeIndex;
use std::collections::{HashMap, HashSet};

pub const PASS: Pass = Pass { name: "dead-code", about: "remove what no output needs", run };

fn run(graph: &Graph) -> Graph {
    let wanted: Vec<bool> = vec![true; graph.flow.results.len()];
    graph.with_flow(live(&graph.flow, &wanted).0)
}

/// The flow with the wanted results only; also which `Enter`s are still read.
fn live(old: &Flow, wanted: &[bool]) -> (Flow, HashSet<usize>) {
    let mut needed: HashSet<NodeIndex> =
        old.results.iter().zip(wanted).filter(|(_, wanted)| **wanted).map(|(result, _)| *result).collect();
    // Results of loops that somebody reads.
    let mut read: HashMap<NodeIndex, HashSet<usize>> = HashMap::new();
    let mut bodies: HashMap<NodeIndex, (Vec<usize>, Body)> = HashMap::new();
    let order: Vec<NodeIndex> = old.indices().collect();
    for index in order.iter().rev().filter(|index| old.nodes.node_weight(**index).is_some()) {
        if !needed.contains(index) {
            continue;
        }
        let node = old.node(*index);
        let operands = old.operands(*index);
        match (&node.op, &node.body) {
            (Op::Output(k), _) => {
                needed.insert(operands[0]);
                read.entry(operands[0]).or_default().insert(*k);
            }
            (_, Some(body)) => {
                let (kept, body) = live_loop(body, read.get(index).cloned().unwrap_or_default());
                needed.extend(kept.iter().map(|at| operands[*at]));
                bodies.insert(*index, (kept, body));
            }
            _ => needed.extend(operands),
        }
    }
    let mut new = Flow::default();
    let mut map: HashMap<NodeIndex, NodeIndex> = HashMap::new();
    let mut renumbered: HashMap<NodeIndex, HashMap<usize, usize>> = HashMap::new();
    let mut entered = HashSet::new();
    for index in order {
        if !needed.contains(&index) {
            continue;
        }
        let node = old.node(index);
        let operands = old.operands(index);
        let placed = match (&node.op, bodies.remove(&index)) {
            (Op::Output(k), _) => {
                let at = renumbered.get(&operands[0]).and_then(|map| map.get(k)).copied().unwrap_or(*k);
                new.add(Node { op: Op::Output(at), ..node.clone() }, &[map[&operands[0]]])
            }
            (_, Some((kept, body))) => {
                renumbered.insert(
                    index,
                    result_numbers(node, &kept, &read.get(&index).cloned().unwrap_or_default()),
                );
                let operands: Vec<NodeIndex> = kept.iter().map(|at| map[&operands[*at]]).collect();
                new.add(Node { body: Some(Box::new(body)), ..node.clone() }, &operands)
            }
            (op, None) => {
                if let Op::Enter(k) = op {
                    entered.insert(*k);
                }
                let operands: Vec<NodeIndex> = operands.iter().map(|operand| map[operand]).collect();
                new.add(node.clone(), &operands)
            }
        };
        map.insert(index, placed);
    }
    new.results = old
        .results
        .iter()
        .zip(wanted)
        .filter(|(_, wanted)| **wanted)
        .map(|(result, _)| map[result])
        .collect();
    (new, entered)
}

/// Old result numbers to new ones: carried values that stayed, then recorded ones that are read.
fn result_numbers(node: &Node, kept: &[usize], read: &HashSet<usize>) -> HashMap<usize, usize> {
    let Some(body) = &node.body else { return HashMap::new() };
    let carried = (0..body.carried).filter(|at| kept.contains(at));
    let recorded = (body.carried..body.flow.results.len()).filter(|at| read.contains(at));
    carried.chain(recorded).enumerate().map(|(new, old)| (old, new)).collect()
}

/// The loop with the results in `read` only; which of its operands stay.
fn live_loop(body: &Body, read: HashSet<usize>) -> (Vec<usize>, Body) {
    // A carried value lives if it is read outside, or if what lives reads it inside.
    let mut living: HashSet<usize> = read.iter().filter(|at| **at < body.carried).copied().collect();
    loop {
        let wanted: Vec<bool> = (0..body.flow.results.len())
            .map(|at| if at < body.carried { living.contains(&at) } else { read.contains(&at) })
            .collect();
        let (flow, entered) = live(&body.flow, &wanted);
        let more: Vec<usize> =
            entered.iter().filter(|at| **at < body.carried && !living.contains(at)).copied().collect();
        if !more.is_empty() {
            living.extend(more);
            continue;
        }
        let mut kept: Vec<usize> = living.iter().copied().collect();
        kept.extend(entered.iter().filter(|at| **at >= body.carried));
        kept.sort_unstable();
        let numbers: HashMap<usize, usize> = kept.iter().enumerate().map(|(new, old)| (*old, new)).collect();
        let mut flow = flow;
        let all: Vec<NodeIndex> = flow.indices().collect();
        for index in all {
            if let Op::Enter(at) = &mut flow.nodes[index].op {
                *at = numbers.get(at).copied().unwrap_or(*at);
            }
        }
        return (kept, Body { flow, carried: living.len() });
    }
}
