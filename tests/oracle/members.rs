//! Inheritance: a model and its bases become one list of members, each with the module it was written in. A
//! declaration of the same kind and name replaces the inherited one in place; `drop` leaves one out.

use std::rc::Rc;

use totc::syntax::Modules;
use totc::syntax::ast::{Expr, ExprKind, Ident, ItemKind, MemberKind, Model, Section, WeightRole};

use super::value::Res;

/// One declaration: a member of several names or predictions is several.
#[derive(Clone)]
pub struct Member<'a> {
    pub module: String,
    pub kind: &'a MemberKind,
    pub word: &'static str,
    pub name: String,
    /// The prediction that this is.
    pub prediction: Option<&'a Expr>,
    /// The inherited declaration that this one replaced.
    pub base: Option<Rc<Member<'a>>>,
    /// The type that a restated config inherits.
    config: Option<&'a [Ident]>,
}

impl<'a> Member<'a> {
    pub fn declares(&self, name: &str) -> bool {
        self.name == name
            && matches!(
                self.word,
                "config" | "axis" | "net" | "param" | "buffer" | "table" | "input" | "target"
            )
    }

    pub fn config_type(&self, own: &'a [Ident]) -> &'a [Ident] {
        self.config.unwrap_or(own)
    }
}

/// All members of the model called `name`; without a name, of the last model of the file.
pub fn flattened<'a>(modules: &'a Modules, name: Option<&str>) -> Res<Vec<Member<'a>>> {
    let models =
        modules.by_path.get("").ok_or("no file")?.tree.items.iter().filter_map(|item| match &item.kind {
            ItemKind::Model(model) if !model.mixin => Some(model),
            _ => None,
        });
    let found: Vec<&Model> = models.filter(|model| name.is_none_or(|name| model.name.name == name)).collect();
    let model = found.last().ok_or("there is no such model")?;
    let mut members = Vec::new();
    for (module, model) in line(modules, "", model, 0)? {
        change(&mut members, &module, model);
    }
    Ok(members)
}

/// A model behind all that it is made of: its base, then what it takes in, each once.
fn line<'a>(
    modules: &'a Modules,
    module: &str,
    model: &'a Model,
    depth: usize,
) -> Res<Vec<(String, &'a Model)>> {
    if depth > 20 {
        return Err("bases without end".to_owned());
    }
    let mut all: Vec<(String, &'a Model)> = Vec::new();
    for name in model.extends.iter().chain(&model.with) {
        let (home, base) = named_model(modules, module, &name.name).ok_or("an unknown base")?;
        for own in line(modules, &home, base, depth + 1)? {
            if !all.iter().any(|(_, known)| std::ptr::eq(*known, own.1)) {
                all.push(own);
            }
        }
    }
    all.push((module.to_owned(), model));
    Ok(all)
}

fn change<'a>(members: &mut Vec<Member<'a>>, module: &str, model: &'a Model) {
    for member in &model.members {
        if let MemberKind::Drop(dropped) = &member.kind {
            for (word, name) in dropped {
                members.retain(|known| known.word != word.name || known.name != name.name);
            }
        }
    }
    for member in &model.members {
        for mut own in declarations(module, &member.kind) {
            match members.iter_mut().find(|known| known.word == own.word && known.name == own.name) {
                Some(known) => {
                    if let (MemberKind::Config { ty, .. }, MemberKind::Config { ty: base, .. }) =
                        (own.kind, known.kind)
                        && ty.is_empty()
                    {
                        own.config = Some(known.config.unwrap_or(base));
                    }
                    own.base = Some(Rc::new(known.clone()));
                    *known = own;
                }
                None => members.push(own),
            }
        }
    }
}

fn named_model<'a>(modules: &'a Modules, module: &str, name: &str) -> Option<(String, &'a Model)> {
    for item in &modules.by_path.get(module)?.tree.items {
        match &item.kind {
            ItemKind::Model(model) if model.name.name == name => return Some((module.to_owned(), model)),
            ItemKind::Use(used) if used.names.iter().any(|used| used.name == name) => {
                return named_model(modules, &used.module.join("::"), name);
            }
            _ => {}
        }
    }
    None
}

fn declarations<'a>(module: &str, kind: &'a MemberKind) -> Vec<Member<'a>> {
    let one = |word: &'static str, name: &str| Member {
        module: module.to_owned(),
        kind,
        word,
        name: name.to_owned(),
        prediction: None,
        base: None,
        config: None,
    };
    match kind {
        MemberKind::Config { name, .. } => vec![one("config", &name.name)],
        MemberKind::Axis { names, .. } => names.iter().map(|name| one("axis", &name.name)).collect(),
        MemberKind::Data { target: true, name, .. } => vec![one("target", &name.name)],
        MemberKind::Data { name, .. } => vec![one("input", &name.name)],
        MemberKind::Weight { role, name, .. } => {
            let word = match role {
                WeightRole::Param => "param",
                WeightRole::Buffer => "buffer",
                WeightRole::Table => "table",
            };
            vec![one(word, &name.name)]
        }
        MemberKind::Net { name, .. } => vec![one("net", &name.name)],
        MemberKind::Part { path, .. } => {
            let path: Vec<&str> = path.iter().map(|name| name.name.as_str()).collect();
            vec![one("part", &path.join("."))]
        }
        MemberKind::State { name, .. } => vec![one("state", &name.name)],
        MemberKind::Section { section, .. } => {
            let word = match section {
                Section::Encode => "encode",
                Section::Think => "think",
                Section::Decode => "decode",
            };
            vec![one(word, "")]
        }
        MemberKind::Block { name, .. } => vec![one("block", &name.name)],
        MemberKind::Predict(predictions) => predictions
            .iter()
            .map(|(name, value)| {
                let name = match (name, &value.kind) {
                    (Some(name), _) => name.name.as_str(),
                    (None, ExprKind::Name(name)) => name,
                    _ => "",
                };
                Member { prediction: Some(value), ..one("predict", name) }
            })
            .collect(),
        MemberKind::Metric { name, .. } => vec![one("metric", &name.name)],
        MemberKind::Loss { name, .. } => vec![one("loss", &name.name)],
        MemberKind::Halt { .. } => vec![one("halt", "")],
        MemberKind::CarryGrad(_) => vec![one("carry", "")],
        MemberKind::Drop(_) => Vec::new(),
    }
}
