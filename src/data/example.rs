//! Examples: a question with its answer, seen from several sides, and many of them as flat arrays.

use std::fmt;

/// Label value of a cell that is neither trained on nor scored.
pub const NO_LABEL: i64 = -100;

/// One example: a question, its answer and the task it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Tokens `[cell]`.
    pub inputs: Vec<i64>,
    /// Tokens `[cell]`, or [`NO_LABEL`].
    pub labels: Vec<i64>,
    /// Puzzle identifier, below `Sizes::task`.
    pub puzzle: i64,
}

/// Maps an answer `[cell]` to an answer `[cell]`.
pub type Undo = Box<dyn Fn(&[i64]) -> Vec<i64> + Send + Sync>;

/// An example seen from another side: turned, mirrored, relabelled.
pub struct View {
    /// The example as it looks from there, labels included.
    pub example: Example,
    /// Turns an answer `[cell]` of that example into an answer `[cell]` of the original.
    pub undo: Undo,
}

impl fmt::Debug for View {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.debug_struct("View").field("example", &self.example).finish_non_exhaustive()
    }
}

impl View {
    /// The example as it is.
    pub fn identity(example: &Example) -> View {
        View { example: example.clone(), undo: Box::new(<[i64]>::to_vec) }
    }
}

/// Several examples, one flat array per field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Tokens `[n, cells]`.
    pub inputs: Vec<i64>,
    /// Tokens or [`NO_LABEL`], `[n, cells]`.
    pub labels: Vec<i64>,
    /// Puzzle identifiers `[n]`.
    pub puzzle: Vec<i64>,
    /// Number of examples.
    pub n: usize,
    /// Positions of one example.
    pub cells: usize,
}

impl Rows {
    /// No rows yet, with room for `n` of them.
    pub fn with_room(n: usize, cells: usize) -> Rows {
        Rows {
            inputs: Vec::with_capacity(n * cells),
            labels: Vec::with_capacity(n * cells),
            puzzle: Vec::with_capacity(n),
            n: 0,
            cells,
        }
    }

    /// Appends some rows of others with as many cells.
    pub fn append(&mut self, other: &Rows, rows: std::ops::Range<usize>) {
        let cells = rows.start * self.cells..rows.end * self.cells;
        self.inputs.extend_from_slice(other.inputs.get(cells.clone()).unwrap_or_default());
        self.labels.extend_from_slice(other.labels.get(cells).unwrap_or_default());
        self.puzzle.extend_from_slice(other.puzzle.get(rows.clone()).unwrap_or_default());
        self.n += rows.len();
    }

    /// Appends one example, which must have `cells` inputs and labels.
    pub fn push(&mut self, example: &Example) {
        debug_assert_eq!((example.inputs.len(), example.labels.len()), (self.cells, self.cells));
        self.inputs.extend_from_slice(&example.inputs);
        self.labels.extend_from_slice(&example.labels);
        self.puzzle.push(example.puzzle);
        self.n += 1;
    }
}
