//! What the last check of a document knows of its names. Takes the texts, trees and notes of that check, gives for a place
//! the name that stands there, where it is declared and all its places; says nothing of a text that has changed since.

use super::gradient;
use crate::ir::Graph;
use crate::model::notes::{Note, Notes};
use crate::model_file::ModelFile;
use crate::source::{FileId, Origin, Sources, Span};
use crate::syntax::ast::{Ident, Item, ItemKind, Member, Model};
use crate::syntax::{Modules, Reader, Space, declares, mentions};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A check's texts, trees and notes.
pub(super) struct Known {
    /// Texts; the document's is the first.
    pub(super) sources: Sources,
    /// Trees.
    pub(super) modules: Modules,
    /// What each name is.
    pub(super) notes: Notes,
    /// What the models of the text compute in a step of training, those that check.
    pub(super) graphs: Vec<Graph>,
}

/// A place that holds in whatever check it is found: file and first byte.
pub(super) type Place = (PathBuf, u32);

impl Known {
    /// Texts and trees of a model file, which is not checked.
    pub(super) fn read(path: &Path, texts: &dyn Reader) -> Option<Known> {
        let ModelFile { sources, modules, .. } = ModelFile::read(path, None, texts).ok()?;
        Some(Known { sources, modules, notes: Notes::default(), graphs: Vec::new() })
    }

    /// The names of the file's models.
    pub(super) fn models(&self) -> Vec<String> {
        let items = self.modules.by_path.get("").into_iter().flat_map(|root| &root.tree.items);
        let name = |item: &Item| match &item.kind {
            ItemKind::Model(model) if !model.mixin => Some(model.name.name.clone()),
            _ => None,
        };
        items.filter_map(name).collect()
    }

    /// Whether it is of this text.
    pub(super) fn is_of(&self, text: &str) -> bool {
        self.sources.files().first().is_some_and(|file| file.text == text)
    }

