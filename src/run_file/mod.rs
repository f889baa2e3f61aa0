//! Run files: takes the path of a `.ron` file and the `--set`s of a command, gives checked settings; never opens the
//! model or the data that they name.

mod about;
mod blame;
mod config_value;
mod error;
mod error_place;
mod fingerprint;
mod limits;
mod mentions;
mod outline;
mod overrides;
mod reading;
mod reference;
mod resolved;
mod run;
mod spot;
mod sweep;
mod text;
mod training;
mod variants;

use std::path::{Path, PathBuf};

pub use about::{ChoiceAbout, FieldAbout, choices, choices_of_setting, field, fields_at, settings};
pub use config_value::ConfigValue;
pub use error::{Problem, Refusal, RunFileError, Slug};
pub use fingerprint::{Difference, Fingerprint};
pub use limits::out_of_bounds;
pub use mentions::{NameInRun, Named, is_set, names_of_model, plain, trained, value_of};
pub use reading::fields;
pub use reference::{reference, schema};
pub use run::{Begin, Phase, Precision, Run, Share, Start};
pub use spot::{Gap, Part, Spot, gap_at, spot_at};
pub use sweep::{Row, Sweep, SweepFile, is_of_the_sweep, is_other, is_sweep, load_sweep, parse_sweep};
pub use training::{
    Checkpoints, Choose, Curve, Evaluation, EvaluationWeights, Keep, Length, Optimiser, ParamGroup, Schedule,
    Stop, Tables, TrainConfig,
};
pub use variants::{Given, Variant};

use text::Text;

/// A run file that has been read and checked.
#[derive(Clone, Debug)]
pub struct RunFile {
    /// Where it was read.
    pub path: PathBuf,
    /// What it says, `--set`s included.
    pub run: Run,
    /// Configs that `--set` or a row of a sweep has set, fields of the run file among them.
    pub overridden: Vec<String>,
    /// Where everything lies, if this is the run file that a run keeps in its folder.
    pub kept: Option<Kept>,
    text: Text,
}

/// Where the parts of a run lie whose run file is read from its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The folder of the run.
    pub folder: PathBuf,
    /// Where the model's path starts: the same, or for a folder without a copy of its model the one of the run file that it
    /// was started with.
    pub model: PathBuf,
    /// Where relative paths of the data start.
    pub data: PathBuf,
    /// Where those start that a `--set` gives.
    pub given: PathBuf,
}

/// Reads and checks the run file at `path`.
pub fn load(path: &Path) -> Result<RunFile, RunFileError> {
    load_with(path, &[] as &[&str])
}

/// Reads the run file at `path` with `--set`s (see `RunFile::with_overrides`) and checks both together.
pub fn load_with(path: &Path, overrides: &[impl AsRef<str>]) -> Result<RunFile, RunFileError> {
    let text = crate::text_file::read(path)
        .map_err(|cause| RunFileError::Unreadable { path: path.to_owned(), cause })?;
    parse(path, &text, overrides)
}

/// Checks the text of a run file; `path` names it in messages and is where its relative paths start.
pub fn parse(path: &Path, text: &str, overrides: &[impl AsRef<str>]) -> Result<RunFile, RunFileError> {
    overridden(path.to_owned(), Text::new(&path.display().to_string(), text), overrides)
}

/// Reads the run file that a run keeps in its folder, with `--set`s.
///
/// # Errors
/// As [`load_with`].
pub fn load_kept(path: &Path, kept: Kept, overrides: &[impl AsRef<str>]) -> Result<RunFile, RunFileError> {
    Ok(RunFile { kept: Some(kept), ..load_with(path, overrides)? })
}

impl RunFile {
    /// The same run file with `name=value`s written into it, the last of a name winning. `batch=32` and
    /// `optimiser.lr=1e-3` set fields; a name that is no field (`T=4`, the same as `set.T=4`) sets a config.
    pub fn with_overrides(self, overrides: &[impl AsRef<str>]) -> Result<RunFile, RunFileError> {
        let (before, kept) = (self.overridden, self.kept);
        let mut run = overridden(self.path, self.text, overrides)?;
        run.overridden.extend(before);
        Ok(RunFile { kept, ..run })
    }

