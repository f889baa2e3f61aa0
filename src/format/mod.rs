//! The one form of a model file (`totc fmt`): spaces, indentation, blank lines, commas at the end of lists and columns
//! follow from the tokens; comments and the line breaks that the author chose stay. Takes a text without syntax errors,
//! gives one of the same tree; formatting that again changes nothing.
//!
//! Four steps: `syntax::tokens` reads, `breaks` says where lines end, `align` which signs stand below each other,
//! `layout` writes.

mod align;
mod blanks;
mod breaks;
mod layout;

use crate::diagnostic::Sink;
use crate::source::FileId;
use crate::syntax::{self, Token, print, tokens};

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
