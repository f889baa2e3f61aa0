//! What stands at a place of a run or sweep file: a field, one of its words, a config or the name of the model, a file. Takes a
//! document and the texts beside it, gives words on it, where it leads, and for names of the model their declaration.

use super::declarations;
use super::documents::{Document, Documents};
use super::known::Known;
use super::place;
use crate::model::wanted_model;
use crate::run_check::OPTIMISERS;
use crate::run_file::{self, ChoiceAbout, FieldAbout, Part, Spot, plain};
use crate::source::Span;
use crate::syntax::Reader;
use crate::syntax::ast::{Ident, MemberKind, Model};
use lsp_types::{Hover, HoverContents, Location, MarkupContent, MarkupKind, Position, Range};
use std::path::PathBuf;
use std::rc::Rc;

/// What a spot of a run or sweep file is.
enum Thing {
    Field(FieldAbout),
    /// A word that a field may be.
    Choice(FieldAbout, ChoiceAbout),
    /// A name of the model: where it is declared.
    Declared(Rc<Known>, Span),
    /// The model's file, or the run file of a sweep.
    File(FieldAbout, PathBuf),
}

/// A name of the model at a place: its bytes, what is known of the model's file, where it is declared.
pub(super) fn declared(
    document: &Document,
    at: Position,
    texts: &Documents,
) -> Option<(std::ops::Range<usize>, Rc<Known>, Span)> {
    match thing_at(document, at, texts)? {
        (spot, Thing::Declared(known, span)) => Some((spot.bytes, known, span)),
        _ => None,
    }
}

fn thing_at(document: &Document, at: Position, texts: &Documents) -> Option<(Spot, Thing)> {
    let text = &document.text;
    let spot = run_file::spot_at(text, place::byte(text, at))?;
    let thing = thing(document, &spot, texts)?;
    Some((spot, thing))
}

fn thing(document: &Document, spot: &Spot, texts: &Documents) -> Option<Thing> {
    let text = &document.text;
    if let Some(name) = set_at(&spot.path) {
        let name = name.strip_prefix("set.").unwrap_or(name);
        // In a sweep fields of the run file stand beside configs.
        let setting = || run_file::settings(Some(name)).pop().filter(|_| run_file::is_sweep(text));
        return match (setting(), name) {
            (Some(_), "name") if spot.part == Part::Value => named(document, Some(&spot.word), texts),
            (Some(field), _) => Some(Thing::Field(field)),
            (None, _) => config(document, name, texts),
        };
    }
    let field = run_file::field(text, &spot.path)?;
    if spot.part == Part::Name {
        return Some(Thing::Field(field));
    }
    let folder = || document.path.parent().map(PathBuf::from).unwrap_or_default();
    match field.name.as_str() {
        "model" | "run" => Some(Thing::File(field, plain(&folder().join(&spot.word)))),
        "name" if spot.path.len() == 1 => named(document, Some(&spot.word), texts),
        "name" if spot.path == ["optimiser", "name"] => {
            let about = OPTIMISERS.iter().find(|about| about.name == spot.word)?;
            let choice =
                ChoiceAbout { written: format!("{:?}", about.name), meaning: about.about.to_owned() };
            Some(Thing::Choice(field, choice))
        }
        _ => {
            let choices = run_file::choices(text, &spot.path);
            let choice = choices.into_iter().find(|choice| choice.word() == spot.word);
            Some(choice.map_or(Thing::Field(field.clone()), |choice| Thing::Choice(field, choice)))
        }
    }
}

/// The config, or in a sweep the setting, whose name or value a path leads to.
fn set_at(path: &[String]) -> Option<&str> {
    let holder = path.iter().rposition(|name| run_file::is_set(name))?;
    path.get(holder + 1).map(String::as_str)
}

/// A config of a model that the file trains.
fn config(document: &Document, name: &str, texts: &Documents) -> Option<Thing> {
    trained(document, texts).into_iter().find_map(|(known, model)| {
        let line = line_of(&known, model.as_deref());
        let span = configs(&line).find(|(config, _)| config.name == name).map(|(config, _)| config.span)?;
        Some(Thing::Declared(Rc::clone(&known), span))
    })
}

