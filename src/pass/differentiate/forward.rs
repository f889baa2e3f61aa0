//! The forward operations as they are, but loops stack what their bodies compute, and the value of a forward operation
//! wherever a backward one reads it: itself, taken off a stack, or computed again.

use super::{Reverse, Scope};
use crate::ir::op::Op;
use crate::ir::{Body, Flow, Label, Node, Val, Yield};
use crate::types::AxisId;
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
                _ => self.making.builder.add_typed(node.op.clone(), &operands, node.ty.clone(), Label::of(node)),
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
        let mut entering = self.making.builder.open_loop(times, starts, Label::of(node));
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
                let known =
                    self.making.builder.number(val).is_some() || self.making.builder.depth_of(val) < self.making.builder.depth();
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
        if outer.is_empty() {
            return self.saved.values[&vec![node.index()]];
        }
        let path = [&scope.path[..], &[node.index()]].concat();
        let depth = outer.len();
        if let Some(known) = self.taken.get(depth).and_then(|taken| taken.get(&path)) {
            return *known;
        }
        let around = outer[outer.len() - 1].flow;
        let whole = NodeIndex::new(scope.path[scope.path.len() - 1]);
        let carried = around.node(whole).body.as_ref().map_or(0, |body| body.iter_args);
        let val = match &found.op {
            Op::Argument(k) if *k >= carried => {
                let operand = around.node(whole).operands[*k];
                return self.value(outer, operand);
            }
            Op::Number(_) => self.making.builder.add_at(depth, found.op.clone(), &[], found.ty.clone(), self.making.label.clone()),
            op if is_view(op) => {
                let operands: Vec<Val> =
                    found.operands.iter().map(|operand| self.value(scopes, *operand)).collect();
                self.making.builder.add_at(depth, op.clone(), &operands, found.ty.clone(), self.making.label.clone())
            }
            _ => self.unstacked(&path, depth),
        };
        self.take(depth, path, val);
        val
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
        let ty = crate::types::Ty::new(stacked.kind, dims);
        let val = self.making.builder.add_at(depth, Op::Unstack { axis }, &[stack], ty, self.making.label.clone());
        self.take(depth, path.clone(), val);
        val
    }

    fn take(&mut self, depth: usize, path: Path, val: Val) {
        if self.taken.len() <= depth {
            self.taken.resize_with(depth + 1, HashMap::new);
        }
        self.taken[depth].insert(path, val);
    }
}

/// What costs no memory to keep, or less to compute again than to keep.
fn is_view(op: &Op) -> bool {
    matches!(
        op,
        Op::Rename { .. }
            | Op::Unflatten { .. }
            | Op::Expand
            | Op::Select { .. }
            | Op::Slice { .. }
            | Op::Cast(_)
            | Op::Detach
    )
}
