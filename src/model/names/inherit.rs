//! `extends` resolved: one list of members, each with the module whose imports it was written under.

pub(in crate::model) use crate::model::names::keys::{declared_at, declares, dotted, key};

use crate::diagnostic::Sink;
use crate::model::names::complaints;
use crate::model::names::conflicts::Changes;
use crate::model::names::continued;
use crate::model::names::line::{chain, models_of};
use crate::model::words::PLAIN;
use crate::source::Span;
use crate::syntax::Modules;
use crate::syntax::ast::{self, Member, MemberKind};
use indexmap::IndexMap;
use std::collections::{HashMap, HashSet};

#[derive(Clone)]
pub(in crate::model) struct Flat {
    /// The declaration.
    pub member: Member,
    /// Module path of the file that holds it, whose names it sees.
    pub module: String,
    /// The model that wrote it.
    pub model: Span,
    /// Whether it replaced an inherited declaration.
    pub replaces: bool,
    /// Of a config: the choices it was first declared with. Inherited text may name them all.
    pub choices: Vec<String>,
}

pub(in crate::model) struct FlatModel {
    /// The name of the model itself, not of an ancestor.
    pub name: ast::Ident,
    /// The text of the model itself.
    pub span: Span,
    /// In order of declaration, ancestors first.
    pub members: Vec<Flat>,
    /// Module paths of the files that hold the model and its ancestors.
    pub modules: HashSet<String>,
    /// What was inherited and left out, and where.
    pub dropped: Vec<ast::Ident>,
}

/// Names that the language gives a meaning of its own.
const BUILT_IN: [&str; 4] = ["training", "steps", "last_step", "inf"];

/// The model `wanted` of the root module with everything it inherits; if None, the one named like the file (`trm.tot`
/// has `Trm`), else its first.
pub(in crate::model) fn flatten(
    modules: &Modules,
    wanted: Option<&str>,
    sink: &mut Sink,
) -> Option<FlatModel> {
    let root = modules.by_path.get("")?;
    let Some(model) = wanted_model(modules, wanted) else {
        if !sink.has_errors() {
            let models: Vec<&ast::Model> = models_of(&root.tree).filter(|model| !model.mixin).collect();
            let names: Vec<&str> = models.iter().map(|model| model.name.name.as_str()).collect();
            let span = root
                .tree
                .items
                .first()
                .map_or(Span { file: root.file.0, start: 0, end: 0 }, |item| item.span);
            let is_it = |model: &ast::Model| wanted == Some(model.name.name.as_str());
            let mixin = models_of(&root.tree).any(is_it);
            sink.push(complaints::no_model_in_file(wanted, mixin, &names, span));
        }
        return None;
    };
    let chain = chain(modules, model, sink)?;
    let span = chain.first().map_or(model.name.span, |link| link.span);
    let mut members: IndexMap<String, Flat> = IndexMap::new();
    let mut dropped = Vec::new();
    let mut changes = Changes::default();
    for link in chain.iter().rev() {
        let mut own: HashMap<String, Span> = HashMap::new();
        for member in link.model.members.iter().flat_map(one_by_one) {
            if let MemberKind::Drop(names) = &member.kind {
                for (kind, name) in names {
                    changes.drop(link, &format!("{} `{}`", kind.name, name.name), name.span, sink);
                }
                drop_members(&mut members, names, &mut dropped, sink);
                continue;
            }
            let key = key(&member);
            let place = declared_at(&member);
            match own.get(&key) {
                Some(before) => {
                    let named = declares(&member).is_some();
                    sink.push(complaints::declared_twice(&key, &link.model.name, named, place, *before));
                }
                None => drop(own.insert(key.clone(), place)),
            }
            let mut flat = Flat {
                choices: choices(&member),
                member,
                module: link.module.clone(),
                model: link.span,
                replaces: false,
            };
            match members.get_mut(&key) {
                Some(known) => {
                    flat.replaces = known.model != link.span;
                    inherit_config(known, &mut flat, sink);
                    let goes_on = continued::go_on(&known.member, &known.module, &mut flat.member, sink);
                    changes.declare(link, &key, &flat.member, goes_on, sink);
                    let anew = continued::declared_anew(&flat.member).map(str::to_owned);
                    *known = flat;
                    if let Some(net) = anew {
                        let own = link.span;
                        members.retain(|_, known| {
                            known.model == own || !continued::part_of(&known.member, &net)
                        });
                    }
                }
                None => {
                    changes.declare(link, &key, &flat.member, false, sink);
                    members.insert(key, flat);
                }
            }
        }
    }
    dropped.retain(|gone: &ast::Ident| {
        !members.values().any(|flat| declares(&flat.member).is_some_and(|(_, name)| name.name == gone.name))
    });
    let members: Vec<Flat> = members.into_values().collect();
    distinct(&members, sink);
    let modules = chain.into_iter().map(|link| link.module).collect();
    Some(FlatModel { name: model.name.clone(), span, members, modules, dropped })
}

