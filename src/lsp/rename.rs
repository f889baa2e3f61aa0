//! Another name for a thing, in every file that has it. Takes a place of a document and the new name, gives edits, or a
//! sentence that says why not: what the library has under the name stays, and so does all where a file would not check any
//! more or the new name would mean something else somewhere. Nothing is foreseen: the edited texts are checked.

use super::diagnostics::{self, Found};
use super::documents::{Document, Documents};
use super::known::Known;
use super::place;
use super::places::{self, Places};
use super::run_names;
use crate::source::Span;
use crate::syntax::ast::{AxisEntry, Ident, MemberKind, Type};
use crate::syntax::{RESERVED, Reader, lex};
use lsp_types::{
    Diagnostic, DiagnosticSeverity, NumberOrString, Position, PrepareRenameResponse, TextEdit, WorkspaceEdit,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A place in a text of the author: file and first byte.
type At = (PathBuf, u32);

/// The name at a place, if it can have another.
///
/// # Errors
/// Why it cannot.
pub(super) fn prepare(
    document: &Document,
    at: Position,
    texts: &Documents,
) -> Result<PrepareRenameResponse, String> {
    let (bytes, own, places, known) = asked(document, at, texts)?;
    renamable(&own, &places, &known)?;
    Ok(PrepareRenameResponse::RangeWithPlaceholder {
        range: place::range(&document.text, bytes),
        placeholder: places.name,
    })
}

/// The edits that give a thing another name.
///
/// # Errors
/// Why it cannot have it.
pub(super) fn edits(
    document: &Document,
    at: Position,
    new: &str,
    texts: &Documents,
) -> Result<WorkspaceEdit, String> {
    let (_, own, places, known) = asked(document, at, texts)?;
    renamable(&own, &places, &known)?;
    nameable(new)?;
    if let Some((path, _)) = &places.unclear {
        let (name, path) = (&places.name, path.display());
        return Err(format!(
            "{path} has a `{name}` in an arm or a function that the present configs never reach, so that nothing \
             tells whether it is this one; rename by hand"
        ));
    }
    let mut renamed = Renamed::default();
    let mut changes = Vec::new();
    for (path, starts) in &places.by_path {
        let (uri, text) = texts.text_of(path).ok_or_else(|| {
            format!("{} cannot be read, and it has `{}`; rename by hand", path.display(), places.name)
        })?;
        let (mut after, mut edits) = (text.clone(), Vec::new());
        let (mut shift, mut moved) = (0_i64, BTreeMap::new());
        for start in starts {
            let labelled = places.predictions.contains(&(path.clone(), *start));
            let written = if labelled { format!("{} = {new}", places.name) } else { new.to_owned() };
            let bytes = *start as usize..*start as usize + places.name.len();
            let now = (i64::from(*start) + shift) as usize;
            after.replace_range(now..now + bytes.len(), &written);
            moved.insert(*start, (now + written.len() - new.len()) as u32);
            shift += written.len() as i64 - bytes.len() as i64;
            edits.push(TextEdit { range: place::range(&text, bytes), new_text: written });
        }
        changes.push((uri, edits));
        renamed.texts.insert(path.clone(), after);
        renamed.moved.insert(path.clone(), moved);
    }
    holds(&own, new, &renamed, &known, texts)?;
    changes.extend(run_names::edits(&places, new, &known, texts)?);
    Ok(WorkspaceEdit { changes: Some(changes.into_iter().collect()), ..WorkspaceEdit::default() })
}

/// Bytes and declaration of the name at a place, all its places, and what is known of the files that have them.
type Asked = (std::ops::Range<usize>, At, Places, Vec<Rc<Known>>);

fn asked(document: &Document, at: Position, texts: &Documents) -> Result<Asked, String> {
    if document.is_run_file() {
        let found = super::run_things::declared(document, at, texts);
        let (bytes, known, declared) = found.ok_or_else(|| {
            "of a run file configs and models can be renamed: fields have the names of docs/run-files.md"
                .to_owned()
        })?;
        return of_declaration(bytes, &known, declared, texts);
    }
    let Some(known) = document.known() else {
        return Err(
            "the text has mistakes of syntax, so that names cannot be told; mend them first".to_owned()
        );
    };
    let found = places::name_at(known, &document.text, place::byte(&document.text, at));
    match found {
        Some((span, declared)) => of_declaration(span.range(), known, declared, texts),
        None => Err(nothing_there(document, at)),
    }
}

fn of_declaration(
    bytes: std::ops::Range<usize>,
    known: &Known,
    declared: Span,
    texts: &Documents,
) -> Result<Asked, String> {
    let Some(own) = known.place(declared) else { return Err("no name stands here".to_owned()) };
    if known.is_library(declared) {
        let (name, place) = (known.sources.text(declared), known.sources.place(declared));
        return Err(format!("`{name}` is declared in the library ({place}), and keeps its name there"));
    }
    let name = known.sources.text(declared);
    let checked = places::checked(&own, name, texts);
    Ok((bytes, own.clone(), places::of(&own, name, &checked), checked))
}

fn nothing_there(document: &Document, at: Position) -> String {
    let text = &document.text;
    let word = &text[super::known::word(text, place::byte(text, at))];
    match word {
        "" => "no name stands here".to_owned(),
        word => format!(
            "`{word}` is a word or a name of the language, or is read nowhere that the present configs reach: it \
             cannot be renamed"
        ),
    }
}

/// Complains where the library has the name too, or data sets do.
fn renamable((path, _): &At, places: &Places, known: &[Rc<Known>]) -> Result<(), String> {
    let (name, path) = (&places.name, path.display());
    if let Some(place) = &places.of_library {
        return Err(format!(
            "the library has `{name}` under this name too ({place}), so that it cannot have another in {path}"
        ));
    }
    if known.iter().any(|known| is_of_data(known, places)) {
        return Err(format!(
            "data sets know `{name}` by this name (an input, a target, or an axis whose size they give): with another \
             one {path} would fit none of them"
        ));
    }
    Ok(())
}

/// Whether the thing is an input or target, or an axis of one that has no size of its own.
fn is_of_data(known: &Known, places: &Places) -> bool {
    let own = |name: &Ident| {
        let place = known.place(name.span);
        place.is_some_and(|(path, at)| places.by_path.get(&path).is_some_and(|all| all.contains(&at)))
    };
    known.lines().any(|line| {
        let members = || line.iter().flat_map(|model| &model.members);
        let indexed = |ty: &Type| {
            ty.name.name == places.name
                || ty
                    .axes
                    .iter()
                    .flatten()
                    .any(|entry| matches!(entry, AxisEntry::Name(name) if name.name == places.name))
        };
        let of_data =
            || members().any(|member| matches!(&member.kind, MemberKind::Data { ty, .. } if indexed(ty)));
        members().any(|member| match &member.kind {
            MemberKind::Data { name, .. } => own(name),
            MemberKind::Axis { names, size: None } => names.iter().any(own) && of_data(),
            _ => false,
        })
    })
}

/// Complains about what is no name.
fn nameable(new: &str) -> Result<(), String> {
    let word = lex(new).first().cloned().is_some_and(|token| token == (0..new.len()));
    if !word || !new.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return Err(format!(
            "`{new}` is no name: names are letters, digits and `_`, and begin with no digit"
        ));
    }
    if new == "_" || RESERVED.contains(&new) || super::completion::WORDS.contains(&new) {
        return Err(format!("`{new}` is a word of the language; choose another name"));
    }
    Ok(())
}

