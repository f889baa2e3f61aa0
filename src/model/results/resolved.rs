//! What the configs make of a loss: takes which arms were taken and what configs were read while it was evaluated, gives its
//! text without the others, numbers in the place of configs; evaluates nothing.

use crate::model::checker::Checker;
use crate::model::evaluate::value::Value;
use crate::model::outline::earlier;
use crate::model::schedule::reading::{Reading, Resolved};
use crate::model::schedule::stmt::on_one_line;
use crate::source::Span;
use crate::syntax::ast::Expr;

impl Checker<'_> {
    /// `part` is what the configs leave of `whole`.
    pub(in crate::model) fn note_resolved(&mut self, whole: Span, part: Span) {
        if self.notes_resolved() {
            self.resolved.push((whole, Resolved::Part(part)));
        }
    }

    /// A number that a config of the model has.
    pub(in crate::model) fn note_config(&mut self, name: &str, value: &Value, place: Span) {
        if let (true, Value::Number(number)) =
            (self.notes_resolved() && self.config_types.contains_key(name), value)
        {
            self.resolved.push((place, Resolved::Number(number.to_string())));
        }
    }

    /// Here are the author's words for a loss or metric; those of the functions and nets that it calls are not in its text.
    fn notes_resolved(&self) -> bool {
        self.inside_result && self.functions_deep == 0 && !self.looking_ahead
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
            let behind = on_one_line(self.sources.text(Span { start: part.end, ..span }));
            match stands {
                Resolved::Part(other) => {
                    let inner = unwrapped(&self.resolved_within(*other, depth + 1));
                    let bare = !has_operators(&inner)
                        || !(ends_in_operator(&on_one_line(&text)) || goes_on(&behind));
                    text += &if bare { inner } else { format!("({inner})") };
                }
                Resolved::Number(number) => text += number,
            }
            at = part.end;
        }
        text += self.sources.text(Span { start: at, ..span });
        on_one_line(&text)
    }

    /// What a loss reads, of which `text` is left.
    pub(in crate::model) fn read_in(&self, written: &Expr, text: &str) -> Reading {
        let mut reading = Reading::of(written);
        let words = || text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        reading.reads.retain(|name| words().any(|word| word == earlier(name).unwrap_or(name)));
        reading
    }
}

/// A block that holds an expression alone is that expression.
fn unwrapped(text: &str) -> String {
    let block =
        text.starts_with('{') && at_depth(text).position(|(depth, _)| depth == 0) == Some(text.len() - 1);
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).map(str::trim);
    let statements =
        |inner: &str| inner.split_whitespace().any(|word| matches!(word, "let" | "var" | "return"));
    match inner {
        Some(inner) if block && !statements(inner) => inner.to_owned(),
        _ => text.to_owned(),
    }
}

/// Each byte with the number of brackets that are open behind it.
fn at_depth(text: &str) -> impl Iterator<Item = (usize, u8)> {
    let mut depth = 0usize;
    text.bytes().map(move |byte| {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        (depth, byte)
    })
}

/// An expression of which another part could be taken for an operand of its neighbour: it has spaces outside brackets.
fn has_operators(text: &str) -> bool {
    at_depth(text).any(|(depth, byte)| depth == 0 && byte == b' ')
}

/// What stands behind is an operand.
fn ends_in_operator(text: &str) -> bool {
    let word = text.rsplit(|letter: char| !letter.is_alphanumeric() && letter != '_').next();
    matches!(word, Some("and" | "or" | "not"))
        || text.ends_with(['+', '-', '*', '/', '^', '<', '>'])
        || ["==", "!=", "<=", ">="].iter().any(|operator| text.ends_with(operator))
}

/// What stands before is an operand, or is indexed or asked for a field.
fn goes_on(text: &str) -> bool {
    let word = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next();
    matches!(word, Some("and" | "or"))
        || text.starts_with(['+', '-', '*', '/', '^', '<', '>', '[', '.', '@', '('])
        || ["==", "!="].iter().any(|operator| text.starts_with(operator))
}
