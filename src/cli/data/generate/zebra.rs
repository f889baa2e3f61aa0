//! `totc data generate zebra`

use super::{Made, Puzzle, Split};
use crate::cli::{Failure, Outcome};
use crate::data::zebra::{Clue, Item, Sizes, Zebra, make};
use serde_json::Value;
use std::time::Instant;

/// Makes Zebra puzzles with one solution and writes them as JSON lines, which `puzzles` reads. The question has a row of `?`
/// for each attribute, a cell a house, and below a row for each clue: `at a1 3` (value 1 of attribute a is in house 3),
/// `same a1 b2` (in one house), `next a1 b2` (in neighbouring houses), `left a1 b2` (directly left of it), `before a1 b2`
/// (somewhere left). The answer has the values in place of the `?`. No question occurs twice, in both files together. The rating
/// counts the guesses of a simple solver.
#[derive(clap::Args)]
pub struct Args {
    /// Houses in the row, 2 to 16
    #[arg(long, value_name = "N", default_value_t = 4)]
    houses: usize,
    /// Attributes of a house, 1 to 16; a house has one value of each
    #[arg(long, value_name = "N", default_value_t = 4)]
    attributes: usize,
    #[command(flatten)]
    split: Split,
}

/// Makes puzzles and writes them.
pub fn main(args: &Args) -> Outcome {
    if !(2..=16).contains(&args.houses) || !(1..=16).contains(&args.attributes) {
        return Err(Failure::Usage("give 2 to 16 houses and 1 to 16 attributes".to_owned()));
    }
    let count = args.split.count()?;
    let began = Instant::now();
    let sizes = Sizes { houses: args.houses, attributes: args.attributes };
    let made = Made {
        name: "puzzle",
        data_set: "puzzles",
        rating: "guesses",
        mend: "ask for fewer, or for more houses or attributes",
        puzzles: make(sizes, count, args.split.seed).iter().map(puzzle).collect(),
    };
    args.split.write(&made, began)
}

fn puzzle(zebra: &Zebra) -> Puzzle {
    let houses = zebra.sizes.houses;
    let unknown = (0..zebra.sizes.attributes).map(|_| vec!["?".to_owned(); houses]);
    let clues = zebra.clues.iter().map(|clue: &Clue| clue.written().to_vec());
    let solved = zebra.solution.chunks(houses).enumerate().map(|(attribute, values)| {
        let value = |value: &usize| Item { attribute, value: *value }.written();
        values.iter().map(value).collect::<Vec<_>>()
    });
    Puzzle {
        question: unknown.chain(clues).map(Value::from).collect(),
        answer: solved.map(Value::from).collect(),
        sizes: None,
        rating: zebra.guesses,
    }
}
