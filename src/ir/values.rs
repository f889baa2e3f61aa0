//! Which outputs of a supervision step somebody wants, and so what is computed.

use super::{OutputKind, OutputName};

/// Which outputs a program has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Every named value of the schedule too (`value.x`), as `trace` wants.
    Kept,
    /// Also the predictions that show how a model thinks (`predict thought_…`), as `report` wants.
    Thoughts,
    /// Only what training and evaluation read.
    Dropped,
    /// Only what answers need: predictions, the halting condition and the states of the next step.
    Answers,
}

/// Predictions that show how a model thinks, not what it answers; only a report reads them.
const THOUGHTS: &str = "thought_";

impl Values {
    /// Whether an output is one of them.
    pub fn wants(self, output: &OutputName) -> bool {
        let thought = output.kind == OutputKind::Prediction && output.name.starts_with(THOUGHTS);
        let unread: &[OutputKind] = match self {
            Values::Kept => return true,
            Values::Thoughts => return output.kind != OutputKind::Value,
            Values::Dropped => &[OutputKind::Value],
            Values::Answers => &[OutputKind::Value, OutputKind::Loss, OutputKind::Metric],
        };
        !thought && !unread.contains(&output.kind)
    }
}
