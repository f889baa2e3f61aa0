//! The log as curves: takes `metrics.jsonl`, also of a run that still goes on, gives one chart per measure with
//! training and test in it.

use std::path::Path;

use indexmap::{IndexMap, IndexSet};
use serde::Deserialize;

use super::chart::{Chart, Curve, Plot};
use crate::report::{Kind, LogError};

/// One line of the log; `null` where a number was not finite.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Entry {
    pub kind: Kind,
    pub step: u64,
    pub seconds: f64,
    pub lr: f64,
    pub losses: IndexMap<String, Option<f64>>,
    pub metrics: IndexMap<String, Option<f64>>,
    pub steps_used: Option<f64>,
    pub gradient_norm: Option<f64>,
}

/// Reads a log. A last line that is still being written is left out.
pub fn read_log(path: &Path) -> Result<Vec<Entry>, LogError> {
    let text = std::fs::read_to_string(path).map_err(|cause| LogError::File {
        doing: "read",
        path: path.to_owned(),
        cause,
    })?;
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n')).enumerate();
    let line = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|_| LogError::Foreign { path: path.to_owned(), line: number + 1 })
    };
    whole.filter(|(_, line)| !line.trim().is_empty()).map(line).collect()
}

impl Entry {
    /// All losses together.
    fn total(&self) -> Option<f64> {
        match self.losses.get("total") {
            Some(total) => *total,
            None if self.losses.is_empty() => None,
            None => self.losses.values().copied().sum(),
        }
    }
}

/// The charts, the most looked at first.
pub fn charts(log: &[Entry]) -> Vec<Chart> {
    let names = |of: fn(&Entry) -> &IndexMap<String, Option<f64>>| -> IndexSet<&String> {
        log.iter().flat_map(|entry| of(entry).keys()).collect()
    };
    let mut plots = vec![plot(log, "loss, all terms", true, Entry::total)];
    for name in names(|entry| &entry.metrics) {
        plots.push(plot(log, name, false, |entry| entry.metrics.get(name).copied().flatten()));
    }
    for name in names(|entry| &entry.losses).into_iter().filter(|name| *name != "total") {
        let title = format!("loss {name}");
        plots.push(plot(log, &title, true, |entry| entry.losses.get(name).copied().flatten()));
    }
    plots.push(plot(log, "supervision steps used", false, |entry| entry.steps_used));
    let trained = |of: fn(&Entry) -> Option<f64>| {
        move |entry: &Entry| if entry.kind == Kind::Train { of(entry) } else { None }
    };
    plots.push(plot(log, "gradient norm", true, trained(|entry| entry.gradient_norm)));
    plots.push(plot(log, "learning rate", false, trained(|entry| Some(entry.lr))));
    plots.into_iter().filter_map(Plot::lay_out).collect()
}

fn plot(log: &[Entry], title: &str, may_be_log: bool, value: impl Fn(&Entry) -> Option<f64>) -> Plot {
    let curve = |name: &str, class: &'static str, kind: Kind| Curve {
        name: name.to_owned(),
        class,
        dots: kind == Kind::Test,
        points: log
            .iter()
            .filter(|entry| entry.kind == kind)
            .map(|entry| (entry.step as f64, value(entry).unwrap_or(f64::NAN)))
            .collect(),
    };
    let curves = vec![curve("train", "train", Kind::Train), curve("test", "test", Kind::Test)];
    let all = || curves.iter().flat_map(|curve| &curve.points).map(|(_, y)| *y).filter(|y| y.is_finite());
    // A share is shown as one; a loss starts at 0 unless it needs a logarithm.
    let share = !may_be_log && title != "learning rate" && all().all(|y| (0.0..=1.0).contains(&y));
    let range = if share { (0.0, 1.0) } else { (0.0, 0.0) };
    Plot { title: title.to_owned(), across: "step".to_owned(), curves, range: Some(range), may_be_log }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_being_written_can_be_read() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("metrics.jsonl");
        let lines = concat!(
            r#"{"kind":"train","step":1,"seconds":1.0,"lr":0.1,"losses":{"a":null,"total":2.0},"metrics":{},"steps_used":null}"#,
            "\n",
            r#"{"kind":"test","step":2,"lr":0.0,"losses":{"a":1.0,"b":0.5},"metrics":{"exact":0.5},"more":[1]}"#,
            "\n",
            r#"{"kind":"te"#
        );
        std::fs::write(&path, lines)?;
        let log = read_log(&path)?;
        assert_eq!(log.len(), 2);
        assert_eq!(log.iter().map(Entry::total).collect::<Vec<_>>(), [Some(2.0), Some(1.5)]);
        std::fs::write(&path, "step,loss\n")?;
        assert!(matches!(read_log(&path), Err(LogError::Foreign { line: 1, .. })));
        Ok(())
    }
}
