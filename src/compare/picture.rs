//! Learning curves side by side: takes a comparison, gives one self-contained SVG: a panel per metric of the tests and
//! one of the training loss, a colour per side, a thin line per run.

use plotters::prelude::*;

use super::{Comparison, Curves};
use crate::report::{COLOURS, axis_number, printable};

/// Width of a panel and its height, in pixels.
const PANEL: (u32, u32) = (460, 320);
/// Height of the legend's line.
const LINE: u32 = 20;

/// The curves as SVG.
///
/// # Errors
/// A sentence where there is nothing to draw.
pub fn curves(comparison: &Comparison) -> Result<String, String> {
    let mut names: Vec<&String> = Vec::new();
    for name in comparison.sides.iter().flat_map(|side| &side.curves).flat_map(|curves| curves.tests.keys()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut panels: Vec<(String, Points)> = Vec::new();
    for name in names {
        panels.push((name.clone(), points(comparison, |curves| curves.tests.get(name).cloned())));
    }
    panels.push(("training loss".to_owned(), points(comparison, |curves| Some(curves.loss.clone()))));
    panels.retain(|(_, points)| points.iter().any(|(_, curve)| !curve.is_empty()));
    if panels.is_empty() {
        return Err("there are no curves to draw: the runs' logs hold no finite number".to_owned());
    }
    let columns = panels.len().min(2) as u32;
    let rows = (panels.len() as u32).div_ceil(columns);
    let legend = LINE * (comparison.sides.len() as u32) + 16;
    let size = (PANEL.0 * columns, PANEL.1 * rows + legend);
    let mut svg = String::new();
    let drawn = draw(&mut svg, comparison, &panels, size, (rows, columns), legend)
        .map_err(|error| format!("the picture could not be drawn: {error}"));
    drawn.map(|()| svg)
}

/// Side and curve, of each run.
type Points = Vec<(usize, Vec<(f64, f64)>)>;

fn points(comparison: &Comparison, pick: impl Fn(&Curves) -> Option<Vec<(u64, f64)>>) -> Points {
    let mut all = Vec::new();
    for (side, curves) in
        comparison.sides.iter().enumerate().flat_map(|(at, side)| side.curves.iter().map(move |c| (at, c)))
    {
        let curve = pick(curves).unwrap_or_default();
        let finite = curve.into_iter().filter(|(_, value)| value.is_finite());
        all.push((side, finite.map(|(step, value)| (step as f64, value)).collect()));
    }
    all
}

fn draw<'a>(
    svg: &'a mut String,
    comparison: &Comparison,
    panels: &[(String, Points)],
    size: (u32, u32),
    (rows, columns): (u32, u32),
    legend: u32,
) -> Result<(), Box<dyn std::error::Error + 'a>> {
    let root = SVGBackend::with_string(svg, size).into_drawing_area();
    root.fill(&WHITE)?;
    let (top, bottom) = root.split_vertically(legend as i32);
    for (number, side) in comparison.sides.iter().enumerate() {
        let y = 8 + (LINE * number as u32) as i32;
        let colour = colour(number);
        top.draw(&PathElement::new([(20, y + 7), (44, y + 7)], colour.stroke_width(3)))?;
        top.draw(&Text::new(printable(&side.name), (52, y), ("sans-serif", 14)))?;
    }
    for (area, (name, points)) in bottom.split_evenly((rows as usize, columns as usize)).iter().zip(panels) {
        panel(area, name, points)?;
    }
    root.present()?;
    Ok(())
}

fn colour(side: usize) -> RGBColor {
    let (red, green, blue) = COLOURS[side % COLOURS.len()];
    RGBColor(red, green, blue)
}

fn panel<'a>(
    area: &DrawingArea<SVGBackend<'a>, plotters::coord::Shift>,
    name: &str,
    points: &Points,
) -> Result<(), Box<dyn std::error::Error + 'a>> {
    let all = || points.iter().flat_map(|(_, curve)| curve);
    let last = all().map(|(step, _)| *step).fold(1.0, f64::max);
    let low = all().map(|(_, value)| *value).fold(f64::INFINITY, f64::min);
    let high = all().map(|(_, value)| *value).fold(f64::NEG_INFINITY, f64::max);
    let room = if high > low { (high - low) * 0.05 } else { high.abs().max(1.0) * 0.05 };
    let mut chart = ChartBuilder::on(area)
        .caption(printable(name), ("sans-serif", 15))
        .margin(12)
        .x_label_area_size(38)
        .y_label_area_size(54)
        .build_cartesian_2d(0.0..last, low - room..high + room)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(226, 230, 237))
        .axis_style(RGBColor(150, 160, 175))
        .label_style(("sans-serif", 12))
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&|value| axis_number(*value))
        .y_label_formatter(&|value| axis_number(*value))
        .x_desc("training steps")
        .draw()?;
    for (side, curve) in points {
        let colour = colour(*side);
        chart.draw_series(LineSeries::new(curve.iter().copied(), colour.stroke_width(2)))?;
        // A single test is a dot, not a line.
        if curve.len() < 30 {
            chart.draw_series(curve.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
        }
    }
    Ok(())
}
