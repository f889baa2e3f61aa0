//! `totc data generate maze`

use super::{Made, Puzzle, Split};
use crate::cli::{Failure, Outcome};
use crate::data::CountRange;
use crate::data::maze::generator::{Paths, Wanted, make};
use crate::data::maze::grid::character;
use std::time::Instant;

/// Makes mazes by the procedure of Maze-Hard and writes them as JSON lines, which `maze_csv` and `puzzles` read. No two have
/// the same walls up to symmetry, in both files together. The rating counts the cells of the shortest path. Maze-Hard itself:
/// --side 30 --min-path-cells 110.
#[derive(clap::Args)]
pub struct Args {
    /// Cells per row, 4 to 64
    #[arg(long, value_name = "N", default_value_t = 30)]
    side: usize,
    /// Cells of the shortest path at least, start and goal counted (default: the side)
    #[arg(long, value_name = "N")]
    min_path_cells: Option<u64>,
    /// Wall up all shortest paths but one; Maze-Hard has mazes with many
    #[arg(long)]
    one_path: bool,
    #[command(flatten)]
    split: Split,
}

/// Makes mazes and writes them.
pub fn main(args: &Args) -> Outcome {
    let least = args.min_path_cells.map_or(CountRange::Any, |least| CountRange::Between(least, u64::MAX));
    let paths = if args.one_path { Paths::One } else { Paths::Any };
    let wanted = Wanted::new(args.side, least, paths, args.split.seed)
        .map_err(|refused| Failure::Usage(refused.to_string()))?;
    let count = args.split.count()?;
    let began = Instant::now();
    let mazes = make(&wanted, count);
    let text = |cells: &[u8]| cells.iter().map(|&cell| character(i64::from(cell))).collect::<String>();
    let puzzles = mazes.iter().filter_map(|maze| {
        let (answer, cells) = (maze.answer()?, maze.path_cells()?);
        Some(Puzzle {
            question: text(maze.cells()).into(),
            answer: text(&answer).into(),
            sizes: Some([args.side; 2]),
            rating: u64::from(cells),
        })
    });
    let made = Made {
        name: "maze",
        data_set: "maze_csv",
        rating: "path cells",
        mend: "ask for fewer, or for shorter paths",
        puzzles: puzzles.collect(),
    };
    args.split.write(&made, began)
}
