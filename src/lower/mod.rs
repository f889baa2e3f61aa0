//! Graph to flat program: what is executed, still without libtorch.

pub mod chain;
pub mod cuda;
mod flatten;
mod print;
mod program;

pub use flatten::{carried, program, weights};
pub use print::print;
pub use program::*;
