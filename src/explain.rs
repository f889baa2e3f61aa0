//! What is known of a model before a tensor exists: takes a model file with everything bound, gives axes, parameters, cost,
//! memory and schedule as sections, which read as text, as rows or as JSON. Runs and prints nothing.

use crate::Values;
use crate::cost::{Cost, cost};
use crate::ir::{Mode, Recompute, WeightRole};
use crate::model::Model;
use crate::model::outline::{Item, ItemKind};
use crate::model_file::{CompileError, ModelFile};
use crate::numbers::{count, table};
use crate::types::AxisSize;
use indexmap::IndexMap;
use serde_json::json;
use std::fmt::Write;

/// A model with what its steps cost.
pub struct Explained {
    /// The model, checked for training.
    pub model: Model,
    /// A step of training.
    pub training: Cost,
    /// A step of evaluation.
    pub evaluation: Cost,
    /// A step of training by what its backward pass computes again.
    ways: Vec<(Recompute, Cost)>,
}

/// A part of what is told: a table with sentences below it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Section {
    /// What it is about.
    pub title: String,
    /// Whether the first row names the columns.
    pub headed: bool,
    /// Cells; the first of a row is a name, the others mostly numbers.
    pub rows: Vec<Vec<String>>,
    /// Sentences.
    pub notes: Vec<String>,
}

/// Compiles a model in every way that its cost depends on.
///
/// # Errors
/// All mistakes of the author, and totc's own.
pub fn explain(file: &mut ModelFile) -> Result<Explained, CompileError> {
    let model = file.model(Mode::Training)?;
    let ways = file.ways_to_train()?;
    let ways: Vec<_> = ways.iter().map(|(recompute, program)| (*recompute, cost(program))).collect();
    let evaluation = cost(&file.program(Mode::Evaluation, Values::Dropped)?);
    let training = ways.first().map(|(_, cost)| *cost).unwrap_or_default();
    Ok(Explained { model, training, evaluation, ways })
}

impl Explained {
    /// All of it as lines.
    pub fn text(&self) -> String {
        let mut out = format!("{}\n", self.model.graph.model);
        for section in self.sections() {
            section.write(&mut out);
        }
        let _ = write!(out, "\nOne supervision step\n{}", self.schedule());
        if let Some(sentence) = self.stand_ins() {
            let _ = writeln!(out, "\n{sentence}");
        }
        out
    }

    /// Axes, parameters, cost and memory.
    pub fn sections(&self) -> Vec<Section> {
        vec![axes(&self.model), parameters(&self.model), self.costs(), self.memory()]
    }

    /// What a supervision step does, a line each.
    pub fn schedule(&self) -> String {
        let mut out = "  (~ without gradient; numbers are thoughts)\n".to_owned();
        for section in &self.model.outline.sections {
            let _ = writeln!(out, "  {}", section.name);
            items(&mut out, &section.items, 2);
        }
        out
    }

    /// A sentence on sizes that the data would give.
    pub fn stand_ins(&self) -> Option<String> {
        let axes = self.model.declared_axes.iter().map(|axis| self.model.graph.axes.get(*axis));
        let named = axes.filter(|axis| axis.origin.starts_with("a stand-in"));
        let named: Vec<String> = named.map(|axis| format!("`{}`", axis.name)).collect();
        (!named.is_empty()).then(|| {
            let named = named.join(", ");
            format!(
                "The sizes of {named} stand in for the data's: give them with --size, or explain a run file."
            )
        })
    }

