//! Blanks between tokens of one line. Takes two neighbours, gives a number; knows no lines and no columns.

use crate::syntax::{Bracket, Role, Token};

/// Blanks between two tokens on one line.
pub(super) fn between(left: &Token, right: &Token) -> usize {
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
