//! The table of a sweep: takes its lines, gives text, CSV, Markdown and JSON; means over seeds, with the sample standard
//! deviation where there are several.

use serde_json::{Value, json};

use super::results::{Line, RunResult, Spread};
use crate::compare::markdown;
use crate::report::{count, duration, number, table};

/// A column of numbers: what it is called, how its numbers are shown, where they come from.
pub struct Column {
    /// Its heading.
    pub name: String,
    /// The column's name in CSV.
    pub key: String,
    /// How a number of it is written.
    pub show: fn(f64) -> String,
    of: Source,
}

/// The number of a finished run, if it has one.
type Source = Box<dyn Fn(&RunResult) -> Option<f64>>;

impl Column {
    fn new(
        name: &str,
        key: &str,
        show: fn(f64) -> String,
        of: impl Fn(&RunResult) -> Option<f64> + 'static,
    ) -> Column {
        Column { name: name.to_owned(), key: key.to_owned(), show, of: Box::new(of) }
    }

    /// Mean and deviation over the seeds of a variant; none without a number.
    pub fn spread(&self, line: &Line) -> Option<Spread> {
        line.spread(&self.of)
    }

    /// One number per finished run that has one.
    pub fn values(&self, line: &Line) -> Vec<f64> {
        line.finished().filter_map(&self.of).collect()
    }

    /// `0.8120 ± 0.0130`.
    pub fn cell(&self, line: &Line) -> String {
        match self.spread(line) {
            Some(Spread { mean, deviation: Some(deviation) }) if deviation > 0.0 => {
                format!("{} ± {}", (self.show)(mean), number(deviation))
            }
            Some(Spread { mean, .. }) => (self.show)(mean),
            None => "-".to_owned(),
        }
    }
}

fn whole(value: f64) -> String {
    count(value.max(0.0).round() as u64)
}

fn rounded(value: f64) -> String {
    format!("{value:.2}")
}

/// Metrics that come first, in this order.
const FIRST: &[&str] = &["exact", "accuracy", "similarity"];

/// The columns that any finished run can fill, results first.
pub fn columns(lines: &[Line]) -> Vec<Column> {
    let mut names: Vec<String> = FIRST.iter().map(|name| (*name).to_owned()).collect();
    for name in lines.iter().flat_map(|line| &line.runs).flat_map(|run| run.metrics.keys()) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let mut columns: Vec<Column> = names
        .into_iter()
        .map(|name| {
            Column::new(&name, &name, number, {
                let name = name.clone();
                move |run| run.metrics.get(&name).copied()
            })
        })
        .collect();
    columns.extend([
        Column::new("steps used", "steps_used", rounded, |run| run.steps_used),
        Column::new("parameters", "parameters", whole, |run| run.parameters.map(|count| count as f64)),
        Column::new("ms/sample", "latency_mean_ms", number, |run| run.measured("all_steps", "mean_ms")),
        Column::new("p50", "latency_p50_ms", number, |run| run.measured("all_steps", "p50_ms")),
        Column::new("p95", "latency_p95_ms", number, |run| run.measured("all_steps", "p95_ms")),
        Column::new("ms when sure", "latency_when_sure_mean_ms", number, |run| {
            run.measured("when_sure", "mean_ms")
        }),
        Column::new("MiB", "peak_memory_mib", whole, RunResult::memory),
        Column::new("training", "training_seconds", duration, |run| Some(run.seconds)),
    ]);
    columns.retain(|column| lines.iter().any(|line| column.spread(line).is_some()));
    columns
}

/// The table as cells, its head first.
pub fn as_lines(lines: &[Line]) -> Vec<Vec<String>> {
    let columns = columns(lines);
    let remarks = lines.iter().any(|line| !line.remark().is_empty());
    let mut head = vec!["variant".to_owned()];
    head.extend(columns.iter().map(|column| column.name.clone()));
    head.push("runs".to_owned());
    let mut all = vec![head];
    for line in lines {
        let mut cells = vec![line.label.clone()];
        cells.extend(columns.iter().map(|column| column.cell(line)));
        cells.push(format!("{} of {}", line.finished().count(), line.runs.len()));
        all.push(cells);
    }
    if remarks {
        all[0].push(String::new());
        for (cells, line) in all.iter_mut().skip(1).zip(lines) {
            cells.push(line.remark());
        }
    }
    all
}

