//! The one form of a model file (`totc fmt`): spaces, indentation, blank lines, commas at the end of lists and columns
//! follow from the tokens; comments and the line breaks that the author chose stay. Takes a text without syntax errors,
//! gives one of the same tree; formatting that again changes nothing.
//!
//! Four steps: `syntax::tokens` reads, `breaks` says where lines end, `align` which signs stand below each other,
//! `layout` writes.

mod align;
mod breaks;
mod layout;

use crate::diagnostic::Sink;
use crate::source::FileId;
use crate::syntax::{self, Token, print, tokens};

/// Spaces a level.
const INDENT: usize = 4;

/// The form of a text; None if it has syntax errors, which are told to `sink`, and where the form would be another tree.
pub fn format(file: FileId, text: &str, sink: &mut Sink) -> Option<String> {
    let mut own = Sink::default();
    let tree = syntax::parse(file, text, &mut own);
    if own.has_errors() {
        own.sorted().into_iter().cloned().for_each(|diagnostic| sink.push(diagnostic));
        return None;
    }
    let formatted = write(text, &tokens(text)?);
    let again = syntax::parse(file, &formatted, &mut Sink::default());
    (print(&again) == print(&tree)).then_some(formatted)
}

fn write(text: &str, tokens: &[Token]) -> String {
    let plan = breaks::plan(text, tokens);
    let pads = align::signs(&layout::lines(text, tokens, &plan, &[]), text, tokens);
    let lines = layout::lines(text, tokens, &plan, &pads);
    layout::write(&lines, &align::comments(&lines, tokens))
}

/// Blanks between two tokens on one line.
fn between(left: &Token, right: &Token) -> usize {
    use crate::syntax::{Bracket, Role};
    let spacious = |bracket: Bracket| {
        matches!(bracket, Bracket::Fields | Bracket::Arms | Bracket::Members | Bracket::Statements)
    };
    match (left.role, right.role) {
        (_, Role::Comment) => 2,
        (Role::Open(_), Role::Close(_)) | (_, Role::Comma | Role::Suffix) => 0,
        (Role::Prefix | Role::Joint, _) | (_, Role::Joint) => 0,
        (Role::Open(bracket), _) | (_, Role::Close(bracket)) => usize::from(spacious(bracket)),
        (Role::Name | Role::Close(_), Role::Open(Bracket::Arguments)) => 0,
        (_, Role::Open(Bracket::PlainArguments | Bracket::Imports)) => 0,
        _ => 1,
    }
}
