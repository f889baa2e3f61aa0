//! Takes nodes of a folded outline, gives the words on them, the same in every format; never cuts or escapes.

use super::fold::{Row, Turns};
use super::text::one_line;
use crate::model::outline::{Extent, ItemKind};

/// What surrounds a loop, gradient-wise.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Around {
    /// No loop.
    Section,
    /// A loop with gradient.
    Gradient,
    /// A loop without gradient.
    NoGradient,
}

impl Around {
    /// What surrounds the body of a loop that stands here.
    pub fn inside(self, turns: &Turns) -> Around {
        if turns.learning == 0 { Around::NoGradient } else { Around::Gradient }
    }

    /// What surrounds the rows of an unrolled loop that stands here; "with gradient" goes without saying there.
    pub fn of_rows(self) -> Around {
        if self == Around::NoGradient { self } else { Around::Gradient }
    }
}

/// `× 3, gradient in the last 1`; says nothing about gradient where the surroundings say it.
pub fn times(turns: &Turns, around: Around) -> String {
    format!("× {}{}", turns.times, gradient(turns, around))
}

/// What there is to say about the gradient of a loop.
pub fn gradient(turns: &Turns, around: Around) -> String {
    let mixed = 0 < turns.learning && turns.learning < turns.times;
    match (around, turns.learning) {
        (_, last) if mixed => format!(", gradient in the last {last}"),
        (Around::NoGradient, _) => String::new(),
        (_, 0) => " · no gradient".to_owned(),
        (Around::Section, _) => " · with gradient".to_owned(),
        (Around::Gradient, _) => String::new(),
    }
}

/// The words on an unrolled loop: how many iterations it has.
pub fn steps(rows: &[Row]) -> String {
    format!("{} iterations, unrolled", rows.iter().map(|row| row.turns.times).sum::<usize>())
}

/// `3`, or `3–5` for a row of several.
pub fn indices(row: &Row) -> String {
    if row.first == row.last { row.first.to_string() } else { format!("{}–{}", row.first, row.last) }
}

/// `branch 8 · pos 97`; nothing about the batch, which everything has.
pub fn axes(axes: &[Extent]) -> String {
    let own = axes.iter().filter(|extent| extent.axis != "batch");
    own.map(|extent| format!("{} {}", extent.axis, extent.size)).collect::<Vec<_>>().join(" · ")
}

/// `halt when halt_logit > 0`, on one line.
pub fn halts(when: Option<&str>) -> String {
    match when {
        Some(when) => format!("halt when {}", one_line(when)),
        None => "halt never".to_owned(),
    }
}

/// `at most 16 steps`.
pub fn at_most(steps: usize) -> String {
    match steps {
        1 => "after 1 step".to_owned(),
        n => format!("at most {n} steps"),
    }
}

/// The words beside a branch, merge, prune or record: what is done, what it changes, and how.
pub struct Note {
    /// What is done to which state.
    pub title: String,
    /// The numbers before and after.
    pub detail: String,
    /// The method, as written.
    pub how: String,
}

/// None for an update, which is a box of its own.
pub fn note(kind: &ItemKind) -> Option<Note> {
    Some(match kind {
        ItemKind::Branch { state, axis, from, to, by, .. } => {
            let word = if by.trim().parse::<usize>().is_ok() { "into" } else { "with" };
            let detail = format!("{from} → {to} along {axis}");
            Note { title: format!("branch {state}"), detail, how: how(word, by) }
        }
        ItemKind::Merge { state, axis, from, to, by, .. } => {
            let how = match from / (*to).max(1) {
                size if *to > 1 && size > 1 => format!("in groups of {size} {}", how("with", by)),
                _ => how("with", by),
            };
            Note { title: format!("merge {state}"), detail: format!("{from} → {to} along {axis}"), how }
        }
        ItemKind::Prune { state, axis, from, to, by } => {
            let detail = format!("keeps {to} of {from} along {axis}");
            Note { title: format!("prune {state}"), detail, how: how("by", by) }
        }
        ItemKind::Record { name, over: None, axes: extents } => {
            Note { title: format!("record {name}"), detail: axes(extents), how: String::new() }
        }
        ItemKind::Record { name, over: Some(over), axes: extents } => {
            Note { title: format!("collect {name}"), detail: axes(extents), how: format!("over {over}") }
        }
        ItemKind::Update { .. } | ItemKind::Repeat { .. } | ItemKind::Iteration { .. } => return None,
    })
}

fn how(word: &str, by: &str) -> String {
    let by = one_line(by);
    if by.is_empty() { by } else { format!("{word} {by}") }
}
