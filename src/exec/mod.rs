//! Runs a flat program through `tch`. The only place, with `train`, that knows libtorch.

mod chain;
mod groups;
mod interpreter;
mod link;
mod profile;
mod structural;
mod weights;

pub use interpreter::{ExecError, Executable, Inputs, Outputs, TableRows};
pub use profile::{Event, Profile};
pub use weights::{Weights, WeightsError};