/// What a model of the root module declares, ancestors first, as the last of its line declares it: kind and name, and where.
/// A model that does not check declares nothing.
pub fn declarations(modules: &Modules, model: &str) -> Vec<(String, Span)> {
    let flat = flatten(modules, Some(model), &mut Sink::default());
    let members = flat.into_iter().flat_map(|flat| flat.members);
    members.map(|flat| (key(&flat.member), flat.member.span)).collect()
}

/// The model of the root module under a name; if None, the one named like the file (`trm.tot` has `Trm`), else its first.
pub fn wanted_model<'m>(modules: &'m Modules, wanted: Option<&str>) -> Option<&'m ast::Model> {
    let models = || {
        let all = modules.by_path.get("").into_iter().flat_map(|root| models_of(&root.tree));
        all.filter(|model| !model.mixin)
    };
    match wanted {
        Some(name) => models().find(|model| model.name.name == name),
        None => models()
            .find(|model| named_like(&model.name.name, &modules.root_stem))
            .or_else(|| models().next()),
    }
}

/// `axis batch, cell` declares two axes, and `predict logits, confidence = …` two predictions, which heirs replace and
/// drop one by one.
fn one_by_one(member: &Member) -> Vec<Member> {
    match &member.kind {
        MemberKind::Axis { names, size } if names.len() > 1 => names
            .iter()
            .map(|name| Member {
                doc: member.doc.clone(),
                kind: MemberKind::Axis { names: vec![name.clone()], size: size.clone() },
                span: name.span,
            })
            .collect(),
        MemberKind::Predict(predictions) if predictions.len() > 1 => predictions
            .iter()
            .map(|prediction| Member {
                doc: member.doc.clone(),
                kind: MemberKind::Predict(vec![prediction.clone()]),
                span: prediction.0.as_ref().map_or(prediction.1.span, |name| name.span),
            })
            .collect(),
        _ => vec![member.clone()],
    }
}

/// Expressions tell declarations apart by their names alone.
fn distinct(members: &[Flat], sink: &mut Sink) {
    let mut seen: HashMap<&str, (&str, &ast::Ident)> = HashMap::new();
    for flat in members {
        let Some((kind, name)) = declares(&flat.member) else { continue };
        if BUILT_IN.contains(&name.name.as_str()) {
            sink.push(complaints::with_its_own_meaning((kind, name)));
        }
        let (other, before) = *seen.entry(&name.name).or_insert((kind, name));
        if other != kind {
            sink.push(complaints::of_two_kinds((kind, name), (other, before)));
        }
    }
}

fn named_like(model: &str, stem: &str) -> bool {
    let plain = |text: &str| text.replace(['_', '-'], "").to_lowercase();
    plain(model) == plain(stem)
}

fn drop_members(
    members: &mut IndexMap<String, Flat>,
    names: &[(ast::Ident, ast::Ident)],
    dropped: &mut Vec<ast::Ident>,
    sink: &mut Sink,
) {
    for (kind, name) in names {
        let wanted = format!("{} `{}`", kind.name, name.name);
        let before = members.len();
        members.shift_remove(&wanted);
        if kind.name == "net" && members.len() < before {
            members.retain(|_, flat| !continued::part_of(&flat.member, &name.name));
        }
        if members.len() < before {
            dropped.push(name.clone());
            continue;
        }
        let keys: Vec<String> = members.keys().cloned().collect();
        sink.push(complaints::nothing_to_drop((kind, name), &keys));
    }
}

fn choices(member: &Member) -> Vec<String> {
    match &member.kind {
        MemberKind::Config { ty, .. } => ty.iter().map(|ty| ty.name.clone()).collect(),
        _ => Vec::new(),
    }
}

/// `config heads = 4` keeps the inherited type and range; choices may be narrowed, not widened.
fn inherit_config(base: &Flat, heir: &mut Flat, sink: &mut Sink) {
    let (MemberKind::Config { ty: old, range: old_range, .. }, MemberKind::Config { ty, range, name, .. }) =
        (&base.member.kind, &mut heir.member.kind)
    else {
        return;
    };
    if range.is_none() {
        *range = old_range.clone();
    }
    if ty.is_empty() {
        *ty = old.clone();
    }
    let had_choices = old.first().is_some_and(|first| !PLAIN.contains(&first.name.as_str()));
    if !had_choices {
        return;
    }
    heir.choices = base.choices.clone();
    if let Some(wider) = ty.iter().find(|choice| !old.iter().any(|known| known.name == choice.name)) {
        let listed: Vec<String> = old.iter().map(|choice| choice.name.clone()).collect();
        sink.push(complaints::wider_choice(name, wider, &listed, base.member.span));
    }
}
