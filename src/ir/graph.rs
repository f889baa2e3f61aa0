//! The graph: a petgraph of typed operations, loops as nodes with a body graph. Made by the checker with the builder
//! (nothing fails here because of the author), rewritten by passes, lowered to a program. Knows spans only to hand
//! them on.

use super::op::Op;
use super::{Frame, Gradient, HaltInfo, InputInfo, Mode, Name, OutputName, State, Values, Weight};
use crate::source::Span;
use crate::types::{Axes, AxisId, Dim, Precision, Ty};
use petgraph::graph::{DiGraph, NodeIndex};
use std::sync::Arc;

/// One supervision step of a model, in training or evaluation.
#[derive(Clone, Debug)]
pub struct Graph {
    /// The model's declared name.
    pub model: String,
    /// Training and evaluation are graphs of their own.
    pub mode: Mode,
    /// What `float` is in this run.
    pub precision: Precision,
    /// What the backward pass computes again rather than keep.
    pub recompute: Recompute,
    /// All axes that types name by id.
    pub axes: Axes,
    /// In order of declaration.
    pub weights: Vec<Weight>,
    /// Tensors of the data, inputs and targets, in order of declaration.
    pub inputs: Vec<InputInfo>,
    /// What goes from one supervision step to the next, in order of declaration.
    pub states: Vec<State>,
    /// None where the model does not say when a sample ends.
    pub halt: Option<HaltInfo>,
    /// `carry grad`: supervision steps in a row that gradient flows through; 1 in evaluation and where the model says nothing.
    /// The operations are those of one step; the first thing that the passes do is to write them out.
    pub steps_in_a_row: usize,
    /// Names of the first of `flow.results`.
    pub outputs: Vec<OutputName>,
    /// What the other results are, once the graph is differentiated: gradients of the mean over the batch of all losses.
    pub gradients: Vec<Gradient>,
    /// The operations of the step itself, outside all loops.
    pub flow: Flow,
}

/// What the backward pass computes again; the rest is kept from the forward pass. Each saves memory over the one before and
/// costs time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recompute {
    /// Views and casts, which cost next to nothing.
    #[default]
    Views,
    /// All that is computed element by element, too.
    Elementwise,
    /// Whole iterations of loops, and an eighth of what stands outside of loops at a time, from what each was handed by the one before (gradient checkpointing, Chen et al.,
    /// arXiv:1604.06174).
    Iterations,
}

impl Recompute {
    /// All, from the fastest to the one that needs the least memory.
    pub const ALL: [Recompute; 3] = [Recompute::Views, Recompute::Elementwise, Recompute::Iterations];
}

/// Operations and their operands. Node indices are a topological order: operands have smaller ones.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    /// An edge leads from operand to user and carries the operand's position.
    pub nodes: DiGraph<Node, usize>,
    /// The nodes whose values leave, in order.
    pub results: Vec<NodeIndex>,
}

/// A value and the operation that computes it.
#[derive(Clone, Debug)]
pub struct Node {
    /// What computes it.
    pub op: Op,
    /// In order; the same as the edges that come in.
    pub operands: Vec<NodeIndex>,
    /// Of a `Repeat`, that of nothing: its results have types of their own.
    pub ty: Ty,
    /// In the scope of gradient (PyTorch's `grad_enabled`): training, outside iterations without gradient.
    pub gradient: bool,
    /// Of the backward pass: it computes gradients.
    pub backward: bool,
    /// Gradient can reach a weight through it (PyTorch's `requires_grad`).
    pub requires_grad: bool,
    /// Where the author wrote it.
    pub span: Span,
    /// The author's name for it, with the path of the net it belongs to: `f.layers.0.attention/q`.
    pub name: String,
    /// The call that it was written out from; None outside of all. Kept by passes, read by `export`.
    pub frame: Option<Arc<Frame>>,
    /// What the author calls the value, in which frame; in the graph as the checker made it.
    pub names: Vec<Name>,
    /// Of a `Repeat`.
    pub body: Option<Arc<Body>>,
}

/// What a loop does. Its block arguments are the carried values, then what it captures from outside; `flow.results` are
/// the carried values of the next iteration, then one value for each of `yields`.
#[derive(Clone, Debug)]
pub struct Body {
    /// The operations of one iteration.
    pub flow: Flow,
    /// How many values go from iteration to iteration: the iter args, first among its block arguments and results.
    pub iter_args: usize,
    /// How each result behind the carried ones leaves the loop, in order.
    pub yields: Vec<Yield>,
    /// The captured block argument (bool `[batch]`) that says for which samples an iteration does anything: the others keep
    /// what is carried. Where it says so of all samples at hand, the iteration may be left out. What it would have stacked is
    /// then read by nobody, but by the loop that runs the iterations backwards, which has the same guard.
    pub guard: Option<usize>,
}

/// What becomes of a value that the iterations yield.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Yield {
    /// The last iteration's is the loop's result.
    Last,
    /// Those of all iterations, along a new outermost axis.
    Stack(AxisId),
}

impl Body {
    /// The type of the loop's result `k`, if it runs `times` times.
    pub fn result_ty(&self, k: usize, times: usize) -> Option<Ty> {
        let ty = &self.flow.node(*self.flow.results.get(k)?).ty;
        match k.checked_sub(self.iter_args).and_then(|at| self.yields.get(at)) {
            Some(Yield::Stack(axis)) => {
                let mut dims = vec![Dim { axis: *axis, size: times }];
                dims.extend(ty.dims.iter().copied());
                Some(Ty::new(ty.kind, dims))
            }
            _ => Some(ty.clone()),
        }
    }
}

impl Flow {
    /// Adds a node behind all others, with an edge from each of its operands.
    pub fn add(&mut self, node: Node) -> NodeIndex {
        let operands = node.operands.clone();
        let index = self.nodes.add_node(node);
        for (position, operand) in operands.into_iter().enumerate() {
            self.nodes.add_edge(operand, index, position);
        }
        index
    }

    /// The node at an index of this flow.
    pub fn node(&self, index: NodeIndex) -> &Node {
        &self.nodes[index]
    }

    /// The operands of a node, in order.
    pub fn operands(&self, index: NodeIndex) -> &[NodeIndex] {
        &self.nodes[index].operands
    }

    /// Who reads a node, and as which operand.
    pub fn users(&self, index: NodeIndex) -> impl Iterator<Item = (NodeIndex, usize)> + '_ {
        use petgraph::visit::EdgeRef;
        self.nodes.edges(index).map(|edge| (edge.target(), *edge.weight()))
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
            precision: self.precision,
            recompute: self.recompute,
            axes: self.axes.clone(),
            weights: self.weights.clone(),
            inputs: self.inputs.clone(),
            states: self.states.clone(),
            halt: self.halt,
            steps_in_a_row: self.steps_in_a_row,
            outputs: self.outputs.clone(),
            gradients: self.gradients.clone(),
            flow,
        }
    }

    /// How many results the step has: its outputs, then of each gradient one, or two where rows have their indices.
    pub fn results(&self) -> usize {
        self.outputs.len() + self.gradients.iter().map(Gradient::results).sum::<usize>()
    }

    /// With only the outputs that somebody wants, so that nothing is computed for the others. Not yet differentiated.
    pub fn only(mut self, values: Values) -> Graph {
        let keep: Vec<bool> = self.outputs.iter().map(|name| values.wants(name)).collect();
        let mut at = keep.iter();
        self.outputs.retain(|_| *at.next().unwrap_or(&true));
        let mut at = keep.iter();
        self.flow.results.retain(|_| *at.next().unwrap_or(&true));
        self
    }
}
