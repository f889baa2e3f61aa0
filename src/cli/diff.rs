//! `totc diff A B`: what two models or runs differ in, as they are compiled. Whatever is compared is a name with a text, or a
//! list of lines; what is equal is not shown.

use super::subject::{Choice, Subject};
use super::{Failure, Outcome};
use crate::Values;
use crate::cost::cost;
use crate::explain::{by_net, giga, items, mega};
use crate::ir::{Mode, WeightRole};
use crate::model::declarations;
use crate::model::outline::ItemKind;
use crate::report::{count, table};
use crate::text_file::printable;
use crate::types::AxisSize;
use indexmap::IndexMap;
use similar::{ChangeTag, TextDiff};
use std::path::{Path, PathBuf};

/// Says what two models differ in: configs, axes, nets, states, schedule, losses and what else they declare, parameters,
/// operations and memory of a step; of two runs also the settings. Files are compared by what they mean, with everything
/// that they inherit, not by how they are written.
///
/// Ends with 0 where there is no difference, 1 where there is one, and 2 where that cannot be told.
#[derive(clap::Args)]
pub struct Args {
    /// A model file (.tot), a run file (.ron), or the folder of a run
    first: PathBuf,
    /// Another one
    second: PathBuf,
    /// Which model of the first file, and of the second unless `--other-model` says which (default: the one named like
    /// the file, else the first)
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Which model of the second file
    #[arg(long, value_name = "NAME")]
    other_model: Option<String>,
    /// Give an axis of the data its size in both, e.g. cell=81
    #[arg(long = "size", value_name = "AXIS=N")]
    sizes: Vec<String>,
}

/// Texts by name.
type Named = IndexMap<String, String>;

