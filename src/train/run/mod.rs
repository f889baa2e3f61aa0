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
//! The folder is all that is needed of the run: `run.ron` (every setting), `model/` (the model files with the library they
//! use), `run.json` (what a resumed run must share, the data it saw, where it computed), `metrics.jsonl`, `tensorboard/`, `checkpoint/`,
//! `best/` (weights of the best tests), and after the last step `evaluation.json` and `puzzles.csv`.

mod course;
mod error;
mod final_test;
mod lock;
mod machine;
mod observer;
mod origin;
mod same_run;
mod session;
mod together;

pub use error::RunError;
pub use final_test::{Protocols, doubt_arc, final_test, stops_early};
pub use lock::{LOCK, holder};
pub use machine::{Machine, MachineError, peak_memory};
pub use observer::{RunObserver, RunStart, WeightsTaken};
pub use session::{Session, UsedWeights, read};

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use indexmap::IndexMap;
use tch::Device;

use super::arc_test::note_identifiers;
use super::best::RankedTest;
use super::checkpoint::{self, CheckpointError};
use super::error::TrainError;
use super::final_test::FinalTest;
use super::identity::{Identity, TrainingSession, WeightOrigin};
use super::log::MetricsLog;
use super::preflight::preflight;
use super::processor;
use super::results::EvaluationReport;
use super::run_folder;
use super::trainer::{Group, LOADERS, Trainer};
use super::transfer::read_init;
use crate::exec::Weights;
use crate::ir::{WeightInfo, WeightRole};
use crate::lower::Program;
use crate::run_file::{RunFile, TrainConfig};
use course::Course;
use lock::Lock;
use together::Next;

/// What is not in the run file: where to compute, and how far to go now.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Where to compute.
    pub machine: Machine,
    /// Threads that prefetch training rows (the rows are the same); 0: each step prepares its own.
    pub loaders: usize,
    /// Whether to go on from the last checkpoint in the output folder, which must be there. Without this, a folder that
    /// holds a checkpoint is refused.
    pub resume: bool,
    /// To go on from the checkpoint before the last, which is kept aside.
    pub earlier: bool,
    /// Stop after so many steps of this call; the run can be resumed.
    pub stop_after: Option<u64>,
    /// The processes that share each batch; those behind the first call [`follow`].
    pub group: Option<Group>,
}

impl Default for RunOptions {
    fn default() -> RunOptions {
        RunOptions {
            machine: Machine::default(),
            loaders: LOADERS,
            resume: false,
            earlier: false,
            stop_after: None,
            group: None,
        }
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
    /// How the run stands.
    pub standing: Standing,
    /// Tests of this call, each with the steps done; the last one is the final test, if the run has become complete.
    pub tests: Vec<(u64, EvaluationReport)>,
    /// The last test of all calls: step and metrics.
    pub last: Option<(u64, IndexMap<String, f64>)>,
    /// The best test of all calls, where there are several that can be compared, with its metrics.
    pub best: Option<(RankedTest, IndexMap<String, f64>)>,
    /// The tests of the finished model; `None` if the run was stopped before its end, or was complete before this call.
    pub final_test: Option<FinalTest>,
    /// Wall-clock seconds of this call, tests included.
    pub seconds: f64,
    /// Of these, seconds spent in tests.
    pub seconds_in_tests: f64,
    /// Wall-clock seconds of all calls.
    pub seconds_in_all: f64,
    /// The weights to use: averaged where the run keeps an average.
    pub weights: PathBuf,
    /// The folder of the run.
    pub folder: PathBuf,
}

/// How a run stands at the end of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was stopped and can be resumed.
    Stopped,
    /// All its steps are done.
    Complete,
    /// It ended early: so many tests in a row were no better than the best.
    NoBetter(u64),
}

impl RunOutcome {
    /// Whether training is over; otherwise the run was stopped and can be resumed.
    pub fn complete(&self) -> bool {
        self.standing != Standing::Stopped
    }
}

/// The libtorch that totc is built with.
pub const LIBTORCH: &str = "2.13.0";

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
    let outcome = lead(file, options, observer, stop);
    if let (Err(error), Some(group)) = (&outcome, &options.group) {
        together::end(group, error);
    }
    outcome
}

/// Does what the process does that calls [`run`], until that ends, with the same run file and options; gives the steps done, and
/// whether training was stopped before its end. Writes nothing.
///
/// # Errors
/// As [`run`].
pub fn follow(file: &RunFile, options: &RunOptions, stop: &AtomicBool) -> Result<(u64, bool), RunError> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(group) = &options.group else { return Ok((0, false)) };
    let done = together::follow(file, options, group, stop);
    if let Err(error) = &done {
        together::end(group, error);
    }
    done
}

