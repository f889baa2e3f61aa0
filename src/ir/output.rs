//! What leaves a supervision step, by kind and the author's name; printed `state.y`, `loss.answering`, `halt`.

use std::fmt;

/// What an output is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputKind {
    /// A carried state of the next step, `y`, and `y@2` where the program itself gives what lies further back.
    State,
    /// What the author lets the model predict.
    Prediction,
    /// A loss, `[batch]` or one number for all.
    Loss,
    /// A metric, `[batch]` or one number for all.
    Metric,
    /// The halting condition, bool `[batch]`; it has no name.
    Halt,
    /// A value that the schedule names, on request.
    Value,
}

impl OutputKind {
    /// The word before the dot.
    pub fn word(self) -> &'static str {
        match self {
            OutputKind::State => "state",
            OutputKind::Prediction => "predict",
            OutputKind::Loss => "loss",
            OutputKind::Metric => "metric",
            OutputKind::Halt => "halt",
            OutputKind::Value => "value",
        }
    }
}

/// Kind and name of an output.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OutputName {
    /// What it is for.
    pub kind: OutputKind,
    /// The author's name; empty for `halt`.
    pub name: String,
}

impl OutputName {
    /// An output of the author's name.
    pub fn new(kind: OutputKind, name: impl Into<String>) -> OutputName {
        OutputName { kind, name: name.into() }
    }

    /// Whether it is printed as `text`.
    pub fn reads(&self, text: &str) -> bool {
        match text.split_once('.') {
            Some((word, name)) => self.kind.word() == word && self.name == name,
            None => self.name.is_empty() && self.kind.word() == text,
        }
    }
}

impl fmt::Display for OutputName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.kind.word())?;
        if self.name.is_empty() { Ok(()) } else { write!(f, ".{}", self.name) }
    }
}
