//! Files packed with gzip or not: takes a path, gives the file's bytes; never more of them than a file can honestly hold.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::super::DataError;

/// The file's text, unpacked if it begins as gzip does.
pub fn open(path: &Path) -> Result<Box<dyn Read>, DataError> {
    let failed = |cause| DataError::File { path: path.to_owned(), cause };
    let file = File::open(path).map_err(failed)?;
    let mut start = [0; 2];
    let mut again = File::open(path).map_err(failed)?;
    let packed = again.read_exact(&mut start).is_ok() && start == [0x1f, 0x8b];
    let longest = file.metadata().map_err(failed)?.len().saturating_mul(UNPACKED).saturating_add(1 << 20);
    Ok(match packed {
        true => Box::new(Bounded { from: MultiGzDecoder::new(BufReader::new(file)), left: longest }),
        false => Box::new(file),
    })
}

/// How many times as long as packed a file may be: puzzles pack 2 to 20 to 1, and only what repeats itself 1,000 to 1.
pub const UNPACKED: u64 = 200;

/// What is read until it is longer than its file can honestly be.
struct Bounded<R> {
    from: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            let what = format!(
                "unpacked, it is more than {UNPACKED} times as long: no file of puzzles packs so well"
            );
            std::io::Error::new(std::io::ErrorKind::InvalidData, what)
        })?;
        Ok(read)
    }
}
