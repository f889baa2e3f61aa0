//! Curves to coordinates: takes points, gives lines, ticks and labels for a template or a canvas to draw; never looks at what
//! a curve means.

use super::laid_out::{Chart, Drawn};
use super::markup;
use super::scale::{Scale, count_of, number_of, significant, tenth};
use crate::numbers::number;

/// Size of a drawing, and of the margins around its plot, in pixels of the `viewBox`.
const SIZE: (f64, f64) = (420.0, 238.0);
const LEFT: f64 = 54.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 42.0;
/// Points of one curve that are drawn; a longer one keeps its extremes.
const MOST_POINTS: usize = 400;

/// What to plot.
#[derive(Clone, Debug, Default)]
pub struct Plot {
    /// What stands above it.
    pub title: String,
    /// Name of the horizontal axis.
    pub across: String,
    /// The curves, in the order in which they are drawn.
    pub curves: Vec<Curve>,
    /// The range of the vertical axis at least, such as 0 to 1 for a share; a logarithmic one has none.
    pub range: Option<(f64, f64)>,
    /// Whether the vertical axis may be logarithmic, where all values are positive and far apart.
    pub may_be_log: bool,
}

/// A named line.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    /// What it is called in the legend.
    pub name: String,
    /// Decides colour and dashes: `c0`, `c1` and so on.
    pub class: String,
    /// Ascending in x; a y that is not finite is a gap.
    pub points: Vec<(f64, f64)>,
    /// Whether each point is marked.
    pub dots: bool,
    /// What the line is a mean of, as a band: x, lowest, highest; all finite.
    pub band: Vec<(f64, f64, f64)>,
}

impl Plot {
    /// None if there is not a single number to show.
    pub fn lay_out(self) -> Option<Chart> {
        let curves: Vec<Curve> = self.curves.into_iter().filter(|curve| curve.has_numbers()).collect();
        let finite = || curves.iter().flat_map(|curve| &curve.points).filter(|(_, y)| y.is_finite());
        let (left, right) = extent(finite().map(|(x, _)| *x))?;
        let banded = curves.iter().flat_map(|curve| &curve.band).flat_map(|(_, low, high)| [*low, *high]);
        let (mut low, mut high) = extent(finite().map(|(_, y)| *y).chain(banded))?;
        let log = self.may_be_log && low > 0.0 && high / low > 30.0;
        if let (Some((at_least, at_most)), false) = (self.range, log) {
            (low, high) = (low.min(at_least), high.max(at_most));
        }
        let x = Scale::linear(left, right, (LEFT, SIZE.0 - RIGHT), 5, false);
        let pixels = (SIZE.1 - BOTTOM, TOP);
        let y = if log { Scale::log(low, high, pixels) } else { Scale::linear(low, high, pixels, 4, true) };
        let drawn: Vec<(Drawn, Vec<[f64; 4]>)> = curves.iter().map(|curve| curve.draw(&x, &y)).collect();
        let points: Vec<&Vec<[f64; 4]>> = drawn.iter().map(|(_, points)| points).collect();
        let points = serde_json::to_string(&points).unwrap_or_default();
        let told: Vec<String> = curves.iter().filter_map(|curve| curve.in_words(&self.across)).collect();
        let mut chart = Chart {
            summary: format!("{}. {}", self.title, told.join("; ")),
            title: self.title,
            across: self.across,
            log,
            width: SIZE.0,
            height: SIZE.1,
            left: LEFT,
            right: SIZE.0 - RIGHT,
            top: TOP,
            bottom: SIZE.1 - BOTTOM,
            x_ticks: x.ticks(count_of),
            y_ticks: y.ticks(number_of),
            curves: drawn.into_iter().map(|(drawn, _)| drawn).collect(),
            points,
            body: String::new(),
        };
        chart.body = markup::body(&chart);
        Some(chart)
    }
}

impl Curve {
    fn has_numbers(&self) -> bool {
        self.points.iter().any(|(_, y)| y.is_finite())
    }

    fn draw(&self, x: &Scale, y: &Scale) -> (Drawn, Vec<[f64; 4]>) {
        let mut lines = Vec::new();
        let mut shown = Vec::new();
        let mut line: Vec<String> = Vec::new();
        for &(at, value) in &thinned(&self.points) {
            if !value.is_finite() {
                lines.push(std::mem::take(&mut line));
                continue;
            }
            let (px, py) = (tenth(x.pixel(at)), tenth(y.pixel(value)));
            line.push(format!("{px},{py}"));
            shown.push([at, significant(value), px, py]);
        }
        lines.push(line);
        let dots = if self.dots || shown.len() < 2 { &shown[..] } else { &[] };
        // Along the lower ends, and back along the upper ones.
        let place = |at: f64, value: f64| format!("{},{}", tenth(x.pixel(at)), tenth(y.pixel(value)));
        let lower = self.band.iter().map(|(at, low, _)| place(*at, *low));
        let upper = self.band.iter().rev().map(|(at, _, high)| place(*at, *high));
        let area: Vec<String> = lower.chain(upper).collect();
        let drawn = Drawn {
            area: area.join(" "),
            name: self.name.clone(),
            class: self.class.clone(),
            lines: lines.iter().filter(|line| line.len() > 1).map(|line| line.join(" ")).collect(),
            dots: dots.iter().map(|point| (point[2], point[3])).collect(),
            last: shown.last().map_or(String::new(), |point| number(point[1])),
        };
        (drawn, shown)
    }

