//! Learning curves side by side: takes a comparison, gives one self-contained SVG: a chart per metric of the tests and
//! one of the training loss, a colour per side, a thin line per run.

use super::{Comparison, Curves};
use crate::chart::{Curve, Plot, panels};

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
    let tests =
        names.into_iter().map(|name| plot(comparison, name, |curves| curves.tests.get(name).cloned()));
    let loss = plot(comparison, "training loss", |curves| Some(curves.loss.clone()));
    let legend: Vec<String> = comparison.sides.iter().map(|side| side.name.clone()).collect();
    panels(tests.chain([loss]).collect(), &legend)
        .ok_or_else(|| "there are no curves to draw: the runs' logs hold no finite number".to_owned())
}

/// Points of a curve beyond which single tests are not marked.
const MARKED: usize = 30;

fn plot(comparison: &Comparison, title: &str, pick: impl Fn(&Curves) -> Option<Vec<(u64, f64)>>) -> Plot {
    let mut drawn = Vec::new();
    for side in &comparison.sides {
        for curves in &side.curves {
            let points = pick(curves).unwrap_or_default().into_iter();
            let points: Vec<(f64, f64)> = points
                .filter(|(_, value)| value.is_finite())
                .map(|(step, value)| (step as f64, value))
                .collect();
            let dots = points.len() < MARKED;
            drawn.push(Curve {
                name: side.name.clone(),
                class: String::new(),
                points,
                dots,
                ..Curve::default()
            });
        }
    }
    Plot {
        title: title.to_owned(),
        across: "training steps".to_owned(),
        curves: drawn,
        range: None,
        may_be_log: false,
    }
}
