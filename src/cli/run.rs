//! `totc run RUN.ron`: trains, tests, saves; goes on where a run was cut off.

use super::identity::{IDENTITY, Identity, same_run};
use super::session::{Machine, Session};
use super::start::{self, Origin};
use super::testing::{Tests, Which};
use super::transfer;
use super::{Failure, Outcome, colours};
use crate::exec::Weights;
use crate::ir::{WeightInfo, WeightRole};
use crate::report::{
    self, Forecast, Kind, MetricsLog, Plan, Progress, Record, Screen, Step, Summary, Window, summary_table,
};
use crate::train::{EvaluationReport, StepReport, TrainConfig, TrainError, Trainer, checkpoint};
use indexmap::IndexMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Trains and evaluates what a run file describes. Checkpoints, metrics (metrics.jsonl) and the settings in force go to
/// the output folder; after a kill or a power cut `--resume` goes on, bit for bit.
#[derive(clap::Args)]
pub struct Args {
    /// The run file (.ron)
    file: PathBuf,
    /// Give a field of the run file, or a config of its model, another value (batch=32, hidden=128, optimiser.lr=1e-3)
    #[arg(long = "set", value_name = "NAME=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    machine: Machine,
    /// Another seed than the run file's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Another output folder than the run file's
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on from the last checkpoint in the output folder
    #[arg(long)]
    resume: bool,
    /// Stop after so many steps of this call (the run can be resumed)
    #[arg(long, value_name = "N")]
    stop_after: Option<u64>,
    /// Threads that prepare training rows ahead (the rows are the same); 0: each step prepares its own
    #[arg(long, value_name = "N", default_value_t = crate::train::LOADERS)]
    loaders: usize,
    /// Print the results as JSON at the end
    #[arg(long)]
    json: bool,
}

pub(super) const SETTINGS: &str = "run.ron";
/// Steps measured before the length of the run is foretold.
const MEASURED: u64 = 3;
/// Seconds of a step that is worth a word at once.
const SLOW: f64 = 20.0;

pub fn main(args: &Args) -> Outcome {
    let device = args.machine.device()?;
    let mut sets = args.sets.clone();
    if let Some(seed) = args.seed {
        sets.push(format!("seed={seed}"));
    }
    if let Some(out) = &args.out {
        sets.push(format!("out={}", out.display()));
    }
    let mut session = Session::open(&args.file, &sets, device)?;
    let out = session.run.out();
    let folder = out.join(checkpoint::FOLDER);
    let world = |error: &dyn std::fmt::Display| Failure::World(error.to_string());
    std::fs::create_dir_all(&out).map_err(|error| world(&format!("{}: {error}", out.display())))?;
    checkpoint::settle(&folder).map_err(|error| world(&error))?;
    let saved = folder.exists();
    if saved && !args.resume {
        return Err(Failure::Usage(format!(
            "{} holds a run already; go on with it by --resume, or choose another folder by --out",
            out.display()
        )));
    }
    let mut trainer = if saved {
        let origin = same_run(&mut session, &out)?;
        resume(&mut session, &folder, origin.as_ref())?
    } else {
        start(&mut session, &out)?
    };
    trainer.set_loaders(args.loaders);
    print_head(&session, &trainer, &out);
    let log = if saved { MetricsLog::resume(&out, trainer.steps_done()) } else { MetricsLog::create(&out) };
    let log = log.map_err(|error| world(&error))?;
    let mut training = Training {
        began: Instant::now(),
        first: trainer.steps_done(),
        progress: Progress::new(
            Screen::of_stderr(),
            colours(),
            Plan {
                done: trainer.steps_done(),
                total: trainer.steps_in_all(),
                every: Duration::from_secs(10),
            },
        ),
        window: Window::default(),
        log,
        folder,
        tests: Vec::new(),
        stop: interruption(),
        seconds_per_test: None,
        testing: 0.0,
        last: None,
    };
    let ended = training.run(&mut trainer, &mut session, args.stop_after)?;
    let summary = training.summary(&trainer);
    if args.json {
        println!("{}", as_json(&summary, &trainer, &training));
    } else {
        println!("{}", summary_table(&summary));
        if let Some(last) = &training.last {
            println!("{}", last.text());
        }
    }
    match ended {
        Ended::Complete => println_unless(
            args.json,
            &format!("weights: {}", checkpoint::weights_file(&training.folder).display()),
        ),
        Ended::Stopped => println_unless(
            args.json,
            &format!(
                "stopped at step {} of {}; go on with --resume",
                trainer.steps_done(),
                trainer.steps_in_all()
            ),
        ),
    }
    Ok(())
}

