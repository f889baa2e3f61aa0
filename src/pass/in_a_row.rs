//! `carry grad n`: takes the graph of one supervision step, gives that of n in a row, in a loop that hands the states on
//! with their gradient. Each loss is its mean over the steps; all other outputs are those of the last. Truncated
//! backpropagation through time (Williams & Peng, 1990), over the carry.
//!
//! Knows nothing of halting: no sample ends between the steps.

use super::making::Making;
use super::rewrite::{Rewrite, copy, same};
use crate::ir::op::Op;
use crate::ir::{Builder, Graph, Label, Mode, Node, OutputKind, OutputName, Val, Yield};
use crate::types::{Kind, Ty};
use std::collections::HashMap;

/// The steps that the graph says, one after the other; a graph of one step as it is.
pub(super) fn written_out(graph: Graph) -> Graph {
    if graph.steps_in_a_row < 2 || graph.mode == Mode::Evaluation {
        return graph;
    }
    let label = Label { gradient: true, ..Label::default() };
    let mut making = Making { builder: Builder::default(), axes: graph.axes.clone(), label };
    let mut leaves: HashMap<Op, Val> = HashMap::new();
    for index in graph.flow.indices() {
        let node = graph.flow.node(index);
        if is_leaf(&node.op) && !leaves.contains_key(&node.op) {
            leaves.insert(node.op.clone(), same(&mut making.builder, node, &[]));
        }
    }
    let carried = carried(&graph, &leaves);
    let losses: Vec<usize> =
        (0..graph.outputs.len()).filter(|at| graph.outputs[*at].kind == OutputKind::Loss).collect();
    let ty_of = |at: usize| graph.flow.node(graph.flow.results[at]).ty.clone();
    let mut starts: Vec<Val> = carried.iter().map(|state| state.leaf).collect();
    let zero = making.add(Op::Number(0.0.into()), &[]);
    starts.extend(losses.iter().map(|at| making.shaped(zero, &ty_of(*at))));

    let arguments = making.builder.open_loop(graph.steps_in_a_row, &starts, None, making.label.clone());
    let (states, sums) = arguments.split_at(carried.len());
    counted(&mut making, &mut leaves);
    leaves.extend(carried.iter().zip(states).map(|(state, inside)| (state.op.clone(), *inside)));
    let results = copy(&mut making.builder, &graph.flow, &[], &mut OneStep { leaves });
    let given = |name: &OutputName| graph.outputs.iter().position(|own| own == name);
    let mut next = Vec::new();
    for (at, state) in carried.iter().enumerate() {
        let newest = match given(&state.output) {
            Some(output) => results[output],
            // The one before moves back by a step.
            None => states[at - 1],
        };
        let ty = making.builder.ty(state.leaf).clone();
        next.push(making.shaped(newest, &ty));
    }
    for (sum, loss) in sums.iter().zip(&losses) {
        next.push(making.add(making.prim("add"), &[*sum, results[*loss]]));
    }
    let others: Vec<usize> =
        (0..results.len()).filter(|at| !of_state(&graph.outputs[*at]) && !losses.contains(at)).collect();
    let yields: Vec<(Val, Yield)> = others.iter().map(|at| (results[*at], Yield::Last)).collect();
    let after = making.builder.close_loop(&next, &yields);

    let (states, rest) = after.split_at(carried.len());
    let (sums, yielded) = rest.split_at(losses.len());
    let share = making.add(Op::Number((1.0 / graph.steps_in_a_row as f64).into()), &[]);
    let mut outputs: Vec<(OutputName, Val)> =
        carried.iter().zip(states).map(|(state, val)| (state.output.clone(), *val)).collect();
    for (at, sum) in losses.iter().zip(sums) {
        let mean = making.add(making.prim("mul"), &[*sum, share]);
        outputs.push((graph.outputs[*at].clone(), making.shaped(mean, &ty_of(*at))));
    }
    outputs.extend(others.iter().zip(yielded).map(|(at, val)| (graph.outputs[*at].clone(), *val)));
    // As the step had them; what lies further back comes last.
    outputs.sort_by_key(|(name, _)| given(name).unwrap_or(usize::MAX));
    let (names, results): (Vec<OutputName>, Vec<Val>) = outputs.into_iter().unzip();
    let flow = making.builder.finish(&results);
    Graph { axes: making.axes, outputs: names, ..graph.with_flow(flow) }
}

/// A value that the step hands on.
struct Carried {
    /// Its operation where the step begins.
    op: Op,
    /// What it is before the first step.
    leaf: Val,
    /// The output that is its next value.
    output: OutputName,
}

/// The states that the step reads, of each the newest value first.
fn carried(graph: &Graph, leaves: &HashMap<Op, Val>) -> Vec<Carried> {
    let mut carried = Vec::new();
    for state in &graph.states {
        for ago in 1..=state.history {
            let op = Op::State { name: state.name.clone(), ago };
            let output = if ago == 1 { state.name.clone() } else { format!("{}@{ago}", state.name) };
            let output = OutputName::new(OutputKind::State, output);
            if let Some(leaf) = leaves.get(&op) {
                carried.push(Carried { op, leaf: *leaf, output });
            }
        }
    }
    carried
}

fn of_state(name: &OutputName) -> bool {
    name.kind == OutputKind::State
}

/// What comes from outside the step.
fn is_leaf(op: &Op) -> bool {
    matches!(op, Op::Input(_) | Op::State { .. } | Op::Fresh | Op::Steps | Op::Weight(_))
}

/// In the loop: samples are fresh in its first step alone, and each step counts.
fn counted(making: &mut Making, leaves: &mut HashMap<Op, Val>) {
    let label = Label { gradient: false, ..making.label.clone() };
    let around = std::mem::replace(&mut making.label, label);
    let iteration = making.builder.add_typed(Op::Iteration, &[], Ty::scalar(Kind::Int), making.label.clone());
    if let Some(fresh) = leaves.get(&Op::Fresh).copied() {
        let zero = making.add(Op::Number(0.0.into()), &[]);
        let first = making.add(making.prim("eq"), &[iteration, zero]);
        let ty = making.builder.ty(fresh).clone();
        let now = making.add(making.prim("and"), &[fresh, first]);
        leaves.insert(Op::Fresh, making.shaped(now, &ty));
    }
    if let Some(steps) = leaves.get(&Op::Steps).copied() {
        let ty = making.builder.ty(steps).clone();
        let now = making.add(making.prim("add"), &[steps, iteration]);
        leaves.insert(Op::Steps, making.shaped(now, &ty));
    }
    making.label = around;
}

/// The operations of one step, whose leaves stand outside.
struct OneStep {
    leaves: HashMap<Op, Val>,
}

impl Rewrite for OneStep {
    fn place(&mut self, builder: &mut Builder, node: &Node, operands: &[Val]) -> Val {
        match self.leaves.get(&node.op) {
            Some(leaf) => *leaf,
            None => same(builder, node, operands),
        }
    }
}
