//! `totc data …`: building, making, checking and rating data sets. Each command is a file beside this one.

mod build_arc;
mod build_maze;
mod build_sudoku;
mod check;
mod download;
mod generate;
mod rate;

use super::{Failure, Outcome};
use crate::data::DataError;
use clap::Subcommand;
use std::path::{Path, PathBuf};

/// Builds, makes, checks and rates data sets.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write a data set in the layout of the TRM and HRM code (identifiers.json, {train,test}/all__*.npy)
    #[command(subcommand)]
    Build(Build),
    /// Check built data sets: every file, every row
    Check(check::Args),
    /// Fetch data sets of the Hugging Face hub
    Download(download::Args),
    /// Make puzzles and write them as JSON lines
    #[command(subcommand)]
    Generate(generate::Generate),
    /// Rate Sudoku puzzles by the guesses that a backtracking solver needs
    Rate(rate::Args),
}

#[derive(Subcommand)]
enum Build {
    /// ARC-AGI-1, ARC-AGI-2 and ConceptARC from their JSON files, as build_arc_dataset.py does
    Arc(build_arc::Args),
    /// Sudoku from CSV files, as build_sudoku_dataset.py does
    Sudoku(build_sudoku::Args),
    /// Mazes from CSV files, as build_maze_dataset.py does
    Maze(build_maze::Args),
}

/// Runs one command of `totc data`.
pub fn main(args: &Args) -> Outcome {
    match &args.command {
        Command::Build(Build::Arc(args)) => build_arc::main(args),
        Command::Build(Build::Sudoku(args)) => build_sudoku::main(args),
        Command::Check(args) => check::main(args),
        Command::Download(args) => download::main(args),
        Command::Build(Build::Maze(args)) => build_maze::main(args),
        Command::Generate(command) => generate::main(command),
        Command::Rate(args) => rate::main(args),
    }
}

fn world(error: DataError) -> Failure {
    Failure::World(error.to_string())
}

/// Refuses a folder to write that holds a built data set already.
fn fresh(out: &Path, overwrite: bool) -> Outcome {
    let taken = ["train", "test", "identifiers.json"].iter().any(|name| out.join(name).exists());
    if taken && !overwrite {
        return Err(Failure::Usage(format!(
            "{} holds a data set already; choose another folder by --out, or give --overwrite",
            out.display()
        )));
    }
    Ok(())
}

/// Bytes of all files of a folder.
fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => size_of(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

/// `NAME.csv` of a folder, packed or not, or `NAME.jsonl`.
fn named(folder: &Path, name: &str) -> Result<PathBuf, Failure> {
    let candidates = ["csv", "csv.gz", "jsonl"].map(|form| folder.join(format!("{name}.{form}")));
    let found = candidates.into_iter().find(|path| path.exists());
    found.ok_or_else(|| {
        Failure::World(format!(
            "{} holds neither {name}.csv nor {name}.csv.gz nor {name}.jsonl; name the file by --{name}",
            folder.display()
        ))
    })
}
