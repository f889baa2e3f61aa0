//! Names of a model file in run and sweep files: configs in `set` and the name of the model. Takes the places of a thing, gives
//! its places in the run files that are open or lie beside its model files, and the edits that a new name asks of them.

use super::diagnostics;
use super::documents::Documents;
use super::known::Known;
use super::place;
use super::places::Places;
use super::run_things::{configs, line_of};
use crate::model::wanted_model;
use crate::run_file::{self, NameInRun, Named};
use crate::source::Span;
use crate::syntax::Reader;
use crate::syntax::ast::ItemKind;
use lsp_types::{Location, TextEdit, Uri};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Names in a run or sweep file that may be a thing of the model file.
struct InRun {
    path: PathBuf,
    uri: Uri,
    text: String,
    /// Each with whether it is the thing, in the runs that have such a name.
    names: Vec<(NameInRun, BTreeSet<bool>)>,
}

/// Places of a config or model in run files.
pub(super) fn references(places: &Places, known: &[Rc<Known>], texts: &Documents) -> Vec<Location> {
    let mut found = Vec::new();
    for run in in_runs(places, None, known, texts) {
        let own = run.names.iter().filter(|(_, meant)| meant.contains(&true));
        let range = |name: &NameInRun| place::range(&run.text, name.range.clone());
        found.extend(own.map(|(name, _)| Location { uri: run.uri.clone(), range: range(name) }));
    }
    found
}

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
    let mut changes = Vec::new();
    for run in in_runs(places, Some(new), known, texts) {
        let mut edits = Vec::new();
        for (found, meant) in run.names {
            if meant.len() > 1 {
                let (name, path) = (&places.name, run.path.display());
                return Err(format!(
                    "`{name}` in {path} is this one in some of its runs only; rename by hand"
                ));
            }
            if !meant.contains(&true) {
                continue;
            }
            let new_text = match found.named {
                Named::Unsaid if run.text[..found.range.end].ends_with(',') => format!(" name: \"{new}\","),
                Named::Unsaid => format!(", name: \"{new}\""),
                Named::Config | Named::Model => new.to_owned(),
            };
            edits.push(TextEdit { range: place::range(&run.text, found.range), new_text });
        }
        if !edits.is_empty() {
            changes.push((run.uri, edits));
        }
    }
    Ok(changes)
}

/// The names of run files that are open or lie beside the model files. `new`: a name that the thing is to get, for which a
/// model's name may have to be said where it is not.
fn in_runs(places: &Places, new: Option<&str>, known: &[Rc<Known>], texts: &Documents) -> Vec<InRun> {
    let folders: BTreeSet<&Path> = places.by_path.keys().filter_map(|path| path.parent()).collect();
    let mut lines = known.iter().flat_map(|known| known.lines().map(move |line| (known, line)));
    let of_model =
        lines.any(|(known, line)| line.first().is_some_and(|model| is_in(places, known, model.name.span)));
    let mut all = Vec::new();
    for path in texts.run_files(&folders) {
        let Some((uri, text)) = texts.text_of(&path) else { continue };
        let mut names = run_file::names_of_model(&text);
        names.retain(|found| match found.named {
            Named::Unsaid => of_model && new.is_some(),
            Named::Config | Named::Model => found.name == places.name,
        });
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
                means(known, name.as_deref(), named, places, new.unwrap_or_default())
            };
            trained.iter().filter_map(of).collect()
        };
        let names = names
            .into_iter()
            .map(|found| {
                let meant = is(found.named);
                (found, meant)
            })
            .collect();
        all.push(InRun { path, uri, text, names });
    }
    all
}

/// Whether the name, as a model file's run knows it, is the thing; None where the run has no such name. Of what is not said:
/// whether it has to be said now.
fn means(known: &Known, name: Option<&str>, named: Named, places: &Places, new: &str) -> Option<bool> {
    let model = wanted_model(&known.modules, name)?;
    let is_it = |span: Span| is_in(places, known, span);
    match named {
        Named::Config => {
            let line = line_of(known, name);
            let own = configs(&line).filter(|(config, _)| config.name == places.name);
            let own = own.map(|(config, _)| is_it(config.span));
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
