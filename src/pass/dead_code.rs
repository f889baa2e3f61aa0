//! Removes what no output needs: nodes, results and carried values of loops that nobody reads, what a body captures and
//! does not use. Assumes nothing; never removes an output.

use super::Pass;
use crate::ir::op::Op;
use crate::ir::{Body, Builder, Flow, Graph, Label, Node, Val, Yield};
use petgraph::graph::NodeIndex;
use std::collections::{HashMap, HashSet};

/// Nodes, carried values and yields of loops that no output reads are removed.
pub const PASS: Pass = Pass { name: "dead-code", about: "remove what no output needs", run };

fn run(graph: &Graph) -> Graph {
    let wanted = vec![true; graph.flow.results.len()];
    let live = Live::of(&graph.flow, &wanted);
    let mut builder = Builder::concrete(graph.precision);
    let results = copy(&mut builder, &graph.flow, &live, &[]);
    let results: Vec<Val> = results.into_iter().flatten().collect();
    graph.with_flow(builder.finish(&results))
}

/// What of a flow is needed.
struct Live {
    nodes: HashSet<NodeIndex>,
    /// Block arguments that what is needed reads.
    entered: HashSet<usize>,
    loops: HashMap<NodeIndex, LiveLoop>,
}

/// What of a loop is needed: of its results, and of its body.
struct LiveLoop {
    results: Vec<bool>,
    inner: Live,
}

impl Live {
    fn of(flow: &Flow, wanted: &[bool]) -> Live {
        let mut live = Live { nodes: HashSet::new(), entered: HashSet::new(), loops: HashMap::new() };
        let results = flow.results.iter().zip(wanted).filter(|(_, wanted)| **wanted);
        live.nodes.extend(results.map(|(result, _)| *result));
        // Results of loops that somebody reads.
        let mut read: HashMap<NodeIndex, HashSet<usize>> = HashMap::new();
        let order: Vec<NodeIndex> = flow.indices().collect();
        for index in order.into_iter().rev() {
            if !live.nodes.contains(&index) {
                continue;
            }
            let node = flow.node(index);
            match (&node.op, &node.body) {
                (Op::Argument(k), _) => {
                    live.entered.insert(*k);
                }
                (Op::LoopResult(k), _) => {
                    live.nodes.insert(node.operands[0]);
                    read.entry(node.operands[0]).or_default().insert(*k);
                }
                (_, Some(body)) => {
                    let own = LiveLoop::of(body, read.remove(&index).unwrap_or_default());
                    let needed = (0..node.operands.len()).filter(|at| own.needs(body, *at));
                    live.nodes.extend(needed.map(|at| node.operands[at]));
                    live.loops.insert(index, own);
                }
                _ => live.nodes.extend(&node.operands),
            }
        }
        live
    }
}

impl LiveLoop {
    /// With the results in `read`: a carried value lives if it is read outside, or if what lives reads it inside.
    fn of(body: &Body, read: HashSet<usize>) -> LiveLoop {
        let mut results: Vec<bool> = (0..body.flow.results.len()).map(|at| read.contains(&at)).collect();
        loop {
            let inner = Live::of(&body.flow, &results);
            let more: Vec<usize> =
                (0..body.iter_args).filter(|at| !results[*at] && inner.entered.contains(at)).collect();
            if more.is_empty() {
                let mut inner = inner;
                inner.entered.extend(body.guard);
                return LiveLoop { results, inner };
            }
            more.into_iter().for_each(|at| results[at] = true);
        }
    }

    /// Whether operand `at` of the loop is needed.
    fn needs(&self, body: &Body, at: usize) -> bool {
        if at < body.iter_args { self.results[at] } else { self.inner.entered.contains(&at) }
    }
}

fn copy(builder: &mut Builder, flow: &Flow, live: &Live, entering: &[Option<Val>]) -> Vec<Option<Val>> {
    let mut map: HashMap<NodeIndex, Val> = HashMap::new();
    let mut loops: HashMap<NodeIndex, Vec<Option<Val>>> = HashMap::new();
    for index in flow.indices().filter(|index| live.nodes.contains(index)) {
        let node = flow.node(index);
        let operands: Vec<Option<Val>> =
            node.operands.iter().map(|operand| map.get(operand).copied()).collect();
        if let (Some(body), Some(own)) = (&node.body, live.loops.get(&index)) {
            loops.insert(index, copy_loop(builder, node, body, own, &operands));
            continue;
        }
        let val = match &node.op {
            Op::Argument(k) => entering.get(*k).copied().flatten(),
            Op::LoopResult(k) => loops.get(&node.operands[0]).and_then(|results| results[*k]),
            op => {
                let operands: Vec<Val> = operands.into_iter().flatten().collect();
                Some(builder.add_typed(op.clone(), &operands, node.ty.clone(), Label::of(node)))
            }
        };
        if let Some(val) = val {
            map.insert(index, val);
        }
    }
    flow.results.iter().map(|result| map.get(result).copied()).collect()
}

/// The loop with its living results only; None in place of the others.
fn copy_loop(
    builder: &mut Builder,
    node: &Node,
    body: &Body,
    own: &LiveLoop,
    operands: &[Option<Val>],
) -> Vec<Option<Val>> {
    let times = if let Op::Repeat { times } = node.op { times } else { 1 };
    let kept: Vec<usize> = (0..body.iter_args).filter(|at| own.results[*at]).collect();
    let starts: Vec<Val> = kept.iter().filter_map(|at| operands[*at]).collect();
    let guard = body.guard.and_then(|at| operands[at]);
    let mut arguments = builder.open_loop(times, &starts, guard, Label::of(node)).into_iter();
    let mut entering: Vec<Option<Val>> =
        (0..body.iter_args).map(|at| own.results[at].then(|| arguments.next()).flatten()).collect();
    entering.extend_from_slice(&operands[body.iter_args..]);
    let results = copy(builder, &body.flow, &own.inner, &entering);
    let next: Vec<Val> = kept.iter().filter_map(|at| results[*at]).collect();
    let living = |at: &usize| own.results[*at];
    let yields: Vec<(Val, Yield)> = (body.iter_args..results.len())
        .filter(living)
        .filter_map(|at| Some((results[at]?, body.yields[at - body.iter_args])))
        .collect();
    let mut given = builder.close_loop(&next, &yields).into_iter();
    (0..results.len()).map(|at| own.results[at].then(|| given.next()).flatten()).collect()
}