fn lead(
    file: &RunFile,
    options: &RunOptions,
    observer: &mut dyn RunObserver,
    stop: &AtomicBool,
) -> Result<RunOutcome, RunError> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let device = options.machine.prepare()?;
    let mut session = Session::of(file.clone(), device)?;
    if let Some(group) = &options.group {
        session.share(group);
    }
    preflight(&session.run, &session.model_file, Some(&session.data.fields()))?;
    let out = session.run.out();
    if let Some(path) = run_folder::in_the_way(&out) {
        return Err(RunError::InTheWay(path));
    }
    let folder = out.join(checkpoint::FOLDER);
    if options.resume && !checkpoint::exists(&folder) {
        return Err(RunError::NothingToResume(out));
    }
    std::fs::create_dir_all(&out).map_err(|cause| RunError::Io { path: out.clone(), cause })?;
    let lock = Lock::take(&out)?;
    checkpoint::settle(&folder)?;
    let saved = folder.exists();
    if saved && !options.resume {
        return Err(RunError::Occupied(out));
    }
    if saved && options.earlier {
        go_back(&out, &folder)?;
    }
    if let Some(group) = &options.group {
        // What is saved says itself how it is computed.
        let rows = if saved { None } else { Some(session.micro_batch()?) };
        together::agree_on_parts(group, &mut session, rows)?;
    }
    let (mut trainer, mut identity) = match saved {
        true => go_on(&mut session, &out)?,
        false => begin(&mut session, Some(&out), observer)?,
    };
    if let Some(group) = &options.group {
        together::agree(group, &mut session, &identity, &trainer)?;
        trainer.share(Some(Group::clone(group)));
    }
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
    let steps_before = trainer.steps_done();
    let mut course = Course::new(trainer, session, lock, log, out, observer)?.among(options.group.clone());
    if let Some(outcome) = course.complete_before() {
        course.part(Next::End)?;
        return Ok(outcome);
    }
    identity.sessions.push(training_session(device, steps_before));
    course.keep(&identity)?;
    course.run(stop, options.stop_after)
}

/// Where this call computes.
fn training_session(device: Device, steps_before: u64) -> TrainingSession {
    let began = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    TrainingSession {
        began: began.as_secs(),
        steps_before,
        device: match device {
            Device::Cuda(number) => format!("cuda:{number}"),
            _ => "cpu".to_owned(),
        },
        threads: tch::get_num_threads().max(1) as usize,
        machine: processor::name(),
        kind: processor::kind(),
        totc: env!("CARGO_PKG_VERSION").to_owned(),
        libtorch: LIBTORCH.to_owned(),
    }
}

/// Numbers in the weights of one role.
pub fn numbers(program: &Program, role: WeightRole) -> u64 {
    let of_role = program.weights.iter().filter(|info| info.role == role);
    of_role.map(|info| info.shape.iter().product::<i64>().max(0) as u64).sum()
}

/// A run at its first step; `out`: where it writes, if it does.
fn begin(
    session: &mut Session,
    out: Option<&Path>,
    observer: &mut dyn RunObserver,
) -> Result<(Trainer, Identity), RunError> {
    let mut identity = same_run::identity(session)?;
    let infos = session.weight_infos()?;
    let mut weights = Weights::init(&infos, session.run.run.seed, session.device);
    if let Some((source, transfer)) = read_init(&session.run, &infos)? {
        origin::apply(&transfer, &mut weights)?;
        observer.weights_taken(&WeightsTaken { source: &source, transfer: &transfer, weights: &infos });
        identity.origin = Some(origin::origin(&source, &transfer));
    }
    let config = config(session, identity.origin.as_ref(), &infos);
    session.freeze(&config, &infos);
    let programs = session.programs(0)?;
    let trainer = Trainer::new(config, programs, Arc::clone(&session.data), weights)?;
    if let Some(out) = out {
        note_identifiers(out, session.data.as_ref())?;
    }
    Ok((trainer, identity))
}

/// A run at its last checkpoint.
fn go_on(session: &mut Session, out: &Path) -> Result<(Trainer, Identity), RunError> {
    let identity = same_run::same_run(session, out)?;
    let folder = out.join(checkpoint::FOLDER);
    let state = checkpoint::peek(&folder).map_err(|error| offer_earlier(error.into(), out))?;
    let infos = session.weight_infos()?;
    let config = config(session, identity.origin.as_ref(), &infos);
    session.freeze(&config, &infos);
    // The programs of the last step that was done; a phase that begins now comes by its change.
    let programs = session.programs(state.step.saturating_sub(1))?;
    let trainer = Trainer::resume(config, programs, Arc::clone(&session.data), session.device, &folder);
    let trainer = trainer.map_err(|error| offer_earlier(error.into(), out))?;
    Ok((trainer, identity))
}

/// Puts the checkpoint before the last in its place, if it is whole.
fn go_back(out: &Path, folder: &Path) -> Result<(), RunError> {
    let before = checkpoint::before(folder);
    if !before.exists() {
        return Err(RunError::NoEarlier(out.to_owned()));
    }
    checkpoint::load(&before)?;
    Ok(checkpoint::go_back(folder)?)
}

/// Says of a checkpoint that is damaged where the run can go on from.
fn offer_earlier(error: RunError, out: &Path) -> RunError {
    let damaged = match &error {
        RunError::Checkpoint(error) | RunError::Train(TrainError::Checkpoint(error)) => error,
        _ => return error,
    };
    if !matches!(damaged, CheckpointError::Format { .. } | CheckpointError::Read { .. }) {
        return error;
    }
    let before = checkpoint::load(&checkpoint::before(&out.join(checkpoint::FOLDER)));
    let step = before.ok().map(|contents| contents.run_state.step);
    RunError::Damaged { what: error.to_string(), folder: out.to_owned(), step }
}

/// What the run file says, and how weights that came from elsewhere learn.
fn config(session: &Session, origin: Option<&WeightOrigin>, infos: &[WeightInfo]) -> TrainConfig {
    let mut config = session.run.train_config();
    config.groups = origin::groups(session.run.run.init.as_ref(), origin, &config.groups, infos);
    config
}
