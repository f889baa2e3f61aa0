//! What every data set must be able to do: give examples by position, read, print and check puzzles. Never touches a
//! tensor.

use super::arc::TestSet;
use super::error::DataError;
use super::example::{Example, NO_LABEL, Rows, View};
use super::picture::{Mark, Picture};
use super::verdict::Verdict;

/// Sizes of the axes that a data set binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Positions of one example (81 for a 9x9 Sudoku).
    pub cell: usize,
    /// Distinct tokens, padding included (11 for a 9x9 Sudoku).
    pub symbol: usize,
    /// Distinct puzzle identifiers (1 where all examples are one task).
    pub task: usize,
}

impl Sizes {
    /// The sizes with the axis names that model files use.
    pub fn axes(&self) -> [(&'static str, usize); 3] {
        [("cell", self.cell), ("symbol", self.symbol), ("task", self.task)]
    }

    /// The columns of a batch: `inputs`, `labels` and `puzzle`.
    pub fn fields(&self) -> Vec<Field> {
        let cells = || vec![("cell".to_owned(), self.cell)];
        let field = |name: &str, axes, index_of: &str| Field {
            name: name.to_owned(),
            axes,
            index_of: index_of.to_owned(),
            optional: name == "puzzle",
        };
        vec![
            field("inputs", cells(), "symbol"),
            field("labels", cells(), "symbol"),
            field("puzzle", Vec::new(), "task"),
        ]
    }
}

/// One column of a batch, in the terms of the model language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// `inputs`, `labels` or `puzzle`.
    pub name: String,
    /// Axes after the batch axis, outermost first, with their sizes.
    pub axes: Vec<(String, usize)>,
    /// The axis that its integers index, such as `symbol`.
    pub index_of: String,
    /// Whether a program may run without it.
    pub optional: bool,
}

/// A set of training and test examples over fixed axes.
pub trait Dataset: Send + Sync {
    /// Sizes of the axes that the data binds.
    fn sizes(&self) -> Sizes;

    /// Number of training puzzles, which is the length of an epoch; at least 1.
    fn train_len(&self) -> usize;

    /// Number of test examples.
    fn test_len(&self) -> usize;

    /// Example `k` of the endless training stream of `seed`: a pure function of the two.
    ///
    /// Each epoch visits every training puzzle once, in a fresh order, under one freshly drawn augmentation.
    fn train_example(&self, seed: u64, k: u64) -> Example;

    /// Test example `i`, never augmented; none from `test_len` on.
    fn test_example(&self, i: usize) -> Option<Example>;

    /// A row that fills up a short batch: it has no label and does not count.
    fn padding(&self) -> Example {
        let cells = self.sizes().cell;
        Example { inputs: vec![0; cells], labels: vec![NO_LABEL; cells], puzzle: 0 }
    }

    /// How hard test example `i` is, where that is known; see `rating_name` for the measure.
    fn rating(&self, i: usize) -> Option<f64> {
        let _ = i;
        None
    }

    /// What ratings count, such as `guesses` or `path cells`.
    fn rating_name(&self) -> &str {
        "rating"
    }

    /// The `k`-th symmetric view of an example, a pure function of the two; view 0 is the example as it is. None for
    /// data without symmetries.
    fn view(&self, example: &Example, k: u64) -> Option<View> {
        let _ = (example, k);
        None
    }

    /// Where the data come from, what was dropped and which seed made them, in a line or two.
    fn describe(&self) -> String;

    /// Reads one puzzle as people write it. Its labels are all [`NO_LABEL`].
    fn parse_puzzle(&self, text: &str) -> Result<Example, DataError>;

    /// Prints tokens `[cell]` as people print such a puzzle, each cell passed through `style`; `given` holds
    /// the question's tokens.
    fn render_styled(&self, tokens: &[i64], given: &[i64], style: &dyn Fn(Mark, &str) -> String) -> String;

    /// Checks an answer `[cell]` against its question `[cell]`.
    fn validate(&self, given: &[i64], answer: &[i64]) -> Verdict;

    /// What predictions are voted on and scored against, where the examples are tasks of ARC.
    fn arc(&self) -> Option<&TestSet> {
        None
    }

    /// Whether `validate` knows the rules of the puzzle, so that an answer may be right that is not the label.
    fn has_rules(&self) -> bool {
        false
    }

    /// Prints tokens `[cell]` in plain text.
    fn render(&self, tokens: &[i64], given: &[i64]) -> String {
        self.render_styled(tokens, given, &|_, text| text.to_owned())
    }

    /// How tokens `[cell]` look in a report; `given` holds the question's tokens. By default what
    /// [`Dataset::render_styled`] prints, line by line.
    fn picture(&self, tokens: &[i64], given: &[i64]) -> Picture {
        Picture::of_print(tokens.len(), |style| self.render_styled(tokens, given, style))
    }

    /// The columns of a batch: `inputs`, `labels` and `puzzle`.
    fn fields(&self) -> Vec<Field> {
        self.sizes().fields()
    }
    /// Examples `from .. from + count` of the training stream of `seed`.
    fn train_rows(&self, seed: u64, from: u64, count: usize) -> Rows {
        let mut rows = Rows::with_room(count, self.sizes().cell);
        for k in (from..).take(count) {
            rows.push(&self.train_example(seed, k));
        }
        rows
    }

    /// Test examples `from .. from + count`, cut at the end of the test set.
    fn test_rows(&self, from: usize, count: usize) -> Rows {
        let end = from.saturating_add(count).min(self.test_len());
        let mut rows = Rows::with_room(end.saturating_sub(from), self.sizes().cell);
        for example in (from..end).filter_map(|i| self.test_example(i)) {
            rows.push(&example);
        }
        rows
    }

    /// Hands on all that training and tests can meet, as bytes in a fixed order: other contents are other data, however
    /// many there are. By default an epoch, which visits every training puzzle, and all test examples.
    fn contents(&self, take: &mut dyn FnMut(&[u8])) {
        const BLOCK: usize = 256;
        let mut tokens = |rows: &Rows| {
            let all = rows.puzzle.iter().chain(&rows.inputs).chain(&rows.labels);
            let bytes: Vec<u8> = all.flat_map(|token| token.to_le_bytes()).collect();
            take(&bytes);
        };
        for from in (0..self.train_len()).step_by(BLOCK) {
            tokens(&self.train_rows(0, from as u64, BLOCK.min(self.train_len() - from)));
        }
        for from in (0..self.test_len()).step_by(BLOCK) {
            tokens(&self.test_rows(from, BLOCK));
        }
    }
}
