//! Tables of results: takes the log and `puzzles.csv`, gives rows of text; computes means, never a metric.

use std::path::Path;

use indexmap::{IndexMap, IndexSet};
use serde::Serialize;
use serde_json::Value as Json;

use crate::chart::{Chart, Curve, Plot};
use crate::report::{count, duration, number};
use crate::train::{MetricsKind, MetricsRecord, best, total_seconds};

/// Groups of a table by rating, at most.
const MOST_GROUPS: usize = 6;

/// One line of `puzzles.csv`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PuzzleRow {
    /// How hard it is, where that is known.
    pub rating: Option<f64>,
    /// `steps`, `halted` and each metric, by the names of the columns.
    pub values: IndexMap<String, f64>,
}

/// The file of per-puzzle results, or what is wrong with it. A missing file has no rows.
pub fn read_puzzles(path: &Path) -> Result<Vec<PuzzleRow>, String> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let wrong = |what: String| format!("{}: {what}", path.display());
    let mut reader = csv::Reader::from_path(path).map_err(|error| wrong(error.to_string()))?;
    let header = reader.headers().map_err(|error| wrong(error.to_string()))?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| wrong(error.to_string()))?;
        let mut row = PuzzleRow::default();
        for (name, text) in header.iter().zip(&record) {
            let value = match text {
                "" => continue,
                "true" => 1.0,
                "false" => 0.0,
                text => text.parse().map_err(|_| {
                    let line = record.position().map_or(0, csv::Position::line);
                    wrong(format!("line {line}: `{text}` in column `{name}` is no number"))
                })?,
            };
            match name {
                "index" => {}
                "rating" => row.rating = Some(value),
                name => _ = row.values.insert(name.to_owned(), value),
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

#[derive(Serialize)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// A number that is worth large letters.
#[derive(Serialize)]
pub struct Tile {
    name: String,
    value: String,
    note: String,
}

/// The last test in a few numbers, and the time.
pub fn headline(log: &[MetricsRecord]) -> Vec<Tile> {
    let Some(test) = log.iter().rev().find(|entry| entry.kind == MetricsKind::Test) else {
        return Vec::new();
    };
    let tile = |name: &str, value: Option<f64>| {
        value.map(|value| Tile {
            name: name.to_owned(),
            value: number(value),
            note: match &test.protocol {
                Some(protocol) => format!("{protocol}, step {}", count(test.step)),
                None => format!("test, step {}", count(test.step)),
            },
        })
    };
    let metric = |name: &str| finite(&test.metrics, name);
    let known = [("exact", "exact"), ("accuracy", "accuracy"), ("bits", "bits per character")];
    let mut tiles: Vec<Tile> = known.iter().filter_map(|(name, words)| tile(words, metric(name))).collect();
    if tiles.is_empty() {
        tiles.extend(test.metrics.keys().take(2).filter_map(|name| tile(name, metric(name))));
    }
    tiles.extend(tile("steps used", test.steps_used));
    let seconds = total_seconds(log);
    tiles.push(Tile {
        name: "time".to_owned(),
        value: duration(seconds),
        note: "training and tests".to_owned(),
    });
    tiles
}

/// The best and the last test: metrics, losses and steps.
pub fn evaluation(log: &[MetricsRecord], best_by: Option<&str>) -> Option<Table> {
    let tests: Vec<&MetricsRecord> = log.iter().filter(|entry| entry.kind == MetricsKind::Test).collect();
    let last = *tests.last()?;
    let best = best::ranked(log, best_by).into_iter().next().and_then(|best| {
        let of_step = |entry: &&MetricsRecord| entry.step == best.step;
        Some((format!("best {}", best.by), tests.iter().copied().find(of_step)?))
    });
    let mut columns = vec![("last".to_owned(), last)];
    columns.extend(best.filter(|(_, best)| best.step != last.step));
    let header = std::iter::once(String::new())
        .chain(columns.iter().map(|(name, entry)| format!("{name}, step {}", count(entry.step))));
    let metrics: IndexSet<&String> = tests.iter().flat_map(|entry| entry.metrics.keys()).collect();
    let losses: IndexSet<&String> = tests.iter().flat_map(|entry| entry.losses.keys()).collect();
    let mut rows = Vec::new();
    let mut row = |name: String, of: &dyn Fn(&MetricsRecord) -> Option<f64>| {
        let values = columns.iter().map(|(_, entry)| of(entry).map_or("–".to_owned(), number));
        rows.push(std::iter::once(name).chain(values).collect());
    };
    for name in metrics {
        row(name.clone(), &|entry| finite(&entry.metrics, name));
    }
    for name in losses {
        row(format!("loss {name}"), &|entry| finite(&entry.losses, name));
    }
    row("steps used".to_owned(), &|entry| entry.steps_used);
    if columns.iter().any(|(_, entry)| entry.protocol.is_some()) {
        let ways = columns.iter().map(|(_, entry)| tested_by(entry));
        rows.insert(0, std::iter::once("tested by".to_owned()).chain(ways).collect());
    }
    Some(Table { header: header.collect(), rows })
}

/// How a test was done, where the log says it.
fn tested_by(test: &MetricsRecord) -> String {
    match (&test.protocol, test.examples) {
        (Some(protocol), Some(examples)) => format!("{protocol}, {} examples", count(examples as u64)),
        (Some(protocol), None) => protocol.clone(),
        (None, _) => "–".to_owned(),
    }
}

/// The evaluations of a run side by side, each with what it did.
pub fn evaluations(all: &[(String, Json)]) -> Option<Table> {
    let metrics: IndexSet<&String> =
        all.iter().filter_map(|(_, report)| report["metrics"].as_object()).flat_map(|m| m.keys()).collect();
    if all.is_empty() {
        return None;
    }
    let names = metrics.iter().map(|name| (*name).clone());
    let header = ["tested by", "examples"].map(str::to_owned).into_iter().chain(names);
    let line = |(name, report): &(String, Json)| {
        let shown = |value: &Json| value.as_f64().map_or("–".to_owned(), number);
        let examples = report["examples"].as_u64().map_or("–".to_owned(), count);
        let values = metrics.iter().map(|metric| shown(&report["metrics"][metric.as_str()]));
        [name.replace(',', ", "), examples]
            .into_iter()
            .chain(values)
            .chain([shown(&report["steps_used"])])
            .collect()
    };
    let rows = all.iter().map(line).collect();
    Some(Table { header: header.chain(["steps used".to_owned()]).collect(), rows })
}

/// The protocols of the last evaluation side by side, from `evaluation.json`: all steps, and stopping when sure. None
/// where only one of them was run.
pub fn protocols(evaluation: Option<&Json>) -> Option<Table> {
    let first = evaluation?;
    let name = first["protocol"].as_str()?;
    let mut columns = vec![(name.to_owned(), first)];
    for other in ["all_steps", "stop_when_sure"] {
        columns.extend(first.get(other).map(|report| (other.replace('_', " "), report)));
    }
    if columns.len() < 2 {
        return None;
    }
    let header = std::iter::once(String::new()).chain(columns.iter().map(|(name, _)| name.clone())).collect();
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut row = |name: &str, of: &dyn Fn(&Json) -> Option<f64>| {
        let values = columns.iter().map(|(_, report)| of(report).map_or("–".to_owned(), number));
        rows.push(std::iter::once(name.to_owned()).chain(values).collect());
    };
    for metric in first["metrics"].as_object().into_iter().flat_map(|metrics| metrics.keys()) {
        row(metric, &|report| report["metrics"][metric.as_str()].as_f64());
    }
    for (name, key) in [
        ("steps used", "steps_used"),
        ("steps computed", "steps_computed"),
        ("halting accuracy", "halting_accuracy"),
        ("seconds", "seconds"),
    ] {
        row(name, &|report| report[key].as_f64());
    }
    Some(Table { header, rows })
}

/// The metrics of the test set after each supervision step, from `evaluation.json`; those that are shares.
pub fn by_step(evaluation: Option<&Json>) -> Option<Chart> {
    let steps = evaluation?["by_step"].as_array().filter(|steps| steps.len() > 1)?;
    let names = steps.first()?.as_object()?.keys();
    let curve = |(name, class): (&String, &str)| Curve {
        name: name.clone(),
        class: class.to_owned(),
        dots: true,
        points: (1..)
            .zip(steps)
            .map(|(at, step)| (f64::from(at), step[name.as_str()].as_f64().unwrap_or(f64::NAN)))
            .collect(),
        ..Curve::default()
    };
    let shares = names.zip(["c0", "c1", "c2"]).map(curve);
    let shares = shares.filter(|curve: &Curve| curve.points.iter().all(|(_, y)| (0.0..=1.0).contains(y)));
    let plot = Plot {
        title: "test set after each step".to_owned(),
        across: "supervision step".to_owned(),
        curves: shares.collect(),
        range: Some((0.0, 1.0)),
        may_be_log: false,
    };
    plot.lay_out()
}

/// Means of every column of `puzzles.csv`: over all, and over examples of like rating.
pub fn by_rating(puzzles: &[PuzzleRow], rating_name: &str) -> Option<Table> {
    let names: IndexSet<&String> = puzzles.iter().flat_map(|row| row.values.keys()).collect();
    if names.is_empty() {
        return None;
    }
    let header = [rating_name.to_owned(), "puzzles".to_owned()];
    let header = header.into_iter().chain(names.iter().map(|name| (*name).clone())).collect();
    let line = |name: String, rows: &[&PuzzleRow]| {
        let mean = |column: &&String| {
            let values: Vec<f64> = rows.iter().filter_map(|row| row.values.get(*column).copied()).collect();
            match values.len() {
                0 => "–".to_owned(),
                n => number(values.iter().sum::<f64>() / n as f64),
            }
        };
        [name, count(rows.len() as u64)].into_iter().chain(names.iter().map(mean)).collect::<Vec<_>>()
    };
    let mut rated: Vec<(f64, &PuzzleRow)> =
        puzzles.iter().filter_map(|row| Some((row.rating?, row))).collect();
    rated.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut rows: Vec<Vec<String>> = groups(&rated)
        .into_iter()
        .map(|group| {
            let (low, high) = (group[0].0, group[group.len() - 1].0);
            let name = if low == high { plain(low) } else { format!("{} – {}", plain(low), plain(high)) };
            line(name, &group.iter().map(|(_, row)| *row).collect::<Vec<_>>())
        })
        .collect();
    rows.push(line("all".to_owned(), &puzzles.iter().collect::<Vec<_>>()));
    Some(Table { header, rows })
}

/// `97 %`; tenths where they matter.
pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    match percent {
        p if p > 0.0 && p < 0.05 => "< 0.1 %".to_owned(),
        p if p < 1.0 || (99.0..99.95).contains(&p) => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

/// A rating: most are whole.
pub(super) fn plain(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e12 { format!("{value:.0}") } else { number(value) }
}

/// Non-empty stretches of like size, equal ratings together.
fn groups<'a, 'b>(rated: &'a [(f64, &'b PuzzleRow)]) -> Vec<&'a [(f64, &'b PuzzleRow)]> {
    let equal: Vec<_> = rated.chunk_by(|a, b| a.0 == b.0).collect();
    if equal.len() <= MOST_GROUPS {
        return equal;
    }
    let mut groups = Vec::new();
    let (mut from, mut to) = (0, 0);
    for part in equal {
        to += part.len();
        let wanted = (groups.len() + 1) * rated.len() / MOST_GROUPS;
        if to >= wanted {
            groups.push(&rated[from..to]);
            from = to;
        }
    }
    if from < to {
        groups.push(&rated[from..to]);
    }
    groups
}

