//! The settings of a training run: takes what a run file says, gives plain structs with the published defaults; never
//! looks at a model, a data set or a tensor.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything that training needs to know besides the model, its weights and the data.
///
/// The defaults are the published set-up of TRM on Sudoku-Extreme (arXiv:2510.04871, section 5), with a batch of 128.
#[derive(schemars::JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Seed of everything random: the data stream, exploration, noise and dropout.
    #[schemars(extend("x-example" = "7"))]
    pub seed: u64,
    /// Rows of the batch; losses are divided by it.
    #[schemars(extend("x-unit" = "rows", "x-example" = "768"))]
    pub batch: usize,
    /// Rows computed at once; the gradients of the parts of a batch are added up before one update, so that only memory
    /// and rounding change. `None`: as many as fit into memory. Divides the batch.
    #[schemars(extend("x-unit" = "rows", "x-example" = "32"))]
    pub micro_batch: Option<usize>,
    /// Memory that the activations of a training step may take, in GB (10⁹ bytes); `None`: half of what is free on the CPU,
    /// no bound on a GPU. Where a whole batch needs more, what is cheaper is done: the backward pass computes values again
    /// in place of keeping them, or the batch goes in parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-unit" = "GB", "x-example" = "8.0"))]
    pub memory: Option<f64>,
    /// Supervision steps whose losses add up to one update of the weights; the carried state stays detached between
    /// them. Everything that counts steps (`length`, `schedule`, `phases`, `evaluation`, `checkpoints`) counts supervision
    /// steps; the moving average moves with the weights. The last step of a run always updates.
    #[serde(skip_serializing_if = "is_one")]
    #[schemars(extend("x-unit" = "steps", "x-example" = "4"))]
    pub accumulate: u64,
    /// When training is over; also the end of the learning-rate curve.
    #[schemars(extend("x-example" = "epochs(10.0)"))]
    pub length: Length,
    /// The main optimiser, for every `param`.
    #[schemars(extend("x-example" = "(name: \"adamw\", lr: 1e-3)"))]
    pub optimiser: Optimiser,
    /// The optimiser of every `table`.
    #[schemars(extend("x-example" = "(lr: 1e-2)"))]
    pub tables: Tables,
    /// Exceptions for weights chosen by path; the first group that matches a weight wins.
    #[schemars(extend("x-example" = "[(weights: \"halt_head.*\", lr_factor: 0.1)]"))]
    pub groups: Vec<ParamGroup>,
    /// The learning-rate curve, shared by the optimisers and groups, each from its own base.
    #[schemars(extend("x-example" = "(warmup: 100)"))]
    pub schedule: Schedule,
    /// Largest joint L2 norm of the gradients of all `param`s; `None` leaves them as they are.
    #[schemars(extend("x-unit" = "L2 norm", "x-example" = "1.0"))]
    pub clip: Option<f64>,
    /// Rate of the moving average of the `param`s, such as 0.999; `None` keeps no average.
    #[schemars(extend("x-unit" = "share per update", "x-example" = "0.99"))]
    pub ema: Option<f64>,
    /// When and how the model is tested.
    #[schemars(extend("x-example" = "(every: 500)"))]
    pub evaluation: Evaluation,
    /// When the run is saved.
    #[schemars(extend("x-example" = "(every: 500)"))]
    pub checkpoints: Checkpoints,
}

impl Default for TrainConfig {
    fn default() -> TrainConfig {
        TrainConfig {
            seed: 0,
            batch: 128,
            micro_batch: None,
            memory: None,
            accumulate: 1,
            length: Length::Steps(50_000),
            optimiser: Optimiser::default(),
            tables: Tables::default(),
            groups: Vec::new(),
            schedule: Schedule::default(),
            clip: None,
            ema: Some(0.999),
            evaluation: Evaluation::default(),
            checkpoints: Checkpoints::default(),
        }
    }
}

/// A checkpoint of a run that updates at every step says nothing about it, as before there was a choice.
fn is_one(count: &u64) -> bool {
    *count == 1
}

/// How long to train. In RON: `steps(50000)` or `epochs(10)`.
#[derive(schemars::JsonSchema, Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    /// Supervision steps of the whole batch.
    Steps(u64),
    /// Epochs as the reference code counts them: `epochs · training puzzles / batch` supervision steps, whatever
    /// number of examples those steps go through.
    Epochs(f64),
}

impl Length {
    /// Supervision steps in all, at least 1.
    pub fn steps(self, train_examples: usize, batch: usize) -> u64 {
        match self {
            Length::Steps(steps) => steps.max(1),
            Length::Epochs(epochs) => ((epochs * train_examples as f64 / batch.max(1) as f64) as u64).max(1),
        }
    }
}

