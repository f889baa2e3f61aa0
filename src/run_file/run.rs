//! The fields of a run file: takes RON through `serde`, gives the model, the data and the settings of training; never
//! opens what they name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::config_value::ConfigValue;
use super::training::{
    Checkpoints, Evaluation, Length, Optimiser, ParamGroup, Schedule, Tables, TrainConfig,
};
use crate::data::DataSpec;

/// Everything that a run file says. Fields that it leaves out have the published defaults of `TrainConfig`.
#[derive(schemars::JsonSchema, Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The file of the model; a relative path starts at the run file's folder.
    #[schemars(extend("x-unit" = "path", "x-example" = "\"my-model.tot\""))]
    pub model: PathBuf,
    /// Which model of the file; by default the one named like the file, else its first.
    #[serde(default)]
    #[schemars(extend("x-example" = "\"TreeTrm\""))]
    pub name: Option<String>,
    /// Values for configs of the model.
    #[serde(default)]
    #[schemars(extend("x-example" = "{ \"hidden\": 128, \"mixing\": \"mlp\" }"))]
    pub set: BTreeMap<String, ConfigValue>,
    /// Other values from some step on, such as deeper recursion later in training.
    #[serde(default)]
    #[schemars(extend("x-example" = "[(from: progress(0.3), set: { \"T\": 4 })]"))]
    pub phases: Vec<Phase>,
    /// Other values where the model is tested or used.
    #[serde(default)]
    #[schemars(extend("x-example" = "{ \"explore\": 0 }"))]
    pub set_in_evaluation: BTreeMap<String, ConfigValue>,
    /// The data set; relative paths in it start at the run file's folder.
    #[schemars(extend("x-example" = "sudoku(side: 4, train: 64, test: 32)"))]
    pub data: DataSpec,
    /// Weights of another model to start from; what they do not have starts fresh.
    #[serde(default)]
    #[schemars(extend("x-example" = "(from: \"runs/trm\")"))]
    pub init: Option<Start>,
    /// The number format of matrices and activations.
    #[serde(default)]
    #[schemars(extend("x-example" = "bfloat16"))]
    pub precision: Precision,
    /// The folder for checkpoints and metrics; starts at the current folder. By default `runs/NAME-OF-THE-RUN-FILE`.
    #[serde(default)]
    #[schemars(extend("x-unit" = "path", "x-example" = "\"runs/first\""))]
    pub out: Option<PathBuf>,
    /// See `TrainConfig`, as for all fields below.
    #[serde(default = "published::seed")]
    pub seed: u64,
    /// Rows of the batch; see [`TrainConfig::batch`].
    #[serde(default = "published::batch")]
    pub batch: usize,
    /// Rows computed at once; see [`TrainConfig::micro_batch`].
    #[serde(default)]
    pub micro_batch: Option<usize>,
    /// GB for activations; see [`TrainConfig::memory`].
    #[serde(default)]
    pub memory: Option<f64>,
    /// Steps to one update; see [`TrainConfig::accumulate`].
    #[serde(default = "published::accumulate")]
    pub accumulate: u64,
    /// When training is over.
    #[serde(default = "published::length")]
    pub length: Length,
    /// The optimiser of every `param`.
    #[serde(default = "published::optimiser")]
    pub optimiser: Optimiser,
    /// The optimiser of every `table`.
    #[serde(default = "published::tables")]
    pub tables: Tables,
    /// Param groups: exceptions for weights chosen by path.
    #[serde(default = "published::groups")]
    pub groups: Vec<ParamGroup>,
    /// The learning-rate curve.
    #[serde(default = "published::schedule")]
    pub schedule: Schedule,
    /// Largest joint L2 norm of the gradients.
    #[serde(default = "published::clip")]
    pub clip: Option<f64>,
    /// Rate of the moving average of the weights.
    #[serde(default = "published::ema")]
    pub ema: Option<f64>,
    /// When and how the model is tested.
    #[serde(default = "published::evaluation")]
    pub evaluation: Evaluation,
    /// When the run is saved.
    #[serde(default = "published::checkpoints")]
    pub checkpoints: Checkpoints,
    /// Steps of the whole run, once the data is known; no field of the file.
    #[serde(skip)]
    pub steps_in_all: Option<u64>,
}

/// Values for configs from a step on, beside those of `set` and of the phases before. In RON:
/// `(from: 10_000, set: { "T": 4 })`, or `(from: progress(0.3), set: { "T": 4 })`.
#[derive(schemars::JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// What has been done before it begins.
    #[schemars(extend("x-unit" = "steps, or share of the run", "x-example" = "10_000"))]
    pub from: Begin,
    /// The configs with their values from then on.
    #[schemars(extend("x-example" = "{ \"T\": 4 }"))]
    pub set: BTreeMap<String, ConfigValue>,
}

