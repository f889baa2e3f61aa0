//! The forward operations as they are, but loops stack what their bodies compute, and the value of a forward operation
//! wherever a backward one reads it: itself, taken off a stack, or computed again.

use super::{Reverse, Scope};
use crate::ir::op::Op;
use crate::ir::{Body, Flow, Label, Node, Recompute, Val, Yield};
use crate::types::{AxisId, Kind, Ty};
use petgraph::graph::NodeIndex;
use std::collections::HashMap;

/// A node by the loops around it: indices of loops from the outermost, then its own. Of a flow, of its loops alone.
pub(super) type Path = Vec<usize>;

/// What the forward operations have left outside all loops: values, and those of loops' bodies stacked.
#[derive(Default)]
pub(super) struct Saved {
    values: HashMap<Path, Val>,
    /// The axis that a loop's values are stacked along.
    axes: HashMap<Path, AxisId>,
}

/// Operations per element of what is called elementwise.
const FEW: u64 = 8;

/// The most operations behind one another that are computed again outside of loops: those of two norms, about.
const LONGEST: usize = 12;

/// Into how many parts the operations outside of loops are cut, of which one after the other is computed again.
const SEGMENTS: usize = 8;

/// Parts of a step, of about as many elements each.
#[derive(Default)]
pub(super) struct Segments {
    of: HashMap<NodeIndex, usize>,
}

impl Segments {
    pub fn new(flow: &Flow) -> Segments {
        let elements = |node: &Node| match (&node.op, node.gradient) {
            (Op::Prim(..), true) => node.ty.count() as f64,
            _ => 0.0,
        };
        let all: f64 = flow.indices().map(|index| elements(flow.node(index))).sum();
        let mut before = 0.0;
        let mut of = HashMap::new();
        for index in flow.indices() {
            of.insert(index, (SEGMENTS as f64 * before / all.max(1.0)) as usize);
            before += elements(flow.node(index));
        }
        Segments { of }
    }

    /// Whether a later part reads a node, so that it is kept.
    fn leaves(&self, flow: &Flow, node: NodeIndex) -> bool {
        flow.users(node).any(|(user, _)| self.of.get(&user) > self.of.get(&node))
    }
}

/// Values by their path below the flow at hand.
type Values = Vec<(Path, Val)>;

impl Reverse {
    /// Copies the step's operations; gives its results.
    pub(super) fn forward(&mut self, flow: &Flow) -> Vec<Val> {
        let (results, values) = self.copy(flow, &[], &Vec::new());
        self.saved.values.extend(values);
        results
    }

    fn copy(&mut self, flow: &Flow, entering: &[Val], path: &Path) -> (Vec<Val>, Values) {
        let mut map: HashMap<NodeIndex, Val> = HashMap::new();
        let mut loops: HashMap<NodeIndex, Vec<Val>> = HashMap::new();
        let mut values: Values = Vec::new();
        for index in flow.indices() {
            let node = flow.node(index);
            let operands: Vec<Val> =
                node.operands.iter().filter_map(|operand| map.get(operand).copied()).collect();
            if let (Op::Repeat { times }, Some(body)) = (&node.op, &node.body) {
                let (results, saved) = self.copy_loop(index, node, *times, body, &operands, path);
                loops.insert(index, results);
                values.extend(saved);
                continue;
            }
            let val = match &node.op {
                Op::Argument(k) => entering[*k],
                Op::LoopResult(k) => loops[&node.operands[0]][*k],
                _ => self.making.builder.add_typed(
                    node.op.clone(),
                    &operands,
                    node.ty.clone(),
                    Label::of(node),
                ),
            };
            map.insert(index, val);
            values.push((vec![index.index()], val));
        }
        (flow.results.iter().map(|result| map[result]).collect(), values)
    }

    fn copy_loop(
        &mut self,
        index: NodeIndex,
        node: &Node,
        times: usize,
        body: &Body,
        operands: &[Val],
        path: &Path,
    ) -> (Vec<Val>, Values) {
        let inside = [&path[..], &[index.index()]].concat();
        let starts = &operands[..body.iter_args];
        let guard = body.guard.map(|at| operands[at]);
        let mut entering = self.making.builder.open_loop(times, starts, guard, Label::of(node));
        entering.extend_from_slice(&operands[body.iter_args..]);
        let (results, values) = self.copy(&body.flow, &entering, &inside);
        let (next, yielded) = results.split_at(body.iter_args);
        let mut yields: Vec<(Val, Yield)> =
            yielded.iter().copied().zip(body.yields.iter().copied()).collect();
        let mut saved: Vec<Path> = Vec::new();
        if self.reach.enters(&inside) {
            let axis = self.making.fresh_axis("iteration", times);
            self.saved.axes.insert(inside, axis);
            for (below, val) in values {
                // Numbers, and what comes from outside, are known behind the loop as well.
                let known = self.making.builder.number(val).is_some()
                    || self.making.builder.depth_of(val) < self.making.builder.depth();
                if !known {
                    saved.push([&[index.index()], &below[..]].concat());
                    yields.push((val, Yield::Stack(axis)));
                }
            }
        }
        let results = self.making.builder.close_loop(next, &yields);
        let (own, stacks) = results.split_at(body.flow.results.len());
        (own.to_vec(), saved.into_iter().zip(stacks.iter().copied()).collect())
    }

