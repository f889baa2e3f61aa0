//! What training asks of a compiled model: one supervision step on a batch. Takes weights and inputs, gives named
//! outputs; never keeps a tensor between calls.

use tch::Kind;

use crate::exec::{ExecError, Executable, Inputs, Origin, Outputs, Tell, Weights};
use crate::lower::Program;

/// One compiled supervision step, for training or for evaluation.
pub trait SupervisionStep: Send {
    /// What was compiled.
    fn program(&self) -> &Program;

    /// Kind of carried states: float32 or bfloat16.
    fn precision(&self) -> Kind;

    /// Runs the step.
    fn run(&self, weights: &Weights, inputs: &Inputs) -> Result<Outputs, ExecError>;

    /// Runs the step and may tell of gradients of weights before it ends.
    fn run_telling(&self, weights: &Weights, inputs: &Inputs, tell: &Tell) -> Result<Outputs, ExecError> {
        let _ = tell;
        self.run(weights, inputs)
    }

    /// Runs the step with random draws of each row from its own seed of `seeds`.
    fn run_drawing(&self, weights: &Weights, inputs: &Inputs, seeds: &[u64]) -> Result<Outputs, ExecError> {
        tch::manual_seed((seeds.first().copied().unwrap_or(0) >> 1) as i64);
        self.run(weights, inputs)
    }

    /// Runs the step once more to find the operation that made the first number that makes a loss or a gradient infinite or
    /// not a number.
    fn origin(&self, weights: &Weights, inputs: &Inputs) -> Result<Option<Origin>, ExecError> {
        let _ = (weights, inputs);
        Ok(None)
    }

    /// The same step compiled for a smaller batch that still holds `rows`, where there is one: evaluation goes over to
    /// it when few examples are left.
    fn smaller(&self, rows: usize) -> Option<&dyn SupervisionStep> {
        let _ = rows;
        None
    }
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

    fn run_drawing(&self, weights: &Weights, inputs: &Inputs, seeds: &[u64]) -> Result<Outputs, ExecError> {
        Executable::run_drawing(self, weights, inputs, Some(seeds))
    }

    fn run_telling(&self, weights: &Weights, inputs: &Inputs, tell: &Tell) -> Result<Outputs, ExecError> {
        Executable::run_telling(self, weights, inputs, tell)
    }

    fn origin(&self, weights: &Weights, inputs: &Inputs) -> Result<Option<Origin>, ExecError> {
        Executable::origin(self, weights, inputs)
    }
}

/// One step compiled for several batches: the wanted one and halves of it, for when few rows are left to compute.
pub struct Graded {
    full: Executable,
    /// From the largest to the smallest.
    smaller: Vec<Executable>,
}

impl Graded {
    /// Compiles for `rows`, half of them, and so on down to one.
    pub fn new<E>(rows: usize, mut compile: impl FnMut(usize) -> Result<Executable, E>) -> Result<Graded, E> {
        let full = compile(rows)?;
        let halves =
            std::iter::successors(Some(rows / 2), |rows| Some(rows / 2)).take_while(|rows| *rows > 0);
        Ok(Graded { full, smaller: halves.map(compile).collect::<Result<_, E>>()? })
    }
}

impl SupervisionStep for Graded {
    fn program(&self) -> &Program {
        self.full.program()
    }

    fn precision(&self) -> Kind {
        self.full.precision()
    }

    fn run(&self, weights: &Weights, inputs: &Inputs) -> Result<Outputs, ExecError> {
        self.full.run(weights, inputs)
    }

    fn run_drawing(&self, weights: &Weights, inputs: &Inputs, seeds: &[u64]) -> Result<Outputs, ExecError> {
        self.full.run_drawing(weights, inputs, Some(seeds))
    }

    fn run_telling(&self, weights: &Weights, inputs: &Inputs, tell: &Tell) -> Result<Outputs, ExecError> {
        self.full.run_telling(weights, inputs, tell)
    }

    fn smaller(&self, rows: usize) -> Option<&dyn SupervisionStep> {
        let fits = |step: &&Executable| step.program().batch_rows() >= rows;
        self.smaller.iter().rev().find(fits).map(|step| -> &dyn SupervisionStep { step })
    }
}
