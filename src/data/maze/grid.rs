//! One maze: takes rows of characters or tokens, gives distances, the published answer and what is wrong with another.
//!
//! A maze is a square of cells without an outer wall; moves go up, down, left and right. Cells are the tokens of the
//! reference sets: 1 wall `#`, 2 free ` `, 3 start `S`, 4 goal `G`, 5 path `o` (in answers); 0 pads and never occurs.

use crate::data::{Fault, Verdict};

/// Token of a wall.
pub const WALL: u8 = 1;
/// Token of a cell that may be walked on.
pub const FREE: u8 = 2;
/// Token of the cell where paths begin.
pub const START: u8 = 3;
/// Token of the cell where paths end.
pub const GOAL: u8 = 4;
/// Token of a cell on the shortest path, in answers.
pub const PATH: u8 = 5;

/// The characters of tokens 1 to 5.
pub const CHARACTERS: [char; 5] = ['#', ' ', 'S', 'G', 'o'];

/// The token of a character; a dot may stand for a free cell where spaces would get lost.
pub fn token(character: char) -> Option<u8> {
    let character = if character == '.' { ' ' } else { character };
    CHARACTERS.iter().position(|known| *known == character).map(|at| at as u8 + 1)
}

/// The character of a token; `?` for one that no maze has.
pub fn character(token: i64) -> char {
    usize::try_from(token - 1).ok().and_then(|at| CHARACTERS.get(at)).copied().unwrap_or('?')
}

/// The colour of a token in a picture: walls dark, the path blue, start green, goal red.
pub fn colour(token: u8) -> Option<[u8; 3]> {
    match token {
        WALL => Some([52, 60, 74]),
        FREE => Some([242, 244, 248]),
        START => Some([112, 190, 130]),
        GOAL => Some([238, 132, 120]),
        PATH => Some([88, 150, 224]),
        _ => None,
    }
}

/// A question: walls, a start and a goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maze {
    side: usize,
    cells: Vec<u8>,
    start: usize,
    goal: usize,
}

/// How far cells are that cannot be reached.
pub const UNREACHED: u32 = u32::MAX;

impl Maze {
    /// A maze of `side` by `side` cells, row after row; the error is one clause.
    pub fn new(side: usize, cells: Vec<u8>) -> Result<Maze, String> {
        if cells.len() != side * side {
            return Err(format!("it has {} cells, not {side} times {side}", cells.len()));
        }
        if let Some(at) = cells.iter().position(|cell| !(WALL..=GOAL).contains(cell)) {
            let found = character(i64::from(cells[at]));
            return Err(format!("{} is `{found}`, which no question has", place(side, at)));
        }
        let one = |wanted: u8, name: &str| {
            let mut all = cells.iter().enumerate().filter(|(_, cell)| **cell == wanted);
            match (all.next(), all.count()) {
                (None, _) => Err(format!("it has no {name} (`{}`)", character(i64::from(wanted)))),
                (Some((at, _)), 0) => Ok(at),
                (_, more) => Err(format!("it has {} {name}s (`{}`)", more + 1, character(i64::from(wanted)))),
            }
        };
        let (start, goal) = (one(START, "start")?, one(GOAL, "goal")?);
        Ok(Maze { side, cells, start, goal })
    }

    /// Cells per row.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Tokens `[side * side]`.
    pub fn cells(&self) -> &[u8] {
        &self.cells
    }

    /// Neighbours of a cell in the order down, left, right, up.
    fn neighbours(&self, cell: usize) -> impl Iterator<Item = usize> {
        neighbours(self.side, cell)
    }

    /// Moves from `from` to every cell; `UNREACHED` for walls and what they cut off.
    pub fn distances(&self, from: usize) -> Vec<u32> {
        distances(self.side, from, |cell| self.cells[cell] != WALL)
    }

    /// Cells of a shortest path, start and goal counted; none if there is no path.
    pub fn path_cells(&self) -> Option<u32> {
        let moves = self.distances(self.goal)[self.start];
        (moves != UNREACHED).then(|| moves + 1)
    }

