//! Words that messages are made of: takes names and numbers, gives pieces of sentences.

use crate::diagnostic::did_you_mean;

/// `1 value`, `2 values`.
pub(in crate::model) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Names as the author wrote them, one after another.
pub(in crate::model) fn quoted(names: &[impl AsRef<str>]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// `a net`, `an axis`.
pub(in crate::model) fn one(what: &str) -> String {
    if what.starts_with(['a', 'i']) { format!("an {what}") } else { format!("a {what}") }
}

/// `1 entry`, `2 entries`.
pub(in crate::model) fn entries(count: usize) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}

/// The name that was probably meant, as a question.
pub(in crate::model) fn meant<'a, S: AsRef<str> + 'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a S>,
) -> Option<String> {
    did_you_mean(name, known.into_iter().map(AsRef::as_ref)).map(|near| format!("did you mean `{near}`?"))
}

/// `over dim`, `over (pos, dim)`.
pub(in crate::model) fn after_word(word: &str, axes: &[String]) -> String {
    match axes {
        [axis] => format!("{word} {axis}"),
        axes => format!("{word} ({})", axes.join(", ")),
    }
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
