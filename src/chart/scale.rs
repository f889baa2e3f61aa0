//! Scales of charts: takes the range of some values and the pixels they lie on, gives places, round ticks and short labels.

use serde::Serialize;

use crate::numbers::count;

/// A place on an axis and what stands there.
#[derive(Clone, Debug, Serialize)]
pub struct Tick {
    /// Pixels.
    pub at: f64,
    /// The label.
    pub text: String,
}

/// A scale from values to pixels, with the places of its ticks.
#[derive(Clone, Debug)]
pub struct Scale {
    low: f64,
    high: f64,
    pixels: (f64, f64),
    log: bool,
    /// Values at which there are ticks, ascending.
    pub places: Vec<f64>,
}

impl Scale {
    /// From `low` to `high`, laid over `pixels` (first, last). Ticks at round numbers, about `most` of them; with `rounded` the scale ends on ticks.
    pub fn linear(low: f64, high: f64, pixels: (f64, f64), most: usize, rounded: bool) -> Scale {
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

    /// The same in logarithms; `low` is above 0. Ticks at powers of ten, and between them where these are few.
    pub fn log(low: f64, high: f64, pixels: (f64, f64)) -> Scale {
        let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let between: &[f64] = if high / low > 2e3 { &[1.0] } else { &[1.0, 3.0] };
        let skip = ((last - first) / 5).max(1) as usize;
        let powers = (first..=last).step_by(skip).map(|power| 10f64.powi(power));
        let (low, high) = (low / 1.1, high * 1.1);
        let places = powers.flat_map(|power| between.iter().map(move |digit| digit * power));
        let places = places.filter(|place| (low..=high).contains(place)).collect();
        Scale { low, high, pixels, log: true, places }
    }

    /// Where a value lies, in pixels.
    pub fn pixel(&self, value: f64) -> f64 {
        let share = match self.log {
            true => (value / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        };
        self.pixels.0 + share * (self.pixels.1 - self.pixels.0)
    }

    /// The ticks with their labels.
    pub(super) fn ticks(&self, text: fn(f64) -> String) -> Vec<Tick> {
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

/// A number at an axis: `0.95`, `1,500`, `20k`, `1.5M`, `1e-5`.
pub fn axis_number(value: f64) -> String {
    let value = significant(value);
    match value.abs() {
        size if size >= 1e4 || size >= 1e3 && value.fract() == 0.0 => count_of(value),
        _ => number_of(value),
    }
}

/// Pixels to a tenth.
pub(super) fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Six digits: what a tooltip can use.
pub(super) fn significant(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// `1,500`, `20k`, `3M`.
pub(super) fn count_of(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{}M", significant(value / 1e6)),
        size if size >= 1e4 => format!("{}k", significant(value / 1e3)),
        _ if value.fract() != 0.0 => significant(value).to_string(),
        _ if value < 0.0 => value.to_string(),
        _ => count(value as u64),
    }
}

/// `0.25`, `1e-4`.
pub(super) fn number_of(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if !(1e-3..1e5).contains(&size) => format!("{value:e}"),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axis_numbers_are_short() {
        let values = [0.0, 0.95, 1.0, 1500.0, 20_000.0, 1.5e6, -0.25, 1e-5, 0.30000000000000004, -0.00001];
        let wanted = ["0", "0.95", "1", "1,500", "20k", "1.5M", "-0.25", "1e-5", "0.3", "-1e-5"];
        assert_eq!(values.map(axis_number), wanted);
    }
}
