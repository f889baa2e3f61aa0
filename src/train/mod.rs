//! Training and evaluation: takes settings, compiled programs, weights and data; gives better weights, reports and
//! checkpoints. Knows no model: losses, metrics and states are whatever a program's outputs are called.
//!
//! Everything random is a function of the seed, the step and the position in the data, so a resumed run is, on the
//! same machine with the same number of threads, the uninterrupted one bit by bit.
//!
//! Without libtorch (`--no-default-features --features system`) only the settings remain, so that run files can still be
//! checked.

mod appending;
mod arc_test;
pub mod best;
mod by_rating;
mod choose;
pub mod evaluation_folder;
mod event_file;
mod files;
mod final_test;
mod identity;
mod log;
pub mod processor;
mod puzzles;
mod results;
pub mod run_folder;
mod step_metrics;
mod test_time_scaling;
mod transfer;
pub mod used_run;

#[cfg(feature = "torch")]
mod arc;
#[cfg(feature = "torch")]
mod best_of_n;
#[cfg(feature = "torch")]
mod carry;
#[cfg(feature = "torch")]
pub mod checkpoint;
#[cfg(feature = "torch")]
mod clip;
#[cfg(feature = "torch")]
mod columns;
#[cfg(feature = "torch")]
mod ema;
#[cfg(feature = "torch")]
mod error;
#[cfg(feature = "torch")]
mod evaluate;
#[cfg(feature = "torch")]
mod exchange;
#[cfg(feature = "torch")]
mod flat;
#[cfg(feature = "torch")]
mod gradients;
#[cfg(feature = "torch")]
mod halting;
#[cfg(feature = "torch")]
mod latency;
#[cfg(feature = "torch")]
mod measures;
#[cfg(feature = "torch")]
pub mod optimiser;
#[cfg(feature = "torch")]
mod parts;
#[cfg(feature = "torch")]
mod predict;
#[cfg(feature = "torch")]
mod preflight;
#[cfg(feature = "torch")]
pub mod run;
#[cfg(feature = "torch")]
mod saving;
#[cfg(feature = "torch")]
pub mod schedule;
#[cfg(feature = "torch")]
mod step;
#[cfg(feature = "torch")]
mod supervision;
#[cfg(feature = "torch")]
mod thoughts;
#[cfg(feature = "torch")]
mod trainer;
mod vacuous;

pub use crate::run_file::{
    Checkpoints, Choose, Curve, Evaluation, EvaluationWeights, Keep, Length, Optimiser, ParamGroup, Schedule,
    Stop, Tables, TrainConfig,
};
pub use arc_test::{ArcTest, note_identifiers, other_identifiers, saved as saved_arc_test};
pub use by_rating::{RatingSpan, by_rating};
pub use choose::{Candidate, Choice, choose};
pub use event_file::{EventFile, TENSORBOARD};
pub use files::{FileError, write_whole};
pub use final_test::{FinalTest, tested_at};
pub use identity::{About, FOLDER_FORMAT, Identity, Provenance, TestSetHash, TrainingSession, WeightOrigin};
pub use log::{LogError, MetricsKind, MetricsLog, MetricsRecord, total_seconds};
pub use puzzles::{PUZZLES, puzzles_text, write_puzzles};
pub use results::{EXACT, EvaluationReport, PuzzleResult};
pub use step_metrics::{MeanMetrics, MetricsWindow, StepMetrics};
pub use test_time_scaling::{ScalingPoint, ScalingReport, ScalingTally};
pub use transfer::read_init;
pub use vacuous::vacuous_metrics;

#[cfg(feature = "torch")]
pub use arc::{ArcObserver, untrained};
#[cfg(feature = "torch")]
pub use best_of_n::{BestOfN, Valid, best_of_n, first_valid};
#[cfg(feature = "torch")]
pub use carry::{Carry, Fresh};
#[cfg(feature = "torch")]
pub use clip::{clip, joint_norm};
#[cfg(feature = "torch")]
pub use columns::{Batch, Columns};
#[cfg(feature = "torch")]
pub use ema::MovingAverage;
#[cfg(feature = "torch")]
pub use error::TrainError;
#[cfg(feature = "torch")]
pub use evaluate::{AnswerObserver, ObservedAnswer, Protocol, evaluate, evaluate_observed};
#[cfg(feature = "torch")]
pub use halting::{Halting, libtorch_seed};
#[cfg(feature = "torch")]
pub use latency::{Budget, Latency, latency};
#[cfg(feature = "torch")]
pub use measures::{Measures, total_loss};
#[cfg(feature = "torch")]
pub use predict::{Answer, Prediction, predict};
#[cfg(feature = "torch")]
pub use preflight::preflight;
#[cfg(feature = "torch")]
pub use saving::Noted;
#[cfg(feature = "torch")]
pub use supervision::{Graded, SupervisionStep};
#[cfg(feature = "torch")]
pub use thoughts::{Thoughts, Watched, watch};
#[cfg(feature = "torch")]
pub use trainer::{LOADERS, Programs, Trainer};
