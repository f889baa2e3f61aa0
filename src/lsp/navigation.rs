//! Where names lead: declarations, all places of a name, what stands at one, and axes beside what the schedule binds. Takes
//! a place of a document, gives places of files and words; the library's texts have no address, so what is declared there
//! leads to its `use`.

use super::documents::{Document, Documents};
use super::known::Known;
use super::place;
use super::places;
use crate::source::Span;
use crate::syntax::ast::ItemKind;
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
    let (known, span, declared) = name_at(document, at)?;
    if !known.is_library(declared) {
        return location(known, declared, texts);
    }
    let name = known.sources.text(declared);
    let module = known.modules.path_of.get(&declared.file)?;
    let uses = known.modules.by_path.get("")?.tree.items.iter().filter_map(|item| match &item.kind {
        ItemKind::Use(used) => Some((used, item.span)),
        _ => None,
    });
    // A member of an inherited model stands in the file that is used.
    let by_name =
        |used: &crate::syntax::ast::Use| used.names.iter().find(|own| own.name == name).map(|own| own.span);
    let mut uses = uses.filter(|(used, _)| used.module.join("::") == *module);
    let target = uses.next().map(|(used, whole)| by_name(used).unwrap_or(whole))?;
    (target != span).then(|| location(known, target, texts)).flatten()
}

/// All places of the name in the open files, what they use and what lies beside them.
pub(super) fn references(
    document: &Document,
    at: Position,
    declaration: bool,
    texts: &Documents,
) -> Option<Vec<Location>> {
    let (known, _, declared) = name_at(document, at)?;
    let (own, name) = (known.place(declared)?, known.sources.text(declared));
    let places = places::of(&own, name, &places::checked(&own, name, texts));
    let mut found = Vec::new();
    for (path, starts) in places.by_path {
        let Some((uri, text)) = texts.text_of(&path) else { continue };
        let starts = starts.into_iter().filter(|start| declaration || (&path, *start) != (&own.0, own.1));
        let range = |start: u32| place::range(&text, start as usize..start as usize + name.len());
        found.extend(starts.map(|start| Location { uri: uri.clone(), range: range(start) }));
    }
    Some(found)
}

fn location(known: &Known, span: Span, texts: &Documents) -> Option<Location> {
    let (uri, text) = texts.text_of(&known.place(span)?.0)?;
    Some(Location { uri, range: place::range(&text, span.range()) })
}

/// What stands at a place, in words.
pub(super) fn hover(document: &Document, at: Position) -> Option<Hover> {
    let (known, span, declared) = name_at(document, at)?;
    let (line, above) = known.declaration(declared)?;
    let mut parts = vec![format!("```tot\n{line}\n```")];
    if let Some(note) = known.note(span.start as usize) {
        parts.push(format!("**{}**", note.is));
        parts.push(note.more.join("  \n"));
    }
    parts.extend(known.gradient(span, declared));
    parts.push(above);
    if declared.file != 0 {
        parts.push(format!("declared in {}", known.sources.place(declared)));
    }
    parts.retain(|part| !part.is_empty());
    let contents = MarkupContent { kind: MarkupKind::Markdown, value: parts.join("\n\n") };
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
