//! `extends` resolved: one list of members, each with the module whose imports it was written under.

use crate::diagnostic::{Code, Diagnostic, Sink, did_you_mean};
use crate::source::Span;
use crate::syntax::Modules;
use crate::syntax::ast::{self, ItemKind, Member, MemberKind};
use std::collections::HashSet;

#[derive(Clone)]
pub(super) struct Flat {
    pub member: Member,
    pub module: String,
    /// The declaration that this one replaced.
    pub replaced: Option<Span>,
}

pub(super) struct FlatModel {
    pub name: ast::Ident,
    pub members: Vec<Flat>,
}

/// The model `wanted` of the root module with everything it inherits; if None, the one named like the file (`trm.tot`
/// has `Trm`), else its first.
pub(super) fn flatten(modules: &Modules, wanted: Option<&str>, sink: &mut Sink) -> Option<FlatModel> {
    let root = modules.by_path.get("")?;
    let models: Vec<&ast::Model> = models_of(&root.tree).collect();
    let model = match wanted {
        Some(name) => models.iter().find(|model| model.name.name == name),
        None => {
            models.iter().find(|model| named_like(&model.name.name, &modules.root_stem)).or(models.first())
        }
    };
    let Some(model) = model else {
        if !sink.has_errors() {
            let names: Vec<&str> = models.iter().map(|model| model.name.name.as_str()).collect();
            let span = root
                .tree
                .items
                .first()
                .map_or(Span { file: root.file.0, start: 0, end: 0 }, |item| item.span);
            let message = match wanted {
                Some(name) => format!("this file has no model `{name}`"),
                None => "this file declares no model".to_owned(),
            };
            let help = match wanted.and_then(|name| did_you_mean(name, names.iter().copied())) {
                Some(name) => format!("did you mean `{name}`?"),
                None if names.is_empty() => "declare one: `model NAME { … }`".to_owned(),
                None => format!("it has {}", names.join(", ")),
            };
            sink.push(Diagnostic::new(Code::Incomplete, message, span, "in this file").help(help));
        }
        return None;
    };
    let chain = chain(modules, model, sink)?;
    let mut members: Vec<Flat> = Vec::new();
    for (module, model) in chain.iter().rev() {
        let mut own: Vec<(String, Span)> = Vec::new();
        for member in &model.members {
            if let MemberKind::Drop(dropped) = &member.kind {
                drop_members(&mut members, dropped, sink);
                continue;
            }
            for key in keys(member) {
                if let Some((_, before)) = own.iter().find(|(known, _)| *known == key) {
                    sink.push(
                        Diagnostic::new(
                            Code::Duplicate,
                            format!("{key} is declared twice"),
                            member.span,
                            "again here",
                        )
                        .related(*before, "first here")
                        .help("remove one, or give it another name"),
                    );
                }
                own.push((key, member.span));
            }
            let flat = Flat { member: member.clone(), module: module.clone(), replaced: None };
            let key = keys(member);
            match members.iter().position(|known| key.len() == 1 && keys(&known.member) == key) {
                Some(at) => {
                    let mut flat = flat;
                    flat.replaced = Some(members[at].member.span);
                    inherit_config(&members[at].member, &mut flat.member, sink);
                    members[at] = flat;
                }
                None => members.push(flat),
            }
        }
    }
    Some(FlatModel { name: model.name.clone(), members })
}

fn named_like(model: &str, stem: &str) -> bool {
    let plain = |text: &str| text.replace(['_', '-'], "").to_lowercase();
    plain(model) == plain(stem)
}

fn models_of(tree: &ast::File) -> impl Iterator<Item = &ast::Model> {
    tree.items.iter().filter_map(|item| match &item.kind {
        ItemKind::Model(model) => Some(model),
        _ => None,
    })
}

/// The model and those it extends, nearest first, each with its module.
fn chain<'a>(
    modules: &'a Modules,
    model: &'a ast::Model,
    sink: &mut Sink,
) -> Option<Vec<(String, &'a ast::Model)>> {
    let mut chain = vec![(String::new(), model)];
    let mut seen: HashSet<(String, String)> = HashSet::from([(String::new(), model.name.name.clone())]);
    loop {
        let (module, model) = chain.last()?.clone();
        let Some(base) = &model.extends else { return Some(chain) };
        let Some((base_module, base_model)) = find_model(modules, &module, &base.name) else {
            let known = visible_models(modules, &module);
            let diagnostic = Diagnostic::new(
                Code::UnknownName,
                format!("there is no model `{}`", base.name),
                base.span,
                "not found",
            );
            sink.push(match did_you_mean(&base.name, known.iter().map(String::as_str)) {
                Some(name) => diagnostic.help(format!("did you mean `{name}`?")),
                None => diagnostic.help(format!("import it: `use module::{}`", base.name)),
            });
            return None;
        };
        if !seen.insert((base_module.clone(), base_model.name.name.clone())) {
            let mut diagnostic = Diagnostic::new(
                Code::CyclicExtends,
                format!("`{}` extends itself", base_model.name.name),
                base.span,
                "the circle closes here",
            );
            for (_, model) in &chain {
                if let Some(extends) = &model.extends
                    && extends.span != base.span
                {
                    diagnostic = diagnostic
                        .related(extends.span, format!("`{}` extends `{}`", model.name.name, extends.name));
                }
            }
            sink.push(diagnostic.help("let one of them stand on its own, or extend another model"));
            return None;
        }
        chain.push((base_module, base_model));
    }
}