/// The main optimiser: its name and its numbers.
#[derive(schemars::JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Optimiser {
    /// `adamw`, `adam_atan2`, `muon` or `sgd`.
    #[schemars(extend("x-example" = "\"adamw\""))]
    pub name: String,
    /// Base learning rate.
    #[schemars(extend("x-unit" = "per step", "x-example" = "1e-3"))]
    pub lr: f64,
    /// Weight decay: decoupled (times the learning rate) in `adamw` and `adam_atan2`, added to the gradient in `sgd`.
    #[schemars(extend("x-unit" = "per step, times lr", "x-example" = "0.1"))]
    pub weight_decay: f64,
    /// Numbers of this optimiser alone: `beta1`, `beta2` of `adamw` and `adam_atan2`, `eps` of `adamw`, `momentum`, `dampening`
    /// and `nesterov` (0 or 1) of `sgd`, and those of `muon` (docs/runs.md); those not named keep their defaults.
    #[schemars(extend("x-example" = "{ \"beta2\": 0.999 }"))]
    pub options: BTreeMap<String, f64>,
}

impl Default for Optimiser {
    fn default() -> Optimiser {
        Optimiser { name: "adam_atan2".to_owned(), lr: 1e-4, weight_decay: 1.0, options: BTreeMap::new() }
    }
}

/// Sparse sign descent on the rows of tables that a batch uses.
#[derive(schemars::JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tables {
    /// Base learning rate.
    #[schemars(extend("x-unit" = "per step", "x-example" = "1e-2"))]
    pub lr: f64,
    /// Decay of the rows in use.
    #[schemars(extend("x-unit" = "per step, times lr", "x-example" = "0.1"))]
    pub weight_decay: f64,
}

impl Default for Tables {
    fn default() -> Tables {
        Tables { lr: 1e-4, weight_decay: 1.0 }
    }
}

/// Exceptions for some weights. In RON: `(weights: "f.*", lr: Some(1e-5))`.
#[derive(schemars::JsonSchema, Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParamGroup {
    /// Which paths: `*` stands for any text, dots included, and `?` for one character. `params` and tables alike.
    #[schemars(extend("x-example" = "\"f.*\""))]
    pub weights: String,
    /// Base learning rate in place of the optimiser's.
    #[serde(default)]
    #[schemars(extend("x-unit" = "per step", "x-example" = "1e-5"))]
    pub lr: Option<f64>,
    /// Factor on the optimiser's base learning rate; not together with `lr`.
    #[serde(default)]
    #[schemars(extend("x-unit" = "factor", "x-example" = "0.1"))]
    pub lr_factor: Option<f64>,
    /// Weight decay in place of the optimiser's.
    #[serde(default)]
    #[schemars(extend("x-unit" = "per step, times lr", "x-example" = "0.0"))]
    pub weight_decay: Option<f64>,
    /// Whether these weights stay as they are.
    #[serde(default)]
    #[schemars(extend("x-example" = "true"))]
    pub frozen: bool,
}

/// Linear warm-up, then a curve down to `floor` times the base.
#[derive(schemars::JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// Steps of warm-up.
    #[schemars(extend("x-unit" = "steps", "x-example" = "100"))]
    pub warmup: u64,
    /// Last learning rate over base; 1 keeps it constant.
    #[schemars(extend("x-unit" = "share of the base", "x-example" = "0.1"))]
    pub floor: f64,
    /// How it falls after the warm-up.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(extend("default" = "cosine", "x-example" = "linear"))]
    pub curve: Curve,
    /// With `curve: warmup_stable_decay`: the share of the run, at its end, in which the learning rate falls.
    #[serde(skip_serializing_if = "is_usual_decay")]
    #[schemars(extend("default" = 0.2, "x-unit" = "share of the run", "x-example" = "0.1"))]
    pub decay: f64,
}

/// Decay of `warmup_stable_decay` in a run file that says none.
const USUAL_DECAY: f64 = 0.2;

/// A checkpoint of a run with the usual curve says nothing about it, as before there was a choice.
fn is_default(curve: &Curve) -> bool {
    *curve == Curve::default()
}

fn is_usual_decay(decay: &f64) -> bool {
    *decay == USUAL_DECAY
}

impl Default for Schedule {
    fn default() -> Schedule {
        Schedule { warmup: 2000, floor: 1.0, curve: Curve::default(), decay: USUAL_DECAY }
    }
}

/// How the learning rate falls after the warm-up.
#[derive(schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Curve {
    /// It stays, whatever `floor` is.
    Constant,
    /// In a straight line.
    Linear,
    /// As a half cosine.
    #[default]
    Cosine,
    /// It stays, and falls in a straight line at the end (WSD, arXiv:2404.06395).
    WarmupStableDecay,
}

