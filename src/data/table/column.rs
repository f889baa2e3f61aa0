//! Columns: the names under which files have them, and what stands in their fields; never opens a file.

use std::borrow::Cow;

use serde_json::Value;

use super::Cause;

/// A column by any of its names; the first is the usual one.
#[derive(Debug)]
pub struct Column {
    names: &'static [&'static str],
    /// Whether a file without it is refused.
    needed: bool,
}

/// The puzzle: `quizzes` and `puzzle` are Kaggle's.
pub const QUESTION: Column =
    Column { names: &["question", "quizzes", "puzzle", "quiz", "puzzles", "questions"], needed: true };
/// Its answer.
pub const ANSWER: Column = Column { names: &["answer", "solutions", "solution", "answers"], needed: true };
/// How hard it is, by the measure of the file's author.
pub const RATING: Column = Column { names: &["rating", "difficulty"], needed: false };
/// Where it comes from.
pub const SOURCE: Column = Column { names: &["source"], needed: false };
/// Rows and columns of a puzzle that is written in one line.
pub const SIZES: Column = Column { names: &["sizes"], needed: false };

impl Column {
    /// The usual name.
    pub fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }

    /// Whether a file may call it so.
    pub fn is(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    /// Its place among the columns of a file, none where it may be absent; the usual name goes first.
    pub fn place(&self, found: &[impl AsRef<str>]) -> Result<Option<usize>, String> {
        let place = |name: &&str| found.iter().position(|column| column.as_ref() == *name);
        match self.names.iter().find_map(place) {
            None if self.needed => Err(format!("no column `{}`", self.name())),
            place => Ok(place),
        }
    }

    /// The other names, for messages.
    pub fn also(&self) -> String {
        let others: Vec<String> = self.names.iter().skip(1).map(|name| format!("`{name}`")).collect();
        others.join(", ")
    }
}

/// A field as text of one character per cell: lists of cells, and of rows, are joined.
pub fn text<'a>(column: &str, field: &'a Value) -> Result<Cow<'a, str>, Cause> {
    match field {
        Value::String(text) => Ok(Cow::Borrowed(text)),
        Value::Number(number) => Ok(Cow::Owned(number.to_string())),
        Value::Null => Ok(Cow::Borrowed("")),
        Value::Array(items) => {
            let mut joined = String::new();
            for item in items {
                let part = text(column, item)?;
                if item.is_number() && part.len() > 1 {
                    let what = format!("the {column} holds the number {part} as a cell");
                    return Err((what, "write one character per cell: A stands for 10".to_owned()));
                }
                joined.push_str(&part);
            }
            Ok(Cow::Owned(joined))
        }
        Value::Bool(_) | Value::Object(_) => {
            Err((format!("the {column} is `{field}`"), "write text, or a list of cells".to_owned()))
        }
    }
}

/// A field as a number; none where it is absent or empty.
pub fn number(column: &str, field: &Value) -> Result<Option<f64>, Cause> {
    let number = match field {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match number.filter(|number| number.is_finite()) {
        Some(number) => Ok(Some(number)),
        None => {
            let written = field.as_str().map_or_else(|| field.to_string(), |text| text.trim().to_owned());
            let what = format!("the {column} `{written}` is no number");
            Err((what, "write a number, such as 0 for an unrated puzzle".to_owned()))
        }
    }
}
