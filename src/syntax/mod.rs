//! Text to syntax trees: loads a file and everything it uses. The library (`std::…`) and the shipped models
//! (`models::…`) are embedded; an author's modules are `.tot` files beside the root file.

pub mod ast;
mod expression;
mod grammar;
mod habits;
mod mention;
mod mistake;
mod parser;
mod print;
mod statement;
mod token;

pub use mention::{Mention, Space, declares, mentions};
pub use mistake::RESERVED;
pub use parser::parse;
pub use print::print;
pub use token::{Begins, Bracket, Role, Token, lex, tokens};

use crate::diagnostic::{Code, Diagnostic, Sink, did_you_mean};
use crate::source::{FileId, Origin, Sources};
use include_dir::{Dir, include_dir};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

static LIBRARY: Dir = include_dir!("$CARGO_MANIFEST_DIR/models");

/// A parsed file and where its names lead.
#[derive(Clone, Debug)]
pub struct Module {
    /// Its text.
    pub file: FileId,
    /// What was parsed of it.
    pub tree: ast::File,
}

/// All modules of one compilation, by their path as written (`trm`, `std::nets`); the root is `""`.
#[derive(Clone, Debug, Default)]
pub struct Modules {
    /// The root and all that it uses, directly or through others.
    pub by_path: HashMap<String, Module>,
    /// Module path of each source file.
    pub path_of: HashMap<u32, String>,
    /// The root file's name without folder and ending.
    pub root_stem: String,
}

/// Reads texts; the tests give their own.
pub trait Reader {
    /// The whole text of a file.
    ///
    /// # Errors
    /// What the file system says.
    fn read(&self, path: &Path) -> Result<String, std::io::Error>;
    /// Names of the `.tot` files beside the root, for did-you-mean.
    fn siblings(&self, folder: &Path) -> Vec<String>;
    /// Names of the `.ron` files of a folder, for what has a name in run files too.
    fn run_files(&self, folder: &Path) -> Vec<String> {
        let _ = folder;
        Vec::new()
    }
    /// A library module (`std::nets`) in place of the embedded one: its text, and the name by which messages show it, which
    /// must tell it from all other texts.
    fn shipped(&self, module: &str) -> Option<(String, String)> {
        let _ = module;
        None
    }
}

/// The file system.
pub struct Disk;

impl Reader for Disk {
    fn read(&self, path: &Path) -> Result<String, std::io::Error> {
        crate::text_file::read(path)
    }

    fn siblings(&self, folder: &Path) -> Vec<String> {
        stems(folder, ".tot")
    }

    fn run_files(&self, folder: &Path) -> Vec<String> {
        stems(folder, ".ron")
    }
}

/// Names of the files of a folder with an ending, without it, in order.
fn stems(folder: &Path, ending: &str) -> Vec<String> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(ending).map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// The models and run files that ship with totc, as if they lay beside the root, and no other file.
pub struct Shipped;

impl Reader for Shipped {
    fn read(&self, path: &Path) -> Result<String, std::io::Error> {
        let text = path.to_str().and_then(shipped_text);
        text.map(str::to_owned).ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }

    fn siblings(&self, _: &Path) -> Vec<String> {
        shipped_files("tot")
    }
}

/// Names of the models (`tot`) or run and sweep files (`ron`) that ship with totc, without their ending.
pub fn shipped_files(ending: &str) -> Vec<String> {
    let stem = |file: &include_dir::File| {
        let path = file.path();
        let has_ending = path.extension().is_some_and(|own| own == ending);
        has_ending.then(|| path.file_stem()?.to_str().map(str::to_owned)).flatten()
    };
    let mut names: Vec<String> = LIBRARY.files().filter_map(stem).collect();
    names.sort();
    names
}

/// The text of a file that ships with totc, by its path below `models/`.
pub fn shipped_text(path: &str) -> Option<&'static str> {
    LIBRARY.get_file(path)?.contents_utf8()
}

/// The modules that ship with totc, as `std::…` and `models::…` paths.
pub fn library_modules() -> Vec<String> {
    let in_folder = |folder: &Dir, prefix: &str| -> Vec<String> {
        let stem = |file: &include_dir::File| {
            Some(file.path().file_name()?.to_str()?.strip_suffix(".tot")?.to_owned())
        };
        folder.files().filter_map(stem).map(|stem| format!("{prefix}::{stem}")).collect()
    };
    let mut names = in_folder(&LIBRARY, "models");
    names.extend(LIBRARY.get_dir("std").into_iter().flat_map(|folder| in_folder(folder, "std")));
    names.sort();
    names
}

