//! `totc data build sudoku`

use super::{fresh, named, size_of, world};
use crate::cli::{Failure, Outcome};
use crate::data::npy::NpyType;
use crate::data::sudoku::build::{BuildSpec, build};
use crate::report::count;
use clap::ValueEnum;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Instant;

/// Writes a Sudoku data set as the reference script does. With the same options, the bytes are those of the script
/// started after `np.random.seed(SEED)`.
#[derive(clap::Args)]
pub struct Args {
    /// The folder with train.csv and test.csv (or train.csv.gz and test.csv.gz), as on the hub
    #[arg(long, value_name = "DIR", required_unless_present_all = ["train", "test"])]
    from: Option<PathBuf>,
    /// The training file (.csv or .csv.gz; columns source,question,answer,rating)
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
    /// Augmented copies of each training row
    #[arg(long, value_name = "N", default_value_t = 0)]
    num_aug: usize,
    /// Leave rows rated lower out, of both files
    #[arg(long, value_name = "N")]
    min_difficulty: Option<i64>,
    /// Seed of NumPy's generator
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u32,
    /// Type of the training tokens (default: what the script writes, int64 with copies and uint8 without)
    #[arg(long, value_enum)]
    dtype: Option<Tokens>,
    /// Write over a data set in the output folder
    #[arg(long)]
    overwrite: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Tokens {
    Uint8,
    Int64,
}

/// Builds a data set of sudokus and writes it.
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
        min_difficulty: args.min_difficulty,
        num_aug: args.num_aug,
        seed: args.seed,
        dtype: args.dtype.map(|dtype| match dtype {
            Tokens::Uint8 => NpyType::U8,
            Tokens::Int64 => NpyType::I64,
        }),
    };
    let began = Instant::now();
    let shown = std::io::stderr().is_terminal();
    let progress = |examples: usize| {
        if shown && examples.is_multiple_of(10_000) {
            eprint!("\r{} training examples", count(examples as u64));
        }
    };
    let (train, test) = build(&plan, &progress).map_err(world)?;
    if shown {
        eprint!("\r");
    }
    println!(
        "{}: {} training examples of {} puzzles, {} test examples; {:.1} MB in {:.1} s",
        args.out.display(),
        count(train.examples as u64),
        count(train.groups as u64),
        count(test.examples as u64),
        size_of(&args.out) as f64 / 1e6,
        began.elapsed().as_secs_f64()
    );
    Ok(())
}
