//! A run file with its defaults written out: takes the text and what it says, gives a text that says the same under other
//! defaults; comments and whatever stands in the file stay as they are.

use serde_json::{Map, Value};

use super::outline::{self, Node};
use super::run::Run;

/// Fields whose parts are written out one by one.
const GROUPS: &[&str] = &["optimiser", "tables", "schedule", "evaluation", "checkpoints", "checkpoints.keep"];

/// The text with all settings of training and testing, and with another place of the model.
pub fn written_out(ron: &str, run: &Run, model: &str) -> String {
    let mut text = ron.to_owned();
    set(&mut text, "model", &format!("{model:?}"));
    if entry_at(&text, &["precision"]).is_none() {
        add(&mut text, &[], "precision", run.precision.name());
    }
    if let Ok(Value::Object(fields)) = serde_json::to_value(run.train_config()) {
        fill(&mut text, &mut Vec::new(), &fields);
    }
    text
}

/// Adds the fields of a holder that the text does not have.
fn fill(text: &mut String, holder: &mut Vec<String>, fields: &Map<String, Value>) {
    for (name, value) in fields {
        holder.push(name.clone());
        let path: Vec<&str> = holder.iter().map(String::as_str).collect();
        let (above, absent) = (&path[..path.len() - 1], entry_at(text, &path).is_none());
        match value {
            Value::Object(parts) if GROUPS.contains(&path.join(".").as_str()) => {
                if absent {
                    add(text, above, name, "()");
                }
                fill(text, holder, parts);
            }
            value => {
                if let (true, Some(value)) = (absent, plain(name, value)) {
                    add(text, above, name, &value);
                }
            }
        }
        holder.pop();
    }
}

/// A value as RON; `None` for lists and maps, which are empty where the file does not say them.
fn plain(name: &str, value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("None".to_owned()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        // Names are texts, everything else is a choice.
        Value::String(text) if matches!(name, "name" | "by") => Some(format!("{text:?}")),
        Value::String(choice) => Some(choice.clone()),
        Value::Object(choice) if choice.len() == 1 => {
            let (name, inner) = choice.iter().next()?;
            match inner {
                Value::Number(number) => Some(format!("{name}({number})")),
                _ => None,
            }
        }
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Where the value of a field stands.
fn entry_at(text: &str, path: &[&str]) -> Option<std::ops::Range<usize>> {
    let root = outline::read(text)?;
    let mut node: &Node = &root;
    for name in path {
        node = node.unwrapped(text).entry(name).map(|entry| &entry.value)?;
    }
    Some(node.span.clone())
}

fn set(text: &mut String, field: &str, value: &str) {
    if let Some(place) = entry_at(text, &[field]) {
        text.replace_range(place, value);
    }
}

/// A new field behind the last one of its holder.
fn add(text: &mut String, holder: &[&str], name: &str, value: &str) {
    let Some(root) = outline::read(text) else { return };
    let mut node = &root;
    for part in holder {
        let Some(entry) = node.unwrapped(text).entry(part) else { return };
        node = &entry.value;
    }
    let node = node.unwrapped(text);
    let Some(group) = &node.group else { return };
    let (at, glue) = match group.entries.last() {
        Some(last) => {
            (last.whole.end, if text[last.value.span.end..last.whole.end].contains(',') { "" } else { "," })
        }
        None => (group.head.end, ""),
    };
    let line = match (holder.is_empty(), glue.is_empty() && group.entries.is_empty()) {
        (true, _) => format!("{glue}\n    {name}: {value},"),
        (false, true) => format!("{name}: {value}"),
        (false, false) => format!("{} {name}: {value}", if glue.is_empty() { "" } else { glue }),
    };
    text.insert_str(at, &line);
}

#[cfg(test)]
mod tests {
    use crate::run_file::parse;
    use std::path::Path;

    const FILE: &str = "// A run.\nRun(\n    model: \"m.tot\", // the model\n    data: sudoku(side: 4, train: 8, test: 8),\n    \
                        optimiser: (lr: 2e-3), ema: 0.9, length: epochs(2.5),\n    evaluation: (steps: Some(3),),\n    clip: 1.0\n)\n";

    #[test]
    fn every_setting_is_written_out_and_means_the_same() -> Result<(), crate::run_file::RunFileError> {
        let none = &[] as &[&str];
        let file = parse(Path::new("a.ron"), FILE, none)?;
        let text = file.resolved_text("model/m.tot");
        let again = parse(Path::new("b.ron"), &text, none)?;
        assert_eq!(again.train_config(), file.train_config());
        assert_eq!(
            (again.run.model.to_str(), again.run.precision),
            (Some("model/m.tot"), file.run.precision)
        );
        assert!(text.starts_with("// A run.\nRun(\n    model: \"model/m.tot\", // the model\n"), "{text}");
        // Nothing is left to a default.
        for part in [
            "seed: 0",
            "weight_decay: 1.0",
            "floor: 1.0",
            "warmup: 2000",
            "threshold: None",
            "stop: all_steps",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(again.resolved_text("model/m.tot"), text);
        Ok(())
    }
}
