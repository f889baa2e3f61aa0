//! `totc data generate s5` and `a5`

use super::{Made, Puzzle, Split};
use crate::cli::{Failure, Outcome};
use crate::data::permutations::{Group, Permutation, Word, words, written};
use serde_json::Value;
use std::collections::HashSet;
use std::time::Instant;

/// Makes sequences of permutations and writes them as JSON lines, which `puzzles` reads: the question is the sequence, the
/// answer at each place the product of all permutations up to there, the earlier ones applied first. `21345` exchanges 1 and 2.
/// No sequence occurs twice, in both files together. The rating is the length.
#[derive(clap::Args)]
pub struct Args {
    /// Permutations of a training sequence, 1 to 4096
    #[arg(long, value_name = "N", default_value_t = 16)]
    length: usize,
    /// Permutations of a test sequence (default: as in training)
    #[arg(long, value_name = "N")]
    test_length: Option<usize>,
    #[command(flatten)]
    split: Split,
}

/// Makes sequences and writes them.
pub fn main(group: Group, args: &Args) -> Outcome {
    let test_length = args.test_length.unwrap_or(args.length);
    if let Some(length) = [args.length, test_length].into_iter().find(|length| !(1..=4096).contains(length)) {
        return Err(Failure::Usage(format!("sequences of {length} are not made here; use 1 to 4096")));
    }
    args.split.count()?;
    let began = Instant::now();
    let (split, mut known) = (&args.split, HashSet::new());
    let mut made = words(group, test_length, split.test, (split.seed, 0), &mut known);
    if made.len() == split.test {
        made.extend(words(group, args.length, split.train, (split.seed, 1), &mut known));
    }
    let list = |elements: &[Permutation]| elements.iter().map(written).collect::<Value>();
    let puzzle = |word: &Word| Puzzle {
        question: list(&word.elements),
        answer: list(&word.states),
        sizes: None,
        rating: word.elements.len() as u64,
    };
    let made = Made {
        name: "sequence",
        data_set: "puzzles",
        rating: "permutations",
        mend: "ask for fewer, or for longer ones",
        puzzles: made.iter().map(puzzle).collect(),
    };
    split.write(&made, began)
}
