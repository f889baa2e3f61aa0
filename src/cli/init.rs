//! `totc init FILE --seed N --out weights.safetensors`

use super::subject::{Choice, Subject};
use super::{Failure, Outcome};
use crate::Values;
use crate::exec::Weights;
use crate::ir::{Mode, WeightRole};
use crate::report::count;
use crate::train::checkpoint;
use std::path::PathBuf;

/// Writes the initial weights of a model by path, as safetensors. The same seed gives the same weights.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    choice: Choice,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Writes the initial weights of a seed.
pub fn main(args: &Args) -> Outcome {
    let mut subject = Subject::load(&args.choice)?;
    let program = subject.model_file.program(Mode::Training, Values::Dropped)?;
    let weights = Weights::init(&program.weights, args.seed, tch::Device::Cpu);
    let about = subject.about()?;
    checkpoint::write_weights(&args.out, &weights.tensors, &about)
        .map_err(|error| Failure::World(error.to_string()))?;
    let elements = |role: WeightRole| -> u64 {
        program
            .weights
            .iter()
            .filter(|info| info.role == role)
            .map(|info| info.shape.iter().product::<i64>() as u64)
            .sum()
    };
    println!(
        "{}: {} weights of {}, {} trainable elements, {} in tables, {} constant",
        args.out.display(),
        program.weights.len(),
        program.model,
        count(elements(WeightRole::Param)),
        count(elements(WeightRole::Table)),
        count(elements(WeightRole::Buffer))
    );
    Ok(())
}
