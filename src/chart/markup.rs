//! A chart laid out as SVG elements: takes a `Chart`, gives its axes and curves with classes; the page of a run and the
//! pictures of `compare` draw the same. Colours and letters are the style sheet's.

use std::fmt::Write;

use super::laid_out::Chart;
use crate::draw::xml;

/// Everything inside a chart's `svg`, its upper left corner at the origin.
pub fn body(chart: &Chart) -> String {
    let Chart { left, right, bottom, .. } = *chart;
    let mut out = String::from("<g class=\"axis\">\n");
    for tick in &chart.y_ticks {
        let _ = writeln!(
            out,
            "<path class=\"rule\" d=\"M{left} {at}H{right}\"/><text class=\"end\" x=\"{}\" y=\"{}\">{}</text>",
            left - 7.0,
            tick.at + 4.0,
            xml(&tick.text),
            at = tick.at
        );
    }
    for tick in &chart.x_ticks {
        // The last one must not leave the drawing.
        let (class, x) = if tick.at > right - 12.0 { ("end", right) } else { ("middle", tick.at) };
        let _ = writeln!(
            out,
            "<path class=\"tick\" d=\"M{at} {bottom}v5\"/><text class=\"{class}\" x=\"{x}\" y=\"{}\">{}</text>",
            bottom + 18.0,
            xml(&tick.text),
            at = tick.at
        );
    }
    let _ = writeln!(
        out,
        "<path class=\"base\" d=\"M{left} {bottom}H{right}\"/>\n<text class=\"middle name\" x=\"{}\" y=\"{}\">{}</text></g>",
        (left + right) / 2.0,
        chart.height - 4.0,
        xml(&chart.across)
    );
    for curve in &chart.curves {
        let _ = write!(out, "<g class=\"curve {}\">", curve.class);
        if !curve.area.is_empty() {
            let _ = write!(out, "<polygon class=\"area\" points=\"{}\"/>", curve.area);
        }
        for line in &curve.lines {
            let _ = write!(out, "<polyline class=\"dashed\" points=\"{line}\"/>");
        }
        for (x, y) in &curve.dots {
            let _ = write!(out, "<circle cx=\"{x}\" cy=\"{y}\" r=\"3\"/>");
        }
        out.push_str("</g>\n");
    }
    out
}
