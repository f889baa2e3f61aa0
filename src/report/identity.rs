//! `run.json`: what a run is, kept beside its checkpoints: takes settings and counts, gives JSON and back; compares
//! nothing itself.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::run_file::Fingerprint;

/// What decides the course of a run, and what a person wants to know of it later, as a reader of its folder sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// The settings that decide what training computes.
    pub settings: Fingerprint,
    /// Hash of the compiled training step.
    pub program: u64,
    /// Rows computed at once: the order of sums depends on it, so a resumed run keeps it.
    pub micro_batch: usize,
    /// Absent in folders of earlier versions.
    #[serde(default)]
    pub about: Option<About>,
}

/// What a run is about; does not decide its course.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// The model's name.
    pub model: String,
    /// Numbers that the main optimiser learns.
    pub parameters: u64,
    /// Numbers in embedding tables.
    pub table_parameters: u64,
    /// Rows of a batch.
    pub batch: usize,
    /// The data set in words.
    pub data: String,
    /// The test puzzles.
    pub test: TestSet,
}

/// Which puzzles a run is tested on: equal for equal puzzles in equal order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestSet {
    /// How many there are.
    pub examples: usize,
    /// Hash of their tokens, of the first 20,000.
    pub hash: String,
}

/// Test examples that are hashed: enough to tell two sets apart, and quick for large ones.
const HASHED: usize = 20_000;

impl Identity {
    /// The file's name in a run's folder.
    pub const NAME: &'static str = "run.json";

    /// What a folder says; `None` if it holds no such file.
    ///
    /// # Errors
    /// A sentence for a file that totc did not write.
    pub fn read(folder: &Path) -> Result<Option<Identity>, String> {
        let path = folder.join(Self::NAME);
        let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| format!("{}: not what totc wrote: {error}", path.display()))
    }
}

impl TestSet {
    pub fn of(data: &dyn Dataset) -> TestSet {
        let examples = data.test_len();
        let tokens = (0..examples.min(HASHED)).filter_map(|i| data.test_example(i)).flat_map(|example| {
            [example.puzzle]
                .into_iter()
                .chain(example.inputs)
                .chain(example.labels)
                .flat_map(i64::to_le_bytes)
        });
        TestSet { examples, hash: format!("{:016x}", hash(tokens)) }
    }
}

/// FNV-1a, 64 bits: stable from build to build.
pub fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes
        .into_iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        // Vectors of the FNV reference code.
        assert_eq!(hash(*b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(*b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(hash(*b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn earlier_folders_are_read() -> Result<(), serde_json::Error> {
        let old = r#"{"settings":{"batch":"64"},"program":7,"micro_batch":32}"#;
        let identity: Identity = serde_json::from_str(old)?;
        assert_eq!((identity.program, identity.micro_batch, identity.about), (7, 32, None));
        Ok(())
    }
}
