//! `totc export RUN --out checkpoint.pt`, `totc export weights.safetensors --model FILE --out checkpoint.pt`

use super::import::{Target, about, section, world};
use super::output::{Output, may_replace};
use super::subject::{Choice, Subject, of_folder};
use super::{Failure, Outcome, export_pytorch};
use crate::model_file::ModelFile;
use crate::text_file::printable;
use crate::train::Identity;
use crate::train::run_folder::{differences, home, open};
use crate::weights::{self, Chosen, Export, FAMILIES, Like, NameMap, Ours, WeightsAbout};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Writes weights under the names of the published code, so that it loads what totc trained: `torch.load` reads the .pt
/// (with weights_only=True too), `load_state_dict` takes it. Model and settings are those of the run; weights that lie in no
/// run's folder need --model. A model of TRM, HRM or ToTRM is told by its weights.
#[derive(clap::Args)]
pub struct Args {
    /// Weights of the model (safetensors), or the folder of a run
    file: PathBuf,
    #[command(flatten)]
    target: Target,
    /// What stands before every name (default: as the published code saves compiled models, `_orig_mod.model.inner.`)
    #[arg(long, value_name = "TEXT", conflicts_with = "like")]
    prefix: Option<String>,
    /// A published checkpoint whose names, prefix, order and data types the file is to have
    #[arg(long, value_name = "CHECKPOINT")]
    like: Option<PathBuf>,
    /// Round to the data types of --like where they cannot hold a number exactly
    #[arg(long, requires = "like")]
    convert: bool,
    /// Leave out weights that have no published name
    #[arg(long)]
    partial: bool,
    /// Take --model and --set although the weights were trained with other settings
    #[arg(long)]
    other_settings: bool,
    /// The file to write: PyTorch (.pt, .pth, .bin or no ending) or .safetensors
    #[arg(long, value_name = "FILE", required_unless_present = "to")]
    out: Option<PathBuf>,
    /// Leave totc: write the model itself as PyTorch (`--to pytorch FOLDER`), with its weights and a script that compares it
    /// with `totc trace`
    #[arg(long, num_args = 2, value_names = ["FORM", "FOLDER"],
          conflicts_with_all = ["out", "prefix", "like", "convert", "partial", "names"])]
    to: Option<Vec<String>>,
}

/// Writes weights as a checkpoint that PyTorch reads.
pub fn main(args: &Args) -> Outcome {
    let own = weights::read(&args.file, None).map_err(world)?;
    let target = of_the_run(args, &own.path)?;
    if let Some([form, folder]) = args.to.as_deref() {
        return export_pytorch::write(form, Path::new(folder), &target.choice()?, &own.tensors, &own.path);
    }
    let Some(out) = &args.out else {
        return Err(Failure::Usage("say where to write: --out FILE, or --to pytorch FOLDER".to_owned()));
    };
    let bound = target.bind(Some(NameMap::own()), &own.tensors, None)?;
    let ours = Chosen::of(NameMap::own(), &bound.weights, own.tensors.keys()).map_err(world)?;
    let read = weights::import(&own.tensors, &ours, &bound.weights, false);
    if !read.is_complete() {
        let mut text = String::new();
        section(&mut text, "missing", read.left_ours.iter().map(|(name, shape)| format!("{name} {shape:?}")));
        section(
            &mut text,
            "unknown",
            read.left_theirs.iter().map(|(name, shape)| format!("{name} {shape:?}")),
        );
        section(
            &mut text,
            "of another shape or type",
            read.differences.iter().map(|other| format!("{other:?}")),
        );
        eprint!("{text}");
        return Err(Failure::World(format!(
            "{}: not the weights of {}; choose the model by --name, its configs by --set",
            own.path.display(),
            bound.model
        )));
    }
    let like = args.like.as_deref().map(|path| weights::read(path, None)).transpose().map_err(world)?;
    let mut chosen = match (args.target.map()?, &like) {
        (map, Some(like)) => weights::choose(map, &bound.weights, like.tensors.keys()).map_err(world)?,
        (Some(map), None) => Chosen::of(map, &bound.weights, []).map_err(world)?,
        (None, None) => family(&bound.weights)?,
    };
    if like.is_none() {
        chosen.prefix = args.prefix.clone().unwrap_or(chosen.map.prefix.clone());
    }
    let model = like.as_ref().map(|like| Like { tensors: &like.tensors, convert: args.convert });
    if let Some(name) = read.arrays.iter().find(|(_, array)| !array.is_finite()).map(|(name, _)| name) {
        return Err(Failure::World(format!(
            "{}: `{name}` holds numbers that are infinite or not a number (NaN); export weights of an earlier checkpoint",
            own.path.display()
        )));
    }
    let export = weights::export(&read.arrays, &chosen, &bound.weights, model.as_ref());
    if let Some(like) = &like {
        print!("like {}", printable(&about(like)));
    }
    print!("{}", printable(&report(&export, &chosen)));
    let only_left_ours = export.differences.is_empty() && export.left_like.is_empty();
    let whole = export.is_complete() || args.partial && only_left_ours;
    if export.arrays.is_empty() || !whole {
        let fix = match only_left_ours {
            true => "--partial leaves them out, --names FILE gives a map of your own",
            false => "choose the model whose checkpoint it is by --name, its configs by --set",
        };
        return Err(Failure::World(format!(
            "{} was not written, as not every weight has its place; {fix}",
            out.display()
        )));
    }
    let like = args.like.as_deref();
    let inputs: Vec<&Path> = [own.path.as_path()].into_iter().chain(like).collect();
    may_replace(out, Output::Weights, &inputs)?;
    match out.extension().is_some_and(|ending| ending == "safetensors") {
        true => weights::write_safetensors(out, &export.arrays),
        false => weights::write_torch(out, &export.arrays),
    }
    .map_err(world)?;
    println!("{}: {} tensors", out.display(), export.arrays.len());
    Ok(())
}

