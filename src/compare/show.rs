//! A comparison in words and tables: takes it, gives plain text, Markdown or CSV; computes nothing but the thinning of
//! curves.

use std::fmt::Write;

use super::{Comparison, Estimate, Side};
use crate::report::{count, duration, number, table};
use crate::statistics::mean;

/// Rows of a table of curves.
const ROWS: usize = 12;

/// Everything, for a terminal.
pub fn as_text(comparison: &Comparison) -> String {
    let mut out = String::new();
    let tested = match comparison.paired {
        Some(puzzles) => format!("tested on the same {} puzzles", count(puzzles as u64)),
        None => "not paired puzzle by puzzle".to_owned(),
    };
    let what = if comparison.sides.iter().any(|side| side.runs.len() > 1) { "settings" } else { "runs" };
    let _ = writeln!(out, "{} {what} side by side, {tested}", comparison.sides.len());
    if !comparison.settings.is_empty() {
        let _ = write!(out, "\nSettings that differ\n{}", table(&settings(comparison)));
    }
    let by = match comparison.resamples {
        0 => String::new(),
        times => format!(
            " (in brackets 95 % intervals: bootstrap over puzzles, {} resamples, seed {})",
            count(times as u64),
            comparison.seed
        ),
    };
    let _ = write!(out, "\nResults at the last test{by}\n{}", table(&results(comparison)));
    if !comparison.differences.is_empty() {
        let _ = writeln!(out, "\nDifferences");
        for difference in &comparison.differences {
            let _ = writeln!(out, "  {}", difference.words);
        }
    }
    if let Some(metric) = main_metric(comparison) {
        let lines = curve(comparison, "step", |curves| curves.tests.get(&metric));
        let _ = write!(out, "\nLearning curves: {metric} in tests\n{}", table(&lines));
    }
    let lines = curve(comparison, "step", |curves| Some(&curves.loss));
    if lines.len() > 1 {
        let _ = write!(out, "\nLearning curves: training loss\n{}", table(&lines));
    }
    for note in &comparison.notes {
        let _ = write!(out, "\n{note}\n");
    }
    out
}

/// Tables and verdicts for a paper or an issue.
pub fn as_markdown(comparison: &Comparison) -> String {
    let mut out = String::new();
    if !comparison.settings.is_empty() {
        out.push_str(&markdown(&settings(comparison)));
        out.push('\n');
    }
    out.push_str(&markdown(&results(comparison)));
    if comparison.resamples > 0 {
        let _ = writeln!(
            out,
            "\nIn brackets: 95 % intervals (bootstrap over puzzles, {} resamples).",
            count(comparison.resamples as u64)
        );
    }
    out.push('\n');
    for difference in &comparison.differences {
        let _ = writeln!(out, "- {}", difference.words.replace('|', "\\|"));
    }
    for note in &comparison.notes {
        let _ = writeln!(out, "\n{note}");
    }
    out
}

