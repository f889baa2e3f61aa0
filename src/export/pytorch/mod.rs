//! A model as a file of PyTorch (`totc export --to pytorch`). Takes the evaluation graph as the checker made it, gives
//! `model.py`, the script that compares it with `totc trace`, and a page that says how to use them.
//!
//! The graph is right by construction, so every operation becomes one expression (`operation`, and the primitives' own
//! files); what makes it readable is put back by the frames that the checker noted (`group`), by the author's names
//! (`scope`), by writing what is read once where it is read (`inline`), and by lines that fit (`wrap`).

mod files;
mod group;
mod inline;
mod modules;
mod names;
mod operation;
mod resolve;
mod scope;
mod statement;
mod wrap;

pub use files::{COMPARE, readme};
pub use modules::Module;
pub use names::Published;
pub use operation::ExportError;

use crate::ir::Graph;

/// The evaluation step of a model as a PyTorch module. `graph` is as the checker made it, with the outputs that are wanted;
/// weights and nets are called as in `names`.
///
/// # Errors
/// An operation that only training or a pass makes.
pub fn module(graph: &Graph, names: &Published) -> Result<Module, ExportError> {
    let mut program = resolve::program(graph)?;
    program.drop_unread();
    let body = group::grouped(&mut program);
    let body = inline::inlined(body, &program);
    let mut writer = scope::Writer::new(&program, &body, names);
    let forward = writer.forward(&body);
    Ok(modules::file(graph, &writer, &forward))
}
