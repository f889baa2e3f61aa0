//! `totc data rate FILE`

use super::world;
use crate::cli::output::{Output, may_replace};
use crate::cli::{Failure, Outcome};
use crate::data::DataError;
use crate::data::sudoku::{rate, text};
use crate::report::{count, table};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Rates Sudoku puzzles and writes them as source,question,answer,rating. The rating counts the guesses until the first
/// solution of a solver that fills naked and hidden singles and else tries the values, ascending, of the blank cell with
/// the fewest candidates; 0: singles suffice. It depends on how a puzzle is turned.
///
/// The ratings of Sudoku-Extreme's own files are of the same kind but from another solver (tdoku), so the numbers differ.
#[derive(clap::Args)]
pub struct Args {
    /// A CSV file with a column `question`, or a text file with one puzzle a line; either may be packed by gzip
    file: PathBuf,
    /// The CSV file to write (default: the screen)
    #[arg(long, value_name = "FILE", conflicts_with = "summary")]
    out: Option<PathBuf>,
    /// Print only how the ratings are distributed, and how many equal the file's own
    #[arg(long)]
    summary: bool,
}

/// Rates puzzles and writes the ratings.
pub fn main(args: &Args) -> Outcome {
    if args.summary {
        return summary(args);
    }
    if let Some(path) = &args.out {
        may_replace(path, Output::Text("source,"), &[&args.file])?;
    }
    let name = args.out.clone().unwrap_or_else(|| PathBuf::from("the screen"));
    let fail = |cause| DataError::Write { path: name.clone(), cause };
    let mut out: Box<dyn Write> = match &args.out {
        Some(path) => Box::new(BufWriter::new(File::create(path).map_err(fail).map_err(world)?)),
        None => Box::new(std::io::stdout().lock()),
    };
    let mut written = writeln!(out, "source,question,answer,rating");
    rate::each(&args.file, |puzzle| {
        let (question, answer) = (text::line(&puzzle.question), text::line(&puzzle.answer));
        let quoted = puzzle.source.contains(['"', ',', '\n', '\r']);
        let source =
            if quoted { format!("\"{}\"", puzzle.source.replace('"', "\"\"")) } else { puzzle.source };
        if written.is_ok() {
            written = writeln!(out, "{source},{question},{answer},{}", puzzle.rating);
        }
    })
    .map_err(world)?;
    written.and_then(|()| out.flush()).map_err(fail).map_err(world)
}

fn summary(args: &Args) -> Outcome {
    let (mut ratings, mut given, mut same) = (Vec::new(), 0, 0);
    rate::each(&args.file, |puzzle| {
        given += usize::from(puzzle.given.is_some());
        same += usize::from(puzzle.given == Some(puzzle.rating as f64));
        ratings.push(puzzle.rating);
    })
    .map_err(world)?;
    if ratings.is_empty() {
        return Err(Failure::World(format!("{} holds no puzzle", args.file.display())));
    }
    ratings.sort_unstable();
    let at = |share: f64| ratings[((ratings.len() - 1) as f64 * share).round() as usize].to_string();
    let lines = [
        ("puzzles", count(ratings.len() as u64)),
        ("solved by singles alone", count(ratings.iter().filter(|rating| **rating == 0).count() as u64)),
        ("rating, quarter", at(0.25)),
        ("median", at(0.5)),
        ("three quarters", at(0.75)),
        ("largest", at(1.0)),
        ("equal to the file's own rating", format!("{same} of {given}")),
    ];
    let lines: Vec<Vec<String>> =
        lines.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    print!("{}", table(&lines));
    Ok(())
}
