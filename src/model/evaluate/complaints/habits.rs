//! What the author is told of habits of PyTorch: takes names and the author's words, gives diagnostics; decides nothing.

use crate::diagnostic::{Code, Diagnostic};
use crate::model::words::after_word;
use crate::source::Span;

/// A method or attribute; `text`: the author's words for what stands before the dot, `foreign`: that is a module of
/// Python; `mend`: what stands here in its place.
pub(in crate::model) fn habit(text: &str, foreign: bool, mend: Option<&str>, place: Span) -> Diagnostic {
    let message = match foreign {
        true => format!("functions stand alone here, without `{text}.`"),
        false => format!("a value has no methods, and `{text}` is a value"),
    };
    Diagnostic::new(Code::Misplaced, message, place, "a habit of PyTorch")
        .help(mend.unwrap_or("a function stands before what it takes: `mean(x, over dim)`"))
}

/// A call that takes axes after a word, and is given them otherwise.
pub(in crate::model) struct AxesAfterWord<'a> {
    /// What is called.
    pub name: &'a str,
    /// The author's words for its first value.
    pub first: &'a str,
    pub word: &'a str,
}

impl AxesAfterWord<'_> {
    fn told(&self, message: String, place: Span, axes: &[String], label: &str) -> Diagnostic {
        let named = if axes.is_empty() { &["dim".to_owned()] } else { axes };
        let help = format!("`{}({}, {})`", self.name, self.first, after_word(self.word, named));
        Diagnostic::new(Code::Arguments, message, place, label).help(help)
    }

    /// `over = cell`.
    pub(in crate::model) fn with_equals(&self, axes: &[String], place: Span) -> Diagnostic {
        let message = format!("axes stand behind `{}` without a `=`", self.word);
        self.told(message, place, axes, "not a parameter")
    }

    /// `dim = -1`.
    pub(in crate::model) fn as_parameter(&self, axes: &[String], place: Span) -> Diagnostic {
        let message = format!("`{}` takes its axes by name, after `{}`", self.name, self.word);
        self.told(message, place, axes, "not a parameter")
    }

    /// `over a, b`.
    pub(in crate::model) fn without_parentheses(&self, axes: &[String], place: Span) -> Diagnostic {
        let message = format!("several axes stand in parentheses behind `{}`", self.word);
        self.told(message, place, axes, "only the first belongs to it")
    }

    /// `softmax(z, -1)`.
    pub(in crate::model) fn by_number(&self, place: Span) -> Diagnostic {
        self.told("axes have names here, and no numbers".to_owned(), place, &[], "not an axis")
    }

    /// `mean(z, cell)`.
    pub(in crate::model) fn without_word(&self, axes: &[String], place: Span) -> Diagnostic {
        let message = format!("`{}` takes its axes after `{}`", self.name, self.word);
        self.told(message, place, axes, "an axis")
    }
}
