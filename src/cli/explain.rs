//! `totc explain FILE`: what is known of a model before a tensor exists. `totc explain CODE`: the page on a kind of mistake.

use super::subject::{Choice, Subject};
use super::{Failure, Outcome};
use crate::Values;
use crate::cost::{Cost, cost};
use crate::diagnostic::{Code, page, suggestion};
use crate::ir::{Mode, Recompute, WeightRole};
use crate::model::Model;
use crate::model::outline::{Item, ItemKind};
use crate::report::{count, table};
use crate::types::AxisSize;
use indexmap::IndexMap;
use serde_json::json;
use std::fmt::Write;
use std::path::Path;

/// Explains a model: axes, parameters by net, FLOPs and activation memory of a step, the tree of thoughts. In place of a
/// file, the code of a mistake (`axis-missing`) prints what it means and how to mend it.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    choice: Option<Choice>,
    /// List the codes of all mistakes
    #[arg(long, exclusive = true)]
    codes: bool,
    /// Samples of one step
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints sizes, schedule and cost of a model.
pub fn main(args: &Args) -> Outcome {
    if args.codes {
        print!("{}", codes());
        return Ok(());
    }
    let Some(choice) = &args.choice else {
        return Err(Failure::Usage(
            "name a model file, a run file or a code; `--codes` lists the codes".to_owned(),
        ));
    };
    if let Some(word) = code_like(&choice.file) {
        print!("{}", explained(word)?);
        return Ok(());
    }
    let mut subject = Subject::load(choice)?;
    if let Some(batch) = args.batch {
        subject.model_file.bind_size("batch", batch);
    }
    let model = subject.model_file.model(Mode::Training)?;
    let ways = subject.model_file.ways_to_train()?;
    let ways: Vec<_> = ways.iter().map(|(recompute, program)| (*recompute, cost(program))).collect();
    let training = ways[0].1;
    let evaluation = cost(&subject.model_file.program(Mode::Evaluation, Values::Dropped)?);
    let stand_ins = stand_ins(&model);
    if args.json {
        println!("{:#}", as_json(&model, training, evaluation));
        return Ok(());
    }
    let mut out = format!("{}\n", model.graph.model);
    axes(&mut out, &model);
    parameters(&mut out, &model);
    costs(&mut out, &model, training, evaluation);
    memory(&mut out, &ways);
    let _ = writeln!(out, "\nOne supervision step");
    let _ = writeln!(out, "  (~ without gradient; numbers are thoughts)");
    for section in &model.outline.sections {
        let _ = writeln!(out, "  {}", section.name);
        items(&mut out, &section.items, 2);
    }
    if !stand_ins.is_empty() {
        let _ = writeln!(
            out,
            "\nThe sizes of {} stand in for the data's: give them with --size, or explain a run file.",
            stand_ins.join(", ")
        );
    }
    print!("{out}");
    Ok(())
}

/// The argument, if it has the form of a code: lower-case letters and hyphens, and no file or folder is called so.
fn code_like(file: &Path) -> Option<&str> {
    let word = file.to_str()?;
    let letters = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    (letters && !file.exists()).then_some(word)
}

/// Code, sentence and page.
fn explained(word: &str) -> Result<String, Failure> {
    let Some(code) = Code::from_slug(word) else {
        let near = suggestion(word, Code::ALL.iter().map(|code| code.slug()));
        let near = near.unwrap_or_else(|| "`totc explain --codes` lists the codes".to_owned());
        return Err(Failure::Usage(format!("there is no file and no code `{word}`; {near}")));
    };
    Ok(format!("{}: {}\n\n{}", code.slug(), code.about(), page(code)))
}

fn codes() -> String {
    let width = Code::ALL.iter().map(|code| code.slug().len()).max().unwrap_or(0);
    Code::ALL.iter().map(|code| format!("{:width$}  {}\n", code.slug(), code.about())).collect()
}

