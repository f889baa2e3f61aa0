//! Saving and resuming a run: takes a trainer between two steps, gives a checkpoint, and back bit by bit; refuses
//! checkpoints of another run.

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use tch::{Kind, Tensor};

use super::carry::Carry;
use super::checkpoint::{self, AVERAGE, CheckpointError, Contents, FORMAT_VERSION, RunState, STATE, WEIGHTS};
use super::error::{Doing, TrainError};
use super::gradients::Gradients;
use super::identity::TestSetHash;
use super::step_metrics::MetricsWindow;
use super::trainer::{Programs, Trainer};
use crate::data::Dataset;
use crate::exec::Weights;
use crate::lower::Program;
use crate::run_file::{EvaluationWeights, TrainConfig};
use crate::weights::WeightsAbout;

/// What a checkpoint says of the run beside the trainer's own state.
#[derive(Clone, Debug, Default)]
pub struct Noted {
    /// Wall-clock seconds of all sessions so far.
    pub seconds: f64,
    /// Of these, seconds spent in tests.
    pub seconds_in_tests: f64,
    /// What the weight files say of themselves.
    pub about: WeightsAbout,
    /// Steps that the log does not have yet.
    pub window: MetricsWindow,
}

impl Trainer {
    /// Writes a checkpoint in place of the one at `folder`, which stays until the new one is complete.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn save(&mut self, folder: &Path) -> Result<(), TrainError> {
        self.save_noting(folder, &Noted::default())
    }

    /// The same, with what else is to be known of the run.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn save_noting(&mut self, folder: &Path, noted: &Noted) -> Result<(), TrainError> {
        let mut state = IndexMap::new();
        for (name, tensor) in self.optimiser.state()? {
            state.insert(format!("optimiser.{name}"), tensor);
        }
        for (name, tensor) in carried(&self.carry).doing("saving the carried batch")? {
            state.insert(name, tensor);
        }
        state.extend(self.accumulated.iter().flat_map(Gradients::named));
        let share = |weights: &Weights| -> IndexMap<String, Tensor> {
            weights.tensors.iter().map(|(path, weight)| (path.clone(), weight.shallow_clone())).collect()
        };
        let contents = Contents {
            weights: share(&self.weights),
            average: self.average.as_ref().map(|average| average.averaged(&self.weights).tensors),
            state,
            about: WeightsAbout { step: Some(self.step), ..noted.about.clone() },
            run_state: RunState {
                version: FORMAT_VERSION,
                model: self.programs.training.program().model.clone(),
                step: self.step,
                total: self.total,
                position: self.position,
                average: self.average.is_some(),
                run: self.course(folder)?,
                seconds: noted.seconds,
                seconds_in_tests: noted.seconds_in_tests,
                window: noted.window.clone(),
            },
        };
        checkpoint::save(folder, &contents)?;
        self.last_checkpoint = Some(folder.to_owned());
        Ok(())
    }

    /// Whether tests are of the moving average.
    pub fn tests_average(&self) -> bool {
        self.average.is_some() && self.config.evaluation.weights == EvaluationWeights::Average
    }

    /// The weights that tests are of. Tensors are shared.
    pub fn tested_weights(&self) -> Weights {
        match self.tests_average() {
            true => self.averaged_weights(),
            false => {
                let share = |(path, weight): (&String, &Tensor)| (path.clone(), weight.shallow_clone());
                Weights { tensors: self.weights.tensors.iter().map(share).collect() }
            }
        }
    }

    /// Goes on from the checkpoint at `folder` as if the run had never stopped. `programs` are those of the last step
    /// that was done ([`checkpoint::peek`] says which it was); a phase that begins with the next step comes by
    /// [`Trainer::change_phase`] afterwards, as it would have.
    pub fn resume(
        config: TrainConfig,
        programs: Programs,
        data: Arc<dyn Dataset>,
        device: tch::Device,
        folder: &Path,
    ) -> Result<Trainer, TrainError> {
        checkpoint::settle(folder)?;
        let Contents { weights, average, mut state, run_state, .. } = checkpoint::load(folder)?;
        let weights = checked_weights(programs.training.program(), weights, &folder.join(WEIGHTS), device)?;
        let mut trainer = Trainer::new(config, programs, data, weights)?;
        let model = trainer.programs.training.program().model.clone();
        run_state.belongs_to(folder, &model, &trainer.course(folder)?)?;

        if let (Some(kept), Some(average)) = (&mut trainer.average, average) {
            let program = trainer.programs.training.program();
            let average = checked_weights(program, average, &folder.join(AVERAGE), device)?;
            kept.restore(&average.tensors).doing("reading the averaged weights")?;
        }
        trainer.restore_state(&mut state, &folder.join(STATE))?;
        trainer.step = run_state.step;
        trainer.position = run_state.position;
        trainer.last_checkpoint = Some(folder.to_owned());
        Ok(trainer)
    }

    fn restore_state(&mut self, state: &mut IndexMap<String, Tensor>, path: &Path) -> Result<(), TrainError> {
        let mut memory: IndexMap<String, Tensor> = IndexMap::new();
        state.retain(|name, tensor| match name.strip_prefix("optimiser.") {
            Some(name) => memory.insert(name.to_owned(), tensor.shallow_clone()).is_some(),
            None => true,
        });
        let outputs = |path: &String| self.treatments.get(path).map_or(0, |treatment| treatment.outputs);
        let weights = self.weights.tensors.iter();
        let weights = weights.map(|(path, weight)| (path.clone(), weight.size(), outputs(path)));
        let mut wrong = self.optimiser.restore(weights, &mut memory, self.device)?;
        wrong.extend(memory.keys().map(|name| format!("`optimiser.{name}` belongs to no weight")));
        wrong.extend(self.restore_carry(state)?);
        self.accumulated = Gradients::restore(state, &self.weights.tensors, self.device, &mut wrong)
            .doing("reading the gradients added up so far")?;
        wrong.extend(state.keys().map(|name| format!("`{name}` is not known")));
        if wrong.is_empty() { Ok(()) } else { Err(damaged(path, &wrong)) }
    }

    /// Takes the carried batch out of `state`; gives what does not fit.
    fn restore_carry(&mut self, state: &mut IndexMap<String, Tensor>) -> Result<Vec<String>, TrainError> {
        let mut wrong = Vec::new();
        let rows = self.config.batch;
        for (name, carried) in &mut self.carry.states {
            let key = format!("carry.state.{name}");
            match state.shift_remove(&key) {
                Some(saved) if saved.size() == carried.size() => {
                    *carried = saved.f_to_device(self.device).doing("reading the carried states")?;
                }
                Some(saved) => {
                    wrong.push(format!("`{key}` is {:?} instead of {:?}", saved.size(), carried.size()))
                }
                None => wrong.push(format!("`{key}` is missing")),
            }
        }
        let mut list = |name: &str| -> Result<Vec<i64>, TrainError> {
            let saved = state.shift_remove(name).filter(|saved| saved.size() == [rows as i64]);
            let Some(saved) = saved else {
                wrong.push(format!("`{name}` is missing or not of {rows} rows"));
                return Ok(vec![0; rows]);
            };
            Vec::<i64>::try_from(saved).doing("reading the carried batch")
        };
        self.carry.steps = list("carry.steps")?;
        self.carry.halted = list("carry.halted")?.iter().map(|halted| *halted != 0).collect();
        // Before the first step there is no data, and so none is saved.
        let inputs = &self.programs.training.program().inputs;
        let started = inputs.iter().any(|input| state.contains_key(&format!("carry.data.{}", input.name)));
        for input in inputs.iter().filter(|_| started) {
            let key = format!("carry.data.{}", input.name);
            // The program may be of a part of the batch; what is carried is the whole.
            let mut shape = input.shape.clone();
            if let Some(first) = shape.first_mut() {
                *first = rows as i64;
            }
            match state.shift_remove(&key) {
                Some(saved) if saved.size() == shape && saved.kind() == Kind::Int64 => {
                    self.carry.data.insert(input.name.clone(), saved);
                }
                Some(saved) => wrong.push(format!("`{key}` is {:?} instead of {shape:?}", saved.size())),
                None => wrong.push(format!("`{key}` is missing")),
            }
        }
        Ok(wrong)
    }

    fn course(&self, folder: &Path) -> Result<serde_json::Value, CheckpointError> {
        let stream = TestSetHash::of_training(self.data.as_ref(), self.config.seed);
        let sizes = format!("{:?}", self.data.sizes());
        let data =
            serde_json::json!({ "puzzles": stream.examples, "first_rows": stream.hash, "sizes": sizes });
        let precision = format!("{:?}", self.programs.training.precision());
        checkpoint::course(&self.config, data, &precision)
            .map_err(|cause| CheckpointError::Format { path: folder.to_owned(), what: cause.to_string() })
    }
}