/// The model and settings of the run whose weights these are; others are refused unless they were asked for.
fn of_the_run(args: &Args, weights: &Path) -> Result<Target, Failure> {
    let given = &args.target;
    if args.other_settings {
        return Ok(given.clone());
    }
    let digest = |file: &PathBuf| -> Option<String> {
        let tot = file.extension().is_some_and(|extension| extension == "tot");
        tot.then(|| ModelFile::load(file, None).ok().map(|model| model.digest()))?
    };
    let other_model = |own: &str| given.model.as_ref().and_then(digest).is_some_and(|digest| digest != own);
    let mut wrong = Vec::new();
    let mut target = given.clone();
    if let Some(folder) = home(weights) {
        let before = open(&folder, Path::new(""), &[] as &[&str]).map_err(of_folder)?;
        let now = open(&folder, Path::new(""), &given.sets).map_err(of_folder)?;
        let shown = |value: &Option<String>| value.clone().unwrap_or("not set".to_owned());
        for other in differences(&before, &now) {
            wrong.push(format!(
                "{}: {} there, {} here",
                other.setting,
                shown(&other.before),
                shown(&other.now)
            ));
        }
        let identity = Identity::read(&folder).map_err(Failure::World)?;
        let own = identity.and_then(|identity| identity.about?.model_sha256);
        if own.is_some_and(|own| other_model(&own)) {
            wrong.push("the model files are others".to_owned());
        }
        target.model = Some(folder);
    } else if let (Some(about), Some(model)) = (WeightsAbout::read(weights), &given.model) {
        if other_model(&about.model_sha256) {
            wrong.push("the model files are others".to_owned());
        }
        let choice = Choice {
            file: model.clone(),
            model: given.name.clone(),
            sets: given.sets.clone(),
            sizes: about.sizes.iter().map(|(axis, size)| format!("{axis}={size}")).collect(),
        };
        let here = Subject::load(&choice)?.about()?.configs;
        for (name, there) in &about.configs {
            let Some(here) = here.get(name).filter(|here| *here != there) else { continue };
            let set = |text: &String| {
                text.split('=').next().is_some_and(|set| set.trim().trim_start_matches("set.") == name)
            };
            match given.sets.iter().any(set) {
                true => wrong.push(format!("{name}: {there} there, {here} here")),
                false => target.sets.push(format!("{name}={there}")),
            }
        }
    }
    if wrong.is_empty() {
        return Ok(target);
    }
    Err(Failure::World(format!(
        "the weights {} were trained with other settings:\n  {}\nleave out --model and --set, or give --other-settings to \
         take them all the same",
        weights.display(),
        wrong.join("\n  ")
    )))
}

/// The shipped map that names most of the model's weights.
fn family(weights: &[Ours]) -> Result<Chosen, Failure> {
    let mut best: Option<Chosen> = None;
    let named = |chosen: &Chosen| chosen.pairs.iter().map(|pair| pair.ours.len()).sum::<usize>();
    for family in FAMILIES {
        let Ok(next) = NameMap::shipped(family).and_then(|map| Chosen::of(map, weights, [])) else {
            continue;
        };
        if best.as_ref().is_none_or(|best| named(&next) > named(best)) {
            best = Some(next);
        }
    }
    best.ok_or_else(|| {
        Failure::World("none of the shipped name maps fits the model; give one by --names FILE".to_owned())
    })
}

fn report(export: &Export, chosen: &Chosen) -> String {
    let mut text = format!("names of {}, prefix `{}`\n", chosen.map.family, chosen.prefix);
    let paths = export.matched.iter().map(|(_, _, paths)| paths.join(" and "));
    let width = paths.clone().map(|path| path.len()).max().unwrap_or(0);
    for ((name, shape, _), path) in export.matched.iter().zip(paths) {
        let how = export.converted.iter().find(|(converted, _)| converted == name);
        let how = how.map_or(String::new(), |(_, how)| format!("  ({how})"));
        let _ = writeln!(text, "  {path:width$}  →  {name} {shape:?}{how}");
    }
    let of = |list: &[(String, Vec<usize>)]| -> Vec<String> {
        list.iter().map(|(name, shape)| format!("{name} {shape:?}")).collect()
    };
    section(&mut text, "without a published name", of(&export.left_ours).into_iter());
    section(&mut text, "differs", export.differences.iter().cloned());
    section(&mut text, "only in the file to be like", of(&export.left_like).into_iter());
    text
}
