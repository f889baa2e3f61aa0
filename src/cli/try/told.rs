//! What `totc try` says: takes a trial, gives text.

use super::super::Failure;
use super::{Args, Bound, Trial};
use crate::Values;
use crate::compare::Comparison;
use crate::cost::cost;
use crate::exec::Weights;
use crate::explain::{giga, mega};
use crate::ir::{Mode, WeightRole};
use crate::model::outline::{Item, ItemKind};
use crate::report::{count, number, table};
use crate::statistics::{deviation, mean};
use crate::text_file::printable;
use crate::train::StepMetrics;
use crate::train::checkpoint;
use std::fmt::Write;

/// Steps at each end that are compared.
const WINDOW: usize = 5;

/// Losses and metrics, what got no gradient, width and depth.
pub(super) fn trial(args: &Args, trial: &Trial) -> Result<String, Failure> {
    let mut out = String::new();
    let steps = &trial.watch.steps;
    let _ = writeln!(
        out,
        "{} ({}): {} steps of {} examples, {}; {:.1} s",
        trial.bound.model.graph.model,
        args.file.display(),
        steps.len(),
        trial.bound.run.run.batch,
        printable(&trial.watch.data),
        trial.outcome.seconds,
    );
    let window = WINDOW.min(steps.len() / 2).max(1);
    let head = ["".to_owned(), format!("first {window} steps"), format!("last {window}"), String::new()];
    let mut lines = vec![head.to_vec()];
    let names = steps.first().into_iter().flat_map(|step| step.losses.keys());
    for name in names {
        lines.push(line(&format!("  loss {name}"), steps, window, |step| step.losses.get(name).copied()));
    }
    let named = trial.outcome.tests.last().into_iter().flat_map(|(_, report)| report.metrics.keys());
    for name in named {
        let of = |step: &StepMetrics| {
            step.metrics.get(name).filter(|_| step.count > 0).map(|sum| sum / step.count as f64)
        };
        if steps.iter().any(|step| of(step).is_some()) {
            lines.push(line(&format!("  metric {name}"), steps, window, of));
        }
    }
    lines.push(line("  norm of the gradient", steps, window, |step| Some(step.gradient_norm)));
    let _ = write!(out, "\n{}", table(&lines));
    let tests = trial.outcome.tests.last().into_iter().flat_map(|(_, report)| &report.metrics);
    let tests: Vec<String> = tests.map(|(name, value)| format!("{name} {}", number(*value))).collect();
    if !tests.is_empty() {
        let _ = writeln!(out, "  tested afterwards: {}", tests.join(", "));
    }

    let still = unmoved(trial)?;
    let _ = match still.as_slice() {
        [] => writeln!(out, "\nEvery weight got a gradient."),
        still => writeln!(
            out,
            "\nNo gradient reached {}:\n  {}\n  What is computed from them ends at `stop_gradient`, before `grad last`, or in no loss; or a \
             factor before them was 0 in all these steps.",
            match still.len() {
                1 => "one weight".to_owned(),
                many => format!("{many} weights"),
            },
            still.join("\n  "),
        ),
    };
    let mut shape = Shape::default();
    for section in trial.bound.model.outline.sections.iter().filter(|section| section.name != "losses") {
        shape.add(&section.items, 1);
    }
    let calls: Vec<String> = shape.calls.iter().map(|(net, times)| format!("{net} {times}×")).collect();
    let _ = writeln!(out, "\nA supervision step is {} wide", shape.wide());
    let _ = writeln!(
        out,
        "  and applies {}.",
        if calls.is_empty() { "no net".to_owned() } else { calls.join(", ") }
    );
    Ok(out)
}

/// A quantity at both ends, and whether it moved by more than it varies from step to step.
fn line(
    name: &str,
    steps: &[StepMetrics],
    window: usize,
    of: impl Fn(&StepMetrics) -> Option<f64>,
) -> Vec<String> {
    let values: Vec<f64> = steps.iter().filter_map(of).collect();
    let window = window.min(values.len() / 2).max(1);
    let (Some(first), Some(last)) = (values.get(..window), values.get(values.len().saturating_sub(window)..))
    else {
        return vec![name.to_owned(), "–".to_owned(), "–".to_owned(), "nothing was counted".to_owned()];
    };
    let (before, after) = (mean(first), mean(last));
    let error = |values: &[f64]| deviation(values).map_or(0.0, |one| one * one / values.len() as f64);
    let noise = 2.0 * (error(first) + error(last)).sqrt();
    let word = match after - before {
        moved if moved < -noise => "falls",
        moved if moved > noise => "rises",
        _ => "no change beyond noise",
    };
    vec![name.to_owned(), number(before), number(after), word.to_owned()]
}

