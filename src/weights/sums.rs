//! `SHA256SUMS` of a folder: takes files' bytes, gives the text that `sha256sum -c` reads; says which file is no longer as
//! it was written.

use super::error::WeightFileError;
use crate::bytes::hexadecimal;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::Path;

/// Hashes of the files of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums(Vec<(String, String)>);

impl Sums {
    /// The file's name.
    pub const NAME: &'static str = "SHA256SUMS";

    /// Adds the file `name` of these bytes.
    pub fn add(&mut self, name: &str, bytes: &[u8]) {
        self.0.push((name.to_owned(), hash(bytes)));
    }

    /// As `sha256sum` writes them.
    pub fn text(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, (name, hash)| {
            let _ = writeln!(text, "{hash}  {name}");
            text
        })
    }

    /// Those that lie in `folder`; none where there is no such file.
    pub fn of(folder: &Path) -> Option<Sums> {
        let text = std::fs::read(folder.join(Self::NAME)).ok()?;
        let text = String::from_utf8_lossy(&text);
        let lines = text.lines().filter_map(|line| line.split_once("  "));
        Some(Sums(lines.map(|(hash, name)| (name.to_owned(), hash.to_owned())).collect()))
    }

    /// Whether the file `name` was written with this hash; none of files that are not told of.
    pub fn holds(&self, name: &str, hash: &str) -> Option<bool> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, written)| written == hash)
    }
}

/// Refuses a file that is no longer as the folder around it says.
///
/// # Errors
/// Another hash than it was written with.
pub fn as_written(path: &Path, hash: &str) -> Result<(), WeightFileError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match Sums::of(folder).and_then(|sums| sums.holds(&name, hash)) {
        Some(false) => Err(WeightFileError::content(path, DAMAGED)),
        _ => Ok(()),
    }
}

/// What is said of such a file.
pub const DAMAGED: &str =
    "damaged: its SHA-256 is not the one that it was written with (SHA256SUMS beside it)";

/// SHA-256 in hexadecimal.
pub fn hash(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}
