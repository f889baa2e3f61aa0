//! What an item of the outline reads and gives, by name, and what stands for parts of it: takes an expression as written,
//! gives the names in it; evaluates nothing. No name hides another, so a name says which value is meant.

use crate::model::names::visit::visit_expr;
use crate::model::outline::{AHEAD, ago};
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
    /// Every name of an expression, once, in order; configs and nets among them. `y@1` is no reading of y as it is now.
    pub(in crate::model) fn of(expr: &Expr) -> Reading {
        let mut reads: Vec<String> = Vec::new();
        let mut earlier: Vec<Span> = Vec::new();
        visit_expr(expr, &mut |expr| {
            let name = match &expr.kind {
                ExprKind::Name(_) if earlier.contains(&expr.span) => return,
                ExprKind::Name(name) => name.clone(),
                ExprKind::Lookahead(_) => AHEAD.to_owned(),
                ExprKind::Ago { base, steps } => {
                    let ExprKind::Name(state) = &base.kind else { return };
                    earlier.push(base.span);
                    ago(state, *steps as usize)
                }
                _ => return,
            };
            if !reads.contains(&name) {
                reads.push(name);
            }
        });
        Reading { reads, gives: Vec::new() }
    }
}
