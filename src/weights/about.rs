//! What a weight file says of itself, in the metadata of safetensors: takes the facts of a run, gives texts by name, and
//! back; files of others say nothing.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The model that weights belong to, and how they came about.
#[derive(Clone, Debug, Default, PartialEq)]
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
    pub step: Option<u64>,
    /// Whether they are the moving average.
    pub averaged: Option<bool>,
    /// What the metric that chooses the best test came to, if these are kept for it.
    pub best: Option<String>,
}

impl WeightsAbout {
    /// As safetensors keeps it; `None` of weights without a model.
    pub fn metadata(&self) -> Option<HashMap<String, String>> {
        if self.model.is_empty() {
            return None;
        }
        let json = |value: serde_json::Value| value.to_string();
        let mut texts = HashMap::from([
            ("totc", self.totc.clone()),
            ("model", self.model.clone()),
            ("model_sha256", self.model_sha256.clone()),
            ("configs", json(serde_json::json!(self.configs))),
            ("sizes", json(serde_json::json!(self.sizes))),
            ("precision", self.precision.clone()),
        ]);
        if let Some(step) = self.step {
            texts.insert("step", step.to_string());
        }
        if let Some(averaged) = self.averaged {
            texts.insert("weights", if averaged { AVERAGED } else { TRAINED }.to_owned());
        }
        if let Some(best) = &self.best {
            texts.insert("best", best.clone());
        }
        Some(texts.into_iter().map(|(name, text)| (name.to_owned(), text)).collect())
    }

    /// What the safetensors file at `path` says; `None` if it says nothing that totc wrote.
    pub fn read(path: &Path) -> Option<WeightsAbout> {
        let mut file = File::open(path).ok()?;
        let mut length = [0; 8];
        file.read_exact(&mut length).ok()?;
        let mut header = Vec::new();
        file.take(u64::from_le_bytes(length).min(LONGEST_HEADER)).read_to_end(&mut header).ok()?;
        WeightsAbout::parse(&header)
    }

    fn parse(header: &[u8]) -> Option<WeightsAbout> {
        let header: serde_json::Value = serde_json::from_slice(header).ok()?;
        let texts: HashMap<String, String> =
            serde_json::from_value(header.get("__metadata__")?.clone()).ok()?;
        let text = |name: &str| texts.get(name).cloned();
        Some(WeightsAbout {
            totc: text("totc")?,
            model: text("model")?,
            model_sha256: text("model_sha256")?,
            configs: serde_json::from_str(&text("configs")?).ok()?,
            sizes: serde_json::from_str(&text("sizes")?).ok()?,
            precision: text("precision")?,
            step: text("step").and_then(|step| step.parse().ok()),
            averaged: text("weights").map(|which| which == AVERAGED),
            best: text("best"),
        })
    }
}

/// As the format itself allows.
const LONGEST_HEADER: u64 = 100_000_000;
const AVERAGED: &str = "averaged";
const TRAINED: &str = "as trained";

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