    fn costs(&self) -> Section {
        let (model, training, evaluation) = (&self.model, self.training, self.evaluation);
        let batch = model.graph.inputs.first().and_then(|input| input.shape.first()).copied().unwrap_or(1);
        let row = |name: &str, told: fn(u64) -> String, of: fn(&Cost) -> u64| {
            vec![name.to_owned(), told(of(&training)), told(of(&evaluation))]
        };
        let at_most = |steps| match model.graph.steps_in_a_row {
            1 => format!("a sample takes at most {steps} such steps"),
            row => format!(
                "a sample takes at most {steps} supervision steps: a step of training is {row} of them (`carry grad`)"
            ),
        };
        Section {
            title: format!("Cost of one step on {batch} samples"),
            headed: true,
            rows: vec![
                ["", "training", "evaluation"].map(str::to_owned).to_vec(),
                row("GFLOP", giga, |cost| cost.flops),
                row("  forward without gradient", giga, |cost| cost.flops_without_gradient),
                row("  forward with gradient", giga, |cost| cost.flops_with_gradient),
                row("  backward", giga, |cost| cost.flops_backward),
                row("MB of activations at most", mega, |cost| cost.activation_bytes),
            ],
            notes: model.graph.halt.as_ref().map(|halt| at_most(halt.at_most)).into_iter().collect(),
        }
    }

    /// What training needs if it computes values again in the backward pass.
    fn memory(&self) -> Section {
        let title = "Memory of a training step, by what the backward pass computes again (`memory:` of a run file chooses)";
        let mut rows = vec![["", "MB at most", "kept by loops", "GFLOP"].map(str::to_owned).to_vec()];
        for (recompute, cost) in &self.ways {
            let name = match recompute {
                Recompute::Views => "views and casts",
                Recompute::Elementwise => "all elementwise",
                Recompute::Iterations => "whole iterations",
            };
            let (most, kept) = (mega(cost.activation_bytes), mega(cost.kept_bytes));
            rows.push(vec![name.to_owned(), most, kept, giga(cost.flops)]);
        }
        Section { title: title.to_owned(), headed: true, rows, notes: Vec::new() }
    }

    /// The same for programs, with all configs and weights.
    pub fn json(&self) -> serde_json::Value {
        as_json(&self.model, self.training, self.evaluation)
    }
}

impl Section {
    fn write(&self, out: &mut String) {
        let _ = writeln!(out, "\n{}", self.title);
        let indented = |row: &Vec<String>| {
            let mut row = row.clone();
            row.iter_mut().take(1).for_each(|name| name.insert_str(0, "  "));
            row
        };
        out.push_str(&table(&self.rows.iter().map(indented).collect::<Vec<_>>()));
        for note in &self.notes {
            let _ = writeln!(out, "  {note}");
        }
    }
}

fn axes(model: &Model) -> Section {
    let declared = model.declared_axes.iter().map(|axis| model.graph.axes.get(*axis));
    let rows = declared.map(|axis| {
        let size = match axis.size {
            AxisSize::Fixed(size) => size.to_string(),
            _ => "grows".to_owned(),
        };
        vec![axis.name.clone(), size, axis.origin.clone()]
    });
    Section { title: "Axes".to_owned(), headed: false, rows: rows.collect(), notes: Vec::new() }
}

/// Parameters by declared net, then by the parts inside it.
pub fn by_net(model: &Model) -> IndexMap<String, (WeightRole, usize, usize)> {
    let mut nets: IndexMap<String, (WeightRole, usize, usize)> = IndexMap::new();
    for weight in &model.graph.weights {
        let net = weight.path.split('.').next().unwrap_or("").to_owned();
        let entry = nets.entry(net).or_insert((weight.role, 0, 0));
        entry.1 += 1;
        entry.2 += weight.count();
    }
    nets
}

fn total(model: &Model, role: WeightRole) -> usize {
    model.graph.weights.iter().filter(|weight| weight.role == role).map(|weight| weight.count()).sum()
}

fn parameters(model: &Model) -> Section {
    let mut rows = vec![["net", "tensors", "elements", "role"].map(str::to_owned).to_vec()];
    for (net, (role, tensors, elements)) in by_net(model) {
        let role = format!("{role:?}").to_lowercase();
        rows.push(vec![net, tensors.to_string(), count(elements as u64), role]);
    }
    let all = |role| count(total(model, role) as u64);
    let (trainable, tables, constant) =
        (all(WeightRole::Param), all(WeightRole::Table), all(WeightRole::Buffer));
    let note = format!("{trainable} trainable, {tables} in tables, {constant} constant");
    Section { title: "Parameters".to_owned(), headed: true, rows, notes: vec![note] }
}

