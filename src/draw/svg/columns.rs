//! Takes a folded outline, gives the vertical guides of its picture: the line that everything hangs on, the width of the
//! boxes and of what stands left of them. Measures only; draws nothing.

use super::style::{MONO, bold};
use crate::draw::fold::{Folded, Node};
use crate::draw::labels::{self, Around};
use crate::draw::text::one_line;
use crate::draw::thoughts::Change;
use crate::model::outline::ItemKind;

/// More thoughts than this are drawn as one band.
pub const MOST_LINES: usize = 16;

/// Outside a panel, inside a panel, inside a frame.
pub const MARGIN: f64 = 24.0;
/// Inside a panel, in pixels.
pub const PANEL: f64 = 18.0;
/// Inside a frame, in pixels.
pub const FRAME: f64 = 16.0;
/// Inside a box or a note, left and right.
pub const INSET: f64 = 13.0;
/// Notes: their width, and the way from there to the boxes.
pub const NOTE: f64 = 216.0;
const NOTE_GAP: f64 = 20.0;
/// Left of the rows of an unrolled loop.
pub const GUTTER: f64 = 54.0;
/// How much of a box's width the thoughts fan out over.
const SPREAD: f64 = 0.84;
/// The dots of a tab, at most.
pub const MOST_DOTS: usize = 8;
/// From one dot to the next, in pixels.
pub const DOT: f64 = 11.0;

/// Where everything stands from left to right, in pixels.
pub struct Columns {
    /// Of the whole drawing.
    pub width: f64,
    /// The middle of the boxes and of the tree.
    pub axis: f64,
    /// Of every box.
    pub box_width: f64,
    /// The left edge of the notes, and of whatever is not inside a frame.
    pub left: f64,
    /// How wide the thoughts fan out.
    pub spread: f64,
}

impl Columns {
    /// Columns that hold the widest words of an outline.
    pub fn measure(folded: &Folded) -> Columns {
        let nodes = || folded.parts.iter().flat_map(|part| &part.nodes);
        let leaves = folded.leaves();
        let letters = leaves.iter().map(|leaf| letters(leaf.kind)).max().unwrap_or(0);
        let box_width = (letters as f64 * MONO + 2.0 * INSET).clamp(320.0, 470.0).round();
        let branches = leaves.iter().any(|leaf| Change::of(leaf.kind).is_some());
        let notes = leaves.iter().any(|leaf| labels::note(leaf.kind).is_some());

        // A tab must end before the lines that pass it.
        let lines = if branches { (1.0 - SPREAD) / 2.0 * box_width } else { box_width / 2.0 };
        let tab = nodes().map(|node| widest_tab(node, Around::Section)).fold(0.0, f64::max);
        let beside = (tab + 14.0 - lines).max(if notes { NOTE + NOTE_GAP } else { 0.0 });

        let (outer_left, outer_right) = nodes().map(margins).fold((0.0, 0.0), wider);
        let left = MARGIN + PANEL + outer_left;
        let axis = left + beside + box_width / 2.0;
        let width = axis + box_width / 2.0 + outer_right + PANEL + MARGIN;
        Columns { width, axis, box_width, left, spread: box_width * SPREAD }
    }

    /// The left edge of the boxes.
    pub fn box_left(&self) -> f64 {
        self.axis - self.box_width / 2.0
    }

    /// The right edge of the boxes.
    pub fn box_right(&self) -> f64 {
        self.axis + self.box_width / 2.0
    }

    /// The left and the right edge of boxes in order.
    pub fn boxes(&self) -> (f64, f64) {
        (self.box_left(), self.box_right())
    }

    /// The left and the right edge of what fills a panel.
    pub fn panel(&self) -> (f64, f64) {
        (MARGIN + PANEL, self.width - MARGIN - PANEL)
    }

    /// The middle of thought `at` of `count`; children stand under their parent.
    pub fn lane(&self, at: usize, count: usize) -> f64 {
        self.edge(at as f64 + 0.5, count)
    }

    /// The left end of `count` thoughts.
    pub fn leftmost(&self, count: usize) -> f64 {
        if count > MOST_LINES { self.edge(0.0, count) } else { self.lane(0, count) }
    }

    /// The border between thoughts `at - 1` and `at`.
    pub fn edge(&self, at: f64, count: usize) -> f64 {
        self.axis + (at / count as f64 - 0.5) * self.spread
    }
}

fn letters(kind: &ItemKind) -> usize {
    match kind {
        ItemKind::Update { target, text, .. } => {
            one_line(target).chars().count() + 3 + one_line(text).chars().count()
        }
        _ => 0,
    }
}

/// What a node needs left and right of the boxes and notes in it.
pub fn margins(node: &Node) -> (f64, f64) {
    match node {
        Node::Leaf(_) => (0.0, 0.0),
        Node::Loop(turns) => {
            let (left, right) = turns.body.iter().map(margins).fold((0.0, 0.0), wider);
            (left + FRAME, right + FRAME)
        }
        Node::Steps(rows) => {
            let bodies = rows.iter().flat_map(|row| &row.turns.body);
            let (left, right) = bodies.map(margins).fold((0.0, 0.0), wider);
            (left + FRAME + GUTTER, right + FRAME)
        }
    }
}

fn wider(one: (f64, f64), other: (f64, f64)) -> (f64, f64) {
    (one.0.max(other.0), one.1.max(other.1))
}

fn widest_tab(node: &Node, around: Around) -> f64 {
    let widest =
        |nodes: &[Node], around| nodes.iter().map(|node| widest_tab(node, around)).fold(0.0, f64::max);
    match node {
        Node::Leaf(_) => 0.0,
        Node::Loop(turns) => {
            tab(&labels::times(turns, around), turns.times).max(widest(&turns.body, around.inside(turns)))
        }
        Node::Steps(rows) => {
            let bodies = rows.iter().map(|row| widest(&row.turns.body, around.of_rows().inside(&row.turns)));
            bodies.fold(tab(&labels::steps(rows), 0), f64::max)
        }
    }
}

/// The width of a tab with room for its dots.
pub fn tab(label: &str, dots: usize) -> f64 {
    let dots = if 0 < dots && dots <= MOST_DOTS { dots as f64 * DOT + 6.0 } else { 0.0 };
    (bold(label, 12.0) + dots + 22.0).ceil()
}
