//! What the configs make of a loss: takes which arms were taken and what configs were read while it was evaluated, gives its
//! text without the others, numbers in the place of configs; evaluates nothing.

use crate::model::checker::Checker;
use crate::model::evaluate::value::Value;
use crate::model::schedule::reading::{Reading, Resolved};
use crate::source::Span;
use crate::syntax::ast::Expr;

impl Checker<'_> {
    /// `part` is what the configs leave of `whole`.
    pub(in crate::model) fn note_resolved(&mut self, whole: Span, part: Span) {
        if self.inside_result {
            self.resolved.push((whole, Resolved::Part(part)));
        }
    }

    /// A number that a config of the model has.
    pub(in crate::model) fn note_config(&mut self, name: &str, value: &Value, place: Span) {
        if let (true, Value::Number(number)) =
            (self.inside_result && self.config_types.contains_key(name), value)
        {
            self.resolved.push((place, Resolved::Number(number.to_string())));
        }
    }

    /// The author's words for `span` on one line, with what stands for its parts.
    pub(in crate::model) fn resolved_text(&self, span: Span) -> String {
        self.resolved_within(span, 0)
    }

    fn resolved_within(&self, span: Span, depth: usize) -> String {
        // Whatever inherits from itself was refused before; no text is nested deeper than a parser allows.
        if depth > 64 {
            return self.author_text(span);
        }
        let inside = |part: &Span| part.file == span.file && part.start >= span.start && part.end <= span.end;
        let mut parts: Vec<&(Span, Resolved)> =
            self.resolved.iter().filter(|(part, _)| inside(part)).collect();
        // The outermost first, where several begin together.
        parts.sort_by_key(|(part, _)| (part.start, std::cmp::Reverse(part.end)));
        let mut text = String::new();
        let mut at = span.start;
        for (part, stands) in parts {
            if part.start < at {
                continue;
            }
            text += self.sources.text(Span { end: part.start, start: at, ..span });
            text += &match stands {
                Resolved::Part(part) => unwrapped(&self.resolved_within(*part, depth + 1)),
                Resolved::Number(number) => number.clone(),
            };
            at = part.end;
        }
        text += self.sources.text(Span { start: at, ..span });
        let lines = text.lines().map(|line| line.split("//").next().unwrap_or("").trim());
        lines.collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// What a loss reads, of which `text` is left.
    pub(in crate::model) fn read_in(&self, written: &Expr, text: &str) -> Reading {
        let mut reading = Reading::of(written);
        let words = || text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        reading.reads.retain(|name| words().any(|word| word == name));
        reading
    }
}

/// A block that holds an expression alone is that expression.
fn unwrapped(text: &str) -> String {
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).map(str::trim);
    let statements =
        |inner: &str| inner.split_whitespace().any(|word| matches!(word, "let" | "var" | "return"));
    match inner {
        Some(inner) if !statements(inner) => inner.to_owned(),
        _ => text.to_owned(),
    }
}
