//! `totc eval RUN.ron --weights W`

use super::machine::MachineArgs;
use super::machine::TestTimeArgs;
use super::{Failure, Outcome};
use crate::report::final_test_text;
use crate::train::run::Session;
use crate::train::run::{Protocols, doubt_arc, final_test};
use crate::train::{
    Budget, FileError, Protocol, Stop, SupervisionStep, evaluate_observed, other_identifiers,
};
use std::path::PathBuf;

/// Evaluates weights on the test data of a run file: all steps as the reference code does, and beside it with every
/// sample leaving the batch as soon as it is sure. Writes puzzles.csv (one line per test example) and evaluation.json.
#[derive(clap::Args)]
pub struct Args {
    /// The run file (.ron)
    file: PathBuf,
    /// Weights (safetensors), or a run's folder; default: the last checkpoint of the run
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Give a field of the run file, or a config of its model, another value
    #[arg(long = "set", value_name = "NAME=VALUE")]
    sets: Vec<String>,
    /// Only let each sample stop as soon as its halting condition holds
    #[arg(long, conflicts_with = "all_steps")]
    stop_when_sure: bool,
    /// Only run all steps
    #[arg(long)]
    all_steps: bool,
    /// A sample is sure when the model's confidence exceeds this number, such as 0.9, instead of when its halting
    /// condition holds
    #[arg(long, value_name = "P")]
    threshold: Option<f64>,
    /// Steps before which no sample stops
    #[arg(long, value_name = "N")]
    min_steps: Option<usize>,
    #[command(flatten)]
    test_time: TestTimeArgs,
    /// Where to write puzzles.csv and evaluation.json; default: the run's output folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where to write the two attempts per test input of ARC tasks, in Kaggle's form; default: submission.json beside
    /// puzzles.csv
    #[arg(long, value_name = "FILE")]
    submission: Option<PathBuf>,
    /// Measure how long one sample takes (batch 1: mean, median, 95th percentile) and the memory it needs, in place of
    /// how right the answers are
    #[arg(long)]
    latency: bool,
    /// With --latency: samples at most
    #[arg(long, default_value_t = 200, value_name = "N")]
    latency_samples: usize,
    /// With --latency: seconds at most, once 20 samples are measured
    #[arg(long, default_value_t = 20.0, value_name = "SECONDS")]
    latency_seconds: f64,
    #[command(flatten)]
    machine: MachineArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Evaluates weights and prints the measures.
pub fn main(args: &Args) -> Outcome {
    if let Some(threshold) = args.threshold.filter(|threshold| !(0.0..=1.0).contains(threshold)) {
        return Err(Failure::Usage(format!("--threshold takes a number from 0 to 1, not {threshold}")));
    }
    let device = args.machine.device()?;
    let mut session = Session::open(&args.file, &args.sets, device)?;
    if args.latency {
        let budget = Budget { samples: args.latency_samples, seconds: args.latency_seconds };
        return super::latency::main(&mut session, args.weights.as_deref(), budget, args.json);
    }
    let batch = session.data.test_len().clamp(1, session.run.run.batch);
    let model = session.evaluation(u64::MAX, batch)?;
    let (weights, path) = session.weights(args.weights.as_deref(), model.program())?;
    let wanted = args.test_time.on(Protocol::of(&session.run.run.evaluation, session.run.run.seed))?;
    let protocol = Protocol {
        stop: match (args.stop_when_sure, args.all_steps) {
            (true, _) => Stop::Halting,
            (_, true) => Stop::AllSteps,
            _ => wanted.stop,
        },
        threshold: args.threshold.or(wanted.threshold),
        min_steps: args.min_steps.unwrap_or(wanted.min_steps),
        ..wanted
    };
    let which = if args.stop_when_sure || args.all_steps { Protocols::One } else { Protocols::Both };
    let data = session.data.as_ref();
    let other = other_identifiers(&path, data);
    let mut tests = final_test(&protocol, which, data, model.program(), |protocol, observer| {
        evaluate_observed(&model, &weights, data, protocol, observer)
    })?;
    doubt_arc(&mut tests, data, &weights, &model.program().weights, other)?;
    let out = args.out.clone().unwrap_or_else(|| session.run.out());
    let world = |error: FileError| Failure::World(error.to_string());
    let puzzles = tests.write(&out).map_err(world)?;
    let submission = tests.write_arc(&out, args.submission.as_deref()).map_err(world)?;
    if submission.is_none() && args.submission.is_some() {
        return Err(Failure::Usage(
            "--submission is for ARC tasks, which this run file's data are not".to_owned(),
        ));
    }
    if args.json {
        let mut all = tests.json();
        all["weights"] = path.display().to_string().into();
        all["puzzles"] = puzzles.display().to_string().into();
        println!("{all}");
        return Ok(());
    }
    println!("{} on {} examples", path.display(), tests.first().map_or(0, |report| report.examples));
    print!("{}", final_test_text(&tests));
    println!("\none line per puzzle: {}", puzzles.display());
    if let Some(submission) = submission {
        println!("two attempts per ARC test input: {}", submission.display());
    }
    Ok(())
}
