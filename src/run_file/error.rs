//! What is wrong with a run file, for the person who wrote it: takes problems with their places, gives text with the
//! lines underlined; never decides what is allowed.

use std::fmt;
use std::io;
use std::path::PathBuf;

use codespan_reporting::diagnostic::{Diagnostic, Label};

use crate::diagnostic::{Colours, emit};
use crate::source::{Sources, Span};

/// Why a run file cannot be used.
#[derive(Debug)]
pub enum RunFileError {
    /// The file cannot be read at all.
    Unreadable { path: PathBuf, cause: io::Error },
    /// Its text, or a `--set`, says something that is not allowed.
    Refused(Refusal),
}

/// Everything that was found wrong, with the texts it stands in.
#[derive(Debug)]
pub struct Refusal {
    /// The run file first, then each `--set`.
    pub sources: Sources,
    /// At least one, in the order of the texts.
    pub problems: Vec<Problem>,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Its family.
    pub slug: Slug,
    /// One sentence that stands alone.
    pub message: String,
    /// Where it stands, in the texts of [`Refusal::sources`].
    pub span: Span,
    /// What to write under the span.
    pub label: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// The families of mistakes in run files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slug {
    /// The text is not RON.
    Syntax,
    /// A field that no run file, or no value of this kind, has.
    UnknownField,
    /// A word that is not among those offered here.
    UnknownValue,
    /// A field that every run file needs.
    MissingField,
    /// The same field twice.
    DuplicateField,
    /// A text where a number is needed, and the like.
    WrongType,
    /// A number that no run could use.
    OutOfRange,
    /// Two fields that exclude one another.
    Conflict,
    /// A `--set` that does not read `name=value`.
    Override,
    /// Weights to start from that are not there or do not fit.
    Weights,
}

impl Slug {
    /// The name that users see.
    pub fn name(self) -> &'static str {
        match self {
            Slug::Syntax => "syntax",
            Slug::UnknownField => "unknown-field",
            Slug::UnknownValue => "unknown-value",
            Slug::MissingField => "missing-field",
            Slug::DuplicateField => "duplicate-field",
            Slug::WrongType => "wrong-type",
            Slug::OutOfRange => "out-of-range",
            Slug::Conflict => "conflict",
            Slug::Override => "override",
            Slug::Weights => "weights",
        }
    }
}

impl RunFileError {
    /// The whole message, ready to print; ends with a line break.
    pub fn render(&self, colours: Colours) -> String {
        match self {
            RunFileError::Unreadable { path, cause } => {
                format!("error: the run file `{}` cannot be read: {cause}\n", path.display())
            }
            RunFileError::Refused(refusal) => refusal.render(colours),
        }
    }
}

impl Refusal {
    fn render(&self, colours: Colours) -> String {
        emit(self.problems.iter().map(Problem::picture), &self.sources, colours)
    }
}

impl Problem {
    fn picture(&self) -> Diagnostic<usize> {
        Diagnostic::error()
            .with_code(self.slug.name())
            .with_message(&self.message)
            .with_label(Label::primary(self.span.file as usize, self.span.range()).with_message(&self.label))
            .with_notes(self.help.iter().map(|help| format!("help: {help}")).collect())
    }
}

impl fmt::Display for RunFileError {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str(self.render(Colours::Never).trim_end())
    }
}

impl std::error::Error for RunFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RunFileError::Unreadable { cause, .. } => Some(cause),
            RunFileError::Refused(_) => None,
        }
    }
}
