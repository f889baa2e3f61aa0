//! The end of a run in one table: takes results and counts, gives aligned plain text; never decides which result is
//! the best.

use indexmap::IndexMap;

use crate::numbers::{count, duration, number, table};

/// One test of the model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TestResult {
    /// `best`, `final`.
    pub name: String,
    /// The step after which it was tested.
    pub step: u64,
    /// Metrics by name.
    pub metrics: IndexMap<String, f64>,
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The tests to show, in order.
    pub results: Vec<TestResult>,
    /// Numbers that training adjusts.
    pub parameters: u64,
    /// Steps done since the run was started or resumed.
    pub steps: u64,
    /// Rows of the batch.
    pub rows: usize,
    /// Seconds since the run was started or resumed, tests included.
    pub seconds: f64,
    /// Of these, seconds spent in tests.
    pub testing: f64,
    /// Seconds of all sessions, where there was one before.
    pub seconds_in_all: Option<f64>,
}

/// The table that is printed when a run ends.
pub fn summary_table(summary: &Summary) -> String {
    let mut metrics: Vec<&str> = Vec::new();
    for name in summary.results.iter().flat_map(|result| result.metrics.keys()) {
        if !metrics.contains(&name.as_str()) {
            metrics.push(name);
        }
    }
    let mut text = String::new();
    if !summary.results.is_empty() {
        let header = ["", "step"].iter().chain(&metrics).map(|name| (*name).to_owned()).collect();
        let line = |result: &TestResult| {
            let value =
                |name: &&str| result.metrics.get(*name).map_or("-".to_owned(), |value| number(*value));
            [result.name.clone(), count(result.step)].into_iter().chain(metrics.iter().map(value)).collect()
        };
        let lines: Vec<Vec<String>> =
            std::iter::once(header).chain(summary.results.iter().map(line)).collect();
        text.push_str(&table(&lines));
        text.push('\n');
    }
    let samples = summary.steps as f64 * summary.rows as f64;
    let training = summary.seconds - summary.testing;
    let rate = if training > 0.0 { samples / training } else { 0.0 };
    let mut facts = vec![
        ("parameters", count(summary.parameters)),
        ("time", duration(summary.seconds)),
        ("in tests", format!("{:.0} %", 100.0 * summary.testing / summary.seconds.max(1e-9))),
        ("steps", count(summary.steps)),
        ("samples/s", if rate < 10.0 { number(rate) } else { count(rate as u64) }),
    ];
    if let Some(seconds) = summary.seconds_in_all {
        facts.insert(2, ("in all sessions", duration(seconds)));
    }
    let lines: Vec<_> = facts.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    text.push_str(&table(&lines));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_columns() {
        let result = |name: &str, step, exact| TestResult {
            name: name.to_owned(),
            step,
            metrics: IndexMap::from([("accuracy".to_owned(), 0.99), ("exact".to_owned(), exact)]),
        };
        let mut last = result("final", 5000, 0.96);
        last.metrics.insert("similarity".to_owned(), 0.123_456);
        let results = vec![result("best", 4500, 0.962), last];
        let summary = Summary {
            results,
            parameters: 412_345,
            steps: 5000,
            rows: 128,
            seconds: 221.4,
            testing: 22.1,
            seconds_in_all: None,
        };
        insta::assert_snapshot!(summary_table(&summary), @r"
                step  accuracy   exact  similarity
        best   4,500    0.9900  0.9620           -
        final  5,000    0.9900  0.9600      0.1235

        parameters     412,345
        time        3 min 41 s
        in tests          10 %
        steps            5,000
        samples/s        3,211
        ");
    }

    #[test]
    fn a_run_without_results_has_its_counts() {
        assert!(summary_table(&Summary::default()).starts_with("parameters"));
        assert_eq!(table(&[]), "");
    }
}
