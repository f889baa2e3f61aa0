//! `totc data generate sudoku`

use super::{Made, Puzzle, Split, span};
use crate::cli::{Failure, Outcome};
use crate::data::CountRange;
use crate::data::sudoku::generator::{Wanted, make};
use crate::data::sudoku::grid::Grid;
use crate::data::sudoku::text;
use std::time::Instant;

/// Makes Sudoku puzzles with one solution and writes them as JSON lines, which `sudoku_csv` and `puzzles` read. No two are
/// equivalent up to symmetry, in both files together. The rating counts the guesses of a simple solver.
#[derive(clap::Args)]
pub struct Args {
    /// Cells per row: 4, 6, 8, 9, 10, 12 or 16
    #[arg(long, value_name = "N", default_value_t = 9)]
    side: usize,
    /// Givens of each puzzle, as 24-30 or 28 (default: none to spare)
    #[arg(long, value_name = "SPAN", value_parser = span)]
    givens: Option<CountRange>,
    /// Rating of each puzzle, as 0 or 10-100 (default: any)
    #[arg(long, value_name = "SPAN", value_parser = span)]
    rating: Option<CountRange>,
    #[command(flatten)]
    split: Split,
}

/// Makes puzzles and writes them.
pub fn main(args: &Args) -> Outcome {
    let bounds = |span: Option<CountRange>| span.unwrap_or(CountRange::Any);
    let wanted = Wanted::new(args.side, bounds(args.givens), bounds(args.rating))
        .map_err(|refused| Failure::Usage(refused.to_string()))?;
    let count = args.split.count()?;
    let began = Instant::now();
    let puzzles = make(&wanted, count, args.split.seed);
    let puzzle = |((question, answer), rating): ((Grid, Grid), &u64)| Puzzle {
        question: text::line(&question).into(),
        answer: text::line(&answer).into(),
        sizes: Some([args.side; 2]),
        rating: *rating,
    };
    let made = Made {
        name: "puzzle",
        data_set: "sudoku_csv",
        rating: "guesses",
        mend: "ask for fewer, or for other givens or ratings",
        puzzles: puzzles.pairs.iter().zip(&puzzles.ratings).map(puzzle).collect(),
    };
    args.split.write(&made, began)
}
