//! `totc run RUN`: trains, tests, saves; goes on where a run was cut off. The run is `train::run`; here it is shown.

use super::machine::MachineArgs;
use super::signals::Asked;
use super::{Failure, Outcome, colours};
use crate::distributed::Place;
use crate::report::{
    self, Extent, Forecast, Progress, Screen, Summary, TestResult, final_test_text, fixed, summary_table,
    tests_left,
};
use crate::train::best;
use crate::train::run::{
    RunError, RunObserver, RunOptions, RunOutcome, RunStart, Standing, WeightsTaken, follow, read, run,
};
use crate::train::{EvaluationReport, FinalTest, StepMetrics, TrainError};
use indexmap::IndexMap;
use std::path::PathBuf;
use std::time::Duration;

/// Trains and evaluates what a run file describes. Its folder then holds all that one needs of the run: every setting, the
/// model files, metrics (metrics.jsonl), checkpoints. After a kill or a power cut `totc run FOLDER --resume` goes on, bit
/// for bit.
#[derive(clap::Args)]
pub struct Args {
    /// The run file (.ron), or with --resume the folder of a run
    #[arg(value_name = "RUN")]
    file: PathBuf,
    /// Give a field of the run file, or a config of its model, another value (batch=32, hidden=128, optimiser.lr=1e-3)
    #[arg(long = "set", value_name = "NAME=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    machine: MachineArgs,
    /// Another seed than the run file's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Another output folder than the run file's
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on from the last checkpoint in the output folder
    #[arg(long)]
    resume: bool,
    /// With --resume: go on from the checkpoint before the last, which is kept as checkpoint.damaged
    #[arg(long, requires = "resume")]
    earlier: bool,
    /// Stop after so many steps of this call (the run can be resumed)
    #[arg(long, value_name = "N")]
    stop_after: Option<u64>,
    /// Threads that prepare training rows ahead (the rows are the same); 0: each step prepares its own
    #[arg(long, value_name = "N", default_value_t = crate::train::LOADERS)]
    loaders: usize,
    /// Print the results as JSON at the end
    #[arg(long)]
    json: bool,
    /// Share each batch among so many processes on this machine. Processes that `torchrun --no-python` or `srun` has
    /// started find each other by themselves (docs/distributed.md)
    #[arg(long, value_name = "N")]
    processes: Option<usize>,
    /// Seconds of silence after which a process counts as lost, at least 5
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    process_timeout: u64,
}

/// Steps measured before the length of the run is foretold.
const MEASURED: u64 = 3;
/// Seconds of a step that is worth a word at once.
const SLOW: f64 = 20.0;

/// Starts or resumes the run and shows its progress.
pub fn main(args: &Args) -> Outcome {
    let place = match args.processes {
        Some(_) => None,
        None => Place::from_environment().map_err(RunError::from)?,
    };
    let mut options = RunOptions {
        machine: args.machine.machine_of(place.as_ref()),
        loaders: args.loaders,
        resume: args.resume,
        earlier: args.earlier,
        stop_after: args.stop_after,
        group: None,
    };
    // A device that is not there is told before a run file that is not.
    options.machine.prepare()?;
    let mut sets = args.sets.clone();
    if let Some(seed) = args.seed {
        sets.push(format!("seed={seed}"));
    }
    if let Some(out) = &args.out {
        sets.push(format!("out={}", out.display()));
    }
    let file = read(&args.file, &sets)?;
    if file.kept.is_some() && !args.resume {
        return Err(Failure::Usage(format!(
            "{} is the folder of a run; go on with it by --resume, or give a run file (.ron) to start another one",
            args.file.display()
        )));
    }
    super::outlive_pipes();
    let asked = Asked::listen();
    if let Some(processes) = args.processes {
        return super::processes::start(processes, args.machine.threads, args.process_timeout, &asked);
    }
    if let Some(place) = place {
        options.group = Some(super::processes::meet(&place, args.process_timeout)?);
        if place.rank > 0 {
            let (done, stopped) = follow(&file, &options, asked.flag())
                .map_err(|error| super::processes::told(&place, &error))?;
            return match asked.signal() {
                // The first process may have come to the end none the less.
                Some((name, number)) if stopped => {
                    Err(Failure::Stopped(format!("stopped by {name} at step {done}"), number))
                }
                _ => Ok(()),
            };
        }
    }
    let mut screen =
        OnScreen { processes: options.group.as_ref().map(|group| group.size()), ..OnScreen::default() };
    let outcome = run(&file, &options, &mut screen, asked.flag());
    if let Some(progress) = &mut screen.progress {
        progress.finish();
    }
    let outcome = outcome?;
    if args.json {
        super::tell(&as_json(&outcome).to_string());
    } else {
        tell(&outcome);
    }
    match asked.signal() {
        Some((name, number)) if !outcome.complete() => {
            Err(Failure::Stopped(format!("stopped by {name}; saved at step {}", outcome.steps_done), number))
        }
        _ => Ok(()),
    }
}

