//! Who looks on at a run: a command line that prints, a notebook that draws, a test that counts. Every event has a default
//! that does nothing.

use std::path::Path;

use tch::Device;

use crate::ir::WeightInfo;
use crate::run_file::{Precision, TrainConfig};
use crate::train::error::TrainError;
use crate::train::results::EvaluationReport;
use crate::train::step_metrics::StepMetrics;
use crate::weights::{Source, Transfer};

/// What is known when a run starts or goes on.
#[derive(Clone, Debug)]
pub struct RunStart<'a> {
    /// The model's name.
    pub model: &'a str,
    /// Numbers that the main optimiser learns.
    pub parameters: u64,
    /// The number format of matrices and activations.
    pub precision: Precision,
    /// Where it computes.
    pub device: Device,
    /// The data set in words.
    pub data: String,
    /// The settings in force.
    pub config: &'a TrainConfig,
    /// Rows of the batch computed at once.
    pub micro_batch: usize,
    /// Steps done before; not 0 where a run goes on.
    pub steps_done: u64,
    /// Steps in all.
    pub steps_in_all: u64,
    /// The output folder.
    pub out: &'a Path,
}

/// Weights of another model that a new run starts from.
#[derive(Clone, Debug)]
pub struct WeightsTaken<'a> {
    /// The file.
    pub source: &'a Source,
    /// Which weights come from it and how.
    pub transfer: &'a Transfer,
    /// All weights of the model.
    pub weights: &'a [WeightInfo],
}

/// Sees what happens in a run, in order; it cannot change its course. The run waits while it looks.
pub trait RunObserver {
    /// A new run starts from weights of another model; comes before [`RunObserver::started`].
    fn weights_taken(&mut self, taken: &WeightsTaken) {
        let _ = taken;
    }

    /// The first step comes next.
    fn started(&mut self, start: &RunStart) {
        let _ = start;
    }

    /// A step is done.
    fn stepped(&mut self, metrics: &StepMetrics) {
        let _ = metrics;
    }

    /// A phase of the run file begins after `step` steps.
    fn phase_began(&mut self, step: u64) {
        let _ = step;
    }

    /// The model was tested after `step` steps: on a part of the test examples while training goes on, on all at the end.
    fn tested(&mut self, step: u64, report: &EvaluationReport) {
        let _ = (step, report);
    }

    /// A checkpoint of `step` steps lies at `folder`.
    fn saved(&mut self, step: u64, folder: &Path) {
        let _ = (step, folder);
    }

    /// Something beside training does not work, or does again; training goes on.
    fn trouble(&mut self, step: u64, what: &str) {
        let _ = (step, what);
    }

    /// A checkpoint could not be written; training goes on, and the one before it still stands.
    fn not_saved(&mut self, step: u64, error: &TrainError) {
        let _ = (step, error);
    }
}

/// Looks at nothing.
impl RunObserver for () {}
