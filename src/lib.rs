//! totc: a declarative model-graph compiler for recursive-reasoning models. This page is the house:
//! each product is a noun, each stage one verb.

pub mod bounds;
pub mod chart;
pub mod cli;
pub mod compare;
pub mod cost;
pub mod data;
pub mod diagnostic;
pub mod draw;
#[cfg(feature = "torch")]
pub mod exec;
pub mod ir;
pub mod lower;
pub mod model;
pub mod model_file;
pub mod numbers;
pub mod pass;
pub mod primitive;
pub mod random;
pub mod report;
pub mod run_file;
pub mod source;
pub mod statistics;
pub mod sweep;
pub mod syntax;
pub mod train;
pub mod types;
pub mod weights;

use diagnostic::Sink;
use lower::Program;
use model::Bindings;
use source::Sources;
use syntax::Modules;

/// Text to program; `None` when the author made a mistake, which `sink` then holds.
///
/// # Errors
/// Only totc's own: a pass that left a broken graph.
pub fn compile(
    modules: &Modules,
    sources: &Sources,
    bindings: &Bindings,
    values: Values,
    sink: &mut Sink,
) -> Result<Option<Program>, pass::PassError> {
    let Some(model) = model::check(modules, sources, bindings, sink) else { return Ok(None) }; // trees to Model: all errors of the author
    let graph = model::graph::build(&model); // Model to Graph: from here on nothing fails because of the author
    let graph = graph.only(values); // what nobody reads is not computed
    let graph = pass::run(graph, None)?; // Graph to Graph, verified after every pass
    Ok(Some(lower::program(&graph))) // Graph to Program: flat primitive calls, no libtorch yet
}

/// Which outputs a program has, and so what it computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Every named value of the schedule too (`value.x`), as `trace` wants.
    Kept,
    /// Also the predictions that show how a model thinks (`predict thought_…`), as `report` wants.
    Thoughts,
    /// Only what training and evaluation read.
    Dropped,
}
