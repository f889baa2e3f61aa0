//! Augmentation of tasks: takes a draw or a name, gives a change of colours and a symmetry, and both undone; never
//! draws by itself which tasks exist.

use std::collections::HashSet;
use std::fmt;

use sha2::{Digest, Sha256};

use super::grid::{COLOURS, Grid};
use crate::data::dihedral::Dihedral;
use crate::random::numpy::NumpyRandom;

/// Stands between the parts of an augmented task's name.
pub const SEPARATOR: &str = "|||";
/// Trials per wanted copy; then a task is left with fewer.
const TRIALS: usize = 5;

/// New colours, then a symmetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Augmentation {
    symmetry: Dihedral,
    /// The new colour of each colour; 0 stays 0.
    colours: [u8; COLOURS as usize],
}

impl Default for Augmentation {
    fn default() -> Self {
        Augmentation { symmetry: Dihedral::default(), colours: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] }
    }
}

impl Augmentation {
    /// The next trial of the reference: `randint(0, 8)`, then a permutation of colours 1 to 9.
    pub fn draw(random: &mut NumpyRandom) -> Augmentation {
        let symmetry = Dihedral::new(random.below(8)).unwrap_or_default();
        let mut colours = Augmentation::default().colours;
        random.shuffle(&mut colours[1..]);
        Augmentation { symmetry, colours }
    }

    /// Splits an identifier's name, `task` or `task|||t<symmetry>|||<new colours>`, into the task and its augmentation;
    /// why not, where it is no such name.
    pub fn parse(name: &str) -> Result<(&str, Augmentation), String> {
        let parts: Vec<&str> = name.split(SEPARATOR).collect();
        let (task, symmetry, colours) = match parts[..] {
            [task] => return Ok((task, Augmentation::default())),
            [task, symmetry, colours] => (task, symmetry, colours),
            _ => return Err(format!("it has {} parts", parts.len())),
        };
        let symmetry = symmetry
            .strip_prefix('t')
            .and_then(|number| number.parse().ok())
            .and_then(Dihedral::new)
            .ok_or_else(|| format!("`{symmetry}` is not t0 to t7"))?;
        let digits: Vec<u8> = colours.bytes().map(|digit| digit.wrapping_sub(b'0')).collect();
        let found: [u8; COLOURS as usize] =
            digits.try_into().map_err(|_| format!("`{colours}` does not have ten digits"))?;
        let mut sorted = found;
        sorted.sort_unstable();
        if sorted != Augmentation::default().colours {
            return Err(format!("`{colours}` does not have every digit once"));
        }
        Ok((task, Augmentation { symmetry, colours: found }))
    }

    /// The identifier's name of a task under this augmentation.
    pub fn name(&self, task: &str) -> String {
        if *self == Augmentation::default() { task.to_owned() } else { format!("{task}{self}") }
    }

    /// Rows and columns of an augmented grid of `rows` x `columns`.
    pub fn size(&self, rows: usize, columns: usize) -> (usize, usize) {
        self.symmetry.size(rows, columns)
    }

    /// The augmented grid.
    pub fn apply(&self, grid: &Grid) -> Grid {
        let recoloured: Vec<u8> =
            grid.cells().iter().map(|colour| self.colours[usize::from(*colour)]).collect();
        turn(self.symmetry, &recoloured, grid)
    }

    /// The grid that `apply` would have turned into `grid`.
    pub fn undo(&self, grid: &Grid) -> Grid {
        let mut before = [0; COLOURS as usize];
        for (old, new) in (0..).zip(self.colours) {
            before[usize::from(new)] = old;
        }
        let recoloured: Vec<u8> = grid.cells().iter().map(|colour| before[usize::from(*colour)]).collect();
        turn(self.symmetry.inverse(), &recoloured, grid)
    }
}

fn turn(symmetry: Dihedral, cells: &[u8], grid: &Grid) -> Grid {
    let (rows, columns) = symmetry.size(grid.rows(), grid.columns());
    Grid::trusted(rows, columns, symmetry.apply(cells, grid.rows(), grid.columns()))
}

impl fmt::Display for Augmentation {
    /// What the name of a copy ends in.
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{SEPARATOR}t{}{SEPARATOR}", self.symmetry.number())?;
        self.colours.iter().try_for_each(|colour| write!(out, "{colour}"))
    }
}

