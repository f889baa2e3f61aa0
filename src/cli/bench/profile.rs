//! `totc bench --profile`: where the time of a step goes, by operation and by the author's names, as text and as a trace
//! that Chrome and Perfetto open.

use super::super::Outcome;
use super::super::output::{self, Output};
use crate::exec::{Event, Profile};
use crate::report::table;
use crate::source::Sources;
use std::path::Path;
use std::time::Duration;

/// Rows of the table of names.
const MOST: usize = 25;

/// Prints the median step of several: operations, then names with their lines.
pub fn show(profiles: &[Profile], sources: &Sources) -> String {
    let Some(profile) = median(profiles) else { return String::new() };
    let all: Duration = profile.events.iter().map(|event| event.took).sum();
    let mut text = format!("\n{} instructions in {:.2} ms\n", profile.events.len(), milliseconds(all));
    let by_operation = grouped(&profile.events, |event| event.operation.clone());
    let mut lines = vec![["", "ms", "share", "times"].map(str::to_owned).to_vec()];
    for (operation, (took, times)) in by_operation {
        lines.push(vec![
            format!("  {operation}"),
            format!("{:.3}", milliseconds(took)),
            percent(took, all),
            times.to_string(),
        ]);
    }
    text.push_str(&table(&lines));
    let by_name = grouped(&profile.events, |event| {
        let line = sources.place(event.span);
        (event.operation.clone(), told(&event.name), line)
    });
    let count = by_name.len();
    let mut lines = vec![["", "ms", "share", "times", "value", "line"].map(str::to_owned).to_vec()];
    for ((operation, name, line), (took, times)) in by_name.into_iter().take(MOST) {
        lines.push(vec![
            format!("  {operation}"),
            format!("{:.3}", milliseconds(took)),
            percent(took, all),
            times.to_string(),
            name,
            line,
        ]);
    }
    text.push('\n');
    text.push_str(&table(&lines));
    if count > MOST {
        text.push_str(&format!("  and {} more\n", count - MOST));
    }
    text
}

/// Writes the median step in the Chrome trace format.
///
/// # Errors
/// A file that cannot be written.
pub fn trace(profiles: &[Profile], sources: &Sources, path: &Path) -> Outcome {
    let events = median(profiles).map(|profile| &profile.events[..]).unwrap_or_default();
    let microseconds = |time: Duration| time.as_secs_f64() * 1e6;
    let events: Vec<serde_json::Value> = events
        .iter()
        .map(|event| {
            serde_json::json!({
                "name": event.operation, "ph": "X", "pid": 1, "tid": 1,
                "ts": microseconds(event.start), "dur": microseconds(event.took),
                "args": { "value": event.name, "line": sources.place(event.span) },
            })
        })
        .collect();
    let text = serde_json::json!({ "traceEvents": events, "displayTimeUnit": "ms" }).to_string();
    output::write(path, Output::Text("{"), &[], text.as_bytes())
}

fn median(profiles: &[Profile]) -> Option<&Profile> {
    let took = |profile: &Profile| -> Duration { profile.events.iter().map(|event| event.took).sum() };
    let mut sorted: Vec<&Profile> = profiles.iter().collect();
    sorted.sort_by_key(|profile| took(profile));
    sorted.get(sorted.len() / 2).copied()
}

/// Time and executions by key, the longest first.
fn grouped<K: Eq + std::hash::Hash + Ord>(
    events: &[Event],
    key: impl Fn(&Event) -> K,
) -> Vec<(K, (Duration, usize))> {
    let mut sums: std::collections::HashMap<K, (Duration, usize)> = std::collections::HashMap::new();
    for event in events {
        let sum = sums.entry(key(event)).or_default();
        *sum = (sum.0 + event.took, sum.1 + 1);
    }
    let mut sorted: Vec<(K, (Duration, usize))> = sums.into_iter().collect();
    sorted.sort_by(|one, other| other.1.0.cmp(&one.1.0).then_with(|| one.0.cmp(&other.0)));
    sorted
}

/// The net and value that a name ends with, not all that stands around them.
fn told(name: &str) -> String {
    let backward = if name.starts_with('∂') { "∂ " } else { "" };
    let parts: Vec<&str> = name.trim_start_matches("∂ ").split('/').collect();
    let last = parts.iter().rposition(|part| part.contains('.')).unwrap_or(parts.len().saturating_sub(2));
    format!("{backward}{}", parts[last..].join("/"))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn percent(part: Duration, all: Duration) -> String {
    format!("{:.1} %", 100.0 * part.as_secs_f64() / all.as_secs_f64().max(1e-12))
}
