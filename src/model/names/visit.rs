//! Walks over the expressions of a member, for what must be known before it is checked.

use crate::syntax::ast::{
    ArgKind, Block, Branching, Expr, ExprKind, IndexItem, LoopCount, Member, MemberKind, StmtKind,
};

/// Every expression of a member.
pub(in crate::model) fn visit_member(member: &Member, visit: &mut dyn FnMut(&Expr)) {
    match &member.kind {
        MemberKind::Section { body, .. } | MemberKind::Block { body, .. } => visit_block(body, visit),
        MemberKind::Metric { value, .. } | MemberKind::Loss { value, .. } => visit_expr(value, visit),
        MemberKind::Predict(predictions) => {
            predictions.iter().for_each(|(_, value)| visit_expr(value, visit))
        }
        MemberKind::Halt { when: Some(when), .. } => visit_expr(when, visit),
        MemberKind::Net { value, .. } | MemberKind::Part { value, .. } => visit_expr(value, visit),
        MemberKind::State { init, .. } => visit_expr(init, visit),
        _ => {}
    }
}

/// Every expression of a member, those of sizes, ranges and initial values included.
pub(in crate::model) fn visit_all(member: &Member, visit: &mut dyn FnMut(&Expr)) {
    match &member.kind {
        MemberKind::Config { value, range, .. } => {
            visit_expr(value, visit);
            if let Some((low, high)) = range {
                visit_expr(low, visit);
                high.iter().for_each(|high| visit_expr(high, visit));
            }
        }
        MemberKind::Axis { size, .. } => size.iter().for_each(|size| visit_expr(size, visit)),
        MemberKind::Weight { init, .. } => visit_expr(init, visit),
        MemberKind::Halt { when, at_most, explore } => {
            when.iter().chain(at_most).chain(explore).for_each(|expr| visit_expr(expr, visit));
        }
        MemberKind::CarryGrad(steps) => visit_expr(steps, visit),
        _ => visit_member(member, visit),
    }
}

pub(in crate::model) fn visit_block(block: &Block, visit: &mut dyn FnMut(&Expr)) {
    for statement in &block.statements {
        match &statement.kind {
            StmtKind::Let { value, .. }
            | StmtKind::Var { value, .. }
            | StmtKind::Update { value, .. }
            | StmtKind::Record { value, .. }
            | StmtKind::Collect { value, .. }
            | StmtKind::Emit { value, .. }
            | StmtKind::Return(value) => visit_expr(value, visit),
            StmtKind::Axis { size, .. } => size.iter().for_each(|size| visit_expr(size, visit)),
            StmtKind::Repeat { count, grad_last, while_, body } => {
                match count {
                    LoopCount::Times(times) => visit_expr(times, visit),
                    LoopCount::Range { from, to, .. } => {
                        visit_expr(from, visit);
                        visit_expr(to, visit);
                    }
                }
                grad_last.iter().chain(while_).for_each(|expr| visit_expr(expr, visit));
                visit_block(body, visit);
            }
            StmtKind::Branch { how: Branching::With(expr) | Branching::Into(expr), .. } => {
                visit_expr(expr, visit)
            }
            StmtKind::Merge { groups, with, .. } => {
                groups.iter().for_each(|expr| visit_expr(expr, visit));
                visit_expr(with, visit);
            }
            StmtKind::Prune { to, by, .. } => {
                visit_expr(to, visit);
                visit_expr(by, visit);
            }
            StmtKind::Do { args, .. } => args.iter().for_each(|arg| visit_expr(arg, visit)),
            StmtKind::Inherited(base) => base.iter().for_each(|base| visit_block(&base.body, visit)),
            StmtKind::If { cond, then, otherwise } => {
                visit_expr(cond, visit);
                visit_block(then, visit);
                otherwise.iter().for_each(|block| visit_block(block, visit));
            }
        }
    }
    block.value.iter().for_each(|value| visit_expr(value, visit));
}

pub(in crate::model) fn visit_expr(expr: &Expr, visit: &mut dyn FnMut(&Expr)) {
    visit(expr);
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Bool(_) | ExprKind::Name(_) | ExprKind::Lookahead(_) => {}
        ExprKind::Call { callee, args } => {
            visit_expr(callee, visit);
            for arg in args {
                if let ArgKind::Positional(value) | ArgKind::Named(_, value) = &arg.kind {
                    visit_expr(value, visit);
                }
            }
        }
        ExprKind::Index { base, items } => {
            visit_expr(base, visit);
            for item in items {
                match item {
                    IndexItem::Plain(value) | IndexItem::Equal(_, value) => visit_expr(value, visit),
                    IndexItem::In(_, from, to) => {
                        visit_expr(from, visit);
                        visit_expr(to, visit);
                    }
                }
            }
        }
        ExprKind::Field { base, .. } | ExprKind::Ago { base, .. } => visit_expr(base, visit),
        ExprKind::Unary { value, .. } => visit_expr(value, visit),
        ExprKind::Binary { left, right, .. } => {
            visit_expr(left, visit);
            visit_expr(right, visit);
        }
        ExprKind::If { cond, then, otherwise } => {
            visit_expr(cond, visit);
            visit_block(then, visit);
            visit_block(otherwise, visit);
        }
        ExprKind::Match { subject, arms } => {
            visit_expr(subject, visit);
            arms.iter().for_each(|(_, arm)| visit_expr(arm, visit));
        }
        ExprKind::Tuple(values) | ExprKind::List(values) => {
            values.iter().for_each(|value| visit_expr(value, visit))
        }
        ExprKind::Block(block) => visit_block(block, visit),
        ExprKind::Inherited { value, .. } => visit_expr(value, visit),
    }
}
