//! Loops backwards: one that runs the iterations from the last to the first, carrying the gradients of what they hand on,
//! and sums for what the body captures and the weights it reads.

use super::forward::Path;
use super::{Found, Reverse, Rows, Scope, Sums};
use crate::ir::op::Op;
use crate::ir::{Body, Flow, Val, Yield};
use crate::types::Ty;
use petgraph::graph::NodeIndex;
use std::collections::HashMap;

/// What a backward loop adds up over its iterations.
#[derive(Clone, PartialEq)]
enum Sum {
    /// Of a block argument that the body captures, by position.
    Captured(usize),
    /// Of a weight that is read inside.
    Weight(String),
}

impl Reverse {
    /// The loop at `index` of the innermost scope; `results` are the gradients of its results, by position.
    pub(super) fn loop_backward(
        &mut self,
        scopes: &[Scope],
        index: NodeIndex,
        body: &Body,
        results: HashMap<usize, Val>,
        sums: &mut Sums,
        found: &mut Found,
    ) {
        let scope = &scopes[scopes.len() - 1];
        let node = scope.flow.node(index);
        let times = if let Op::Repeat { times } = node.op { times } else { 1 };
        let inside = Scope { flow: &body.flow, path: [&scope.path[..], &[index.index()]].concat() };
        let ty_of = |node: NodeIndex| body.flow.node(node).ty.clone();
        let reached = |reverse: &Reverse, k: usize| reverse.reach.reached(&inside.path, body.flow.results[k]);
        let carried: Vec<usize> = (0..body.iter_args).filter(|k| reached(self, *k)).collect();
        let (mut lasts, mut stacks) = (Vec::new(), Vec::new());
        for k in (body.iter_args..body.flow.results.len()).filter(|k| reached(self, *k)) {
            let Some(adjoint) = results.get(&k).copied() else { continue };
            match body.yields[k - body.iter_args] {
                Yield::Last => lasts.push((k, adjoint)),
                Yield::Stack(axis) => stacks.push((k, axis, adjoint)),
            }
        }
        let added = self.added(&inside, body.iter_args);

        let mut starts = Vec::new();
        for k in &carried {
            let ty = ty_of(body.flow.results[*k]);
            starts.push(results.get(k).copied().unwrap_or_else(|| self.zeros_but(0.0, &ty)));
        }
        starts.extend(lasts.iter().map(|(_, adjoint)| *adjoint));
        for (_, ty) in &added {
            starts.push(self.zeros_but(0.0, ty));
        }
        let label = self.making.label.clone();
        // Backwards too, an iteration hands on what it was handed for samples that it did nothing to.
        let guard = body.guard.map(|at| self.value(scopes, node.operands[at]));
        let arguments = self.making.builder.open_loop(times, &starts, guard, label.clone());

        let mut inner = Sums::default();
        let own = carried.iter().chain(lasts.iter().map(|(k, _)| k)).zip(&arguments);
        for (k, argument) in own {
            inner.shares.entry(body.flow.results[*k]).or_default().push(*argument);
        }
        for (k, axis, adjoint) in stacks {
            let one = self.making.add(Op::Unstack { axis }, &[adjoint]);
            let (node, ty) = (body.flow.results[k], ty_of(body.flow.results[k]));
            self.share(&mut inner, node, &ty, one);
        }
        let depth = scopes.len();
        self.taken.truncate(depth);
        let all = [scopes, &[inside]].concat();
        let mut inner = self.backward(&all, inner);
        self.taken.truncate(depth);
        self.making.label = label;

        let mut next = Vec::new();
        for k in &carried {
            let ty = ty_of(body.flow.results[*k]);
            next.push(inner.arguments.remove(k).unwrap_or_else(|| self.zeros_but(0.0, &ty)));
        }
        for (k, _) in &lasts {
            let ty = ty_of(body.flow.results[*k]);
            next.push(self.zeros_but(0.0, &ty));
        }
        for ((sum, _), argument) in added.iter().zip(&arguments[next.len()..]) {
            let share = match sum {
                Sum::Captured(k) => inner.arguments.remove(k),
                Sum::Weight(path) => {
                    inner.weights.iter().find(|(known, _)| known == path).map(|(_, share)| *share)
                }
            };
            let add = self.making.prim("add");
            next.push(match share {
                Some(share) => self.making.add(add, &[*argument, share]),
                None => *argument,
            });
        }
        // Lookups of all iterations, along a further axis; both run backwards.
        let mut yields = Vec::new();
        if !inner.rows.is_empty() {
            let axis = self.making.fresh_axis("iteration", times);
            let lookups = inner.rows.iter().flat_map(|rows| [rows.ids, rows.gradient]);
            yields.extend(lookups.map(|val| (val, Yield::Stack(axis))));
        }
        let given = self.making.builder.close_loop(&next, &yields);

        let mut given = given.into_iter();
        for (k, gradient) in carried.iter().zip(given.by_ref()) {
            let operand = node.operands[*k];
            if self.reach.reached(&scope.path, operand) {
                let ty = scope.flow.node(operand).ty.clone();
                self.share(sums, operand, &ty, gradient);
            }
        }
        let mut given = given.skip(lasts.len());
        for ((sum, _), gradient) in added.into_iter().zip(given.by_ref()) {
            match sum {
                Sum::Captured(k) => {
                    let operand = node.operands[k];
                    let ty = scope.flow.node(operand).ty.clone();
                    self.share(sums, operand, &ty, gradient);
                }
                Sum::Weight(path) => found.weights.push((path, gradient)),
            }
        }
        let tables = inner.rows.into_iter().map(|rows| rows.table);
        for table in tables.rev() {
            if let (Some(ids), Some(gradient)) = (given.next(), given.next()) {
                found.rows.push(Rows { table, ids, gradient });
            }
        }
    }

    /// What the backward loop of a body adds up, with types.
    fn added(&self, inside: &Scope, iter_args: usize) -> Vec<(Sum, Ty)> {
        let mut added: Vec<(Sum, Ty)> = Vec::new();
        for index in inside.flow.indices().filter(|index| self.reach.reached(&inside.path, *index)) {
            let node = inside.flow.node(index);
            if let Op::Argument(k) = node.op
                && k >= iter_args
            {
                added.push((Sum::Captured(k), node.ty.clone()));
            }
        }
        let mut weights = Vec::new();
        self.weights(inside.flow, &inside.path, &mut weights);
        for (path, ty) in weights {
            let sum = Sum::Weight(path);
            if !added.iter().any(|(known, _)| *known == sum) {
                added.push((sum, ty));
            }
        }
        added
    }

    /// Weights that a flow or a loop in it reads, where gradient is wanted.
    fn weights(&self, flow: &Flow, path: &Path, into: &mut Vec<(String, Ty)>) {
        for index in flow.indices() {
            let node = flow.node(index);
            match (&node.op, &node.body) {
                (Op::Weight(name), _) if self.reach.reached(path, index) => {
                    into.push((name.clone(), node.ty.clone()));
                }
                (_, Some(body)) => self.weights(&body.flow, &[&path[..], &[index.index()]].concat(), into),
                _ => {}
            }
        }
    }
}
