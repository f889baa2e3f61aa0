//! What lies between a weight and a loss: the values whose gradients are wanted. Takes a flow and its losses, says it of
//! every node, those in loops too.

use super::forward::Path;
use crate::ir::Flow;
use crate::ir::op::Op;
use petgraph::graph::NodeIndex;
use std::collections::{HashMap, HashSet};

/// By the loops around a flow: its nodes that lie between a weight and a loss.
#[derive(Default)]
pub(super) struct Reach {
    nodes: HashMap<Path, HashSet<NodeIndex>>,
}

impl Reach {
    /// Of a step and those of its results that are differentiated.
    pub fn of(flow: &Flow, losses: &[NodeIndex]) -> Reach {
        let mut reach = Reach::default();
        reach.flow(flow, &Vec::new(), losses.iter().copied());
        reach
    }

    /// Whether the gradient of a node is wanted.
    pub fn reached(&self, path: &Path, node: NodeIndex) -> bool {
        self.nodes.get(path).is_some_and(|nodes| nodes.contains(&node))
    }

    /// Whether gradient goes through the loop that a path ends in.
    pub fn enters(&self, path: &Path) -> bool {
        self.nodes.get(path).is_some_and(|nodes| !nodes.is_empty())
    }

    /// Marks what leads to `ends`; gives the block arguments among it.
    fn flow(&mut self, flow: &Flow, path: &Path, ends: impl Iterator<Item = NodeIndex>) -> HashSet<usize> {
        let mut reached: HashSet<NodeIndex> = ends.filter(|end| flow.node(*end).requires_grad).collect();
        let mut entered = HashSet::new();
        let mut results: HashMap<NodeIndex, HashSet<usize>> = HashMap::new();
        let order: Vec<NodeIndex> = flow.indices().collect();
        for index in order.into_iter().rev() {
            let node = flow.node(index);
            if let Some(body) = &node.body {
                let Some(mut wanted) = results.remove(&index) else { continue };
                let mut inner = path.clone();
                inner.push(index.index());
                loop {
                    let ends: Vec<NodeIndex> = wanted.iter().map(|k| body.flow.results[*k]).collect();
                    let arguments = self.flow(&body.flow, &inner, ends.into_iter());
                    // What one iteration hands to the next leads to the loss if what it is made of does.
                    let before = wanted.len();
                    wanted.extend(arguments.iter().filter(|k| **k < body.iter_args));
                    if wanted.len() == before {
                        let operands = arguments.iter().map(|k| node.operands[*k]);
                        reached.extend(operands.filter(|operand| flow.node(*operand).requires_grad));
                        break;
                    }
                }
                continue;
            }
            if !reached.contains(&index) {
                continue;
            }
            match &node.op {
                Op::Argument(k) => {
                    entered.insert(*k);
                }
                Op::LoopResult(k) => {
                    results.entry(node.operands[0]).or_default().insert(*k);
                }
                _ => {
                    let operands = node.operands.iter().copied();
                    reached.extend(operands.filter(|operand| flow.node(*operand).requires_grad));
                }
            }
        }
        self.nodes.insert(path.clone(), reached);
        entered
    }
}
