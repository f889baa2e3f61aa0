//! The walk that passes share: copy a flow node by node into a new one, each node's operands already mapped.

use crate::ir::{Flow, Node};
use petgraph::graph::NodeIndex;
use std::collections::HashMap;

/// Copies `old`; `place` decides what becomes of each node (with its operands in the new flow).
pub(super) fn copy(old: &Flow, mut place: impl FnMut(&mut Flow, &Node, &[NodeIndex]) -> NodeIndex) -> Flow {
    let mut new = Flow::default();
    let mut map: HashMap<NodeIndex, NodeIndex> = HashMap::new();
    for index in old.indices() {
        let operands: Vec<NodeIndex> = old.operands(index).iter().map(|operand| map[operand]).collect();
        let placed = place(&mut new, old.node(index), &operands);
        map.insert(index, placed);
    }
    new.results = old.results.iter().map(|result| map[result]).collect();
    new
}

/// A node with its body, if it has one, run through `inside`.
pub(super) fn with_body(node: &Node, inside: impl FnOnce(&Flow) -> Flow) -> Node {
    let mut node = node.clone();
    if let Some(body) = &mut node.body {
        body.flow = inside(&body.flow);
    }
    node
}
