//! The best test of a run, and its weights: takes the log's tests, says which is the best (one meaning of it for terminal,
//! log, page and weights; of equals the earlier), and keeps the weights of the best ones in the run's folder.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::{FileError, write_whole};
use super::log::{MetricsKind, MetricsRecord};
use super::results::EXACT;

/// Folder of the weights of the best tests, in a run's folder; and what `--weights` takes for the best of them.
pub const BEST: &str = "best";
/// What lies there, the best first.
const LIST: &str = "best.json";

/// A test among those that can be compared with one another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RankedTest {
    /// Training steps before it.
    pub step: u64,
    /// The metric that ranks it: a metric's name, or `loss.NAME`, of which less is better.
    pub by: String,
    /// What it came to.
    pub value: f64,
}

/// The tests of a log that can be compared, the best first; of equals the earlier first. Those are tests by one protocol
/// on as many examples: the one that most tests have. `by`: a metric, or `loss.NAME`; by default `exact`, or the first that
/// there is.
pub fn ranked(log: &[MetricsRecord], by: Option<&str>) -> Vec<RankedTest> {
    let tests: Vec<&MetricsRecord> = log.iter().filter(|record| record.kind == MetricsKind::Test).collect();
    let alike = |one: &MetricsRecord, other: &MetricsRecord| {
        one.protocol == other.protocol && one.examples == other.examples
    };
    let count = |record: &MetricsRecord| tests.iter().filter(|other| alike(record, other)).count();
    // Of equal counts the first, by `rev`: `max_by_key` takes the last.
    let Some(usual) = tests.iter().rev().max_by_key(|record| count(record)) else { return Vec::new() };
    let Some(by) = by.map(str::to_owned).or_else(|| usual_metric(usual)) else { return Vec::new() };
    let value = |record: &MetricsRecord| match by.strip_prefix("loss.") {
        Some(loss) => record.losses.get(loss).copied(),
        None => record.metrics.get(&by).copied(),
    };
    let mut ranked: Vec<RankedTest> = tests
        .iter()
        .filter(|record| alike(record, usual))
        .filter_map(|record| {
            let value = value(record).filter(|value| !value.is_nan())?;
            Some(RankedTest { step: record.step, by: by.clone(), value })
        })
        .collect();
    let less = by.starts_with("loss.");
    ranked.sort_by(|one, other| {
        let order = one.value.total_cmp(&other.value);
        (if less { order } else { order.reverse() }).then(one.step.cmp(&other.step))
    });
    // A run that ended early has tested its last step twice.
    let mut steps = HashSet::new();
    ranked.retain(|test| steps.insert(test.step));
    ranked
}

fn usual_metric(record: &MetricsRecord) -> Option<String> {
    let metrics = &record.metrics;
    let metric = metrics.get_key_value(EXACT).or_else(|| metrics.first()).map(|(name, _)| name.clone());
    metric.or_else(|| record.losses.keys().next().map(|name| format!("loss.{name}")))
}

/// Tests after the best one, of those that can be compared with it.
pub fn tests_since_best(log: &[MetricsRecord], by: Option<&str>) -> u64 {
    let ranked = ranked(log, by);
    let Some(best) = ranked.first() else { return 0 };
    ranked.iter().filter(|test| test.step > best.step).count() as u64
}

/// The file of the weights of a test.
pub fn weights_of(run: &Path, step: u64) -> PathBuf {
    run.join(BEST).join(format!("step-{step}.safetensors"))
}

/// The weights of the best test of the run in `folder`, if they are kept.
pub fn file(folder: &Path) -> Option<PathBuf> {
    let best = kept(folder).into_iter().next()?;
    Some(weights_of(folder, best.step)).filter(|file| file.is_file())
}

/// The tests whose weights are kept, the best first.
pub fn kept(folder: &Path) -> Vec<RankedTest> {
    let text = std::fs::read(folder.join(BEST).join(LIST)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Notes which tests' weights are kept, and removes those of others.
///
/// # Errors
/// A file that cannot be written or removed.
pub fn keep(folder: &Path, tests: &[RankedTest]) -> Result<(), FileError> {
    let before = kept(folder);
    if tests.is_empty() && before.is_empty() {
        return Ok(());
    }
    let text = serde_json::to_string_pretty(tests).unwrap_or_default();
    write_whole(&folder.join(BEST).join(LIST), text.as_bytes())?;
    for old in before.iter().filter(|old| !tests.iter().any(|test| test.step == old.step)) {
        let path = weights_of(folder, old.step);
        match std::fs::remove_file(&path) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(FileError { path, cause });
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use indexmap::IndexMap;

    fn test(step: u64, exact: f64, examples: usize) -> MetricsRecord {
        MetricsRecord {
            kind: MetricsKind::Test,
            step,
            metrics: IndexMap::from([("accuracy".to_owned(), 0.1), (EXACT.to_owned(), exact)]),
            losses: IndexMap::from([("answering".to_owned(), 1.0 / step as f64)]),
            examples: Some(examples),
            ..MetricsRecord::default()
        }
    }

    #[test]
    fn of_equals_the_earlier_is_the_best() {
        let log = [test(10, 0.25, 5), test(20, 0.5, 5), test(30, 0.5, 5), test(40, 0.5, 5), test(40, 0.5, 5)];
        let steps: Vec<u64> = ranked(&log, None).iter().map(|test| test.step).collect();
        assert_eq!(steps, [20, 30, 40, 10]);
        assert_eq!(tests_since_best(&log, None), 2);
        let by_loss: Vec<u64> = ranked(&log, Some("loss.answering")).iter().map(|test| test.step).collect();
        assert_eq!(by_loss, [40, 30, 20, 10]);
    }

    #[test]
    fn a_test_on_other_examples_is_not_compared() {
        let log = [test(10, 0.25, 5), test(20, 0.0, 5), test(30, 0.75, 500)];
        assert_eq!(ranked(&log, None).first().map(|best| best.step), Some(10));
        assert_eq!(ranked(&log[2..], None).first().map(|best| best.step), Some(30));
        assert!(ranked(&[test(10, f64::NAN, 5)], None).is_empty());
    }
}
