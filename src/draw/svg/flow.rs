//! Takes the sections of a folded outline, draws them from top to bottom: boxes on the middle line, notes left of them,
//! frames around loops, and the lines of thought through all of it. Never measures words; `card` does.

use super::canvas::{Canvas, Layer, Rect, px};
use super::card::{self, Card};
use super::columns::{self, Columns, DOT, FRAME, GUTTER, MARGIN, MOST_DOTS, PANEL};
use super::lanes::{self, End, Turn};
use super::style::{Palette, thought};
use crate::draw::fold::{Folded, Leaf, Node, Part, Row, Turns};
use crate::draw::labels::{self, Around};
use crate::draw::text::{cut, one_line};
use crate::draw::thoughts::Thoughts;
use crate::model::outline::ItemKind;

/// Between two things in order; between two that stand side by side in meaning.
const GAP: f64 = 22.0;
const LOOSE_GAP: f64 = 10.0;
const TAB: f64 = 24.0;
const HEADING: f64 = 24.0;

/// The drawing in progress, from top to bottom.
pub struct Flow<'a, 'c> {
    canvas: &'c mut Canvas,
    columns: &'c Columns,
    palette: &'c Palette<'a>,
    thoughts: Thoughts<'a>,
    y: f64,
    /// Where the lines of thought have been drawn to; none before they begin and among losses.
    drawn_to: Option<f64>,
    in_order: bool,
    /// How many frames are open.
    frames: usize,
    /// Names that the line holds: those that the last card gave a value, and those that notes on the way gave one.
    holds: Vec<&'a str>,
    /// All names that have a value.
    given: Vec<&'a str>,
}

/// Draws all sections from `top` on; gives the height where they end.
pub fn draw(canvas: &mut Canvas, columns: &Columns, palette: &Palette, folded: &Folded, top: f64) -> f64 {
    let thoughts = Thoughts::at_start(&folded.leaves());
    let mut flow = Flow {
        canvas,
        columns,
        palette,
        thoughts,
        y: top,
        drawn_to: None,
        in_order: true,
        frames: 0,
        holds: Vec::new(),
        given: states(folded),
    };
    for part in &folded.parts {
        flow.part(part);
    }
    flow.y
}

