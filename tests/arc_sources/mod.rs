//! Golden ARC files, unpacked.

use std::io::Read;

/// Where they lie.
pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/data");

/// The unpacked bytes of a file of that folder.
pub fn golden(name: &str) -> Vec<u8> {
    let packed = std::fs::File::open(format!("{FOLDER}/{name}")).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    bytes
}
