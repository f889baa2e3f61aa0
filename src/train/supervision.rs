//! What training asks of a compiled model: one supervision step on a batch. Takes weights and inputs, gives named
//! outputs; never keeps a tensor between calls.

use tch::Kind;

use crate::exec::{ExecError, Executable, Inputs, Outputs, Weights};
use crate::lower::Program;

/// One compiled supervision step, for training or for evaluation.
pub trait SupervisionStep: Send {
    /// What was compiled.
    fn program(&self) -> &Program;

    /// Kind of carried states: float32 or bfloat16.
    fn precision(&self) -> Kind;

    /// Runs the step; states come back attached to the tape.
    fn run(&self, weights: &Weights, inputs: &Inputs) -> Result<Outputs, ExecError>;
}

impl SupervisionStep for Executable {
    fn program(&self) -> &Program {
        Executable::program(self)
    }

    fn precision(&self) -> Kind {
        Executable::precision(self)
    }

    fn run(&self, weights: &Weights, inputs: &Inputs) -> Result<Outputs, ExecError> {
        Executable::run(self, weights, inputs)
    }
}
