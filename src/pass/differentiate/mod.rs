//! Differentiates a training step in reverse mode: behind its operations come those that compute the gradient, by every
//! weight that is learned, of the mean over the batch of the sum of all losses. They are operations like any other.
//!
//! A loop is followed by one that runs its iterations backwards. What that reads of an iteration is stacked by the first
//! (`Yield::Stack`) and taken off again (`Unstack`); everything is stacked here, and dead-code elimination leaves what is
//! read. What `Graph::recompute` names is computed again instead. Gradients of values without a batch axis add up in float32 at least.
//!
//! Takes a verified graph in which it has been said what `float` is; leaves the values of all outputs as they are.

mod forward;
mod loops;
mod reach;
mod rule;
mod structural;
mod written;

use super::Pass;
use super::making::Making;
use crate::ir::op::Op;
use crate::ir::{Builder, Flow, Gradient, Graph, Label, Mode, Node, OutputKind, Recompute, Val};
use crate::types::{AxisId, Dim, Kind, Ty};
use forward::{Path, Saved, Segments};
use petgraph::graph::NodeIndex;
use reach::Reach;
use std::collections::HashMap;

/// Gradients of all losses, as operations behind those of the step.
pub const PASS: Pass = Pass { name: "differentiate", about: "add the operations of the backward pass", run };

fn run(graph: &Graph) -> Graph {
    let done = graph.mode == Mode::Evaluation || !graph.gradients.is_empty();
    if done {
        return graph.clone();
    }
    let graph = &written::differentiable(graph);
    let losses: Vec<NodeIndex> = graph
        .outputs
        .iter()
        .zip(&graph.flow.results)
        .filter(|(name, _)| name.kind == OutputKind::Loss)
        .map(|(_, result)| *result)
        .filter(|result| graph.flow.node(*result).requires_grad)
        .collect();
    if losses.is_empty() {
        return graph.clone();
    }
    let mut reverse = Reverse {
        making: Making {
            builder: Builder::concrete(graph.precision),
            axes: graph.axes.clone(),
            label: Label { backward: true, ..Label::default() },
        },
        batch: graph.axes.named("batch"),
        recompute: graph.recompute,
        saved: Saved::default(),
        taken: Vec::new(),
        reach: Reach::of(&graph.flow, &losses),
        chains: HashMap::new(),
        segments: Segments::new(&graph.flow),
    };
    let mut results = reverse.forward(&graph.flow);
    let mut sums = Sums::default();
    for loss in losses {
        reverse.seed(&mut sums, &graph.flow, loss);
    }
    let scopes = [Scope { flow: &graph.flow, path: Vec::new() }];
    let mut found = reverse.backward(&scopes, sums);
    let mut gradients = Vec::new();
    let declared = |path: &String| graph.weights.iter().position(|weight| weight.path == *path);
    found.weights.sort_by_key(|(path, _)| declared(path));
    for (path, val) in found.weights {
        let Some(weight) = graph.weights.iter().find(|weight| weight.path == path) else { continue };
        let kind = graph.precision.of(Kind::Float32);
        results.push(reverse.making.shaped(val, &Ty::new(kind, weight.dims.clone())));
        gradients.push(Gradient { path, rows: false });
    }
    for rows in found.rows {
        results.extend([rows.ids, rows.gradient]);
        gradients.push(Gradient { path: rows.table, rows: true });
    }
    let flow = reverse.making.builder.finish(&results);
    Graph { axes: reverse.making.axes, gradients, ..graph.with_flow(flow) }
}

/// The graph in the making, and what its backward operations need to know of the forward ones.
struct Reverse {
    making: Making,
    batch: Option<AxisId>,
    recompute: Recompute,
    /// What the forward operations have left, outside all loops.
    saved: Saved,
    /// By number of backward loops that are open: forward values as they are known there.
    taken: Vec<HashMap<Path, Val>>,
    reach: Reach,
    /// By forward node: see `computed_again`.
    chains: HashMap<Path, usize>,
    segments: Segments,
}

/// A flow whose operations are differentiated: the step, or a loop's body inside of it.
#[derive(Clone)]
struct Scope<'a> {
    flow: &'a Flow,
    /// The loops around it, from the outermost.
    path: Path,
}

/// Shares of gradients that have been found so far, by node.
#[derive(Default)]
struct Sums {
    shares: HashMap<NodeIndex, Vec<Val>>,
}

/// Gradients of what a flow takes from outside.
#[derive(Default)]
struct Found {
    /// Of its block arguments, by position.
    arguments: HashMap<usize, Val>,
    /// Of weights that are read inside, in order.
    weights: Vec<(String, Val)>,
    rows: Vec<Rows>,
}

/// The gradient of rows of a table that were looked up.
struct Rows {
    table: String,
    ids: Val,
    gradient: Val,
}

impl Reverse {
    /// The gradient of the mean over the batch by a loss; one that is a single number counts for every row.
    fn seed(&mut self, sums: &mut Sums, flow: &Flow, loss: NodeIndex) {
        let ty = flow.node(loss).ty.clone();
        let rows = self.batch.and_then(|batch| ty.size(batch)).unwrap_or(1).max(1);
        let share = self.zeros_but(1.0 / rows as f64, &ty);
        sums.shares.entry(loss).or_default().push(share);
    }