impl<'a> Flow<'a, '_> {
    fn part(&mut self, part: &Part<'a>) {
        let top = self.y;
        if !part.in_order() {
            // Losses tell by name what they read.
            if !part.nodes.iter().any(tells_what_it_reads) {
                self.lines_to(top, End::Arrow);
            }
            self.drawn_to = None;
        }
        self.in_order = part.in_order();
        let slot = self.canvas.reserve(Layer::Panels);
        let heading = cut(&one_line(part.name), 18).to_uppercase();
        self.canvas.text(Layer::Boxes, "part", (MARGIN + PANEL, top + 23.0), &heading);
        self.y = top + HEADING + if self.in_order { -6.0 } else { 8.0 };
        self.nodes(&part.nodes, Around::Section);
        let bottom = self.y + PANEL;
        let rect = Rect { x: MARGIN, y: top, width: self.columns.width - 2.0 * MARGIN, height: bottom - top };
        self.canvas.rect_at(slot, "panel", rect, 12.0);
        self.y = bottom + GAP;
    }

    fn nodes(&mut self, nodes: &[Node<'a>], around: Around) {
        for node in nodes {
            match node {
                Node::Leaf(leaf) => self.leaf(leaf),
                Node::Loop(turns) => self.turns(node, turns, around),
                Node::Steps(rows) => self.steps(node, rows, around),
            }
        }
    }

    fn gap(&mut self) {
        self.y += if self.in_order { GAP } else { LOOSE_GAP };
    }

    fn leaf(&mut self, leaf: &Leaf<'a>) {
        self.gap();
        // What no line of thought and no frame runs through takes all the width there is.
        let (left, right) =
            if self.in_order || self.frames > 0 { self.columns.boxes() } else { self.columns.panel() };
        if let Some(card) = card::update(leaf, right - left, self.palette) {
            if !self.goes_on_with(leaf) {
                self.begin_anew(leaf);
            }
            self.lines_to(self.y, End::Arrow);
            let rect = card.put(self.canvas, (left, self.y));
            self.y = rect.bottom();
            self.drawn_to = self.in_order.then_some(self.y);
            self.holds.clear();
            self.give(leaf);
        } else if let Some(card) = card::note(leaf, self.palette) {
            match (turn(leaf.kind), self.thoughts.pass(leaf)) {
                (Some(turn), Some(change)) => self.change(&card, turn, change),
                _ => self.remark(&card),
            }
            self.give(leaf);
        }
    }

    /// Whether what the line holds is read; a card of which nothing is known goes on.
    fn goes_on_with(&self, leaf: &Leaf) -> bool {
        let reads = |name: &&str| leaf.reads.iter().any(|read| read == name);
        leaf.reads.is_empty() || !self.in_order || self.holds.is_empty() || self.holds.iter().any(reads)
    }

    /// The line ends; another one, with the names of what is read, leads to the card.
    fn begin_anew(&mut self, leaf: &Leaf) {
        self.drawn_to = None;
        let read: Vec<&str> =
            leaf.reads.iter().map(String::as_str).filter(|name| self.given.contains(name)).collect();
        if read.is_empty() {
            return;
        }
        self.y += 4.0;
        let names = cut(&read.join(", "), 24);
        self.canvas.text(Layer::Boxes, "small", (self.columns.axis + 9.0, self.y - 9.0), &names);
        lanes::run(self.canvas, self.columns, 1, (self.y - 18.0, self.y), End::Arrow);
    }

    fn give(&mut self, leaf: &Leaf<'a>) {
        let own = match leaf.kind {
            ItemKind::Update { target, .. } | ItemKind::Record { name: target, .. } => target.as_str(),
            ItemKind::Branch { state, .. }
            | ItemKind::Merge { state, .. }
            | ItemKind::Prune { state, .. } => state,
            ItemKind::Repeat { .. } | ItemKind::Iteration { .. } => return,
        };
        for name in own.split(',').map(str::trim).chain(leaf.gives.iter().map(String::as_str)) {
            self.holds.push(name);
            self.given.push(name);
        }
    }

    /// A branch, merge or prune of the thoughts that are followed, and its note.
    fn change(&mut self, card: &Card, turn: Turn, (from, to): (usize, usize)) {
        let top = self.y;
        self.lines(from, top, End::Open);
        let bottom = top + card.height.max(66.0);
        lanes::turn(self.canvas, self.columns, turn, (from, to), (top, bottom));
        self.drawn_to = Some(bottom);
        let note = card.put(self.canvas, (self.columns.left, top));
        let (y, count) = lanes::knot(turn, (from, to), (top, bottom));
        self.leader(note.right(), self.columns.leftmost(count) - 8.0, y);
        self.y = bottom;
    }

    /// A note about all thoughts as they pass.
    fn remark(&mut self, card: &Card) {
        let note = card.put(self.canvas, (self.columns.left, self.y));
        let y = (note.y + note.bottom()) / 2.0;
        let count = self.thoughts.now();
        if count > columns::MOST_LINES {
            self.leader(note.right(), self.columns.leftmost(count), y);
        } else {
            self.leader(note.right(), self.columns.lane(count - 1, count), y);
            for at in 0..count {
                self.canvas.dot(Layer::Boxes, &thought(at, count), (self.columns.lane(at, count), y), 3.5);
            }
        }
        self.y = note.bottom();
    }

    fn leader(&mut self, from: f64, to: f64, y: f64) {
        let path = format!("M{} {}H{}", px(from + 3.0), px(y), px(to));
        self.canvas.path(Layer::Lines, "leader", &path);
    }

    fn lines_to(&mut self, y: f64, end: End) {
        self.lines(self.thoughts.now(), y, end);
    }

    fn lines(&mut self, count: usize, y: f64, end: End) {
        if let Some(drawn_to) = self.drawn_to {
            lanes::run(self.canvas, self.columns, count, (drawn_to, y), end);
        }
    }

    fn turns(&mut self, node: &Node, turns: &Turns<'a>, around: Around) {
        let label = labels::times(turns, around);
        let pale = turns.learning == 0;
        self.frame(node, if pale { "frame pale" } else { "frame" }, |flow, frame| {
            let dots = if 0 < turns.learning && turns.learning < turns.times { turns.times } else { 0 };
            flow.tab(frame, &label, dots, turns.learning);
            flow.nodes(&turns.body, around.inside(turns));
        });
    }

    fn steps(&mut self, node: &Node, rows: &[Row<'a>], around: Around) {
        let pale = around == Around::NoGradient;
        self.frame(node, if pale { "rows pale" } else { "rows" }, |flow, frame| {
            flow.tab(frame, &labels::steps(rows), 0, 0);
            for (at, row) in rows.iter().enumerate() {
                if at > 0 {
                    flow.y += 14.0;
                    let (left, right) = (frame.x + 12.0, frame.right() - 12.0);
                    let rule = format!("M{} {}H{}", px(left), px(flow.y), right);
                    flow.canvas.path(Layer::Frames, "rule", &rule);
                    flow.y -= 10.0;
                }
                flow.row(frame.x + 12.0, row, around);
            }
        });
    }

    /// One row of an unrolled loop: its number in the gutter, a bracket over its height.
    fn row(&mut self, left: f64, row: &Row<'a>, around: Around) {
        let top = self.y + GAP;
        self.nodes(&row.turns.body, around.of_rows().inside(&row.turns));
        let mixed = 0 < row.turns.learning && row.turns.learning < row.turns.times;
        let words = 22.0 + if row.turns.times > 1 { 16.0 } else { 0.0 } + if mixed { 16.0 } else { 0.0 };
        self.y = self.y.max(top + words);
        let right = left + GUTTER - 8.0;
        let (x, y) = (px(right), px(top + 3.0));
        let bracket = format!("M{x} {y}h-4V{}h4", px(self.y - 3.0));
        self.canvas.path(Layer::Frames, "bracket", &bracket);
        let middle = left + (GUTTER - 14.0) / 2.0;
        self.canvas.text(Layer::Boxes, "strong middle", (middle, top + 15.0), &labels::indices(row));
        if row.turns.times > 1 {
            let times = format!("× {}", row.turns.times);
            self.canvas.text(Layer::Boxes, "small middle", (middle, top + 31.0), &times);
        }
        if mixed {
            let last = format!("last {} ●", row.turns.learning);
            self.canvas.text(Layer::Boxes, "small middle", (middle, top + 47.0), &last);
        }
    }

    /// Draws the frame of `node` around what `content` draws.
    fn frame(&mut self, node: &Node, class: &str, content: impl FnOnce(&mut Self, Rect)) {
        self.gap();
        let (left, right) = columns::margins(node);
        let x = self.columns.left - left;
        let mut rect = Rect { x, y: self.y, width: self.columns.box_right() + right - x, height: TAB };
        let slot = self.canvas.reserve(Layer::Frames);
        self.y += TAB - 6.0;
        self.frames += 1;
        content(self, rect);
        self.frames -= 1;
        self.y += FRAME;
        rect.height = self.y - rect.y;
        self.canvas.rect_at(slot, class, rect, 10.0);
        if class.starts_with("frame") && rect.height > 2.0 * TAB {
            let (x, y) = (px(rect.x - 4.5), px((rect.y + TAB + rect.bottom()) / 2.0));
            self.canvas.path(Layer::Frames, "chevron", &format!("M{x} {y}l4.5 -5l4.5 5"));
        }
    }

    /// The words on a frame, and a dot for each turn: full where it has gradient.
    fn tab(&mut self, frame: Rect, label: &str, dots: usize, learning: usize) {
        let dots = if dots <= MOST_DOTS { dots } else { 0 };
        let (x, y, right) = (px(frame.x), px(frame.y + 10.0), px(columns::tab(label, dots) - 20.0));
        let tab = format!("M{x} {y}a10 10 0 0 1 10 -10h{right}h10v14a10 10 0 0 1 -10 10H{x}z");
        self.canvas.path(Layer::Boxes, "tab", &tab);
        let words = frame.x + 12.0 + if dots > 0 { dots as f64 * DOT + 6.0 } else { 0.0 };
        self.canvas.text(Layer::Boxes, "strong", (words, frame.y + 16.5), label);
        for at in 0..dots {
            let class = if at + learning >= dots { "turn learning" } else { "turn" };
            let x = frame.x + 12.0 + (at as f64 + 0.5) * DOT;
            self.canvas.circle(Layer::Boxes, class, (x, frame.y + TAB / 2.0), 3.8);
        }
    }
}

fn tells_what_it_reads(node: &Node) -> bool {
    matches!(node, Node::Leaf(leaf) if !leaf.reads.is_empty())
}

/// The states, which have a value when a step begins.
fn states<'a>(folded: &Folded<'a>) -> Vec<&'a str> {
    folded.outline.states.iter().map(|state| state.name.as_str()).collect()
}

fn turn(kind: &ItemKind) -> Option<Turn> {
    match kind {
        ItemKind::Branch { .. } => Some(Turn::Branch),
        ItemKind::Merge { .. } => Some(Turn::Merge),
        ItemKind::Prune { .. } => Some(Turn::Prune),
        _ => None,
    }
}
