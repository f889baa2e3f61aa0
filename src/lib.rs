//! totc: a declarative model-graph compiler for recursive-reasoning models.

pub mod diagnostic;
pub mod source;
pub mod lower;
pub mod model;
pub mod primitive;
pub mod syntax;
