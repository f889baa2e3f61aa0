//! Why a run cannot begin or go on: one error for everything that a run meets, each with its cause and the fix.

use std::path::PathBuf;

use super::machine::MachineError;
use crate::data::DataError;
use crate::exec::{ExecError, WeightsError};
use crate::model_file::CompileError;
use crate::run_file::RunFileError;
use crate::train::checkpoint::CheckpointError;
use crate::train::error::TrainError;
use crate::train::files::FileError;
use crate::train::log::LogError;
use crate::train::run_folder::RunFolderError;
use crate::weights::WeightFileError;

/// What stands in the way of a run; the text is ready for the person who started it.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The run file says something that is not allowed.
    #[error(transparent)]
    RunFile(#[from] RunFileError),
    /// A model file was given in place of a run file.
    #[error(
        "{} is a model file; this command takes a run file (.ron), which names a model and its data",
        .0.display()
    )]
    ModelFile(PathBuf),
    /// The model does not compile.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The model does not compile with the configs of a part of the run: which one.
    #[error("{cause}\nnote: {part}")]
    Part {
        /// A sentence without full stop.
        part: String,
        /// What is wrong.
        cause: CompileError,
    },
    /// A program cannot be made ready to run: totc's own mistake, or no memory left.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// The device is not there.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The output folder holds a run, and it was not asked to go on with it.
    #[error("{} holds a run already; go on with it by --resume, or choose another folder by --out", .0.display())]
    Occupied(PathBuf),
    /// The output folder holds a file of that name which no run has written.
    #[error("{} is there already and was not written by a run; choose another output folder by --out", .0.display())]
    InTheWay(PathBuf),
    /// The folder of a run cannot be used, or its weights not with these settings: a sentence.
    #[error("{0}")]
    Folder(String),
    /// The output folder holds a run of other settings, another model or other weights: what differs, and the fix.
    #[error("{0}")]
    OtherRun(String),
    /// Weights were asked for where there are none.
    #[error("{} holds no checkpoint; train first with `totc run`, or give --weights FILE", .0.display())]
    NoCheckpoint(PathBuf),
    /// Training or evaluation failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A checkpoint cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The metrics log cannot be written or read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A weight file does not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A weight file cannot be read.
    #[error(transparent)]
    WeightFile(#[from] WeightFileError),
    /// Another file of the output folder cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The model file cannot be read, or the output folder cannot be made.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// Weights of another model cannot be put in place of fresh ones.
    #[error("libtorch failed while putting the weights of `init` in place: {0}")]
    Transfer(#[from] tch::TchError),
}

impl From<RunFolderError> for RunError {
    fn from(error: RunFolderError) -> RunError {
        match error {
            RunFolderError::RunFile(error) => RunError::RunFile(error),
            RunFolderError::Unusable(what) => RunError::Folder(what),
        }
    }
}