fn carried(carry: &Carry) -> Result<Vec<(String, Tensor)>, tch::TchError> {
    let states =
        carry.states.iter().map(|(name, state)| (format!("carry.state.{name}"), state.shallow_clone()));
    let data = carry.data.iter().map(|(name, rows)| (format!("carry.data.{name}"), rows.shallow_clone()));
    let mut tensors: Vec<_> = states.chain(data).collect();
    tensors.push(("carry.steps".to_owned(), Tensor::f_from_slice(&carry.steps)?));
    tensors.push(("carry.halted".to_owned(), Tensor::f_from_slice(&carry.halted)?));
    Ok(tensors)
}

/// Exactly the weights of the program, float32, on `device`.
fn checked_weights(
    program: &Program,
    mut saved: IndexMap<String, Tensor>,
    path: &Path,
    device: tch::Device,
) -> Result<Weights, TrainError> {
    let mut wrong = Vec::new();
    let mut tensors = IndexMap::new();
    for info in &program.weights {
        match saved.shift_remove(&info.path) {
            Some(weight) if weight.size() == info.shape && weight.kind() == Kind::Float => {
                let weight = weight.f_to_device(device).doing("moving the weights to the device")?;
                tensors.insert(info.path.clone(), weight);
            }
            Some(weight) => wrong.push(format!(
                "`{}` is {:?} {:?} instead of Float {:?}",
                info.path,
                weight.kind(),
                weight.size(),
                info.shape
            )),
            None => wrong.push(format!("`{}` is missing", info.path)),
        }
    }
    wrong.extend(saved.keys().map(|name| format!("`{name}` is no weight of `{}`", program.model)));
    if wrong.is_empty() { Ok(Weights { tensors }) } else { Err(damaged(path, &wrong)) }
}

fn damaged(path: &Path, wrong: &[String]) -> TrainError {
    let more = wrong.len().saturating_sub(4);
    let mut what = wrong.iter().take(4).cloned().collect::<Vec<_>>().join(", ");
    if more > 0 {
        what.push_str(&format!(" and {more} more"));
    }
    CheckpointError::Format { path: path.to_owned(), what }.into()
}