    /// The published answer among the many shortest paths: from the start, go to the first neighbour, in the order
    /// down, left, right, up, that is one move nearer to the goal. All 2,000 answers of Maze-Hard follow this rule.
    pub fn answer(&self) -> Option<Vec<u8>> {
        let to_goal = self.distances(self.goal);
        if to_goal[self.start] == UNREACHED {
            return None;
        }
        let mut answer = self.cells.clone();
        let mut here = self.start;
        while here != self.goal {
            here = self.neighbours(here).find(|next| to_goal[*next] == to_goal[here] - 1)?;
            if here != self.goal {
                answer[here] = PATH;
            }
        }
        Some(answer)
    }

    /// Checks an answer: any shortest path is right, and everything else stays as it was.
    pub fn check(&self, answer: &[i64]) -> Verdict {
        let mut verdict = Verdict::default();
        let mut fault = |cells: Vec<usize>, what: String| verdict.faults.push(Fault { cells, what });
        let marked = |cell: usize| answer.get(cell) == Some(&i64::from(PATH));
        let kept = |cell: usize| answer.get(cell) == Some(&i64::from(self.cells[cell]));
        let changed: Vec<usize> = (0..self.cells.len())
            .filter(|&cell| !(kept(cell) || marked(cell) && self.cells[cell] == FREE))
            .collect();
        if let Some(&first) = changed.first() {
            let more =
                if changed.len() > 1 { format!(" and {} more", changed.len() - 1) } else { String::new() };
            let is = character(answer.get(first).copied().unwrap_or(0));
            let was = character(i64::from(self.cells[first]));
            let what = format!("{}{more} changed, from `{was}` to `{is}`", place(self.side, first));
            fault(changed, what);
        }
        let (from_start, to_goal) = (self.distances(self.start), self.distances(self.goal));
        let shortest = from_start[self.goal];
        let path: Vec<usize> =
            (0..self.cells.len()).filter(|&cell| marked(cell) && self.cells[cell] == FREE).collect();
        if shortest == UNREACHED {
            fault(Vec::new(), "no path leads from start to goal".to_owned());
            return verdict;
        }
        // A cell lies on a shortest path where its distances to both ends add up.
        let stray: Vec<usize> = path
            .iter()
            .copied()
            .filter(|&cell| from_start[cell].saturating_add(to_goal[cell]) != shortest)
            .collect();
        if let Some(&first) = stray.first() {
            let more =
                if stray.len() > 1 { format!(" and {} more are", stray.len() - 1) } else { " is".to_owned() };
            fault(stray, format!("{}{more} on no shortest path", place(self.side, first)));
        }
        let mut here = self.start;
        while here != self.goal {
            let next = |cell: &usize| to_goal[*cell] == to_goal[here] - 1;
            let Some(step) =
                self.neighbours(here).filter(next).find(|&cell| cell == self.goal || marked(cell))
            else {
                fault(vec![here], format!("the path breaks off after {}", place(self.side, here)));
                return verdict;
            };
            here = step;
        }
        let wanted = shortest.saturating_sub(1) as usize;
        if verdict.solved() && path.len() > wanted {
            let what = format!("{} cells are marked where one path has {wanted}", path.len());
            verdict.faults.push(Fault { cells: path, what });
        }
        verdict
    }
}

/// Neighbours of a cell in the order down, left, right, up.
pub fn neighbours(side: usize, cell: usize) -> impl Iterator<Item = usize> {
    let (row, column) = (cell / side, cell % side);
    [
        (row + 1 < side).then(|| cell + side),
        (column > 0).then(|| cell - 1),
        (column + 1 < side).then(|| cell + 1),
        (row > 0).then(|| cell - side),
    ]
    .into_iter()
    .flatten()
}

/// Moves from `from` to every cell that is `open` and can be reached.
pub fn distances(side: usize, from: usize, open: impl Fn(usize) -> bool) -> Vec<u32> {
    let mut distances = vec![UNREACHED; side * side];
    distances[from] = 0;
    let mut queue = Vec::with_capacity(side * side);
    queue.push(from);
    let mut next = 0;
    while let Some(&cell) = queue.get(next) {
        next += 1;
        for near in neighbours(side, cell) {
            if distances[near] == UNREACHED && open(near) {
                distances[near] = distances[cell] + 1;
                queue.push(near);
            }
        }
    }
    distances
}

/// A cell as people count: `row 3, column 1`.
fn place(side: usize, cell: usize) -> String {
    format!("row {}, column {}", cell / side + 1, cell % side + 1)
}
