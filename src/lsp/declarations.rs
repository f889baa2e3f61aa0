//! Declarations as an editor shows them: where one stands, and what is to be said of it. Takes what is known of a model file and
//! the place of a declaration; the library's texts have no address, so what is declared there leads to its `use`.

use super::documents::Documents;
use super::known::Known;
use super::place;
use crate::source::Span;
use crate::syntax::ast::{ItemKind, Use};
use lsp_types::Location;

/// Where a name that stands somewhere is declared, as far as the editor has that text. `from`: where it stands, if in the
/// file itself.
pub(super) fn leads_to(
    known: &Known,
    from: Option<Span>,
    declared: Span,
    texts: &Documents,
) -> Option<Location> {
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
    let by_name = |used: &Use| used.names.iter().find(|own| own.name == name).map(|own| own.span);
    let mut uses = uses.filter(|(used, _)| used.module.join("::") == *module);
    let target = uses.next().map(|(used, whole)| by_name(used).unwrap_or(whole))?;
    (Some(target) != from).then(|| location(known, target, texts)).flatten()
}

fn location(known: &Known, span: Span, texts: &Documents) -> Option<Location> {
    let (uri, text) = texts.text_of(&known.place(span)?.0)?;
    Some(Location { uri, range: place::range(&text, span.range()) })
}

/// A declaration in words, with what is to be said of it beside what stands there; `elsewhere`: whether in another file.
pub(super) fn in_words(known: &Known, declared: Span, facts: Vec<String>, elsewhere: bool) -> Option<String> {
    let (line, above) = known.declaration(declared)?;
    let place = elsewhere.then(|| format!("declared in {}", known.sources.place(declared)));
    let head = format!("```tot\n{line}\n```");
    let parts = [head].into_iter().chain(facts).chain([above]).chain(place);
    Some(parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n"))
}
