//! Model to graph: instructions become nodes, and what a loop reads from outside becomes its operands.

use crate::ir::op::Op;
use crate::ir::{Body, Flow, Graph, Node};
use crate::model::{Inst, LoopBody, Model, Region, Val};
use crate::source::Span;
use crate::types::Ty;
use petgraph::graph::NodeIndex;
use std::collections::HashMap;

pub fn build(model: &Model) -> Graph {
    let mut flow = Flow::default();
    let mut known = HashMap::new();
    region(&mut flow, &model.body, &mut known);
    flow.results = model.outputs.iter().map(|output| known[&output.value]).collect();
    Graph {
        model: model.name.clone(),
        mode: model.mode,
        axes: model.axes.clone(),
        weights: model.weights.clone(),
        inputs: model.inputs.clone(),
        states: model.states.clone(),
        halt: model.halt,
        outputs: model.outputs.iter().map(|output| output.name.clone()).collect(),
        flow,
    }
}

fn region(flow: &mut Flow, region: &Region, known: &mut HashMap<Val, NodeIndex>) {
    for inst in &region.insts {
        let index = match &inst.body {
            Some(body) => repeat(flow, inst, body, known),
            None => {
                let operands: Vec<NodeIndex> = inst.args.iter().map(|arg| known[arg]).collect();
                flow.add(node(inst), &operands)
            }
        };
        known.insert(inst.result, index);
    }
}

fn node(inst: &Inst) -> Node {
    Node {
        op: inst.op.clone(),
        ty: inst.ty.clone(),
        gradient: inst.gradient,
        span: inst.span,
        name: inst.name.clone(),
        body: None,
    }
}

fn repeat(flow: &mut Flow, inst: &Inst, body: &LoopBody, known: &HashMap<Val, NodeIndex>) -> NodeIndex {
    let mut captured = Vec::new();
    free(body, known, &mut captured);
    let mut operands: Vec<NodeIndex> = inst.args.iter().map(|arg| known[arg]).collect();
    let mut inner = Flow::default();
    let mut inside = HashMap::new();
    for (at, (param, ty)) in body.carried.iter().enumerate() {
        inside.insert(*param, enter(&mut inner, at, ty, inst.gradient, inst.span));
    }
    for val in captured {
        let outer = known[&val];
        let at = operands.len();
        operands.push(outer);
        let Node { ty, span, .. } = flow.node(outer).clone();
        inside.insert(val, enter(&mut inner, at, &ty, inst.gradient, span));
    }
    region(&mut inner, &body.region, &mut inside);
    inner.results =
        body.next.iter().chain(body.yields.iter().map(|(val, _)| val)).map(|val| inside[val]).collect();
    let mut node = node(inst);
    node.body = Some(Box::new(Body { flow: inner, carried: body.carried.len() }));
    flow.add(node, &operands)
}

fn enter(flow: &mut Flow, at: usize, ty: &Ty, gradient: bool, span: Span) -> NodeIndex {
    flow.add(Node { op: Op::Enter(at), ty: ty.clone(), gradient, span, name: String::new(), body: None }, &[])
}

/// Values of outer regions that the body reads, in order of first use.
fn free(body: &LoopBody, outer: &HashMap<Val, NodeIndex>, found: &mut Vec<Val>) {
    let mut note = |val: &Val| {
        if outer.contains_key(val) && !found.contains(val) {
            found.push(*val);
        }
    };
    body.next.iter().chain(body.yields.iter().map(|(val, _)| val)).for_each(&mut note);
    for inst in &body.region.insts {
        inst.args.iter().for_each(&mut note);
    }
    for inst in &body.region.insts {
        if let Some(inner) = &inst.body {
            free(inner, outer, found);
        }
    }
}
