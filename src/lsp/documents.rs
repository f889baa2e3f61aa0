//! The texts that the editor holds, in place of the files they are of. Takes texts by their addresses, gives what is asked
//! of them; a file that is not open is read where the server reads files.

use super::known::Known;
use super::place;
use crate::bytes::escaped;
use crate::diagnostic::Sink;
use crate::format::format;
use crate::run_check::Memo;
use crate::run_file::is_other;
use crate::source::FileId;
use crate::syntax::Reader;
use lsp_types::{TextEdit, Uri};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A text of the editor.
pub(super) struct Document {
    /// Its address.
    pub(super) uri: String,
    /// Where its file is, or would be.
    pub(super) path: PathBuf,
    /// The whole of it.
    pub(super) text: String,
    /// Files that the last check has read, its own among them.
    uses: BTreeSet<PathBuf>,
    /// What the last check of a text without syntax errors has found of names.
    known: Option<Rc<Known>>,
}

/// All open documents, by address.
pub(super) struct Documents {
    by_uri: BTreeMap<String, Document>,
    /// What is not open.
    files: Box<dyn Reader>,
    /// What checks of runs have said.
    pub(super) memo: Memo,
}

impl Documents {
    /// None is open yet.
    pub(super) fn over(files: Box<dyn Reader>) -> Documents {
        Documents { by_uri: BTreeMap::new(), files, memo: Memo::default() }
    }

    /// The document gets a text; gives its address, or None where no file can have it.
    pub(super) fn set(&mut self, uri: &Uri, text: String) -> Option<String> {
        let path = path_of(uri.as_str())?;
        let text = crate::text_file::without_mark(text);
        let uri = uri.as_str().to_owned();
        let (uses, known) = self.by_uri.remove(&uri).map(|old| (old.uses, old.known)).unwrap_or_default();
        self.by_uri.insert(uri.clone(), Document { uri: uri.clone(), path, text, uses, known });
        Some(uri)
    }

    /// From now on the file counts.
    pub(super) fn close(&mut self, uri: &Uri) {
        self.by_uri.remove(uri.as_str());
    }

    /// An open document.
    pub(super) fn get(&self, uri: &Uri) -> Option<&Document> {
        self.by_uri.get(uri.as_str())
    }

    /// Those that use the changed documents, without these.
    pub(super) fn users_of(&self, changed: &BTreeSet<String>) -> Vec<String> {
        let paths: Vec<_> = changed.iter().filter_map(|uri| Some(&self.by_uri.get(uri)?.path)).collect();
        let concerned = |(uri, document): &(&String, &Document)| {
            !changed.contains(*uri) && paths.iter().any(|path| document.uses.contains(*path))
        };
        self.by_uri.iter().filter(concerned).map(|(uri, _)| uri.clone()).collect()
    }

    /// The document of an address.
    pub(super) fn at(&self, uri: &str) -> Option<&Document> {
        self.by_uri.get(uri)
    }