/// Weights that are as they began: there is no weight decay, so nothing has pulled at them.
fn unmoved(trial: &Trial) -> Result<Vec<String>, Failure> {
    let world = |error: &dyn std::fmt::Display| Failure::World(error.to_string());
    let weights = &trial.bound.model.graph.weights;
    let saved = checkpoint::load(&trial.outcome.folder.join(checkpoint::FOLDER));
    let trained = saved.map_err(|error| world(&error))?.weights;
    let program = trial.bound.file.clone().program(Mode::Training, Values::Dropped)?;
    let initial = Weights::init(&program.weights, trial.bound.run.run.seed, tch::Device::Cpu).tensors;
    let params = weights.iter().filter(|weight| weight.role == WeightRole::Param);
    let same = params.filter(|weight| match (initial.get(&weight.path), trained.get(&weight.path)) {
        (Some(initial), Some(trained)) => initial.equal(&trained.to_kind(initial.kind())),
        _ => false,
    });
    Ok(same.map(|weight| weight.path.clone()).collect())
}

/// How wide and how deep a step is.
#[derive(Default)]
struct Shape {
    /// Most thoughts along each growing axis.
    widest: indexmap::IndexMap<String, usize>,
    /// How often each net is called, one after the other.
    calls: indexmap::IndexMap<String, usize>,
}

impl Shape {
    fn add(&mut self, items: &[Item], times: usize) {
        for item in items {
            let nets = match &item.kind {
                ItemKind::Repeat { times: inner, items } => {
                    self.add(items, times.saturating_mul(*inner));
                    continue;
                }
                ItemKind::Iteration { items, .. } => {
                    self.add(items, times);
                    continue;
                }
                ItemKind::Branch { axis, to, nets, .. } => {
                    let widest = self.widest.entry(axis.clone()).or_default();
                    *widest = (*widest).max(*to);
                    nets
                }
                ItemKind::Update { nets, .. } | ItemKind::Merge { nets, .. } => nets,
                _ => continue,
            };
            for net in nets {
                let calls = self.calls.entry(net.clone()).or_default();
                *calls = calls.saturating_add(times);
            }
        }
    }

    fn wide(&self) -> String {
        let widths = self.widest.iter().map(|(axis, size)| format!("{size} thoughts ({axis})"));
        let widths: Vec<String> = widths.collect();
        if widths.is_empty() { "one thought".to_owned() } else { widths.join(", ") }
    }
}

/// What a step costs, and what that of the parent does.
pub(super) fn beside(own: &Bound, parent: Bound, label: &str) -> Result<String, Failure> {
    let (mut file, mut parents) = (own.file.clone(), parent.file);
    let mut costs = |mode: Mode| -> Result<_, Failure> {
        let own = cost(&file.program(mode, Values::Dropped)?);
        Ok([own, cost(&parents.program(mode, Values::Dropped)?)])
    };
    let (training, evaluation) = (costs(Mode::Training)?, costs(Mode::Evaluation)?);
    let parameters = [&own.model, &parent.model].map(|model| {
        let weights = model.graph.weights.iter().filter(|weight| weight.role == WeightRole::Param);
        weights.map(|weight| weight.count() as u64).sum::<u64>()
    });
    let ratio = |[own, parent]: [u64; 2]| format!("{:.2} times", own as f64 / parent.max(1) as f64);
    let mut lines =
        vec![["".to_owned(), own.model.graph.model.clone(), label.to_owned(), String::new()].to_vec()];
    let mut row = |name: &str, both: [u64; 2], shown: &dyn Fn(u64) -> String| {
        lines.push(vec![format!("  {name}"), shown(both[0]), shown(both[1]), ratio(both)]);
    };
    row("parameters", parameters, &count);
    row("GFLOP of a training step", training.map(|cost| cost.flops), &giga);
    row("GFLOP of an evaluation step", evaluation.map(|cost| cost.flops), &giga);
    row("MB of activations in training", training.map(|cost| cost.activation_bytes), &mega);
    Ok(format!("\nBeside {label}, which it extends, with {} examples\n{}", own.run.run.batch, table(&lines)))
}

/// Whether the sides differ by more than noise.
pub(super) fn comparison(comparison: &Comparison, label: &str, args: &Args) -> String {
    let mut out = format!(
        "Against {label}, after {} steps with {} of each, on the same test examples (the difference is to {label})\n",
        args.steps,
        if args.seeds == 1 { "one seed".to_owned() } else { format!("{} seeds", args.seeds) },
    );
    let metrics: Vec<&String> = comparison.sides.iter().flat_map(|side| side.metrics.keys()).collect();
    let mut seen = Vec::new();
    let mut lines = vec![vec![String::new(), label.to_owned(), "this model".to_owned()]];
    for metric in metrics {
        if seen.contains(&metric) {
            continue;
        }
        seen.push(metric);
        let of = |side: &crate::compare::Side| {
            side.metrics.get(metric).map_or("–".to_owned(), |one| number(one.mean))
        };
        lines.push([format!("  {metric}")].into_iter().chain(comparison.sides.iter().map(of)).collect());
    }
    out += &table(&lines);
    for difference in &comparison.differences {
        let words = difference.words.replace(&difference.to, "this model").replace(&difference.from, label);
        let _ = writeln!(out, "  {words}");
    }
    if args.seeds == 1 {
        out += "  One seed of each says how these two runs differ, not the models.\n";
    }
    out
}
