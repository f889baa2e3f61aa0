//! Which settings weights are used by: takes what a command was told (a run's folder or a run file, weights, `--set`s), gives
//! the run file of the run whose weights they are, and names what differs. Settings that nobody asked for are refused.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::identity::Identity;
use super::run_folder::{self, RunFolderError, differences, holds_run, home, open};
use crate::model::Model;
use crate::model_file::ModelFile;
use crate::run_file::{self, Difference, RunFile};
use crate::weights::{self, WeightsAbout};

/// What a command was told.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The folder of a run, or a run file.
    pub file: &'a Path,
    /// Weights in place of the run's own.
    pub weights: Option<&'a Path>,
    /// `--set`s.
    pub sets: &'a [String],
    /// Whether settings may be others than those with which the weights were trained.
    pub other_settings: bool,
}

/// A run whose weights, or settings, a command uses.
#[derive(Clone, Debug)]
pub struct UsedRun {
    /// The settings.
    pub run: RunFile,
    /// Where what a command finds out is kept: the folder of the run, or the one that the run file names.
    pub folder: PathBuf,
    /// Settings that are not those with which the weights were trained, as they were asked for.
    pub other: Vec<Difference>,
    /// What the user has to know, a line or more each.
    pub notes: Vec<String>,
    /// Whether the weights lie in the folder of a run, whose settings were compared.
    pub compared: bool,
}

/// Finds the run and its settings.
///
/// # Errors
/// A folder without a run, a run file with mistakes, settings that are not those of the run whose weights are given.
pub fn find(wish: &Wish) -> Result<UsedRun, RunFolderError> {
    let mut found = match run_folder::named(wish.file) {
        Some(folder) => of_folder(&folder, Path::new(""), wish.sets)?,
        None => of_file(wish)?,
    };
    let Some(given) = wish.weights else { return Ok(found) };
    let Some(theirs) = home(given) else { return Ok(found) };
    found.compared = true;
    if same_folder(&theirs, &found.folder) {
        return Ok(found);
    }
    let before = open(&theirs, Path::new(""), &[] as &[&str])?;
    let mut other: Vec<Difference> =
        differences(&before, &found.run).into_iter().filter(|other| decides(&other.setting)).collect();
    other.extend(model_of(&theirs)?.and_then(|theirs| other_model(&theirs, &found.run)));
    other.retain(|other| !found.other.iter().any(|asked| asked.setting == other.setting));
    let asked = |other: &Difference| found.run.overridden.iter().any(|name| plain(&other.setting) == *name);
    let (asked, unasked): (Vec<_>, Vec<_>) = other.into_iter().partition(asked);
    if !unasked.is_empty() && !wish.other_settings {
        return Err(RunFolderError::Unusable(refusal(given, &unasked, wish.file, Some(&theirs))));
    }
    found.other.extend(asked.into_iter().chain(unasked));
    Ok(found)
}

/// Refuses weights in a file of their own that were trained with other settings, which the file says; unless that is
/// wanted, and then gives the settings.
///
/// # Errors
/// What differs, in a sentence.
pub fn compare_about(
    wish: &Wish,
    about: &WeightsAbout,
    model: &Model,
    file: &ModelFile,
    run: &RunFile,
) -> Result<Vec<Difference>, RunFolderError> {
    let mut other = Vec::new();
    let mut differ = |setting: &str, before: Option<&str>, now: Option<&str>| {
        if before != now {
            let text = |value: Option<&str>| value.map(str::to_owned);
            other.push(Difference { setting: setting.to_owned(), before: text(before), now: text(now) });
        }
    };
    let precision = run.run.precision.name();
    differ("precision", Some(&about.precision), Some(precision));
    let digest = file.digest();
    if about.model_sha256 != digest {
        differ("model", Some(short(&about.model_sha256)), Some(short(&digest)));
    }
    for (name, value) in &about.configs {
        let now = model.configs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        differ(&format!("set.{name}"), Some(value), now);
    }
    for (name, value) in model.configs.iter().filter(|(name, _)| !about.configs.contains_key(name)) {
        differ(&format!("set.{name}"), None, Some(value));
    }
    let asked = |other: &Difference| run.overridden.iter().any(|name| plain(&other.setting) == *name);
    let unasked: Vec<Difference> = other.iter().filter(|other| !asked(other)).cloned().collect();
    match (unasked.is_empty() || wish.other_settings, wish.weights) {
        (false, Some(given)) => Err(RunFolderError::Unusable(refusal(given, &unasked, wish.file, None))),
        _ => Ok(other),
    }
}

