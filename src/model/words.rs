//! Words that messages are made of: takes names and numbers, gives pieces of sentences.

/// `1 value`, `2 values`.
pub(in crate::model) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Names as the author wrote them, one after another.
pub(in crate::model) fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// What a parameter of a type takes.
pub(in crate::model) fn article(ty: &str) -> &'static str {
    match ty {
        "axis" => "an axis",
        "axes" => "axes",
        "int" => "a whole number",
        "float" => "a number",
        "bool" => "true or false",
        "net" => "a net",
        "init" => "an initial distribution or a number",
        _ => "another kind of value",
    }
}
