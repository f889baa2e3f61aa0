//! What checks of a run need of its model: for each part of the run (phases, training and tests) the weights, inputs and
//! outputs of its step. Takes models with what is bound, remembers what a check has said by everything that it depends on, so
//! that the same program is checked once.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Values;
use crate::diagnostic::Diagnostic;
use crate::ir::{InputInfo, Mode, OutputName, WeightInfo};
use crate::lower;
use crate::model_file::ModelFile;
use crate::run_file::{Begin, ConfigValue, Phase, RunFile};
use crate::syntax::Reader;

/// Configs of a model with their values.
pub type Configs = BTreeMap<String, ConfigValue>;

/// A supervision step from outside.
#[derive(Clone, Debug)]
pub struct Step {
    /// The model's declared name.
    pub model: String,
    /// Every weight of the model.
    pub weights: Vec<WeightInfo>,
    /// Tensors of the data.
    pub inputs: Vec<InputInfo>,
    /// What a run makes of it: losses, metrics, predictions.
    pub outputs: Vec<OutputName>,
}

/// A part of a run that has a program of its own.
#[derive(Clone, Debug)]
pub struct Part {
    /// Training or tests.
    pub mode: Mode,
    /// The configs that hold in it.
    pub configs: Configs,
    /// The number of its phase; None before the first one.
    pub phase: Option<usize>,
    from: Option<Begin>,
}

/// All parts of a run, in the order in which they are reached.
pub fn parts(run: &RunFile) -> Vec<Part> {
    let mut configs = run.run.set.clone();
    let mut parts = Vec::new();
    let phases = run.run.phases.iter().enumerate().map(Some);
    for phase in std::iter::once(None::<(usize, &Phase)>).chain(phases) {
        configs.extend(phase.into_iter().flat_map(|(_, phase)| phase.set.clone()));
        let (number, from) = (phase.map(|(number, _)| number), phase.map(|(_, phase)| phase.from));
        let mut in_test = configs.clone();
        in_test.extend(run.run.set_in_evaluation.clone());
        let part = |mode, configs| Part { mode, configs, phase: number, from };
        parts.extend([part(Mode::Training, configs.clone()), part(Mode::Evaluation, in_test)]);
    }
    parts
}

impl Part {
    /// The same part with other configs.
    pub(super) fn with(&self, configs: Configs) -> Part {
        Part { configs, ..self.clone() }
    }

    /// Where its configs stand, those that go before others first.
    pub fn holders(&self) -> Vec<String> {
        let tests = (self.mode == Mode::Evaluation).then(|| "set_in_evaluation".to_owned());
        let phases = self.phase.map_or(0, |last| last + 1);
        let phases = (0..phases).rev().map(|number| format!("phases.{number}.set"));
        tests.into_iter().chain(phases).chain(["set".to_owned()]).collect()
    }

    /// Which part it is, for who has set what its model cannot be checked with.
    pub fn words(&self) -> String {
        let from = match self.phase.zip(self.from) {
            None => String::new(),
            Some((number, Begin::Steps(steps))) => {
                format!("from step {steps} on (`phases`, number {})", number + 1)
            }
            Some((number, Begin::Share(_))) => format!("in number {} of `phases`", number + 1),
        };
        match (from.is_empty(), self.mode) {
            (true, Mode::Training) => String::new(),
            (false, Mode::Training) => format!("so it is with the configs of training {from}"),
            (true, Mode::Evaluation) => "so it is with the configs of tests (`set_in_evaluation`)".to_owned(),
            (false, Mode::Evaluation) => format!("so it is with the configs of tests {from}"),
        }
    }
}

/// What checks have said, by all that they depend on. Filled by several threads.
#[derive(Default)]
pub struct Memo {
    steps: Mutex<HashMap<String, Kept>>,
    models: Mutex<HashMap<(PathBuf, Option<String>), ModelFile>>,
}

/// Some dozen sweeps.
const MOST_KEPT: usize = 1000;

#[derive(Clone, Debug)]
struct Kept {
    step: Option<Arc<Step>>,
    told: Vec<Diagnostic>,
    used: bool,
}

impl Memo {
    /// The step of one mode; None if the author made a mistake, which the model's `sink` then holds.
    pub fn step(&self, model: &mut ModelFile, mode: Mode) -> Option<Arc<Step>> {
        let key = model.depends_on(mode);
        let known = {
            let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
            steps.get_mut(&key).map(|kept| {
                kept.used = true;
                kept.clone()
            })
        };
        if let Some(kept) = known {
            kept.told.into_iter().for_each(|told| model.sink.push(told));
            return kept.step;
        }
        let (checked, told) = model.check_alone(mode);
        let step = checked.map(|checked| {
            let graph = checked.graph.only(Values::Dropped);
            Arc::new(Step {
                weights: lower::weights(&graph),
                model: graph.model,
                inputs: graph.inputs,
                outputs: graph.outputs,
            })
        });
        let kept = Kept { step: step.clone(), told, used: true };
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).insert(key, kept);
        step
    }

    /// The model file at a path, read anew where a text that it is made of has changed.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn model(&self, path: &Path, name: Option<String>, texts: &dyn Reader) -> std::io::Result<ModelFile> {
        let key = (path.to_owned(), name.clone());
        let known = self.models.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        // What is missing may be there now.
        let known = known.filter(|model| !model.sink.has_errors() && model.is_of(texts));
        if let Some(model) = known {
            return Ok(model);
        }
        let model = ModelFile::read(path, name, texts)?;
        self.models.lock().unwrap_or_else(PoisonError::into_inner).insert(key, model.clone());
        Ok(model)
    }

    /// Forgets what has not been asked for since it last forgot something, once there is much of it.
    pub fn tidy(&self) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        if steps.len() > MOST_KEPT {
            steps.retain(|_, kept| std::mem::take(&mut kept.used));
        }
    }
}
