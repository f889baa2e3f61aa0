//! What a resumed run must share with the run that it goes on with: takes settings, gives named values to store in a
//! checkpoint and to compare; never reads a checkpoint.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::run::{Begin, Run, Share};

/// Every setting that decides what training computes, by dotted name. What only decides when a run ends, is tested,
/// is saved or where it writes is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint {
    values: BTreeMap<String, String>,
}

/// A setting that is not what it was; an absent value is a setting left at the model's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its dotted name.
    pub setting: String,
    /// As it was.
    pub before: Option<String>,
    /// As it is.
    pub now: Option<String>,
}

impl Fingerprint {
    /// Takes the settings that matter.
    pub fn of(run: &Run) -> Fingerprint {
        let mut values = BTreeMap::new();
        let mut config = run.train_config();
        let curve_depends_on_length = config.schedule.floor != 1.0;
        let length = config.length;
        // Not part of what training computes, so the same for all.
        config.evaluation = Default::default();
        config.checkpoints = Default::default();
        config.memory = None;
        if let Ok(Value::Object(mut fields)) = serde_json::to_value(&config) {
            for name in ["evaluation", "checkpoints", "length"] {
                fields.remove(name);
            }
            flatten("", &Value::Object(fields), &mut values);
        }
        if curve_depends_on_length {
            values.insert("length".to_owned(), format!("{length:?}"));
        }
        if let Some(name) = &run.name {
            values.insert("name".to_owned(), name.clone());
        }
        for (name, setting) in &run.set {
            values.insert(format!("set.{name}"), setting.to_string());
        }
        for phase in &run.phases {
            let from = match phase.from {
                Begin::Steps(steps) => steps.to_string(),
                Begin::Share(Share::Progress(share)) => {
                    values.insert("length".to_owned(), format!("{length:?}"));
                    format!("progress({share})")
                }
            };
            for (name, setting) in &phase.set {
                values.insert(format!("phases.{from}.{name}"), setting.to_string());
            }
        }
        if let Some(start) = &run.init
            && let Ok(Value::Object(mut fields)) = serde_json::to_value(start)
        {
            // Where the file lies does not matter; what is in it is compared by its hash.
            fields.remove("from");
            fields.remove("map");
            flatten("init", &Value::Object(fields), &mut values);
        }
        values.insert("data".to_owned(), format!("{:?}", run.data));
        values.insert("precision".to_owned(), format!("{:?}", run.precision).to_lowercase());
        Fingerprint { values }
    }

    /// The settings by dotted name.
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// Every setting that can change a result, so also those that decide when a run ends and how it is tested.
    pub fn with_results(run: &Run) -> BTreeMap<String, String> {
        let mut values = Fingerprint::of(run).values;
        values.insert("length".to_owned(), format!("{:?}", run.length).to_lowercase());
        if let Ok(Value::Object(mut fields)) = serde_json::to_value(&run.evaluation) {
            fields.remove("every");
            fields.remove("patience");
            flatten("evaluation", &Value::Object(fields), &mut values);
        }
        for (name, setting) in &run.set_in_evaluation {
            values.insert(format!("set_in_evaluation.{name}"), setting.to_string());
        }
        values
    }

    /// What changed from `before` to this one, by name.
    pub fn differences(&self, before: &Fingerprint) -> Vec<Difference> {
        let names: std::collections::BTreeSet<&String> =
            self.values.keys().chain(before.values.keys()).collect();
        names
            .into_iter()
            .map(|name| (name, before.values.get(name).cloned(), self.values.get(name).cloned()))
            .filter(|(_, before, now)| before != now)
            .map(|(name, before, now)| Difference { setting: name.clone(), before, now })
            .collect()
    }
}

/// The leaves of a value by dotted path; empty lists and absent values leave nothing.
fn flatten(path: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Null => {}
        Value::Object(fields) => fields.iter().for_each(|(name, value)| flatten(&below(name), value, into)),
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(number, value)| flatten(&below(&number.to_string()), value, into));
        }
        Value::String(text) => {
            into.insert(path.to_owned(), text.clone());
        }
        Value::Bool(_) | Value::Number(_) => {
            into.insert(path.to_owned(), value.to_string());
        }
    }
}
