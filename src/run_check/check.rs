//! Which parts of a run are checked, and in which order: takes a run with its model and what is known of its data, gives what was
//! found; words no complaint.

use std::path::PathBuf;

use super::misfit::RunMistake;
use super::preflight::preflight;
use super::steps::Memo;
use crate::data::{self, DataError, DataShape, DataSpec};
use crate::ir::Mode;
use crate::model_file::ModelFile;
use crate::run_file::{Length, RunFile};

/// What is known of the data of a run.
#[derive(Debug)]
pub enum Data {
    /// Their shape.
    Known(DataShape),
    /// There is no such file: the sizes are stand-ins.
    Absent(PathBuf),
    /// Nobody has looked: the sizes are stand-ins.
    Unread,
    /// They cannot be used.
    Broken(DataError),
}

impl Data {
    /// Of what was found when they were looked at.
    pub fn of(found: Result<DataShape, DataError>) -> Data {
        match found {
            Ok(shape) => Data::Known(shape),
            Err(DataError::File { path, cause }) if cause.kind() == std::io::ErrorKind::NotFound => {
                Data::Absent(path)
            }
            Err(error) => Data::Broken(error),
        }
    }

    /// Of a run file's data without a look at any file: those that are generated are known.
    pub fn without_reading(run: &RunFile) -> Data {
        match &run.run.data {
            spec @ (DataSpec::Sudoku(_) | DataSpec::Maze(_)) => {
                Data::of(data::shape(spec, run.data_folder()))
            }
            _ => Data::Unread,
        }
    }
}

/// A run with its model, bound to what is known of its data.
pub struct Subject {
    /// The run file.
    pub run: RunFile,
    /// The model.
    pub model: ModelFile,
    /// What is known of the data.
    pub data: Data,
}

/// What was found of a run.
pub struct Found {
    /// The run and its model, whose `sink` holds the mistakes of both together.
    pub subject: Subject,
    /// The names of the model, if it is fine.
    pub names: Vec<String>,
    /// What would end the run later.
    pub mistake: Option<RunMistake>,
}

impl Subject {
    /// The same without a look at the data's files: `model` as it was read.
    pub fn without_reading(mut run: RunFile, mut model: ModelFile) -> Subject {
        model.bind_start(&run);
        let data = Data::without_reading(&run);
        if let Data::Known(shape) = &data {
            bind_data(&mut run, &mut model, shape);
        }
        Subject { run, model, data }
    }
}

/// Binds a model to the data, and tells the run how long it is.
pub fn bind_data(run: &mut RunFile, model: &mut ModelFile, shape: &DataShape) {
    run.run.steps_in_all = Some(run.run.length.steps(shape.train_len, run.run.batch));
    for (axis, size) in shape.sizes.axes() {
        model.bind_size(axis, size);
    }
}

/// Everything that is checked of a run: its model in both modes, then its settings with the programs of all parts. With
/// mistakes in the model, or data that cannot be used, the settings wait.
pub fn check(mut subject: Subject, memo: &Memo) -> Found {
    let mut names = Vec::new();
    for mode in [Mode::Training, Mode::Evaluation] {
        if let Some(step) = memo.step(&mut subject.model, mode)
            && !names.contains(&step.model)
        {
            names.push(step.model.clone());
        }
    }
    let waits = subject.model.sink.has_errors() || matches!(subject.data, Data::Broken(_));
    let mistake = if waits { None } else { settings(&subject, memo) };
    Found { subject, names, mistake }
}

fn settings(subject: &Subject, memo: &Memo) -> Option<RunMistake> {
    let mut run = subject.run.clone();
    if let (None, Length::Steps(steps)) = (run.run.steps_in_all, run.run.length) {
        run.run.steps_in_all = Some(steps);
    }
    let columns = match &subject.data {
        Data::Known(shape) => Some(shape.sizes.fields()),
        _ => None,
    };
    preflight(&run, &mut subject.model.clone(), columns.as_deref(), memo).err()
}

impl Found {
    /// Whether nothing stands in the way of the run.
    pub fn is_fine(&self) -> bool {
        let Found { subject, mistake, .. } = self;
        mistake.is_none() && !subject.model.sink.has_errors() && !matches!(subject.data, Data::Broken(_))
    }
}
