//! Heirs that build on what they replace: `inherited` in a section or block, in a loss, metric or prediction, and the
//! name of a net in its own declaration. Takes a declaration and the inherited one that it replaces; puts what is
//! inherited into its tree, with the module whose names it sees.

use crate::diagnostic::Sink;
use crate::model::names::complaints;
use crate::source::Span;
use crate::syntax::ast::{
    ArgKind, Block, Branching, Expr, ExprKind, IndexItem, InheritedBlock, LoopCount, Member, MemberKind,
    Stmt, StmtKind,
};

/// Puts what `base`, of a file's module, declares where `heir`, which replaces it, goes on from it; gives whether it does.
pub(super) fn go_on(base: &Member, module: &str, heir: &mut Member, sink: &mut Sink) -> bool {
    let module = module.to_owned();
    match (&base.kind, &mut heir.kind) {
        (MemberKind::Section { body: old, .. }, MemberKind::Section { body, .. }) => {
            fill(body, &InheritedBlock { module, body: old.clone() }).is_some()
        }
        (
            MemberKind::Block { name: inherited, body: old, args: theirs },
            MemberKind::Block { name, args, body },
        ) => {
            let Some(place) = fill(body, &InheritedBlock { module, body: old.clone() }) else {
                return false;
            };
            let names = |args: &[crate::syntax::ast::Ident]| {
                args.iter().map(|arg| arg.name.clone()).collect::<Vec<_>>()
            };
            if names(args) != names(theirs) {
                sink.push(complaints::goes_on_with_others(name, &names(theirs), place, inherited.span));
            }
            true
        }
        (MemberKind::Loss { value: old, .. }, MemberKind::Loss { value, .. })
        | (MemberKind::Metric { value: old, .. }, MemberKind::Metric { value, .. }) => {
            put("inherited", value, &module, old)
        }
        (MemberKind::Predict(old), MemberKind::Predict(own)) => {
            if let ([(_, old)], [(Some(_), value)]) = (&old[..], &mut own[..]) {
                return put("inherited", value, &module, old);
            }
            false
        }
        (MemberKind::Net { value: old, .. }, MemberKind::Net { name, value }) => {
            put(&name.name.clone(), value, &module, old)
        }
        (MemberKind::Part { value: old, .. }, MemberKind::Part { value, .. }) => {
            put("inherited", value, &module, old)
        }
        _ => false,
    }
}

/// The net that a declaration makes without building on the one that it replaces.
pub(super) fn declared_anew(member: &Member) -> Option<&str> {
    let MemberKind::Net { name, value } = &member.kind else { return None };
    let mut builds = false;
    each(&mut value.clone(), &mut |expr| builds |= matches!(expr.kind, ExprKind::Inherited { .. }));
    (!builds).then_some(name.name.as_str())
}

/// Whether a declaration puts another net into this one.
pub(super) fn part_of(member: &Member, net: &str) -> bool {
    matches!(&member.kind, MemberKind::Part { path, .. } if path.first().is_some_and(|first| first.name == net))
}

/// Fills in every `inherited` of a body; gives the place of the first.
fn fill(body: &mut Block, base: &InheritedBlock) -> Option<Span> {
    let mut first = None;
    for Stmt { kind, span } in &mut body.statements {
        let place = match kind {
            StmtKind::Inherited(own) => {
                *own = Some(Box::new(base.clone()));
                Some(*span)
            }
            StmtKind::Repeat { body, .. } => fill(body, base),
            StmtKind::If { then, otherwise, .. } => {
                let place = fill(then, base);
                place.or(otherwise.as_mut().and_then(|block| fill(block, base)))
            }
            _ => None,
        };
        first = first.or(place);
    }
    first
}

/// Puts the inherited expression where `name` stands; gives whether it stands anywhere.
fn put(name: &str, value: &mut Expr, module: &str, old: &Expr) -> bool {
    let mut stands = false;
    each(value, &mut |expr| {
        if matches!(&expr.kind, ExprKind::Name(own) if own == name) {
            expr.kind = ExprKind::Inherited { module: module.to_owned(), value: Box::new(old.clone()) };
            stands = true;
        }
    });
    stands
}

/// Every expression of a tree from its leaves up, what is inherited left out.
fn each(expr: &mut Expr, edit: &mut dyn FnMut(&mut Expr)) {
    match &mut expr.kind {
        ExprKind::Number(_) | ExprKind::Bool(_) | ExprKind::Name(_) | ExprKind::Lookahead(_) => {}
        ExprKind::Inherited { .. } => {}
        ExprKind::Call { callee, args } => {
            each(callee, edit);
            for arg in args {
                if let ArgKind::Positional(value) | ArgKind::Named(_, value) = &mut arg.kind {
                    each(value, edit);
                }
            }
        }
        ExprKind::Index { base, items } => {
            each(base, edit);
            for item in items {
                match item {
                    IndexItem::Plain(value) | IndexItem::Equal(_, value) => each(value, edit),
                    IndexItem::In(_, from, to) => {
                        each(from, edit);
                        each(to, edit);
                    }
                }
            }
        }
        ExprKind::Field { base, .. } | ExprKind::Ago { base, .. } => each(base, edit),
        ExprKind::Unary { value, .. } => each(value, edit),
        ExprKind::Binary { left, right, .. } => {
            each(left, edit);
            each(right, edit);
        }
        ExprKind::If { cond, then, otherwise } => {
            each(cond, edit);
            each_of(then, edit);
            each_of(otherwise, edit);
        }
        ExprKind::Match { subject, arms } => {
            each(subject, edit);
            arms.iter_mut().for_each(|(_, arm)| each(arm, edit));
        }
        ExprKind::Tuple(values) | ExprKind::List(values) => {
            values.iter_mut().for_each(|value| each(value, edit))
        }
        ExprKind::Block(block) => each_of(block, edit),
    }
    edit(expr);
}

fn each_of(block: &mut Block, edit: &mut dyn FnMut(&mut Expr)) {
    for statement in &mut block.statements {
        match &mut statement.kind {
            StmtKind::Let { value, .. }
            | StmtKind::Var { value, .. }
            | StmtKind::Update { value, .. }
            | StmtKind::Record { value, .. }
            | StmtKind::Collect { value, .. }
            | StmtKind::Emit { value, .. }
            | StmtKind::Return(value)
            | StmtKind::Branch { how: Branching::With(value) | Branching::Into(value), .. }
            | StmtKind::Merge { with: value, .. }
            | StmtKind::Prune { by: value, .. } => each(value, edit),
            StmtKind::Repeat { count, body, .. } => {
                if let LoopCount::Times(times) = count {
                    each(times, edit);
                }
                each_of(body, edit);
            }
            StmtKind::If { cond, then, otherwise } => {
                each(cond, edit);
                each_of(then, edit);
                otherwise.iter_mut().for_each(|block| each_of(block, edit));
            }
            StmtKind::Axis { .. } | StmtKind::Do { .. } | StmtKind::Inherited(_) => {}
        }
    }
    block.value.iter_mut().for_each(|value| each(value, edit));
}
