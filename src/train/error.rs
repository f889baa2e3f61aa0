//! What can go wrong while training: each error names the place, the cause and the fix; libtorch's own text is cut to
//! its first line.

use std::path::PathBuf;

use tch::TchError;

use super::checkpoint::CheckpointError;
use crate::data::DataError;
use crate::distributed::DistributedError;
use crate::exec::{ExecError, Origin};
use crate::run_check::Misfit;
use crate::source::Span;

/// An error of training or evaluation, whose text is ready for the person who started the run.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Two things of the run do not go together.
    #[error(transparent)]
    Misfit(#[from] Misfit),
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
        "training step {step}: {what}, so this step's update was not made; {}{}",
        last_good(checkpoint), origin.as_ref().map_or(format!("; {USUAL}"), |made| MadeBy::told(made))
    )]
    NotFinite {
        /// The step, from 1.
        step: u64,
        /// Which number, as in ``loss `answering` is NaN in row 3``.
        what: String,
        /// The last checkpoint that was written or read.
        checkpoint: Option<PathBuf>,
        /// The operation that made the first such number, if the step done again shows it.
        origin: Option<Box<MadeBy>>,
    },
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A checkpoint cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The processes of the run cannot go on together.
    #[error(transparent)]
    Distributed(#[from] DistributedError),
}

const USUAL: &str = "a lower learning rate, more warm-up or a gradient `clip` usually helps";

/// The operation that made the first number that is not finite, and its line, for whoever has the model's texts.
#[derive(Debug)]
pub struct MadeBy {
    /// The operation.
    pub origin: Origin,
    /// `models/trm.tot:12`, of the operation and of each one that `origin.given` names.
    pub places: Vec<String>,
}

impl MadeBy {
    /// Notes the lines, which `place` knows.
    pub fn find(&mut self, place: impl Fn(Span) -> String) {
        let chain = std::iter::successors(Some(&self.origin), |origin| origin.given.as_deref());
        self.places = chain.map(|origin| place(origin.span)).collect();
    }

    fn told(made: &MadeBy) -> String {
        let mut text = String::new();
        let chain = std::iter::successors(Some(&made.origin), |origin| origin.given.as_deref());
        for (at, origin) in chain.enumerate() {
            let place = made.places.get(at).map_or(String::new(), |place| format!(" at {place}"));
            let name = match origin.name.is_empty() {
                true => String::new(),
                false => format!(", computing `{}`", origin.name),
            };
            let way = if origin.backward { " of the backward pass" } else { "" };
            text += &match at {
                0 => format!("\nfirst {}: `{}`{way}{name}{place}", origin.kind(), origin.operation),
                _ => format!(", from {} numbers of `{}`{way}{name}{place}", origin.kind(), origin.operation),
            };
        }
        format!("{text}\n{}", made.origin.advice())
    }
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
