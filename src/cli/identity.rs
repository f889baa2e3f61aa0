//! What a resumed run must share with its beginning: takes a session, gives the identity kept beside its checkpoints;
//! refuses to go on with another run.

use super::Failure;
use super::session::Session;
use super::start::{self, Origin};
use crate::Values;
use crate::ir::{Mode, WeightRole};
use crate::lower::{self};
use crate::report::{About, TestSet, hash};
use crate::run_file::Fingerprint;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The file that holds it.
pub const IDENTITY: &str = crate::report::Identity::NAME;

/// What decides the course of a run, kept beside its checkpoints.
#[derive(Serialize, Deserialize)]
pub struct Identity {
    pub settings: Fingerprint,
    /// Of the compiled training step.
    pub program: u64,
    /// Rows computed at once: the order of sums depends on it, so a resumed run keeps it.
    pub micro_batch: usize,
    /// The weights that it started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// How it came about, for those who look at its folder later; it decides nothing.
    #[serde(default)]
    pub made: Made,
    /// What readers of the folder want to know (`report::Identity`).
    #[serde(default)]
    pub about: Option<About>,
}

/// How a run came about.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Made {
    /// The run file; relative paths of `run.ron` start at its folder.
    pub run_file: PathBuf,
    /// The folder in which the command was given.
    pub folder: PathBuf,
    /// The command, word by word.
    pub command: Vec<String>,
    /// The version of totc.
    pub totc: String,
}

impl Made {
    fn of(file: &Path) -> Made {
        Made {
            run_file: std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
            folder: std::env::current_dir().unwrap_or_default(),
            command: std::env::args().collect(),
            totc: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Of the run in `folder`; none if a totc wrote it that did not note it yet.
    pub fn read(folder: &Path) -> Option<Made> {
        let text = std::fs::read_to_string(folder.join(IDENTITY)).ok()?;
        let identity: Identity = serde_json::from_str(&text).ok()?;
        Some(identity.made).filter(|made| !made.command.is_empty())
    }
}

impl Identity {
    /// Of the run that a session would start.
    pub fn of(session: &mut Session) -> Result<Identity, Failure> {
        let batch = session.run.run.batch;
        let program = session.program(Mode::Training, 0, batch, Values::Dropped)?;
        let numbers = |role: WeightRole| -> u64 {
            let of_role = program.weights.iter().filter(|info| info.role == role);
            of_role.map(|info| info.shape.iter().product::<i64>() as u64).sum()
        };
        let about = About {
            model: program.model.clone(),
            parameters: numbers(WeightRole::Param),
            table_parameters: numbers(WeightRole::Table),
            batch,
            data: session.data.describe(),
            test: TestSet::of(session.data.as_ref()),
        };
        Ok(Identity {
            settings: session.run.fingerprint(),
            program: hash(lower::print(&program).bytes()),
            micro_batch: session.micro_batch()?,
            origin: None,
            about: Some(about),
            made: Made::of(&session.run.path),
        })
    }
}

/// Refuses to go on with another run; gives what the run started from.
pub fn same_run(session: &mut Session, out: &Path) -> Result<Option<Origin>, Failure> {
    if let Some(what) = super::arc::other_identifiers(out, session.data.as_ref()) {
        return Err(Failure::World(what));
    }
    let path = out.join(IDENTITY);
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
    let before: Identity = serde_json::from_str(&text)
        .map_err(|error| Failure::World(format!("{}: not what totc wrote: {error}", path.display())))?;
    session.micro_batch = Some(before.micro_batch);
    let identity = Identity::of(session)?;
    if let Some(difference) = identity.settings.differences(&before.settings).first() {
        let show = |value: &Option<String>| value.clone().unwrap_or("not set".to_owned());
        return Err(Failure::World(format!(
            "`{}` was {} when this run began and is {} now; a resumed run goes on as it began: take the change back, or \
             start another run with --out",
            difference.setting,
            show(&difference.before),
            show(&difference.now)
        )));
    }
    if identity.program != before.program {
        return Err(Failure::World(
            "the model computes something else than when this run began (its files have changed); take the change back, \
             or start another run with --out"
                .to_owned(),
        ));
    }
    start::same_origin(&session.run, before.origin.as_ref())?;
    Ok(before.origin)
}
