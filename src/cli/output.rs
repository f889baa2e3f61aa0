//! Files that a command is told to write: replaced whole or not at all, and never in place of something else that the author
//! keeps there.

use super::Failure;
use crate::weights::aside;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// What is to be written, as far as it shows in the first bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// A text whose files begin with these letters.
    Text(&'static str),
    /// Weights, as safetensors or for PyTorch.
    Weights,
}

/// Whether a file may be written there: nothing stands there but, perhaps, an older one of its kind, and it is none of
/// `inputs`.
pub fn may_replace(path: &Path, output: Output, inputs: &[&Path]) -> Result<(), Failure> {
    let Ok(found) = std::fs::metadata(path) else { return Ok(()) };
    if found.is_dir() {
        return Err(Failure::Usage(format!("{} is a folder; give the name of a file", path.display())));
    }
    // A pipe or a device holds nothing that could be lost.
    if !found.is_file() {
        return Ok(());
    }
    let same =
        |input: &&Path| matches!((input.canonicalize(), path.canonicalize()), (Ok(a), Ok(b)) if a == b);
    if inputs.iter().any(same) {
        let what = format!("{} is what is read here; give another file to write", path.display());
        return Err(Failure::Usage(what));
    }
    let mut start = [0; 32];
    let read = std::fs::File::open(path).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
    let start = &start[..read];
    let alike = match output {
        Output::Text(first) => start.starts_with(first.as_bytes()),
        Output::Weights => start.starts_with(b"PK") || start.get(8) == Some(&b'{'),
    };
    if alike || read == 0 {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{} is there already and is another kind of file; remove it, or give another name",
        path.display()
    )))
}

/// Writes a file beside its place and moves it in; what is no file is written to as it is.
pub fn write(path: &Path, output: Output, inputs: &[&Path], bytes: &[u8]) -> Result<(), Failure> {
    may_replace(path, output, inputs)?;
    let written = || {
        if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return std::fs::OpenOptions::new().write(true).open(path)?.write_all(bytes);
        }
        // A link stays one.
        let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut aside = aside(folder.unwrap_or(&PathBuf::from(".")))?;
        aside.write_all(bytes)?;
        aside.persist(&place).map(drop).map_err(|error| error.error)
    };
    written().map_err(|cause| Failure::World(format!("{}: {cause}", path.display())))
}