    /// The folder of the file.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// The folder where relative paths of the data start.
    pub fn data_folder(&self) -> &Path {
        match &self.kept {
            Some(kept) if self.gives("data") => &kept.given,
            Some(kept) => &kept.data,
            None => self.folder(),
        }
    }

    /// The file of the model.
    pub fn model_path(&self) -> PathBuf {
        let folder = match &self.kept {
            Some(kept) if self.gives("model") => &kept.given,
            Some(kept) => &kept.model,
            None => self.folder(),
        };
        folder.join(&self.run.model)
    }

    /// Whether the model is the copy that a run keeps in its folder, with the library.
    pub fn keeps_model(&self) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.model == kept.folder) && !self.gives("model")
    }

    /// Whether a `--set` has given a field, or a part of it.
    fn gives(&self, field: &str) -> bool {
        let inside = |name: &String| {
            name.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.overridden.iter().any(inside)
    }

    /// The folder for checkpoints and metrics.
    pub fn out(&self) -> PathBuf {
        if let Some(kept) = self.kept.as_ref().filter(|_| !self.gives("out")) {
            return kept.folder.clone();
        }
        let by_name = || Path::new("runs").join(self.path.file_stem().unwrap_or("run".as_ref()));
        self.run.out.clone().unwrap_or_else(by_name)
    }

    /// What the trainer reads.
    pub fn train_config(&self) -> TrainConfig {
        self.run.train_config()
    }

    /// What a resumed run must share with its checkpoint.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.run)
    }

    /// Every setting that can change a result, by dotted name.
    pub fn all_settings(&self) -> std::collections::BTreeMap<String, String> {
        Fingerprint::with_results(&self.run)
    }

    /// A complaint that only a later stage could have about a setting (`set.hiden`, `optimiser.name`), shown where the
    /// setting stands, or at the start of the file if it is a default.
    pub fn refuse(&self, setting: &str, slug: Slug, message: &str, help: Option<&str>) -> RunFileError {
        let range = reading::place_of(self.text.ron(), setting, slug);
        let problem = Problem {
            slug,
            message: message.to_owned(),
            span: self.text.span(range),
            label: String::new(),
            help: help.map(str::to_owned),
        };
        RunFileError::Refused(Refusal { sources: self.text.sources.clone(), problems: vec![problem] })
    }

    /// The texts that it was read from: the file itself, then each `--set`.
    pub fn sources(&self) -> &crate::source::Sources {
        &self.text.sources
    }

    /// Where a setting stands, as [`RunFile::refuse`] shows it; None of a default.
    pub fn place(&self, setting: &str, slug: Slug) -> Option<crate::source::Span> {
        let range = reading::place_of(self.text.ron(), setting, slug);
        (!range.is_empty()).then(|| self.text.span(range))
    }

    /// The whole text in effect; reading it gives the same settings.
    pub fn effective_text(&self) -> &str {
        self.text.ron()
    }

    /// The text in effect with every setting of training and testing written out, so that a totc with other defaults reads
    /// the same; `model` is where the model lies.
    pub fn resolved_text(&self, model: &str) -> String {
        resolved::written_out(self.text.ron(), &self.run, model)
    }
}

fn overridden(path: PathBuf, mut text: Text, overrides: &[impl AsRef<str>]) -> Result<RunFile, RunFileError> {
    let applied = overrides.iter().map(|spelling| overrides::apply(&mut text, spelling.as_ref()));
    let mut problems: Vec<Problem> = applied.filter_map(Result::err).collect();
    match reading::read(&text) {
        Ok(run) if problems.is_empty() => {
            let overridden = overrides.iter().map(|spelling| config_of(spelling.as_ref())).collect();
            return Ok(RunFile { path, run, text, overridden, kept: None });
        }
        Ok(_) => {}
        Err(more) => problems.extend(more),
    }
    problems.sort_by_key(|problem| problem.span);
    Err(RunFileError::Refused(Refusal { sources: text.sources, problems }))
}

/// The config that an override may set: `T` of `T=4`, `set.T=4` and `set_in_evaluation.T=4`.
fn config_of(spelling: &str) -> String {
    let name = spelling.split('=').next().unwrap_or_default().trim();
    let bare = name.strip_prefix("set.").or_else(|| name.strip_prefix("set_in_evaluation."));
    bare.unwrap_or(name).to_owned()
}
