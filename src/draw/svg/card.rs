//! Takes one leaf and a width, gives its box or note with all words placed; never knows what stands around it.

use super::canvas::{Canvas, Layer, Rect};
use super::columns::{Columns, INSET, NOTE};
use super::style::{MONO, Palette, SMALL_MONO, bold, sans};
use crate::draw::fold::Leaf;
use crate::draw::labels;
use crate::draw::text::{cut, one_line, wrap, xml};
use crate::model::outline::ItemKind;

/// A box or a note, its words placed relative to its own corner.
pub struct Card {
    pub width: f64,
    pub height: f64,
    words: Vec<Words>,
    pills: Vec<Pill>,
    full: String,
    class: String,
}

struct Words {
    class: &'static str,
    place: (f64, f64),
    spans: String,
}

struct Pill {
    name: String,
    colour: String,
    rect: Rect,
}

const PILL: f64 = 18.0;
const LINE: f64 = 18.0;
const MOST_LINES: usize = 3;
const MOST_TARGET: usize = 18;

/// The box of an update: the target, the author's words, the nets and the axes.
pub fn update(leaf: &Leaf, columns: &Columns, palette: &Palette) -> Option<Card> {
    let ItemKind::Update { target, text, nets, axes } = leaf.kind else { return None };
    let width = columns.box_width;
    let (target, text) = (one_line(target), one_line(text));
    let mut card = Card::new(width, format!("{target} ← {text}"), tone("box", leaf));

    let shown = cut(&target, MOST_TARGET);
    let ahead = shown.chars().count() as f64 * MONO;
    let letters = ((width - 2.0 * INSET - ahead) / MONO) as usize;
    let (lines, _) = wrap(&text, letters.saturating_sub(3), MOST_LINES);
    card.say("mono target", (INSET, 24.0), &shown);
    card.say("mono muted", (INSET + ahead + MONO, 24.0), "←");
    let mut y = 24.0;
    for line in &lines {
        card.words.push(Words {
            class: "mono",
            place: (INSET + ahead + 3.0 * MONO, y),
            spans: coloured(line, nets, palette),
        });
        y += LINE;
    }

    y += -LINE + 9.0;
    let axes = labels::axes(axes);
    let last = card.place_pills(nets, palette, (INSET, y), width - INSET);
    y = if nets.is_empty() { y } else { last.bottom() };
    if !axes.is_empty() {
        let room = width - INSET - if nets.is_empty() { INSET } else { last.right() + 12.0 };
        let alone = sans(&axes, 11.0) > room;
        let base = if alone || nets.is_empty() { y + 15.0 } else { last.y + 13.0 };
        let letters = ((width - 2.0 * INSET) / sans("m", 11.0)) as usize;
        card.say("small end", (width - INSET, base), &cut(&axes, letters));
        y = y.max(base + 4.0);
    }
    card.height = y + 9.0;
    Some(card)
}

/// The note beside a branch, a merge, a prune or a record.
pub fn note(leaf: &Leaf, palette: &Palette) -> Option<Card> {
    let note = labels::note(leaf.kind)?;
    let nets = labels::nets(leaf);
    let full = [note.title.as_str(), &note.how, &note.detail].join("\n");
    let class = if matches!(leaf.kind, ItemKind::Record { .. }) { "note record" } else { "note" };
    let mut card = Card::new(NOTE, full, tone(class, leaf));

    let room = NOTE - 2.0 * INSET;
    let title = cut(&note.title, (room / bold("m", 12.0)) as usize);
    card.say("strong", (INSET, 20.0), &title);
    let mut y = 20.0;
    let letters = (room / SMALL_MONO) as usize;
    let lines = if note.how.is_empty() { Vec::new() } else { wrap(&note.how, letters, 2).0 };
    for line in &lines {
        y += 16.0;
        card.words.push(Words { class: "small-mono", place: (INSET, y), spans: coloured(line, nets, palette) });
    }
    if !note.detail.is_empty() {
        y += 16.0;
        card.say("small", (INSET, y), &cut(&note.detail, (room / sans("m", 11.0)) as usize));
    }
    let beside = room - bold(&title, 12.0) - 8.0;
    if pills_width(nets) <= beside {
        card.place_pills(nets, palette, (NOTE - INSET - pills_width(nets), 7.0), NOTE);
    } else {
        y = card.place_pills(nets, palette, (INSET, y + 7.0), NOTE - INSET).bottom();
    }
    card.height = y + 10.0;
    Some(card)
}

