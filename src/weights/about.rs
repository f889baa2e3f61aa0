//! What a weight file says of itself, in the metadata of safetensors: takes the facts of a run, gives texts by name, and
//! back; files of others say nothing.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The model that weights belong to, and how they came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WeightsAbout {
    /// The version of totc that wrote them.
    pub totc: String,
    /// The model's declared name.
    pub model: String,
    /// SHA-256 of the model files, library included.
    pub model_sha256: String,
    /// Every config of the model as it is tested.
    pub configs: BTreeMap<String, String>,
    /// Sizes of the data's axes.
    pub sizes: BTreeMap<String, usize>,
    /// The number format of matrices and activations.
    pub precision: String,
    /// Training steps done; none of fresh and of imported weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// Whether they are the moving average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub averaged: Option<bool>,
    /// What the metric that chooses the best test came to, if these are kept for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<String>,
}

impl WeightsAbout {
    /// As safetensors keeps it; `None` of weights without a model. One text, as several would stand in any order, and equal
    /// weights make equal files.
    pub fn metadata(&self) -> Option<HashMap<String, String>> {
        let text = serde_json::to_string(self).ok().filter(|_| !self.model.is_empty())?;
        Some(HashMap::from([(KEY.to_owned(), text)]))
    }

    /// What the safetensors file at `path` says; `None` if it says nothing that totc wrote.
    pub fn read(path: &Path) -> Option<WeightsAbout> {
        let mut file = File::open(path).ok()?;
        let mut length = [0; 8];
        file.read_exact(&mut length).ok()?;
        let mut header = Vec::new();
        file.take(u64::from_le_bytes(length).min(LONGEST_HEADER)).read_to_end(&mut header).ok()?;
        let header: serde_json::Value = serde_json::from_slice(&header).ok()?;
        serde_json::from_str(header.get("__metadata__")?.get(KEY)?.as_str()?).ok()
    }
}

/// The name of the text in the metadata.
const KEY: &str = "totc";
/// As the format itself allows.
const LONGEST_HEADER: u64 = 100_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() -> Result<(), Box<dyn std::error::Error>> {
        let about = WeightsAbout {
            totc: "1".to_owned(),
            model: "Trm".to_owned(),
            model_sha256: "ab".to_owned(),
            configs: BTreeMap::from([
                ("T".to_owned(), "3".to_owned()),
                ("fork".to_owned(), "film".to_owned()),
            ]),
            sizes: BTreeMap::from([("cell".to_owned(), 81)]),
            precision: "bfloat16".to_owned(),
            step: Some(7),
            averaged: Some(true),
            best: Some("exact 0.5".to_owned()),
        };
        let none = Vec::<(&str, safetensors::tensor::TensorView)>::new();
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("w.safetensors");
        std::fs::write(&path, safetensors::serialize(none, about.metadata())?)?;
        assert_eq!(WeightsAbout::read(&path), Some(about));
        assert_eq!(WeightsAbout::default().metadata(), None);
        Ok(())
    }
}
