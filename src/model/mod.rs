//! The checked model: names, axes and kinds decided, sizes bound, schedule as typed instructions in order.
//! Made by `check` alone; holding a `Model` is the proof that the author made no mistake that a compiler can see.

mod checker;
mod complaints;
mod declare;
mod emit;
mod evaluate;
mod names;
mod nets;
pub mod notes;
mod noting;
pub mod outline;
mod print;
mod results;
mod schedule;
mod words;

pub use checker::check;
pub use evaluate::call::built_in;
pub use evaluate::number::Number;
pub use names::inherit::{declarations, wanted_model};
pub use print::print;

use crate::diagnostic::Diagnostic;
pub(in crate::model) use crate::ir::Val;
use crate::ir::{Graph, Mode, OutputName, Recompute};
use crate::types::{AxisId, Precision};
use indexmap::IndexMap;
use std::collections::BTreeSet;

/// What a run file or the command line decides: configs, sizes of the data's axes, training or evaluation.
#[derive(Clone, Debug)]
pub struct Bindings {
    /// The model of the file; if None, the one named like the file, else the first.
    pub model: Option<String>,
    /// Configs set from outside, by name.
    pub sets: IndexMap<String, Setting>,
    /// Sizes of axes bound by the data (`batch`, `cell`, `symbol`, `task`).
    pub sizes: IndexMap<String, usize>,
    /// Training or evaluation.
    pub mode: Mode,
    /// What `float` is.
    pub precision: Precision,
    /// What the backward pass computes again rather than keep.
    pub recompute: Recompute,
    /// Paths of `param`s that stay as they are, so that no gradient is computed for them.
    pub frozen: BTreeSet<String>,
    /// Where to note what each name is; None notes nothing.
    pub notes: Option<notes::Table>,
}

impl Bindings {
    /// Nothing set: float32, the file's own model, stand-ins for sizes of the data.
    pub fn new(mode: Mode) -> Bindings {
        Bindings {
            model: None,
            sets: IndexMap::new(),
            sizes: IndexMap::new(),
            mode,
            precision: Precision::default(),
            recompute: Recompute::default(),
            frozen: BTreeSet::new(),
            notes: None,
        }
    }

    /// Whether a check gives the same model with these as with `other`; where names are to be noted, it is to be done again.
    pub fn gives_the_same_as(&self, other: &Bindings) -> bool {
        let Bindings { model, sets, sizes, mode, precision, recompute, frozen, notes } = self;
        notes.is_none()
            && other.notes.is_none()
            && (model, mode, precision) == (&other.model, &other.mode, &other.precision)
            && (sets, sizes) == (&other.sets, &other.sizes)
            && (recompute, frozen) == (&other.recompute, &other.frozen)
    }
}

/// A config's value from outside, as written.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// `true` or `false`.
    Bool(bool),
    /// Digits as written, so that fractions stay exact.
    Number(String),
    /// A list of numbers, each as written.
    Numbers(Vec<String>),
    /// Any other text: a choice.
    Word(String),
}

impl Setting {
    /// From the text of `--set name=text`.
    pub fn parse(text: &str) -> Setting {
        let inside = text.trim().strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        if let Some(inside) = inside {
            let entries: Vec<String> = inside
                .split(',')
                .map(|entry| entry.trim().to_owned())
                .filter(|entry| !entry.is_empty())
                .collect();
            if entries.iter().all(|entry| entry.parse::<f64>().is_ok()) {
                return Setting::Numbers(entries);
            }
        }
        match text {
            "true" => Setting::Bool(true),
            "false" => Setting::Bool(false),
            _ if text.parse::<f64>().is_ok() => Setting::Number(text.to_owned()),
            _ => Setting::Word(text.trim_matches('"').to_owned()),
        }
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Setting::Bool(value) => write!(f, "{value}"),
            Setting::Numbers(entries) => write!(f, "[{}]", entries.join(", ")),
            Setting::Number(text) | Setting::Word(text) => write!(f, "{text}"),
        }
    }
}

/// A model without a mistake that a compiler can see, for one mode, one batch and one choice of its configs.
#[derive(Clone, Debug)]
pub struct Model {
    /// The value of every config, as text.
    pub configs: Vec<(String, String)>,
    /// Axes the model declares, in order.
    pub declared_axes: Vec<AxisId>,
    /// The schedule as a person reads it.
    pub outline: outline::Outline,
    /// One supervision step, as it is written.
    pub graph: Graph,
    /// Configs that were set from outside and that nothing read in this mode, with what to tell of each.
    pub unread: Vec<(String, Diagnostic)>,
    _checked: Checked,
}

/// Only this module can make one.
#[derive(Clone, Copy, Debug)]
struct Checked;

/// A result of the step in the making.
#[derive(Clone, Debug)]
struct Output {
    name: OutputName,
    value: Val,
}