    fn in_words(&self, across: &str) -> Option<String> {
        let mut finite = self.points.iter().filter(|(_, y)| y.is_finite());
        let first = finite.next()?;
        let last = finite.next_back().unwrap_or(first);
        let at = |point: &(f64, f64)| format!("{} at {across} {}", number(point.1), count_of(point.0));
        Some(format!("{}: from {} to {}", self.name, at(first), at(last)))
    }
}

fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |extent, value| match extent {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}

/// At most [`MOST_POINTS`], the lowest and the highest of each stretch among them.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= MOST_POINTS {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(MOST_POINTS / 2);
    let mut kept = Vec::new();
    for part in points.chunks(stretch) {
        let by = |&a: &usize, &b: &usize| part[a].1.total_cmp(&part[b].1);
        let (low, high) = ((0..part.len()).min_by(by), (0..part.len()).max_by(by));
        if let (Some(low), Some(high)) = (low, high) {
            kept.push(part[low.min(high)]);
            if low != high {
                kept.push(part[low.max(high)]);
            }
        }
    }
    // Where the curve ends is what everybody looks at.
    if let Some(last) = points.last()
        && kept.last() != Some(last)
    {
        kept.push(*last);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::scale::Tick;

    fn chart(points: &[(f64, f64)]) -> Option<Chart> {
        let curve = Curve { name: "train".to_owned(), points: points.to_vec(), ..Curve::default() };
        Plot { curves: vec![curve], may_be_log: true, ..Plot::default() }.lay_out()
    }

    fn texts(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.text.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_and_inside() {
        let chart = chart(&[(50.0, 0.0), (1500.0, 1.0)]).unwrap();
        assert_eq!(texts(&chart.x_ticks), ["500", "1,000", "1,500"]);
        assert_eq!(texts(&chart.y_ticks), ["0", "0.25", "0.5", "0.75", "1"]);
        let (top, bottom) = (chart.y_ticks.last().unwrap().at, chart.y_ticks[0].at);
        assert_eq!((top, bottom), (TOP, SIZE.1 - BOTTOM));
        assert_eq!(chart.x_ticks.last().unwrap().at, SIZE.0 - RIGHT);
        assert_eq!(chart.curves[0].lines, ["54,196 406,12"]);
    }

    #[test]
    fn steps_are_whole() {
        let chart = chart(&[(1.0, 0.0), (3.0, 1.0)]).unwrap();
        assert_eq!(texts(&chart.x_ticks), ["1", "2", "3"]);
    }

    #[test]
    fn far_apart_values_get_a_logarithm() {
        let chart = chart(&[(0.0, 1e-4), (1.0, 1e-2), (2.0, 1.0)]).unwrap();
        assert!(chart.log);
        assert_eq!(texts(&chart.y_ticks), ["1e-4", "0.001", "0.01", "0.1", "1"]);
        // Equal ratios are equal distances.
        let line: Vec<f64> = chart.curves[0].lines[0]
            .split(' ')
            .map(|point| point.split_once(',').unwrap().1.parse().unwrap())
            .collect();
        assert!((line[0] + line[2] - 2.0 * line[1]).abs() < 0.21, "{line:?}");
    }

    #[test]
    fn a_band_lies_inside_and_around_its_line() {
        let band = vec![(1.0, 0.25, 0.5), (3.0, 0.75, 2.0)];
        let curve = Curve { points: vec![(1.0, 0.5), (3.0, 1.0)], band, ..Curve::default() };
        let chart = Plot { curves: vec![curve], ..Plot::default() }.lay_out().unwrap();
        // The axis ends at 2, the highest of the band; lower ends first, then back.
        assert_eq!(texts(&chart.y_ticks), ["0", "0.5", "1", "1.5", "2"]);
        assert_eq!(chart.curves[0].area, "54,173 406,127 406,12 54,150");
    }

    #[test]
    fn gaps_split_a_line_and_nothing_gives_nothing() {
        let chart = chart(&[(1.0, 1.0), (2.0, 2.0), (3.0, f64::NAN), (4.0, 1.0), (5.0, 3.0)]).unwrap();
        assert_eq!(chart.curves[0].lines.len(), 2);
        assert!(super::tests::chart(&[(1.0, f64::NAN)]).is_none());
        assert!(super::tests::chart(&[(3.0, 0.5)]).unwrap().curves[0].dots.len() == 1);
    }

    #[test]
    fn long_curves_keep_their_extremes() {
        let mut points: Vec<(f64, f64)> = (0..10_000).map(|at| (f64::from(at), 0.5)).collect();
        points[4321].1 = 9.0;
        points[1234].1 = -9.0;
        let kept = thinned(&points);
        assert!(kept.len() <= MOST_POINTS + 1);
        assert!(kept.contains(&(4321.0, 9.0)) && kept.contains(&(1234.0, -9.0)));
        assert_eq!(kept.last(), points.last());
        assert!(kept.is_sorted_by(|a, b| a.0 < b.0));
    }
}
