//! Why a run cannot begin or go on: one error for everything that a run meets, each with its cause and the fix.

use std::path::PathBuf;

use super::machine::MachineError;
use crate::data::DataError;
use crate::distributed::DistributedError;
use crate::exec::{ExecError, WeightsError};
use crate::model_file::CompileError;
use crate::run_check::RunMistake;
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
    /// There is nothing to go on from.
    #[error("{} holds no checkpoint to go on from; start the run without --resume", .0.display())]
    NothingToResume(PathBuf),
    /// Another process works in the output folder.
    #[error(
        "{} is being trained by {owner}; let it end, or choose another folder by --out{}",
        folder.display(), unless_gone(lock)
    )]
    Held {
        /// The output folder.
        folder: PathBuf,
        /// Who holds it.
        owner: String,
        /// The lock, where the system cannot say whether that process lives.
        lock: Option<PathBuf>,
    },
    /// Another process has taken the output folder.
    #[error(
        "{} was taken over by another process while this one was halted; nothing more is written by this one",
        .0.display()
    )]
    Lost(PathBuf),
    /// There is no checkpoint before the last.
    #[error("{} holds no checkpoint before the last one", .0.display())]
    NoEarlier(PathBuf),
    /// The last checkpoint is damaged.
    #[error("{what}{}", instead(folder, step))]
    Damaged {
        /// The file and what is wrong with it.
        what: String,
        /// The output folder.
        folder: PathBuf,
        /// Steps done of the checkpoint before, where that is whole.
        step: Option<u64>,
    },
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
    /// The processes of the run do not meet, differ, or one of them is lost.
    #[error(transparent)]
    Distributed(#[from] DistributedError),
    /// The batch cannot be shared.
    #[error(
        "a batch of {batch} rows{} cannot be shared by {processes} processes; give a `batch` that is a multiple of {processes}",
        in_parts(*part)
    )]
    Unshared {
        /// Rows of the batch.
        batch: usize,
        /// Rows computed at once, where the run file says it.
        part: Option<usize>,
        /// How many processes there are.
        processes: usize,
    },
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

fn in_parts(part: Option<usize>) -> String {
    part.map_or(String::new(), |part| format!(" in parts of {part} (`micro_batch`)"))
}

fn unless_gone(lock: &Option<PathBuf>) -> String {
    lock.as_ref().map_or(String::new(), |lock| format!("; if it is gone, remove {}", lock.display()))
}

fn instead(folder: &std::path::Path, step: &Option<u64>) -> String {
    match step {
        Some(step) => format!(
            "; the checkpoint before it, of step {step}, is whole: `totc run {} --resume --earlier` goes on from there",
            folder.display()
        ),
        None => "; there is no whole checkpoint before it: start the run anew".to_owned(),
    }
}

impl From<RunMistake> for RunError {
    fn from(mistake: RunMistake) -> RunError {
        match mistake {
            RunMistake::RunFile(error) => error.into(),
            RunMistake::Compile { part, cause, .. } if part.is_empty() => RunError::Compile(cause),
            RunMistake::Compile { part, cause, .. } => RunError::Part { part, cause },
            RunMistake::Misfit(misfit) => TrainError::from(misfit).into(),
        }
    }
}

impl From<RunFolderError> for RunError {
    fn from(error: RunFolderError) -> RunError {
        match error {
            RunFolderError::RunFile(error) => RunError::RunFile(error),
            RunFolderError::Unusable(what) => RunError::Folder(what),
        }
    }
}
