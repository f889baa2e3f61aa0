//! What a declaration declares, and where it says so. Takes members as parsed; knows nothing of inheritance.

use crate::source::Span;
use crate::syntax::ast::{self, Expr, ExprKind, Member, MemberKind};

/// What declares a name that expressions can read; all of these share one name space.
pub(in crate::model) fn declares(member: &Member) -> Option<(&'static str, &ast::Ident)> {
    Some(match &member.kind {
        MemberKind::Config { name, .. } => ("config", name),
        MemberKind::Axis { names, .. } => ("axis", names.first()?),
        MemberKind::Data { target: true, name, .. } => ("target", name),
        MemberKind::Data { target: false, name, .. } => ("input", name),
        MemberKind::Weight { role: ast::WeightRole::Param, name, .. } => ("param", name),
        MemberKind::Weight { role: ast::WeightRole::Buffer, name, .. } => ("buffer", name),
        MemberKind::Weight { role: ast::WeightRole::Table, name, .. } => ("table", name),
        MemberKind::Net { name, .. } => ("net", name),
        MemberKind::State { name, .. } => ("state", name),
        _ => return None,
    })
}

/// Where a declaration says what it declares.
pub(in crate::model) fn declared_at(member: &Member) -> Span {
    match &member.kind {
        MemberKind::Block { name, .. } | MemberKind::Metric { name, .. } | MemberKind::Loss { name, .. } => {
            name.span
        }
        MemberKind::Section { body, .. } => Span { end: body.span.start, ..member.span },
        MemberKind::Part { path, .. } => match &path[..] {
            [first, .., last] => first.span.to(last.span),
            _ => member.span,
        },
        _ => declares(member).map_or(member.span, |(_, name)| name.span),
    }
}

/// What a declaration declares, as `kind name`: the key by which an heir replaces it.
pub(in crate::model) fn key(member: &Member) -> String {
    let block = |kind: &str, name: &ast::Ident| format!("{kind} `{}`", name.name);
    match &member.kind {
        MemberKind::Section { section, .. } => format!("`{}`", section.word()),
        MemberKind::Block { name, .. } => block("block", name),
        MemberKind::Metric { name, .. } => block("metric", name),
        MemberKind::Loss { name, .. } => block("loss", name),
        MemberKind::Predict(predictions) => match predictions.first() {
            Some((Some(name), _)) => block("predict", name),
            Some((None, Expr { kind: ExprKind::Name(name), .. })) => format!("predict `{name}`"),
            _ => "`predict`".to_owned(),
        },
        MemberKind::Halt { .. } => "`halt`".to_owned(),
        MemberKind::CarryGrad(_) => "`carry grad`".to_owned(),
        MemberKind::Part { path, .. } => format!("net `{}`", dotted(path)),
        _ => declares(member).map_or(String::new(), |(kind, name)| block(kind, name)),
    }
}

/// `f.layers.mlp`, as the author wrote it.
pub(in crate::model) fn dotted(path: &[ast::Ident]) -> String {
    path.iter().map(|name| name.name.as_str()).collect::<Vec<_>>().join(".")
}
