//! The graph as text, in order of computation, values named by what they are called in the source.

use super::{Flow, Graph, Yield};
use crate::ir::op::Op;
use crate::ir::show_op;
use crate::types::Axes;
use petgraph::graph::NodeIndex;
use std::collections::HashMap;
use std::fmt::Write;

/// A graph as text, a line a node with operands, type and name; bodies of loops are indented.
pub fn print(graph: &Graph) -> String {
    let mut out = format!("graph {} ({:?})\n", graph.model, graph.mode);
    let names = flow(&mut out, &graph.flow, &graph.axes, 1, &mut Names::default());
    for (output, result) in graph.outputs.iter().zip(&graph.flow.results) {
        let _ = writeln!(out, "  give {output} = {}", names[result]);
    }
    let mut results = graph.flow.results.iter().skip(graph.outputs.len());
    for gradient in &graph.gradients {
        let own: Vec<&str> =
            results.by_ref().take(gradient.results()).map(|result| names[result].as_str()).collect();
        let rows = if gradient.rows { " rows" } else { "" };
        let _ = writeln!(out, "  give gradient {}{rows} = {}", gradient.path, own.join(", "));
    }
    out
}

/// Counts how often a word was used, over the whole graph.
#[derive(Default)]
struct Names {
    used: HashMap<String, usize>,
}

impl Names {
    fn fresh(&mut self, word: &str) -> String {
        let count = self.used.entry(word.to_owned()).or_insert(0);
        *count += 1;
        if *count == 1 { word.to_owned() } else { format!("{word}.{count}") }
    }
}

fn flow(
    out: &mut String,
    flow_: &Flow,
    axes: &Axes,
    depth: usize,
    names: &mut Names,
) -> HashMap<NodeIndex, String> {
    let indent = "  ".repeat(depth);
    let mut named: HashMap<NodeIndex, String> = HashMap::new();
    for index in flow_.indices() {
        let node = flow_.node(index);
        let op = show_op(&node.op, axes);
        let word = op.split(' ').next().unwrap_or("").to_owned();
        let operands: Vec<String> =
            flow_.operands(index).iter().map(|operand| named[operand].clone()).collect();
        let name = names.fresh(&word);
        let scope = if node.gradient { "" } else { " ~" };
        if let Some(body) = &node.body {
            let guard = body.guard.and_then(|at| operands.get(at));
            let guard = guard.map_or(String::new(), |mask| format!(" unless no {mask}"));
            let _ = writeln!(out, "{indent}{name} = {op}({}){guard}{scope} {{", operands.join(", "));
            let inner = flow(out, &body.flow, axes, depth + 1, names);
            let results: Vec<&str> = body.flow.results.iter().map(|result| inner[result].as_str()).collect();
            let (next, yields) = results.split_at(body.iter_args.min(results.len()));
            let handed =
                if node.op == Op::Fused { String::new() } else { format!("next {}", next.join(", ")) };
            let yields: Vec<String> = yields
                .iter()
                .zip(&body.yields)
                .map(|(name, yielded)| match yielded {
                    Yield::Last => (*name).to_owned(),
                    Yield::Stack(axis) => format!("{name} stacked on {}", axes.name(*axis)),
                })
                .collect();
            let _ = writeln!(
                out,
                "{indent}  {}",
                match &yields[..] {
                    [] => handed,
                    _ => format!("{handed} yield {}", yields.join(", ")).trim_start().to_owned(),
                }
            );
            let _ = writeln!(out, "{indent}}}");
        } else {
            let place = if node.name.is_empty() { String::new() } else { format!("  // {}", node.name) };
            let _ = writeln!(
                out,
                "{indent}{name} = {op}({}): {}{scope}{place}",
                operands.join(", "),
                node.ty.show(axes)
            );
        }
        named.insert(index, name);
    }
    named
}
