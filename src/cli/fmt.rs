//! `totc fmt [FILE|FOLDER|-]…`

use super::output::{self, Output};
use super::{Failure, Outcome, colours};
use crate::diagnostic::{self, Sink};
use crate::format::format;
use crate::source::{Origin, Sources};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Brings model files into the one form: spaces, indentation, blank lines, commas and columns. Comments and the author's
/// line breaks stay. A file with syntax errors is left as it is, and its errors told.
#[derive(clap::Args)]
pub struct Args {
    /// Model files, folders (every .tot file in them), or - for standard input
    #[arg(value_name = "FILE", default_value = ".")]
    files: Vec<PathBuf>,
    /// Change nothing; name the files that are not in this form, with exit code 1
    #[arg(long)]
    check: bool,
}

/// Formats files in their places, and standard input to standard output.
pub fn main(args: &Args) -> Outcome {
    let mut texts = Sources::default();
    let mut sink = Sink::default();
    let mut others = Vec::new();
    for path in found(&args.files)? {
        let input = path.as_os_str() == "-";
        let name = if input { "standard input".to_owned() } else { path.display().to_string() };
        let text = if input { typed() } else { crate::text_file::read(&path) };
        let text = text.map_err(|cause| Failure::World(format!("{name}: {cause}")))?;
        let file = texts.add(name.as_str(), text.as_str(), Origin::Author);
        let mut own = Sink::default();
        let Some(formatted) = format(file, &text, &mut own) else {
            if !own.has_errors() {
                return Err(Failure::Internal(format!(
                    "internal error: the form of {name} would mean something else; the file is left as it is"
                )));
            }
            own.sorted().into_iter().cloned().for_each(|diagnostic| sink.push(diagnostic));
            continue;
        };
        match (args.check, input) {
            (true, _) if formatted != text => others.push(name),
            (true, _) => {}
            (false, true) => print!("{formatted}"),
            (false, false) if formatted != text => {
                output::write(&path, Output::Text(""), &[], formatted.as_bytes())?;
                println!("{name}: formatted");
            }
            (false, false) => {}
        }
    }
    for name in &others {
        println!("{name}");
    }
    let mut told = diagnostic::render(&sink, &texts, colours());
    if !others.is_empty() {
        let (files, form) = if others.len() == 1 { ("file is", "it") } else { ("files are", "them") };
        told += &format!("{} {files} not in the form that `totc fmt` gives {form}\n", others.len());
    }
    if told.is_empty() { Ok(()) } else { Err(Failure::Mistakes(told)) }
}

fn typed() -> std::io::Result<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

/// The files as given, and in place of folders all model files in them.
fn found(given: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in given {
        match path.is_dir() {
            true => in_folder(path, &mut files)
                .map_err(|cause| Failure::World(format!("{}: {cause}", path.display())))?,
            false => files.push(path.clone()),
        }
    }
    Ok(files)
}

/// Folders that begin with a dot, what cargo builds, and links to folders are no place of model files.
fn in_folder(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        let hidden = name.to_string_lossy().starts_with('.') || path.join("CACHEDIR.TAG").exists();
        match entry.file_type()?.is_dir() {
            true if !hidden => in_folder(&path, files)?,
            false if path.extension().is_some_and(|extension| extension == "tot") => files.push(path),
            _ => {}
        }
    }
    Ok(())
}
