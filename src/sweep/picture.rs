//! The table of a sweep as a picture: takes its lines, gives one self-contained SVG: a row per variant, a panel per
//! column, a dot for the mean, a bar for the standard deviation, a pale dot per seed.

use super::results::Line;
use super::table::{Column, columns};
use crate::chart::{Align, Canvas, Letters, axis_number};

/// Height of a row, width of a panel, heights above and below the rows, in pixels.
const ROW: f64 = 26.0;
const PANEL: f64 = 176.0;
const HEAD: f64 = 72.0;
const FOOT: f64 = 46.0;
/// Columns that a picture can show; the others are in the table.
const SHOWN: &[&str] =
    &["exact", "accuracy", "similarity", "steps_used", "parameters", "latency_mean_ms", "training_seconds"];

/// The picture as SVG.
///
/// # Errors
/// A sentence where there is nothing to draw.
pub fn picture(title: &str, lines: &[Line]) -> Result<String, String> {
    let mut columns = columns(lines);
    columns
        .retain(|column| SHOWN.contains(&column.key.as_str()) || column.key.len() < 12 && is_metric(column));
    if columns.is_empty() {
        return Err("there is no finished run to draw".to_owned());
    }
    let longest = lines.iter().map(|line| line.label.chars().count()).max().unwrap_or(0) as f64;
    // Letters of 13 pixels are about half as wide.
    let labels = (longest * 7.5 + 28.0).clamp(120.0, 460.0);
    Ok(draw(title, lines, &columns, labels))
}

/// Not a part of `latency.json` or of the run's counts.
fn is_metric(column: &Column) -> bool {
    !["steps_used", "parameters", "training_seconds", "peak_memory_mib"].contains(&column.key.as_str())
        && !column.key.starts_with("latency")
}

fn draw(title: &str, lines: &[Line], columns: &[Column], labels: f64) -> String {
    let (width, height) =
        (labels + PANEL * columns.len() as f64 + 16.0, HEAD + ROW * lines.len() as f64 + FOOT);
    let mut canvas = Canvas::new(width, height);
    canvas.text((16.0, 22.0), Letters::Large, Align::Start, title);
    for (number, line) in lines.iter().enumerate() {
        let top = HEAD + ROW * number as f64;
        let middle = top + ROW / 2.0;
        if number % 2 == 0 {
            canvas.band((8.0, top), (width - 16.0, ROW));
        }
        let label: String = if line.label.chars().count() > 60 {
            line.label.chars().take(59).chain(['…']).collect()
        } else {
            line.label.clone()
        };
        canvas.text((16.0, middle), Letters::Ink, Align::Start, &label);
        if line.finished().next().is_none() {
            let cause: String = line.remark().chars().take(90).collect();
            canvas.text((labels + 12.0, middle), Letters::Pale, Align::Start, &cause);
        }
    }
    for (number, column) in columns.iter().enumerate() {
        panel(&mut canvas, lines, column, labels + PANEL * number as f64);
    }
    let seeds = lines.iter().map(|line| line.finished().count()).max().unwrap_or(0);
    let legend = match seeds {
        0 | 1 => "one seed each",
        _ => "full: mean over seeds, bar: sample standard deviation, faint: each seed",
    };
    canvas.text((16.0, height - 14.0), Letters::Pale, Align::Start, legend);
    canvas.finish()
}

/// One column: its axis and a mark for each variant.
fn panel(canvas: &mut Canvas, lines: &[Line], column: &Column, left: f64) {
    let (from, to) = (left + 14.0, left + PANEL - 70.0);
    let bottom = HEAD + ROW * lines.len() as f64;
    let name = if column.key == "latency_mean_ms" { "ms per sample" } else { &column.name };
    canvas.text((from, HEAD - 24.0), Letters::Ink, Align::Start, name);
    let scale = Scale::of(lines, column);
    let x = |value: f64| (from + scale.share(value) * (to - from)).round();
    for tick in [scale.low, scale.high] {
        canvas.rule((x(tick), HEAD - 4.0), (x(tick), bottom));
        canvas.text((x(tick), bottom + 12.0), Letters::Pale, Align::Middle, &axis_number(tick));
    }
    for (number, line) in lines.iter().enumerate() {
        let Some(spread) = column.spread(line) else { continue };
        let y = HEAD + ROW * number as f64 + ROW / 2.0;
        for value in column.values(line) {
            canvas.dot(0, (x(value), y), 3.0, true);
        }
        if let Some(deviation) = spread.deviation {
            let (low, high) = (x(spread.mean - deviation), x(spread.mean + deviation));
            canvas.line(0, (low, y), (high, y));
        }
        canvas.dot(0, (x(spread.mean), y), 4.0, false);
        let shown = (column.show)(spread.mean);
        canvas.text((left + PANEL - 6.0, y), Letters::Ink, Align::End, &shown);
    }
}

/// From the lowest to the highest number of a column, ends of error bars included, rounded outwards to what an axis can
/// show.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(lines: &[Line], column: &Column) -> Scale {
        let bars = lines.iter().filter_map(|line| column.spread(line)).flat_map(|spread| {
            let half = spread.deviation.unwrap_or(0.0);
            [spread.mean - half, spread.mean + half]
        });
        let values: Vec<f64> = lines
            .iter()
            .flat_map(|line| column.values(line))
            .chain(bars)
            .filter(|value| value.is_finite())
            .collect();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if values.is_empty() {
            return Scale { low: 0.0, high: 1.0 };
        }
        if high <= low {
            return Scale { low: low.min(0.0), high: if high > 0.0 { high } else { low.min(0.0) + 1.0 } };
        }
        // A twentieth of the range, as 1, 2 or 5 times a power of ten.
        let range = high - low;
        let power = 10.0_f64.powf((range / 20.0).log10().floor());
        let unit = [1.0, 2.0, 5.0, 10.0].map(|f| f * power).into_iter().find(|u| *u >= range / 20.0);
        let unit = unit.unwrap_or(power);
        let (low, high) = ((low / unit).floor() * unit, (high / unit).ceil() * unit);
        Scale { low, high: if high > low { high } else { low + range } }
    }

    /// From 0 at the left to 1 at the right.
    fn share(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::{RunResult, State};
    use indexmap::IndexMap;

    #[test]
    fn no_error_bar_is_cut() -> Result<(), String> {
        let run = |exact: f64| RunResult {
            seed: 0,
            folder: std::path::PathBuf::new(),
            state: State::Finished,
            metrics: IndexMap::from([("exact".to_owned(), exact)]),
            steps_used: None,
            steps: 1,
            seconds: 1.0,
            parameters: None,
            latency: None,
        };
        let line = Line { label: "a".to_owned(), runs: vec![run(0.2), run(0.4)], problem: None };
        let lines = [line];
        let columns = columns(&lines);
        let column = columns.iter().find(|column| column.key == "exact").ok_or("no column")?;
        let scale = Scale::of(&lines, column);
        // The mean is 0.3, the sample deviation 0.1·√2.
        assert!(scale.low <= 0.3 - 0.1414 && scale.high >= 0.3 + 0.1414, "{} {}", scale.low, scale.high);
        Ok(())
    }
}