/// The end of a call in tables and words.
fn tell(outcome: &RunOutcome) {
    let before = outcome.complete() && outcome.final_test.is_none();
    if before {
        super::say("the run is complete, and was before this call: nothing was trained or tested\n");
    }
    super::tell(&summary_table(&summary(outcome)));
    match outcome.standing {
        Standing::Stopped => {
            let folder = outcome.folder.display();
            super::tell(&format!(
                "stopped at step {} of {}; go on with `totc run {folder} --resume`",
                outcome.steps_done, outcome.steps_in_all
            ));
            return;
        }
        Standing::NoBetter(tests) => super::tell(&format!(
            "ended early after {} of {} steps: the last {tests} tests were no better than the best",
            outcome.steps_done, outcome.steps_in_all
        )),
        Standing::Complete => {}
    }
    if let Some(test) = &outcome.final_test {
        super::tell(&final_test_text(test));
    }
    super::tell(&format!("weights: {}", outcome.weights.display()));
    if let Some(best) = best::file(&outcome.folder).filter(|_| outcome.best.is_some()) {
        super::tell(&format!("weights of the best test: {}", best.display()));
    }
}

/// Shows a run on standard error.
#[derive(Default)]
struct OnScreen {
    /// How many share the batch.
    processes: Option<usize>,
    progress: Option<Progress>,
    /// Steps done before.
    first: u64,
    total: u64,
    /// Steps between tests.
    every: Option<u64>,
}

impl RunObserver for OnScreen {
    fn weights_taken(&mut self, taken: &WeightsTaken) {
        super::say(&report::weights_text(taken.source, taken.transfer, taken.weights));
    }

    fn started(&mut self, start: &RunStart) {
        let device = match start.device {
            tch::Device::Cuda(number) => format!("cuda:{number}"),
            _ => format!("cpu, {} threads", tch::get_num_threads()),
        };
        let among = self.processes.map_or(String::new(), |count| format!(", {count} processes"));
        let part = match start.micro_batch {
            rows if rows < start.config.batch => format!(" in parts of {rows}"),
            _ => String::new(),
        };
        super::say(&format!(
            "{}: {} parameters, {} · {}{among}\n{}\nbatch {}{part}, {} steps, output in {}\n",
            start.model,
            report::count(start.parameters),
            start.precision.name(),
            device,
            start.data,
            start.config.batch,
            report::count(start.steps_in_all),
            start.out.display()
        ));
        (self.first, self.total) = (start.steps_done, start.steps_in_all);
        self.every = start.config.evaluation.every;
        let extent = Extent {
            done: self.first,
            total: self.total,
            test_every: self.every,
            every: Duration::from_secs(10),
        };
        self.progress = Some(Progress::new(Screen::of_stderr(), colours(), extent));
    }

