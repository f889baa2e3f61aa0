//! Gradients of one loss at a time: takes a checked model's graph and the name of a loss, gives its gradient by weight,
//! summed over the batch, that of a table in the shape of the whole table.

use std::collections::HashMap;

use indexmap::IndexMap;
use tch::Tensor;
use totc::exec::{Executable, Outputs, Weights};
use totc::ir::{Graph, OutputKind};

/// The graph in which only the output `loss` is a loss; the others are computed as metrics, so that draws stay as they are.
pub fn of_loss(mut graph: Graph, loss: &str) -> Graph {
    for output in graph.outputs.iter_mut().filter(|output| output.kind == OutputKind::Loss) {
        if output.name != loss {
            output.kind = OutputKind::Metric;
        }
    }
    graph
}

/// The gradients that a program of one loss gave on a batch of `rows`.
pub fn gradients(
    executable: &Executable,
    rows: usize,
    outputs: Outputs,
    weights: &Weights,
) -> HashMap<String, Tensor> {
    let mut losses = executable.program().outputs_of(OutputKind::Loss);
    let single = losses.all(|(_, loss)| loss.ty.dims.is_empty());
    // A program gives the mean over its rows, in which a single number counts for each.
    let rows = if single { 1.0 } else { rows as f64 };
    let params: IndexMap<String, Tensor> = outputs.gradients;
    let mut found: HashMap<String, Tensor> =
        params.into_iter().map(|(path, gradient)| (path, gradient * rows)).collect();
    for lookup in &outputs.rows {
        let table = &weights.tensors[&lookup.table];
        let width = table.size()[1];
        let sum = found.entry(lookup.table.clone()).or_insert_with(|| table.zeros_like());
        let gradient = lookup.gradient.reshape([-1, width]) * rows;
        let _ = sum.index_add_(0, &lookup.ids.reshape([-1]), &gradient);
    }
    found
}
