//! Files of a run's folder: takes a path and bytes, leaves the file whole at any time; and the error of one that cannot be
//! written.

use crate::weights;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{}`: {cause}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub cause: io::Error,
}

/// Writes beside the file and moves it in; makes its folder.
///
/// # Errors
/// A file that cannot be written; one that is there stays.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || {
        std::fs::create_dir_all(folder)?;
        let mut aside = weights::aside(folder)?;
        aside.write_all(bytes)?;
        aside.as_file().sync_all()?;
        aside.persist(path).map_err(|error| error.error)
    };
    write().map(drop).map_err(|cause| FileError { path: path.to_owned(), cause })
}
