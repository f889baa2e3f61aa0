//! The folder of a run, which is all that one needs of it: takes a folder, gives the run file as it was used, with the
//! model files and the library beside it; says how other settings differ from those of the run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::files::{FileError, write_whole};
use super::identity::Identity;
use crate::model_file::ModelFile;
use crate::run_file::{self, Difference, Kept, RunFile, RunFileError};

/// The settings in force, in a run's folder.
pub const SETTINGS: &str = "run.ron";
/// The model files as they are used, in a run's folder.
pub const MODEL: &str = "model";

/// Why the folder of a run cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunFolderError {
    /// Its run file, or a `--set`, says something that is not allowed.
    #[error(transparent)]
    RunFile(#[from] RunFileError),
    /// A sentence.
    #[error("{0}")]
    Unusable(String),
}

/// Whether a run has left its settings in `folder`.
pub fn holds_run(folder: &Path) -> bool {
    folder.join(SETTINGS).is_file() && folder.join(Identity::NAME).is_file()
}

/// The folder of the run that `path` names: the folder itself, or its run file.
pub fn named(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        return Some(path.to_owned());
    }
    let folder = path.parent().filter(|_| path.file_name().is_some_and(|name| name == SETTINGS))?;
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    holds_run(folder).then(|| folder.to_owned())
}

/// The folder of the run that a weight file, or a folder of weights, lies in.
pub fn home(weights: &Path) -> Option<PathBuf> {
    let weights = std::path::absolute(weights).ok()?;
    weights.ancestors().take(3).find(|folder| holds_run(folder)).map(Path::to_owned)
}

/// Reads the run file of a run's folder, with `--set`s; relative paths in these start at `given`.
///
/// # Errors
/// A folder without a run, or of a totc that kept no copy of the model where the model is gone; settings that are not
/// allowed.
pub fn open(folder: &Path, given: &Path, sets: &[impl AsRef<str>]) -> Result<RunFile, RunFolderError> {
    let unusable = |what: String| Err(RunFolderError::Unusable(what));
    if !holds_run(folder) {
        return unusable(format!(
            "{} is not the folder of a run: it holds no {SETTINGS} with {}; give the folder that `totc run` wrote, or a \
             run file (.ron)",
            folder.display(),
            Identity::NAME
        ));
    }
    let identity = Identity::read(folder).map_err(RunFolderError::Unusable)?;
    // Where it was started: data stay where they are, and earlier versions left the model there too.
    let began = identity.as_ref().and_then(|identity| identity.made.run_file.parent()).map(Path::to_owned);
    let began = began.filter(|began| began.is_dir()).unwrap_or_else(|| folder.to_owned());
    let copied = folder.join(MODEL).is_dir();
    let kept = Kept {
        folder: folder.to_owned(),
        model: if copied { folder.to_owned() } else { began.clone() },
        data: began,
        given: given.to_owned(),
    };
    let run = run_file::load_kept(&folder.join(SETTINGS), kept, sets)?;
    if !copied && !run.model_path().exists() {
        return unusable(format!(
            "{} is of an earlier totc, which kept no copy of the model, and {} is not there; give the file by \
             `--set model=FILE`",
            folder.display(),
            run.model_path().display()
        ));
    }
    Ok(run)
}

/// Writes what a run's folder says of it: settings, model files, identity.
///
/// # Errors
/// A file that cannot be written.
pub fn keep(folder: &Path, run: &RunFile, model: &ModelFile, identity: &Identity) -> Result<(), FileError> {
    let texts = model.texts();
    for (place, text) in &texts {
        write_whole(&folder.join(MODEL).join(place), text.as_bytes())?;
    }
    let root = Path::new(MODEL).join(format!("{}.tot", model.modules.root_stem));
    // A path of the other kind of separator would not be found elsewhere.
    let root = root.to_string_lossy().replace('\\', "/");
    write_whole(&folder.join(SETTINGS), run.resolved_text(&root).as_bytes())?;
    let text = serde_json::to_string_pretty(identity).unwrap_or_default();
    write_whole(&folder.join(Identity::NAME), text.as_bytes())
}

/// A file of the user's that a new run in `folder` would overwrite; `None` where the folder is free, or holds a run.
pub fn in_the_way(folder: &Path) -> Option<PathBuf> {
    // What totc has written reads as such; a file of the same name may be the author's.
    if holds_run(folder) && !matches!(Identity::read(folder), Ok(None) | Err(_)) {
        return None;
    }
    let own = [
        SETTINGS,
        Identity::NAME,
        MODEL,
        "checkpoint",
        "best",
        "evaluations",
        super::log::MetricsLog::NAME,
        super::TENSORBOARD,
        super::PUZZLES,
        super::FinalTest::NAME,
    ];
    let written = own.iter().map(|name| folder.join(name)).find(|path| path.exists());
    // Where an author's files lie, the files of a run would stand between them.
    let authored = || {
        let entries = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
        let mut of_author =
            entries.filter(|path| path.extension().is_some_and(|kind| kind == "tot" || kind == "ron"));
        of_author.next()
    };
    written.or_else(|| folder.is_file().then(|| folder.to_owned())).or_else(authored)
}

/// Settings that decide what the weights of a run compute when they are used, by dotted name.
fn of_use(run: &RunFile) -> BTreeMap<String, String> {
    let training = ["seed", "batch", "accumulate", "micro_batch", "clip", "ema", "length"];
    let groups = ["optimiser.", "tables.", "schedule.", "groups.", "init."];
    let mut settings = run.all_settings();
    settings.retain(|name, _| {
        !training.contains(&name.as_str()) && !groups.iter().any(|group| name.starts_with(group))
    });
    settings
}

/// How the settings of `now` differ from those of `before`, as far as they decide what weights compute when they are used.
pub fn differences(before: &RunFile, now: &RunFile) -> Vec<Difference> {
    let (before, now) = (of_use(before), of_use(now));
    let names: std::collections::BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    names
        .into_iter()
        .map(|name| (name, before.get(name).cloned(), now.get(name).cloned()))
        .filter(|(_, before, now)| before != now)
        .map(|(name, before, now)| Difference { setting: name.clone(), before, now })
        .collect()
}
