//! All places of one thing, in every file that has it: where it is declared, where heirs and ancestors declare it, and where
//! it is read. Takes what checks of several files know, gives places by file; a file that nobody has opened counts as it
//! lies on the disk.

use super::diagnostics;
use super::documents::{Document, Documents};
use super::known::{Known, Place, declared, word};
use crate::source::Span;
use crate::syntax::{Space, lex, mentions};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;

/// Where a thing has its name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// The name, the same in all places.
    pub(super) name: String,
    /// Its first bytes, by file of an author.
    pub(super) by_path: BTreeMap<PathBuf, BTreeSet<u32>>,
    /// A place of the library that has the name, in words.
    pub(super) of_library: Option<String>,
    /// A place that has the name too, of which nothing tells whether it means the thing.
    pub(super) unclear: Option<Place>,
    /// Predictions that are called like the thing since they have no name of their own.
    pub(super) predictions: BTreeSet<Place>,
}

/// The places of what is declared at a place under a name.
pub(super) fn of(declaration: &Place, name: &str, checked: &[Rc<Known>]) -> Places {
    let group = declarations(declaration, name, checked);
    let mut places = Places { name: name.to_owned(), ..Places::default() };
    let mut resolved = BTreeSet::new();
    for known in checked {
        for (span, declared) in known.names() {
            let Some(place) = known.place(span) else { continue };
            let of_group = known.place(declared).is_some_and(|declared| group.contains(&declared));
            if of_group && known.is_library(span) {
                places.of_library.get_or_insert_with(|| known.sources.place(span));
            } else if of_group {
                places.by_path.entry(place.0.clone()).or_default().insert(place.1);
            }
            resolved.insert(place);
        }
    }
    for known in checked {
        let in_group = |span: Span| {
            let place = known.place(span);
            place.is_some_and(|(path, at)| places.by_path.get(&path).is_some_and(|all| all.contains(&at)))
        };
        let has_name = |span: Span| known.sources.text(span) == name;
        for (_, item) in known.own_items() {
            let mut named = mentions(item);
            named.retain(|mention| has_name(mention.span));
            if !named.iter().any(|mention| in_group(mention.span)) {
                continue;
            }
            for mention in named {
                let place = known.place(mention.span);
                if mention.names_prediction && in_group(mention.span) {
                    places.predictions.extend(place);
                } else if mention.space == Space::Value {
                    let unclear = place.filter(|place| !resolved.contains(place));
                    places.unclear = places.unclear.take().or(unclear);
                }
            }
        }
    }
    places
}

/// The declaration, and those of the same thing that ancestors and heirs have.
fn declarations(declaration: &Place, name: &str, checked: &[Rc<Known>]) -> BTreeSet<Place> {
    // Declarations that are read in one place, and those of the name in one line of models, by what they declare.
    let mut alike: Vec<BTreeSet<Place>> = Vec::new();
    for known in checked {
        for note in known.notes.by_place.values().filter(|note| !note.elsewhere.is_empty()) {
            let all = known.declarations(note).into_iter();
            alike.push(all.filter_map(|declared| known.place(declared)).collect());
        }
        for line in known.lines() {
            let mut by_space: BTreeMap<Space, BTreeSet<Place>> = BTreeMap::new();
            for (space, own) in line.iter().flat_map(|model| declared(&model.members)) {
                if own.name == name {
                    by_space.entry(space).or_default().extend(known.place(own.span));
                }
            }
            alike.extend(by_space.into_values());
        }
    }
    let mut group = BTreeSet::from([declaration.clone()]);
    loop {
        let before = group.len();
        for set in alike.iter().filter(|set| !set.is_disjoint(&group)).collect::<Vec<_>>() {
            group.extend(set.iter().cloned());
        }
        if group.len() == before {
            return group;
        }
    }
}

/// What is known of the open files, and of those beside them and beside the declaration that have the name.
pub(super) fn checked(declaration: &Place, name: &str, texts: &Documents) -> Vec<Rc<Known>> {
    let open = texts.all().filter_map(Document::shared);
    let closed = closed(declaration, texts).into_iter().filter(|document| has_name(&document.text, name));
    open.chain(closed.filter_map(|document| diagnostics::of(&document, texts).known.map(Rc::new))).collect()
}

/// The model files that are not open, beside those that are and beside the declaration.
pub(super) fn closed((path, _): &Place, texts: &Documents) -> Vec<Document> {
    let open = texts.all().map(|document| &document.path);
    let folders: BTreeSet<PathBuf> =
        open.chain([path]).filter_map(|path| Some(path.parent()?.to_path_buf())).collect();
    folders.iter().flat_map(|folder| texts.closed(folder)).collect()
}

/// Whether a text has the name, as a name.
pub(super) fn has_name(text: &str, name: &str) -> bool {
    text.contains(name) && lex(text).into_iter().any(|token| &text[token] == name)
}

/// The name at a byte of a document: where it stands, and where it is declared.
pub(super) fn name_at(known: &Known, text: &str, byte: usize) -> Option<(Span, Span)> {
    let word = word(text, byte);
    known.names().into_iter().find(|(span, _)| span.file == 0 && span.range() == word)
}
