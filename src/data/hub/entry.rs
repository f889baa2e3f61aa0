//! What the hub tells of a file before it is fetched: path, bytes, checksum.

use serde::{Deserialize, Serialize};

/// What the hub knows of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Path inside the repository.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Its checksum.
    pub sum: Sum,
}

/// A checksum, in lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sum {
    /// SHA-256 of the bytes: files in large-file storage.
    Sha256(String),
    /// SHA-1 of git's blob of the bytes: all others.
    GitBlob(String),
}