/// Billions, as costs are told.
pub fn giga(flops: u64) -> String {
    scaled(flops, 1e9, 3)
}

/// Megabytes, as memory is told.
pub fn mega(bytes: u64) -> String {
    scaled(bytes, 1e6, 1)
}

/// Counts stop at the largest number they can hold: from half of it on nothing more is known of them.
fn scaled(count: u64, unit: f64, digits: usize) -> String {
    const KNOWN: u64 = u64::MAX / 2;
    if count > KNOWN {
        return format!("more than {:.0e}", KNOWN as f64 / unit);
    }
    format!("{:.digits$}", count as f64 / unit)
}

/// The schedule, a line each, indented by twice `depth`.
pub fn items(out: &mut String, list: &[Item], depth: usize) {
    for item in list {
        let indent = "  ".repeat(depth);
        let scope = if item.gradient { ' ' } else { '~' };
        let mut line = |text: String| {
            let _ = writeln!(out, "{indent}{scope} {text}");
        };
        match &item.kind {
            ItemKind::Repeat { times, items: inner } => {
                line(format!("repeat {times}"));
                items(out, inner, depth + 1);
            }
            ItemKind::Iteration { index, items: inner, .. } => {
                line(format!("iteration {index}"));
                items(out, inner, depth + 1);
            }
            ItemKind::Update { target, text, axes, .. } => {
                let sizes: Vec<String> =
                    axes.iter().map(|extent| format!("{} {}", extent.axis, extent.size)).collect();
                let sizes =
                    if sizes.is_empty() { String::new() } else { format!("   [{}]", sizes.join(", ")) };
                line(format!("{target} <- {text}{sizes}"));
            }
            ItemKind::Branch { state, from, to, by, .. } => {
                line(format!("branch {state} {from} -> {to} with {by}"))
            }
            ItemKind::Merge { state, from, to, by, .. } => {
                line(format!("merge {state} {from} -> {to} with {by}"))
            }
            ItemKind::Prune { state, from, to, by, .. } => {
                line(format!("prune {state} {from} -> {to} by {by}"))
            }
            ItemKind::Record { name, over: None, .. } => line(format!("record {name}")),
            ItemKind::Record { name, over: Some(over), .. } => line(format!("collect {name} over {over}")),
        }
    }
}

fn as_json(model: &Model, training: Cost, evaluation: Cost) -> serde_json::Value {
    let axes: Vec<_> = model
        .declared_axes
        .iter()
        .map(|axis| {
            let axis = model.graph.axes.get(*axis);
            let size = match axis.size {
                AxisSize::Fixed(size) => Some(size),
                _ => None,
            };
            json!({ "name": axis.name, "size": size, "origin": axis.origin })
        })
        .collect();
    let weights: Vec<_> = model
        .graph.weights
        .iter()
        .map(|weight| {
            let shape: Vec<usize> = weight.dims.iter().map(|dim| dim.size).collect();
            let names: Vec<&str> = weight.dims.iter().map(|dim| model.graph.axes.name(dim.axis)).collect();
            json!({ "path": weight.path, "role": weight.role, "shape": shape, "axes": names, "count": weight.count() })
        })
        .collect();
    let nets: Vec<_> = by_net(model)
        .into_iter()
        .map(|(net, (role, tensors, elements))| json!({ "net": net, "role": role, "tensors": tensors, "elements": elements }))
        .collect();
    json!({
        "model": model.graph.model,
        "configs": model.configs.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect::<Vec<_>>(),
        "axes": axes,
        "nets": nets,
        "weights": weights,
        "trainable": total(model, WeightRole::Param),
        "in_tables": total(model, WeightRole::Table),
        "constant": total(model, WeightRole::Buffer),
        "training": training,
        "evaluation": evaluation,
        "halt": model.graph.halt,
        "outline": model.outline,
    })
}
