//! The models that a model is made of, in the order in which their declarations take effect: what it extends, then the
//! mix-ins and models whose changes it takes in, then itself. Takes parsed files; what cannot be found is told.

use crate::diagnostic::Sink;
use crate::model::names::complaints;
use crate::source::Span;
use crate::syntax::ast::{self, ItemKind};
use crate::syntax::{Modules, library_modules, library_names};

/// A model of the line.
#[derive(Clone)]
pub(in crate::model) struct Link<'a> {
    /// Module path of its file.
    pub module: String,
    /// The model as written.
    pub model: &'a ast::Model,
    /// The whole of it, by which it is known.
    pub span: Span,
    /// Who takes it in after `with`; None of what is extended.
    pub taken: Option<Taken<'a>>,
}

/// Changes that another model takes in.
#[derive(Clone)]
pub(in crate::model) struct Taken<'a> {
    /// Who takes them in.
    pub by: &'a ast::Model,
    /// The name after `with`.
    pub named: &'a ast::Ident,
    /// What the changes were written for: changing these again is no conflict.
    pub knows: Vec<Span>,
}

/// The models of a file, mix-ins included.
pub(in crate::model) fn models_of(tree: &ast::File) -> impl Iterator<Item = &ast::Model> {
    tree.items.iter().filter_map(|item| match &item.kind {
        ItemKind::Model(model) => Some(model),
        _ => None,
    })
}

/// The model of the root file and all that it is made of, itself first.
pub(in crate::model) fn chain<'a>(
    modules: &'a Modules,
    model: &'a ast::Model,
    sink: &mut Sink,
) -> Option<Vec<Link<'a>>> {
    let link = find_model(modules, "", &model.name.name)?;
    let mut line = line(modules, link, &mut Vec::new(), sink)?;
    line.reverse();
    Some(line)
}

/// What is on the way to a link: a model and the name by which it leads on.
type Way<'a> = Vec<(&'a ast::Model, &'a ast::Ident)>;

/// All that a model is made of, itself last.
fn line<'a>(
    modules: &'a Modules,
    own: Link<'a>,
    way: &mut Way<'a>,
    sink: &mut Sink,
) -> Option<Vec<Link<'a>>> {
    let model = own.model;
    let mut all = match &model.extends {
        Some(base) => {
            let base = found(modules, &own, base, way, sink)?;
            if base.1.model.mixin {
                sink.push(complaints::base_is_a_mixin(base.0, base.1.model, model));
                return None;
            }
            further(modules, base, &own, way, sink)?
        }
        None => Vec::new(),
    };
    let bases: Vec<Span> = all.iter().map(|link| link.span).collect();
    for name in &model.with {
        let taken = found(modules, &own, name, way, sink)?;
        let (whole, mixin) = (taken.1.span, taken.1.model.mixin);
        let changes = further(modules, taken, &own, way, sink)?;
        if !mixin && !changes.iter().any(|link| bases.contains(&link.span)) {
            let root = changes.first().map(|link| link.model).filter(|root| root.name.name != name.name);
            sink.push(complaints::not_related(name, model, root));
            return None;
        }
        let mut knows: Vec<Span> = changes.iter().map(|link| link.span).collect();
        if bases.contains(&whole) {
            sink.push(complaints::taken_already(name, model));
            return None;
        }
        if mixin {
            knows.extend(&bases);
        }
        for link in changes {
            if all.iter().all(|known| known.span != link.span) {
                all.push(Link {
                    taken: Some(Taken { by: model, named: name, knows: knows.clone() }),
                    ..link
                });
            }
        }
    }
    all.push(own);
    Some(all)
}

/// The line of what a model names.
fn further<'a>(
    modules: &'a Modules,
    (name, link): (&'a ast::Ident, Link<'a>),
    own: &Link<'a>,
    way: &mut Way<'a>,
    sink: &mut Sink,
) -> Option<Vec<Link<'a>>> {
    way.push((own.model, name));
    let line = line(modules, link, way, sink);
    way.pop();
    line
}

/// The model that another one names; nothing, and told why, if there is none or it would be made of itself.
fn found<'a>(
    modules: &'a Modules,
    own: &Link<'a>,
    name: &'a ast::Ident,
    way: &Way<'a>,
    sink: &mut Sink,
) -> Option<(&'a ast::Ident, Link<'a>)> {
    let Some(link) = find_model(modules, &own.module, &name.name) else {
        unknown_base(modules, &own.module, name, sink);
        return None;
    };
    let closes = |model: &ast::Model| std::ptr::eq(model, link.model);
    if !closes(own.model) && !way.iter().any(|(model, _)| closes(model)) {
        return Some((name, link));
    }
    sink.push(complaints::extends_itself(link.model, way, name.span));
    None
}

fn unknown_base(modules: &Modules, module: &str, base: &ast::Ident, sink: &mut Sink) {
    let Some(own) = modules.by_path.get(module) else { return };
    let imported = own.tree.items.iter().find_map(|item| match &item.kind {
        ItemKind::Use(used) if used.names.iter().any(|name| name.name == base.name) => Some(used),
        _ => None,
    });
    let holder = imported.map_or(Some(own), |used| modules.by_path.get(&used.module.join("::")));
    let other = holder
        .and_then(|holder| holder.tree.items.iter().find(|item| item.name() == Some(base.name.as_str())));
    let Some(other) = other else {
        // What a `use` does not find is reported there.
        if imported.is_some() {
            return;
        }
        let library = library_modules().into_iter().find(|path| library_names(path).contains(&base.name));
        sink.push(complaints::no_base(base, library.as_deref(), &visible_models(modules, module)));
        return;
    };
    let what = match &other.kind {
        ItemKind::Net(net) => ("a net", net.name.span),
        ItemKind::Fn(function) => ("a function", function.signature()),
        _ => ("an axis", other.span),
    };
    sink.push(complaints::base_is_no_model(base, what));
}

fn find_model<'a>(modules: &'a Modules, module: &str, name: &str) -> Option<Link<'a>> {
    let own = |path: &str| -> Option<Link<'a>> {
        modules.by_path.get(path)?.tree.items.iter().find_map(|item| match &item.kind {
            ItemKind::Model(model) if model.name.name == name => {
                Some(Link { module: path.to_owned(), model, span: item.span, taken: None })
            }
            _ => None,
        })
    };
    own(module).or_else(|| {
        modules.by_path.get(module)?.tree.items.iter().find_map(|item| match &item.kind {
            ItemKind::Use(used) if used.names.iter().any(|known| known.name == name) => {
                own(&used.module.join("::"))
            }
            _ => None,
        })
    })
}

fn visible_models(modules: &Modules, module: &str) -> Vec<String> {
    let Some(module) = modules.by_path.get(module) else { return Vec::new() };
    let mut names: Vec<String> = models_of(&module.tree).map(|model| model.name.name.clone()).collect();
    for item in &module.tree.items {
        if let ItemKind::Use(used) = &item.kind {
            names.extend(used.names.iter().map(|name| name.name.clone()));
        }
    }
    names
}
