//! Whether a difference is more than noise: takes answers and sides, gives differences to the first side, with the
//! verdict in words.

use super::Difference;
use super::answers::Answers;
use super::grouping::Group;
use crate::report::number;
use crate::statistics::{holm, mean, percentiles, sign_test};

/// Every other side against the first, metric by metric.
pub fn differences(answers: &Answers, groups: &[Group], seed: u64) -> Vec<Difference> {
    let Some((first, others)) = groups.split_first() else { return Vec::new() };
    let mut all = Vec::new();
    for metric in answers.metrics() {
        let mut of_metric: Vec<Difference> =
            others.iter().filter_map(|other| difference(answers, &metric, first, other, seed)).collect();
        let p: Vec<f64> = of_metric.iter().filter_map(|difference| difference.p).collect();
        if p.len() == of_metric.len() {
            for (difference, p) in of_metric.iter_mut().zip(holm(&p)) {
                difference.p_adjusted = Some(p);
            }
        }
        for difference in &mut of_metric {
            difference.words = words(difference, others.len());
        }
        all.extend(of_metric);
    }
    all
}

/// `None` where the metric is no number on some puzzle.
fn difference(
    answers: &Answers,
    metric: &str,
    first: &Group,
    other: &Group,
    seed: u64,
) -> Option<Difference> {
    let resampled: Vec<f64> = answers
        .means(first, metric, seed)
        .iter()
        .zip(answers.means(other, metric, seed))
        .map(|(first, other)| other - first)
        .collect();
    let columns = |group: &Group| -> Vec<&[f64]> {
        group.members.iter().filter_map(|run| answers.column(*run, metric)).collect()
    };
    let (before, after) = (columns(first), columns(other));
    let average = |columns: &[&[f64]]| mean(&columns.iter().map(|column| mean(column)).collect::<Vec<_>>());
    let puzzles = answers.paired();
    // A test over puzzles would take the seeds of a group for certain.
    let better = match (before.as_slice(), after.as_slice(), puzzles) {
        ([before], [after], Some(_)) => Some(better(before, after)),
        _ => None,
    };
    let binary =
        before.iter().chain(&after).all(|column| column.iter().all(|value| *value == 0.0 || *value == 1.0));
    let interval = percentiles(&resampled)?;
    Some(Difference {
        metric: metric.to_owned(),
        from: first.name.clone(),
        to: other.name.clone(),
        mean: average(&after) - average(&before),
        interval,
        puzzles,
        better,
        test: if binary { "McNemar's exact test" } else { "sign test" },
        p: better.map(|(first, other)| sign_test(first, other)),
        p_adjusted: None,
        more_than_noise: interval.excludes_zero(),
        words: String::new(),
    })
}

/// Puzzles on which the first run, the other run is higher.
fn better(first: &[f64], other: &[f64]) -> (usize, usize) {
    // What is equal by hand may differ by rounding.
    const ROUNDING: f64 = 1e-9;
    let gains = || first.iter().zip(other).map(|(first, other)| other - first);
    (gains().filter(|gain| *gain < -ROUNDING).count(), gains().filter(|gain| *gain > ROUNDING).count())
}

fn words(difference: &Difference, others: usize) -> String {
    let Difference { metric, from, to, mean, interval, .. } = difference;
    let puzzles = match difference.puzzles {
        Some(puzzles) => format!("paired over {} puzzles", crate::report::count(puzzles as u64)),
        None => "not paired".to_owned(),
    };
    let size = match mean {
        mean if *mean == 0.0 => format!("{to} is equal to {from}"),
        mean => {
            let way = if *mean > 0.0 { "higher" } else { "lower" };
            format!("{to} is {} {way} than {from}", number(mean.abs()))
        }
    };
    let verdict = if difference.more_than_noise { "more than noise" } else { "within noise" };
    let mut words = format!(
        "{metric}: {size} (95 % interval {} to {}, {puzzles}): {verdict}",
        signed(interval.low),
        signed(interval.high)
    );
    if let (Some((lower, higher)), Some(p)) = (difference.better, difference.p) {
        let adjusted = difference.p_adjusted.filter(|_| others > 1);
        let adjusted = adjusted
            .map_or_else(String::new, |p| format!(", {} adjusted for {others} comparisons", p_value(p)));
        words += &match difference.test {
            "sign test" => {
                format!("; higher on {higher} puzzles and lower on {lower}, sign test {}", p_value(p))
            }
            test => format!(
                "; {higher} puzzles right only in {to} and {lower} only in {from}, {test} {}",
                p_value(p)
            ),
        };
        words += &adjusted;
        if difference.more_than_noise != (adjusted_or(difference, p) < 0.05) {
            words += "; interval and test disagree: a borderline case";
        }
    }
    words + "."
}

fn adjusted_or(difference: &Difference, p: f64) -> f64 {
    difference.p_adjusted.unwrap_or(p)
}

/// With its sign: `+0.0120`.
pub fn signed(value: f64) -> String {
    if value > 0.0 { format!("+{}", number(value)) } else { number(value).replace('-', "−") }
}

fn p_value(p: f64) -> String {
    match p {
        p if p < 0.001 => "p < 0.001".to_owned(),
        p if p < 0.1 => format!("p = {p:.3}"),
        p => format!("p = {p:.2}"),
    }
}
