//! Warnings about what nobody uses: nets, weights, blocks and configs that no text of a model reads.

use crate::model::checker::Checker;
use crate::model::names::inherit::{Flat, FlatModel};
use crate::model::names::visit::{visit_all, visit_member};
use crate::model::results::complaints::{self, Unused};
use crate::model::words::meant;
use crate::source::Span;
use crate::syntax::ast::{Block, ExprKind, Member, MemberKind, StmtKind, WeightRole};
use std::collections::HashSet;

impl Checker<'_> {
    /// Warns of nets, weights and blocks that no text of the model reads, and of a model that cannot be trained.
    pub(in crate::model) fn unused(&mut self, flat: &FlatModel) {
        if self.told.borrow().sink.has_errors() {
            return;
        }
        let mut read = HashSet::new();
        for own in &flat.members {
            visit_member(&own.member, &mut |expr| {
                if let ExprKind::Name(name) = &expr.kind {
                    read.insert(name.clone());
                }
            });
        }
        let dead = self.told.borrow().dead.clone();
        let mut read_by_size = HashSet::new();
        for own in &flat.members {
            visit_all(&own.member, &mut |expr| {
                let lies_in = |span: &Span| {
                    span.file == expr.span.file && span.start <= expr.span.start && expr.span.end <= span.end
                };
                if let ExprKind::Name(name) = &expr.kind
                    && !dead.iter().any(lies_in)
                {
                    read_by_size.insert(name.clone());
                }
            });
        }
        let configs = flat.members.iter().filter_map(config_name);
        let configs: Vec<&str> = configs.filter(|name| read_by_size.contains(*name)).collect();
        for own in &flat.members {
            let (kind, name, used) = match &own.member.kind {
                MemberKind::Config { name, .. } => ("config", name, read_by_size.contains(&name.name)),
                MemberKind::Net { name, .. } => ("net", name, read.contains(&name.name)),
                MemberKind::Weight { role, name, .. } => match role {
                    WeightRole::Param => ("param", name, read.contains(&name.name)),
                    WeightRole::Buffer => ("buffer", name, read.contains(&name.name)),
                    WeightRole::Table => ("table", name, read.contains(&name.name)),
                },
                MemberKind::Block { name, .. } => {
                    let done = flat.members.iter().any(|other| does(&other.member, &name.name));
                    // Who writes a section anew has no use for the blocks it was cut into, and they cost nothing.
                    let theirs = own.model != flat.span && self.sources.is_library(name.span);
                    ("block", name, done || theirs)
                }
                _ => continue,
            };
            if used {
                continue;
            }
            let own_text = own.model == flat.span;
            let unused = Unused {
                model: &flat.name,
                kind,
                name,
                own: own_text,
                library: !own_text && self.sources.is_library(name.span),
                replaced: read.contains(&name.name),
                meant: if kind == "config" { meant(&name.name, &configs) } else { None },
            };
            self.told.borrow_mut().sink.push(unused.told());
        }
        if !flat.members.iter().any(|own| matches!(own.member.kind, MemberKind::Loss { .. })) {
            self.told.borrow_mut().sink.push(complaints::without_loss(&flat.name));
        }
    }
}

fn config_name(flat: &Flat) -> Option<&str> {
    match &flat.member.kind {
        MemberKind::Config { name, .. } => Some(&name.name),
        _ => None,
    }
}

/// Whether a member does a block, other than the block itself.
pub(in crate::model) fn does(member: &Member, block: &str) -> bool {
    match &member.kind {
        MemberKind::Section { body, .. } => done_in(body, block),
        MemberKind::Block { name, body, .. } => name.name != block && done_in(body, block),
        _ => false,
    }
}

fn done_in(body: &Block, block: &str) -> bool {
    body.statements.iter().any(|statement| match &statement.kind {
        StmtKind::Do { name, .. } => name.name == block,
        StmtKind::Repeat { body, .. } => done_in(body, block),
        StmtKind::Inherited(Some(base)) => done_in(&base.body, block),
        StmtKind::If { then, otherwise, .. } => {
            done_in(then, block) || otherwise.as_ref().is_some_and(|other| done_in(other, block))
        }
        _ => false,
    })
}
