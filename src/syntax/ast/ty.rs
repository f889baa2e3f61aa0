//! Types as written: a kind or an axis to index, and the axes in brackets.

use super::name::Ident;
use crate::source::Span;

/// `float [batch, dim]`, `symbol? [cell]`.
#[derive(Clone, Debug)]
pub struct Type {
    /// The kind (`float`, `int`, `bool`) or the axis that an index is of.
    pub name: Ident,
    /// Whether a `?` stands behind the name: absent values allowed.
    pub optional: bool,
    /// None where the brackets are missing: any axes.
    pub axes: Option<Vec<AxisEntry>>,
    /// The whole type.
    pub span: Span,
}

/// An entry in the brackets of a type.
#[derive(Clone, Debug)]
pub enum AxisEntry {
    /// `..`
    Rest,
    /// `at..`
    Pack(Ident),
    /// An axis by name.
    Name(Ident),
}