fn find_model<'a>(modules: &'a Modules, module: &str, name: &str) -> Option<(String, &'a ast::Model)> {
    let tree = &modules.by_path.get(module)?.tree;
    if let Some(model) = models_of(tree).find(|model| model.name.name == name) {
        return Some((module.to_owned(), model));
    }
    tree.items.iter().find_map(|item| match &item.kind {
        ItemKind::Use(used) if used.names.iter().any(|known| known.name == name) => {
            let path = used.module.join("::");
            let model = models_of(&modules.by_path.get(&path)?.tree).find(|model| model.name.name == name)?;
            Some((path, model))
        }
        _ => None,
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

/// What a declaration declares, as `kind name`: the key by which a heir replaces it.
fn keys(member: &Member) -> Vec<String> {
    let one = |kind: &str, name: &ast::Ident| vec![format!("{kind} `{}`", name.name)];
    match &member.kind {
        MemberKind::Config { name, .. } => one("config", name),
        MemberKind::Axis { names, .. } => names.iter().map(|name| format!("axis `{}`", name.name)).collect(),
        MemberKind::Data { target, name, .. } => one(if *target { "target" } else { "input" }, name),
        MemberKind::Weight { role, name, .. } => one(
            match role {
                ast::WeightRole::Param => "param",
                ast::WeightRole::Buffer => "buffer",
                ast::WeightRole::Table => "table",
            },
            name,
        ),
        MemberKind::Net { name, .. } => one("net", name),
        MemberKind::State { name, .. } => one("state", name),
        MemberKind::Section { section, .. } => vec![format!("`{}`", format!("{section:?}").to_lowercase())],
        MemberKind::Block { name, .. } => one("block", name),
        MemberKind::Predict(_) => vec!["`predict`".to_owned()],
        MemberKind::Metric { name, .. } => one("metric", name),
        MemberKind::Loss { name, .. } => one("loss", name),
        MemberKind::Halt { .. } => vec!["`halt`".to_owned()],
        MemberKind::Drop(_) => Vec::new(),
    }
}

fn drop_members(members: &mut Vec<Flat>, dropped: &[(ast::Ident, ast::Ident)], sink: &mut Sink) {
    for (kind, name) in dropped {
        let key = format!("{} `{}`", kind.name, name.name);
        let before = members.len();
        members.retain(|flat| !keys(&flat.member).contains(&key));
        if members.len() == before {
            let same_kind: Vec<String> = members
                .iter()
                .flat_map(|flat| keys(&flat.member))
                .filter_map(|known| {
                    Some(known.strip_prefix(&format!("{} `", kind.name))?.trim_end_matches('`').to_owned())
                })
                .collect();
            let diagnostic = Diagnostic::new(
                Code::UnknownName,
                format!("there is no {key} to drop"),
                name.span,
                "not inherited",
            );
            sink.push(match did_you_mean(&name.name, same_kind.iter().map(String::as_str)) {
                Some(name) => diagnostic.help(format!("did you mean `{name}`?")),
                None => diagnostic.help(format!("inherited: {}", same_kind.join(", "))),
            });
        }
    }
}

/// `config heads = 4` keeps the inherited type and range; choices may be narrowed, not widened.
fn inherit_config(base: &Member, heir: &mut Member, sink: &mut Sink) {
    let (MemberKind::Config { ty: old, range: old_range, .. }, MemberKind::Config { ty, range, name, .. }) =
        (&base.kind, &mut heir.kind)
    else {
        return;
    };
    if range.is_none() {
        *range = old_range.clone();
    }
    if ty.is_empty() {
        *ty = old.clone();
        return;
    }
    if old.len() > 1 && ty.len() > 1 {
        for choice in ty.iter() {
            if !old.iter().any(|known| known.name == choice.name) {
                sink.push(
                    Diagnostic::new(
                        Code::Config,
                        format!("`{}` has no choice `{}` to narrow to", name.name, choice.name),
                        choice.span,
                        "not among the inherited choices",
                    )
                    .related(base.span, "inherited from here")
                    .help("choices may be narrowed; for a new one, declare the net that uses it anew"),
                );
            }
        }
    }
}
