//! The table of a sweep as a picture: takes its lines, gives one self-contained SVG: a row per variant, a panel per
//! column, a dot for the mean, a bar for the standard deviation, a pale dot per seed.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::results::Line;
use super::table::{Column, columns};
use crate::report::{COLOURS, axis_number, printable};

/// Height of a row, width of a panel, heights above and below the rows, in pixels.
const ROW: i32 = 26;
const PANEL: i32 = 176;
const HEAD: i32 = 72;
const FOOT: i32 = 40;
/// Columns that a picture can show; the others are in the table.
const SHOWN: &[&str] =
    &["exact", "accuracy", "similarity", "steps_used", "parameters", "latency_mean_ms", "training_seconds"];

static INK: RGBColor = RGBColor(34, 43, 58);
static PALE: RGBColor = RGBColor(107, 118, 136);
static RULE: RGBColor = RGBColor(226, 230, 237);
static BAND: RGBColor = RGBColor(246, 247, 250);

type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

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
    let longest = lines.iter().map(|line| line.label.chars().count()).max().unwrap_or(0) as i32;
    // Letters of 13 pixels are about half as wide.
    let labels = (longest * 15 / 2 + 28).clamp(120, 460);
    let size = (labels + PANEL * columns.len() as i32 + 16, HEAD + ROW * lines.len() as i32 + FOOT);
    let mut svg = String::new();
    let drawn = draw(&mut svg, title, lines, &columns, labels, size)
        .map_err(|error| format!("the picture could not be drawn: {error}"));
    drawn.map(|()| svg)
}

/// Not a part of `latency.json` or of the run's counts.
fn is_metric(column: &Column) -> bool {
    !["steps_used", "parameters", "training_seconds", "peak_memory_mib"].contains(&column.key.as_str())
        && !column.key.starts_with("latency")
}

fn style(size: u32, colour: &'static RGBColor, across: HPos) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", size).into_font()).color(colour).pos(Pos::new(across, VPos::Center))
}

fn draw<'a>(
    svg: &'a mut String,
    title: &str,
    lines: &[Line],
    columns: &[Column],
    labels: i32,
    size: (i32, i32),
) -> Drawn<'a> {
    let root = SVGBackend::with_string(svg, (size.0 as u32, size.1 as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    root.draw(&Text::new(printable(title), (16, 22), style(18, &INK, HPos::Left)))?;
    for (number, line) in lines.iter().enumerate() {
        let top = HEAD + ROW * number as i32;
        if number % 2 == 0 {
            root.draw(&Rectangle::new([(8, top), (size.0 - 8, top + ROW)], BAND.filled()))?;
        }
        let label: String = if line.label.chars().count() > 60 {
            line.label.chars().take(59).chain(['…']).collect()
        } else {
            line.label.clone()
        };
        root.draw(&Text::new(printable(&label), (16, top + ROW / 2), style(13, &INK, HPos::Left)))?;
        if line.finished().next().is_none() {
            let cause: String = line.remark().chars().take(90).collect();
            let place = (labels + 12, top + ROW / 2);
            root.draw(&Text::new(printable(&cause), place, style(12, &PALE, HPos::Left)))?;
        }
    }
    for (number, column) in columns.iter().enumerate() {
        panel(&root, lines, column, labels + PANEL * number as i32)?;
    }
    let seeds = lines.iter().map(|line| line.finished().count()).max().unwrap_or(0);
    let legend = match seeds {
        0 | 1 => "one seed each",
        _ => "dark: mean over seeds, bar: sample standard deviation, pale: each seed",
    };
    root.draw(&Text::new(legend, (16, size.1 - 14), style(11, &PALE, HPos::Left)))?;
    root.present()
}

/// One column: its axis and a mark for each variant.
fn panel<'a>(root: &Area<'a>, lines: &[Line], column: &Column, left: i32) -> Drawn<'a> {
    let (from, to) = (left + 14, left + PANEL - 70);
    let bottom = HEAD + ROW * lines.len() as i32;
    let name = if column.key == "latency_mean_ms" { "ms per sample" } else { &column.name };
    root.draw(&Text::new(printable(name), (from, HEAD - 24), style(13, &INK, HPos::Left)))?;
    let scale = Scale::of(lines, column);
    let x = |value: f64| from + (scale.share(value) * f64::from(to - from)).round() as i32;
    for tick in [scale.low, scale.high] {
        root.draw(&PathElement::new([(x(tick), HEAD - 4), (x(tick), bottom)], RULE.stroke_width(1)))?;
        let place = (x(tick), bottom + 10);
        root.draw(&Text::new(axis_number(tick), place, style(10, &PALE, HPos::Center)))?;
    }
    let (red, green, blue) = COLOURS[0];
    let colour = RGBColor(red, green, blue);
    for (number, line) in lines.iter().enumerate() {
        let Some(spread) = column.spread(line) else { continue };
        let y = HEAD + ROW * number as i32 + ROW / 2;
        for value in column.values(line) {
            root.draw(&Circle::new((x(value), y), 3, colour.mix(0.3).filled()))?;
        }
        if let Some(deviation) = spread.deviation {
            let ends = [(x(spread.mean - deviation), y), (x(spread.mean + deviation), y)];
            root.draw(&PathElement::new(ends, colour.stroke_width(2)))?;
        }
        root.draw(&Circle::new((x(spread.mean), y), 4, colour.filled()))?;
        let shown = (column.show)(spread.mean);
        root.draw(&Text::new(shown, (left + PANEL - 6, y), style(12, &INK, HPos::Right)))?;
    }
    Ok(())
}

/// From the lowest to the highest number of a column, rounded outwards to what an axis can show.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(lines: &[Line], column: &Column) -> Scale {
        let values: Vec<f64> =
            lines.iter().flat_map(|line| column.values(line)).filter(|v| v.is_finite()).collect();
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