fn stand_ins(model: &Model) -> Vec<String> {
    model
        .declared_axes
        .iter()
        .map(|axis| model.graph.axes.get(*axis))
        .filter(|axis| axis.origin.starts_with("a stand-in"))
        .map(|axis| format!("`{}`", axis.name))
        .collect()
}

fn axes(out: &mut String, model: &Model) {
    let _ = writeln!(out, "\nAxes");
    let mut lines = Vec::new();
    for axis in &model.declared_axes {
        let axis = model.graph.axes.get(*axis);
        let size = match axis.size {
            AxisSize::Fixed(size) => size.to_string(),
            _ => "grows".to_owned(),
        };
        lines.push(vec![format!("  {}", axis.name), size, axis.origin.clone()]);
    }
    out.push_str(&table(&lines));
}

/// Parameters by declared net, then by the parts inside it.
pub(super) fn by_net(model: &Model) -> IndexMap<String, (WeightRole, usize, usize)> {
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

fn parameters(out: &mut String, model: &Model) {
    let _ = writeln!(out, "\nParameters");
    let mut lines =
        vec![vec!["  net".to_owned(), "tensors".to_owned(), "elements".to_owned(), "role".to_owned()]];
    for (net, (role, tensors, elements)) in by_net(model) {
        let role = format!("{role:?}").to_lowercase();
        lines.push(vec![format!("  {net}"), tensors.to_string(), count(elements as u64), role]);
    }
    out.push_str(&table(&lines));
    let _ = writeln!(
        out,
        "  {} trainable, {} in tables, {} constant",
        count(total(model, WeightRole::Param) as u64),
        count(total(model, WeightRole::Table) as u64),
        count(total(model, WeightRole::Buffer) as u64)
    );
}

fn costs(out: &mut String, model: &Model, training: Cost, evaluation: Cost) {
    let batch = model.graph.inputs.first().and_then(|input| input.shape.first()).copied().unwrap_or(1);
    let _ = writeln!(out, "\nCost of one step on {batch} samples");
    let mut lines = vec![vec!["".to_owned(), "training".to_owned(), "evaluation".to_owned()]];
    let mut row = |name: &str, a: String, b: String| lines.push(vec![format!("  {name}"), a, b]);
    row("GFLOP", giga(training.flops), giga(evaluation.flops));
    row(
        "  forward without gradient",
        giga(training.flops_without_gradient),
        giga(evaluation.flops_without_gradient),
    );
    row("  forward with gradient", giga(training.flops_with_gradient), giga(evaluation.flops_with_gradient));
    row("  backward", giga(training.flops_backward), giga(evaluation.flops_backward));
    row("MB of activations at most", mega(training.activation_bytes), mega(evaluation.activation_bytes));
    out.push_str(&table(&lines));
    if let Some(halt) = model.graph.halt {
        let _ = writeln!(out, "  a sample takes at most {} such steps", halt.at_most);
    }
}

/// What training needs if it computes values again in the backward pass.
fn memory(out: &mut String, ways: &[(Recompute, Cost)]) {
    let _ = writeln!(
        out,
        "\nMemory of a training step, by what the backward pass computes again (`memory:` of a run file chooses)"
    );
    let mut lines = vec![["", "MB at most", "kept by loops", "GFLOP"].map(str::to_owned).to_vec()];
    for (recompute, cost) in ways {
        let name = match recompute {
            Recompute::Views => "  views and casts",
            Recompute::Elementwise => "  all elementwise",
            Recompute::Iterations => "  whole iterations",
        };
        let (most, kept) = (mega(cost.activation_bytes), mega(cost.kept_bytes));
        lines.push(vec![name.to_owned(), most, kept, giga(cost.flops)]);
    }
    out.push_str(&table(&lines));
}

/// Billions, as costs are told.
pub(super) fn giga(flops: u64) -> String {
    scaled(flops, 1e9, 3)
}

/// Megabytes, as memory is told.
pub(super) fn mega(bytes: u64) -> String {
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
pub(super) fn items(out: &mut String, list: &[Item], depth: usize) {
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
