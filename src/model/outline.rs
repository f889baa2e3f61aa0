//! The schedule as a person reads it: loops folded, branches and merges visible. Made by `model::check`,
//! read by `explain` and `draw`; carries no tensors and decides nothing.

use crate::source::Span;

/// What one supervision step does, section by section (`encode`, `think`, `decode`, then the losses).
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Outline {
    /// The model's declared name.
    pub model: String,
    /// In the order they run.
    pub sections: Vec<Section>,
    /// What is carried from one supervision step to the next.
    #[serde(default)]
    pub states: Vec<Carried>,
    /// When a sample is done.
    #[serde(default)]
    pub halting: Option<Halting>,
    /// Trained weights by path, with the number of their elements.
    #[serde(default)]
    pub parameters: Vec<(String, usize)>,
}

/// A state: what a step finds and leaves.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Carried {
    /// Its declared name.
    pub name: String,
    /// Its axes between steps, in memory order.
    pub axes: Vec<Extent>,
}

/// The rule by which a sample is done.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Halting {
    /// The condition, as written; none where nothing is learned.
    pub when: Option<String>,
    /// Names that the condition reads.
    pub reads: Vec<String>,
    /// Supervision steps at most.
    pub at_most: usize,
}

/// Among what an item reads: one more step from the new state.
pub const AHEAD: &str = "lookahead";

/// Among what an item reads: a state as it was `steps` supervision steps before.
pub fn ago(state: &str, steps: usize) -> String {
    format!("{state}@{steps}")
}

/// The state of a name made by [`ago`].
pub fn earlier(name: &str) -> Option<&str> {
    Some(name.split_once('@')?.0)
}

/// A part of the supervision step.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Section {
    /// `encode`, `think`, `decode` or `losses`.
    pub name: String,
    /// In the order they run.
    pub items: Vec<Item>,
}

/// A named size of a value after an item, e.g. `branch 8`.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Extent {
    /// The axis as the author wrote it.
    pub axis: String,
    /// In entries.
    pub size: usize,
}

/// A line of the outline.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Whether gradient flows through what is computed here (training).
    pub gradient: bool,
    /// Names in what is computed here, once each, in order; [`AHEAD`] for a step ahead, [`ago`] for earlier states.
    #[serde(default)]
    pub reads: Vec<String>,
    /// Names that get a value here beside the one in `kind`.
    #[serde(default)]
    pub gives: Vec<String>,
    /// Where the author wrote it.
    #[serde(skip, default = "nowhere")]
    pub span: Span,
}

/// Fixtures of outlines have no source.
fn nowhere() -> Span {
    Span::NONE
}

/// What happens at a line of the schedule.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// `repeat`: the same items `times` times. `grad last k` gives two of these, one without and one with gradient.
    Repeat {
        /// How many iterations.
        times: usize,
        /// The items of one iteration.
        items: Vec<Item>,
    },
    /// One iteration of a `repeat i in a..b` whose iterations differ, unrolled.
    Iteration {
        /// The value of the counter.
        index: i64,
        /// How many iterations the loop has.
        of: usize,
        /// The items of this iteration.
        items: Vec<Item>,
    },
    /// `y <- f(y + z)`, `let x = …`, `loss a = …`: `target` gets `text` (the author's words); `nets` are the
    /// declared nets it calls, by path, in order; `axes` of the result.
    Update {
        /// The name that gets the value.
        target: String,
        /// The right side, as written.
        text: String,
        /// Paths of the nets called, in order.
        nets: Vec<String>,
        /// The result's axes in memory order.
        axes: Vec<Extent>,
    },
    /// `branch z with differ(z)`: thoughts `from` → `to`.
    Branch {
        /// The state that is multiplied.
        state: String,
        /// The growing axis.
        axis: String,
        /// Its size before.
        from: usize,
        /// Its size afterwards.
        to: usize,
        /// The method, as written.
        by: String,
        /// Paths of the nets called, in order.
        nets: Vec<String>,
    },
    /// `merge z with combiner(z)`: thoughts `from` → `to` (1, or the number of groups).
    Merge {
        /// The state that is reduced.
        state: String,
        /// The growing axis.
        axis: String,
        /// Its size before.
        from: usize,
        /// Its size afterwards.
        to: usize,
        /// The method, as written.
        by: String,
        /// Paths of the nets called, in order.
        nets: Vec<String>,
    },
    /// `prune z to k by score`: the best `to` of `from` thoughts stay.
    Prune {
        /// The state that is cut.
        state: String,
        /// The growing axis.
        axis: String,
        /// Its size before.
        from: usize,
        /// Its size afterwards.
        to: usize,
        /// What is compared, as written.
        by: String,
    },
    /// `record thoughts = z`; with `over`, `collect answers = y over cycle`, whose `axes` are those of one iteration.
    Record {
        /// The name of the record.
        name: String,
        /// The loop's counter, of `collect` alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        over: Option<String>,
        /// The value's axes in memory order.
        axes: Vec<Extent>,
    },
}
