//! What a compiled supervision step takes and gives: weights, inputs, states, halting. Facts that every stage hands on
//! unchanged; made by the checker, read by the trainer.

use super::op::Init;
use crate::source::Span;
use crate::types::{Dim, Ty};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    Training,
    Evaluation,
}

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
    pub path: String,
    pub role: WeightRole,
    pub shape: Vec<i64>,
    pub axes: Vec<String>,
    pub init: Init,
    pub span: Span,
}

/// A tensor of the data: integers that index an axis (`symbol`, `task`), shape by axis names.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct InputInfo {
    pub name: String,
    pub axes: Vec<String>,
    pub shape: Vec<i64>,
    pub index_of: Option<String>,
    pub role: InputRole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InputRole {
    Input,
    Target,
}

/// A carried state: `shape` includes the batch. Reset inside the program where `fresh` says so.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct StateInfo {
    pub name: String,
    pub axes: Vec<String>,
    pub shape: Vec<i64>,
    /// How many values back the model reads (`y@2` gives 2); 1 for most.
    pub history: usize,
}

/// `halt when …, at most N steps, explore p`; `halt never` gives no rule and one step's maximum.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct HaltInfo {
    pub at_most: usize,
    pub explore: f64,
    /// `halt never`: samples leave only at the maximum.
    pub learned: bool,
}

#[derive(Clone, Debug)]
pub struct Weight {
    pub path: String,
    pub role: WeightRole,
    pub dims: Vec<Dim>,
    pub init: Init,
    pub span: Span,
}

impl Weight {
    pub fn count(&self) -> usize {
        self.dims.iter().map(|dim| dim.size).product()
    }
}

#[derive(Clone, Debug)]
pub struct State {
    pub name: String,
    pub ty: Ty,
    pub history: usize,
    pub span: Span,
}
