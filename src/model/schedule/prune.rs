//! `prune`: the best few of an axis, picked along it.

use crate::ir::op::{Attrs, Op};
use crate::model::checker::Checker;
use crate::model::complaints::told;
use crate::model::evaluate::value::Value;
use crate::model::schedule::complaints::{self, Score};
use crate::model::schedule::tree::Tree;
use crate::source::Span;
use crate::syntax::ast::{Expr, Ident};
use crate::types::{Axis, AxisId, AxisSize};

impl Checker<'_> {
    /// `prune z, y to k by score`: the best k, in the order they stand.
    pub(in crate::model) fn prune(
        &mut self,
        states: &[Ident],
        axis: Option<&Ident>,
        to: &Expr,
        by: &Expr,
        span: Span,
    ) {
        if self.pruned(states, axis, to, by, span).is_none() {
            for state in states {
                self.moved(state, None, span);
            }
        }
    }

    pub(in crate::model) fn pruned(
        &mut self,
        states: &[Ident],
        axis: Option<&Ident>,
        to: &Expr,
        by: &Expr,
        span: Span,
    ) -> Option<()> {
        let branch = self.branch_axis(axis, span)?;
        let keep = self.size_value(to)?;
        if keep == 0 {
            self.error(complaints::pruned_to_none(to.span));
            return None;
        }
        let value = self.expr(by);
        let score = self.tensor(&value, by.span)?;
        let score = self.with_growing(score, branch, by.span);
        let score_ty = self.ty(score).clone();
        let Some(width) = score_ty.size(branch) else {
            let complaint = crate::primitive::missing(branch, &score_ty, &self.axes, "a score");
            self.error(told(complaint, by.span, format!("this is {}", score_ty.show(&self.axes))));
            return None;
        };
        let mut olds = Vec::new();
        for state in states {
            let old = self.state_val(state)?;
            let old = self.with_growing(old, branch, span);
            let own = self.ty(old).size(branch).unwrap_or(1);
            if own != width {
                let score = Score { axes: score_ty.show(&self.axes).to_string(), span: by.span };
                let name = self.axes.name(branch).to_owned();
                self.error(score.of_another_width(state, &name, own, width));
                return None;
            }
            let unscored: Vec<AxisId> = score_ty.axes().filter(|axis| !self.ty(old).has(*axis)).collect();
            if !unscored.is_empty() {
                let score = Score { axes: score_ty.show(&self.axes).to_string(), span: by.span };
                let names = self.axes.names(&unscored);
                self.error(score.of_more(state, &names));
                return None;
            }
            olds.push(old);
        }
        // Fewer thoughts than places in the beam: all stay.
        if width <= keep {
            return Some(());
        }
        let kept = self.axes.add(Axis {
            name: "kept".to_owned(),
            size: AxisSize::Open,
            parts: Vec::new(),
            span: to.span,
            origin: "the number kept".to_owned(),
        });
        let attrs = Attrs { over: vec![branch], into: vec![(kept, keep)], ..Default::default() };
        let best = self.prim("top_k", &[score], attrs, span)?;
        for (state, old) in states.iter().zip(olds) {
            let old_ty = self.ty(old).clone();
            let picked = self.emit(Op::Gather { axis: branch }, &[old, best], span)?;
            let renamed = self.emit(Op::Rename { from: kept, to: branch }, &[picked], span)?;
            let val = self.in_branch_order(renamed, &old_ty, branch, span)?;
            self.note_tree(state, branch, (width, keep), by.span, span, Tree::Prune);
            let val = self.without_single(val, branch, span)?;
            self.update(state, Value::Tensor(val), span);
        }
        Some(())
    }
}
