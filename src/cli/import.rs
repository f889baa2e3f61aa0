//! `totc import CHECKPOINT --model FILE --out weights.safetensors`

use super::output::{Output, may_replace};
use super::subject::{Choice, Subject};
use super::{Failure, Outcome};
use crate::Values;
use crate::ir::Mode;
use crate::model::Setting;
use crate::report::count;
use crate::text_file::printable;
use crate::weights::{
    self, Checkpoint, Chosen, Difference, Import, NameMap, Ours, PublishedSettings, WeightsAbout,
};
use indexmap::IndexMap;
use std::fmt::Write;
use std::path::PathBuf;

/// Turns a checkpoint of published code (TRM, HRM, ToTRM) into weights of a model: `torch.save` files of any ending, with
/// the state dict at the top or under a key, and safetensors. Prefixes such as `_orig_mod.model.inner.` and sizes such as
/// task and symbol are found in the file. Prints what matched, what was left over on either side, and what differs; where
/// anything is left over or differs, nothing is written, unless --partial or --convert says so.
#[derive(clap::Args)]
pub struct Args {
    /// The checkpoint
    file: PathBuf,
    #[command(flatten)]
    target: Target,
    /// Which state dict of the checkpoint, e.g. ema_helper (default: the model's)
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Turn bfloat16, float16 and float64 into float32
    #[arg(long)]
    convert: bool,
    /// Write what matched although something is left over or differs
    #[arg(long)]
    partial: bool,
    /// The file to write (safetensors)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Which model the weights are of, and how their names are paired.
#[derive(clap::Args, Clone)]
pub struct Target {
    /// The model file (.tot), a run file (.ron), or the folder of a run
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Which model of the file (default: the one named like the file, else the first)
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Give a config another value
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub sets: Vec<String>,
    /// Give an axis of the data its size (default: as the file's shapes show it)
    #[arg(long = "size", value_name = "AXIS=N")]
    pub sizes: Vec<String>,
    /// A name map (RON) in place of the shipped ones of TRM, HRM and ToTRM
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
}

/// A model's weights, with the sizes that a weight file shows.
pub struct Bound {
    /// The model's declared name.
    pub model: String,
    /// Its weights in order of declaration.
    pub weights: Vec<Ours>,
    /// Sizes that were found in the file.
    pub found: IndexMap<String, usize>,
    /// What a file of these weights says of itself.
    pub about: WeightsAbout,
}

impl Target {
    /// The name map of `--names`.
    pub fn map(&self) -> Result<Option<NameMap>, Failure> {
        self.names.as_deref().map(NameMap::load).transpose().map_err(world)
    }

    /// The model as chosen on the command line.
    pub fn choice(&self) -> Result<Choice, Failure> {
        let Some(file) = self.model.clone() else {
            return Err(Failure::Usage("say which model the weights are of: --model FILE".to_owned()));
        };
        Ok(Choice { file, model: self.name.clone(), sets: self.sets.clone(), sizes: self.sizes.clone() })
    }

