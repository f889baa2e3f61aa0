//! Names in branches that no choice of the configs takes now: `if deep { … } else { … }` is checked in the branch taken,
//! and a name that means nothing anywhere in the model is told in the other one too.

use crate::model::checker::Checker;
use crate::model::names::complaints;
use crate::model::names::inherit::FlatModel;
use crate::syntax::ast::{Block, ExprKind, ItemKind, LoopCount, MemberKind, Stmt, StmtKind};
use std::collections::HashSet;

impl Checker<'_> {
    /// Complains about names that nothing binds. Runs where nothing else is wrong: what was taken has been checked.
    pub(in crate::model) fn names_not_taken(&mut self, flat: &FlatModel) {
        if self.told.borrow().sink.has_errors() {
            return;
        }
        let mut bound: HashSet<String> =
            ["batch", "training", "steps", "last_step", "inf", "noise", "Linear", "inherited"]
                .into_iter()
                .map(str::to_owned)
                .collect();
        for own in &flat.members {
            bound.extend(own.choices.iter().cloned());
            bind_member(&own.member.kind, &mut bound);
        }
        for module in &flat.modules {
            let Some(module) = self.modules.by_path.get(module) else { continue };
            for item in &module.tree.items {
                bound.extend(item.name().map(str::to_owned));
                if let ItemKind::Use(used) = &item.kind {
                    bound.extend(used.names.iter().map(|name| name.name.clone()));
                }
            }
        }
        let mut unknown = Vec::new();
        for own in &flat.members {
            crate::model::names::visit::visit_member(&own.member, &mut |expr| {
                if let ExprKind::Name(name) = &expr.kind
                    && !bound.contains(name)
                    && !crate::model::evaluate::call::is_built_in(name)
                {
                    unknown.push((name.clone(), expr.span));
                }
            });
        }
        for (name, span) in unknown {
            let mut known: Vec<&str> = bound.iter().map(String::as_str).collect();
            known.sort_unstable();
            self.error(complaints::unknown_where_not_taken(&name, span, &known));
        }
    }
}

fn bind_member(kind: &MemberKind, bound: &mut HashSet<String>) {
    match kind {
        MemberKind::Config { name, ty, .. } => {
            bound.insert(name.name.clone());
            bound.extend(ty.iter().map(|ty| ty.name.clone()));
        }
        MemberKind::Axis { names, .. } => bound.extend(names.iter().map(|name| name.name.clone())),
        MemberKind::Data { name, .. }
        | MemberKind::Weight { name, .. }
        | MemberKind::Net { name, .. }
        | MemberKind::State { name, .. } => {
            bound.insert(name.name.clone());
        }
        MemberKind::Section { body, .. } => bind_block(body, bound),
        MemberKind::Block { args, body, .. } => {
            bound.extend(args.iter().map(|arg| arg.name.clone()));
            bind_block(body, bound);
        }
        MemberKind::Metric { value, .. } | MemberKind::Loss { value, .. } => {
            crate::model::names::visit::visit_expr(value, &mut |expr| match &expr.kind {
                ExprKind::Block(block) => bind_block(block, bound),
                ExprKind::If { then, otherwise, .. } => {
                    bind_block(then, bound);
                    bind_block(otherwise, bound);
                }
                _ => {}
            });
        }
        _ => {}
    }
}

fn bind_block(block: &Block, bound: &mut HashSet<String>) {
    block.statements.iter().for_each(|statement| bind_statement(statement, bound));
    // Blocks that give values may stand in any expression.
    crate::model::names::visit::visit_block(block, &mut |expr| match &expr.kind {
        ExprKind::Block(inner) => inner.statements.iter().for_each(|own| bind_statement(own, bound)),
        ExprKind::If { then, otherwise, .. } => {
            let both = then.statements.iter().chain(&otherwise.statements);
            both.for_each(|own| bind_statement(own, bound));
        }
        _ => {}
    });
}

fn bind_statement(statement: &Stmt, bound: &mut HashSet<String>) {
    match &statement.kind {
        StmtKind::Let { names, .. } => bound.extend(names.iter().map(|name| name.name.clone())),
        StmtKind::Axis { name, .. }
        | StmtKind::Var { name, .. }
        | StmtKind::Record { name, .. }
        | StmtKind::Collect { name, .. }
        | StmtKind::Merge { giving: Some(name), .. } => {
            bound.insert(name.name.clone());
        }
        StmtKind::Repeat { count, body, .. } => {
            if let LoopCount::Range { index, .. } = count {
                bound.insert(index.name.clone());
            }
            bind_block(body, bound);
        }
        StmtKind::Inherited(Some(base)) => bind_block(&base.body, bound),
        StmtKind::If { then, otherwise, .. } => {
            bind_block(then, bound);
            otherwise.iter().for_each(|block| bind_block(block, bound));
        }
        _ => {}
    }
}
