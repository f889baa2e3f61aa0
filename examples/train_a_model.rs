//! Trains a Tiny Recursive Model on 4 × 4 Sudoku from a Rust program and prints its learning curve: takes nothing, keeps
//! the run in a temporary folder. `cargo run --release --example train_a_model`

use std::path::Path;
use std::sync::atomic::AtomicBool;
use totc::run_file;
use totc::train::EvaluationReport;
use totc::train::run::{RunError, RunObserver, RunOptions, run};

/// What a run file would say.
const RUN: &str = r#"(
    model: "../models/trm.tot",
    set: { "hidden": 64, "heads": 4, "T": 2, "n": 2, "max_steps": 4 },
    data: sudoku(side: 4, train: 500, test: 200, givens: (5, 8), augmentations: 100),
    batch: 32, length: steps(400), ema: 0.98,
    optimiser: (name: "adamw", lr: 2e-3, weight_decay: 0.1), schedule: (warmup: 50),
    evaluation: (every: 50),
)"#;

/// The share of solved test puzzles after each test.
pub struct Curve(pub Vec<f64>);

impl RunObserver for Curve {
    fn tested(&mut self, step: u64, report: &EvaluationReport) {
        let solved = report.metrics["exact"];
        let bar = "#".repeat((50.0 * solved) as usize);
        println!("{step:>5} steps, {:>5.1} % solved {bar}", 100.0 * solved);
        self.0.push(solved);
    }
}

/// Trains in the folder `out`, with changes such as `length=steps(4)`.
pub fn train(out: &Path, changes: &[&str]) -> Result<Curve, RunError> {
    let out = format!("out={out:?}");
    let sets: Vec<&str> = changes.iter().copied().chain([out.as_str()]).collect();
    // Paths start at the folder of the file that is not there.
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/run.ron");
    let file = run_file::parse(Path::new(place), RUN, &sets)?;
    let mut curve = Curve(Vec::new());
    let outcome = run(&file, &RunOptions::default(), &mut curve, &AtomicBool::new(false))?;
    println!("{} parameters, weights in {}", outcome.parameters, outcome.weights.display());
    Ok(curve)
}

#[allow(dead_code, reason = "a test calls `train` alone")]
fn main() -> Result<(), RunError> {
    let out = std::env::temp_dir().join(format!("totc-example-{}", std::process::id()));
    train(&out, &[]).map(|_| ())
}
