//! `totc eval RUN.ron --weights W`

use super::session::{Machine, Session};
use super::{Failure, Outcome};
use crate::lower::Mode;
use crate::report::table;
use crate::train::{Protocol, Stop, evaluate};
use std::path::PathBuf;

/// Evaluates weights on the test data of a run file.
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
    /// Let each sample stop as soon as its halting condition holds, instead of running all steps
    #[arg(long)]
    stop_when_sure: bool,
    #[command(flatten)]
    machine: Machine,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn main(args: &Args) -> Outcome {
    let device = args.machine.device()?;
    let mut session = Session::open(&args.file, &args.sets, device)?;
    let batch = session.data.test_len().clamp(1, session.run.run.batch);
    let model = session.executable(Mode::Evaluation, u64::MAX, batch)?;
    let (weights, path) = session.weights(args.weights.as_deref(), model.program())?;
    let wanted = &session.run.run.evaluation;
    let protocol = Protocol {
        stop: if args.stop_when_sure { Stop::Halting } else { wanted.stop },
        steps: wanted.steps,
        examples: wanted.examples,
        seed: session.run.run.seed,
    };
    let report = evaluate(&model, &weights, session.data.as_ref(), &protocol)
        .map_err(|error| Failure::World(error.to_string()))?;
    if args.json {
        println!(
            "{}",
            serde_json::json!({
                "weights": path, "examples": report.examples, "metrics": report.metrics, "losses": report.losses,
                "by_step": report.by_step, "steps_used": report.steps, "halted": report.halted, "seconds": report.seconds,
            })
        );
        return Ok(());
    }
    println!("{} on {} examples ({:.1} s)", path.display(), report.examples, report.seconds);
    let mut lines: Vec<Vec<String>> = Vec::new();
    for (name, value) in &report.metrics {
        lines.push(vec![format!("  {name}"), format!("{value:.4}")]);
    }
    for (name, value) in &report.losses {
        lines.push(vec![format!("  loss {name}"), format!("{value:.4}")]);
    }
    lines.push(vec!["  steps used".to_owned(), format!("{:.2}", report.steps)]);
    lines.push(vec!["  halting condition held".to_owned(), format!("{:.4}", report.halted)]);
    print!("{}", table(&lines));
    if report.by_step.len() > 1 {
        let names: Vec<&String> = report.metrics.keys().collect();
        let mut lines = vec![
            std::iter::once("  after step".to_owned())
                .chain(names.iter().map(|name| (*name).clone()))
                .collect(),
        ];
        for (at, metrics) in report.by_step.iter().enumerate() {
            let values = names
                .iter()
                .map(|name| metrics.get(*name).map_or("-".to_owned(), |value| format!("{value:.4}")));
            lines.push(std::iter::once(format!("  {}", at + 1)).chain(values).collect());
        }
        print!("{}", table(&lines));
    }
    Ok(())
}
