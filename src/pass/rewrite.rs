//! The walk that passes share: a graph is built anew, node by node, each with its operands already in the new graph.
//! Loops are opened and closed on the way; what their bodies read from outside is captured by the builder.

use crate::ir::op::Op;
use crate::ir::{Body, Builder, Flow, Graph, Label, Node, Val, Yield};
use petgraph::graph::NodeIndex;
use std::collections::HashMap;

/// What becomes of each node.
pub(super) trait Rewrite {
    /// A node that is no loop and belongs to none as argument or result.
    fn place(&mut self, builder: &mut Builder, node: &Node, operands: &[Val]) -> Val;

    /// A loop was opened: what follows stands in its body.
    fn opened(&mut self) {}

    /// The loop opened last is about to be closed.
    fn closed(&mut self) {}
}

/// The graph with every node placed by `rewrite`.
pub(super) fn rewritten(graph: &Graph, rewrite: &mut dyn Rewrite) -> Graph {
    let mut builder = Builder::concrete(graph.precision);
    let results = copy(&mut builder, &graph.flow, &[], rewrite);
    graph.with_flow(builder.finish(&results))
}

/// The node as it is.
pub(super) fn same(builder: &mut Builder, node: &Node, operands: &[Val]) -> Val {
    builder.add_typed(node.op.clone(), operands, node.ty.clone(), Label::of(node))
}

/// The operations of a flow behind those of `builder`, each placed by `rewrite`; gives the flow's results. `entering`: its
/// block arguments.
pub(super) fn copy(
    builder: &mut Builder,
    flow: &Flow,
    entering: &[Val],
    rewrite: &mut dyn Rewrite,
) -> Vec<Val> {
    let mut map: HashMap<NodeIndex, Val> = HashMap::new();
    let mut loops: HashMap<NodeIndex, Vec<Val>> = HashMap::new();
    for index in flow.indices() {
        let node = flow.node(index);
        if let (Op::Repeat { times }, Some(body)) = (&node.op, &node.body) {
            let operands: Vec<Val> = node.operands.iter().map(|operand| map[operand]).collect();
            loops.insert(index, copy_loop(builder, *times, node, body, &operands, rewrite));
            continue;
        }
        let val = match &node.op {
            Op::Argument(k) => entering[*k],
            Op::LoopResult(k) => loops[&node.operands[0]][*k],
            _ => {
                let operands: Vec<Val> = node.operands.iter().map(|operand| map[operand]).collect();
                rewrite.place(builder, node, &operands)
            }
        };
        map.insert(index, val);
    }
    flow.results.iter().map(|result| map[result]).collect()
}

fn copy_loop(
    builder: &mut Builder,
    times: usize,
    node: &Node,
    body: &Body,
    operands: &[Val],
    rewrite: &mut dyn Rewrite,
) -> Vec<Val> {
    let (starts, captured) = operands.split_at(body.iter_args);
    let guard = body.guard.map(|at| operands[at]);
    let mut entering = builder.open_loop(times, starts, guard, Label::of(node));
    entering.extend_from_slice(captured);
    rewrite.opened();
    let results = copy(builder, &body.flow, &entering, rewrite);
    rewrite.closed();
    let (next, yielded) = results.split_at(body.iter_args);
    let yields: Vec<(Val, Yield)> = yielded.iter().copied().zip(body.yields.iter().copied()).collect();
    builder.close_loop(next, &yields)
}
