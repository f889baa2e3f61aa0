//! Runs side by side: takes the folders of runs, gives what differs between them and whether it is more than noise;
//! trains and tests nothing.

mod answers;
mod grouping;
mod picture;
mod record;
mod show;
mod verdict;

pub use picture::curves;
pub use record::{LATENCY, Puzzles, RecordError, RunRecord, latency};
pub use show::{as_csv, as_markdown, as_text, main_metric, markdown};

use indexmap::IndexMap;
use serde::Serialize;

use crate::statistics::{Interval, deviation, mean, percentiles, wilson};
use answers::Answers;
use grouping::Group;

/// How to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Runs that differ only in their seed make one side.
    pub group: bool,
    /// Compare runs of different test puzzles too, without pairing.
    pub unpaired: bool,
    /// Compare runs that were tested by different protocols too.
    pub across_protocols: bool,
    /// Seed of the bootstrap.
    pub seed: u64,
}

/// Runs side by side; every difference is one to the first side.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// What is compared, in the order in which it was given.
    pub sides: Vec<Side>,
    /// Settings that differ, by name, one value per side; none where a side does not set it.
    pub settings: IndexMap<String, Vec<Option<String>>>,
    /// Puzzles that all runs were tested on; none where the test sets differ.
    pub paired: Option<usize>,
    /// Of every metric, each side against the first.
    pub differences: Vec<Difference>,
    /// Resamples of every interval.
    pub resamples: usize,
    /// Seed of the resamples.
    pub seed: u64,
    /// What a reader has to know before believing the numbers.
    pub notes: Vec<String>,
}

/// A run, or the runs of one set of settings.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    /// What sets it apart from the others.
    pub name: String,
    /// Its runs, as they were named.
    pub runs: Vec<String>,
    /// How its runs were tested.
    pub protocol: String,
    /// The model's name, where all its runs agree.
    pub model: Option<String>,
    /// Numbers that training adjusts, where all its runs agree.
    pub parameters: Option<u64>,
    /// Training steps of the last test, of each run.
    pub steps: Vec<u64>,
    /// Wall-clock seconds of training and tests, of each run.
    pub seconds: Vec<f64>,
    /// Supervision steps per puzzle at the last test, mean over the runs.
    pub steps_used: Option<f64>,
    /// Milliseconds per sample at batch 1, where measured: mean over the runs.
    pub latency_ms: Option<f64>,
    /// What was measured, by metric.
    pub metrics: IndexMap<String, Estimate>,
    /// Curves of each run.
    pub curves: Vec<Curves>,
}

/// A metric of a side.
#[derive(Clone, Debug, Serialize)]
pub struct Estimate {
    /// Mean over its runs.
    pub mean: f64,
    /// Of `LEVEL`; none where there are no answers puzzle by puzzle.
    pub interval: Option<Interval>,
    /// `bootstrap`, or `wilson` where all puzzles agree.
    pub by: Option<&'static str>,
    /// Sample standard deviation over the runs of a group.
    pub deviation: Option<f64>,
    /// Test puzzles that the mean is over.
    pub puzzles: usize,
}

/// What a run's log tells step by step.
#[derive(Clone, Debug, Serialize)]
pub struct Curves {
    /// Metrics of the tests: step and value.
    pub tests: IndexMap<String, Vec<(u64, f64)>>,
    /// The training loss: step and value.
    pub loss: Vec<(u64, f64)>,
}

/// One metric of one side against the first.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The metric.
    pub metric: String,
    /// The side that is subtracted.
    pub from: String,
    /// The side that it is subtracted from.
    pub to: String,
    /// `to` − `from`.
    pub mean: f64,
    /// Of the difference.
    pub interval: Interval,
    /// Puzzles over which it is paired; none if it is not.
    pub puzzles: Option<usize>,
    /// Puzzles on which the first side, the other side is higher; none if not paired.
    pub better: Option<(usize, usize)>,
    /// What `p` is of: McNemar's exact test for right and wrong answers of two runs, else a sign test.
    pub test: &'static str,
    /// Two-sided, over those puzzles.
    pub p: Option<f64>,
    /// The same, adjusted by Holm's method for the sides compared.
    pub p_adjusted: Option<f64>,
    /// Whether the interval excludes 0.
    pub more_than_noise: bool,
    /// The verdict in words.
    pub words: String,
}

/// Puts runs side by side.
///
/// # Errors
/// Sentences: fewer than two sides, or different test puzzles without `unpaired`.
pub fn compare(runs: &[RunRecord], protocol: Protocol) -> Result<Comparison, String> {
    if grouping::groups(runs, protocol.group).len() < 2 {
        return Err(match runs.len() {
            0 | 1 => "a comparison needs two runs or more".to_owned(),
            _ => "all these runs differ only in their seed: there is nothing to compare; leave out --group"
                .to_owned(),
        });
    }
    side_by_side(runs, protocol)
}

