//! Takes one leaf and a width, gives its box or note with all words placed; never knows what stands around it.

use super::canvas::{Canvas, Layer, Rect};
use super::columns::{INSET, NOTE};
use super::style::{MONO, Palette, SMALL_MONO, bold, sans};
use crate::draw::fold::Leaf;
use crate::draw::labels;
use crate::draw::text::{INDENT, cut, one_line, statements, wrap, xml};
use crate::model::outline::ItemKind;

/// A box or a note, its words placed relative to its own corner.
pub struct Card {
    /// In pixels.
    pub width: f64,
    /// In pixels.
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
/// The base of the first line.
const FIRST: f64 = 24.0;
/// Of the author's words: for one expression, and for a block of statements.
const MOST_LINES: usize = 3;
const MOST_STATEMENT_LINES: usize = 10;
const MOST_TARGET: usize = 18;

/// The box of an update: the target, the author's words, the nets and the axes.
pub fn update(leaf: &Leaf, width: f64, palette: &Palette) -> Option<Card> {
    let ItemKind::Update { target, text, axes, .. } = leaf.kind else { return None };
    let target = one_line(target);
    let statements = statements(text);
    let mut card = Card::new(width, format!("{target} ← {}", statements.join("\n")), tone("box", leaf));

    let shown = cut(&target, MOST_TARGET);
    let ahead = INSET + shown.chars().count() as f64 * MONO;
    card.say("mono target", (INSET, FIRST), &shown);
    card.say("mono muted", (ahead + MONO, FIRST), "←");
    let block = statements.len() > 1;
    let (left, mut y) = if block { (INSET + 2.0 * MONO, FIRST) } else { (ahead + 3.0 * MONO, FIRST - LINE) };
    let lines = author_lines(&statements, ((width - INSET - left) / MONO) as usize);
    for line in &lines {
        y += LINE;
        let words = line.trim_start_matches(INDENT);
        let indent = (line.chars().count() - words.chars().count()) as f64 * MONO;
        let spans = coloured(words, &leaf.nets, palette);
        card.words.push(Words { class: "mono", place: (left + indent, y), spans });
    }

    let last = card.place_pills(&leaf.nets, palette, (INSET, y + 9.0), width - INSET);
    if !leaf.nets.is_empty() {
        y = last.bottom() - 4.0;
    }
    let axes = cut(&labels::axes(axes), ((width - 2.0 * INSET) / sans("m", 11.0)) as usize);
    if !axes.is_empty() {
        let taken = match (leaf.nets.is_empty(), &lines[..]) {
            (false, _) => last.right(),
            (true, [line]) => left + line.chars().count() as f64 * MONO,
            (true, _) => width,
        };
        let beside = taken + 14.0 + sans(&axes, 11.0) <= width - INSET;
        y += if beside { 0.0 } else { LINE };
        let lift = if beside && !leaf.nets.is_empty() { 1.0 } else { 0.0 };
        card.say("small end", (width - INSET, y - lift), &axes);
    }
    card.height = y + 14.0;
    Some(card)
}

/// Statements keep their lines; what is too long goes on further in.
fn author_lines(statements: &[String], letters: usize) -> Vec<String> {
    if let [words] = statements {
        return wrap(words, letters, MOST_LINES);
    }
    let mut lines = Vec::new();
    for statement in statements {
        let words = statement.trim_start_matches(INDENT);
        let margin = &statement[..statement.len() - words.len()];
        let room = letters.saturating_sub(margin.chars().count() + FURTHER.chars().count());
        for (at, line) in wrap(words, room, MOST_LINES).iter().enumerate() {
            lines.push(format!("{margin}{}{line}", if at == 0 { "" } else { FURTHER }));
        }
    }
    if lines.len() > MOST_STATEMENT_LINES {
        lines.truncate(MOST_STATEMENT_LINES - 1);
        lines.push("…".to_owned());
    }
    lines
}

const FURTHER: &str = "\u{a0}\u{a0}\u{a0}\u{a0}";

/// The note beside a branch, a merge, a prune or a record.
pub fn note(leaf: &Leaf, palette: &Palette) -> Option<Card> {
    let note = labels::note(leaf.kind)?;
    let nets = &leaf.nets[..];
    let full = [note.title.as_str(), &note.how, &note.detail].join("\n");
    let class = if matches!(leaf.kind, ItemKind::Record { .. }) { "note record" } else { "note" };
    let mut card = Card::new(NOTE, full, tone(class, leaf));

    let room = NOTE - 2.0 * INSET;
    let title = cut(&note.title, (room / bold("m", 12.0)) as usize);
    card.say("strong", (INSET, 20.0), &title);
    let mut y = 20.0;
    let letters = (room / SMALL_MONO) as usize;
    let lines = if note.how.is_empty() { Vec::new() } else { wrap(&note.how, letters, 2) };
    for line in &lines {
        y += 16.0;
        card.words.push(Words {
            class: "small-mono",
            place: (INSET, y),
            spans: coloured(line, nets, palette),
        });
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
    fn place_pills(&mut self, nets: &[&str], palette: &Palette, place: (f64, f64), right: f64) -> Rect {
        let mut rect = Rect { x: place.0, y: place.1, width: 0.0, height: 0.0 };
        for (name, net) in pills(nets) {
            let width = pill_width(&name);
            let next = if rect.width == 0.0 { rect.x } else { rect.right() + 6.0 };
            let (x, y) = if next + width > right && rect.width > 0.0 {
                (place.0, rect.y + PILL + 5.0)
            } else {
                (next, rect.y)
            };
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
fn pills<'a>(nets: &[&'a str]) -> Vec<(String, &'a str)> {
    let mut calls: Vec<(&'a str, usize)> = Vec::new();
    for &net in nets {
        match calls.iter_mut().find(|(known, _)| *known == net) {
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

/// Width in pixels of a net's name on its colour.
pub fn pill_width(name: &str) -> f64 {
    (bold(name, 11.0) + 20.0).max(26.0).round()
}

fn pills_width(nets: &[&str]) -> f64 {
    let pills = pills(nets);
    pills.iter().map(|(name, _)| pill_width(name) + 6.0).sum::<f64>() - 6.0
}

/// The line with every declared net that it calls in that net's colour.
fn coloured(line: &str, nets: &[&str], palette: &Palette) -> String {
    let part_of_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut spans = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let inside = part_of_name(first);
        let end = rest.find(|letter| part_of_name(letter) != inside).unwrap_or(rest.len());
        let (word, next) = rest.split_at(end);
        if inside && nets.contains(&word) {
            let colour = palette.colour(word);
            spans.push_str(&format!(r#"<tspan fill="{colour}" font-weight="600">{}</tspan>"#, xml(word)));
        } else {
            spans.push_str(&xml(word));
        }
        rest = next;
    }
    spans
}
