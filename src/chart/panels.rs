//! Several charts in one picture: takes plots and the names of what they compare, gives one self-contained SVG: a legend,
//! then the charts in two columns, a colour per name.

use super::canvas::{Align, Canvas, Letters};
use super::laid_out::Chart;
use super::markup;
use super::plot::Plot;
use super::style;

/// Height of a line of the legend, of a chart's title and of the space between charts, in pixels.
const LINE: f64 = 20.0;
const TITLE: f64 = 24.0;
const GAP: f64 = 16.0;

/// The picture; `None` if no plot has a number to show. A curve has the colour of its name among `legend`.
pub fn panels(plots: Vec<Plot>, legend: &[String]) -> Option<String> {
    let coloured = |mut plot: Plot| {
        for curve in &mut plot.curves {
            curve.class = style::class(legend.iter().position(|name| *name == curve.name).unwrap_or(0));
        }
        plot.lay_out()
    };
    let charts: Vec<Chart> = plots.into_iter().filter_map(coloured).collect();
    let first = charts.first()?;
    let columns = charts.len().min(2);
    let rows = charts.len().div_ceil(columns);
    let top = LINE * legend.len() as f64 + GAP;
    let (width, height) = (first.width + GAP, first.height + TITLE + GAP);
    let mut canvas = Canvas::new(width * columns as f64 + GAP, top + height * rows as f64);
    for (number, name) in legend.iter().enumerate() {
        let y = GAP / 2.0 + LINE * (number as f64 + 0.5);
        canvas.line(number, (20.0, y), (44.0, y));
        canvas.text((52.0, y), Letters::Ink, Align::Start, name);
    }
    for (number, chart) in charts.iter().enumerate() {
        let x = GAP + width * (number % columns) as f64;
        let y = top + height * (number / columns) as f64;
        let scale = if chart.log { " (log scale)" } else { "" };
        canvas.text((x, y + TITLE / 2.0), Letters::Title, Align::Start, &format!("{}{scale}", chart.title));
        canvas.elements((x, y + TITLE), &markup::body(chart));
    }
    Some(canvas.finish())
}
