//! `state.json`: takes the counts and settings of a run, gives text, and back; says in words how two runs differ.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::CheckpointError;
use crate::run_file::TrainConfig;
use crate::train::step_metrics::MetricsWindow;

/// Version of the checkpoint folder; it changes whenever an older totc could misread a newer folder or the reverse.
pub const FORMAT_VERSION: u64 = 2;

/// The state of a run besides its tensors: counts and settings. Everything random is a function of the seed and these counts, so no generator's
/// state is needed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunState {
    /// [`FORMAT_VERSION`] of the totc that wrote it.
    pub version: u64,
    /// The model's name.
    pub model: String,
    /// Steps done.
    pub step: u64,
    /// Steps in all.
    pub total: u64,
    /// Examples taken from the training stream.
    pub position: u64,
    /// Whether there is a file of averaged weights.
    pub average: bool,
    /// What decides the course of the run: settings, data and precision.
    pub run: Value,
    /// Wall-clock seconds of all sessions so far.
    #[serde(default)]
    pub seconds: f64,
    /// Of these, seconds spent in tests.
    #[serde(default)]
    pub seconds_in_tests: f64,
    /// What the next line of the log is to be means of.
    #[serde(default)]
    pub window: MetricsWindow,
}

impl RunState {
    pub(super) fn to_bytes(&self, path: &Path) -> Result<Vec<u8>, CheckpointError> {
        serde_json::to_vec_pretty(self).map_err(|cause| CheckpointError::format(path, cause))
    }

    pub(super) fn of_bytes(path: &Path, bytes: &[u8]) -> Result<RunState, CheckpointError> {
        let value: Value =
            serde_json::from_slice(bytes).map_err(|cause| CheckpointError::format(path, cause))?;
        match value.get("version").and_then(Value::as_u64) {
            // The first had neither sums nor the means that the log is still to have.
            Some(1 | FORMAT_VERSION) => {}
            Some(found) => return Err(CheckpointError::Version { path: path.to_owned(), found }),
            None => return Err(CheckpointError::format(path, "it has no `version`")),
        }
        serde_json::from_value(value).map_err(|cause| CheckpointError::format(path, cause))
    }

    /// Refuses a run whose course is decided by other things than the saved one's.
    pub fn belongs_to(&self, folder: &Path, model: &str, run: &Value) -> Result<(), CheckpointError> {
        let mut differences = Vec::new();
        if self.model != model {
            differences.push(format!("it holds the model `{}`, this is `{model}`", self.model));
        }
        compare("", &before_now(&self.run, run), run, &mut differences);
        if differences.is_empty() {
            return Ok(());
        }
        Err(CheckpointError::OtherRun { path: folder.to_owned(), differences })
    }
}

/// What was saved, as far as it can be compared: a totc before the training stream was hashed noted the data in words.
fn before_now(old: &Value, new: &Value) -> Value {
    let mut old = old.clone();
    if let (Value::Object(old), Some(data)) = (&mut old, new.get("data"))
        && old.get("data").is_some_and(Value::is_string)
    {
        old.insert("data".to_owned(), data.clone());
    }
    if let (Value::Object(old), None) = (&mut old, new.get("length")) {
        old.remove("length");
    }
    old
}

/// What decides the course of a run: not when it is tested or saved, nor where its data lie.
pub fn course(config: &TrainConfig, data: Value, precision: &str) -> Result<Value, serde_json::Error> {
    let mut course = serde_json::to_value(config)?;
    if let Value::Object(fields) = &mut course {
        fields.remove("evaluation");
        fields.remove("checkpoints");
        // A constant learning rate does not ask how long it will be.
        if config.schedule.floor == 1.0 {
            fields.remove("length");
        }
        fields.insert("data".to_owned(), data);
        fields.insert("precision".to_owned(), Value::from(precision));
    }
    Ok(course)
}

fn compare(path: &str, old: &Value, new: &Value, differences: &mut Vec<String>) {
    let inside = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let mut keys: Vec<&String> =
                old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))).collect();
            keys.dedup();
            for key in keys {
                let (old, new) = (old.get(key).unwrap_or(&Value::Null), new.get(key).unwrap_or(&Value::Null));
                compare(&inside(key), old, new, differences);
            }
        }
        _ if old == new => {}
        _ => differences.push(format!("`{path}` was {old} and is now {new}")),
    }
}