/// The texts with the new name, and where each place has moved.
#[derive(Default)]
struct Renamed {
    texts: BTreeMap<PathBuf, String>,
    moved: BTreeMap<PathBuf, BTreeMap<u32, u32>>,
}

/// Complains where a text does not check any more, or the new name means more or less than the old one did.
fn holds(
    own: &At,
    new: &str,
    renamed: &Renamed,
    known: &[Rc<Known>],
    texts: &Documents,
) -> Result<(), String> {
    let over = Over { edited: &renamed.texts, texts };
    let closed = places::closed(own, texts);
    let concerned = |document: &&Document| !document.is_run_file();
    let mut after = Vec::new();
    for document in texts.all().chain(&closed).filter(concerned) {
        let now = document.with_text(over.read(&document.path).unwrap_or_else(|_| document.text.clone()));
        let found = diagnostics::of(&now, &over);
        if found.uses.iter().any(|path| renamed.texts.contains_key(path)) {
            let before = diagnostics::of(document, texts);
            if let Some(told) = more_wrong(&before, &found) {
                let (line, path) = (told.range.start.line + 1, document.path.display());
                let told = told.message.lines().next().unwrap_or_default();
                return Err(format!("with `{new}`, {path} would not check (line {line}): {told}"));
            }
        }
        after.extend(found.known.map(Rc::new));
    }
    let declaration = renamed.moved.get(&own.0).and_then(|moved| moved.get(&own.1)).copied();
    let now = declaration.map(|start| places::of(&(own.0.clone(), start), new, &after));
    let expected: BTreeMap<PathBuf, BTreeSet<u32>> =
        renamed.moved.iter().map(|(path, moved)| (path.clone(), moved.values().copied().collect())).collect();
    if now.is_some_and(|now| now.by_path == expected && now.of_library.is_none()) && !known.is_empty() {
        return Ok(());
    }
    Err(format!("`{new}` already means something else where this name stands; choose another name"))
}

/// An error of a kind that there were fewer of before.
fn more_wrong<'a>(before: &Found, after: &'a Found) -> Option<&'a Diagnostic> {
    fn errors(found: &Found) -> impl Iterator<Item = (&str, &Diagnostic)> {
        let errors = found.diagnostics.iter().filter(|told| told.severity == Some(DiagnosticSeverity::ERROR));
        errors.map(|told| match &told.code {
            Some(NumberOrString::String(code)) => (code.as_str(), told),
            _ => ("", told),
        })
    }
    let count = |found: &Found, code: &str| errors(found).filter(|(own, _)| *own == code).count();
    errors(after).find(|(code, _)| count(after, code) > count(before, code)).map(|(_, told)| told)
}

/// Edited texts over those of the editor.
struct Over<'a> {
    edited: &'a BTreeMap<PathBuf, String>,
    texts: &'a Documents,
}

impl Reader for Over<'_> {
    fn read(&self, path: &Path) -> std::io::Result<String> {
        self.edited.get(path).map_or_else(|| self.texts.read(path), |text| Ok(text.clone()))
    }

    fn siblings(&self, folder: &Path) -> Vec<String> {
        self.texts.siblings(folder)
    }
}