fn println_unless(json: bool, line: &str) {
    if !json {
        println!("{line}");
    }
}

fn start(session: &mut Session, out: &Path) -> Result<Trainer, Failure> {
    let mut identity = Identity::of(session)?;
    let programs = session.programs(0)?;
    let infos = programs.training.program().weights.clone();
    let mut weights = Weights::init(&infos, session.run.run.seed, session.device);
    if let Some((source, taken)) = transfer::begin(&session.run, &infos)? {
        start::apply(&taken, &mut weights).map_err(|error| Failure::World(error.to_string()))?;
        eprint!("{}", start::describe(&source, &taken, &infos));
        identity.origin = Some(Origin::of(&source, &taken));
    }
    let config = config(session, identity.origin.as_ref(), &infos);
    let trainer = Trainer::new(config, programs, Arc::clone(&session.data), weights)
        .map_err(|error| refused(session, error))?;
    super::arc::note_identifiers(out, session.data.as_ref())?;
    let text = serde_json::to_string_pretty(&identity).unwrap_or_default();
    for (name, text) in [(IDENTITY, text.as_str()), (SETTINGS, session.run.effective_text())] {
        std::fs::write(out.join(name), text)
            .map_err(|error| Failure::World(format!("{}: {error}", out.join(name).display())))?;
    }
    Ok(trainer)
}

/// What the run file says, and how weights that came from elsewhere learn.
fn config(session: &Session, origin: Option<&Origin>, infos: &[WeightInfo]) -> TrainConfig {
    let mut config = session.run.train_config();
    config.groups = start::groups(session.run.run.init.as_ref(), origin, &config.groups, infos);
    config
}

fn resume(session: &mut Session, folder: &Path, origin: Option<&Origin>) -> Result<Trainer, Failure> {
    let world = |error: &dyn std::fmt::Display| Failure::World(error.to_string());
    let journal = checkpoint::peek(folder).map_err(|error| world(&error))?;
    // The programs of the last step that was done; a phase that begins now comes by its change.
    let programs = session.programs(journal.step.saturating_sub(1))?;
    let config = config(session, origin, &programs.training.program().weights);
    Trainer::resume(config, programs, Arc::clone(&session.data), session.device, folder)
        .map_err(|error| refused(session, error))
}

/// The trainer's refusal of a setting, shown where the setting stands.
fn refused(_session: &Session, error: TrainError) -> Failure {
    Failure::World(error.to_string())
}

fn print_head(session: &Session, trainer: &Trainer, out: &Path) {
    let program = trainer.programs().training.program();
    let precision = format!("{:?}", session.run.run.precision).to_lowercase();
    let device = match session.device {
        tch::Device::Cuda(number) => format!("cuda:{number}"),
        _ => format!("cpu, {} threads", tch::get_num_threads()),
    };
    let part = match session.micro_batch {
        Some(rows) if rows < trainer.config().batch => format!(" in parts of {rows}"),
        _ => String::new(),
    };
    eprintln!(
        "{}: {} parameters, {} · {}\n{}\nbatch {}{part}, {} steps, output in {}",
        program.model,
        report::count(parameters(trainer)),
        precision,
        device,
        session.data.describe(),
        trainer.config().batch,
        report::count(trainer.steps_in_all()),
        out.display()
    );
}

fn parameters(trainer: &Trainer) -> u64 {
    let weights = &trainer.programs().training.program().weights;
    weights
        .iter()
        .filter(|info| info.role == WeightRole::Param)
        .map(|info| info.shape.iter().product::<i64>() as u64)
        .sum()
}

/// Set by the first Ctrl-C; the second one ends the process as usual.
fn interruption() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    let handler = move || {
        if seen.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        eprintln!("Ctrl-C will end the run without saving: {error}");
    }
    stop
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Complete,
    Stopped,
}

