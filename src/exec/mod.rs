//! Runs a flat program through `tch`. The only place, with `train`, that knows libtorch.

mod chain;
mod interpreter;
mod link;
mod structural;
mod weights;

pub use interpreter::{ExecError, Executable, Inputs, Outputs, TableRows};
pub use weights::{Weights, WeightsError};
