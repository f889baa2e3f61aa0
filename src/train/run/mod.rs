//! A whole training run: takes a run file, trains and tests its model, keeps everything in the run's folder; prints
//! nothing. `totc run` is this and an observer that prints.
//!
//! ```no_run
//! use std::sync::atomic::AtomicBool;
//! use totc::run_file;
//! use totc::train::run::{RunOptions, run};
//!
//! let file = run_file::load(std::path::Path::new("examples/trm-sudoku4.ron"))?;
//! let outcome = run(&file, &RunOptions::default(), &mut (), &AtomicBool::new(false))?;
//! println!("{} of {} steps, weights in {}", outcome.steps_done, outcome.steps_in_all, outcome.weights.display());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The folder holds `run.ron` (the settings in force), `run.json` (what a resumed run must share), `metrics.jsonl`,
//! `checkpoint/`, and after the last step `evaluation.json` and `puzzles.csv`.

mod course;
mod error;
mod final_test;
mod machine;
mod observer;
mod origin;
mod same_run;
mod session;

pub use error::RunError;
pub use final_test::{Protocols, doubt_arc, final_test, stops_early};
pub use machine::{Machine, MachineError};
pub use observer::{RunObserver, RunStart, WeightsTaken};
pub use session::Session;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use super::arc_test::note_identifiers;
use super::checkpoint;
use super::files::FileError;
use super::final_test::FinalTest;
use super::identity::{Identity, WeightOrigin};
use super::log::MetricsLog;
use super::results::EvaluationReport;
use super::trainer::{LOADERS, Trainer};
use super::transfer::read_init;
use crate::exec::Weights;
use crate::ir::{WeightInfo, WeightRole};
use crate::lower::Program;
use crate::run_file::{RunFile, TrainConfig};
use course::Course;

/// What is not in the run file: where to compute, and how far to go now.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Where to compute.
    pub machine: Machine,
    /// Threads that prefetch training rows (the rows are the same); 0: each step prepares its own.
    pub loaders: usize,
    /// Whether to go on from the last checkpoint in the output folder, if there is one. Without this, a folder that
    /// holds a run is refused.
    pub resume: bool,
    /// Stop after so many steps of this call; the run can be resumed.
    pub stop_after: Option<u64>,
}

impl Default for RunOptions {
    fn default() -> RunOptions {
        RunOptions { machine: Machine::default(), loaders: LOADERS, resume: false, stop_after: None }
    }
}

/// What a call of [`run`] came to.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// The model's name.
    pub model: String,
    /// Numbers that the main optimiser learns.
    pub parameters: u64,
    /// Rows of the batch.
    pub batch: usize,
    /// Steps done before this call.
    pub steps_before: u64,
    /// Steps done in all calls.
    pub steps_done: u64,
    /// Steps of the whole run.
    pub steps_in_all: u64,
    /// Tests of this call, each with the steps done; the last one is the final test, if the run is complete.
    pub tests: Vec<(u64, EvaluationReport)>,
    /// The tests of the finished model; `None` if the run was stopped before its end.
    pub final_test: Option<FinalTest>,
    /// Wall-clock seconds of this call, tests included.
    pub seconds: f64,
    /// Of these, seconds spent in tests.
    pub seconds_in_tests: f64,
    /// The weights to use: averaged where the run keeps an average.
    pub weights: PathBuf,
}

impl RunOutcome {
    /// Whether all steps are done; otherwise the run was stopped and can be resumed.
    pub fn complete(&self) -> bool {
        self.final_test.is_some()
    }
}

/// The settings in force, in a run's folder.
pub const SETTINGS: &str = "run.ron";

/// libtorch has one random generator for the process, which a run seeds at every step.
static ALONE: Mutex<()> = Mutex::new(());

