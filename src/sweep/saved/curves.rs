//! Learning curves of saved results: takes them and a metric, gives one SVG: against training steps and against the
//! floating-point operations of training, a line for the mean over seeds and a band from the lowest to the highest.

use super::{Saved, SavedRun, SavedVariant};
use crate::chart::{Curve, Plot, panels};
use crate::statistics::mean;

/// The picture.
///
/// # Errors
/// A sentence where there is nothing to draw.
pub fn curves(saved: &Saved, metric: &str) -> Result<String, String> {
    let plot = |across: &str, of_step: &dyn Fn(&SavedVariant) -> f64| Plot {
        title: format!("{metric} in tests"),
        across: across.to_owned(),
        curves: saved.variants.iter().map(|variant| curve(variant, metric, of_step(variant))).collect(),
        range: None,
        may_be_log: false,
    };
    let plots = vec![
        plot("training steps", &|_| 1.0),
        plot("TFLOP of training", &|variant| variant.flops as f64 / 1e12),
    ];
    let legend: Vec<String> = saved.variants.iter().map(|variant| variant.label.clone()).collect();
    panels(plots, &legend).ok_or_else(|| format!("there is no finite `{metric}` to draw"))
}

/// Mean and band over the seeds at each step that all of them were tested at, a step lying `unit` further than the one
/// before.
fn curve(variant: &SavedVariant, metric: &str, unit: f64) -> Curve {
    let Some((first, others)) = variant.runs.split_first() else { return Curve::default() };
    let mut curve = Curve { name: variant.label.clone(), dots: true, ..Curve::default() };
    for step in &first.tests.step {
        let values: Option<Vec<f64>> =
            std::iter::once(first).chain(others).map(|run| value(run, metric, *step)).collect();
        let Some(values) = values else { continue };
        let at = *step as f64 * unit;
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        curve.points.push((at, mean(&values)));
        curve.band.push((at, low, high));
    }
    // A band around a single line is that line.
    if others.is_empty() {
        curve.band.clear();
    }
    curve
}

fn value(run: &SavedRun, metric: &str, step: u64) -> Option<f64> {
    let at = run.tests.step.iter().position(|tested| *tested == step)?;
    run.tests.metrics.get(metric)?.get(at).copied().flatten()
}
