//! What statements leave behind: the value that a `return` gives, entries of collections, what nets emit, what a try of a
//! loop has shown.

use crate::model::Val;
use crate::model::evaluate::value::Value;
use crate::source::Span;
use crate::types::AxisId;
use std::collections::BTreeSet;

/// How statements end.
pub(in crate::model) enum Flow {
    /// The next statement follows.
    Next,
    /// None follows: the function or net has this value.
    Return(Value),
}

/// The values of one `collect`, so far.
#[derive(Clone)]
pub(in crate::model) struct Collection {
    pub name: String,
    pub axis: AxisId,
    pub entries: Vec<Val>,
    /// An entry was refused, and that reported.
    pub broken: bool,
    pub span: Span,
}

/// A value that a net emitted at one call.
#[derive(Clone)]
pub(in crate::model) struct Emission {
    /// The path of the net whose `fn` it stands in.
    pub net: String,
    pub name: String,
    /// None where an error has been reported.
    pub value: Option<Val>,
    pub span: Span,
}

/// What became of the tries of a loop.
#[derive(Clone)]
pub(in crate::model) enum Tried {
    /// It stays a loop that updates these.
    Carries(BTreeSet<String>),
    /// It is written out.
    Differs,
}
