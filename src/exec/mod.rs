//! Runs a flat program through `tch`. The only place, with `train`, that knows libtorch.

mod chain;
mod compiled;
mod draws;
mod executable;
mod groups;
mod interpreter;
mod link;
mod profile;
mod step;
mod structural;
mod watch;
mod weights;

pub use draws::NamedDraws;
pub use executable::{Executable, Kernels};
pub use profile::{Event, Profile};
pub use step::{ExecError, Inputs, OutputValues, Outputs, TableRows, Tell, Told};
pub use watch::Origin;
pub use weights::{Weights, WeightsError};