    /// Notes which files a check of a document has read, and what it has found of names.
    pub(super) fn checked(&mut self, uri: &str, uses: BTreeSet<PathBuf>, known: Option<Known>) {
        if let Some(document) = self.by_uri.get_mut(uri) {
            document.uses = uses;
            document.known = known.map(Rc::new).or(document.known.take());
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Document> {
        self.by_uri.values()
    }

    /// The model files of a folder that are not open, as they lie there.
    pub(super) fn closed(&self, folder: &Path) -> Vec<Document> {
        let paths = self.files.siblings(folder).into_iter().map(|name| folder.join(format!("{name}.tot")));
        let closed = paths.filter(|path| self.all().all(|document| document.path != *path));
        closed.filter_map(|path| self.read_from(&path)).collect()
    }

    /// A document of the text at a path, open or not, of which nothing is known yet.
    pub(super) fn read_from(&self, path: &Path) -> Option<Document> {
        let (uri, text) = self.text_of(path)?;
        let (uri, path) = (uri.as_str().to_owned(), path.to_owned());
        Some(Document { uri, path, text, uses: BTreeSet::new(), known: None })
    }

    /// The run and sweep files that are open or lie in the folders; those of other programs are none.
    pub(super) fn run_files(&self, folders: &BTreeSet<&Path>) -> BTreeSet<PathBuf> {
        let open = self.all().filter(|document| document.is_run_file()).map(|document| document.path.clone());
        let beside = folders.iter().flat_map(|folder| {
            self.files.run_files(folder).into_iter().map(|name| folder.join(format!("{name}.ron")))
        });
        let ours = |path: &PathBuf| self.text_of(path).is_some_and(|(_, text)| !is_other(&text));
        open.chain(beside).filter(ours).collect()
    }

    /// The names of the run files of a folder.
    pub(super) fn run_names(&self, folder: &Path) -> Vec<String> {
        self.files.run_files(folder)
    }

    /// Address and text of a file, open or not.
    pub(super) fn text_of(&self, path: &Path) -> Option<(Uri, String)> {
        if let Some(document) = self.all().find(|document| document.path == path) {
            return Some((document.uri.parse().ok()?, document.text.clone()));
        }
        Some((uri_of(path)?, self.files.read(path).ok()?))
    }
}

/// The compiler reads the editor's texts.
impl Reader for Documents {
    fn read(&self, path: &Path) -> std::io::Result<String> {
        match self.by_uri.values().find(|document| document.path == path) {
            Some(document) => Ok(document.text.clone()),
            None => self.files.read(path),
        }
    }

    fn siblings(&self, folder: &Path) -> Vec<String> {
        self.files.siblings(folder)
    }
}

impl Document {
    /// Whether it is a run or sweep file.
    pub(super) fn is_run_file(&self) -> bool {
        self.path.extension().is_some_and(|extension| extension == "ron")
    }

    /// What is known of the names of the present text.
    pub(super) fn known(&self) -> Option<&Known> {
        self.last_known().filter(|known| known.is_of(&self.text))
    }

    /// The same, to be held.
    pub(super) fn shared(&self) -> Option<Rc<Known>> {
        self.known.clone().filter(|known| known.is_of(&self.text))
    }

    /// The document with another text, of which nothing is known yet.
    pub(super) fn with_text(&self, text: String) -> Document {
        let (uri, path) = (self.uri.clone(), self.path.clone());
        Document { uri, path, text, uses: BTreeSet::new(), known: None }
    }

    /// What was known of the last text without syntax errors.
    pub(super) fn last_known(&self) -> Option<&Known> {
        self.known.as_deref()
    }

    /// The edits that bring a model file into its form: none if it has it, or has syntax errors.
    pub(super) fn formatted(&self) -> Option<Vec<TextEdit>> {
        if self.is_run_file() {
            return None;
        }
        let formatted = format(FileId(0), &self.text, &mut Sink::default())?;
        let whole = place::range(&self.text, 0..self.text.len());
        let edit = TextEdit { range: whole, new_text: formatted };
        Some(if edit.new_text == self.text { Vec::new() } else { vec![edit] })
    }
}

/// The address of a file.
fn uri_of(path: &Path) -> Option<Uri> {
    format!("file://{}", escaped(path.to_str()?)).parse().ok()
}

/// The file of an address; one that was never saved has none, and stands for a file of its name.
fn path_of(uri: &str) -> Option<PathBuf> {
    let rest = match uri.strip_prefix("file://") {
        Some(rest) => rest,
        None => uri.split_once(':')?.1,
    };
    let mut bytes = Vec::new();
    let mut left = rest.as_bytes();
    while let [first, more @ ..] = left {
        let hexadecimal = more.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = hexadecimal.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, escaped) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                left = &more[2..];
            }
            _ => {
                bytes.push(*first);
                left = more;
            }
        }
    }
    String::from_utf8(bytes).ok().map(PathBuf::from)
}