struct Training {
    began: Instant,
    first: u64,
    progress: Progress,
    window: Window,
    log: MetricsLog,
    folder: PathBuf,
    tests: Vec<(u64, EvaluationReport)>,
    stop: Arc<AtomicBool>,
    seconds_per_test: Option<f64>,
    /// Seconds spent in tests.
    testing: f64,
    /// The tests of the finished model.
    last: Option<Tests>,
}

impl Training {
    fn run(
        &mut self,
        trainer: &mut Trainer,
        session: &mut Session,
        stop_after: Option<u64>,
    ) -> Result<Ended, Failure> {
        let evaluation = trainer.config().evaluation.every;
        let checkpoints = trainer.config().checkpoints.every;
        let last = stop_after.map_or(u64::MAX, |steps| self.first + steps);
        self.enter_phase(trainer, session)?;
        while !trainer.finished() {
            if self.stop.load(Ordering::SeqCst) || trainer.steps_done() >= last {
                self.save(trainer, OnFailure::Stop)?;
                self.progress.finish();
                return Ok(Ended::Stopped);
            }
            let report = trainer.step().map_err(|error| Failure::World(error.to_string()))?;
            let step = plain(&report, trainer.config().batch);
            self.progress.step(&step);
            self.window.push(&step);
            let done = trainer.steps_done();
            // Long steps are foretold after the first, short ones when they have settled.
            let slow = done == self.first + 1 && report.seconds > SLOW;
            if slow || done == self.first + MEASURED {
                self.foretell(trainer);
            }
            self.enter_phase(trainer, session)?;
            let due = |every: Option<u64>| every.is_some_and(|every| every > 0 && done.is_multiple_of(every));
            if done.is_multiple_of(50) || due(evaluation) || trainer.finished() {
                self.write_training()?;
            }
            if due(evaluation) && !trainer.finished() {
                self.test(trainer)?;
            }
            if due(checkpoints) {
                self.save(trainer, OnFailure::GoOn)?;
            }
        }
        // What has been learned is safe before the last test, which may take long.
        self.save(trainer, OnFailure::Stop)?;
        self.test_for_good(trainer, session)?;
        self.progress.finish();
        Ok(Ended::Complete)
    }

    /// Compiles anew where a phase of the run file begins.
    fn enter_phase(&mut self, trainer: &mut Trainer, session: &mut Session) -> Outcome {
        let done = trainer.steps_done();
        let run = &session.run.run;
        if !run.phases.iter().any(|phase| run.begins(phase) == Some(done)) {
            return Ok(());
        }
        let programs = session.programs(done)?;
        trainer.change_phase(programs).map_err(|error| Failure::World(error.to_string()))?;
        self.progress.note(&format!("step {done}: a new phase begins"));
        Ok(())
    }

    fn foretell(&mut self, trainer: &Trainer) {
        let left = trainer.steps_in_all() - trainer.steps_done();
        let Some(seconds_per_step) = self.progress.pace().seconds_per_step() else { return };
        let tests_left = trainer.config().evaluation.every.map_or(1, |every| left / every.max(1)).max(1);
        let forecast = Forecast {
            steps_left: left,
            seconds_per_step,
            tests_left,
            seconds_per_test: self.seconds_per_test,
        };
        self.progress.note(&forecast.line());
    }

    fn write_training(&mut self) -> Outcome {
        let Some(reading) = self.window.take() else { return Ok(()) };
        let mut losses = reading.losses;
        losses.insert("total".to_owned(), reading.loss);
        let record = Record {
            kind: Kind::Train,
            step: reading.step,
            seconds: self.began.elapsed().as_secs_f64(),
            lr: reading.lr,
            losses,
            metrics: reading.metrics,
            steps_used: reading.steps_used,
            gradient_norm: Some(reading.gradient_norm),
        };
        self.log.append(&record).map_err(|error| Failure::World(error.to_string()))
    }

    /// A test while training goes on, on as many examples as `evaluation.during_training` allows.
    fn test(&mut self, trainer: &Trainer) -> Outcome {
        let report = trainer.evaluate().map_err(|error| Failure::World(error.to_string()))?;
        self.seconds_per_test = Some(report.seconds);
        self.testing += report.seconds;
        self.tested(trainer, report)
    }