    /// The same number everywhere, in the axes and kind that gradients of a type have.
    fn zeros_but(&mut self, value: f64, ty: &Ty) -> Val {
        let kind = self.gradient_kind(ty);
        let number = self.making.add(Op::Number(value.into()), &[]);
        self.making.shaped(number, &Ty::new(kind, ty.dims.clone()))
    }

    /// Gradients of what all samples share add up in float32 at least.
    fn gradient_kind(&self, ty: &Ty) -> Kind {
        let shared = self.batch.is_none_or(|batch| !ty.has(batch));
        if shared && ty.kind == Kind::BFloat16 { Kind::Float32 } else { ty.kind }
    }

    /// Differentiates the operations of the innermost scope, from the last to the first.
    fn backward(&mut self, scopes: &[Scope], mut sums: Sums) -> Found {
        let (scope, mut found) = (&scopes[scopes.len() - 1], Found::default());
        let mut loops: HashMap<NodeIndex, HashMap<usize, Val>> = HashMap::new();
        let order: Vec<NodeIndex> = scope.flow.indices().collect();
        for index in order.into_iter().rev() {
            let node = scope.flow.node(index);
            self.making.label = backward_label(node);
            if let Some(body) = &node.body {
                if let Some(results) = loops.remove(&index) {
                    self.loop_backward(scopes, index, body, results, &mut sums, &mut found);
                }
                continue;
            }
            if !self.reach.reached(&scope.path, index) {
                continue;
            }
            let Some(adjoint) = sums.shares.remove(&index).and_then(|shares| self.sum(shares)) else {
                continue;
            };
            match &node.op {
                Op::Argument(k) => {
                    found.arguments.insert(*k, adjoint);
                }
                Op::LoopResult(k) => {
                    loops.entry(node.operands[0]).or_default().insert(*k, adjoint);
                }
                Op::Weight(path) => match found.weights.iter_mut().find(|(known, _)| known == path) {
                    Some((_, sum)) => {
                        let (add, parts) = (self.making.prim("add"), [*sum, adjoint]);
                        *sum = self.making.add(add, &parts);
                    }
                    None => found.weights.push((path.clone(), adjoint)),
                },
                Op::EmbeddingRows(table) => {
                    let ids = self.value(scopes, node.operands[0]);
                    // A table of width 0 (no puzzle tokens) has nothing to learn.
                    if node.ty.count() > 0 {
                        let gradient = self.making.shaped(adjoint, &node.ty);
                        found.rows.push(Rows { table: table.clone(), ids, gradient });
                    }
                }
                _ => self.operation(scopes, index, adjoint, &mut sums),
            }
        }
        // In the order of the lookups.
        found.rows.reverse();
        found
    }

    /// The sum of shares. Pieces that together are a whole axis are put behind one another.
    fn sum(&mut self, shares: Vec<Val>) -> Option<Val> {
        if let Some(whole) = self.pieced_together(&shares) {
            return Some(whole);
        }
        let mut shares = shares.into_iter();
        let mut sum = shares.next()?;
        for share in shares {
            let add = self.making.prim("add");
            sum = self.making.add(add, &[sum, share]);
        }
        Some(sum)
    }

    /// What zero-padded pieces of one axis are, if each entry belongs to exactly one.
    fn pieced_together(&mut self, shares: &[Val]) -> Option<Val> {
        let mut pieces = Vec::new();
        for share in shares {
            let (Op::Pad { axis, start, size, to }, [part]) = self.making.builder.made_by(*share)? else {
                return None;
            };
            pieces.push((*start, *axis, *size, *to, *part));
        }
        pieces.sort_by_key(|(start, ..)| *start);
        let (_, _, size, to, _) = *pieces.first()?;
        let mut reached = 0;
        for (start, axis, own, towards, part) in &pieces {
            if (*own, *towards, *start) != (size, to, reached)
                || self.making.builder.depth_of(*part) > self.making.builder.depth()
            {
                return None;
            }
            reached += self.making.builder.ty(*part).size(*axis)?;
        }
        if pieces.len() < 2 || reached != size {
            return None;
        }
        let (parts, vals): (Vec<AxisId>, Vec<Val>) =
            pieces.iter().map(|(_, axis, _, _, part)| (*axis, *part)).unzip();
        let whole = self.making.add(Op::Concat { parts, to }, &vals);
        let ty = self.making.builder.ty(shares[0]).clone();
        Some(self.making.shaped(whole, &ty))
    }

    /// A share of the gradient of a node: what the operation gave, summed over axes that the node lacks.
    fn share(&mut self, sums: &mut Sums, node: NodeIndex, ty: &Ty, share: Val) {
        let kind = self.gradient_kind(ty);
        let share = self.making.shaped(share, &Ty::new(kind, ty.dims.clone()));
        sums.shares.entry(node).or_default().push(share);
    }
}

/// Backward operations carry the name of what they differentiate, and stand in no scope of gradient.
fn backward_label(node: &Node) -> Label {
    let name = if node.name.is_empty() { String::new() } else { format!("∂ {}", node.name) };
    Label { gradient: false, backward: true, leaf: false, span: node.span, name, frame: None }
}

/// The dims with one replaced by others, or put at the place that it has in `like`.
fn with_dim(dims: &[Dim], like: &[Dim], axis: AxisId, size: usize) -> Vec<Dim> {
    let mut dims = dims.to_vec();
    let at = like.iter().position(|dim| dim.axis == axis).unwrap_or(0).min(dims.len());
    dims.insert(at, Dim { axis, size });
    dims
}