/// The table and what its numbers are.
pub fn as_text(title: &str, lines: &[Line]) -> String {
    // Remarks are long: below the table, by variant.
    let mut cells = as_lines(lines);
    let width = columns(lines).len() + 2;
    cells.iter_mut().for_each(|line| line.truncate(width));
    let mut out = format!("{title}\n\n{}", table(&cells));
    let remarks: Vec<String> = lines
        .iter()
        .filter(|line| !line.remark().is_empty())
        .map(|line| format!("  {}: {}\n", line.label, line.remark()))
        .collect();
    if !remarks.is_empty() {
        out += &format!("\n{}", remarks.concat());
    }
    out + &format!("\n{}\n", legend(lines))
}

/// What a reader has to know.
fn legend(lines: &[Line]) -> String {
    let seeds = lines.iter().map(|line| line.finished().count()).max().unwrap_or(0);
    let spread = match seeds {
        0 | 1 => "One seed each: how far another seed would move these numbers is not known.",
        _ => "Mean ± sample standard deviation over seeds.",
    };
    format!("{spread} Results of the last test of finished runs; latency at batch 1.")
}

/// The table for a paper or an issue.
pub fn as_markdown(title: &str, lines: &[Line]) -> String {
    format!("**{title}**\n\n{}\n{}\n", markdown(&as_lines(lines)), legend(lines))
}

/// One line per variant, numbers in full.
pub fn as_csv(lines: &[Line]) -> String {
    let columns = columns(lines);
    let mut head = vec!["variant".to_owned(), "finished".to_owned(), "runs".to_owned()];
    head.extend(columns.iter().flat_map(|column| [column.key.clone(), format!("{}_deviation", column.key)]));
    head.push("remark".to_owned());
    let rows = lines.iter().map(|line| {
        let mut row =
            vec![line.label.clone(), line.finished().count().to_string(), line.runs.len().to_string()];
        for column in &columns {
            let spread = column.spread(line);
            row.push(spread.map_or_else(String::new, |spread| spread.mean.to_string()));
            row.push(spread.and_then(|spread| spread.deviation).map_or_else(String::new, |d| d.to_string()));
        }
        row.push(line.remark());
        row
    });
    csv_text(std::iter::once(head).chain(rows))
}

/// One line per run, numbers in full.
pub fn runs_as_csv(lines: &[Line]) -> String {
    let columns = columns(lines);
    let mut head = vec!["variant".to_owned(), "seed".to_owned(), "folder".to_owned()];
    head.extend(columns.iter().map(|column| column.key.clone()));
    head.push("remark".to_owned());
    let rows =
        lines.iter().flat_map(|line| line.runs.iter().map(move |run| (line, run))).map(|(line, run)| {
            let alone =
                Line { label: line.label.clone(), runs: vec![run.clone()], problem: line.problem.clone() };
            let mut row = vec![line.label.clone(), run.seed.to_string(), run.folder.display().to_string()];
            for column in &columns {
                row.push(column.spread(&alone).map_or_else(String::new, |spread| spread.mean.to_string()));
            }
            row.push(alone.remark());
            row
        });
    csv_text(std::iter::once(head).chain(rows))
}

fn csv_text(rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        // Writing to memory cannot fail, and all rows have as many cells.
        let _ = writer.write_record(&row);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// Everything.
pub fn as_json(title: &str, lines: &[Line]) -> Value {
    let columns = columns(lines);
    let variants: Vec<Value> = lines
        .iter()
        .map(|line| {
            let numbers: serde_json::Map<String, Value> = columns
                .iter()
                .filter_map(|column| {
                    let spread = column.spread(line)?;
                    Some((column.key.clone(), json!({ "mean": spread.mean, "deviation": spread.deviation })))
                })
                .collect();
            json!({ "label": line.label, "problem": line.problem, "numbers": numbers, "runs": line.runs })
        })
        .collect();
    json!({ "title": title, "variants": variants })
}