/// Draws `wanted` copies of a task with the pairs `pairs`, all different from it and from each other; fewer where
/// 5 `wanted` trials do not find as many.
///
/// The draws are those of the reference, in its order: trials are made as long as copies are missing, so as many as are
/// missing can be looked at together, on several threads.
pub fn copies(
    pairs: &[(&Grid, &Grid)],
    wanted: usize,
    random: &mut NumpyRandom,
    threads: usize,
) -> Vec<Augmentation> {
    let mut seen = HashSet::with_capacity(wanted + 1);
    seen.insert(digest(pairs, &Augmentation::default()));
    let (mut found, mut left) = (Vec::with_capacity(wanted), TRIALS.saturating_mul(wanted));
    while found.len() < wanted && left > 0 {
        let together = (wanted - found.len()).min(left);
        left -= together;
        let trials: Vec<Augmentation> = (0..together).map(|_| Augmentation::draw(random)).collect();
        let digests = in_parts(&trials, threads, |trial| digest(pairs, trial));
        found.extend(
            trials
                .into_iter()
                .zip(digests)
                .filter(|(_, digest)| seen.insert(*digest))
                .map(|(trial, _)| trial),
        );
    }
    found
}

/// `f` of every item, in order, computed by several threads where there is enough to do.
pub(super) fn in_parts<T: Sync, R: Send>(items: &[T], threads: usize, f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let part = items.len().div_ceil(threads.max(1));
    if threads < 2 || part < 64 {
        return items.iter().map(f).collect();
    }
    let f = &f;
    std::thread::scope(|scope| {
        let parts: Vec<_> = items
            .chunks(part)
            .map(|chunk| scope.spawn(move || chunk.iter().map(f).collect::<Vec<R>>()))
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// Tells whether two augmentations give the same task: a digest of its pairs in any order, as the reference's
/// `puzzle_hash` is (whose equalities it shares, not its bytes).
fn digest(pairs: &[(&Grid, &Grid)], augmentation: &Augmentation) -> [u8; 32] {
    let mut each: Vec<[u8; 32]> = pairs
        .iter()
        .map(|(input, output)| {
            let mut hash = Sha256::new();
            for grid in [input, output] {
                let grid = augmentation.apply(grid);
                hash.update([grid.rows() as u8, grid.columns() as u8]);
                hash.update(grid.cells());
            }
            hash.finalize().into()
        })
        .collect();
    each.sort_unstable();
    Sha256::digest(each.concat()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_names() {
        let (task, augmentation) = Augmentation::parse("00d62c1b|||t7|||0481963275").unwrap();
        assert_eq!((task, augmentation.name(task).as_str()), ("00d62c1b", "00d62c1b|||t7|||0481963275"));
        assert_eq!(Augmentation::parse("00d62c1b").unwrap(), ("00d62c1b", Augmentation::default()));
        for (name, why) in [
            ("a|||t8|||0123456789", "`t8` is not t0 to t7"),
            ("a|||t1|||012345678", "`012345678` does not have ten digits"),
            ("a|||t1|||0123456788", "`0123456788` does not have every digit once"),
            ("a|||b|||c|||d", "it has 4 parts"),
        ] {
            assert_eq!(Augmentation::parse(name).unwrap_err(), why);
        }
    }

    /// By hand: colour 1 becomes 4, 2 becomes 8, 3 becomes 1; then `t1` turns counter-clockwise, so that the last column
    /// becomes the first row.
    #[test]
    fn recolours_then_turns() {
        let (_, augmentation) = Augmentation::parse("x|||t1|||0481963275").unwrap();
        let grid = Grid::from_lines(&[vec![1, 2, 3], vec![0, 0, 9]]).unwrap();
        let augmented = augmentation.apply(&grid);
        assert_eq!(augmented.to_string(), "15|80|40");
        assert_eq!(augmentation.undo(&augmented), grid);
    }

    #[test]
    fn threads_change_nothing() {
        let input = Grid::from_lines(&[vec![1, 2, 3], vec![0, 0, 9]]).unwrap();
        let output = Grid::from_lines(&[vec![4]]).unwrap();
        let pairs = [(&input, &output)];
        let (mut one, mut three) = (NumpyRandom::new(9), NumpyRandom::new(9));
        assert_eq!(copies(&pairs, 300, &mut one, 1), copies(&pairs, 300, &mut three, 3));
        assert_eq!(one, three);
        // A single black cell looks the same under every augmentation.
        let blank = Grid::from_lines(&[vec![0]]).unwrap();
        assert!(copies(&[(&blank, &blank)], 10, &mut one, 1).is_empty());
    }
}
