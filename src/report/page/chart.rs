//! Curves to coordinates: takes points, gives lines, ticks and labels for the template to draw; never looks at what
//! a curve means.

use serde::Serialize;

use crate::report::{count, number};

/// Size of a drawing, and of the margins around its plot, in pixels of the `viewBox`.
const SIZE: (f64, f64) = (420.0, 236.0);
const LEFT: f64 = 54.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 40.0;
/// Points of one curve that are drawn; a longer one keeps its extremes.
const MOST_POINTS: usize = 400;

/// What to plot.
#[derive(Clone, Debug, Default)]
pub struct Plot {
    pub title: String,
    /// Name of the horizontal axis.
    pub across: String,
    pub curves: Vec<Curve>,
    /// The range of the vertical axis at least, such as 0 to 1 for a share; a logarithmic one has none.
    pub range: Option<(f64, f64)>,
    /// Whether the vertical axis may be logarithmic, where all values are positive and far apart.
    pub may_be_log: bool,
}

/// A named line.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    pub name: String,
    /// Decides colour and dashes: `train`, `test`, `a`, `b`, ...
    pub class: &'static str,
    /// Ascending in x; a y that is not finite is a gap.
    pub points: Vec<(f64, f64)>,
    /// Whether each point is marked.
    pub dots: bool,
}

/// A plot laid out.
#[derive(Clone, Debug, Serialize)]
pub struct Chart {
    title: String,
    across: String,
    log: bool,
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    curves: Vec<Drawn>,
    /// `[[[x, y, pixel x, pixel y], ..], ..]`, one list per curve, as JSON.
    points: String,
    /// The chart in words.
    summary: String,
}

#[derive(Clone, Debug, Serialize)]
struct Tick {
    at: f64,
    text: String,
}

#[derive(Clone, Debug, Serialize)]
struct Drawn {
    name: String,
    class: &'static str,
    /// `points` of a polyline each; several where there are gaps.
    lines: Vec<String>,
    dots: Vec<(f64, f64)>,
    last: String,
}

impl Plot {
    /// None if there is not a single number to show.
    pub fn lay_out(self) -> Option<Chart> {
        let curves: Vec<Curve> = self.curves.into_iter().filter(|curve| curve.has_numbers()).collect();
        let finite = || curves.iter().flat_map(|curve| &curve.points).filter(|(_, y)| y.is_finite());
        let (left, right) = extent(finite().map(|(x, _)| *x))?;
        let (mut low, mut high) = extent(finite().map(|(_, y)| *y))?;
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
        Some(Chart {
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
        })
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
        let drawn = Drawn {
            name: self.name.clone(),
            class: self.class,
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

/// A scale from values to pixels, with the places of its ticks.
struct Scale {
    low: f64,
    high: f64,
    pixels: (f64, f64),
    log: bool,
    places: Vec<f64>,
}

impl Scale {
    /// Ticks at round numbers, about `most` of them; with `rounded` the scale ends on ticks.
    fn linear(low: f64, high: f64, pixels: (f64, f64), most: usize, rounded: bool) -> Scale {
        let (low, high) = match high - low {
            span if span > 1e-9 * high.abs().max(low.abs()).max(1e-300) => (low, high),
            _ if low == 0.0 => (0.0, 1.0),
            _ => (low - 0.1 * low.abs(), high + 0.1 * high.abs()),
        };
        // What runs across are steps: there is none between two.
        let least: f64 = if rounded { 0.0 } else { 1.0 };
        let step = round_step(((high - low) / most as f64).max(least));
        let (first, last) = match rounded {
            true => ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil()),
            false => ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor()),
        };
        let places: Vec<f64> = (0..=(last - first) as usize).map(|at| (first + at as f64) * step).collect();
        let (low, high) = if rounded { (first * step, last * step) } else { (low, high) };
        Scale { low, high, pixels, log: false, places }
    }

    /// Ticks at powers of ten, and between them where these are few.
    fn log(low: f64, high: f64, pixels: (f64, f64)) -> Scale {
        let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let between: &[f64] = if high / low > 2e3 { &[1.0] } else { &[1.0, 3.0] };
        let skip = ((last - first) / 5).max(1) as usize;
        let powers = (first..=last).step_by(skip).map(|power| 10f64.powi(power));
        let (low, high) = (low / 1.1, high * 1.1);
        let places = powers.flat_map(|power| between.iter().map(move |digit| digit * power));
        let places = places.filter(|place| (low..=high).contains(place)).collect();
        Scale { low, high, pixels, log: true, places }
    }

    fn pixel(&self, value: f64) -> f64 {
        let share = match self.log {
            true => (value / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        };
        self.pixels.0 + share * (self.pixels.1 - self.pixels.0)
    }

    fn ticks(&self, text: fn(f64) -> String) -> Vec<Tick> {
        self.places
            .iter()
            .map(|&place| Tick { at: tenth(self.pixel(place)), text: text(significant(place)) })
            .collect()
    }
}

/// The next of 1, 2, 2.5, 5, 10 times a power of ten.
fn round_step(at_least: f64) -> f64 {
    let power = 10f64.powf(at_least.log10().floor());
    let digit = at_least / power;
    [1.0, 2.0, 2.5, 5.0].into_iter().find(|round| *round >= digit - 1e-9).unwrap_or(10.0) * power
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

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Six digits: what a tooltip can use.
fn significant(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// `1,500`, `20k`, `3M`.
fn count_of(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{}M", significant(value / 1e6)),
        size if size >= 1e4 => format!("{}k", significant(value / 1e3)),
        _ if value.fract() != 0.0 => significant(value).to_string(),
        _ if value < 0.0 => value.to_string(),
        _ => count(value as u64),
    }
}

fn number_of(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if !(1e-3..1e5).contains(&size) => format!("{value:e}"),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
