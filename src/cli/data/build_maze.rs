//! `totc data build maze`

use super::{fresh, named, size_of, world};
use crate::cli::{Failure, Outcome};
use crate::data::maze::build::{BuildSpec, build};
use crate::report::count;
use std::path::PathBuf;
use std::time::Instant;

/// Writes a maze data set as the reference script does, from CSV files with the columns source,question,answer,rating.
#[derive(clap::Args)]
pub struct Args {
    /// The folder with train.csv and test.csv (or train.csv.gz and test.csv.gz), as on the hub
    #[arg(long, value_name = "DIR", required_unless_present_all = ["train", "test"])]
    from: Option<PathBuf>,
    /// The training file
    #[arg(long, value_name = "FILE")]
    train: Option<PathBuf>,
    /// The test file
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// The folder to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Draw so many training rows without replacement (default: all)
    #[arg(long, value_name = "N")]
    subsample_size: Option<usize>,
    /// Write training mazes in all eight orientations
    #[arg(long)]
    aug: bool,
    /// Seed of NumPy's generator
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u32,
    /// Write over a data set in the output folder
    #[arg(long)]
    overwrite: bool,
}

/// Builds a data set of mazes and writes it.
pub fn main(args: &Args) -> Outcome {
    fresh(&args.out, args.overwrite)?;
    let file = |given: &Option<PathBuf>, name: &str| match (given, &args.from) {
        (Some(file), _) => Ok(file.clone()),
        (None, Some(folder)) => named(folder, name),
        (None, None) => Err(Failure::Usage(format!("give --from DIR or --{name} FILE"))),
    };
    let plan = BuildSpec {
        train: file(&args.train, "train")?,
        test: file(&args.test, "test")?,
        out: args.out.clone(),
        subsample_size: args.subsample_size,
        aug: args.aug,
        seed: args.seed,
    };
    let began = Instant::now();
    let (train, test) = build(&plan).map_err(world)?;
    println!(
        "{}: {} training examples of {} mazes, {} test examples; {:.1} MB in {:.1} s",
        args.out.display(),
        count(train.examples as u64),
        count(train.groups as u64),
        count(test.examples as u64),
        size_of(&args.out) as f64 / 1e6,
        began.elapsed().as_secs_f64()
    );
    Ok(())
}
