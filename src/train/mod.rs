//! Training and evaluation: takes settings, compiled programs, weights and data; gives better weights, reports and
//! checkpoints. Knows no model: losses, metrics and states are whatever a program's outputs are called.
//!
//! Everything random is a function of the seed, the step and the position in the data, so a resumed run is, on the
//! same machine with the same number of threads, the uninterrupted one bit by bit.

mod carry;
pub mod checkpoint;
mod clip;
mod columns;
mod config;
mod ema;
mod error;
mod evaluate;
mod halting;
mod measures;
pub mod optimiser;
mod predict;
mod saving;
pub mod schedule;
mod step;
mod suggest;
mod supervision;
mod trainer;

pub use carry::{Carry, Fresh};
pub use clip::{clip, joint_norm};
pub use columns::{Batch, Columns};
pub use config::*;
pub use ema::MovingAverage;
pub use error::TrainError;
pub use evaluate::{EvaluationReport, Protocol, evaluate};
pub use halting::Halting;
pub use measures::Measures;
pub use predict::{Answer, Prediction, predict};
pub use step::StepReport;
pub use supervision::SupervisionStep;
pub use trainer::{Programs, Trainer};
