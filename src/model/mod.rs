//! The checked model: names, axes and kinds decided, sizes bound, schedule as typed instructions in order.
//! Made by `check` alone; holding a `Model` is the proof that the author made no mistake that a compiler can see.

mod checker;
mod declare;
mod emit;
mod evaluate;
pub mod graph;
mod names;
mod nets;
pub mod outline;
mod print;
mod results;
mod schedule;

pub use checker::check;
pub use evaluate::number::Number;
pub use print::print;

use crate::diagnostic::Diagnostic;
use crate::ir::op::Op;
use crate::ir::{HaltInfo, InputInfo, Mode, State, Weight};
use crate::source::Span;
use crate::types::{Axes, AxisId, Ty};
use indexmap::IndexMap;

/// A result of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Val(pub u32);

/// What a run file or the command line decides: configs, sizes of the data's axes, training or evaluation.
#[derive(Clone, Debug)]
pub struct Bindings {
    /// The model of the file; if None, the one named like the file, else the first.
    pub model: Option<String>,
    pub sets: IndexMap<String, Setting>,
    /// Sizes of axes bound by the data (`batch`, `cell`, `symbol`, `task`).
    pub sizes: IndexMap<String, usize>,
    pub mode: Mode,
}

impl Bindings {
    pub fn new(mode: Mode) -> Bindings {
        Bindings { model: None, sets: IndexMap::new(), sizes: IndexMap::new(), mode }
    }
}

/// A config's value from outside, as written.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    Bool(bool),
    Number(String),
    Word(String),
}

impl Setting {
    /// From the text of `--set name=text`.
    pub fn parse(text: &str) -> Setting {
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
            Setting::Number(text) | Setting::Word(text) => write!(f, "{text}"),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Model {
    pub name: String,
    pub mode: Mode,
    pub configs: Vec<(String, String)>,
    pub axes: Axes,
    /// Axes the model declares, in order.
    pub declared_axes: Vec<AxisId>,
    pub weights: Vec<Weight>,
    pub inputs: Vec<InputInfo>,
    pub states: Vec<State>,
    pub body: Region,
    pub outputs: Vec<Output>,
    pub halt: Option<HaltInfo>,
    pub outline: outline::Outline,
    /// Configs that were set from outside and that nothing read in this mode, with what to tell of each.
    pub unread: Vec<(String, Diagnostic)>,
    _checked: Checked,
}

/// Only this module can make one.
#[derive(Clone, Copy, Debug)]
struct Checked;

#[derive(Clone, Debug)]
pub struct Output {
    pub name: String,
    pub value: Val,
    pub ty: Ty,
}

/// Instructions in order; `Repeat` holds another region.
#[derive(Clone, Debug, Default)]
pub struct Region {
    pub insts: Vec<Inst>,
}

#[derive(Clone, Debug)]
pub struct Inst {
    pub result: Val,
    pub op: Op,
    pub args: Vec<Val>,
    pub ty: Ty,
    /// In the scope of gradient (training, outside iterations without gradient).
    pub gradient: bool,
    pub span: Span,
    /// The author's name for it, with the path of the net it belongs to: `f.layers.0.attention/q`.
    pub name: String,
    pub body: Option<Box<LoopBody>>,
}

/// The body of a `Repeat`: instruction operands are the carried values' starts; values of outer regions are
/// simply named. Results are `Output(k)`: first the carried values, then the recorded ones.
#[derive(Clone, Debug)]
pub struct LoopBody {
    pub carried: Vec<(Val, Ty)>,
    pub region: Region,
    pub next: Vec<Val>,
    pub yields: Vec<(Val, Ty)>,
}