/// The text of an embedded module and the name it is shown by.
fn embedded(module: &str) -> Option<(String, &'static str)> {
    let path = match module.split_once("::")? {
        ("std", name) => format!("std/{name}.tot"),
        ("models", name) => format!("{name}.tot"),
        _ => return None,
    };
    let text = LIBRARY.get_file(&path)?.contents_utf8()?;
    Some((if module.starts_with("std") { path } else { format!("models/{path}") }, text))
}

/// Parses `root` and, following `use`, everything it needs.
///
/// # Errors
/// Only when `root` itself cannot be read; everything else goes to `sink`.
pub fn load(
    root: &Path,
    reader: &dyn Reader,
    sources: &mut Sources,
    sink: &mut Sink,
) -> Result<Modules, std::io::Error> {
    let text = reader.read(root)?;
    let folder = root.parent().map(Path::to_path_buf).unwrap_or_default();
    let root_stem = root.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut modules = Modules { root_stem, ..Modules::default() };
    let file = sources.add(root.display().to_string(), text, Origin::Author);
    let mut waiting = vec![(String::new(), file)];
    while let Some((path, file)) = waiting.pop() {
        let mut tree = tree_of(file, sources, sink);
        // What a shipped model names without a prefix stands beside it.
        for item in &mut tree.items {
            if let ast::ItemKind::Use(used) = &mut item.kind
                && path.starts_with("models::")
                && !matches!(used.module.first().map(String::as_str), Some("std" | "models"))
            {
                used.module.insert(0, "models".to_owned());
            }
        }
        for item in &tree.items {
            let ast::ItemKind::Use(used) = &item.kind else { continue };
            let wanted = used.module.join("::");
            if modules.by_path.contains_key(&wanted)
                || wanted == path
                || waiting.iter().any(|(known, _)| *known == wanted)
            {
                continue;
            }
            match open(&wanted, &folder, reader, sources) {
                Some(opened) => waiting.push((wanted, opened)),
                None => sink.push(unknown_module(&wanted, item.span, &folder, reader)),
            }
        }
        modules.path_of.insert(file.0, path.clone());
        modules.by_path.insert(path, Module { file, tree });
    }
    Ok(modules)
}

/// The tree of a file; the library's files never change and are parsed once for each place among the sources.
fn tree_of(file: FileId, sources: &Sources, sink: &mut Sink) -> ast::File {
    static PARSED: Mutex<Option<HashMap<(String, u32), ast::File>>> = Mutex::new(None);
    let source = sources.get(file);
    if source.origin == Origin::Author {
        return parse(file, &source.text, sink);
    }
    let Ok(mut parsed) = PARSED.lock() else { return parse(file, &source.text, sink) };
    parsed
        .get_or_insert_default()
        .entry((source.name.clone(), file.0))
        .or_insert_with(|| parse(file, &source.text, sink))
        .clone()
}

fn open(module: &str, folder: &Path, reader: &dyn Reader, sources: &mut Sources) -> Option<FileId> {
    if let Some((name, text)) = reader.shipped(module) {
        return Some(sources.add(name, text, Origin::Library));
    }
    // The library is what this totc was built with, whatever lies beside the model.
    if let (true, Some((name, text))) = (module.starts_with("std::"), embedded(module)) {
        return Some(sources.add(name, text, Origin::Library));
    }
    let path: PathBuf = folder.join(format!("{}.tot", module.replace("::", "/")));
    if let Ok(text) = reader.read(&path) {
        return Some(sources.add(path.display().to_string(), text, Origin::Author));
    }
    let (name, text) = embedded(module)?;
    Some(sources.add(name, text, Origin::Library))
}

fn unknown_module(module: &str, span: crate::source::Span, folder: &Path, reader: &dyn Reader) -> Diagnostic {
    let mut known = library_modules();
    known.extend(reader.siblings(folder));
    let diagnostic =
        Diagnostic::new(Code::UnknownImport, format!("there is no module `{module}`"), span, "not found");
    let shipped = known.iter().find(|known| known.ends_with(&format!("::{module}"))).map(String::as_str);
    match shipped.or_else(|| did_you_mean(module, known.iter().map(String::as_str))) {
        Some(name) => diagnostic.help(format!("did you mean `{name}`?")),
        None if module.starts_with("std::") => {
            diagnostic.help(format!("the library has `{}`", library_modules().join("`, `")))
        }
        None => diagnostic.help(format!(
            "it would be the file {}; the library has `{}`",
            folder.join(format!("{}.tot", module.replace("::", "/"))).display(),
            library_modules().join("`, `")
        )),
    }
}

/// Names that a library module declares, for suggestions.
pub fn library_names(module: &str) -> Vec<String> {
    let Some((_, text)) = embedded(module) else { return Vec::new() };
    text.lines()
        .filter_map(|line| {
            ["net ", "fn ", "axis ", "model ", "mixin "].iter().find_map(|word| line.strip_prefix(word))
        })
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .collect()
}
