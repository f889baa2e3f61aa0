//! What a new name asks of run and sweep files: configs in `set` and the name of the model. Takes the places of a thing, gives
//! edits of the run files that are open or lie beside its model files.

use super::diagnostics;
use super::documents::Documents;
use super::known::Known;
use super::place;
use super::places::Places;
use crate::model::wanted_model;
use crate::run_file::{self, Named};
use crate::source::Span;
use crate::syntax::Reader;
use crate::syntax::ast::{ItemKind, MemberKind, Model};
use lsp_types::{TextEdit, Uri};
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;

/// Edits that give a config or a model its new name in run files: none for other things.
///
/// # Errors
/// A sentence on a sweep where the name is not the same thing in all variants.
pub(super) fn edits(
    places: &Places,
    new: &str,
    known: &[Rc<Known>],
    texts: &Documents,
) -> Result<Vec<(Uri, Vec<TextEdit>)>, String> {
    let folders: BTreeSet<&Path> = places.by_path.keys().filter_map(|path| path.parent()).collect();
    let mut lines = known.iter().flat_map(|known| known.lines().map(move |line| (known, line)));
    let of_model =
        lines.any(|(known, line)| line.first().is_some_and(|model| is_in(places, known, model.name.span)));
    let mut changes = Vec::new();
    for path in texts.run_files(&folders) {
        let Some((uri, text)) = texts.text_of(&path) else { continue };
        let mut names = run_file::names_of_model(&text);
        names.retain(|found| if found.named == Named::Unsaid { of_model } else { found.name == places.name });
        if names.is_empty() {
            continue;
        }
        let trained = run_file::trained(&path, &text, &|path| texts.read(path).ok());
        let trained: Vec<_> = trained
            .into_iter()
            .filter_map(|(model, name)| {
                let before = known.iter().find(|known| known.is_at(&model)).cloned();
                Some((before.or_else(|| checked(&model, texts))?, name))
            })
            .collect();
        let is = |named: Named| -> BTreeSet<bool> {
            let of = |(known, name): &(Rc<Known>, Option<String>)| {
                means(known, name.as_deref(), named, places, new)
            };
            trained.iter().filter_map(of).collect()
        };
        let mut edits = Vec::new();
        for found in names {
            let meant = is(found.named);
            if meant.len() > 1 {
                let (name, path) = (&places.name, path.display());
                return Err(format!(
                    "`{name}` in {path} is this one in some of its runs only; rename by hand"
                ));
            }
            if !meant.contains(&true) {
                continue;
            }
            let new_text = match found.named {
                Named::Unsaid if text[..found.range.end].ends_with(',') => format!(" name: \"{new}\","),
                Named::Unsaid => format!(", name: \"{new}\""),
                Named::Config | Named::Model => new.to_owned(),
            };
            edits.push(TextEdit { range: place::range(&text, found.range), new_text });
        }
        if !edits.is_empty() {
            changes.push((uri, edits));
        }
    }
    Ok(changes)
}

/// Whether the name, as a model file's run knows it, is the thing; None where the run has no such name. Of what is not said:
/// whether it has to be said now.
fn means(known: &Known, name: Option<&str>, named: Named, places: &Places, new: &str) -> Option<bool> {
    let model = wanted_model(&known.modules, name)?;
    let is_it = |span: Span| is_in(places, known, span);
    match named {
        Named::Config => {
            let line = known
                .lines()
                .find(|line| line.first().is_some_and(|first| first.name.span == model.name.span));
            let configs = line.into_iter().flatten().flat_map(configs);
            let own = configs.filter(|(config, _)| *config == places.name).map(|(_, span)| is_it(span));
            own.reduce(|one, other| one || other)
        }
        Named::Model => Some(is_it(model.name.span)),
        Named::Unsaid => {
            let mut renamed = known.modules.clone();
            for item in renamed.by_path.get_mut("").into_iter().flat_map(|root| &mut root.tree.items) {
                if let ItemKind::Model(model) = &mut item.kind
                    && is_it(model.name.span)
                {
                    model.name.name = new.to_owned();
                }
            }
            let now = wanted_model(&renamed, None).map(|model| model.name.span);
            Some(is_it(model.name.span) && name.is_none() && now != Some(model.name.span))
        }
    }
}

/// Whether a span is a place of the thing.
fn is_in(places: &Places, known: &Known, span: Span) -> bool {
    let place = known.place(span);
    place.is_some_and(|(path, at)| places.by_path.get(&path).is_some_and(|all| all.contains(&at)))
}

/// What is known of a model file that has not been looked at.
fn checked(model: &Path, texts: &Documents) -> Option<Rc<Known>> {
    diagnostics::of(&texts.read_from(model)?, texts).known.map(Rc::new)
}

fn configs(model: &Model) -> impl Iterator<Item = (&str, Span)> {
    model.members.iter().filter_map(|member| match &member.kind {
        MemberKind::Config { name, .. } => Some((name.name.as_str(), name.span)),
        _ => None,
    })
}
