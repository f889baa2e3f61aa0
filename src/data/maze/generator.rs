//! Making mazes: takes a side, a least path length and a seed, gives mazes of which no two have the same walls up to
//! symmetry.
//!
//! The procedure of Lehnert et al. (arXiv:2402.14083, section 3) with the filter of Wang et al. (arXiv:2506.21734):
//! walls on uniformly drawn cells, between 3 and 5 of every 10; start and goal uniform among the free cells; kept if
//! the shortest path is long enough. Maze-Hard asks for 110 cells on 30 by 30.

use std::collections::HashSet;
use std::num::NonZero;

use super::grid::{FREE, GOAL, Maze, START, WALL, distances};
use super::symmetries;
use crate::data::{CountRange, Purpose, Refused};
use crate::random::Draws;

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Cells per row.
    pub side: usize,
    /// Cells of the shortest path, start and goal counted, at least and at most.
    pub cells: (u32, u32),
    /// Which shortest paths there may be.
    pub paths: Paths,
    /// Seed of the mazes; maze `k` is a function of the seed and `k`.
    pub seed: u64,
}

impl Wanted {
    /// Mazes of `side` cells per row with so many cells on the shortest path; at least `side` where nothing is asked for.
    ///
    /// # Errors
    /// Another side than 4 to 64; paths that are longer than any.
    pub fn new(side: usize, path_cells: CountRange, paths: Paths, seed: u64) -> Result<Wanted, Refused> {
        if !(4..=64).contains(&side) {
            let what = format!("mazes of side {side} are not made here");
            return Err(Refused { setting: "side", what, fix: "use 4 to 64".to_owned() });
        }
        let most = (side * side) as u64;
        // Walls stand on at least three tenths of the cells, and a shortest path never touches itself.
        let longest = most * 7 / 10;
        let (low, high) = match path_cells {
            CountRange::Any => (side as u64, most),
            CountRange::Between(low, high) => (low, high),
        };
        if low > longest || high < 2 {
            let cells = low.min(high);
            let what = format!("no path of {cells} cells fits into {side} by {side} cells");
            let fix = format!("ask for 2 to {longest}, or for a larger side");
            return Err(Refused { setting: "path_cells", what, fix });
        }
        Ok(Wanted { side, cells: (low.max(2) as u32, high.min(most) as u32), paths, seed })
    }
}

/// How many shortest paths a maze may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paths {
    /// Any number, as in Maze-Hard.
    Any,
    /// One: cells of the others are walled up, which makes no path longer.
    One,
}

/// Goals drawn for the one start of a layout. One layout gives one maze at most, so more draws on each would favour
/// layouts with few long paths, and with them shorter paths than the published ones.
const DRAWS: usize = 10;

/// Layouts tried for one maze before the search gives up. At 30 by 30 and 110 cells about one in 8,000 will do.
const LAYOUTS: u64 = 1_000_000;

/// Mazes in a row that were made before, after which there are taken to be no more.
const PATIENCE: usize = 1_000;

/// So many of these does a search in vain through all layouts weigh.
const IN_VAIN: usize = PATIENCE / 10;

/// Makes `count` mazes; fewer where a maze that long did not turn up.
pub fn make(wanted: &Wanted, count: usize) -> Vec<Maze> {
    let mut known = HashSet::new();
    let mut mazes: Vec<Maze> = Vec::new();
    let (mut next, mut misses) = (0u64, 0usize);
    while mazes.len() < count && misses < PATIENCE {
        let tried = (count - mazes.len()).min(PATIENCE) as u64;
        let made = in_parallel(next..next + tried, |number| maze(wanted, number));
        next += tried;
        for maze in made {
            match maze {
                Some(maze) if known.insert(walls_up_to_symmetry(&maze)) => {
                    mazes.push(maze);
                    misses = 0;
                }
                Some(_) => misses += 1,
                None => misses += IN_VAIN,
            }
        }
    }
    mazes
}

/// The walls of a maze in the orientation that sorts first.
pub fn walls_up_to_symmetry(maze: &Maze) -> Vec<u8> {
    let walls: Vec<u8> = maze.cells().iter().map(|cell| if *cell == WALL { WALL } else { FREE }).collect();
    symmetries(maze.side(), &walls).into_iter().min().unwrap_or(walls)
}

/// Maze `number` of the seed.
fn maze(wanted: &Wanted, number: u64) -> Option<Maze> {
    (0..LAYOUTS)
        .find_map(|layout| on_layout(wanted, &mut Purpose::Generate.draws(wanted.seed, number, layout)))
}

/// One layout of walls, with a start and a goal on it if the draws find some.
fn on_layout(wanted: &Wanted, chance: &mut Draws) -> Option<Maze> {
    let count = wanted.side * wanted.side;
    let tenth = count / 10;
    let walls = 3 * tenth + chance.below(2 * tenth + 1);
    let mut order: Vec<usize> = (0..count).collect();
    chance.shuffle(&mut order);
    let (walled, open) = order.split_at(walls);
    let mut cells = vec![FREE; count];
    for &cell in walled {
        cells[cell] = WALL;
    }
    let start = open[chance.below(open.len())];
    let moves = distances(wanted.side, start, |cell| cells[cell] == FREE);
    let fits = |goal: &usize| {
        let length = moves[*goal].saturating_add(1);
        *goal != start && (wanted.cells.0..=wanted.cells.1).contains(&length)
    };
    let goals: Vec<usize> = open.iter().copied().filter(fits).collect();
    // As likely as that `DRAWS` goals drawn apart hit one that fits, while these are few.
    if goals.is_empty() || chance.below(open.len()) >= DRAWS * goals.len() {
        return None;
    }
    cells[start] = START;
    cells[goals[chance.below(goals.len())]] = GOAL;
    let maze = Maze::new(wanted.side, cells).ok()?;
    match wanted.paths {
        Paths::Any => Some(maze),
        Paths::One => with_one_path(&maze),
    }
}

/// The maze with a wall on every cell of a shortest path that the published answer does not visit. What is left of the
/// shortest paths has one cell at each distance from the start, so it is one path.
fn with_one_path(maze: &Maze) -> Option<Maze> {
    let answer = maze.answer()?;
    let end = |mark: u8| maze.cells().iter().position(|cell| *cell == mark);
    let (from_start, to_goal) = (maze.distances(end(START)?), maze.distances(end(GOAL)?));
    let shortest = maze.path_cells()? - 1;
    let walled = (0..answer.len()).map(|cell| {
        let on_shortest = from_start[cell].checked_add(to_goal[cell]) == Some(shortest);
        if on_shortest && answer[cell] == FREE { WALL } else { maze.cells()[cell] }
    });
    Maze::new(maze.side(), walled.collect()).ok()
}

/// `make(i)` for every `i`, in order, by as many threads as there are cores.
fn in_parallel<T: Send>(numbers: std::ops::Range<u64>, make: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let all: Vec<u64> = numbers.collect();
    let share = all.len().div_ceil(threads as usize).max(1);
    std::thread::scope(|scope| {
        let workers: Vec<_> = all
            .chunks(share)
            .map(|numbers| {
                let make = &make;
                scope.spawn(move || numbers.iter().map(|&number| make(number)).collect::<Vec<T>>())
            })
            .collect();
        let mut made = Vec::with_capacity(all.len());
        for worker in workers {
            match worker.join() {
                Ok(part) => made.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        made
    })
}
