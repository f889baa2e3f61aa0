//! Several charts in one picture: takes plots and the names of what they compare, gives one self-contained SVG: a legend,
//! then the charts in two columns, a colour per name.

use super::canvas::{Align, Canvas};
use super::plot::{Chart, Plot};
use super::{COLOURS, INK, PALE, RULE};

/// Height of a line of the legend, of a chart's title and of the space between charts, in pixels.
const LINE: f64 = 20.0;
const TITLE: f64 = 24.0;
const GAP: f64 = 16.0;

/// The picture; `None` if no plot has a number to show. A curve has the colour of its name among `legend`.
pub fn panels(plots: Vec<Plot>, legend: &[String]) -> Option<String> {
    let charts: Vec<Chart> = plots.into_iter().filter_map(Plot::lay_out).collect();
    let first = charts.first()?;
    let columns = charts.len().min(2);
    let rows = charts.len().div_ceil(columns);
    let top = LINE * legend.len() as f64 + GAP;
    let (width, height) = (first.width + GAP, first.height + TITLE + GAP);
    let mut canvas = Canvas::new(width * columns as f64 + GAP, top + height * rows as f64);
    for (number, name) in legend.iter().enumerate() {
        let y = GAP / 2.0 + LINE * (number as f64 + 0.5);
        canvas.line((20.0, y), (44.0, y), colour(number), 3.0);
        canvas.text((52.0, y), 14.0, INK, Align::Start, name);
    }
    for (number, chart) in charts.iter().enumerate() {
        let left = GAP + width * (number % columns) as f64;
        chart_at(&mut canvas, chart, legend, (left, top + height * (number / columns) as f64));
    }
    Some(canvas.finish())
}

fn colour(number: usize) -> &'static str {
    COLOURS[number % COLOURS.len()]
}

/// Draws a chart with its title, its upper left corner at `(x, y)`.
fn chart_at(canvas: &mut Canvas, chart: &Chart, legend: &[String], (x, y): (f64, f64)) {
    let scale = if chart.log { " (log scale)" } else { "" };
    canvas.text((x, y + TITLE / 2.0), 15.0, INK, Align::Start, &format!("{}{scale}", chart.title));
    let y = y + TITLE;
    for tick in &chart.y_ticks {
        let at = y + tick.at;
        canvas.line((x + chart.left, at), (x + chart.right, at), RULE, 1.0);
        canvas.text((x + chart.left - 7.0, at), 12.0, PALE, Align::End, &tick.text);
    }
    for tick in &chart.x_ticks {
        let at = x + tick.at;
        canvas.line((at, y + chart.bottom), (at, y + chart.bottom + 5.0), PALE, 1.0);
        canvas.text((at, y + chart.bottom + 14.0), 12.0, PALE, Align::Middle, &tick.text);
    }
    canvas.line((x + chart.left, y + chart.bottom), (x + chart.right, y + chart.bottom), PALE, 1.0);
    let middle = x + (chart.left + chart.right) / 2.0;
    canvas.text((middle, y + chart.height - 8.0), 12.0, PALE, Align::Middle, &chart.across);
    for curve in &chart.curves {
        let colour = colour(legend.iter().position(|name| *name == curve.name).unwrap_or(0));
        for line in &curve.lines {
            canvas.polyline(&moved(line, (x, y)), colour, 2.0);
        }
        for (dot_x, dot_y) in &curve.dots {
            canvas.dot((x + dot_x, y + dot_y), 3.0, colour, 1.0);
        }
    }
}

/// The points of a polyline, moved.
fn moved(points: &str, (x, y): (f64, f64)) -> String {
    let point = |point: &str| {
        let (one, other) = point.split_once(',')?;
        Some(format!("{:.1},{:.1}", one.parse::<f64>().ok()? + x, other.parse::<f64>().ok()? + y))
    };
    points.split(' ').filter_map(point).collect::<Vec<_>>().join(" ")
}
