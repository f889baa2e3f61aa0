//! A training run: takes settings, compiled programs, weights and data, holds everything that changes from step to
//! step; never compiles, prints or reads a run file.

use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;
use sha2::{Digest, Sha256};
use tch::{Device, Kind};

use super::carry::Carry;
use super::columns::{Batch, Columns};
use super::ema::MovingAverage;
use super::error::{Doing, TrainError};
use super::evaluate::{AnswerObserver, Protocol, evaluate_observed};
use super::gradients::Gradients;
use super::optimiser::{MainOptimiser, Treatment, assign};
use super::parts::gathered;
use super::results::EvaluationReport;
use super::supervision::SupervisionStep;
use crate::bytes::hexadecimal;
use crate::data::Dataset;
use crate::data::prefetch::Prefetch;
use crate::distributed::ProcessGroup;
use crate::exec::Weights;
use crate::ir::Mode;
use crate::lower::Program;
use crate::run_check::{Misfit, other_weight};
use crate::run_file::{EvaluationWeights, TrainConfig, out_of_bounds};

/// The two programs of one model, with the same weights.
pub struct Programs {
    /// The supervision step that is trained, compiled for the run's batch.
    pub training: Box<dyn SupervisionStep>,
    /// The supervision step that is tested, compiled for any batch.
    pub evaluation: Box<dyn SupervisionStep>,
}

/// Threads that prepare training rows: one keeps up with any step that is worth training.
pub const LOADERS: usize = 1;

/// A training run between two steps.
pub struct Trainer {
    pub(super) config: TrainConfig,
    pub(super) programs: Programs,
    pub(super) data: Arc<dyn Dataset>,
    /// The training rows that come next.
    pub(super) prefetch: Prefetch,
    pub(super) columns: Columns,
    pub(super) device: Device,
    pub(super) weights: Weights,
    pub(super) treatments: IndexMap<String, Treatment>,
    pub(super) optimiser: MainOptimiser,
    pub(super) average: Option<MovingAverage>,
    pub(super) carry: Carry,
    /// Gradients of the supervision steps since the last update.
    pub(super) accumulated: Option<Gradients>,
    /// Steps done.
    pub(super) step: u64,
    /// Steps in all.
    pub(super) total: u64,
    /// Examples taken from the training stream.
    pub(super) position: u64,
    pub(super) last_checkpoint: Option<PathBuf>,
    /// The processes that share the batch; each has the states of its own rows alone.
    pub(super) group: Option<Group>,
    /// Norm of the gradient of the last step.
    pub(super) norm: f64,
}

/// The processes of a run.
pub type Group = Arc<ProcessGroup>;

impl Trainer {
    /// A run at its first step. Everything that can be wrong with the settings is found here.
    pub fn new(
        config: TrainConfig,
        programs: Programs,
        data: Arc<dyn Dataset>,
        weights: Weights,
    ) -> Result<Trainer, TrainError> {
        let training = programs.training.program();
        check_numbers(&config)?;
        let columns = Columns::pair(training, data.as_ref())?;
        check_batch(&config, training, &columns)?;
        let device = weights.tensors.values().next().map_or(Device::Cpu, |weight| weight.device());
        let treatments = assign(&training.weights, &config)?;
        all_there(training, &weights)?;
        let average =
            config.ema.map(|rate| MovingAverage::start(rate, &training.weights, &weights)).transpose();
        Ok(Trainer {
            total: config.length.steps(data.train_len(), config.batch),
            carry: Carry::start(training, config.batch, programs.training.precision(), device)?,
            optimiser: MainOptimiser::new(&config.optimiser)?,
            average: average.doing("copying the weights for their moving average")?,
            accumulated: None,
            step: 0,
            position: 0,
            last_checkpoint: None,
            group: None,
            norm: 0.0,
            prefetch: Prefetch::new(Arc::clone(&data), config.seed, config.batch, LOADERS),
            config,
            programs,
            data,
            columns,
            device,
            weights,
            treatments,
        })
    }

    /// Shares the batch with other processes, each of which has this trainer too and does the same with it; or with none any
    /// more, once the states are gathered.
    pub fn share(&mut self, group: Option<Group>) {
        self.group = group;
    }

    /// Norm of the gradient of the last step; 0 before the first.
    pub fn last_norm(&self) -> f64 {
        self.norm
    }

    /// SHA-256 of the weights.
    ///
    /// # Errors
    /// libtorch has no memory.
    pub fn fingerprint(&self) -> Result<String, TrainError> {
        let mut hash = Sha256::new();
        for weight in self.weights.tensors.values() {
            let bytes = weight.f_to_device(Device::Cpu).and_then(|weight| {
                Vec::<u8>::try_from(weight.f_contiguous()?.f_reshape([-1])?.f_view_dtype(Kind::Uint8)?)
            });
            hash.update(bytes.doing("reading the weights")?);
        }
        Ok(hexadecimal(&hash.finalize()))
    }

    /// Collects the states of all rows in every process, as a checkpoint holds them.
    ///
    /// # Errors
    /// A process is lost.
    pub fn gather_states(&mut self) -> Result<(), TrainError> {
        if let Some(group) = &self.group {
            let program = self.programs.training.program();
            self.carry.states = gathered(program, &self.carry.states, group)?;
        }
        Ok(())
    }

    /// Has so many threads prepare training rows ahead; with 0, each step prepares its own. The rows are the same.
    pub fn set_loaders(&mut self, threads: usize) {
        self.prefetch = Prefetch::new(Arc::clone(&self.data), self.config.seed, self.config.batch, threads);
    }

