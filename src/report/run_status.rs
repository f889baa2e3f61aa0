//! A run seen from outside: takes its log and what its folder says, gives lines for a terminal of any width; reads no file
//! and no clock.

use crate::numbers::{count, duration, number};
use crate::train::best::RankedTest;
use crate::train::{MetricsKind, MetricsRecord};

/// What is known of a run that somebody else trains.
#[derive(Clone, Debug, Default)]
pub struct RunStatus {
    /// Its folder, as the user has called it.
    pub folder: String,
    /// The model's name.
    pub model: Option<String>,
    /// Steps of the whole run, where that is known.
    pub total: Option<u64>,
    /// Who trains it now, in words.
    pub holder: Option<String>,
    /// Whether its final test is there.
    pub complete: bool,
    /// The best test so far, where there are several.
    pub best: Option<RankedTest>,
}

/// Training records that the pace is taken from.
const RECENT: usize = 20;
/// Cells of the bar at most, and the terminal's width below which there is none.
const BAR: usize = 40;
const ROOM_FOR_BAR: usize = 30;

/// The state of a run in a few lines of at most `width` columns.
pub fn status_lines(status: &RunStatus, log: &[MetricsRecord], width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut head = vec![status.folder.clone()];
    head.extend(status.model.clone());
    head.push(standing(status, log));
    lines.extend(wrapped(&head, width));
    lines.extend(bar(status, log, width));
    let last = |kind| log.iter().rev().find(|record| record.kind == kind);
    for record in [last(MetricsKind::Train), last(MetricsKind::Test)].into_iter().flatten() {
        lines.extend(wrapped(&record_parts(record), width));
    }
    if let Some(best) = &status.best {
        let parts =
            [format!("best {} {}", best.by, number(best.value)), format!("at step {}", count(best.step))];
        lines.extend(wrapped(&parts, width));
    }
    lines
}

/// One record on a line of its own, however long.
pub fn record_line(record: &MetricsRecord) -> String {
    record_parts(record).join("  ")
}

/// How the run stands, in words.
pub fn standing(status: &RunStatus, log: &[MetricsRecord]) -> String {
    let step = log.last().map_or(0, |record| record.step);
    match &status.holder {
        Some(holder) => format!("trained by {holder}"),
        None if status.complete => format!("complete at step {}", count(step)),
        None => format!("nobody trains it; its log ends at step {}", count(step)),
    }
}

/// Seconds until the last step, tests between included; `None` where the log is too short to tell.
pub fn seconds_left(status: &RunStatus, log: &[MetricsRecord]) -> Option<f64> {
    let recent: Vec<_> = log.iter().filter(|record| record.kind == MetricsKind::Train).collect();
    let recent = &recent[recent.len().saturating_sub(RECENT)..];
    let (first, last) = (recent.first()?, recent.last()?);
    let steps = last.step.checked_sub(first.step).filter(|steps| *steps > 0)?;
    // A log of an earlier totc counts each call from 0.
    let seconds = Some(last.seconds - first.seconds).filter(|seconds| *seconds > 0.0)?;
    Some(seconds / steps as f64 * status.total?.saturating_sub(last.step) as f64)
}

fn bar(status: &RunStatus, log: &[MetricsRecord], width: usize) -> Vec<String> {
    let Some(total) = status.total.filter(|total| *total > 0) else { return Vec::new() };
    let step = log.last().map_or(0, |record| record.step).min(total);
    let mut parts = Vec::new();
    if width >= ROOM_FOR_BAR {
        let cells = BAR.min(width - 2);
        let done = (u128::from(step) * cells as u128 / u128::from(total)) as usize;
        let head = if done < cells { ">" } else { "" };
        parts.push(format!("[{}{head}{}]", "=".repeat(done), " ".repeat(cells - done - head.len())));
    }
    parts.push(format!("step {} of {}", count(step), count(total)));
    parts.push(format!("{} %", 100 * u128::from(step) / u128::from(total)));
    let left = seconds_left(status, log).filter(|_| step < total && status.holder.is_some());
    parts.extend(left.map(|seconds| format!("{} left", duration(seconds))));
    wrapped(&parts, width)
}