/// When and how the model is tested.
#[derive(schemars::JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Evaluation {
    /// Training steps between evaluations; `None`: only when asked.
    #[schemars(extend("x-unit" = "steps", "x-example" = "500"))]
    pub every: Option<u64>,
    /// Training ends early once so many tests in a row are no better than the best before them (see `checkpoints.keep.by`);
    /// `None`: never.
    #[schemars(extend("x-unit" = "tests", "x-example" = "5"))]
    pub patience: Option<u64>,
    /// Only the first so many test examples; `None`: all.
    #[schemars(extend("x-unit" = "examples", "x-example" = "100"))]
    pub examples: Option<usize>,
    /// Which weights are tested.
    #[schemars(extend("x-example" = "trained"))]
    pub weights: EvaluationWeights,
    /// When an example is done.
    #[schemars(extend("x-example" = "halting"))]
    pub stop: Stop,
    /// Supervision steps at most; `None`: as many as the model's `halt … at most`.
    #[schemars(extend("x-unit" = "steps", "x-example" = "32"))]
    pub steps: Option<usize>,
    /// With `stop: halting`: steps that every example does at least.
    #[schemars(extend("x-unit" = "steps", "x-example" = "2"))]
    pub min_steps: usize,
    /// With `stop: halting`: an example is done when the model's `predict.confidence` exceeds this number, such as 0.9,
    /// instead of when its halting condition holds.
    #[schemars(extend("x-unit" = "probability", "x-example" = "0.9"))]
    pub threshold: Option<f64>,
    /// While training goes on, at most so many test examples, evenly spaced; the evaluation at the end takes all.
    /// `None`: always all.
    #[schemars(extend("x-unit" = "examples", "x-example" = "None"))]
    pub during_training: Option<usize>,
    /// Answers to each view of an example, each with noise of its own.
    #[schemars(extend("x-unit" = "answers", "x-example" = "16"))]
    pub rollouts: usize,
    /// Symmetric views under which each example is answered, the example as it is being the first.
    #[schemars(extend("x-unit" = "views", "x-example" = "8"))]
    pub views: usize,
    /// Which of the answers of all rollouts and views counts.
    #[schemars(extend("x-example" = "vote"))]
    pub choose: Choose,
}

/// Which of several answers to one question is believed.
#[derive(schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choose {
    /// The one with the highest `predict.confidence`, the halting head's probability in TRM (PTRM, arXiv:2605.19943).
    #[default]
    Confidence,
    /// The one whose states changed least in the last step.
    Residual,
    /// The whole answer given most often; ties by mean confidence.
    #[serde(rename = "vote")]
    MajorityVote,
}

impl Choose {
    /// The name that run files use.
    pub fn name(self) -> &'static str {
        match self {
            Choose::Confidence => "confidence",
            Choose::Residual => "residual",
            Choose::MajorityVote => "vote",
        }
    }
}

impl Default for Evaluation {
    fn default() -> Evaluation {
        Evaluation {
            every: Some(5000),
            patience: None,
            examples: None,
            weights: EvaluationWeights::Average,
            stop: Stop::AllSteps,
            steps: None,
            min_steps: 1,
            threshold: None,
            during_training: Some(1000),
            rollouts: 1,
            views: 1,
            choose: Choose::Confidence,
        }
    }
}

/// Which weights are tested.
#[derive(schemars::JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvaluationWeights {
    /// The moving average, where the run keeps one.
    Average,
    /// The weights as trained.
    Trained,
}

/// When an example is done in evaluation.
#[derive(schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// After all steps, as the reference code does.
    #[default]
    AllSteps,
    /// At the first step at which the model's halting condition holds; its answer of that step counts.
    Halting,
}

/// When the run is saved. In RON: `(every: 1000, keep: (best: 3, by: "exact"))`.
#[derive(schemars::JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Checkpoints {
    /// Training steps between checkpoints; `None`: only when asked and at the end.
    #[schemars(extend("x-unit" = "steps", "x-example" = "500"))]
    pub every: Option<u64>,
    /// Weights that are kept beside the last checkpoint.
    #[schemars(extend("x-example" = "(best: 3, by: \"exact\")"))]
    pub keep: Keep,
}

impl Default for Checkpoints {
    fn default() -> Checkpoints {
        Checkpoints { every: Some(1000), keep: Keep::default() }
    }
}

/// Which weights are kept beside those of the last checkpoint.
#[derive(schemars::JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keep {
    /// Of so many best tests; of equals the earlier counts as the better.
    #[schemars(extend("x-unit" = "tests", "x-example" = "3"))]
    pub best: usize,
    /// The metric that makes a test the best one, or `loss.NAME`, of which less is better; `None`: `exact`, or the first
    /// metric that the model has. Also decides when `evaluation.patience` is at its end.
    #[schemars(extend("x-example" = "\"loss.answering\""))]
    pub by: Option<String>,
}

impl Default for Keep {
    fn default() -> Keep {
        Keep { best: 1, by: None }
    }
}
