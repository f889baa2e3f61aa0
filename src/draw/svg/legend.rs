//! Takes what occurs in a folded outline, draws the legend of just that; never explains what is not in the picture.

use super::canvas::{Canvas, Layer, Rect, px};
use super::card::pill_width;
use super::columns::{Columns, MARGIN};
use super::style::{Palette, sans, thought};
use crate::draw::fold::{Folded, Node};
use crate::draw::parameters;
use crate::draw::text::cut;
use crate::draw::thoughts::Thoughts;
use crate::model::outline::ItemKind;
use crate::numbers::count;

const ROW: f64 = 26.0;

enum Mark {
    Box(&'static str),
    Dots,
    Lines,
    Cross,
    Pill(String),
    Words,
}

/// Draws the legend from `top` on; gives the height where it ends.
pub fn draw(canvas: &mut Canvas, columns: &Columns, palette: &Palette, folded: &Folded, top: f64) -> f64 {
    let mut cursor = Cursor { left: MARGIN + 2.0, right: columns.width - MARGIN, x: MARGIN + 2.0, y: top };
    for (mark, label) in entries(folded) {
        cursor.entry(canvas, &mark, &label);
    }
    if !palette.nets().is_empty() {
        cursor.break_line();
        cursor.entry(
            canvas,
            &Mark::Words,
            if folded.outline.parameters.is_empty() {
                "one colour, one set of weights:"
            } else {
                "one colour, one set of weights, with its parameters:"
            },
        );
        for net in palette.nets() {
            let elements = parameters::of_net(&folded.outline.parameters, net).map(count);
            let elements = elements.map(|elements| format!(" · {elements}")).unwrap_or_default();
            cursor.entry(canvas, &Mark::Pill(palette.colour(net)), &(cut(net, 24) + &elements));
        }
    }
    cursor.y + ROW
}

fn entries(folded: &Folded) -> Vec<(Mark, String)> {
    let leaves = folded.leaves();
    let mut entries = Vec::new();
    if leaves.iter().any(|leaf| leaf.gradient) {
        entries.push((Mark::Box("box"), "with gradient".to_owned()));
    }
    if leaves.iter().any(|leaf| !leaf.gradient) {
        entries.push((Mark::Box("box pale"), "without gradient".to_owned()));
    }
    if folded.parts.iter().any(|part| part.nodes.iter().any(mixed)) {
        entries.push((Mark::Dots, "iteration without, with gradient".to_owned()));
    }
    if let Some(state) = Thoughts::at_start(&leaves).state() {
        entries.push((Mark::Lines, format!("a line: one thought of {}", cut(state, 20))));
    }
    if leaves.iter().any(|leaf| matches!(leaf.kind, ItemKind::Prune { .. })) {
        entries.push((Mark::Cross, "a thought ends".to_owned()));
    }
    entries
}

fn mixed(node: &Node) -> bool {
    match node {
        Node::Leaf(_) => false,
        Node::Loop(turns) => {
            (0 < turns.learning && turns.learning < turns.times) || turns.body.iter().any(mixed)
        }
        Node::Steps(rows) => rows.iter().any(|row| row.turns.body.iter().any(mixed)),
    }
}

/// Sets entries in lines, from left to right.
struct Cursor {
    left: f64,
    right: f64,
    x: f64,
    y: f64,
}

impl Cursor {
    fn break_line(&mut self) {
        if self.x > self.left {
            self.x = self.left;
            self.y += ROW;
        }
    }

    fn entry(&mut self, canvas: &mut Canvas, mark: &Mark, label: &str) {
        let sign = match mark {
            Mark::Box(_) => 22.0,
            Mark::Dots | Mark::Lines => 24.0,
            Mark::Cross => 12.0,
            Mark::Pill(_) | Mark::Words => 0.0,
        };
        let words = match mark {
            Mark::Pill(_) => pill_width(label),
            Mark::Words => sans(label, 11.0),
            _ => 7.0 + sans(label, 11.0),
        };
        if self.x + sign + words > self.right {
            self.break_line();
        }
        let (x, y) = (self.x, self.y + ROW / 2.0);
        self.sign(canvas, mark, label, (x, y));
        if !matches!(mark, Mark::Pill(_)) {
            let gap = if sign > 0.0 { 7.0 } else { 0.0 };
            canvas.text(Layer::Boxes, "small", (x + sign + gap, y + 4.0), label);
        }
        self.x = x + sign + words + if matches!(mark, Mark::Pill(_) | Mark::Words) { 7.0 } else { 20.0 };
    }

    fn sign(&self, canvas: &mut Canvas, mark: &Mark, label: &str, (x, y): (f64, f64)) {
        match mark {
            Mark::Box(class) => {
                let rect = Rect { x, y: y - 7.0, width: 22.0, height: 14.0 };
                canvas.rect(Layer::Boxes, class, rect, 4.0);
            }
            Mark::Dots => {
                canvas.circle(Layer::Boxes, "turn", (x + 6.0, y), 3.8);
                canvas.circle(Layer::Boxes, "turn learning", (x + 18.0, y), 3.8);
            }
            Mark::Lines => {
                let (middle, top, knot, end) = (px(x + 12.0), px(y - 8.0), px(y - 4.0), px(y + 9.0));
                for (at, to) in [(0, x + 4.0), (1, x + 20.0)] {
                    let path = format!(
                        "M{middle} {top}V{knot}C{middle} {c} {t} {c} {t} {end}",
                        c = px(y + 3.0),
                        t = px(to)
                    );
                    canvas.coloured(Layer::Lines, "lane", "stroke", &thought(at, 2), &path);
                }
            }
            Mark::Cross => {
                canvas.path(
                    Layer::Lines,
                    "cross",
                    &format!("M{} {}l8 8m0 -8l-8 8", px(x + 2.0), px(y - 4.0)),
                );
            }
            Mark::Pill(colour) => {
                canvas.pill(Rect { x, y: y - 9.0, width: pill_width(label), height: 18.0 }, colour, label);
            }
            Mark::Words => {}
        }
    }
}