/// Trains and tests what `file` describes until it is done, `stop` is set, or [`RunOptions::stop_after`] steps are; in
/// each case a checkpoint holds everything. A run that goes on is, on the same machine with the same number of threads,
/// the uninterrupted one bit by bit. Runs of several threads come one after the other.
///
/// # Errors
/// See [`RunError`]. What was saved before stays.
pub fn run(
    file: &RunFile,
    options: &RunOptions,
    observer: &mut dyn RunObserver,
    stop: &AtomicBool,
) -> Result<RunOutcome, RunError> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let device = options.machine.prepare()?;
    let mut session = Session::of(file.clone(), device)?;
    let out = session.run.out();
    let folder = out.join(checkpoint::FOLDER);
    std::fs::create_dir_all(&out).map_err(|cause| RunError::Io { path: out.clone(), cause })?;
    checkpoint::settle(&folder)?;
    let saved = folder.exists();
    if saved && !options.resume {
        return Err(RunError::Occupied(out));
    }
    let mut trainer = match saved {
        true => go_on(&mut session, &out)?,
        false => begin(&mut session, &out, observer)?,
    };
    trainer.set_loaders(options.loaders);
    let log = match saved {
        true => MetricsLog::resume(&out, trainer.steps_done())?,
        false => MetricsLog::create(&out)?,
    };
    let program = trainer.programs().training.program();
    observer.started(&RunStart {
        model: &program.model,
        parameters: numbers(program, WeightRole::Param),
        precision: session.run.run.precision,
        device,
        data: session.data.describe(),
        config: trainer.config(),
        micro_batch: session.micro_batch()?,
        steps_done: trainer.steps_done(),
        steps_in_all: trainer.steps_in_all(),
        out: &out,
    });
    Course::new(trainer, session, log, out, observer).run(stop, options.stop_after)
}

/// Numbers in the weights of one role.
pub fn numbers(program: &Program, role: WeightRole) -> u64 {
    let of_role = program.weights.iter().filter(|info| info.role == role);
    of_role.map(|info| info.shape.iter().product::<i64>().max(0) as u64).sum()
}

/// A run at its first step; its folder says from now on what it is.
fn begin(session: &mut Session, out: &Path, observer: &mut dyn RunObserver) -> Result<Trainer, RunError> {
    let mut identity = same_run::identity(session)?;
    let programs = session.programs(0)?;
    let infos = programs.training.program().weights.clone();
    let mut weights = Weights::init(&infos, session.run.run.seed, session.device);
    if let Some((source, transfer)) = read_init(&session.run, &infos)? {
        origin::apply(&transfer, &mut weights)?;
        observer.weights_taken(&WeightsTaken { source: &source, transfer: &transfer, weights: &infos });
        identity.origin = Some(origin::origin(&source, &transfer));
    }
    let config = config(session, identity.origin.as_ref(), &infos);
    let trainer = Trainer::new(config, programs, Arc::clone(&session.data), weights)?;
    note_identifiers(out, session.data.as_ref())?;
    let text = serde_json::to_string_pretty(&identity).unwrap_or_default();
    for (name, text) in [(Identity::NAME, text.as_str()), (SETTINGS, session.run.effective_text())] {
        let path = out.join(name);
        std::fs::write(&path, text).map_err(|cause| FileError { path, cause })?;
    }
    Ok(trainer)
}

/// A run at its last checkpoint.
fn go_on(session: &mut Session, out: &Path) -> Result<Trainer, RunError> {
    let origin = same_run::same_run(session, out)?;
    let folder = out.join(checkpoint::FOLDER);
    let state = checkpoint::peek(&folder)?;
    // The programs of the last step that was done; a phase that begins now comes by its change.
    let programs = session.programs(state.step.saturating_sub(1))?;
    let config = config(session, origin.as_ref(), &programs.training.program().weights);
    Ok(Trainer::resume(config, programs, Arc::clone(&session.data), session.device, &folder)?)
}

/// What the run file says, and how weights that came from elsewhere learn.
fn config(session: &Session, origin: Option<&WeightOrigin>, infos: &[WeightInfo]) -> TrainConfig {
    let mut config = session.run.train_config();
    config.groups = origin::groups(session.run.run.init.as_ref(), origin, &config.groups, infos);
    config
}
