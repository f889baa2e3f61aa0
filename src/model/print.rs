//! The checked model as text (`totc dump --stage model`): what it declares, takes and gives. Its schedule is the graph's
//! to print.

use crate::model::Model;
use crate::types::{AxisSize, Kind, Ty};
use std::fmt::Write;

/// Declarations, then outputs with their types.
pub fn print(model: &Model) -> String {
    let graph = &model.graph;
    let mut out = String::new();
    let _ = writeln!(out, "model {} ({:?})", graph.model, graph.mode);
    for (name, value) in &model.configs {
        let _ = writeln!(out, "  config {name} = {value}");
    }
    for axis in &model.declared_axes {
        let axis = graph.axes.get(*axis);
        let size = match axis.size {
            AxisSize::Fixed(size) => format!("{size}, {}", axis.origin),
            _ => axis.origin.clone(),
        };
        let _ = writeln!(out, "  axis {} ({size})", axis.name);
    }
    for weight in &graph.weights {
        let ty = Ty::new(Kind::Float32, weight.dims.clone());
        let role = format!("{:?}", weight.role).to_lowercase();
        let _ = writeln!(out, "  {role} {}: {} = {:?}", weight.path, ty.show(&graph.axes), weight.init);
    }
    for state in &graph.states {
        let _ = writeln!(out, "  state {}: {}", state.name, state.ty.show(&graph.axes));
    }
    for (name, result) in graph.outputs.iter().zip(&graph.flow.results) {
        let _ = writeln!(out, "  give {name}: {}", graph.flow.node(*result).ty.show(&graph.axes));
    }
    if let Some(halt) = graph.halt {
        let _ = writeln!(out, "  halt at most {} steps, explore {}", halt.at_most, halt.explore);
    }
    out
}
