//! The graph: a petgraph of typed operations, loops as nodes with a body graph. Made from a checked `Model`
//! (nothing fails here because of the author), rewritten by passes, lowered to a program. Knows spans only to
//! hand them on.

use crate::Values;
use crate::ir::op::Op;
use crate::ir::{HaltInfo, InputInfo, Mode, State, Weight};
use crate::types::{Axes, Ty};

use crate::source::Span;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

/// Predictions that show how a model thinks, not what it answers; only a report reads them.
const THOUGHTS: &str = "predict.thought_";

#[derive(Clone, Debug)]
pub struct Graph {
    pub model: String,
    pub mode: Mode,
    pub axes: Axes,
    pub weights: Vec<Weight>,
    pub inputs: Vec<InputInfo>,
    pub states: Vec<State>,
    pub halt: Option<HaltInfo>,
    /// Names of `flow.results`.
    pub outputs: Vec<String>,
    pub flow: Flow,
}

/// Operations and their operands. Node indices are a topological order: operands have smaller ones.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    /// An edge leads from operand to user and carries the operand's position.
    pub nodes: DiGraph<Node, usize>,
    pub results: Vec<NodeIndex>,
}

#[derive(Clone, Debug)]
pub struct Node {
    pub op: Op,
    pub ty: Ty,
    pub gradient: bool,
    pub span: Span,
    pub name: String,
    /// Of a `Repeat`: operands and results are `carried` values, then captured ones / recorded ones.
    pub body: Option<Box<Body>>,
}

#[derive(Clone, Debug)]
pub struct Body {
    pub flow: Flow,
    pub carried: usize,
}

impl Flow {
    pub fn add(&mut self, node: Node, operands: &[NodeIndex]) -> NodeIndex {
        let index = self.nodes.add_node(node);
        for (position, operand) in operands.iter().enumerate() {
            self.nodes.add_edge(*operand, index, position);
        }
        index
    }

    pub fn operands(&self, index: NodeIndex) -> Vec<NodeIndex> {
        let mut edges: Vec<(usize, NodeIndex)> = self
            .nodes
            .edges_directed(index, petgraph::Direction::Incoming)
            .map(|edge| (*edge.weight(), edge.source()))
            .collect();
        edges.sort_unstable();
        edges.into_iter().map(|(_, source)| source).collect()
    }

    pub fn node(&self, index: NodeIndex) -> &Node {
        &self.nodes[index]
    }

    /// In topological order.
    pub fn indices(&self) -> impl Iterator<Item = NodeIndex> + use<> {
        self.nodes.node_indices()
    }
}

impl Graph {
    /// The same header around another flow.
    pub fn with_flow(&self, flow: Flow) -> Graph {
        Graph {
            model: self.model.clone(),
            mode: self.mode,
            axes: self.axes.clone(),
            weights: self.weights.clone(),
            inputs: self.inputs.clone(),
            states: self.states.clone(),
            halt: self.halt,
            outputs: self.outputs.clone(),
            flow,
        }
    }

    /// Without the outputs that nobody asked for, so that nothing is computed for them.
    pub fn only(self, values: Values) -> Graph {
        self.keeping(|name| match values {
            Values::Kept => true,
            Values::Thoughts => !name.starts_with("value."),
            Values::Dropped => !name.starts_with("value.") && !name.starts_with(THOUGHTS),
        })
    }

    /// With only what answers need: predictions, the halting condition and the states of the next step.
    pub fn answers_only(self) -> Graph {
        let unread = ["value.", "loss.", "metric.", THOUGHTS];
        self.keeping(|name| !unread.iter().any(|kind| name.starts_with(kind)))
    }

    fn keeping(mut self, wanted: impl Fn(&str) -> bool) -> Graph {
        let keep: Vec<bool> = self.outputs.iter().map(|name| wanted(name)).collect();
        let mut at = keep.iter();
        self.outputs.retain(|_| *at.next().unwrap_or(&true));
        let mut at = keep.iter();
        self.flow.results.retain(|_| *at.next().unwrap_or(&true));
        self
    }
}
