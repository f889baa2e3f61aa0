//! Passes: graph to graph. Each is one file, one line in `PASSES`, a flag of `totc dump --after`, and a folder of
//! tests. The verifier runs after each.

mod common_subexpressions;
mod dead_code;
mod differentiate;
mod fuse;
mod in_a_row;
mod loop_invariant;
mod making;
mod precision;
mod rewrite;
mod simplify;

use crate::ir::{Graph, verify};

/// A rewrite from graph to graph that keeps the values of all outputs.
pub struct Pass {
    /// As `dump --after` takes it.
    pub name: &'static str,
    /// What it does, in a few words.
    pub about: &'static str,
    /// Takes a verified graph and gives one that is to be verified.
    pub run: fn(&Graph) -> Graph,
}

/// In the order they run.
pub const PASSES: &[Pass] = &[
    precision::PASS,
    dead_code::PASS,
    simplify::PASS,
    common_subexpressions::PASS,
    loop_invariant::PASS,
    // Hoisting brings equal computations of several loops to one place.
    Pass { name: "common-subexpressions-again", ..common_subexpressions::PASS },
    Pass { name: "dead-code-again", ..dead_code::PASS },
    differentiate::PASS,
    // The backward pass has its own operations that nobody reads, or that are there twice.
    Pass { name: "dead-code-backward", ..dead_code::PASS },
    Pass { name: "simplify-backward", ..simplify::PASS },
    Pass { name: "common-subexpressions-backward", ..common_subexpressions::PASS },
    Pass { name: "loop-invariant-backward", ..loop_invariant::PASS },
    Pass { name: "dead-code-last", ..dead_code::PASS },
    fuse::PASS,
];

/// The last pass before which it does not matter what the backward pass computes again ([`Graph::recompute`]).
pub const BEFORE_DIFFERENTIATE: &str = "dead-code-again";

/// The pass of a name.
pub fn by_name(name: &str) -> Option<&'static Pass> {
    PASSES.iter().find(|pass| pass.name == name)
}

/// totc is wrong: a pass left a graph that is none.
#[derive(Debug, thiserror::Error)]
#[error("internal error: after the pass `{pass}`: {what}; please report this with the model file")]
pub struct PassError {
    /// The pass after which the graph was broken.
    pub pass: &'static str,
    /// The invariant that does not hold, with its node.
    pub what: String,
}

/// Runs all passes, or those up to and including `until`. Before the first, `carry grad` is written out: `build` has it.
pub fn run(graph: Graph, until: Option<&str>) -> Result<Graph, PassError> {
    let graph = in_a_row::written_out(graph);
    verify(&graph).map_err(|what| PassError { pass: "build", what })?;
    if until == Some("build") {
        return Ok(graph);
    }
    let last = until.and_then(place).map_or(PASSES.len(), |at| at + 1);
    each(graph, &PASSES[..last])
}

/// Runs the passes after `done`, which [`run`] has stopped at.
pub fn go_on(graph: Graph, done: &str) -> Result<Graph, PassError> {
    each(graph, &PASSES[place(done).map_or(0, |at| at + 1)..])
}

fn place(name: &str) -> Option<usize> {
    PASSES.iter().position(|pass| pass.name == name)
}

fn each(mut graph: Graph, passes: &[Pass]) -> Result<Graph, PassError> {
    for pass in passes {
        graph = (pass.run)(&graph);
        verify(&graph).map_err(|what| PassError { pass: pass.name, what })?;
    }
    Ok(graph)
}
