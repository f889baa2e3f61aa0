//! Which nets inside nets a model replaces: takes its members, gives paths and recipes. What becomes of them is `parts`.

use crate::model::names::inherit::{Flat, declared_at, dotted};
use crate::source::Span;
use crate::syntax::ast::{Expr, MemberKind};

/// A net that stands in the place of another.
pub(in crate::model) struct Part {
    /// Where, without the numbers of families.
    pub path: String,
    /// What it is made of.
    pub value: Expr,
    /// Module path of the file that says so.
    pub module: String,
    /// The path as written.
    pub span: Span,
}

/// The parts that a model declares.
pub(in crate::model) fn declared(members: &[Flat]) -> Vec<Part> {
    let part = |flat: &Flat| match &flat.member.kind {
        MemberKind::Part { path, value } => Some(Part {
            path: dotted(path),
            value: value.clone(),
            module: flat.module.clone(),
            span: declared_at(&flat.member),
        }),
        _ => None,
    };
    members.iter().filter_map(part).collect()
}
