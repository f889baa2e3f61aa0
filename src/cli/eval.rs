//! `totc eval RUN --weights W`

use super::machine::MachineArgs;
use super::machine::TestTimeArgs;
use super::used::UsedArgs;
use super::{Failure, Outcome};
use crate::report::final_test_text;
use crate::train::run::{Protocols, doubt_arc, final_test};
use crate::train::{
    Budget, FileError, PUZZLES, Protocol, Stop, SupervisionStep, evaluate_observed, evaluation_folder,
    other_identifiers,
};
use std::path::PathBuf;

/// Evaluates the weights of a run on its test data, with its settings: all steps as the reference code does, and beside it
/// with every sample leaving the batch as soon as it is sure. Each evaluation is kept in a folder of its own, named by what
/// it did: `evaluations/…` in the run's folder, with puzzles.csv (one line per test example) and evaluation.json.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    used: UsedArgs,
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
    /// Where to write puzzles.csv and evaluation.json (default: evaluations/… in the run's folder)
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
    let wish = args.used.wish();
    let (mut session, mut used) = args.used.open(device)?;
    if args.latency {
        let budget = Budget { samples: args.latency_samples, seconds: args.latency_seconds };
        return super::latency::main(&mut session, &wish, &mut used, budget, args.json);
    }
    let batch = session.data.test_len().clamp(1, session.run.run.batch);
    let model = session.evaluation(u64::MAX, batch)?;
    let found = session.weights(&wish, &mut used, model.program())?;
    super::used::tell_other(&used);
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
    let doubts = other_identifiers(&found.path, data);
    let mut tests = final_test(&protocol, which, data, model.program(), |protocol, observer| {
        evaluate_observed(&model, &found.weights, data, protocol, observer)
    })?;
    doubt_arc(&mut tests, data, &found.weights, &model.program().weights, doubts)?;
    let apart = super::used::set_apart(&used, &found);
    tests.facts = super::used::facts(&session, &found, &apart);
    if tests.arc.is_empty() && args.submission.is_some() {
        return Err(Failure::Usage(
            "--submission is for ARC tasks, which this run's data are not".to_owned(),
        ));
    }
    let world = |error: FileError| Failure::World(error.to_string());
    let folders = match &args.out {
        Some(out) => {
            tests.write(out).map_err(world)?;
            tests.write_arc(out, None).map_err(world)?;
            vec![out.clone()]
        }
        None => evaluation_folder::write(&used.folder, &tests, &apart).map_err(world)?,
    };
    if let (Some(file), Some(arc)) = (&args.submission, tests.arc.first()) {
        arc.write_submission(file).map_err(world)?;
    }
    if args.json {
        let mut all = tests.json();
        all["weights"] = found.path.display().to_string().into();
        all["puzzles"] = folders.first().map(|folder| folder.join(PUZZLES).display().to_string()).into();
        println!("{all}");
        return Ok(());
    }
    let parts = apart.parts();
    let with = if parts.is_empty() { String::new() } else { format!(", {}", parts.join(", ")) };
    println!(
        "{} on {} examples{with}",
        found.path.display(),
        tests.first().map_or(0, |report| report.examples)
    );
    print!("{}", final_test_text(&tests));
    println!();
    for folder in &folders {
        println!("kept in {}", folder.display());
    }
    Ok(())
}
