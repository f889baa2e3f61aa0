//! `totc data build arc`

use super::{fresh, size_of, world};
use crate::cli::{Failure, Outcome};
use crate::data::arc::{self, plan::Wanted};
use crate::report::count;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Instant;

/// Subsets that are tested where nothing is said: what the reference script tests.
const TESTED: [&str; 2] = ["evaluation", "evaluation2"];

/// Writes an ARC data set as the reference script build_arc_dataset.py does, byte for byte: augmented copies of every
/// task, an identifier for each, and the demonstrations of the tested tasks among the training examples.
#[derive(clap::Args)]
pub struct Args {
    /// The folder of the subsets: *_SUBSET_challenges.json and *_SUBSET_solutions.json as on Kaggle (or .json.gz), or
    /// folders SUBSET or data/SUBSET with one JSON file per task as in the ARC repositories
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The folder to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Subsets, in the order in which they are to stand
    #[arg(long, value_name = "NAME", num_args = 1.., default_values = ["training", "evaluation", "concept"])]
    subsets: Vec<String>,
    /// Subsets whose `test` pairs are tested (default: evaluation and evaluation2, where they are among the subsets)
    #[arg(long, value_name = "NAME", num_args = 1.., alias = "test-set-name")]
    test_set: Vec<String>,
    /// Augmented copies of each task
    #[arg(long, value_name = "N", default_value_t = 1000)]
    num_aug: usize,
    /// Seed of NumPy's generator
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u32,
    /// The identifier of the first task; more than 1 leaves room for other data sets
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    puzzle_identifiers_start: u32,
    /// Threads (default: one per core); the bytes do not depend on them
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
    /// Write over a data set in the output folder
    #[arg(long)]
    overwrite: bool,
}

/// Builds a data set of ARC and writes it.
pub fn main(args: &Args) -> Outcome {
    fresh(&args.out, args.overwrite)?;
    let mut test_sets = args.test_set.clone();
    if test_sets.is_empty() {
        test_sets =
            TESTED.map(str::to_owned).into_iter().filter(|name| args.subsets.contains(name)).collect();
    }
    if test_sets.is_empty() {
        return Err(Failure::Usage(format!(
            "none of the subsets {} is tested; name one by --test-set",
            args.subsets.join(", ")
        )));
    }
    let wanted = Wanted {
        from: args.from.clone(),
        subsets: args.subsets.clone(),
        test_sets,
        augmentations: args.num_aug,
        seed: args.seed,
        first_identifier: args.puzzle_identifiers_start as usize,
    };
    let threads = args
        .threads
        .map_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get), NonZero::get);
    let began = Instant::now();
    let built = arc::build(&wanted, &args.out, threads).map_err(world)?;
    println!(
        "{}: {} tasks as {} copies with {} training examples, {} tested tasks as {} copies with {} test examples, {} \
         identifiers; {:.1} MB in {:.1} s",
        args.out.display(),
        count(built.train.groups as u64),
        count(built.train.puzzles as u64),
        count(built.train.examples as u64),
        count(built.test.groups as u64),
        count(built.test.puzzles as u64),
        count(built.test.examples as u64),
        count(built.identifiers as u64),
        size_of(&args.out) as f64 / 1e6,
        began.elapsed().as_secs_f64()
    );
    if built.short > 0 {
        println!(
            "{} tasks have fewer than {} copies: they look the same under many augmentations",
            built.short, args.num_aug
        );
    }
    if built.unanswered > 0 {
        eprintln!(
            "warning: {} training pairs have no answer; they are written with the answer [[0]], as the reference does, and \
             would be trained on",
            built.unanswered
        );
    }
    Ok(())
}