    /// The value of a forward node of the innermost scope, at the place where the next backward operation stands.
    pub(super) fn value(&mut self, scopes: &[Scope], node: NodeIndex) -> Val {
        let scope = &scopes[scopes.len() - 1];
        let found = scope.flow.node(node);
        let outer = &scopes[..scopes.len() - 1];
        let path = [&scope.path[..], &[node.index()]].concat();
        let depth = outer.len();
        if let Some(known) = self.taken.get(depth).and_then(|taken| taken.get(&path)) {
            return *known;
        }
        let label = self.making.label.clone();
        if let Some(around) = outer.last() {
            let whole = around.flow.node(NodeIndex::new(scope.path[scope.path.len() - 1]));
            let carried = whole.body.as_ref().map_or(0, |body| body.iter_args);
            match &found.op {
                Op::Argument(k) if *k >= carried => return self.value(outer, whole.operands[*k]),
                Op::Number(_) => {
                    return self.making.builder.add_at(depth, found.op.clone(), &[], found.ty.clone(), label);
                }
                _ => {}
            }
        }
        let val = if self.computed_again(scope, node) == 0 {
            self.unstacked(&path, depth)
        } else {
            let operands: Vec<Val> =
                found.operands.iter().map(|operand| self.value(scopes, *operand)).collect();
            self.making.builder.add_at(depth, found.op.clone(), &operands, found.ty.clone(), label)
        };
        self.take(depth, path, val);
        val
    }

    /// How many operations behind one another compute a node again, from values that are kept; 0 if it is kept itself.
    fn computed_again(&mut self, scope: &Scope, node: NodeIndex) -> usize {
        let path = [&scope.path[..], &[node.index()]].concat();
        if let Some(known) = self.chains.get(&path) {
            return *known;
        }
        let found = scope.flow.node(node);
        let outermost = scope.path.is_empty();
        let mut chain = 0;
        if (!outermost || found.gradient) && self.again(&found.op, found, scope) {
            let before = found.operands.iter().map(|operand| self.computed_again(scope, *operand)).max();
            chain = 1 + before.unwrap_or(0);
            // What is computed again is alive at once: a chain through all layers would spare nothing.
            let whole = self.recompute == Recompute::Iterations;
            if outermost && (if whole { self.segments.leaves(scope.flow, node) } else { chain > LONGEST }) {
                chain = 0;
            }
        }
        self.chains.insert(path, chain);
        chain
    }

    /// The value at `path` inside `depth` backward loops, taken off the stacks of those.
    fn unstacked(&mut self, path: &Path, depth: usize) -> Val {
        if depth == 0 {
            return self.saved.values.get(path).copied().unwrap_or(Val(0));
        }
        if let Some(known) = self.taken.get(depth).and_then(|taken| taken.get(path)) {
            return *known;
        }
        let stack = self.unstacked(path, depth - 1);
        let axis = self.saved.axes[&path[..depth].to_vec()];
        let stacked = self.making.builder.ty(stack).clone();
        let dims = stacked.dims.into_iter().filter(|dim| dim.axis != axis).collect();
        let ty = Ty::new(stacked.kind, dims);
        let val =
            self.making.builder.add_at(depth, Op::Unstack { axis }, &[stack], ty, self.making.label.clone());
        self.take(depth, path.clone(), val);
        val
    }

    /// Whether an operation is of the kind that is computed again.
    fn again(&self, op: &Op, node: &Node, scope: &Scope) -> bool {
        // What may guard a loop must be the same bits backwards, whatever it is fused with; it is a byte a sample.
        if node.ty.kind == Kind::Bool && node.ty.axes().all(|axis| Some(axis) == self.batch) {
            return false;
        }
        let types: Vec<&Ty> = node.operands.iter().map(|operand| &scope.flow.node(*operand).ty).collect();
        let again = match op {
            Op::Cast(_) => Recompute::Views,
            // Outside of loops a view keeps nothing that its operand does not keep.
            Op::Rename { .. }
            | Op::Unflatten { .. }
            | Op::Expand
            | Op::Select { .. }
            | Op::Slice { .. }
            | Op::Detach => match scope.path.is_empty() {
                true => Recompute::Elementwise,
                false => Recompute::Views,
            },
            Op::Prim(id, _) if id.get().random => return false,
            Op::Prim(id, attrs)
                if (id.get().flops)(attrs, &types, &node.ty) <= FEW * node.ty.count() as u64 =>
            {
                Recompute::Elementwise
            }
            Op::Flatten { .. } | Op::Pad { .. } | Op::Concat { .. } => Recompute::Elementwise,
            Op::Prim(..) | Op::Gather { .. } => Recompute::Iterations,
            _ => return false,
        };
        self.recompute >= again
    }

    fn take(&mut self, depth: usize, path: Path, val: Val) {
        if self.taken.len() <= depth {
            self.taken.resize_with(depth + 1, HashMap::new);
        }
        self.taken[depth].insert(path, val);
    }
}
