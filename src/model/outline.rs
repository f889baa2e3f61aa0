//! The schedule as a person reads it: loops folded, branches and merges visible. Made by `model::check`,
//! read by `explain` and `draw`; carries no tensors and decides nothing.

use crate::source::Span;

/// What one supervision step does, section by section (`encode`, `think`, `decode`, then the losses).
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Outline {
    pub model: String,
    pub sections: Vec<Section>,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Section {
    pub name: String,
    pub items: Vec<Item>,
}

/// A named size of a value after an item, e.g. `branch 8`.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Extent {
    pub axis: String,
    pub size: usize,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Item {
    pub kind: ItemKind,
    /// Whether gradient flows through what is computed here (training).
    pub gradient: bool,
    #[serde(skip, default = "nowhere")]
    pub span: Span,
}

/// Fixtures of outlines have no source.
fn nowhere() -> Span {
    Span::NONE
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// `repeat`: the same items `times` times. `grad last k` gives two of these, one without and one with gradient.
    Repeat {
        times: usize,
        items: Vec<Item>,
    },
    /// One iteration of a `repeat i in a..b` whose iterations differ, unrolled.
    Iteration {
        index: i64,
        of: usize,
        items: Vec<Item>,
    },
    /// `y <- f(y + z)`, `let x = …`, `loss a = …`: `target` gets `text` (the author's words); `nets` are the
    /// declared nets it calls, by path, in order; `axes` of the result.
    Update {
        target: String,
        text: String,
        nets: Vec<String>,
        axes: Vec<Extent>,
    },
    /// `branch z with differ(z)`: thoughts `from` → `to`.
    Branch {
        state: String,
        axis: String,
        from: usize,
        to: usize,
        by: String,
        nets: Vec<String>,
    },
    /// `merge z with combiner(z)`: thoughts `from` → `to` (1, or the number of groups).
    Merge {
        state: String,
        axis: String,
        from: usize,
        to: usize,
        by: String,
        nets: Vec<String>,
    },
    Prune {
        state: String,
        axis: String,
        from: usize,
        to: usize,
        by: String,
    },
    /// `record thoughts = z`; with `over`, `collect answers = y over cycle`, whose `axes` are those of one iteration.
    Record {
        name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        over: Option<String>,
        axes: Vec<Extent>,
    },
}
