//! The items of all modules, before any model is looked at: imports lead somewhere, names are declared once.

use crate::diagnostic::Sink;
use crate::model::names::complaints;
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
    for name in own.iter().chain(&inner) {
        let outer = declared.iter().chain(if inner.iter().any(|own| own.name.span == name.name.span) {
            &own[..]
        } else {
            &[]
        });
        if let Some(before) = outer.into_iter().find(|before| before.name.name == name.name.name) {
            sink.push(complaints::hides(name.told(), before.told()));
        }
    }
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
            sink.push(match below.name == name.name {
                true => complaints::size_reads_itself(read, expr.span),
                false => complaints::size_reads_below(name, below, expr.span),
            });
        });
    }
}

#[derive(Clone, Copy)]
struct Declared<'a> {
    what: &'static str,
    name: &'a Ident,
}

impl<'a> Declared<'a> {
    fn told(&self) -> complaints::Named<'a> {
        (self.what, self.name)
    }
}

fn imports(modules: &Modules, path: &str, names: &[Ident], sink: &mut Sink) {
    let Some(other) = modules.by_path.get(path) else { return };
    let known: Vec<&str> = other.tree.items.iter().filter_map(Item::name).collect();
    for name in names.iter().filter(|name| !known.contains(&name.name.as_str())) {
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
        sink.push(complaints::no_import(path, name, passed_on.as_deref(), &known));
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
    for (at, own) in names.iter().enumerate() {
        if let Some(before) = names[..at].iter().find(|known| known.name.name == own.name.name) {
            sink.push(complaints::named_twice(own.told(), before.told()));
        }
    }
}
