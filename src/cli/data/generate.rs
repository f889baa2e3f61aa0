//! `totc data generate …`: puzzles made from a seed, written as JSON lines. Each kind is a file beside this one.

mod maze;
mod permutations;
mod sudoku;
mod zebra;

use super::world;
use crate::cli::output::{self, Output};
use crate::cli::{Failure, Outcome};
use crate::data::{CountRange, DataError, permutations::Group};
use clap::Subcommand;
use serde::Serialize;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Subcommand)]
pub enum Generate {
    /// Sudoku puzzles with one solution, of which no two are equivalent
    Sudoku(sudoku::Args),
    /// Mazes by the procedure of Maze-Hard
    Maze(maze::Args),
    /// State tracking over the permutations of five points
    S5(permutations::Args),
    /// State tracking over the even permutations of five points
    A5(permutations::Args),
    /// Zebra puzzles: houses in a row and clues, with one solution
    Zebra(zebra::Args),
}

/// Runs one command of `totc data generate`.
pub fn main(command: &Generate) -> Outcome {
    match command {
        Generate::Sudoku(args) => sudoku::main(args),
        Generate::Maze(args) => maze::main(args),
        Generate::S5(args) => permutations::main(Group::S5, args),
        Generate::A5(args) => permutations::main(Group::A5, args),
        Generate::Zebra(args) => zebra::main(args),
    }
}

/// What every generator takes.
#[derive(clap::Args)]
struct Split {
    /// Training puzzles
    #[arg(long, value_name = "N", default_value_t = 1000)]
    train: usize,
    /// Test puzzles; a seed gives the same ones however many are trained on
    #[arg(long, value_name = "N", default_value_t = 200)]
    test: usize,
    /// Seed of the puzzles
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// The folder to write train.jsonl and test.jsonl to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write over such files in the folder
    #[arg(long)]
    overwrite: bool,
}

/// One puzzle in the form of docs/data.md.
#[derive(Serialize)]
struct Puzzle {
    question: Value,
    answer: Value,
    /// Rows and columns, where both are written in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    sizes: Option<[usize; 2]>,
    rating: u64,
}

/// The puzzles of a command as they are asked for: `made` are those of the tests and behind them those of training.
struct Made<'a> {
    /// What one is called, such as `maze`.
    name: &'a str,
    /// The data set of run files that reads them.
    data_set: &'a str,
    /// What ratings count.
    rating: &'a str,
    /// What to do where too few turned up.
    mend: &'a str,
    puzzles: Vec<Puzzle>,
}

const FILES: [&str; 2] = ["train.jsonl", "test.jsonl"];

/// What may be written over.
const LINES: Output = Output::Text("{");

impl Split {
    /// How many puzzles are wanted, once it is known that they can be written.
    fn count(&self) -> Result<usize, Failure> {
        let taken = FILES.iter().find(|name| self.out.join(name).symlink_metadata().is_ok());
        if let Some(name) = taken.filter(|_| !self.overwrite) {
            return Err(Failure::Usage(format!(
                "{} is there already; choose another folder by --out, or give --overwrite",
                self.out.join(name).display()
            )));
        }
        for name in FILES {
            output::may_replace(&self.out.join(name), LINES, &[])?;
        }
        match self.train.checked_add(self.test).filter(|_| self.train > 0 && self.test > 0) {
            Some(count) if u32::try_from(count).is_ok() => Ok(count),
            Some(_) => Err(Failure::Usage("that many puzzles cannot be made; ask for fewer".to_owned())),
            None => Err(Failure::Usage(
                "a run needs puzzles to train on and to test with; give --train and --test at least 1"
                    .to_owned(),
            )),
        }
    }

    /// Writes both files and says what they hold; nothing where there are too few puzzles.
    fn write(&self, made: &Made, began: Instant) -> Outcome {
        let wanted = self.train.saturating_add(self.test);
        if made.puzzles.len() < wanted {
            return Err(Failure::World(format!(
                "{} + {} {}s were asked for, but only {} turned up, so nothing was written; {}",
                self.train,
                self.test,
                made.name,
                made.puzzles.len(),
                made.mend
            )));
        }
        let (test, train) = made.puzzles.split_at(self.test.min(made.puzzles.len()));
        std::fs::create_dir_all(&self.out)
            .map_err(|cause| world(DataError::Write { path: self.out.clone(), cause }))?;
        for (name, puzzles) in FILES.into_iter().zip([train, test]) {
            let path = self.out.join(name);
            output::write(&path, LINES, &[], &lines(puzzles)?)?;
            let s = if puzzles.len() == 1 { "" } else { "s" };
            let spread = spread(made.rating, puzzles);
            println!("{}: {} {}{s}, {spread}", path.display(), puzzles.len(), made.name);
        }
        let [train, test] = FILES.map(|name| self.out.join(name).display().to_string());
        println!("made in {:.1} s; in a run file beside the folder:", began.elapsed().as_secs_f64());
        println!("    data: {}(train: {train:?}, test: {test:?}),", made.data_set);
        Ok(())
    }
}

/// An object a line.
fn lines(puzzles: &[Puzzle]) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    for puzzle in puzzles {
        serde_json::to_writer(&mut out, puzzle).map_err(|cause| Failure::World(cause.to_string()))?;
        out.push(b'\n');
    }
    Ok(out)
}

/// Least, median and most of the ratings.
fn spread(rating: &str, puzzles: &[Puzzle]) -> String {
    let mut ratings: Vec<u64> = puzzles.iter().map(|puzzle| puzzle.rating).collect();
    ratings.sort_unstable();
    match (ratings.first(), ratings.get(ratings.len() / 2), ratings.last()) {
        (Some(least), Some(_), Some(most)) if least == most => format!("{least} {rating} each"),
        (Some(least), Some(middle), Some(most)) => {
            format!("{least} to {most} {rating} (median {middle})")
        }
        _ => String::new(),
    }
}

/// A number, or a span such as `24-30`.
fn span(text: &str) -> Result<CountRange, String> {
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| format!("`{text}` is no whole number"));
    let (low, high) = match text.split_once('-') {
        Some((low, high)) => (number(low)?, number(high)?),
        None => (number(text)?, number(text)?),
    };
    if low > high {
        return Err(format!("write the lower bound first: {high}-{low}"));
    }
    Ok(CountRange::Between(low, high))
}
