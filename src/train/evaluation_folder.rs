//! Where evaluations are kept: takes what one did, gives a folder of its own in the run's folder; no evaluation overwrites
//! another one, nor the run's own test.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::files::FileError;
use super::final_test::FinalTest;
use crate::random::fnv1a;
use crate::run_file::Difference;

/// The folder of evaluations, in a run's folder.
pub const EVALUATIONS: &str = "evaluations";

/// What sets an evaluation apart from the run's own test beside its protocol.
#[derive(Clone, Debug, Default)]
pub struct SetApart {
    /// Weights that are not those of the finished run, in words.
    pub weights: Option<String>,
    /// Settings that are not those of the weights.
    pub settings: Vec<Difference>,
}

impl SetApart {
    /// As people say it, each part alone.
    pub fn parts(&self) -> Vec<String> {
        let setting = |other: &Difference| {
            let name = other.setting.strip_prefix("set.").unwrap_or(&other.setting);
            match (&other.now, name) {
                (Some(now), "model") => format!("model {now}"),
                (Some(now), name) => format!("{name}={now}"),
                (None, name) => format!("{name} not set"),
            }
        };
        self.weights.iter().cloned().chain(self.settings.iter().map(setting)).collect()
    }

    /// As files keep it: each setting with its value there and here.
    pub fn json(&self) -> Value {
        let setting = |other: &Difference| {
            (other.setting.clone(), json!({ "of_the_weights": other.before, "here": other.now }))
        };
        Value::Object(self.settings.iter().map(setting).collect())
    }
}

/// Writes each evaluation of `test` into a folder of its own below `run`, named by what it did; one that did the same with
/// the same weights takes its place. Gives the folders.
///
/// # Errors
/// A file that cannot be written.
pub fn write(run: &Path, test: &FinalTest, apart: &SetApart) -> Result<Vec<PathBuf>, FileError> {
    let mut folders = Vec::new();
    for alone in test.apart() {
        let name = alone.names.first().map_or("", String::as_str);
        let folder = place(run, name, apart, &alone.facts, FinalTest::NAME);
        alone.write(&folder)?;
        alone.write_arc(&folder, None)?;
        folders.push(folder);
    }
    Ok(folders)
}

/// The folder of what did `name`: free, or of the same thing, as the facts in its `file` say.
pub fn place(run: &Path, name: &str, apart: &SetApart, facts: &Map<String, Value>, file: &str) -> PathBuf {
    let name = slug(name, &apart.parts());
    let folder = |number: usize| match number {
        1 => run.join(EVALUATIONS).join(&name),
        number => run.join(EVALUATIONS).join(format!("{name}-{number}")),
    };
    let same = |path: &PathBuf| match std::fs::read(path.join(file)) {
        Ok(text) => {
            let before: Value = serde_json::from_slice(&text).unwrap_or_default();
            SAME.iter().all(|key| before.get(*key) == facts.get(*key))
        }
        Err(_) => !path.exists(),
    };
    (1..).map(folder).find(same).unwrap_or_else(|| folder(1))
}

/// Facts in which two evaluations of one name are the same.
const SAME: &[&str] = &["sha256", "settings", "test_set", "seed"];

/// A name that every file system and shell takes.
fn slug(protocol: &str, parts: &[String]) -> String {
    let plain = |text: &str| -> String {
        let letter = |c: char| if c.is_ascii_alphanumeric() || "=.,_".contains(c) { c } else { '-' };
        text.replace(", ", ",").chars().map(letter).collect()
    };
    let short = |part: &String| match part.len() {
        0..=32 => plain(part),
        _ => {
            let name = part.split('=').next().unwrap_or(part);
            format!("{}={:08x}", plain(name), fnv1a(part.bytes()) as u32)
        }
    };
    std::iter::once(plain(protocol)).chain(parts.iter().map(short)).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_was_done() {
        let other = |setting: &str, now: &str| Difference {
            setting: setting.to_owned(),
            before: Some("2".to_owned()),
            now: Some(now.to_owned()),
        };
        let apart = SetApart {
            weights: Some("step 400".to_owned()),
            settings: vec![
                other("set.T", "4"),
                other("data", "Sudoku { side: 4, train: 8, test: 12, seed: 0 }"),
            ],
        };
        let name = slug("stop when sure above 0.9, 8 views by vote", &apart.parts());
        assert!(name.starts_with("stop-when-sure-above-0.9,8-views-by-vote,step-400,T=4,data="), "{name}");
        assert!(name.len() < 90, "{name}");
    }

    #[test]
    fn nothing_is_overwritten_but_the_same_evaluation() -> Result<(), Box<dyn std::error::Error>> {
        let run = tempfile::tempdir()?;
        let apart = SetApart::default();
        let facts = |sha: &str| Map::from_iter([("sha256".to_owned(), json!(sha))]);
        let place = |sha: &str| place(run.path(), "all steps", &apart, &facts(sha), FinalTest::NAME);
        let first = place("a");
        std::fs::create_dir_all(&first)?;
        std::fs::write(first.join(FinalTest::NAME), json!({ "sha256": "a" }).to_string())?;
        assert_eq!(place("a"), first);
        assert_eq!(place("b"), run.path().join("evaluations/all-steps-2"));
        // A folder that no evaluation has written stays as it is.
        std::fs::create_dir_all(place("b"))?;
        assert_eq!(place("b"), run.path().join("evaluations/all-steps-3"));
        Ok(())
    }
}
