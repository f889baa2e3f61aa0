//! The log as curves: takes its records, also of a run that still goes on, gives one chart per measure with training and
//! test in it.

use indexmap::{IndexMap, IndexSet};

use crate::chart::{Chart, Curve, Plot};
use crate::train::{MetricsKind, MetricsRecord};

/// All losses together.
fn total(record: &MetricsRecord) -> Option<f64> {
    match record.losses.get("total") {
        Some(total) => Some(*total),
        None if record.losses.is_empty() => None,
        None => Some(record.losses.values().sum()),
    }
}

/// The charts, the most looked at first.
pub fn charts(log: &[MetricsRecord]) -> Vec<Chart> {
    let names = |of: fn(&MetricsRecord) -> &IndexMap<String, f64>| -> IndexSet<&String> {
        log.iter().flat_map(|entry| of(entry).keys()).collect()
    };
    let mut plots = vec![plot(log, "loss, all terms", true, total)];
    for name in names(|entry| &entry.metrics) {
        plots.push(plot(log, name, false, |entry| entry.metrics.get(name).copied()));
    }
    for name in names(|entry| &entry.losses).into_iter().filter(|name| *name != "total") {
        let title = format!("loss {name}");
        plots.push(plot(log, &title, true, |entry| entry.losses.get(name).copied()));
    }
    plots.push(plot(log, "supervision steps used", false, |entry| entry.steps_used));
    let trained = |of: fn(&MetricsRecord) -> Option<f64>| {
        move |entry: &MetricsRecord| if entry.kind == MetricsKind::Train { of(entry) } else { None }
    };
    plots.push(plot(log, "gradient norm", true, trained(|entry| entry.gradient_norm)));
    plots.push(plot(log, "learning rate", false, trained(|entry| Some(entry.lr))));
    plots.into_iter().filter_map(Plot::lay_out).collect()
}

fn plot(
    log: &[MetricsRecord],
    title: &str,
    may_be_log: bool,
    value: impl Fn(&MetricsRecord) -> Option<f64>,
) -> Plot {
    let curve = |name: &str, class: &str, kind: MetricsKind| Curve {
        name: name.to_owned(),
        class: class.to_owned(),
        dots: kind == MetricsKind::Test,
        points: log
            .iter()
            .filter(|entry| entry.kind == kind)
            .map(|entry| (entry.step as f64, value(entry).unwrap_or(f64::NAN)))
            .collect(),
        ..Curve::default()
    };
    let curves = vec![curve("train", "c0", MetricsKind::Train), curve("test", "c1", MetricsKind::Test)];
    let all = || curves.iter().flat_map(|curve| &curve.points).map(|(_, y)| *y).filter(|y| y.is_finite());
    // A share is shown as one; a loss starts at 0 unless it needs a logarithm.
    let share = !may_be_log && title != "learning rate" && all().all(|y| (0.0..=1.0).contains(&y));
    let range = if share { (0.0, 1.0) } else { (0.0, 0.0) };
    Plot { title: title.to_owned(), across: "step".to_owned(), curves, range: Some(range), may_be_log }
}
