//! The items of all modules, before any model is looked at: imports lead somewhere, names are declared once.

use crate::diagnostic::{Code, Diagnostic, Sink, did_you_mean};
use crate::model::checker::item_name;
use crate::syntax::Modules;
use crate::syntax::ast::{FnDef, Ident, Item, ItemKind, MemberKind, NetDef, Param};

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
                ItemKind::Model(model) => declared.push(Declared { what: "model", name: &model.name }),
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
                ItemKind::Axis(name) => declared.push(Declared { what: "axis", name }),
            }
        }
        distinct(&declared, sink);
    }
}

#[derive(Clone, Copy)]
struct Declared<'a> {
    what: &'static str,
    name: &'a Ident,
}

fn imports(modules: &Modules, path: &str, names: &[Ident], sink: &mut Sink) {
    let Some(other) = modules.by_path.get(path) else { return };
    let known: Vec<&str> = other.tree.items.iter().filter_map(item_name).collect();
    for name in names.iter().filter(|name| !known.contains(&name.name.as_str())) {
        let diagnostic = Diagnostic::new(
            Code::UnknownImport,
            format!("`{path}` has nothing called `{}`", name.name),
            name.span,
            "not found",
        );
        let declares = |path: &str| {
            modules.by_path.get(path).is_some_and(|module| {
                module.tree.items.iter().any(|item| item_name(item) == Some(name.name.as_str()))
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
