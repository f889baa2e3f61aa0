//! Which outputs of a supervision step somebody wants, and so what is computed. An output's kind is the first part of
//! its name: `state.y`, `predict.logits`, `metric.exact`, `loss.answering`, `halt`, `value.x`.

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
const THOUGHTS: &str = "predict.thought_";

impl Values {
    /// Whether the output `name` is one of them.
    pub fn wants(self, name: &str) -> bool {
        let unread: &[&str] = match self {
            Values::Kept => &[],
            Values::Thoughts => &["value."],
            Values::Dropped => &["value.", THOUGHTS],
            Values::Answers => &["value.", "loss.", "metric.", THOUGHTS],
        };
        !unread.iter().any(|kind| name.starts_with(kind))
    }
}
