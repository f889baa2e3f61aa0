//! What the random draws of data sets are for: takes a seed, a purpose and two numbers, gives a stream of draws that depends
//! on nothing else.

use crate::random::Draws;

/// What draws are for; equal seeds give unrelated draws for different purposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The order of puzzles within an epoch.
    Epoch = 1,
    /// Which copy of a puzzle an epoch visits.
    Copy = 2,
    /// The transform that makes a copy.
    Transform = 3,
    /// Making a puzzle.
    Generate = 4,
    /// Choosing rows of a training file.
    ChooseTrain = 5,
    /// Choosing rows of a test file.
    ChooseTest = 6,
    /// The order of a puzzle's examples.
    Examples = 7,
    /// The symmetries under which a test example is seen.
    View = 8,
    /// Where the windows of an epoch begin in a text.
    Phase = 9,
}

impl Purpose {
    /// The draws of `seed` for this purpose; `a` and `b` number the streams within it.
    pub fn draws(self, seed: u64, a: u64, b: u64) -> Draws {
        Draws::new([seed, self as u64, a, b])
    }
}
