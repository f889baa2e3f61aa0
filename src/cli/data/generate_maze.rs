//! `totc data generate maze`

use super::world;
use crate::cli::{Failure, Outcome};
use crate::data::DataError;
use crate::data::maze::generator::{Wanted, make};
use crate::data::maze::grid::character;
use std::path::PathBuf;
use std::time::Instant;

/// Makes mazes by the procedure of Maze-Hard and writes them as CSV (source,question,answer,rating; the rating counts
/// the cells of the path). Maze-Hard itself: --side 30 --min-path-cells 110.
#[derive(clap::Args)]
pub struct Args {
    /// Cells per row, 4 to 64
    #[arg(long, value_name = "N", default_value_t = 30)]
    side: usize,
    /// Number of mazes
    #[arg(long, value_name = "N", default_value_t = 1000)]
    count: usize,
    /// Cells of the shortest path at least, start and goal counted (default: the side)
    #[arg(long, value_name = "N")]
    min_path_cells: Option<u32>,
    /// Seed; maze k is the same however many are made
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Generates mazes and writes them.
pub fn main(args: &Args) -> Outcome {
    let most = (args.side * args.side) as u32;
    if !(4..=64).contains(&args.side) {
        return Err(Failure::Usage(format!("mazes of side {} are not made here; use 4 to 64", args.side)));
    }
    let least = args.min_path_cells.unwrap_or(args.side as u32);
    if !(2..=most * 7 / 10).contains(&least) {
        return Err(Failure::Usage(format!(
            "no path of {least} cells fits into {n} by {n} cells",
            n = args.side
        )));
    }
    let began = Instant::now();
    let mazes = make(&Wanted { side: args.side, cells: (least, most), seed: args.seed }, args.count);
    let failed = |error: csv::Error| world(DataError::Write { path: args.out.clone(), cause: error.into() });
    let mut out = csv::Writer::from_path(&args.out).map_err(failed)?;
    out.write_record(["source", "question", "answer", "rating"]).map_err(failed)?;
    let source = format!("totc_{n}x{n}_seed{}", args.seed, n = args.side);
    let text = |cells: &[u8]| cells.iter().map(|&cell| character(i64::from(cell))).collect::<String>();
    let mut lengths = Vec::with_capacity(mazes.len());
    for maze in &mazes {
        let (Some(answer), Some(cells)) = (maze.answer(), maze.path_cells()) else { continue };
        lengths.push(cells);
        let record = [source.clone(), text(maze.cells()), text(&answer), cells.to_string()];
        out.write_record(&record).map_err(failed)?;
    }
    out.flush().map_err(|cause| world(DataError::Write { path: args.out.clone(), cause }))?;
    lengths.sort_unstable();
    let quantile =
        |share: f64| lengths.get((share * (lengths.len().max(1) - 1) as f64) as usize).copied().unwrap_or(0);
    println!(
        "{}: {} mazes, path cells {} / {} / {} / {} / {} (least, quartiles, most), {:.1} s",
        args.out.display(),
        lengths.len(),
        quantile(0.0),
        quantile(0.25),
        quantile(0.5),
        quantile(0.75),
        quantile(1.0),
        began.elapsed().as_secs_f64()
    );
    if lengths.len() < args.count {
        return Err(Failure::World(format!(
            "{} were asked for, but no more turned up; ask for shorter paths",
            args.count
        )));
    }
    Ok(())
}
