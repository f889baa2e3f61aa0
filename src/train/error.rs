//! What can go wrong while training: each error names the place, the cause and the fix; libtorch's own text is cut to
//! its first line.

use std::path::PathBuf;

use tch::TchError;

use super::checkpoint::CheckpointError;
use crate::data::DataError;
use crate::exec::ExecError;

/// An error of training or evaluation, whose text is ready for the person who started the run.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A setting asks for something that cannot be.
    #[error("setting `{setting}`: {what}; {fix}")]
    Setting {
        /// The setting, as in `groups[1].weights`.
        setting: String,
        /// The cause.
        what: String,
        /// How to fix it.
        fix: String,
    },
    /// A program and the data, settings or run it is used with do not fit together.
    #[error("model `{model}`: {what}; {fix}")]
    Program {
        /// The model's name.
        model: String,
        /// The cause.
        what: String,
        /// How to fix it.
        fix: String,
    },
    /// The program itself failed.
    #[error("{doing} failed: {cause}")]
    Run {
        /// What was being done, as in `training step 17`.
        doing: String,
        /// What the interpreter said.
        #[source]
        cause: ExecError,
    },
    /// libtorch failed outside the program.
    #[error("libtorch failed while {doing}: {}", first_line(cause))]
    Torch {
        /// What was being done.
        doing: &'static str,
        /// What libtorch said.
        #[source]
        cause: TchError,
    },
    /// A loss or the gradient is infinite or not a number.
    #[error(
        "training step {step}: {what}, so this step's update was not made; {}; \
         a lower learning rate, more warm-up or a gradient `clip` usually helps",
        last_good(checkpoint)
    )]
    NotFinite {
        /// The step, from 1.
        step: u64,
        /// Which number, as in ``loss `answering` is NaN in row 3``.
        what: String,
        /// The last checkpoint that was written or read.
        checkpoint: Option<PathBuf>,
    },
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A checkpoint cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

fn first_line(cause: &TchError) -> String {
    let text = cause.to_string();
    text.lines().next().unwrap_or_default().trim_end().to_owned()
}

fn last_good(checkpoint: &Option<PathBuf>) -> String {
    match checkpoint {
        Some(path) => format!("the last good checkpoint is `{}`", path.display()),
        None => "no checkpoint has been written yet".to_owned(),
    }
}

/// Says what libtorch was doing when it failed.
pub(crate) trait Doing<T> {
    /// Wraps libtorch's error.
    fn doing(self, doing: &'static str) -> Result<T, TrainError>;
}

impl<T> Doing<T> for Result<T, TchError> {
    fn doing(self, doing: &'static str) -> Result<T, TrainError> {
        self.map_err(|cause| TrainError::Torch { doing, cause })
    }
}
