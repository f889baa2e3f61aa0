//! Where names lead: declarations, all places of a name, what stands at one, and axes beside what the schedule binds. Takes
//! a place of a document, gives places of files and words.

use super::declarations;
use super::documents::{Document, Documents};
use super::known::Known;
use super::place;
use super::places;
use super::run_names;
use super::run_things;
use crate::source::Span;
use lsp_types::{
    Hover, HoverContents, InlayHint, InlayHintKind, InlayHintLabel, Location, MarkupContent, MarkupKind,
    Position, Range,
};

/// The name at a place of a document: its span, and that of its declaration.
fn name_at(document: &Document, at: Position) -> Option<(&Known, Span, Span)> {
    let known = document.known()?;
    let (span, declared) = places::name_at(known, &document.text, place::byte(&document.text, at))?;
    Some((known, span, declared))
}

/// Where the name is declared.
pub(super) fn definition(document: &Document, at: Position, texts: &Documents) -> Option<Location> {
    if document.is_run_file() {
        return run_things::definition(document, at, texts);
    }
    let (known, span, declared) = name_at(document, at)?;
    declarations::leads_to(known, Some(span), declared, texts)
}

/// All places of the name in the open files, what they use and what lies beside them, run files among them.
pub(super) fn references(
    document: &Document,
    at: Position,
    declaration: bool,
    texts: &Documents,
) -> Option<Vec<Location>> {
    let of_run = document.is_run_file().then(|| run_things::declared(document, at, texts));
    let (known, declared) = match &of_run {
        Some(found) => found.as_ref().map(|(_, known, declared)| (&**known, *declared))?,
        None => name_at(document, at).map(|(known, _, declared)| (known, declared))?,
    };
    let (own, name) = (known.place(declared)?, known.sources.text(declared));
    let checked = places::checked(&own, name, texts);
    let places = places::of(&own, name, &checked);
    let mut found = run_names::references(&places, &checked, texts);
    for (path, starts) in places.by_path {
        let Some((uri, text)) = texts.text_of(&path) else { continue };
        let starts = starts.into_iter().filter(|start| declaration || (&path, *start) != (&own.0, own.1));
        let range = |start: u32| place::range(&text, start as usize..start as usize + name.len());
        found.extend(starts.map(|start| Location { uri: uri.clone(), range: range(start) }));
    }
    Some(found)
}

/// What stands at a place, in words.
pub(super) fn hover(document: &Document, at: Position, texts: &Documents) -> Option<Hover> {
    if document.is_run_file() {
        return run_things::hover(document, at, texts);
    }
    let (known, span, declared) = name_at(document, at)?;
    let mut facts = Vec::new();
    if let Some(note) = known.note(span.start as usize) {
        facts.push(format!("**{}**", note.is));
        facts.push(note.more.join("  \n"));
    }
    facts.extend(known.gradient(span, declared));
    let here = declared.file == 0;
    let value = declarations::in_words(known, declared, facts, !here)?;
    let contents = MarkupContent { kind: MarkupKind::Markdown, value };
    let range = Some(place::range(&document.text, span.range()));
    Some(Hover { contents: HoverContents::Markup(contents), range })
}

/// Kind and axes of what the model's schedule binds, behind the names.
pub(super) fn hints(document: &Document, within: Range) -> Option<Vec<InlayHint>> {
    let known = document.known()?;
    let bytes = place::byte(&document.text, within.start)..place::byte(&document.text, within.end);
    // A range the wrong way round holds nothing.
    if bytes.start > bytes.end {
        return None;
    }
    let noted = known.notes.by_place.range((0, bytes.start as u32)..=(0, bytes.end as u32));
    let hint = |note: &crate::model::notes::Note| InlayHint {
        position: place::position(&document.text, note.span.end as usize),
        label: InlayHintLabel::String(format!(": {}", note.is)),
        kind: Some(InlayHintKind::TYPE),
        text_edits: None,
        tooltip: None,
        padding_left: None,
        padding_right: None,
        data: None,
    };
    Some(noted.map(|(_, note)| note).filter(|note| note.bound_tensor).map(hint).collect())
}