/// One line per side, numbers in full.
pub fn as_csv(comparison: &Comparison) -> String {
    let names = metrics(comparison);
    let mut header: Vec<String> =
        ["name", "protocol", "model", "runs", "parameters", "steps", "seconds", "steps_used", "latency_ms"]
            .map(str::to_owned)
            .into();
    for name in &names {
        header
            .extend(["", "_low", "_high", "_deviation", "_minus_first"].map(|part| format!("{name}{part}")));
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory cannot fail; a line has as many cells as the header.
    let _ = writer.write_record(&header);
    let shown = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    for side in &comparison.sides {
        let mut line = vec![
            side.name.clone(),
            side.protocol.clone(),
            side.model.clone().unwrap_or_default(),
            side.runs.join(" "),
            side.parameters.map_or_else(String::new, |count| count.to_string()),
            side.steps.iter().max().map_or_else(String::new, u64::to_string),
            mean(&side.seconds).to_string(),
            shown(side.steps_used),
            shown(side.latency_ms),
        ];
        for name in &names {
            let found = side.metrics.get(name);
            let interval = found.and_then(|estimate| estimate.interval);
            let difference = comparison.differences.iter().find(|d| d.metric == *name && d.to == side.name);
            line.extend([
                shown(found.map(|estimate| estimate.mean)),
                shown(interval.map(|interval| interval.low)),
                shown(interval.map(|interval| interval.high)),
                shown(found.and_then(|estimate| estimate.deviation)),
                shown(difference.map(|difference| difference.mean)),
            ]);
        }
        let _ = writer.write_record(&line);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// A table of Markdown, the first line its head, all but the first column to the right.
pub fn markdown(lines: &[Vec<String>]) -> String {
    let mut out = String::new();
    for (at, line) in lines.iter().enumerate() {
        let cells: Vec<String> = line.iter().map(|cell| cell.replace('|', "\\|")).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
        if at == 0 {
            let rules: Vec<&str> = (0..line.len()).map(|at| if at == 0 { "---" } else { "---:" }).collect();
            let _ = writeln!(out, "| {} |", rules.join(" | "));
        }
    }
    out
}

fn metrics(comparison: &Comparison) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in comparison.sides.iter().flat_map(|side| side.metrics.keys()) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// The metric that a comparison is about: `exact`, or the first there is.
pub fn main_metric(comparison: &Comparison) -> Option<String> {
    let names = metrics(comparison);
    names.iter().find(|name| *name == "exact").or(names.first()).cloned()
}

/// Names down, sides across; the other way round where there are more sides than names.
fn settings(comparison: &Comparison) -> Vec<Vec<String>> {
    let cell = |value: &Option<String>| match value {
        Some(text) if text.chars().count() > 40 => text.chars().take(39).chain(['…']).collect(),
        Some(text) => text.clone(),
        None => "-".to_owned(),
    };
    let sides = comparison.sides.iter().map(|side| side.name.clone());
    if comparison.sides.len() <= 4 {
        let head = std::iter::once(String::new()).chain(sides).collect();
        let line = |(name, values): (&String, &Vec<Option<String>>)| {
            std::iter::once(name.clone()).chain(values.iter().map(cell)).collect()
        };
        return std::iter::once(head).chain(comparison.settings.iter().map(line)).collect();
    }
    let head = std::iter::once(String::new()).chain(comparison.settings.keys().cloned()).collect();
    let line = |(at, side): (usize, String)| {
        let values = comparison.settings.values();
        std::iter::once(side)
            .chain(values.map(|values| values.get(at).map_or("-".to_owned(), cell)))
            .collect()
    };
    std::iter::once(head).chain(sides.enumerate().map(line)).collect()
}

fn results(comparison: &Comparison) -> Vec<Vec<String>> {
    let names = metrics(comparison);
    let latency = comparison.sides.iter().any(|side| side.latency_ms.is_some());
    let mut head: Vec<String> = ["", "tested by", "model", "parameters"].map(str::to_owned).into();
    head.extend(names.iter().cloned());
    head.extend(["steps used", "training steps", "time"].map(str::to_owned));
    if latency {
        head.push("ms per sample".to_owned());
    }
    let line = |side: &Side| {
        let missing = || "-".to_owned();
        let runs = if side.runs.len() > 1 { format!(" ({} runs)", side.runs.len()) } else { String::new() };
        let mut line = vec![
            format!("{}{runs}", side.name),
            side.protocol.clone(),
            side.model.clone().unwrap_or_else(missing),
            side.parameters.map_or_else(missing, count),
        ];
        line.extend(names.iter().map(|name| side.metrics.get(name).map_or_else(missing, estimate)));
        line.push(side.steps_used.map_or_else(missing, |steps| format!("{steps:.2}")));
        line.push(side.steps.iter().max().map_or_else(missing, |steps| count(*steps)));
        line.push(duration(mean(&side.seconds)));
        if latency {
            line.push(side.latency_ms.map_or_else(missing, number));
        }
        line
    };
    std::iter::once(head).chain(comparison.sides.iter().map(line)).collect()
}

fn estimate(estimate: &Estimate) -> String {
    let mut text = number(estimate.mean);
    if let Some(deviation) = estimate.deviation {
        let _ = write!(text, " ± {}", number(deviation));
    }
    if let Some(interval) = estimate.interval {
        let _ = write!(text, " [{}, {}]", number(interval.low), number(interval.high));
    }
    text
}

/// Steps down, sides across; of a group the mean over its runs.
fn curve<'a>(
    comparison: &'a Comparison,
    corner: &str,
    points: impl Fn(&'a super::Curves) -> Option<&'a Vec<(u64, f64)>>,
) -> Vec<Vec<String>> {
    let of_side =
        |side: &'a Side| -> Vec<&'a Vec<(u64, f64)>> { side.curves.iter().filter_map(&points).collect() };
    let mut steps: Vec<u64> = comparison
        .sides
        .iter()
        .flat_map(|side| of_side(side).into_iter().flatten().map(|(step, _)| *step))
        .collect();
    steps.sort_unstable();
    steps.dedup();
    let every = steps.len().div_ceil(ROWS).max(1);
    // Counted from the end, so that the last step is among them.
    let kept: Vec<u64> = steps.iter().rev().step_by(every).rev().copied().collect();
    let head =
        std::iter::once(corner.to_owned()).chain(comparison.sides.iter().map(|side| side.name.clone()));
    let line = |step: &u64| {
        let cell = |side: &'a Side| {
            let at =
                |points: &&Vec<(u64, f64)>| points.iter().find(|(at, _)| at == step).map(|point| point.1);
            let values: Vec<f64> = of_side(side).iter().filter_map(at).collect();
            if values.is_empty() { "-".to_owned() } else { number(mean(&values)) }
        };
        std::iter::once(count(*step)).chain(comparison.sides.iter().map(cell)).collect()
    };
    std::iter::once(head.collect()).chain(kept.iter().map(line)).collect()
}
