//! Takes what stands around the sections of a model (states that are carried, halting, nets with their parameters), draws a
//! panel for each and the way back from the end of a step to its beginning. Never draws a section.

use super::canvas::{Canvas, Layer, Rect, px};
use super::columns::{Columns, MARGIN, PANEL};
use super::style::{MONO, bold, sans};
use crate::draw::fold::Folded;
use crate::draw::labels;
use crate::draw::parameters;
use crate::draw::text::{cut, one_line, wrap};
use crate::numbers::count;

const LINE: f64 = 20.0;
const HEADING: f64 = 23.0;
const GAP: f64 = 22.0;

/// The states that a step finds; gives where the panel ends. Nothing where there are none.
pub fn carried(canvas: &mut Canvas, columns: &Columns, folded: &Folded, top: f64) -> f64 {
    let states = &folded.outline.states;
    if states.is_empty() {
        return top;
    }
    let mut panel = Panel::open(canvas, columns, "carried from step to step", top);
    for state in states {
        panel.row(&state.name, &labels::axes(&state.axes));
    }
    panel.close()
}

/// From the end of the sections back to the states.
pub fn way_back(canvas: &mut Canvas, folded: &Folded, (top, bottom): (f64, f64)) {
    if folded.outline.states.is_empty() {
        return;
    }
    let (left, right) = (px(MARGIN / 2.0), px(MARGIN - 2.0));
    let (start, end) = (px(bottom), px(top + HEADING - 4.0));
    canvas.path(Layer::Lines, "chevron", &format!("M{right} {start}H{left}V{end}H{right}"));
    canvas.path(
        Layer::Lines,
        "chevron",
        &format!("M{} {}l5 4l-5 4", px(MARGIN - 7.0), px(top + HEADING - 8.0)),
    );
}

/// The rule by which a sample is done; gives where the panel ends.
pub fn halting(canvas: &mut Canvas, columns: &Columns, folded: &Folded, top: f64) -> f64 {
    let Some(halting) = &folded.outline.halting else { return top };
    let mut panel = Panel::open(canvas, columns, "halting", top);
    let when = labels::halts(halting.when.as_deref());
    let letters = (panel.width() / MONO) as usize;
    for line in wrap(&when, letters, 3) {
        panel.row(&line, "");
    }
    panel.words(&labels::at_most(halting.at_most));
    if folded.looks_ahead() {
        panel.words("A loss looks ahead: one more step from here, without gradient.");
    }
    panel.close()
}

/// Nets and their parts with their parameters; gives where the panel ends. Nothing at depth 0.
pub fn nets(canvas: &mut Canvas, columns: &Columns, folded: &Folded, depth: usize, top: f64) -> f64 {
    let lines = parameters::lines(&folded.outline.parameters, depth);
    if lines.is_empty() {
        return top;
    }
    let mut panel = Panel::open(canvas, columns, "parameters", top);
    for line in &lines {
        panel.row(&line.path, &count(line.elements));
    }
    panel.row("all", &count(parameters::total(&folded.outline.parameters)));
    panel.close()
}

/// A ground with a heading and rows, which grows downwards.
struct Panel<'c> {
    canvas: &'c mut Canvas,
    ground: super::canvas::Slot,
    left: f64,
    right: f64,
    top: f64,
    y: f64,
}

impl<'c> Panel<'c> {
    fn open(canvas: &'c mut Canvas, columns: &Columns, heading: &str, top: f64) -> Panel<'c> {
        let (left, right) = columns.panel();
        let ground = canvas.reserve(Layer::Panels);
        let letters = ((right - left) / (bold("m", 11.0) + 1.5)) as usize;
        canvas.text(Layer::Boxes, "part", (left, top + HEADING), &cut(heading, letters).to_uppercase());
        Panel { canvas, ground, left, right, top, y: top + HEADING + 4.0 }
    }

    fn width(&self) -> f64 {
        self.right - self.left
    }

    /// A name, and at the right what there is to say of it.
    fn row(&mut self, name: &str, told: &str) {
        self.y += LINE;
        let told = cut(told, (self.width() / 2.0 / sans("m", 11.0)) as usize);
        let room = self.width() - sans(&told, 11.0) - 14.0;
        let name = cut(&one_line(name), (room / MONO) as usize);
        self.canvas.text(Layer::Boxes, "mono", (self.left, self.y), &name);
        if !told.is_empty() {
            self.canvas.text(Layer::Boxes, "small end", (self.right, self.y), &told);
        }
    }

    fn words(&mut self, words: &str) {
        self.y += LINE;
        self.canvas.text(Layer::Boxes, "small", (self.left, self.y), words);
    }

    fn close(self) -> f64 {
        let bottom = self.y + PANEL;
        let (x, width) = (self.left - PANEL, self.right - self.left + 2.0 * PANEL);
        let rect = Rect { x, y: self.top, width, height: bottom - self.top };
        self.canvas.rect_at(self.ground, "panel", rect, 12.0);
        bottom + GAP
    }
}