/// One of the two, as far as it is compared.
struct Side {
    /// Title and texts, the same titles in the same order on both sides.
    named: Vec<(&'static str, Named)>,
    /// Of a run.
    settings: Option<Named>,
    /// What a step does, a line each.
    schedule: String,
    model: String,
}

/// Prints the differences.
pub fn main(args: &Args) -> Outcome {
    let told = differences(args).map_err(|failure| {
        let (text, _) = failure.told();
        Failure::Undecided(text)
    })?;
    if told.is_empty() {
        println!("no difference");
        return Ok(());
    }
    print!("{}", printable(&told));
    // The difference has been told; the code says that there is one.
    Err(Failure::Mistakes(String::new()))
}

fn differences(args: &Args) -> Result<String, Failure> {
    let second_model = args.other_model.as_ref().or(args.model.as_ref());
    let first = Side::read(&args.first, args.model.as_ref(), args)?;
    let second = Side::read(&args.second, second_model, args)?;
    let mut sections: Vec<(&str, String)> = first
        .named
        .iter()
        .zip(&second.named)
        .map(|((title, first), (_, second))| (*title, changed(first, second)))
        .collect();
    let schedule = changed_lines(&first.schedule, &second.schedule);
    let at = sections.iter().position(|(title, _)| *title == "Losses").unwrap_or(sections.len());
    sections.insert(at, ("Schedule (~ without gradient)", schedule));
    // A model by itself has no settings to differ in.
    if let (Some(first), Some(second)) = (&first.settings, &second.settings) {
        sections.insert(0, ("Settings of the run", changed(first, second)));
    }
    let differing: Vec<String> = sections
        .iter()
        .filter(|(_, lines)| !lines.is_empty())
        .map(|(title, lines)| format!("\n{title}\n{lines}"))
        .collect();
    if differing.is_empty() {
        return Ok(String::new());
    }
    let head = |sign: &str, path: &Path, side: &Side| format!("{sign} {} ({})\n", path.display(), side.model);
    let head = head("---", &args.first, &first) + &head("+++", &args.second, &second);
    Ok(head + &differing.concat())
}

impl Side {
    fn read(path: &Path, model: Option<&String>, args: &Args) -> Result<Side, Failure> {
        let choice = Choice {
            file: path.to_owned(),
            model: model.cloned(),
            sets: Vec::new(),
            sizes: args.sizes.clone(),
        };
        let mut subject = Subject::load(&choice)?;
        let model = subject.model_file.model(Mode::Training)?;
        let training = cost(&subject.model_file.program(Mode::Training, Values::Dropped)?);
        let evaluation = cost(&subject.model_file.program(Mode::Evaluation, Values::Dropped)?);

        let (mut nets, mut others) = (Named::new(), Named::new());
        let file = &subject.model_file;
        for (name, span) in declarations(&file.modules, &model.graph.model) {
            let text = one_line(file.sources.text(span));
            if name.starts_with("net ") {
                nets.insert(name.replace('`', ""), text);
            } else if ["state", "input", "target", "param", "buffer", "table", "predict", "metric", "`halt`"]
                .iter()
                .any(|kind| name.starts_with(kind))
            {
                others.insert(name.replace('`', ""), text);
            }
        }
        let axes = model.declared_axes.iter().map(|axis| {
            let axis = model.graph.axes.get(*axis);
            let size = match axis.size {
                AxisSize::Fixed(size) => size.to_string(),
                _ => "grows".to_owned(),
            };
            (axis.name.clone(), size)
        });
        let of_role = |role: WeightRole| {
            let weights = model.graph.weights.iter().filter(|weight| weight.role == role);
            count(weights.map(|weight| weight.count() as u64).sum())
        };
        let nets_of = by_net(&model).into_iter();
        let mut parameters: Named =
            nets_of.map(|(net, (_, _, elements))| (net, count(elements as u64))).collect();
        parameters.insert("all, trainable".to_owned(), of_role(WeightRole::Param));
        parameters.insert("all, in tables".to_owned(), of_role(WeightRole::Table));
        let costs = [
            ("GFLOP of a training step", giga(training.flops)),
            ("GFLOP of an evaluation step", giga(evaluation.flops)),
            ("MB of activations in training at most", mega(training.activation_bytes)),
            ("MB of activations in evaluation at most", mega(evaluation.activation_bytes)),
        ];
        let (mut losses, mut schedule) = (Named::new(), String::new());
        for section in &model.outline.sections {
            if section.name != "losses" {
                schedule += &format!("{}\n", section.name);
                items(&mut schedule, &section.items, 1);
                continue;
            }
            for item in &section.items {
                if let ItemKind::Update { target, text, .. } = &item.kind {
                    losses.insert(target.clone(), text.clone());
                }
            }
        }
        let settings = subject.run.as_ref().map(|run| {
            let all = run.all_settings().into_iter();
            // Configs are told as those of the model.
            all.filter(|(name, _)| !name.starts_with("set.")).collect::<Named>()
        });
        Ok(Side {
            named: vec![
                ("Configs", model.configs.iter().cloned().collect()),
                ("Axes", axes.collect()),
                ("Nets", nets),
                ("Losses", losses),
                ("Other declarations", others),
                ("Parameters", parameters),
                ("Cost", costs.into_iter().map(|(name, cost)| (name.to_owned(), cost)).collect()),
            ],
            settings,
            schedule,
            model: model.graph.model,
        })
    }
}

/// A text without comments, in one line.
fn one_line(text: &str) -> String {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    code.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

/// Names whose texts differ, with both.
fn changed(first: &Named, second: &Named) -> String {
    let names = first.keys().chain(second.keys().filter(|name| !first.contains_key(*name)));
    let mut lines = Vec::new();
    let mut long = String::new();
    for name in names.filter(|name| first.get(*name) != second.get(*name)) {
        let sides = [("-", first.get(name)), ("+", second.get(name))];
        if sides.iter().all(|(_, text)| text.is_none_or(|text| text.len() <= SHORT)) {
            let text = |side: Option<&String>| side.map_or("(none)", String::as_str).to_owned();
            lines.push(vec![
                format!("  {name}"),
                text(first.get(name)),
                "->".to_owned(),
                text(second.get(name)),
            ]);
            continue;
        }
        long += &format!("  {name}\n");
        for (sign, text) in sides {
            long += &text.map_or(String::new(), |text| format!("    {sign} {text}\n"));
        }
    }
    table(&lines) + &long
}

/// Letters of a text that stands in a table.
const SHORT: usize = 30;

/// Lines that only one side has, each with the line before and behind it.
fn changed_lines(first: &str, second: &str) -> String {
    let diff = TextDiff::from_lines(first, second);
    let mut out = String::new();
    for (at, group) in diff.grouped_ops(1).iter().enumerate() {
        if at > 0 {
            out += "    ...\n";
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            out += &format!("  {sign} {}", change.value());
        }
    }
    out
}