    fn stepped(&mut self, metrics: &StepMetrics) {
        let Some(progress) = &mut self.progress else { return };
        progress.step(metrics);
        // Long steps are foretold after the first, short ones when they have settled.
        let slow = metrics.step == self.first + 1 && metrics.seconds > SLOW;
        if slow || metrics.step == self.first + MEASURED {
            self.foretell(metrics.step);
        }
    }

    fn phase_began(&mut self, step: u64) {
        self.note(&format!("step {step}: a new phase begins"));
    }

    fn tested(&mut self, step: u64, report: &EvaluationReport) {
        if let Some(progress) = &mut self.progress {
            progress.tested(report.seconds);
        }
        let shown = report.metrics.iter().map(|(name, value)| format!("{name} {}", fixed(*value)));
        let shown = shown.collect::<Vec<_>>().join(", ");
        self.note(&format!("step {step}: tested on {} puzzles: {shown}", report.examples));
    }

    fn trouble(&mut self, step: u64, what: &str) {
        self.note(&format!("step {step}: {what}"));
    }

    fn not_saved(&mut self, step: u64, error: &TrainError) {
        self.note(&format!("not saved at step {step}: {error}; training goes on"));
    }
}

impl OnScreen {
    fn note(&mut self, line: &str) {
        if let Some(progress) = &mut self.progress {
            progress.note(line);
        }
    }

    fn foretell(&mut self, done: u64) {
        let Some(progress) = &mut self.progress else { return };
        let Some(seconds_per_step) = progress.pace().seconds_per_step() else { return };
        let left = self.total.saturating_sub(done);
        if left == 0 {
            return;
        }
        let forecast = Forecast {
            steps_left: left,
            seconds_per_step,
            tests_left: tests_left(done, self.total, self.every),
            seconds_per_test: progress.pace().seconds_per_test(),
        };
        progress.note(&forecast.line());
    }
}

fn summary(outcome: &RunOutcome) -> Summary {
    let result = |name: &str, step: u64, metrics: &IndexMap<String, f64>| TestResult {
        name: name.to_owned(),
        step,
        metrics: metrics.clone(),
    };
    let mut results = Vec::new();
    if let Some((best, metrics)) = &outcome.best {
        results.push(result(&format!("best {}", best.by), best.step, metrics));
    }
    let name = if outcome.complete() { "final" } else { "last" };
    results.extend(outcome.last.as_ref().map(|(step, metrics)| result(name, *step, metrics)));
    Summary {
        results,
        parameters: outcome.parameters,
        steps: outcome.steps_done - outcome.steps_before,
        rows: outcome.batch,
        seconds: outcome.seconds,
        testing: outcome.seconds_in_tests,
        seconds_in_all: (outcome.steps_before > 0).then_some(outcome.seconds_in_all),
    }
}

fn as_json(outcome: &RunOutcome) -> serde_json::Value {
    let tests: Vec<_> = outcome
        .tests
        .iter()
        .map(|(step, report)| {
            let metrics: IndexMap<&String, f64> = report.metrics.iter().map(|(name, value)| (name, *value)).collect();
            serde_json::json!({ "step": step, "examples": report.examples, "metrics": metrics, "steps_used": report.steps })
        })
        .collect();
    // What was complete before has its test in its folder.
    let kept = || -> Option<serde_json::Value> {
        let text = std::fs::read(outcome.folder.join(FinalTest::NAME)).ok()?;
        serde_json::from_slice(&text).ok()
    };
    let evaluation = match &outcome.final_test {
        Some(test) => Some(test.json()),
        None => kept().filter(|_| outcome.complete()),
    };
    serde_json::json!({
        "model": outcome.model,
        "parameters": outcome.parameters,
        "steps": outcome.steps_done,
        "complete": outcome.complete(),
        "seconds": outcome.seconds,
        "seconds_in_tests": outcome.seconds_in_tests,
        "seconds_in_all": outcome.seconds_in_all,
        "tests": tests,
        "best": outcome.best.as_ref().map(|(best, metrics)| serde_json::json!({ "step": best.step, "by": best.by, "metrics": metrics })),
        "evaluation": evaluation,
    })
}
