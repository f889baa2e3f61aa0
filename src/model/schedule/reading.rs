//! What an item of the outline reads and gives, by name, and what stands for parts of it: takes an expression as written,
//! gives the names in it; evaluates nothing. No name hides another, so a name says which value is meant.

use crate::model::names::visit::visit_expr;
use crate::model::outline::AHEAD;
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind};

/// Names that an item reads, and names that get a value there beside its target.
#[derive(Clone, Debug, Default)]
pub(in crate::model) struct Reading {
    pub reads: Vec<String>,
    pub gives: Vec<String>,
}

/// What stands for a part of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::model) enum Resolved {
    /// Another part: the arm that was taken, or what was inherited.
    Part(Span),
    /// The number of a config.
    Number(String),
}

impl Reading {
    /// Every name of an expression, once, in order; configs and nets among them.
    pub(in crate::model) fn of(expr: &Expr) -> Reading {
        let mut reads: Vec<String> = Vec::new();
        visit_expr(expr, &mut |expr| {
            let name = match &expr.kind {
                ExprKind::Name(name) => name.as_str(),
                ExprKind::Lookahead(_) => AHEAD,
                _ => return,
            };
            if !reads.iter().any(|known| known == name) {
                reads.push(name.to_owned());
            }
        });
        Reading { reads, gives: Vec::new() }
    }
}