/// The same of any number of sides; of a single one there is no difference to tell.
///
/// # Errors
/// Sentences: different test puzzles without `unpaired`, different protocols without `across_protocols`.
pub fn side_by_side(runs: &[RunRecord], protocol: Protocol) -> Result<Comparison, String> {
    let groups = grouping::groups(runs, protocol.group);
    let same = runs.iter().all(|run| run.test_set() == runs[0].test_set());
    if !same && !protocol.unpaired {
        return Err(different_sets(runs));
    }
    let alike = runs.iter().all(|run| run.protocol == runs[0].protocol);
    if !alike && !protocol.across_protocols {
        return Err(different_protocols(runs));
    }
    let mut notes = Vec::new();
    let answers = Answers::of(runs, same, protocol.seed, &mut notes);
    let sides: Vec<Side> =
        groups.iter().map(|group| side(runs, group, answers.as_ref(), protocol.seed)).collect();
    let differences = match &answers {
        Some(answers) => verdict::differences(answers, &groups, protocol.seed),
        None => Vec::new(),
    };
    if !alike {
        notes.push(
            "The runs were tested in different ways: differences show the protocols as much as the models."
                .to_owned(),
        );
    }
    if !same {
        notes.push(
            "The runs were tested on different puzzles: differences are not paired, and show the test sets as much \
             as the models."
                .to_owned(),
        );
    }
    if groups.iter().all(|group| group.members.len() == 1) && !differences.is_empty() {
        notes.push(
            "Each side is one run: another seed moves these numbers too. Train several seeds and compare with \
             --group to have their spread in the intervals."
                .to_owned(),
        );
    } else if groups.iter().any(|group| (2..5).contains(&group.members.len())) {
        notes.push(
            "With fewer than five seeds their spread is known only roughly, and the intervals are too narrow rather \
             than too wide."
                .to_owned(),
        );
    }
    Ok(Comparison {
        sides,
        settings: grouping::differing(runs, &groups),
        paired: answers.as_ref().and_then(Answers::paired),
        differences,
        resamples: answers.as_ref().map_or(0, |answers| answers.resamples),
        seed: protocol.seed,
        notes,
    })
}

fn different_sets(runs: &[RunRecord]) -> String {
    let sets: Vec<String> = runs.iter().map(|run| format!("  {}: {}", run.name, run.test_set())).collect();
    format!(
        "these runs were tested on different puzzles:\n{}\ntest them on the same ones (`totc eval`), or compare them \
         without pairing by --unpaired",
        sets.join("\n")
    )
}

fn different_protocols(runs: &[RunRecord]) -> String {
    let ways: Vec<String> = runs.iter().map(|run| format!("  {}: {}", run.name, run.protocol)).collect();
    format!(
        "these runs were tested in different ways:\n{}\ntest them alike (`totc eval RUN`, then --protocol NAME), or compare \
         them all the same by --across-protocols",
        ways.join("\n")
    )
}

fn side(runs: &[RunRecord], group: &Group, answers: Option<&Answers>, seed: u64) -> Side {
    let members: Vec<&RunRecord> = group.members.iter().map(|run| &runs[*run]).collect();
    let about = members.iter().find_map(|run| run.about.as_ref());
    let average = |values: Vec<f64>| (!values.is_empty()).then(|| mean(&values));
    let tested = |run: &&RunRecord| run.last_test().cloned();
    let mut metrics = IndexMap::new();
    for name in members.iter().filter_map(tested).flat_map(|test| test.metrics.into_keys()) {
        if !metrics.contains_key(&name) {
            let estimate = estimate(&members, group, &name, answers, seed);
            metrics.insert(name, estimate);
        }
    }
    let latency = |run: &&RunRecord| run.latency.as_ref()?.get("all_steps")?.get("mean_ms")?.as_f64();
    Side {
        name: group.name.clone(),
        runs: members.iter().map(|run| run.name.clone()).collect(),
        protocol: members.first().map(|run| run.protocol.clone()).unwrap_or_default(),
        model: about.map(|about| about.model.clone()),
        parameters: about.map(|about| about.parameters),
        steps: members.iter().filter_map(tested).map(|test| test.step).collect(),
        seconds: members.iter().map(|run| run.seconds).collect(),
        steps_used: average(members.iter().filter_map(tested).filter_map(|test| test.steps_used).collect()),
        latency_ms: average(members.iter().filter_map(latency).collect()),
        metrics,
        curves: members.iter().map(|run| curves_of(run)).collect(),
    }
}

fn estimate(
    members: &[&RunRecord],
    group: &Group,
    metric: &str,
    answers: Option<&Answers>,
    seed: u64,
) -> Estimate {
    let columns: Option<Vec<&[f64]>> =
        answers.and_then(|answers| group.members.iter().map(|run| answers.column(*run, metric)).collect());
    let (Some(answers), Some(columns)) = (answers, columns) else {
        let tests = members.iter().filter_map(|run| run.last_test()?.metrics.get(metric).copied());
        let means: Vec<f64> = tests.collect();
        let deviation = deviation(&means);
        return Estimate { mean: mean(&means), interval: None, by: None, deviation, puzzles: 0 };
    };
    let means: Vec<f64> = columns.iter().map(|column| mean(column)).collect();
    let puzzles = columns.iter().map(|column| column.len()).min().unwrap_or(0);
    let first = columns.first().and_then(|column| column.first()).copied().unwrap_or(f64::NAN);
    let agree = columns.iter().all(|column| column.iter().all(|value| *value == first));
    // Where all puzzles agree, resampling them says nothing of the puzzles that were not tried.
    let (interval, by) = if agree && (first == 0.0 || first == 1.0) {
        (Some(wilson(first * puzzles as f64, puzzles as f64)), "wilson")
    } else {
        (percentiles(&answers.means(group, metric, seed)), "bootstrap")
    };
    Estimate { mean: mean(&means), by: interval.map(|_| by), interval, deviation: deviation(&means), puzzles }
}

fn curves_of(run: &RunRecord) -> Curves {
    let mut tests: IndexMap<String, Vec<(u64, f64)>> = IndexMap::new();
    for record in &run.tests {
        for (name, value) in &record.metrics {
            tests.entry(name.clone()).or_default().push((record.step, *value));
        }
    }
    let total = |record: &crate::train::MetricsRecord| Some((record.step, *record.losses.get("total")?));
    Curves { tests, loss: run.training.iter().filter_map(total).collect() }
}
