//! Results of evaluations as a person reads them: takes reports of one model under one or more protocols;
//! never decides which is the better one.

use crate::numbers::table;
use crate::numbers::{duration, fixed, fixed_signed};
use crate::train::{ArcTest, EXACT, EvaluationReport, FinalTest, ScalingReport, by_rating};

/// One evaluation with the name of its protocol.
pub struct Named<'a> {
    /// The protocol.
    pub name: &'a str,
    /// What it found.
    pub report: &'a EvaluationReport,
}

/// All evaluations of a finished model, with ARC's score where the data are ARC's.
pub fn final_test_text(test: &FinalTest) -> String {
    let named: Vec<Named> = test.reports.iter().map(|(name, report)| Named { name, report }).collect();
    let arc: Vec<(&str, &ArcTest)> = test.reports.iter().map(|(name, _)| *name).zip(&test.arc).collect();
    evaluation_text(&named, &test.rating) + &arc_text(&arc)
}

/// Metrics and losses side by side, then what the first of them tells of single steps and ratings. `rating` is what the
/// data set calls its ratings.
pub fn evaluation_text(evaluations: &[Named], rating: &str) -> String {
    let Some(first) = evaluations.first() else { return String::new() };
    let mut text = side_by_side(evaluations);
    for other in &evaluations[1..] {
        text.push_str(&gained(first.report, other));
    }
    for Named { name, report } in evaluations {
        if let Some(thinking) = &report.scaling {
            text.push('\n');
            text.push_str(&thinking_text(name, thinking));
        }
    }
    if let Some(early) =
        evaluations.iter().find(|one| one.report.steps_histogram.iter().filter(|n| **n > 0).count() > 1)
    {
        text.push('\n');
        text.push_str(&histogram(early));
    }
    text.push_str(&by_step(first));
    text.push_str(&ratings(first, rating));
    text
}

fn side_by_side(evaluations: &[Named]) -> String {
    let mut lines = vec![header("", evaluations.iter().map(|one| one.name.to_owned()))];
    let mut line = |name: &str, value: &dyn Fn(&EvaluationReport) -> Option<String>| {
        let values: Vec<_> = evaluations.iter().map(|one| value(one.report)).collect();
        if values.iter().any(Option::is_some) {
            lines.push(header(&format!("  {name}"), values.into_iter().map(|v| v.unwrap_or("-".to_owned()))));
        }
    };
    let Some(first) = evaluations.first() else { return String::new() };
    for name in first.report.metrics.keys() {
        line(name, &|report| report.metrics.get(name).map(|value| fixed(*value)));
    }
    for name in first.report.losses.keys() {
        line(&format!("loss {name}"), &|report| report.losses.get(name).map(|value| fixed(*value)));
    }
    line("halting condition held", &|report| {
        (report.halting_accuracy.is_some() || report.halted > 0.0).then(|| fixed(report.halted))
    });
    line("halting accuracy", &|report| report.halting_accuracy.map(fixed));
    line("steps used", &|report| Some(format!("{:.2}", report.steps)));
    line("steps computed", &|report| Some(format!("{:.2}", report.steps_computed())));
    line("time", &|report| Some(duration(report.seconds)));
    table(&lines)
}

/// How an evaluation compares with the first one.
fn gained(first: &EvaluationReport, other: &Named) -> String {
    let ratio = |one: f64, other: f64| if other > 0.0 { one / other } else { 1.0 };
    let changes: Vec<String> = first
        .metrics
        .iter()
        .filter(|(name, _)| ["accuracy", EXACT].contains(&name.as_str()))
        .filter_map(|(name, value)| {
            Some(format!("{name} {}", fixed_signed(other.report.metrics.get(name)? - value)))
        })
        .collect();
    format!(
        "{}: {:.2} times fewer steps, {:.2} times as fast, {}\n",
        other.name,
        ratio(first.steps_computed(), other.report.steps_computed()),
        ratio(first.seconds, other.report.seconds),
        changes.join(", ")
    )
}

fn histogram(one: &Named) -> String {
    let most = one.report.steps_histogram.iter().copied().max().unwrap_or(0).max(1);
    let mut lines =
        vec![header(&format!("steps used, {}", one.name), ["examples".to_owned(), String::new()])];
    for (at, count) in one.report.steps_histogram.iter().enumerate() {
        let bar = "#".repeat((count * 40).div_ceil(most));
        lines.push(vec![format!("  {}", at + 1), count.to_string(), format!("{bar:<40}")]);
    }
    table(&lines)
}

fn by_step(one: &Named) -> String {
    let report = one.report;
    if report.by_step.len() < 2 {
        return String::new();
    }
    let mut lines = vec![header(&format!("after step, {}", one.name), report.metrics.keys().cloned())];
    for (at, metrics) in report.by_step.iter().enumerate() {
        let values = report.metrics.keys().map(|name| shown(metrics.get(name)));
        lines.push(header(&format!("  {}", at + 1), values));
    }
    format!("\n{}", table(&lines))
}

