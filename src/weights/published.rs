//! The settings of a published checkpoint: takes the `all_config.yaml` that the trainers of HRM, TRM and ToTRM save beside
//! their weights, gives configs of totc's models; what it does not know it leaves.

use super::error::WeightFileError;
use indexmap::IndexMap;
use serde_yaml_ng::Value;
use std::path::{Path, PathBuf};

/// What the trainers call the file.
const FILE: &str = "all_config.yaml";

/// A setting as the published code has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedSetting {
    /// Its name and value there, such as `arch.H_cycles: 3`.
    pub theirs: String,
    /// The value of the config.
    pub value: String,
}

/// The settings of a checkpoint, by the config of totc's models that they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedSettings {
    /// Where they stand.
    pub path: PathBuf,
    /// Configs with their values.
    pub configs: IndexMap<String, PublishedSetting>,
}

/// Numbers of `arch` that configs take as they are.
const NUMBERS: &[(&str, &str)] = &[
    ("hidden_size", "hidden"),
    ("num_heads", "heads"),
    ("expansion", "expansion"),
    ("L_layers", "layers"),
    ("H_cycles", "T"),
    ("L_cycles", "n"),
    ("halt_max_steps", "max_steps"),
    ("halt_exploration_prob", "explore"),
];

impl PublishedSettings {
    /// Of the checkpoint at `path`, if the file lies beside it.
    ///
    /// # Errors
    /// A file that cannot be read, is no YAML, or describes a model of another shape than totc's.
    pub fn beside(checkpoint: &Path) -> Result<Option<PublishedSettings>, WeightFileError> {
        let path = checkpoint.parent().unwrap_or(Path::new("")).join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => PublishedSettings::parse(&path, &text).map(Some),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(WeightFileError::system(&path, cause)),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<PublishedSettings, WeightFileError> {
        let refuse = |what: String| WeightFileError::content(path, what);
        let root: Value =
            serde_yaml_ng::from_str(text).map_err(|cause| refuse(format!("is no YAML: {cause}")))?;
        let Some(arch) = root.get("arch").and_then(Value::as_mapping) else {
            return Err(refuse(
                "has no settings under `arch`, as those of published checkpoints have".to_owned(),
            ));
        };
        let mut configs = IndexMap::new();
        let mut note = |name: &str, config: &str, value: String| {
            let theirs = format!("arch.{name}: {}", arch.get(name).map_or(String::new(), plain));
            configs.insert(config.to_owned(), PublishedSetting { theirs, value });
        };
        for (name, config) in NUMBERS {
            if let Some(Value::Number(number)) = arch.get(*name) {
                note(name, config, number.to_string());
            }
        }
        let whole = |name: &str| arch.get(name).and_then(Value::as_u64);
        if let (Some(high), Some(low)) = (whole("H_layers"), whole("L_layers"))
            && high != low
            && high > 0
        {
            return Err(refuse(format!(
                "has {high} layers in one network and {low} in the other; totc's models have as many in both"
            )));
        }
        if let Some(mlp) = arch.get("mlp_t").and_then(Value::as_bool) {
            note("mlp_t", "mixing", if mlp { "mlp" } else { "attention" }.to_owned());
        }
        // As the code has it: a length of 0 stands for as many tokens as the embedding fills.
        if let (Some(width), Some(hidden)) = (whole("puzzle_emb_ndim"), whole("hidden_size")) {
            let length = whole("puzzle_emb_len").unwrap_or(0);
            let filled = if hidden > 0 { width.div_ceil(hidden) } else { 0 };
            let tokens = if length == 0 { filled } else { length };
            let name = if length == 0 { "puzzle_emb_ndim" } else { "puzzle_emb_len" };
            note(name, "puzzle_tokens", if width == 0 { 0 } else { tokens }.to_string());
            if width > 0 {
                note("puzzle_emb_ndim", "puzzle_width", width.to_string());
            }
        }
        Ok(PublishedSettings { path: path.to_owned(), configs })
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => "…".to_owned(),
    }
}