/// Of a run's own folder.
fn of_folder(folder: &Path, given: &Path, sets: &[String]) -> Result<UsedRun, RunFolderError> {
    let before = open(folder, given, &[] as &[&str])?;
    let run = open(folder, given, sets)?;
    let mut other: Vec<Difference> =
        differences(&before, &run).into_iter().filter(|other| decides(&other.setting)).collect();
    if run.overridden.iter().any(|name| name == "model") {
        other.extend(model_of(folder)?.and_then(|before| other_model(&before, &run)));
    }
    Ok(UsedRun { run, folder: folder.to_owned(), other, notes: Vec::new(), compared: false })
}

/// Of a run file: of the run in its output folder, if there is one.
fn of_file(wish: &Wish) -> Result<UsedRun, RunFolderError> {
    let file = run_file::load_with(wish.file, wish.sets)?;
    let out = file.out();
    if !holds_run(&out) {
        return Ok(UsedRun { run: file, folder: out, other: Vec::new(), notes: Vec::new(), compared: false });
    }
    let mut found = of_folder(&out, file.folder(), wish.sets)?;
    let mut changed = differences(&found.run, &file);
    changed.extend(
        model_of(&out)?.filter(|_| found.run.keeps_model()).and_then(|before| other_model(&before, &file)),
    );
    if !changed.is_empty() {
        let mut note = format!("the settings are those of the run in {}:", out.display());
        for other in &changed {
            let _ = write!(
                note,
                "\n  {}: {}, where {} says {}",
                other.setting,
                shown(&other.before),
                file.path.display(),
                shown(&other.now)
            );
        }
        found.notes.push(note);
    }
    Ok(found)
}

/// The digest of the model files that a run used, if its folder says it.
fn model_of(folder: &Path) -> Result<Option<String>, RunFolderError> {
    let identity = Identity::read(folder).map_err(RunFolderError::Unusable)?;
    Ok(identity.and_then(|identity| identity.about?.model_sha256))
}

fn other_model(before: &str, run: &RunFile) -> Option<Difference> {
    let now = ModelFile::of_run(run, None).ok()?.digest();
    (before != now).then(|| Difference {
        setting: "model".to_owned(),
        before: Some(short(before).to_owned()),
        now: Some(short(&now).to_owned()),
    })
}

/// The start of a hash, with what it is of.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// Whether a setting decides what weights compute; how they are tested is told by the protocol.
fn decides(setting: &str) -> bool {
    !setting.starts_with("evaluation.")
}

/// A setting as `--set` names it.
fn plain(setting: &str) -> &str {
    setting.strip_prefix("set.").or_else(|| setting.strip_prefix("set_in_evaluation.")).unwrap_or(setting)
}

fn shown(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("not set")
}

fn refusal(weights: &Path, other: &[Difference], file: &Path, home: Option<&Path>) -> String {
    let mut text = format!(
        "the weights {} were trained with other settings than those of {}:",
        weights.display(),
        file.display()
    );
    for other in other {
        let what = if other.setting == "model" { "model files (sha256)" } else { &other.setting };
        let _ = write!(text, "\n  {what}: {} there, {} here", shown(&other.before), shown(&other.now));
    }
    let own = match home {
        Some(_) => "give the folder of their run in place of the run file to use its settings, ".to_owned(),
        None => "give the settings they were trained with by --set, ".to_owned(),
    };
    let _ = write!(text, "\n{own}or --other-settings to use them with these all the same");
    text
}

fn same_folder(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    whole(one) == whole(other)
}

/// The weight file that `given` names, for its hash and what it says of itself.
///
/// # Errors
/// A file that is not there.
pub fn facts(path: &Path) -> Result<(String, Option<WeightsAbout>), weights::WeightFileError> {
    let hash = weights::fingerprint(path)?;
    weights::as_written(path, &hash)?;
    Ok((hash, WeightsAbout::read(path)))
}
