//! What every graph must satisfy, before and after each pass: operands come first, types are what inference
//! gives, loops' bodies fit their operands and results. A violation is a bug of totc and says so.

use super::{Flow, Graph, Node};
use crate::ir::infer;
use crate::ir::op::Op;
use crate::types::{Axes, Ty};

pub fn verify(graph: &Graph) -> Result<(), String> {
    if graph.outputs.len() != graph.flow.results.len() {
        return Err(format!(
            "{} outputs are named, {} are computed",
            graph.outputs.len(),
            graph.flow.results.len()
        ));
    }
    verify_flow(&graph.flow, &graph.axes, None)
}

fn verify_flow(flow: &Flow, axes: &Axes, entering: Option<&[Ty]>) -> Result<(), String> {
    for index in flow.indices() {
        let node = flow.node(index);
        let operands = flow.operands(index);
        let at = |what: String| format!("node {} `{}` ({:?}): {what}", index.index(), node.name, node.op);
        if operands.iter().any(|operand| *operand >= index) {
            return Err(at("an operand comes later".to_owned()));
        }
        let types: Vec<&Ty> = operands.iter().map(|operand| &flow.node(*operand).ty).collect();
        match &node.op {
            Op::Repeat { .. } => verify_loop(node, &types, axes).map_err(at)?,
            Op::Output(k) => {
                let results = operands.first().and_then(|operand| flow.node(*operand).body.as_ref());
                let ty = results.and_then(|body| Some(&body.flow.node(*body.flow.results.get(*k)?).ty));
                if ty != Some(&node.ty) {
                    return Err(at("is not what the loop gives".to_owned()));
                }
            }
            Op::Enter(k) => {
                if entering.and_then(|entering| entering.get(*k)) != Some(&node.ty) {
                    return Err(at("is not what enters the loop".to_owned()));
                }
            }
            Op::Expand => {
                if !types[0].dims.iter().all(|dim| node.ty.dims.contains(dim)) {
                    return Err(at("cannot be broadcast to that".to_owned()));
                }
            }
            Op::Input(_) | Op::State { .. } | Op::Fresh | Op::Steps | Op::Weight(_) | Op::Rows(_) => {}
            op => match infer(op, &types, axes) {
                Ok(ty) if ty == node.ty => {}
                Ok(ty) => return Err(at(format!("should be {}, is {}", ty.show(axes), node.ty.show(axes)))),
                Err(complaint) => return Err(at(complaint.message)),
            },
        }
    }
    Ok(())
}

fn verify_loop(node: &Node, types: &[&Ty], axes: &Axes) -> Result<(), String> {
    let Some(body) = &node.body else { return Err("a loop without a body".to_owned()) };
    let entering: Vec<Ty> = types.iter().map(|ty| (*ty).clone()).collect();
    for k in 0..body.carried {
        let next = body.flow.results.get(k).map(|result| &body.flow.node(*result).ty);
        if next != entering.get(k) {
            return Err(format!("carried value {k} changes its type"));
        }
    }
    verify_flow(&body.flow, axes, Some(&entering))
}
