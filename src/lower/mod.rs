//! Graph to flat program.

mod program;
pub use program::*;
