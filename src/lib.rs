//! totc: a declarative model-graph compiler for recursive-reasoning models. This page is the house:
//! each product is a noun, each stage one verb.

// No panic reaches a user: what cannot be is an internal error with its place. Tests may.
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable))]
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod bounds;
pub mod bytes;
pub mod chart;
#[cfg(feature = "system")]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "commands print; nothing else does")]
pub mod cli;
#[cfg(feature = "system")]
pub mod compare;
pub mod cost;
pub mod data;
pub mod diagnostic;
#[cfg(feature = "torch")]
pub mod distributed;
pub mod draw;
#[cfg(feature = "torch")]
pub mod exec;
pub mod explain;
pub mod export;
pub mod format;
pub mod ir;
pub mod lower;
pub mod lsp;
pub mod model;
pub mod model_file;
pub mod numbers;
pub mod pass;
pub mod primitive;
pub mod random;
#[cfg(feature = "system")]
pub mod report;
pub mod run_check;
pub mod run_file;
pub mod source;
pub mod statistics;
#[cfg(feature = "system")]
pub mod sweep;
pub mod syntax;
pub mod text_file;
#[cfg(feature = "system")]
pub mod train;
pub mod types;
#[cfg(feature = "system")]
pub mod weights;

use diagnostic::Sink;
use ir::Graph;
pub use ir::Values;
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
    program(model.graph, values).map(Some) // from here on nothing fails because of the author
}

/// The graph of a checked model to its program, with the outputs that `values` names.
///
/// # Errors
/// As [`compile`].
pub fn program(graph: Graph, values: Values) -> Result<Program, pass::PassError> {
    let graph = pass::run(graph.only(values), None)?; // Graph to Graph, verified after every pass
    Ok(lower::program(&graph)) // Graph to Program: flat calls, no libtorch yet
}
