//! What every graph must satisfy, before and after each pass: operands come first, types are what inference gives,
//! loops' bodies fit their operands and results, and what is said of gradient is true. A violation is a bug of totc and
//! says so.

use super::builder::{requires_grad, settle};
use super::op::Op;
use super::{Body, Flow, Graph, Node, infer};
use crate::types::{Kind, Ty};

/// Checks a whole graph.
///
/// # Errors
/// The first violation, with its node.
pub fn verify(graph: &Graph) -> Result<(), String> {
    if graph.results() != graph.flow.results.len() {
        return Err(format!(
            "{} outputs and {} gradients are named, {} results are computed",
            graph.outputs.len(),
            graph.gradients.len(),
            graph.flow.results.len()
        ));
    }
    verify_gradients(graph)?;
    verify_flow(&graph.flow, graph, None)
}

/// A gradient has the axes of its weight, in its order.
fn verify_gradients(graph: &Graph) -> Result<(), String> {
    let mut results = graph.flow.results.iter().skip(graph.outputs.len());
    for gradient in &graph.gradients {
        let own: Vec<_> = results.by_ref().take(gradient.results()).collect();
        let weight = graph.weights.iter().find(|weight| weight.path == gradient.path);
        let (Some(weight), Some(last)) = (weight, own.last()) else {
            return Err(format!("there is no weight `{}` to have a gradient", gradient.path));
        };
        let ty = &graph.flow.node(**last).ty;
        if !gradient.rows && ty.dims != weight.dims {
            return Err(format!("the gradient of `{}` is {}", gradient.path, ty.show(&graph.axes)));
        }
    }
    Ok(())
}

/// What a loop's body stands in.
struct Around<'a> {
    times: usize,
    entering: &'a [Ty],
}

fn verify_flow(flow: &Flow, graph: &Graph, around: Option<Around>) -> Result<(), String> {
    let axes = &graph.axes;
    for index in flow.indices() {
        let node = flow.node(index);
        let at = |what: String| format!("node {} `{}` ({:?}): {what}", index.index(), node.name, node.op);
        if node.operands.iter().any(|operand| *operand >= index) {
            return Err(at("an operand comes later".to_owned()));
        }
        if flow.nodes.edges_directed(index, petgraph::Direction::Incoming).count() != node.operands.len() {
            return Err(at("its edges are not its operands".to_owned()));
        }
        let types: Vec<&Ty> = node.operands.iter().map(|operand| &flow.node(*operand).ty).collect();
        let read: Vec<bool> = node.operands.iter().map(|operand| flow.node(*operand).requires_grad).collect();
        match &node.op {
            Op::Repeat { .. } | Op::Fused => verify_loop(node, &types, &read, graph).map_err(at)?,
            Op::LoopResult(k) => {
                let whole = node.operands.first().map(|operand| flow.node(*operand));
                let given = whole.and_then(|whole| match (&whole.op, &whole.body) {
                    (Op::Repeat { times }, Some(body)) => body.result_ty(*k, *times),
                    (Op::Fused, Some(body)) => body.result_ty(*k, 1),
                    _ => None,
                });
                if given.as_ref() != Some(&node.ty) {
                    return Err(at("is not what the loop gives".to_owned()));
                }
            }
            Op::Argument(k) => {
                if around.as_ref().and_then(|around| around.entering.get(*k)) != Some(&node.ty) {
                    return Err(at("is not what enters the loop".to_owned()));
                }
            }
            Op::Iteration if around.is_none() => {
                return Err(at("counts iterations outside a loop".to_owned()));
            }
            Op::Unstack { axis }
                if around.as_ref().map(|around| around.times)
                    != types.first().and_then(|ty| ty.size(*axis)) =>
            {
                return Err(at("has not one entry for each iteration".to_owned()));
            }
            Op::Scatter { axis } => {
                let rest = node.ty.dims.iter().filter(|dim| dim.axis != *axis);
                if types.len() != 2 || !rest.clone().all(|dim| types[0].dims.contains(dim)) {
                    return Err(at("cannot be scattered to that".to_owned()));
                }
            }
            Op::Expand => {
                if !types[0].dims.iter().all(|dim| node.ty.dims.contains(dim)) {
                    return Err(at("cannot be broadcast to that".to_owned()));
                }
            }
            Op::Input(_)
            | Op::State { .. }
            | Op::Fresh
            | Op::Steps
            | Op::Weight(_)
            | Op::EmbeddingRows(_) => {}
            op => match infer(op, &types, axes) {
                Ok(ty) if ty == node.ty || concrete(&ty, graph) == node.ty => {}
                Ok(ty) => return Err(at(format!("should be {}, is {}", ty.show(axes), node.ty.show(axes)))),
                Err(complaint) => return Err(at(complaint.message)),
            },
        }
        // Of block arguments and results of loops, the loop says it.
        if !matches!(node.op, Op::Argument(_) | Op::LoopResult(_) | Op::Weight(_))
            && node.requires_grad != requires_grad(&node.op, node.gradient, &node.ty, &read)
        {
            return Err(at(format!("it is not true that requires_grad = {}", node.requires_grad)));
        }
    }
    Ok(())
}

fn verify_loop(node: &Node, types: &[&Ty], read: &[bool], graph: &Graph) -> Result<(), String> {
    let Some(body) = &node.body else { return Err("a loop without a body".to_owned()) };
    let entering: Vec<Ty> = types.iter().map(|ty| (*ty).clone()).collect();
    if body.flow.results.len() != body.iter_args + body.yields.len() {
        return Err(format!(
            "{} values are carried and {} yielded, {} are computed",
            body.iter_args,
            body.yields.len(),
            body.flow.results.len()
        ));
    }
    for k in 0..body.iter_args {
        let next = body.flow.results.get(k).map(|result| &body.flow.node(*result).ty);
        if next != entering.get(k) {
            return Err(format!("carried value {k} changes its type"));
        }
    }
    if let Some(guard) = body.guard {
        let batch = graph.axes.named("batch");
        let says = |ty: &&Ty| ty.kind == Kind::Bool && ty.axes().all(|axis| Some(axis) == batch);
        if guard < body.iter_args || !types.get(guard).is_some_and(says) {
            return Err("what guards it is no bool of each sample".to_owned());
        }
    }
    let mut settled = Body::clone(body);
    settle(&mut settled, read);
    let said = |body: &Body| -> Vec<bool> {
        body.flow.indices().map(|index| body.flow.node(index).requires_grad).collect()
    };
    if said(&settled) != said(body) {
        return Err("what its body says of requires_grad is not true".to_owned());
    }
    let times = if let Op::Repeat { times } = node.op { times } else { 0 };
    verify_flow(&body.flow, graph, Some(Around { times, entering: &entering }))
}

/// A type once it is said what `float` is: inference gives `float` where an operation makes floats of its own.
fn concrete(ty: &Ty, graph: &Graph) -> Ty {
    Ty::new(graph.precision.of(ty.kind), ty.dims.clone())
}
