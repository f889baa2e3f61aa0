//! What can be wrong with a weight file, in words that name the file, the place and the fix.

use std::path::{Path, PathBuf};

/// A weight file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WeightFileError {
    /// The system says no.
    #[error("{}: {cause}", path.display())]
    System {
        /// The weight file.
        path: PathBuf,
        /// What the file system says.
        cause: std::io::Error,
    },
    /// It is no weight file, or a damaged one.
    #[error("{}: {what}", path.display())]
    Content {
        /// The weight file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

impl WeightFileError {
    pub(super) fn content(path: &Path, what: impl Into<String>) -> WeightFileError {
        WeightFileError::Content { path: path.to_owned(), what: what.into() }
    }

    pub(super) fn system(path: &Path, cause: std::io::Error) -> WeightFileError {
        let cause = match cause.kind() {
            std::io::ErrorKind::NotFound => std::io::Error::other("there is no such file"),
            _ => cause,
        };
        WeightFileError::System { path: path.to_owned(), cause }
    }
}
