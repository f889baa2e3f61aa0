//! What `ron` refused, in the words of a run file: takes its error and the outline of the text, gives a problem with
//! the whole field or value underlined; never reads a value itself.

use std::ops::Range;

use ron::error::{Error, Position, SpannedError};

use super::error::Slug;
use super::error_place::ErrorPlace;
use super::outline::{Node, RonEntry};
use super::training::TrainConfig;
use crate::diagnostic::did_you_mean;

/// What one kind of file is called and made of.
pub struct Words {
    /// `run file`.
    pub file: &'static str,
    /// The name before its bracket: `Run`.
    pub head: &'static str,
    /// Names of its fields.
    pub fields: fn() -> &'static [&'static str],
    /// Where a name belongs that is no field, as an addition to a help line.
    pub elsewhere: fn(&str) -> String,
}

/// A problem in terms of the RON text.
pub struct Blame {
    pub slug: Slug,
    pub message: String,
    pub range: Range<usize>,
    pub label: String,
    pub help: Option<String>,
    /// What to leave out so that the rest can be read on; `None` if nothing after this can be trusted.
    pub leave_out: Option<(String, Range<usize>)>,
}

/// Explains one error of `ron` in `text`, in the words of its kind of file.
pub fn explain(text: &str, root: &Node, error: &SpannedError, words: &'static Words) -> Blame {
    let at = offset(text, error.span.start);
    let view = ErrorPlace { text, root, at, words };
    if root.span.is_empty() {
        let Words { file, head, .. } = words;
        return view.syntax(&format!("the {file} is empty"), &format!("expected `{head}( … )`"));
    }
    match &error.code {
        Error::NoSuchStructField { expected, found, .. } => view.unknown_field(expected, found),
        Error::DuplicateStructField { field, .. } => view.duplicate(field),
        Error::MissingStructField { field, .. } => view.missing(field),
        Error::NoSuchEnumVariant { expected, found, .. } => view.unknown_value(expected, found),
        Error::ExpectedBoolean => view.wrong_type("true or false"),
        Error::ExpectedFloat | Error::FloatUnderscore => view.wrong_type("a number"),
        Error::ExpectedInteger | Error::InvalidIntegerDigit { .. } => view.wrong_type("a whole number"),
        Error::IntegerOutOfBounds if view.found().starts_with('-') => {
            view.wrong_type("a whole number of at least 0")
        }
        Error::IntegerOutOfBounds => view.wrong_type("a smaller whole number"),
        Error::ExpectedString => view.wrong_type("a text in quotes"),
        Error::ExpectedArray => view.wrong_type("a list, as in `[ … ]`"),
        Error::ExpectedMap => view.wrong_type("names and values, as in `{ \"name\": 1 }`"),
        Error::ExpectedStructLike | Error::ExpectedNamedStructLike(_) => {
            view.wrong_type("fields in brackets, as in `( … )`")
        }
        Error::InvalidValueForType { expected, .. } | Error::ExpectedDifferentLength { expected, .. } => {
            view.wrong_type(expected)
        }
        Error::ExpectedDifferentStructName { found, .. } => view.needless_name(found),
        Error::Message(words) => view.refused(words),
        Error::ExpectedComma if view.inside_a_value() => view.wrong_type("a whole number"),
        Error::ExpectedComma if view.at_an_entry() => {
            view.syntax("a comma is missing before this", "expected `,`")
        }
        Error::ExpectedMapColon => view.syntax("a name is followed by `:`", "expected `:`"),
        Error::ExpectedStringEnd => view.syntax("this text is never closed", "its quote opens here"),
        other => view.syntax(&lowercase(&other.to_string()), ""),
    }
}

/// The byte of a position that `ron` counts in lines and characters from 1.
fn offset(text: &str, position: Position) -> usize {
    let before: usize = text.split_inclusive('\n').take(position.line.saturating_sub(1)).map(str::len).sum();
    let line = text.get(before..).unwrap_or("");
    let inside = line.char_indices().nth(position.col.saturating_sub(1)).map_or(line.len(), |(byte, _)| byte);
    (before + inside).min(text.len())
}