    /// The model's weights, where axes of the data have the sizes that `tensors` show.
    ///
    /// # Errors
    /// The author's mistakes; settings that contradict those of a published checkpoint.
    pub fn bind(
        &self,
        map: Option<NameMap>,
        tensors: &weights::Arrays,
        published: Option<&PublishedSettings>,
    ) -> Result<Bound, Failure> {
        let mut subject = Subject::load(&self.choice()?)?;
        if let Some(settings) = published {
            configure(&mut subject, settings)?;
        }
        let model = subject.model_file.model(Mode::Training)?;
        let found = weights::infer_sizes(&model, map, tensors).map_err(world)?;
        subject.model_file.bindings.sizes.extend(found.clone());
        let program = subject.model_file.program(Mode::Training, Values::Dropped)?;
        let about = subject.about()?;
        Ok(Bound { model: program.model.clone(), weights: Ours::all(&program.weights), found, about })
    }
}

/// Gives the model the settings of a published checkpoint; those that were given otherwise must be the same.
fn configure(subject: &mut Subject, settings: &PublishedSettings) -> Result<(), Failure> {
    let known = subject.model_file.model(Mode::Training)?.configs;
    for (name, setting) in
        settings.configs.iter().filter(|(name, _)| known.iter().any(|(own, _)| own == *name))
    {
        let wanted = Setting::parse(&setting.value);
        match subject.model_file.bindings.sets.get(name) {
            Some(given) if !same(given, &wanted) => {
                return Err(Failure::Usage(format!(
                    "`{name}` is set to {given}, but {} says `{}`, with which the checkpoint was trained; leave `{name}` \
                     out, or move the file away if it is of another checkpoint",
                    settings.path.display(),
                    setting.theirs
                )));
            }
            Some(_) => {}
            None => {
                subject.model_file.bindings.sets.insert(name.clone(), wanted);
            }
        }
    }
    Ok(())
}

/// Whether two settings are one: 4 and 4.0 are.
fn same(one: &Setting, other: &Setting) -> bool {
    let number = |setting: &Setting| match setting {
        Setting::Number(text) => text.replace('_', "").parse::<f64>().ok(),
        _ => None,
    };
    one == other || number(one).is_some_and(|one| number(other) == Some(one))
}

/// A failure of files, not of the author's model.
pub fn world(error: impl std::fmt::Display) -> Failure {
    Failure::World(error.to_string())
}

/// Writes a checkpoint's tensors under the model's names.
pub fn main(args: &Args) -> Outcome {
    let map = args.target.map()?;
    let checkpoint = weights::read(&args.file, args.key.as_deref()).map_err(world)?;
    let published = PublishedSettings::beside(&checkpoint.path).map_err(world)?;
    let bound = args.target.bind(map.clone(), &checkpoint.tensors, published.as_ref())?;
    let chosen = weights::choose(map, &bound.weights, checkpoint.tensors.keys()).map_err(world)?;
    let import = weights::import(&checkpoint.tensors, &chosen, &bound.weights, args.convert);
    print!("{}", printable(&about(&checkpoint)));
    if let Some(settings) = &published {
        let told: Vec<&str> = settings.configs.values().map(|setting| setting.theirs.as_str()).collect();
        println!("settings from {}: {}", settings.path.display(), told.join(", "));
    }
    print!("{}", printable(&report(&import, &chosen, &bound)));
    if import.arrays.is_empty() {
        return Err(Failure::World(format!(
            "{}: nothing in it is a weight of {}; is it a checkpoint of another model?",
            checkpoint.path.display(),
            bound.model
        )));
    }
    if !import.is_complete() && !args.partial {
        return Err(Failure::World(refusal(&import, args)));
    }
    may_replace(&args.out, Output::Weights, &[&checkpoint.path])?;
    weights::write_safetensors_about(&args.out, &import.arrays, &bound.about).map_err(world)?;
    println!("{}: {} weights of {}", args.out.display(), import.arrays.len(), bound.model);
    Ok(())
}

fn refusal(import: &Import, args: &Args) -> String {
    let types = import.differences.iter().filter(|other| matches!(other, Difference::Type { .. })).count();
    let shapes = import.differences.len() - types;
    let mut fixes = Vec::new();
    if types > 0 && !args.convert {
        fixes.push("--convert makes them float32");
    }
    if shapes > 0 {
        fixes.push("--set and --size give the model the file's sizes");
    }
    if types == 0 || shapes + import.left_ours.len() + import.left_theirs.len() > 0 {
        fixes.push("--partial writes what matched");
    }
    let mut what = Vec::new();
    for (number, words) in [
        (types, "of another data type"),
        (shapes, "of another shape"),
        (import.left_ours.len(), "missing in the file"),
        (import.left_theirs.len(), "left over in the file"),
    ] {
        if number > 0 {
            what.push(format!("{number} {words}"));
        }
    }
    format!("{} was not written: {}; {}", args.out.display(), what.join(", "), fixes.join(", "))
}

/// What file it is, and what else it holds.
pub fn about(checkpoint: &Checkpoint) -> String {
    let mut text = String::new();
    let place =
        if checkpoint.key.is_empty() { String::new() } else { format!(" under `{}`", checkpoint.key) };
    let elements: usize = checkpoint.tensors.values().map(weights::Array::elements).sum();
    let _ = writeln!(
        text,
        "{}: {}, {} tensors{place}, {} elements",
        checkpoint.path.display(),
        checkpoint.format,
        checkpoint.tensors.len(),
        count(elements as u64)
    );
    if let Some((number, place)) = &checkpoint.filled {
        let _ = writeln!(text, "  {number} of them from {place}, as `{}` has none of these", checkpoint.key);
    }
    for beside in &checkpoint.beside {
        let _ = writeln!(text, "  beside them: `{}`: {}", beside.name, beside.what);
    }
    text
}

fn report(import: &Import, chosen: &Chosen, bound: &Bound) -> String {
    let mut text = String::new();
    let family = match chosen.map.own {
        true => "totc's own names".to_owned(),
        false => format!("names of {}", chosen.map.family),
    };
    let prefix = match chosen.prefix.as_str() {
        "" => "no prefix".to_owned(),
        prefix => format!("prefix `{prefix}`"),
    };
    let _ = writeln!(text, "{family}, {prefix}");
    if !bound.found.is_empty() {
        let sizes: Vec<String> = bound.found.iter().map(|(axis, size)| format!("{axis} = {size}")).collect();
        let _ = writeln!(text, "sizes from its shapes: {}", sizes.join(", "));
    }
    let matched: usize = import.matched.iter().map(|matched| matched.ours.len()).sum();
    let _ = writeln!(
        text,
        "matched: {} of {} tensors, {matched} of {} weights of {}",
        import.matched.len(),
        import.matched.len() + import.differences.len() + import.left_theirs.len() + import.not_weights.len(),
        bound.weights.len(),
        bound.model
    );
    let width = import.matched.iter().map(|matched| matched.theirs.len()).max().unwrap_or(0);
    for matched in &import.matched {
        let ours: Vec<String> =
            matched.ours.iter().map(|(path, shape)| format!("{path} {shape:?}")).collect();
        let _ =
            write!(text, "  {:width$} {:?}  →  {}", matched.theirs, matched.theirs_shape, ours.join(" and "));
        let _ = match &matched.converted {
            Some(how) => writeln!(text, "  ({how})"),
            None => writeln!(text),
        };
    }
    section(&mut text, "differs", import.differences.iter().map(difference));
    section(&mut text, "no weights", import.not_weights.iter().map(|(name, why)| format!("{name}: {why}")));
    let of = |list: &[(String, Vec<usize>)]| -> Vec<String> {
        list.iter().map(|(name, shape)| format!("{name} {shape:?}")).collect()
    };
    section(&mut text, "left over in the file", of(&import.left_theirs).into_iter());
    section(&mut text, &format!("left over in {}", bound.model), of(&import.left_ours).into_iter());
    text
}

/// Adds a heading and its lines; nothing where there are none.
pub fn section(text: &mut String, title: &str, lines: impl ExactSizeIterator<Item = String>) {
    if lines.len() > 0 {
        let _ = writeln!(text, "{title}: {}", lines.len());
        for line in lines {
            let _ = writeln!(text, "  {line}");
        }
    }
}

fn difference(difference: &Difference) -> String {
    match difference {
        Difference::Shape { theirs, ours, found, wanted } => {
            format!("{theirs} has shape {found:?}; {} needs {wanted:?}", ours.join(" and "))
        }
        Difference::Type { theirs, ours, found } => {
            format!("{theirs} is {found}; {} needs float32", ours.join(" and "))
        }
    }
}
