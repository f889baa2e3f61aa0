//! Runs a flat program through `tch`. The only place, with `train`, that knows libtorch.

mod chain;
mod compiled;
mod executable;
mod groups;
mod interpreter;
mod link;
mod profile;
mod structural;
mod weights;

pub use executable::{ExecError, Executable, Inputs, Kernels, Outputs, TableRows};
pub use profile::{Event, Profile};
pub use weights::{Weights, WeightsError};