    /// The test at the end: all examples, all steps and stopping when sure, with its files.
    fn test_for_good(&mut self, trainer: &Trainer, session: &Session) -> Outcome {
        let began = Instant::now();
        let halt = trainer.programs().evaluation.program().halt;
        let stops = halt.is_some_and(|halt| halt.learned && halt.at_most > 1);
        let data = session.data.as_ref();
        let mut tests = Tests::run(&trainer.protocol(), Which::Both, data, stops, |protocol, witness| {
            trainer.evaluate_before(protocol, witness)
        })?;
        let infos = &trainer.programs().evaluation.program().weights;
        tests.doubt(data, trainer.weights(), infos, None)?;
        if let Some(out) = self.folder.parent() {
            tests.write(out)?;
            tests.write_arc(out, None)?;
        }
        self.testing += began.elapsed().as_secs_f64();
        if let Some(report) = tests.first() {
            self.tested(trainer, report.clone())?;
        }
        self.last = Some(tests);
        Ok(())
    }

    fn tested(&mut self, trainer: &Trainer, report: EvaluationReport) -> Outcome {
        let step = trainer.steps_done();
        let shown: Vec<String> =
            report.metrics.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
        self.progress.note(&format!(
            "step {step}: tested on {} puzzles: {}",
            report.examples,
            shown.join(", ")
        ));
        let record = Record {
            kind: Kind::Test,
            step,
            seconds: self.began.elapsed().as_secs_f64(),
            lr: 0.0,
            losses: report.losses.clone(),
            metrics: report.metrics.clone(),
            steps_used: Some(report.steps),
            gradient_norm: None,
        };
        self.tests.push((step, report));
        self.log.append(&record).map_err(|error| Failure::World(error.to_string()))
    }

    /// A checkpoint that cannot be written must not end days of training: the one before it still stands.
    fn save(&mut self, trainer: &mut Trainer, on_failure: OnFailure) -> Outcome {
        match (trainer.save(&self.folder), on_failure) {
            (Ok(()), _) => Ok(()),
            (Err(error), OnFailure::GoOn) => {
                self.progress
                    .note(&format!("not saved at step {}: {error}; training goes on", trainer.steps_done()));
                Ok(())
            }
            (Err(error), OnFailure::Stop) => Err(Failure::World(error.to_string())),
        }
    }

    fn summary(&self, trainer: &Trainer) -> Summary {
        let outcome = |name: &str, (step, report): &(u64, EvaluationReport)| report::Outcome {
            name: name.to_owned(),
            step: *step,
            metrics: report.metrics.clone(),
        };
        let exact = |report: &EvaluationReport| report.metrics.get("exact").copied().unwrap_or(0.0);
        let best = self.tests.iter().max_by(|(_, a), (_, b)| exact(a).total_cmp(&exact(b)));
        let mut outcomes = Vec::new();
        if let (Some(best), true) = (best, self.tests.len() > 1) {
            outcomes.push(outcome("best", best));
        }
        outcomes.extend(self.tests.last().map(|last| outcome("final", last)));
        Summary {
            outcomes,
            parameters: parameters(trainer),
            steps: trainer.steps_done() - self.first,
            rows: trainer.config().batch,
            seconds: self.began.elapsed().as_secs_f64(),
            testing: self.testing,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OnFailure {
    GoOn,
    Stop,
}

fn plain(report: &StepReport, rows: usize) -> Step {
    Step {
        step: report.step,
        rows,
        lr: report.lr,
        loss: report.loss,
        losses: report.losses.clone(),
        metrics: report.metrics.clone(),
        counted: report.count,
        steps_used: report.steps,
        gradient_norm: report.gradient_norm,
    }
}

fn as_json(summary: &Summary, trainer: &Trainer, training: &Training) -> serde_json::Value {
    let tests: Vec<_> = training
        .tests
        .iter()
        .map(|(step, report)| {
            let metrics: IndexMap<&String, f64> = report.metrics.iter().map(|(name, value)| (name, *value)).collect();
            serde_json::json!({ "step": step, "examples": report.examples, "metrics": metrics, "steps_used": report.steps })
        })
        .collect();
    serde_json::json!({
        "model": trainer.programs().training.program().model,
        "parameters": summary.parameters,
        "steps": trainer.steps_done(),
        "seconds": summary.seconds,
        "seconds_in_tests": summary.testing,
        "tests": tests,
        "evaluation": training.last.as_ref().map(Tests::json),
    })
}
