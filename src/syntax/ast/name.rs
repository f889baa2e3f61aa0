//! A name where it is written, which every other part of the tree holds.

use crate::source::Span;

/// A name where it is written.
#[derive(Clone, Debug)]
pub struct Ident {
    /// As written.
    pub name: String,
    /// Where.
    pub span: Span,
}