/// The model of a name.
fn named(document: &Document, name: Option<&str>, texts: &Documents) -> Option<Thing> {
    trained(document, texts).into_iter().find_map(|(known, _)| {
        let span = wanted_model(&known.modules, name)?.name.span;
        Some(Thing::Declared(Rc::clone(&known), span))
    })
}

/// The model files that a run or sweep file trains, each once for each name of a model.
pub(super) fn trained(document: &Document, texts: &Documents) -> Vec<(Rc<Known>, Option<String>)> {
    let read = |path: &std::path::Path| texts.read(path).ok();
    let mut found: Vec<(PathBuf, Option<String>)> = Vec::new();
    for one in run_file::trained(&document.path, &document.text, &read) {
        if !found.contains(&one) {
            found.push(one);
        }
    }
    let known = |(path, name): (PathBuf, Option<String>)| {
        let open = texts.all().find(|document| document.path == path).and_then(Document::shared);
        Some((open.or_else(|| Known::read(&path, texts).map(Rc::new))?, name))
    };
    found.into_iter().filter_map(known).collect()
}

/// The model of a name, or the one that a run file without a name trains, with all that it is made of, itself first.
pub(super) fn line_of<'k>(known: &'k Known, name: Option<&str>) -> Vec<&'k Model> {
    let Some(model) = wanted_model(&known.modules, name) else { return Vec::new() };
    let is_it = |line: &Vec<&Model>| line.first().is_some_and(|first| first.name.span == model.name.span);
    known.lines().find(is_it).unwrap_or_default()
}

/// The configs of a line of models, those that count first.
pub(super) fn configs<'a>(line: &'a [&Model]) -> impl Iterator<Item = (&'a Ident, &'a MemberKind)> {
    line.iter().flat_map(|model| &model.members).filter_map(|member| match &member.kind {
        MemberKind::Config { name, .. } => Some((name, &member.kind)),
        _ => None,
    })
}

/// Where the name at a place leads.
pub(super) fn definition(document: &Document, at: Position, texts: &Documents) -> Option<Location> {
    match thing_at(document, at, texts)?.1 {
        Thing::Declared(known, span) => declarations::leads_to(&known, None, span, texts),
        Thing::File(_, path) => {
            let (uri, _) = texts.text_of(&path)?;
            Some(Location { uri, range: Range::default() })
        }
        Thing::Field(_) | Thing::Choice(..) => None,
    }
}

/// What stands at a place, in words.
pub(super) fn hover(document: &Document, at: Position, texts: &Documents) -> Option<Hover> {
    let (spot, thing) = thing_at(document, at, texts)?;
    let value = match &thing {
        Thing::Declared(known, span) => declarations::in_words(known, *span, Vec::new(), true)?,
        Thing::Field(field) | Thing::File(field, _) => of_field(field),
        Thing::Choice(field, choice) => {
            let own = format!("**`{}`** {}", choice.written, choice.meaning);
            format!("{}\n\n{}", own.trim_end(), of_field(field))
        }
    };
    let contents = HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value });
    Some(Hover { contents, range: Some(place::range(&document.text, spot.bytes)) })
}

/// A field as the reference of run files describes it.
pub(super) fn of_field(field: &FieldAbout) -> String {
    let default = field.default.as_ref().map(|default| format!("by default `{default}`"));
    let unit = Some(&field.unit).filter(|unit| !unit.is_empty()).map(|unit| format!("in {unit}"));
    let facts: Vec<String> = [Some(field.kind.clone()), unit, default].into_iter().flatten().collect();
    let mut parts = vec![format!("**`{}`**: {}", field.name, facts.join(", ")), field.meaning.clone()];
    if !field.example.is_empty() {
        let own = field.name.rsplit('.').next().unwrap_or_default();
        parts.push(format!("```ron\n{own}: {}\n```", field.example));
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}
