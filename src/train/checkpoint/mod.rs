//! Checkpoints: takes the state of a run, gives a folder that is complete or absent, and back; never trains.
//!
//! The folder holds `weights.safetensors` (as trained), `ema.safetensors` (to be tested; only where the run keeps an
//! average), `state.safetensors` (the optimiser's memory and the carried batch), `state.json` (counts and settings) and
//! `SHA256SUMS` of all of them. The checkpoint before it is kept beside it.

mod folder;
mod run_state;
mod tensor_file;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use tch::Tensor;

use crate::weights::{DAMAGED, Sums, WeightsAbout};

pub use folder::{before, go_back, settle};
pub(super) use run_state::course;
pub use run_state::{FORMAT_VERSION, RunState};
pub use tensor_file::write_weights;

/// Name of the folder that a run saves to, inside the run's own folder.
pub const FOLDER: &str = "checkpoint";
/// The weights as trained.
pub const WEIGHTS: &str = "weights.safetensors";
/// The moving average of the weights.
pub const AVERAGE: &str = "ema.safetensors";
/// The optimiser's memory and the carried batch.
pub const STATE: &str = "state.safetensors";
/// Counts and settings.
pub const RUN_STATE: &str = "state.json";

/// Everything that a checkpoint holds.
#[derive(Debug)]
pub struct Contents {
    /// Weights by path.
    pub weights: IndexMap<String, Tensor>,
    /// The same with averaged `param`s, where the run keeps an average.
    pub average: Option<IndexMap<String, Tensor>>,
    /// The optimiser's memory (`optimiser.*`) and the carried batch (`carry.*`).
    pub state: IndexMap<String, Tensor>,
    /// Counts and settings.
    pub run_state: RunState,
    /// What the weight files say of themselves; of a checkpoint that was read, nothing.
    pub about: WeightsAbout,
}

/// Writes a checkpoint in place of the one at `folder`, which stays until the new one is complete.
pub fn save(folder: &Path, contents: &Contents) -> Result<(), CheckpointError> {
    let list = |tensors: &IndexMap<String, Tensor>| -> Vec<(String, Tensor)> {
        tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect()
    };
    folder::replace(folder, |new| {
        let mut sums = Sums::default();
        let about = |averaged| WeightsAbout { averaged: Some(averaged), ..contents.about.clone() }.metadata();
        let mut keep = |name: &str, bytes: Vec<u8>| {
            sums.add(name, &bytes);
            tensor_file::write_bytes(&new.join(name), &bytes)
        };
        let path = |name: &str| new.join(name);
        keep(WEIGHTS, tensor_file::bytes(&path(WEIGHTS), &list(&contents.weights), about(false))?)?;
        if let Some(average) = &contents.average {
            keep(AVERAGE, tensor_file::bytes(&path(AVERAGE), &list(average), about(true))?)?;
        }
        keep(STATE, tensor_file::bytes(&path(STATE), &list(&contents.state), None)?)?;
        keep(RUN_STATE, contents.run_state.to_bytes(&path(RUN_STATE))?)?;
        tensor_file::write_bytes(&path(Sums::NAME), sums.text().as_bytes())
    })
}

/// Reads the checkpoint at `folder` onto the CPU.
pub fn load(folder: &Path) -> Result<Contents, CheckpointError> {
    let folder = folder::complete(folder);
    let run_state = peek_at(&folder)?;
    let tensors = |name: &str| {
        let path = folder.join(name);
        tensor_file::tensors(&path, &read_whole(&path)?)
    };
    Ok(Contents {
        weights: tensors(WEIGHTS)?,
        average: if run_state.average { Some(tensors(AVERAGE)?) } else { None },
        state: tensors(STATE)?,
        run_state,
        about: WeightsAbout::default(),
    })
}

/// Reads only the counts and settings of the checkpoint at `folder`.
pub fn peek(folder: &Path) -> Result<RunState, CheckpointError> {
    peek_at(&folder::complete(folder))
}

fn peek_at(folder: &Path) -> Result<RunState, CheckpointError> {
    let path = folder.join(RUN_STATE);
    RunState::of_bytes(&path, &read_whole(&path)?)
}

/// Whether there is a checkpoint at `folder`, complete or about to be put in place.
pub fn exists(folder: &Path) -> bool {
    folder::complete(folder).exists()
}

/// Reads a file of a checkpoint, which must be as it was written. Those of an earlier totc have no sums.
fn read_whole(path: &Path) -> Result<Vec<u8>, CheckpointError> {
    let bytes = fs::read(path).map_err(|cause| CheckpointError::Read { path: path.to_owned(), cause })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match Sums::of(folder).map(|sums| sums.holds(&name, &crate::weights::hash(&bytes))) {
        None | Some(Some(true)) => Ok(bytes),
        Some(Some(false)) => Err(CheckpointError::format(path, DAMAGED)),
        Some(None) => Err(CheckpointError::format(path, "SHA256SUMS beside it does not tell of it")),
    }
}

/// The weights to test with: the average where there is one.
pub fn weights_file(folder: &Path) -> PathBuf {
    let folder = folder::complete(folder);
    let average = folder.join(AVERAGE);
    if average.exists() { average } else { folder.join(WEIGHTS) }
}

/// The weights as trained.
pub fn trained_weights_file(folder: &Path) -> PathBuf {
    folder::complete(folder).join(WEIGHTS)
}

/// What can be wrong with a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file or folder cannot be written.
    #[error("cannot write the checkpoint at `{}`: {cause}; {}", path.display(), fix_for(cause))]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read the checkpoint at `{}`: {cause}; check the path, or start the run anew", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A file is damaged or no checkpoint at all.
    #[error("`{}` is damaged or was not written by totc: {what}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The cause.
        what: String,
    },
    /// A checkpoint of another version of totc.
    #[error(
        "`{}` has format version {found}, this totc reads version {FORMAT_VERSION}; \
         use the totc that wrote it",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// A checkpoint of another run.
    #[error(
        "the checkpoint `{}` does not belong to this run: {}; \
         undo the change, or start a new run from its weights",
        path.display(), differences.join("; ")
    )]
    OtherRun {
        /// The folder.
        path: PathBuf,
        /// What differs, as in `optimiser.lr was 0.0001 and is now 0.001`.
        differences: Vec<String>,
    },
}

impl CheckpointError {
    fn format(path: &Path, what: impl ToString) -> CheckpointError {
        CheckpointError::Format { path: path.to_owned(), what: what.to_string() }
    }

    fn tensor(path: &Path, name: &str, cause: impl ToString) -> CheckpointError {
        let text = cause.to_string();
        let first = text.lines().next().unwrap_or_default();
        CheckpointError::format(path, format!("tensor `{name}`: {first}"))
    }
}

fn fix_for(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some room; the checkpoint before it is still there"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose a folder that may be written to"
        }
        _ => "the checkpoint before it, if there was one, is still there",
    }
}
