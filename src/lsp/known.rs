//! What the last check of a document knows of its names. Takes the texts, trees and notes of that check, gives for a place
//! the name that stands there, where it is declared and all its places; says nothing of a text that has changed since.

use crate::model::notes::{Note, Notes};
use crate::source::{FileId, Origin, Sources, Span};
use crate::syntax::Modules;
use crate::syntax::ast::{Ident, ItemKind};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A check's texts, trees and notes.
pub(super) struct Known {
    /// Texts; the document's is the first.
    pub(super) sources: Sources,
    /// Trees.
    pub(super) modules: Modules,
    /// What each name is.
    pub(super) notes: Notes,
}

/// A place that holds in whatever check it is found: file and first byte.
pub(super) type Place = (PathBuf, u32);

impl Known {
    /// Whether it is of this text.
    pub(super) fn is_of(&self, text: &str) -> bool {
        self.sources.files().first().is_some_and(|file| file.text == text)
    }

    /// What the checker says of a name of the document.
    pub(super) fn note(&self, start: usize) -> Option<&Note> {
        self.notes.by_place.get(&(0, start as u32)).filter(|note| self.is_name(note.span))
    }

    /// Every name of every text, by place, with the place of its declaration.
    pub(super) fn names(&self) -> BTreeMap<Span, Span> {
        let mut names = BTreeMap::new();
        for note in self.notes.by_place.values() {
            // What an update binds again begins with the name.
            let declared =
                Span { end: note.declared.start + (note.span.end - note.span.start), ..note.declared };
            if self.is_name(note.span) && self.sources.text(declared) == self.sources.text(note.span) {
                names.insert(note.span, declared);
                names.entry(declared).or_insert(declared);
            }
        }
        for (path, module) in &self.modules.by_path {
            for item in &module.tree.items {
                names.extend(item.ident().map(|name| (name.span, name.span)));
                let heads: Vec<&Ident> = match &item.kind {
                    ItemKind::Use(used) => used.names.iter().collect(),
                    ItemKind::Model(model) => model.extends.iter().chain(&model.with).collect(),
                    _ => continue,
                };
                let declared = |name: &Ident| Some((name.span, self.item(path, &name.name)?));
                names.extend(heads.into_iter().filter_map(declared));
            }
        }
        names
    }

    /// Where an item is declared that a module declares or takes from another.
    fn item(&self, module: &str, name: &str) -> Option<Span> {
        let items = &self.modules.by_path.get(module)?.tree.items;
        let own = items.iter().find_map(|item| item.ident().filter(|own| own.name == name));
        own.map(|own| own.span).or_else(|| {
            let from = items.iter().find_map(|item| match &item.kind {
                ItemKind::Use(used) if used.names.iter().any(|own| own.name == name) => {
                    Some(used.module.join("::"))
                }
                _ => None,
            });
            from.filter(|from| from != module).and_then(|from| self.item(&from, name))
        })
    }

    /// The place of a span, the same in all checks; None of the library's, which have no file.
    pub(super) fn place(&self, span: Span) -> Option<Place> {
        let file = self.sources.files().get(span.file as usize)?;
        (file.origin == Origin::Author).then(|| (PathBuf::from(&file.name), span.start))
    }

    /// The declaration's line and what is written above it.
    pub(super) fn declaration(&self, span: Span) -> Option<(String, String)> {
        let text = &self.sources.files().get(span.file as usize)?.text;
        let start = text.get(..span.start as usize)?.rfind('\n').map_or(0, |end| end + 1);
        let line = text[start..].lines().next()?.trim();
        let above = text[..start].lines().rev().map_while(|line| line.trim().strip_prefix("///"));
        let mut above: Vec<&str> = above.map(str::trim).collect();
        above.reverse();
        Some((line.to_owned(), above.join("\n")))
    }

    fn is_name(&self, span: Span) -> bool {
        let text = self.sources.text(span);
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    /// Whether a file's text is the library's.
    pub(super) fn is_library(&self, span: Span) -> bool {
        self.sources.files().len() > span.file as usize
            && self.sources.get(FileId(span.file)).origin == Origin::Library
    }
}

/// The bytes of the name that a byte lies in or behind.
pub(super) fn word(text: &str, byte: usize) -> std::ops::Range<usize> {
    let of_name = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    let before = text[..byte].chars().rev().take_while(of_name).count();
    let after = text[byte..].chars().take_while(of_name).count();
    byte - before..byte + after
}
