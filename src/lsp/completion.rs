//! What may be typed at a place: names of the model, its ancestors, the file and the language; behind `.` the members of a
//! net, in a `use` modules and their names. Takes a text, half-typed as it is, and what the last whole text was known to
//! mean; gives candidates, among which the editor chooses by what has been typed of the word.

use super::documents::{Document, Documents};
use super::known::word;
use super::place;
use crate::diagnostic::Sink;
use crate::source::FileId;
use crate::syntax::ast::{File, Item, ItemKind};
use crate::syntax::{Reader, lex, library_modules, library_names, parse};
use lsp_types::{CompletionItem, CompletionItemKind, Position};
use std::collections::BTreeMap;

/// The words of the language.
#[rustfmt::skip]
pub const WORDS: [&str; 68] = [
    "all", "along", "and", "at", "axis", "between", "block", "branch", "buffer", "by", "carry", "collect", "config", "decode", "do",
    "drop", "else", "emit", "encode", "explore", "extends", "false", "fn", "giving", "grad", "groups", "halt", "if",
    "in", "inherited", "input", "into", "last", "least", "let", "lookahead", "loss", "match", "merge", "metric",
    "mixin", "model", "most", "net", "never", "not", "of", "or", "over", "param", "predict", "prune", "record",
    "repeat", "return", "state", "step", "steps", "table", "target", "think", "to", "true", "use", "var", "when", "while",
    "with",
];

/// What may stand at a place.
pub(super) fn candidates(document: &Document, at: Position, texts: &Documents) -> Vec<CompletionItem> {
    if document.is_run_file() {
        return super::run_completion::candidates(document, at, texts);
    }
    let byte = place::byte(&document.text, at);
    let begun = word(&document.text, byte).start;
    let before = &document.text[..begun];
    if let Some(used) = used(before) {
        return imports(document, used, texts);
    }
    match before.strip_suffix('.').filter(|before| !before.ends_with('.')) {
        Some(before) => members(document, before),
        None => names(document, begun),
    }
}

/// What stands between the last `use` and the place, if the place belongs to it.
fn used(before: &str) -> Option<&str> {
    let line = before.rfind("\nuse ").map(|at| at + 5).or(before.starts_with("use ").then_some(4))?;
    let used = &before[line..];
    let whole = match used.split_once("::{") {
        Some((_, names)) => names.contains('}'),
        None => used.contains('\n'),
    };
    (!whole).then_some(used)
}

fn imports(document: &Document, used: &str, texts: &Documents) -> Vec<CompletionItem> {
    let folder = document.path.parent().map(std::path::Path::to_path_buf).unwrap_or_default();
    let Some((module, _)) = used.rsplit_once("::") else {
        let mut modules: Vec<String> =
            library_modules().iter().filter_map(|path| path.split("::").next()).map(str::to_owned).collect();
        modules.extend(texts.siblings(&folder));
        modules.sort();
        modules.dedup();
        return modules.iter().map(|name| item(name, CompletionItemKind::MODULE, "module")).collect();
    };
    let module: String = module.split_whitespace().collect();
    let below: Vec<CompletionItem> = library_modules()
        .iter()
        .filter_map(|path| path.strip_prefix(&format!("{module}::")))
        .map(|name| item(name, CompletionItemKind::MODULE, "module"))
        .collect();
    if !below.is_empty() {
        return below;
    }
    let shipped = library_names(&module);
    if !shipped.is_empty() {
        return shipped.iter().map(|name| item(name, CompletionItemKind::REFERENCE, &module)).collect();
    }
    let path = folder.join(format!("{}.tot", module.replace("::", "/")));
    let Ok(text) = texts.read(&path) else { return Vec::new() };
    let tree = parse(FileId(0), &text, &mut Sink::default());
    tree.items
        .iter()
        .filter_map(Item::name)
        .map(|name| item(name, CompletionItemKind::REFERENCE, &module))
        .collect()
}

fn members(document: &Document, before: &str) -> Vec<CompletionItem> {
    let owner = &before[word(before, before.len())];
    let note = document.last_known().and_then(|known| known.notes.of_model.get(owner));
    let members = note.map(|note| note.members.as_slice()).unwrap_or_default();
    members.iter().map(|name| item(name, CompletionItemKind::FIELD, owner)).collect()
}

fn names(document: &Document, begun: usize) -> Vec<CompletionItem> {
    let mut found = BTreeMap::new();
    let mut add = |name: &str, kind: CompletionItemKind, detail: &str| {
        found.entry(name.to_owned()).or_insert_with(|| item(name, kind, detail));
    };
    for (name, note) in document.last_known().iter().flat_map(|known| &known.notes.of_model) {
        add(name, CompletionItemKind::VARIABLE, &note.is);
    }
    let tree = parse(FileId(0), &document.text, &mut Sink::default());
    for (name, kind, detail) in items(&tree) {
        add(name, kind, detail);
    }
    for word in WORDS {
        add(word, CompletionItemKind::KEYWORD, "");
    }
    for name in crate::model::built_in() {
        add(name, CompletionItemKind::FUNCTION, "of the language");
    }
    // Names of nets and functions are known where they are typed only.
    for token in lex(&document.text).into_iter().filter(|token| token.start != begun) {
        let word = &document.text[token];
        if word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            add(word, CompletionItemKind::TEXT, "");
        }
    }
    found.into_values().collect()
}

fn items(tree: &File) -> Vec<(&str, CompletionItemKind, &'static str)> {
    let mut found = Vec::new();
    for item in &tree.items {
        let (kind, detail) = match &item.kind {
            ItemKind::Use(used) => {
                let names = used.names.iter();
                found.extend(names.map(|name| (name.name.as_str(), CompletionItemKind::REFERENCE, "used")));
                continue;
            }
            ItemKind::Model(_) => (CompletionItemKind::CLASS, "model"),
            ItemKind::Net(_) => (CompletionItemKind::STRUCT, "net"),
            ItemKind::Fn(_) => (CompletionItemKind::FUNCTION, "fn"),
            ItemKind::Axis { .. } => (CompletionItemKind::CONSTANT, "axis"),
        };
        found.extend(item.name().map(|name| (name, kind, detail)));
    }
    found
}

fn item(name: &str, kind: CompletionItemKind, detail: &str) -> CompletionItem {
    CompletionItem {
        label: name.to_owned(),
        kind: Some(kind),
        detail: (!detail.is_empty()).then(|| detail.to_owned()),
        ..CompletionItem::default()
    }
}
