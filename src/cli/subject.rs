//! What a command works on: a model file, or a run file with the model it names. Takes the choices of the command line,
//! gives the model bound to them.

use super::Failure;
use crate::data::{self, DataError, DataShape};
use crate::ir::Mode;
use crate::model_file::ModelFile;
use crate::run_check::{Memo, bind_data};
use crate::run_file::{self, RunFile};
use crate::syntax::Disk;
use crate::train::run_folder::{self, RunFolderError};
use crate::weights::WeightsAbout;
use clap::Args as ClapArgs;
use std::path::{Path, PathBuf};

/// Arguments that choose a model and its configs.
#[derive(ClapArgs, Clone)]
pub struct Choice {
    /// A model file (.tot), a run file (.ron), or the folder of a run
    pub file: PathBuf,
    /// Which model of the file (default: the one named like the file, else the first)
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Give a config (or, of a run file, a field) another value
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub sets: Vec<String>,
    /// Give an axis of the data its size, e.g. cell=81 (a run file's data set does this by itself)
    #[arg(long = "size", value_name = "AXIS=N")]
    pub sizes: Vec<String>,
}

/// A model, and the run file that named it, if one did.
pub struct Subject {
    /// The model with everything bound.
    pub model_file: ModelFile,
    /// The run file.
    pub run: Option<RunFile>,
    /// What is known of the run file's data.
    pub data: Option<DataShape>,
    /// Why the run file's data cannot be used.
    pub data_error: Option<DataError>,
}

impl Subject {
    /// Reads a model or run file and everything it names.
    pub fn load(choice: &Choice) -> Result<Subject, Failure> {
        let folder = run_folder::named(&choice.file);
        if folder.is_some() || choice.file.extension().is_some_and(|extension| extension == "ron") {
            let run = match folder {
                Some(folder) => run_folder::open(&folder, Path::new(""), &choice.sets).map_err(of_folder)?,
                None => run_file::load_with(&choice.file, &choice.sets)?,
            };
            let subject = Subject::of_run(run, choice.model.clone())?;
            return subject.with_sizes(&choice.sizes);
        }
        let mut model = read(&choice.file, choice.model.clone())?;
        for set in &choice.sets {
            model.set(set).map_err(Failure::Usage)?;
        }
        Subject { model_file: model, run: None, data: None, data_error: None }.with_sizes(&choice.sizes)
    }

    /// The model of a run file, with its configs; the data's sizes come later, from the data.
    pub fn of_run(run: RunFile, model: Option<String>) -> Result<Subject, Failure> {
        let model = ModelFile::of_run(&run, model).map_err(|error| unreadable(&run, &error))?;
        Ok(Subject::of_model(run, model))
    }

    /// The same, with texts that the memo may know already.
    pub fn remembered(run: RunFile, memo: &Memo) -> Result<Subject, Failure> {
        if run.keeps_model() {
            return Subject::of_run(run, None);
        }
        let model = memo.model(&run.model_path(), run.run.name.clone(), &Disk);
        let model = model.map_err(|error| unreadable(&run, &error))?;
        Ok(Subject::of_model(run, model))
    }

    fn of_model(run: RunFile, mut model: ModelFile) -> Subject {
        model.bind_start(&run);
        Subject { model_file: model, run: Some(run), data: None, data_error: None }
    }

    /// What weights of the model say of themselves.
    pub fn about(&mut self) -> Result<WeightsAbout, Failure> {
        let model = self.model_file.model(Mode::Evaluation)?;
        let sizes = &self.model_file.bindings.sizes;
        let precision = self.run.as_ref().map(|run| run.run.precision).unwrap_or_default();
        Ok(WeightsAbout {
            totc: env!("CARGO_PKG_VERSION").to_owned(),
            model: model.graph.model.clone(),
            model_sha256: self.model_file.digest(),
            configs: model.configs.into_iter().collect(),
            sizes: sizes
                .iter()
                .filter(|(axis, _)| *axis != "batch")
                .map(|(axis, size)| (axis.clone(), *size))
                .collect(),
            precision: precision.name().to_owned(),
            ..WeightsAbout::default()
        })
    }

    /// The same with the sizes of the run file's data, and others given as `AXIS=N`.
    pub fn with_sizes(mut self, sizes: &[String]) -> Result<Subject, Failure> {
        if let Some(run) = &mut self.run {
            match data::shape(&run.run.data, run.data_folder()) {
                Ok(shape) => {
                    bind_data(run, &mut self.model_file, &shape);
                    self.data = Some(shape);
                }
                Err(error) => self.data_error = Some(error),
            }
        }
        for text in sizes {
            self.model_file.set_size(text).map_err(Failure::Usage)?;
        }
        Ok(self)
    }
}

fn unreadable(run: &RunFile, error: &std::io::Error) -> Failure {
    Failure::World(format!("{}: {error}", run.model_path().display()))
}

/// What stands in the way of using the folder of a run.
pub fn of_folder(error: RunFolderError) -> Failure {
    match error {
        RunFolderError::RunFile(error) => error.into(),
        RunFolderError::Unusable(what) => Failure::World(what),
    }
}

/// Reads a model file and what it uses.
pub fn read(path: &Path, model: Option<String>) -> Result<ModelFile, Failure> {
    ModelFile::load(path, model).map_err(|error| Failure::World(format!("{}: {error}", path.display())))
}