/// Weights of another model, or of a published checkpoint, that a run starts from. In RON: `(from: "runs/trm", lr: 1e-5)`.
#[derive(schemars::JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// A weight file, or the folder of a run (its averaged weights, where it has them); starts at the current folder, as
    /// `out` does.
    #[schemars(extend("x-unit" = "path", "x-example" = "\"runs/trm\""))]
    pub from: PathBuf,
    /// A name map for a checkpoint of other code; by default the shipped one that fits.
    #[serde(default)]
    #[schemars(extend("x-unit" = "path", "x-example" = "\"names.ron\""))]
    pub map: Option<PathBuf>,
    /// Paths of this model to those of the source, where they differ: `{ "high.*": "f.*" }`.
    #[serde(default)]
    #[schemars(extend("x-example" = "{ \"high.*\": \"f.*\" }"))]
    pub names: BTreeMap<String, String>,
    /// Weights that start fresh although the source has them: `["halt_head.*"]`.
    #[serde(default)]
    #[schemars(extend("x-example" = "[\"halt_head.*\"]"))]
    pub fresh: Vec<String>,
    /// Turn bfloat16, float16 and float64 of the source into float32; otherwise they are refused.
    #[serde(default)]
    #[schemars(extend("x-example" = "true"))]
    pub convert: bool,
    /// Whether the `param`s that come from the source stay as they are. Tables learn on.
    #[serde(default)]
    #[schemars(extend("x-example" = "true"))]
    pub frozen: bool,
    /// Base learning rate of the `param`s that come from the source.
    #[serde(default)]
    #[schemars(extend("x-unit" = "per step", "x-example" = "1e-5"))]
    pub lr: Option<f64>,
    /// The same as a factor on the optimiser's; not together with `lr`.
    #[serde(default)]
    #[schemars(extend("x-unit" = "factor", "x-example" = "0.1"))]
    pub lr_factor: Option<f64>,
}

/// When a phase begins.
#[derive(schemars::JsonSchema, Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected the steps done before the phase begins, such as `10_000`, or a share of the \
                               training, such as `progress(0.3)`"
)]
pub enum Begin {
    /// After so many steps.
    Steps(u64),
    /// After a share of all steps of the run.
    Share(Share),
}

/// A share of a whole run.
#[derive(schemars::JsonSchema, Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// From 0 to 1, as in `progress(0.3)`.
    Progress(f64),
}

impl Begin {
    /// Steps done before it begins, in a run of `total`: the first step at which the share is reached.
    pub fn steps(self, total: u64) -> u64 {
        match self {
            Begin::Steps(steps) => steps,
            // 0.3 · 10 must not become 4 by rounding.
            Begin::Share(Share::Progress(share)) => (share * total as f64 - 1e-9).ceil().max(0.0) as u64,
        }
    }
}

/// The number format of matrices and activations; what needs more is widened by the compiler.
#[derive(schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32 bits.
    #[default]
    Float32,
    /// The upper 16 bits of float32.
    Bfloat16,
}

impl From<Precision> for crate::types::Precision {
    fn from(precision: Precision) -> crate::types::Precision {
        match precision {
            Precision::Float32 => crate::types::Precision::Float32,
            Precision::Bfloat16 => crate::types::Precision::BFloat16,
        }
    }
}

impl Precision {
    /// The name that run files use.
    pub fn name(self) -> &'static str {
        match self {
            Precision::Float32 => "float32",
            Precision::Bfloat16 => "bfloat16",
        }
    }
}

impl Run {
    /// The configs with which the model is trained once `steps` steps have been done.
    pub fn training_configs(&self, steps: u64) -> BTreeMap<String, ConfigValue> {
        let mut settings = self.set.clone();
        for phase in self.phases.iter().filter(|phase| self.begins(phase).is_some_and(|from| from <= steps)) {
            settings.extend(phase.set.clone());
        }
        settings
    }

    /// The configs with which the model is tested once `steps` steps have been done.
    pub fn evaluation_configs(&self, steps: u64) -> BTreeMap<String, ConfigValue> {
        let mut settings = self.training_configs(steps);
        settings.extend(self.set_in_evaluation.clone());
        settings
    }

    /// The phase that begins next once `steps` steps have been done, in steps.
    pub fn next_phase(&self, steps: u64) -> Option<u64> {
        self.phases.iter().filter_map(|phase| self.begins(phase)).filter(|from| *from > steps).min()
    }

    /// Steps done before a phase begins; None for a share of a run whose length is not known yet.
    pub fn begins(&self, phase: &Phase) -> Option<u64> {
        match phase.from {
            Begin::Steps(steps) => Some(steps),
            Begin::Share(_) => self.steps_in_all.map(|total| phase.from.steps(total)),
        }
    }

    /// The part that the trainer reads.
    pub fn train_config(&self) -> TrainConfig {
        TrainConfig {
            seed: self.seed,
            batch: self.batch,
            micro_batch: self.micro_batch,
            memory: self.memory,
            accumulate: self.accumulate,
            length: self.length,
            optimiser: self.optimiser.clone(),
            tables: self.tables.clone(),
            groups: self.groups.clone(),
            schedule: self.schedule.clone(),
            clip: self.clip,
            ema: self.ema,
            evaluation: self.evaluation.clone(),
            checkpoints: self.checkpoints.clone(),
        }
    }
}

/// `TrainConfig::default()`, field by field, as `serde` wants it.
mod published {
    use super::*;

    macro_rules! fields {
        ($($name:ident: $type:ty,)*) => {
            $(pub fn $name() -> $type { TrainConfig::default().$name })*
        };
    }

    fields! {
        seed: u64,
        batch: usize,
        accumulate: u64,
        length: Length,
        optimiser: Optimiser,
        tables: Tables,
        groups: Vec<ParamGroup>,
        schedule: Schedule,
        clip: Option<f64>,
        ema: Option<f64>,
        evaluation: Evaluation,
        checkpoints: Checkpoints,
    }
}