fn tone(class: &str, leaf: &Leaf) -> String {
    if leaf.gradient { class.to_owned() } else { format!("{class} pale") }
}

impl Card {
    fn new(width: f64, full: String, class: String) -> Card {
        Card { width, height: 0.0, words: Vec::new(), pills: Vec::new(), full, class }
    }

    fn say(&mut self, class: &'static str, place: (f64, f64), text: &str) {
        self.words.push(Words { class, place, spans: xml(text) });
    }

    /// Fills rows from `place` up to `right`; gives the last pill's place.
    fn place_pills(&mut self, nets: &[String], palette: &Palette, place: (f64, f64), right: f64) -> Rect {
        let mut rect = Rect { x: place.0, y: place.1, width: 0.0, height: 0.0 };
        for (name, net) in pills(nets) {
            let width = pill_width(&name);
            let next = if rect.width == 0.0 { rect.x } else { rect.right() + 6.0 };
            let (x, y) =
                if next + width > right && rect.width > 0.0 { (place.0, rect.y + PILL + 5.0) } else { (next, rect.y) };
            rect = Rect { x, y, width, height: PILL };
            self.pills.push(Pill { name, colour: palette.colour(net), rect });
        }
        rect
    }

    /// Puts the card with its corner at `x`, `y`; returns where it lies.
    pub fn put(&self, canvas: &mut Canvas, (x, y): (f64, f64)) -> Rect {
        let rect = Rect { x, y, width: self.width, height: self.height };
        canvas.open(Layer::Boxes, &self.full);
        canvas.rect(Layer::Boxes, &self.class, rect, 7.0);
        for Words { class, place, spans } in &self.words {
            canvas.spans(Layer::Boxes, class, (x + place.0, y + place.1), spans);
        }
        for Pill { name, colour, rect } in &self.pills {
            canvas.pill(Rect { x: x + rect.x, y: y + rect.y, ..*rect }, colour, name);
        }
        canvas.close(Layer::Boxes);
        rect
    }
}

/// Each net once, with the number of its calls.
fn pills(nets: &[String]) -> Vec<(String, &str)> {
    let mut calls: Vec<(&str, usize)> = Vec::new();
    for net in nets {
        match calls.iter_mut().find(|(known, _)| known == net) {
            Some((_, count)) => *count += 1,
            None => calls.push((net, 1)),
        }
    }
    let name = |(net, count): (&str, usize)| match count {
        1 => cut(net, 24),
        _ => format!("{} × {count}", cut(net, 20)),
    };
    calls.into_iter().map(|call| (name(call), call.0)).collect()
}

pub fn pill_width(name: &str) -> f64 {
    (bold(name, 11.0) + 18.0).max(26.0).round()
}

fn pills_width(nets: &[String]) -> f64 {
    let pills = pills(nets);
    pills.iter().map(|(name, _)| pill_width(name) + 6.0).sum::<f64>() - 6.0
}

/// The line with every declared net that it calls in that net's colour.
fn coloured(line: &str, nets: &[String], palette: &Palette) -> String {
    let part_of_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut spans = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let inside = part_of_name(first);
        let end = rest.find(|letter| part_of_name(letter) != inside).unwrap_or(rest.len());
        let (word, next) = rest.split_at(end);
        if inside && nets.iter().any(|net| net == word) {
            let colour = palette.colour(word);
            spans.push_str(&format!(r#"<tspan fill="{colour}" font-weight="600">{}</tspan>"#, xml(word)));
        } else {
            spans.push_str(&xml(word));
        }
        rest = next;
    }
    spans
}
