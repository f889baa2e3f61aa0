//! The items of all modules, before any model is looked at: imports lead somewhere, names are declared once.

use crate::diagnostic::{Code, Diagnostic, Sink, did_you_mean};
use crate::model::names::visit::visit_expr;
use crate::syntax::Modules;
use crate::syntax::ast::{ExprKind, FnDef, Ident, Item, ItemKind, MemberKind, NetDef, Param};

/// Reports imports of what is not there, and names that one module, net or function declares twice.
pub(in crate::model) fn check(modules: &Modules, sink: &mut Sink) {
    for module in modules.by_path.values() {
        let mut declared: Vec<Declared> = Vec::new();
        for item in &module.tree.items {
            match &item.kind {
                ItemKind::Use(used) => {
                    imports(modules, &used.module.join("::"), &used.names, sink);
                    declared.extend(used.names.iter().map(|name| Declared { what: "import", name }));
                }
                ItemKind::Model(model) => {
                    let what = if model.mixin { "mixin" } else { "model" };
                    declared.push(Declared { what, name: &model.name });
                }
                ItemKind::Net(net) => {
                    declared.push(Declared { what: "net", name: &net.name });
                    distinct(&names_of_net(net), sink);
                    net.body.iter().for_each(|body| distinct(&parameters(&body.params), sink));
                }
                ItemKind::Fn(function) => {
                    let FnDef { name, params, .. } = function;
                    declared.extend(name.iter().map(|name| Declared { what: "function", name }));
                    distinct(&parameters(params), sink);
                }
                ItemKind::Axis { name, .. } => declared.push(Declared { what: "axis", name }),
            }
        }
        distinct(&declared, sink);
        for item in &module.tree.items {
            hidden(item, &declared, sink);
        }
        sizes_read_upwards(&module.tree.items, sink);
    }
}

/// Parameters and members that would hide what the file declares or imports, and parameters of a net's `fn` that would
/// hide the net's own.
fn hidden(item: &Item, declared: &[Declared], sink: &mut Sink) {
    let (own, inner) = match &item.kind {
        ItemKind::Net(net) => {
            let body = net.body.iter().flat_map(|body| parameters(&body.params)).collect();
            (names_of_net(net), body)
        }
        ItemKind::Fn(function) => (parameters(&function.params), Vec::new()),
        _ => return,
    };
    let mut tell = |hides: &Declared, before: &Declared| {
        let message =
            format!("`{}` is {} already, which this would hide", hides.name.name, article(before.what));
        sink.push(
            Diagnostic::new(
                Code::Duplicate,
                message,
                hides.name.span,
                format!("declared anew as {}", hides.what),
            )
            .related(before.name.span, "declared here")
            .help("choose another name"),
        );
    };
    for name in own.iter().chain(&inner) {
        let outer = declared.iter().chain(if inner.iter().any(|own| own.name.span == name.name.span) {
            &own[..]
        } else {
            &[]
        });
        if let Some(before) = outer.into_iter().find(|before| before.name.name == name.name.name) {
            tell(name, before);
        }
    }
}

fn article(what: &str) -> String {
    if what.starts_with(['a', 'i']) { format!("an {what}") } else { format!("a {what}") }
}

/// The size of an axis of the file reads axes that stand above it, so that no size waits for itself.
fn sizes_read_upwards(items: &[Item], sink: &mut Sink) {
    for (at, item) in items.iter().enumerate() {
        let ItemKind::Axis { name, size: Some(size) } = &item.kind else { continue };
        visit_expr(size, &mut |expr| {
            let ExprKind::Name(read) = &expr.kind else { return };
            let below = items[at..].iter().find_map(|item| match &item.kind {
                ItemKind::Axis { name, .. } if name.name == *read => Some(name),
                _ => None,
            });
            let Some(below) = below else { return };
            let own = below.name == name.name;
            let (message, help) = match own {
                true => (
                    format!("the size of the axis `{read}` reads itself"),
                    "give it a number, or read another axis".to_owned(),
                ),
                false => (
                    format!(
                        "the size of the axis `{}` reads `{read}`, which is declared below it",
                        name.name
                    ),
                    format!("move `axis {read}` above it"),
                ),
            };
            let diagnostic =
                Diagnostic::new(Code::Misplaced, message, expr.span, "read too early").help(help);
            sink.push(if own { diagnostic } else { diagnostic.related(below.span, "declared here") });
        });
    }
}

#[derive(Clone, Copy)]
struct Declared<'a> {
    what: &'static str,
    name: &'a Ident,
}

fn imports(modules: &Modules, path: &str, names: &[Ident], sink: &mut Sink) {
    let Some(other) = modules.by_path.get(path) else { return };
    let known: Vec<&str> = other.tree.items.iter().filter_map(Item::name).collect();
    for name in names.iter().filter(|name| !known.contains(&name.name.as_str())) {
        let diagnostic = Diagnostic::new(
            Code::UnknownImport,
            format!("`{path}` has nothing called `{}`", name.name),
            name.span,
            "not found",
        );
        let declares = |path: &str| {
            modules.by_path.get(path).is_some_and(|module| {
                module.tree.items.iter().any(|item| item.name() == Some(name.name.as_str()))
            })
        };
        let passed_on = other.tree.items.iter().find_map(|item: &Item| match &item.kind {
            ItemKind::Use(used) if used.names.iter().any(|own| own.name == name.name) => {
                Some(used.module.join("::")).filter(|from| declares(from))
            }
            _ => None,
        });
        let listed: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        let help = match (passed_on, did_you_mean(&name.name, known.iter().copied())) {
            (Some(from), _) => format!("it imports it itself: `use {from}::{}`", name.name),
            (_, Some(near)) => format!("did you mean `{near}`?"),
            _ if listed.is_empty() => format!("`{path}` declares nothing"),
            _ => format!("it has {}", listed.join(", ")),
        };
        sink.push(diagnostic.help(help));
    }
}

fn names_of_net(net: &NetDef) -> Vec<Declared<'_>> {
    let mut names = parameters(&net.params);
    for member in &net.members {
        match &member.kind {
            MemberKind::Axis { names: axes, .. } => {
                names.extend(axes.iter().map(|name| Declared { what: "axis", name }));
            }
            MemberKind::Weight { name, .. } => names.push(Declared { what: "weight", name }),
            MemberKind::Net { name, .. } => names.push(Declared { what: "net", name }),
            _ => {}
        }
    }
    names
}

fn parameters(params: &[Param]) -> Vec<Declared<'_>> {
    params.iter().map(|param| Declared { what: "parameter", name: &param.name }).collect()
}

fn distinct(names: &[Declared], sink: &mut Sink) {
    for (at, Declared { what, name }) in names.iter().enumerate() {
        let Some(before) = names[..at].iter().find(|known| known.name.name == name.name) else { continue };
        let message = if before.what == *what {
            format!("{what} `{}` is declared twice", name.name)
        } else {
            format!("`{}` is declared as {} and as {what}", name.name, before.what)
        };
        sink.push(
            Diagnostic::new(Code::Duplicate, message, name.span, "again here")
                .related(before.name.span, "first here")
                .help("remove one, or give it another name"),
        );
    }
}