/// A number by name; none where it was not finite.
fn finite(values: &IndexMap<String, f64>, name: &str) -> Option<f64> {
    values.get(name).copied().filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(rating: f64, exact: f64) -> PuzzleRow {
        PuzzleRow { rating: Some(rating), values: IndexMap::from([("exact".to_owned(), exact)]) }
    }

    #[test]
    fn puzzles_are_grouped_by_rating() {
        let few = [row(3.0, 0.0), row(1.0, 1.0), row(3.0, 1.0)];
        let table = by_rating(&few, "guesses").unwrap();
        assert_eq!(table.header, ["guesses", "puzzles", "exact"]);
        assert_eq!(table.rows, [["1", "1", "1.000"], ["3", "2", "0.5000"], ["all", "3", "0.6667"]]);
        let many: Vec<PuzzleRow> = (0..60).map(|at| row(f64::from(at / 2), 1.0)).collect();
        let table = by_rating(&many, "guesses").unwrap();
        let names: Vec<&str> = table.rows.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(names, ["0 – 4", "5 – 9", "10 – 14", "15 – 19", "20 – 24", "25 – 29", "all"]);
        assert!(by_rating(&[], "rating").is_none());
    }

    #[test]
    fn a_bad_number_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("puzzles.csv");
        assert_eq!(read_puzzles(&path), Ok(Vec::new()));
        std::fs::write(&path, "index,rating,steps,halted,exact\n0,,4,true,1\n1,2.5,4,false,0\n").unwrap();
        let rows = read_puzzles(&path).unwrap();
        assert_eq!(rows.iter().map(|row| row.rating).collect::<Vec<_>>(), [None, Some(2.5)]);
        assert_eq!(rows[0].values["halted"], 1.0);
        std::fs::write(&path, "index,exact\n0,1\n1,yes\n").unwrap();
        assert!(read_puzzles(&path).unwrap_err().contains("line 3: `yes` in column `exact`"));
    }

    #[test]
    fn protocols_stand_side_by_side() {
        let report = |exact: f64, steps: f64| serde_json::json!({ "metrics": { "exact": exact }, "steps_used": steps });
        let mut evaluation = report(0.5, 16.0);
        evaluation["protocol"] = "all steps".into();
        assert!(protocols(Some(&evaluation)).is_none() && protocols(None).is_none());
        evaluation["stop_when_sure"] = report(0.25, 4.0);
        let table = protocols(Some(&evaluation)).unwrap();
        assert_eq!(table.header, ["", "all steps", "stop when sure"]);
        assert_eq!(table.rows[..2], [["exact", "0.5000", "0.2500"], ["steps used", "16.00", "4.000"]]);
        assert_eq!(table.rows[2], ["steps computed", "–", "–"]);
    }

    #[test]
    fn time_adds_up_over_resumptions() {
        let entry = |seconds| MetricsRecord { kind: MetricsKind::Test, seconds, ..MetricsRecord::default() };
        let tiles = headline(&[entry(10.0), entry(30.0), entry(5.0), entry(25.0)]);
        assert_eq!(tiles.last().map(|tile| tile.value.as_str()), Some("55 s"));
    }
}