fn lowercase(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// `a`, `b` and `c`, each as code.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Where a name that stands outside all fields of a run file belongs.
pub fn elsewhere(name: &str) -> String {
    let holder = serde_json::to_value(TrainConfig::default()).ok().and_then(|fields| {
        fields.as_object()?.iter().find(|(_, below)| below.get(name).is_some()).map(|(f, _)| f.clone())
    });
    match holder {
        Some(holder) => format!("; `{name}` belongs in `{holder}: ( … )`"),
        None => "; configs of the model belong in `set: { … }`".to_owned(),
    }
}

impl ErrorPlace<'_> {
    fn unknown_field(&self, expected: &[&str], found: &str) -> Blame {
        let near = did_you_mean(found, expected.iter().copied());
        let hint = near.map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
        let (holder, range, whole) = match self.keyed(found) {
            Some((path, entry)) => {
                let key = entry.key.as_ref().map_or(entry.value.span.clone(), |key| key.span.clone());
                (path, key, entry.whole.clone())
            }
            None => (Vec::new(), self.here(), self.here()),
        };
        let (label, more) = match holder.join(".") {
            top if top.is_empty() => {
                let more = if near.is_some() { String::new() } else { (self.words.elsewhere)(found) };
                (format!("no such field in a {}", self.words.file), more)
            }
            path if (self.words.fields)().contains(&found) => {
                let more = format!(
                    "; `{found}` belongs to the {} itself: is the bracket of `{path}` closed?",
                    self.words.file
                );
                (format!("no such field in `{path}`"), more)
            }
            path => (format!("no such field in `{path}`"), String::new()),
        };
        Blame {
            slug: Slug::UnknownField,
            message: format!("unknown field `{found}`{hint}"),
            range,
            label,
            help: Some(format!("the fields here are {}{more}", listed(expected.iter().copied()))),
            leave_out: Some((found.to_owned(), whole)),
        }
    }

    fn duplicate(&self, field: &str) -> Blame {
        let (range, whole) = match self.keyed(field) {
            Some((_, RonEntry { key: Some(key), whole, .. })) => (key.span.clone(), whole.clone()),
            _ => (self.here(), self.here()),
        };
        Blame {
            slug: Slug::DuplicateField,
            message: format!("the field `{field}` stands here twice"),
            range,
            label: "given before".to_owned(),
            help: Some("keep one of the two".to_owned()),
            leave_out: Some((field.to_owned(), whole)),
        }
    }

    fn missing(&self, field: &str) -> Blame {
        let (path, node) = self.root.group_at(self.at);
        let head = node.group.as_ref().map_or(self.here(), |group| group.head.clone());
        let place =
            if path.is_empty() { format!("a {}", self.words.file) } else { format!("`{}`", path.join(".")) };
        Blame {
            slug: Slug::MissingField,
            message: format!("the field `{field}` is missing"),
            range: head,
            label: format!("{place} needs `{field}`"),
            help: None,
            leave_out: None,
        }
    }

    fn unknown_value(&self, expected: &[&str], found: &str) -> Blame {
        let near = did_you_mean(found, expected.iter().copied());
        let hint = near.map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
        self.about_value(
            Slug::UnknownValue,
            |field| format!("`{field}` cannot be `{found}`{hint}"),
            "not one of the values".to_owned(),
            Some(format!("the values here are {}", listed(expected.iter().copied()))),
        )
    }

    fn wrong_type(&self, expected: &str) -> Blame {
        let found = self.found();
        let word = !found.is_empty() && found.chars().all(|c| c.is_alphanumeric() || c == '_');
        let quoted =
            expected.contains("in quotes") && word && !found.starts_with(|c: char| c.is_ascii_digit());
        self.about_value(
            Slug::WrongType,
            |field| format!("`{field}` takes {expected}, found {}", quote(found)),
            format!("expected {expected}"),
            quoted.then(|| format!("write `\"{found}\"`")),
        )
    }

    /// A complaint in a reader's own words, of the form `what; fix`.
    fn refused(&self, words: &str) -> Blame {
        let (what, fix) = words.split_once("; ").unwrap_or((words, ""));
        let help = (!fix.is_empty()).then(|| fix.to_owned());
        self.about_value(Slug::UnknownValue, |field| format!("`{field}`: {what}"), String::new(), help)
    }

    fn needless_name(&self, found: &str) -> Blame {
        if self.field().is_none() {
            let Words { file, head, .. } = self.words;
            let message = format!("a {file} starts with `{head}(`, found `{found}`");
            let range = self.at..self.at + found.len();
            let other = match found {
                "Sweep" => {
                    Some("this is a sweep file: `totc sweep FILE` runs it, with --dry-run it is checked")
                }
                "Run" => Some("this is a run file: `totc run FILE` runs it"),
                _ => None,
            };
            let help = other.map(str::to_owned);
            return Blame { range, help, ..self.syntax(&message, &format!("expected `{head}`")) };
        }
        let is_optimiser = self.field().is_some_and(|(path, _)| path == "optimiser");
        let inside = if is_optimiser { format!("name: \"{found}\", …") } else { " … ".to_owned() };
        self.about_value(
            Slug::WrongType,
            |field| format!("`{field}` takes its fields without a name before them, found `{found}`"),
            "expected only brackets".to_owned(),
            Some(format!("write `({inside})`")),
        )
    }

    fn about_value(
        &self,
        slug: Slug,
        message: impl Fn(&str) -> String,
        label: String,
        help: Option<String>,
    ) -> Blame {
        let Some((path, entry)) = self.field() else {
            return Blame {
                slug,
                message: message(self.words.head),
                range: self.here(),
                label,
                help,
                leave_out: None,
            };
        };
        let range = match slug {
            Slug::UnknownValue => self.name_of(&entry.value),
            _ => self.narrowed(&entry.value),
        };
        let name = entry.key.as_ref().map_or_else(String::new, |key| key.name.clone());
        Blame {
            slug,
            message: message(&path),
            range,
            label,
            help,
            leave_out: Some((name, entry.whole.clone())),
        }
    }

    fn syntax(&self, message: &str, label: &str) -> Blame {
        let blame = |message: &str, range, label: &str| Blame {
            slug: Slug::Syntax,
            message: message.to_owned(),
            range,
            label: label.to_owned(),
            help: None,
            leave_out: None,
        };
        match &self.root.group {
            Some(group) if self.at >= self.text.trim_end().len() => blame(
                "the text ends too early",
                group.head.clone(),
                "a bracket or quote after this is still open",
            ),
            _ => blame(message, self.here(), label),
        }
    }
}

/// What a person wrote, cut to a length that a sentence can hold.
fn quote(found: &str) -> String {
    let line = found.lines().next().unwrap_or("");
    if line.len() == found.len() && found.chars().count() <= 40 {
        return format!("`{found}`");
    }
    format!("`{}…`", line.chars().take(40).collect::<String>().trim_end())
}
