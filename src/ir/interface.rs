//! What a compiled supervision step takes and gives: weights, inputs, states, halting. Facts that every stage hands on
//! unchanged; made by the checker, read by the trainer.

use super::op::Init;
use crate::source::Span;
use crate::types::{Dim, Ty};

/// What a step is compiled for; each mode is a graph of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// With losses and gradient.
    Training,
    /// With predictions and metrics, nothing recorded for gradient.
    Evaluation,
}

/// How a weight takes part in training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightRole {
    /// Learned by the main optimiser, decayed, clipped, averaged.
    Param,
    /// A constant of the checkpoint: never learned, decayed or averaged.
    Buffer,
    /// An embedding table with sparse updates of its own (sign descent on the rows in use).
    Table,
}

/// A weight, keyed by its declared path, e.g. `f.layers.0.attention.qkv.weight`.
#[derive(Clone, Debug)]
pub struct WeightInfo {
    /// The declared path, with the names of the nets around it.
    pub path: String,
    /// How it takes part in training.
    pub role: WeightRole,
    /// Sizes in memory order, outermost first.
    pub shape: Vec<i64>,
    /// Names of the axes, in the order of `shape`.
    pub axes: Vec<String>,
    /// As [`Weight::outputs`].
    pub outputs: usize,
    /// How it begins where no checkpoint is read.
    pub init: Init,
    /// Where it is declared.
    pub span: Span,
}

/// A gradient that a training step gives, of the mean over the batch of the sum of all losses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gradient {
    /// The declared path of the weight.
    pub path: String,
    /// Of one lookup in a table: the indices looked up are a result of their own, before the gradients of their rows.
    pub rows: bool,
}

impl Gradient {
    /// How many results of the step it is.
    pub fn results(&self) -> usize {
        1 + usize::from(self.rows)
    }
}

/// A tensor of the data: integers that index an axis (`symbol`, `task`), shape by axis names.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct InputInfo {
    /// As the model and the data set call it.
    pub name: String,
    /// Names of the axes in memory order, the batch included.
    pub axes: Vec<String>,
    /// Sizes in the order of `axes`.
    pub shape: Vec<i64>,
    /// The axis whose entries the integers name; None of plain ones.
    pub index_of: Option<String>,
    /// Whether the model may read it before it answers.
    pub role: InputRole,
}

/// What a tensor of the data is to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InputRole {
    /// Given: read in every mode.
    Input,
    /// Wanted: read by losses and metrics alone.
    Target,
}

/// A carried state: `shape` includes the batch. Reset inside the program where `fresh` says so.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct StateInfo {
    /// As declared.
    pub name: String,
    /// Names of the axes in memory order.
    pub axes: Vec<String>,
    /// Sizes in the order of `axes`.
    pub shape: Vec<i64>,
    /// How many values back the model reads (`y@2` gives 2); 1 for most.
    pub history: usize,
}

/// `halt when …, at most N steps, explore p`; `halt never` gives no rule and one step's maximum.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct HaltInfo {
    /// The most supervision steps that one sample gets.
    pub at_most: usize,
    /// The probability with which a training sample is made to go on exploring (ACT's ε).
    pub explore: f64,
    /// `halt never`: samples leave only at the maximum.
    pub learned: bool,
}

/// A declared weight with its axes by id.
#[derive(Clone, Debug)]
pub struct Weight {
    /// As [`WeightInfo::path`].
    pub path: String,
    /// How it takes part in training.
    pub role: WeightRole,
    /// Its axes and sizes in memory order.
    pub dims: Vec<Dim>,
    /// So many of the first axes are what a `Linear` makes of the others: the rows of a matrix. 0 where it is no such matrix.
    pub outputs: usize,
    /// How it begins.
    pub init: Init,
    /// Where it is declared.
    pub span: Span,
}

impl Weight {
    /// The number of elements.
    pub fn count(&self) -> usize {
        self.dims.iter().map(|dim| dim.size).product()
    }
}

/// A carried state with its axes by id.
#[derive(Clone, Debug)]
pub struct State {
    /// As declared.
    pub name: String,
    /// Its type, the batch included.
    pub ty: Ty,
    /// How many supervision steps back the model reads it; at least 1.
    pub history: usize,
    /// Where it is declared.
    pub span: Span,
}
