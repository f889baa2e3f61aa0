//! Words that messages are made of: takes names and numbers, gives pieces of sentences; and what a primitive complains of,
//! at a place of the author's text.

use crate::diagnostic::Diagnostic;
use crate::primitive::Complaint;
use crate::source::Span;

/// `1 value`, `2 values`.
pub(in crate::model) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Names as the author wrote them, one after another.
pub(in crate::model) fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The types of configs that are not choices.
pub(in crate::model) const PLAIN: [&str; 5] = ["int", "float", "bool", "ints", "floats"];

/// What a parameter of a type takes.
pub(in crate::model) fn article(ty: &str) -> &'static str {
    match ty {
        "axis" => "an axis",
        "axes" => "axes",
        "int" => "a whole number",
        "float" => "a number",
        "ints" => "a list of whole numbers, `[3, 2, 2]`",
        "floats" => "a list of numbers, `[0.5, 1]`",
        "bool" => "true or false",
        "net" => "a net",
        "init" => "an initial distribution or a number",
        _ => "another kind of value",
    }
}

/// A complaint of a primitive about what stands at `place`.
pub(in crate::model) fn told(complaint: Complaint, place: Span, label: impl Into<String>) -> Diagnostic {
    Diagnostic { help: complaint.help, ..Diagnostic::new(complaint.code, complaint.message, place, label) }
}