    /// The training rows that come next and the column layout, for a step on rows held in memory.
    pub fn next_rows(&mut self, count: usize) -> Result<Batch, TrainError> {
        let rows = self.prefetch.take(self.position, count)?;
        self.columns.collate(&rows)
    }

    /// Goes on with other programs of the same model, compiled from other configs (a curriculum): weights and the
    /// optimisers' memory stay, and so does the batch if its states still have the same shapes; otherwise every row
    /// starts anew.
    pub fn change_phase(&mut self, programs: Programs) -> Result<(), TrainError> {
        let (old, new) = (self.programs.training.program(), programs.training.program());
        if let Some(what) = other_weight(&old.weights, &new.weights, Mode::Training) {
            return Err(Misfit::Program {
                model: new.model.clone(),
                what: format!("the next phase has other weights than the one before: {what}"),
                fix: "a phase may set only configs that leave every weight its path and shape".to_owned(),
            }
            .into());
        }
        let columns = Columns::pair(new, self.data.as_ref())?;
        check_batch(&self.config, new, &columns)?;
        if old.states != new.states || programs.training.precision() != self.programs.training.precision() {
            self.carry = Carry::start(new, self.config.batch, programs.training.precision(), self.device)?;
        }
        self.columns = columns;
        self.programs = programs;
        Ok(())
    }

    /// Tests the model on a part of the test examples (`evaluation.during_training`), as `config.evaluation` says but
    /// without rollouts and views; training goes on as if nothing had happened.
    pub fn evaluate(&self) -> Result<EvaluationReport, TrainError> {
        self.evaluate_by(&self.protocol().brief(self.config.evaluation.during_training))
    }

    /// How `config.evaluation` wants the model tested in the end.
    pub fn protocol(&self) -> Protocol {
        Protocol::of(&self.config.evaluation, self.config.seed)
    }

    /// Tests the weights that `config.evaluation` names; training goes on as if nothing had happened.
    pub fn evaluate_by(&self, protocol: &Protocol) -> Result<EvaluationReport, TrainError> {
        self.evaluate_observed(protocol, None)
    }

    /// The same, with a observer who sees every answer.
    pub fn evaluate_observed(
        &self,
        protocol: &Protocol,
        observer: Option<&mut dyn AnswerObserver>,
    ) -> Result<EvaluationReport, TrainError> {
        let (program, data) = (self.programs.evaluation.as_ref(), self.data.as_ref());
        match self.config.evaluation.weights {
            EvaluationWeights::Average => {
                evaluate_observed(program, &self.averaged_weights(), data, protocol, observer)
            }
            EvaluationWeights::Trained => evaluate_observed(program, &self.weights, data, protocol, observer),
        }
    }

    /// Whether the run has done all its steps.
    pub fn finished(&self) -> bool {
        self.step >= self.total
    }

    /// Steps done.
    pub fn steps_done(&self) -> u64 {
        self.step
    }

    /// Steps in all.
    pub fn steps_in_all(&self) -> u64 {
        self.total
    }

    /// Examples taken from the training stream so far.
    pub fn examples_seen(&self) -> u64 {
        self.position
    }

    /// The settings of the run.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// The programs that are running.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// The weights as trained.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The moving average of the weights, or the weights themselves where the run keeps none. Tensors are shared.
    pub fn averaged_weights(&self) -> Weights {
        match &self.average {
            Some(average) => average.averaged(&self.weights),
            None => Weights {
                tensors: self
                    .weights
                    .tensors
                    .iter()
                    .map(|(path, w)| (path.clone(), w.shallow_clone()))
                    .collect(),
            },
        }
    }

    /// The batch that is carried.
    pub fn carry(&self) -> &Carry {
        &self.carry
    }

    /// The optimiser's memory, by name (`m.PATH`, `v.PATH`, `count.PATH`).
    pub fn optimiser_state(&self) -> Result<Vec<(String, tch::Tensor)>, TrainError> {
        self.optimiser.state()
    }
}

/// Checks that all weights are there.
fn all_there(program: &Program, weights: &Weights) -> Result<(), TrainError> {
    for info in &program.weights {
        if weights.get(&info.path).is_none_or(|weight| weight.size() != info.shape) {
            return Err(Misfit::Program {
                model: program.model.clone(),
                what: format!("the weights handed in have no `{}` of shape {:?}", info.path, info.shape),
                fix: "make or load them for this program".to_owned(),
            }
            .into());
        }
    }
    Ok(())
}

fn check_batch(config: &TrainConfig, program: &Program, columns: &Columns) -> Result<(), TrainError> {
    let rows = columns.batch_rows();
    if config.batch > 0 && rows > 0 && config.batch.is_multiple_of(rows) {
        return Ok(());
    }
    Err(Misfit::Setting {
        setting: "batch".to_owned(),
        what: format!(
            "{} rows, but `{}` was compiled for {}",
            config.batch,
            program.model,
            columns.batch_rows()
        ),
        fix: "a batch is computed whole or in equal parts".to_owned(),
    }
    .into())
}

fn check_numbers(config: &TrainConfig) -> Result<(), TrainError> {
    let Some((path, number, bound)) = out_of_bounds(config) else { return Ok(()) };
    Err(Misfit::Setting {
        setting: path,
        what: format!("{number} makes no sense"),
        fix: format!("it must be {} and finite", bound.words()),
    }
    .into())
}