    /// Whether it is of the file at a path.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        self.sources.files().first().is_some_and(|file| Path::new(&file.name) == path)
    }

    /// What the checker says of a name of the document.
    pub(super) fn note(&self, start: usize) -> Option<&Note> {
        self.notes.by_place.get(&(0, start as u32)).filter(|note| self.is_name(note.span))
    }

    /// What is to be said of the gradient of what is bound at a name, or of a `let` where it is read.
    pub(super) fn gradient(&self, name: Span, declared: Span) -> Option<String> {
        let at = |place: Span| self.graphs.iter().find_map(|graph| gradient::told(graph, place));
        let lasting = || self.declaration(declared).is_some_and(|(line, _)| line.starts_with("let "));
        at(name).or_else(|| lasting().then(|| at(declared)).flatten())
    }

    /// Every name of every text, by place, with the place of its declaration: what the checker has noted, and what follows
    /// from the trees.
    pub(super) fn names(&self) -> BTreeMap<Span, Span> {
        let mut names = BTreeMap::new();
        for note in self.notes.by_place.values() {
            for declared in self.declarations(note).into_iter().take(1) {
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
                let declared = |name: &Ident| Some((name.span, self.item(path, &name.name)?.1.ident()?.span));
                names.extend(heads.into_iter().filter_map(declared));
            }
        }
        for (path, item) in self.own_items() {
            self.add_unread(path, item, &mut names);
        }
        names
    }

    /// Where the name of a note is declared: first as it was met first; heirs may have declared it anew.
    pub(super) fn declarations(&self, note: &Note) -> Vec<Span> {
        let len = note.span.end - note.span.start;
        let all = std::iter::once(note.declared).chain(note.elsewhere.iter().copied());
        // What an update binds again begins with the name.
        let all = all.map(|declared| Span { end: declared.start + len, ..declared });
        let name = self.sources.text(note.span);
        all.filter(|declared| self.is_name(note.span) && self.sources.text(*declared) == name).collect()
    }

    /// Adds what the checker does not come by with the present configs: what stands in arms that are not taken, and names
    /// that nothing reads.
    fn add_unread(&self, module: &str, item: &Item, names: &mut BTreeMap<Span, Span>) {
        let members = match &item.kind {
            ItemKind::Model(model) => &model.members[..],
            ItemKind::Net(net) => &net.members[..],
            _ => &[],
        };
        let member = |span: Span| members.iter().find(|member| covers(member.span, span));
        let of_line: Vec<(Space, &Ident)> = match &item.kind {
            ItemKind::Model(model) => {
                self.line(module, model).into_iter().flat_map(|model| declared(&model.members)).collect()
            }
            _ => declared(members).collect(),
        };
        let mut read: BTreeMap<(Space, &str, Option<Span>), BTreeSet<Span>> = BTreeMap::new();
        let all = mentions(item);
        for mention in &all {
            if let Some(declared) = names.get(&mention.span) {
                let text = self.sources.text(mention.span);
                for place in [None, member(mention.span).map(|member| member.span)] {
                    read.entry((mention.space, text, place)).or_default().insert(*declared);
                }
            }
        }
        for mention in &all {
            let (span, text) = (mention.span, self.sources.text(mention.span));
            if names.contains_key(&span) || !self.is_name(span) {
                continue;
            }
            let itself = of_line.iter().find(|(_, name)| name.span == span);
            let of_line =
                || of_line.iter().find(|(space, name)| *space == mention.space && name.name == text);
            let only = |place: Option<Span>| match read.get(&(mention.space, text, place)) {
                Some(found) if found.len() == 1 => found.first().copied(),
                _ => None,
            };
            let found = itself.or_else(of_line).map(|(_, name)| name.span);
            let found = found.or_else(|| only(member(span).map(|member| member.span))).or_else(|| only(None));
            names.extend(found.map(|declared| (span, declared)));
        }
    }

    /// The items of files of the author, each with its module.
    pub(super) fn own_items(&self) -> impl Iterator<Item = (&str, &Item)> {
        let own = self.modules.by_path.iter().filter(|(_, module)| !self.is_library_file(module.file));
        own.flat_map(|(path, module)| module.tree.items.iter().map(move |item| (path.as_str(), item)))
    }

    /// The models of all files, each with all that it is made of, itself first.
    pub(super) fn lines(&self) -> impl Iterator<Item = Vec<&Model>> {
        self.modules.by_path.iter().flat_map(move |(path, module)| {
            module.tree.items.iter().filter_map(move |item| match &item.kind {
                ItemKind::Model(model) => Some(self.line(path, model)),
                _ => None,
            })
        })
    }

    /// All that a model is made of: itself first, then what it takes in, then what it extends.
    fn line<'a>(&'a self, module: &'a str, model: &'a Model) -> Vec<&'a Model> {
        let mut line: Vec<&Model> = Vec::new();
        let mut waiting = vec![(module, model)];
        while let Some((module, model)) = waiting.pop() {
            if line.iter().any(|known| known.name.span == model.name.span) {
                continue;
            }
            line.push(model);
            let further = model.extends.iter().chain(&model.with);
            waiting.extend(further.filter_map(|name| match self.item(module, &name.name)? {
                (module, Item { kind: ItemKind::Model(model), .. }) => Some((module, model)),
                _ => None,
            }));
        }
        line
    }

    /// An item that a module declares or takes from another, and the module that declares it.
    fn item<'a>(&'a self, module: &'a str, name: &str) -> Option<(&'a str, &'a Item)> {
        let own = |module: &'a str| {
            let items = &self.modules.by_path.get(module)?.tree.items;
            items.iter().find(|item| item.name() == Some(name)).map(|item| (module, item))
        };
        own(module).or_else(|| {
            let used =
                self.modules.by_path.get(module)?.tree.items.iter().find_map(|item| match &item.kind {
                    ItemKind::Use(used) if used.names.iter().any(|own| own.name == name) => Some(used),
                    _ => None,
                })?;
            own(self.modules.by_path.get_key_value(&used.module.join("::"))?.0)
        })
    }

    /// The place of a span, the same in all checks.
    pub(super) fn place(&self, span: Span) -> Option<Place> {
        let file = self.sources.files().get(span.file as usize)?;
        Some((PathBuf::from(&file.name), span.start))
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
        self.sources.is_library(span)
    }

    fn is_library_file(&self, file: FileId) -> bool {
        self.sources.get(file).origin == Origin::Library
    }
}

/// The names that members declare.
pub(super) fn declared(members: &[Member]) -> impl Iterator<Item = (Space, &Ident)> {
    members.iter().flat_map(declares)
}

fn covers(whole: Span, part: Span) -> bool {
    whole.file == part.file && whole.start <= part.start && part.end <= whole.end
}

/// The bytes of the name that a byte lies in or behind.
pub(super) fn word(text: &str, byte: usize) -> std::ops::Range<usize> {
    let of_name = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    let before = text[..byte].chars().rev().take_while(of_name).count();
    let after = text[byte..].chars().take_while(of_name).count();
    byte - before..byte + after
}