fn ratings(one: &Named, rating: &str) -> String {
    let spans = by_rating(one.report);
    if spans.len() < 2 {
        return String::new();
    }
    let names = one.report.metrics.keys().cloned();
    // A model that never halts on its own is never right or wrong about it.
    let halts = spans.iter().any(|span| span.halting_accuracy.is_some());
    let rest = halts.then(|| "halting accuracy".to_owned()).into_iter().chain(["steps used".to_owned()]);
    let first = ["examples".to_owned()].into_iter();
    let mut lines = vec![header(&format!("{rating}, {}", one.name), first.chain(names).chain(rest))];
    for span in spans {
        let values = one.report.metrics.keys().map(|name| shown(span.metrics.get(name)));
        let halting = halts.then(|| shown(span.halting_accuracy.as_ref()));
        let rest = halting.into_iter().chain([format!("{:.2}", span.steps)]);
        let label = match span.from == span.to {
            true => format!("  {}", span.from),
            false => format!("  {} to {}", span.from, span.to),
        };
        lines.push(header(&label, [span.examples.to_string()].into_iter().chain(values).chain(rest)));
    }
    format!("\n{}", table(&lines))
}

fn thinking_text(name: &str, thinking: &ScalingReport) -> String {
    let choose = thinking.choose.name();
    let mut text = format!(
        "{name}: {} rollouts of {} views, chosen by {choose}; {:.2} steps per example, {:.0} % of the answers agree \
         with the chosen one\n",
        thinking.rollouts,
        thinking.views,
        thinking.steps,
        100.0 * thinking.agreement
    );
    let Some(metric) = thinking.by_count.first().and_then(|gain| {
        gain.oracle.get_key_value(EXACT).or_else(|| gain.oracle.first()).map(|(name, _)| name.clone())
    }) else {
        return text;
    };
    let ways = ["confidence", "residual", "vote", "random one", "best possible"].map(str::to_owned);
    let mut lines = vec![header(&format!("answers, {metric} by"), ways)];
    for gain in &thinking.by_count {
        let all = [&gain.confidence, &gain.residual, &gain.vote, &gain.random, &gain.oracle];
        lines.push(header(&format!("  {}", gain.candidates), all.map(|means| shown(means.get(&metric)))));
    }
    text.push_str(&table(&lines));
    text
}

fn shown(value: Option<&f64>) -> String {
    value.map_or("-".to_owned(), |value| fixed(*value))
}

fn header(first: &str, rest: impl IntoIterator<Item = String>) -> Vec<String> {
    std::iter::once(first.to_owned()).chain(rest).collect()
}

/// pass@K of each way of stopping.
fn arc_text(tests: &[(&str, &ArcTest)]) -> String {
    let Some((_, first)) = tests.first() else { return String::new() };
    let found = &first.score.predictions;
    let mut text = format!(
        "\nARC: {} tasks, {} test inputs, {} of {} predictions voted\n",
        first.score.tasks,
        first.score.inputs.len(),
        found.counted,
        found.expected
    );
    if first.score.pass.is_empty() {
        text += "no answer is known, so there is no score; the submission has two attempts per test input\n";
    } else {
        let named = tests.iter().map(|(name, _)| (*name).to_owned());
        let mut lines: Vec<Vec<String>> = vec![std::iter::once(String::new()).chain(named).collect()];
        for attempts in first.score.pass.keys() {
            let shares = tests
                .iter()
                .map(|(_, test)| test.score.pass.get(attempts).map_or("-".to_owned(), |share| fixed(*share)));
            lines.push(std::iter::once(format!("  pass@{attempts}")).chain(shares).collect());
        }
        text += &table(&lines);
    }
    for warning in &first.warnings {
        text += &format!("warning: {warning}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::PuzzleResult;

    fn report(steps: [usize; 4], exact: [f64; 4], seconds: f64) -> EvaluationReport {
        let puzzle = |index: usize| PuzzleResult {
            index,
            rating: Some(if index < 2 { 0.0 } else { 7.0 }),
            steps: steps[index],
            halted: exact[index] == 1.0,
            metrics: vec![0.5, exact[index]],
            losses: vec![1.25],
        };
        let names = ["accuracy".to_owned(), EXACT.to_owned()];
        let row_steps = steps.iter().sum::<usize>() as u64;
        let puzzles = (0..4).map(puzzle).collect();
        let report = EvaluationReport::over(puzzles, &names, &["answering".to_owned()], true);
        EvaluationReport { row_steps, seconds, ..report }
    }

    #[test]
    fn both_protocols_stand_side_by_side() {
        let all = report([4; 4], [1.0, 1.0, 1.0, 0.0], 2.0);
        let sure = report([1, 1, 2, 4], [1.0, 1.0, 0.0, 0.0], 1.0);
        let named =
            [Named { name: "all steps", report: &all }, Named { name: "stop when sure", report: &sure }];
        let text = evaluation_text(&named, "guesses");
        let line = |start: &str| {
            let line = text.lines().find(|line| line.trim_start().starts_with(start)).unwrap_or_default();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(line("exact"), "exact 0.7500 0.5000");
        assert_eq!(line("steps used"), "steps used 4.00 2.00");
        assert_eq!(
            line("stop when sure:"),
            "stop when sure: 2.00 times fewer steps, 2.00 times as fast, accuracy +0.0000, exact -0.2500"
        );
        // Two ratings, of two puzzles each: examples, accuracy, exact, halting accuracy, steps.
        assert_eq!(line("0 "), "0 2 0.5000 1.0000 1.0000 4.00");
        assert_eq!(line("7 "), "7 2 0.5000 0.5000 1.0000 4.00");
    }
}