fn record_parts(record: &MetricsRecord) -> Vec<String> {
    let step = count(record.step);
    let mut parts = match record.kind {
        MetricsKind::Train => vec![format!("step {step}")],
        MetricsKind::Test => vec![format!("test at step {step}")],
    };
    let loss = record.losses.get("total").filter(|_| record.kind == MetricsKind::Train);
    parts.extend(loss.map(|loss| format!("loss {}", number(*loss))));
    parts.extend(record.metrics.iter().map(|(name, value)| format!("{name} {}", number(*value))));
    parts.extend(record.steps_used.map(|steps| format!("steps {steps:.1}")));
    let rate = record.samples_per_second;
    parts.extend(
        rate.map(|rate| format!("{} samples/s", if rate < 10.0 { number(rate) } else { count(rate as u64) })),
    );
    parts.extend(record.memory_bytes.map(|bytes| format!("{} GB", number(bytes as f64 / 1e9))));
    parts
}

/// Parts side by side, on as many lines as they need; what alone is wider than the terminal is cut into pieces.
fn wrapped(parts: &[String], width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        let long = part.chars().count();
        match lines.last_mut() {
            Some(line) if line.chars().count() + 2 + long <= width => {
                line.push_str("  ");
                line.push_str(part);
            }
            _ => {
                let letters: Vec<char> = part.chars().collect();
                lines.extend(letters.chunks(width).map(|piece| piece.iter().collect::<String>()));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use indexmap::IndexMap;

    fn record(kind: MetricsKind, step: u64) -> MetricsRecord {
        MetricsRecord {
            kind,
            step,
            seconds: step as f64 / 10.0,
            losses: IndexMap::from([("total".to_owned(), 1.5)]),
            metrics: IndexMap::from([("accuracy".to_owned(), 0.5), ("exact".to_owned(), 0.25)]),
            samples_per_second: Some(640.0),
            memory_bytes: (kind == MetricsKind::Train).then_some(1_250_000_000),
            ..MetricsRecord::default()
        }
    }

    fn run() -> (RunStatus, Vec<MetricsRecord>) {
        let status = RunStatus {
            folder: "runs/r".to_owned(),
            model: Some("Trm".to_owned()),
            total: Some(2000),
            holder: Some("process 7 on host".to_owned()),
            best: Some(RankedTest { step: 400, by: "exact".to_owned(), value: 0.5 }),
            ..RunStatus::default()
        };
        let test = record(MetricsKind::Test, 500);
        (status, vec![record(MetricsKind::Train, 450), record(MetricsKind::Train, 500), test])
    }

    #[test]
    fn a_run_on_a_wide_terminal() {
        let (status, log) = run();
        insta::assert_snapshot!(status_lines(&status, &log, 80).join("\n"), @r"
        runs/r  Trm  trained by process 7 on host
        [==========>                             ]  step 500 of 2,000  25 %
        2 min 30 s left
        step 500  loss 1.500  accuracy 0.5000  exact 0.2500  640 samples/s  1.250 GB
        test at step 500  accuracy 0.5000  exact 0.2500  640 samples/s
        best exact 0.5000  at step 400
        ");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let (status, log) = run();
        for width in 1..120 {
            let lines = status_lines(&status, &log, width);
            assert!(lines.iter().all(|line| line.chars().count() <= width), "{width}: {lines:?}");
            let all: String = lines.concat().split_whitespace().collect();
            assert!(all.contains("exact0.2500") && all.contains("2min30sleft"), "{width}: {all}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        let (status, log) = run();
        let ended = RunStatus { holder: None, total: None, ..status.clone() };
        let told = status_lines(&ended, &log, 80).join("\n");
        assert!(
            told.contains("nobody trains it; its log ends at step 500") && !told.contains("left"),
            "{told}"
        );
        let none = status_lines(&RunStatus::default(), &[], 80);
        assert_eq!(none, ["nobody trains it; its log ends at step 0"]);
        // 1500 steps at a tenth of a second.
        assert_eq!(seconds_left(&status, &log), Some(150.0));
        assert_eq!(seconds_left(&status, &log[1..]), None);
    }
}
