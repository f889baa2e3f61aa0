//! A file that only grows: takes bytes, appends them; what cannot be written, as on a full disk, waits for the next call, so
//! that no record is torn or lost while the process lives. Reads nothing.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// An open file with what it could not take yet.
#[derive(Debug)]
pub(super) struct Appending {
    path: PathBuf,
    file: File,
    waiting: Vec<u8>,
}

impl Appending {
    /// Appends to `file`, which is open for that.
    pub fn to(path: PathBuf, file: File) -> Appending {
        Appending { path, file, waiting: Vec::new() }
    }

    /// Adds bytes that belong together; they are in the file when this returns. What could not be written before is written
    /// first.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.waiting.extend(bytes);
        while !self.waiting.is_empty() {
            match self.file.write(&self.waiting) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero)),
                // A record may be written in parts, of which the rest comes later.
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(())
    }

    /// Brings what was written to the disk.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Whether bytes are still to be written.
    pub fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Another file in place of the one at hand, which is given back.
    #[cfg(test)]
    pub fn replace(&mut self, file: File) -> File {
        std::mem::replace(&mut self.file, file)
    }
}
