//! Data sets: takes a `DataSpec` (read from a run file) and gives a `Dataset` of token rows; never touches a tensor.
//!
//! A new data set is one file holding a settings struct that implements [`Source`], and one line in the registry below.

pub mod arc;
pub mod built;
pub mod dihedral;
mod error;
pub mod hub;
pub mod maze;
pub mod npy;
mod picture;
pub mod prefetch;
mod purpose;
pub mod python_json;
mod settings;
mod stream;
pub mod sudoku;
pub mod table;
pub mod text;

use std::fmt;
use std::path::Path;

pub use crate::bounds::CountRange;
pub use error::DataError;
pub use picture::{Picture, PictureCell};
pub use purpose::Purpose;
pub use stream::{Stream, Visit};

/// Label value of a cell that is neither trained on nor scored.
pub const NO_LABEL: i64 = -100;

/// The settings of one kind of data set, as written in a run file.
///
/// Implementations also derive `serde::Deserialize` with `deny_unknown_fields`.
pub trait Source {
    /// Builds or reads the data set. Relative paths start at `base`, the folder of the run file.
    ///
    /// # Errors
    /// Settings that make no sense, files that cannot be read, and any row that breaks the rules.
    fn open(&self, base: &Path) -> Result<Box<dyn Dataset>, DataError>;

    /// The shape of the data set, found as cheaply as it can be: settings are checked, but puzzles that are generated are
    /// not made. By default the data set is opened.
    ///
    /// # Errors
    /// As [`Source::open`], as far as it has looked.
    fn shape(&self, base: &Path) -> Result<DataShape, DataError> {
        Ok(DataShape::of(self.open(base)?.as_ref()))
    }
}

/// What must be known of a data set to compile a model for it and to count the steps of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataShape {
    /// Sizes of the axes that the data binds.
    pub sizes: Sizes,
    /// Number of training puzzles, as [`Dataset::train_len`].
    pub train_len: usize,
}

impl DataShape {
    /// Of a data set that is open.
    pub fn of(data: &dyn Dataset) -> DataShape {
        DataShape { sizes: data.sizes(), train_len: data.train_len() }
    }
}

/// Declares `DataSpec`, its names in run files, and its dispatch.
macro_rules! registry {
    ($($(#[$note:meta])* $variant:ident $name:literal $settings:ty;)+) => {
        /// Which data set a run uses, with its settings. In RON: `sudoku(side: 4, train: 1000, test: 500)`.
        #[derive(Clone, Debug, PartialEq)]
        pub enum DataSpec { $($(#[$note])* $variant($settings),)+ }

        impl DataSpec {
            /// Names of all data sets, as run files write them.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The name under which a run file asks for this data set.
            pub fn name(&self) -> &'static str {
                match self { $(DataSpec::$variant(_) => $name,)+ }
            }

            fn source(&self) -> &dyn Source {
                match self { $(DataSpec::$variant(settings) => settings,)+ }
            }
        }

        impl<'de> serde::de::Visitor<'de> for settings::Pick<DataSpec> {
            type Value = DataSpec;

            fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
                write!(out, "a data set: one of {}", DataSpec::NAMES.join(", "))
            }

            fn visit_enum<A: serde::de::EnumAccess<'de>>(self, data: A) -> Result<DataSpec, A::Error> {
                let (settings::Name(name), body) = data.variant()?;
                match name.as_str() {
                    $($name => settings::settings::<$settings, A>(body).map(DataSpec::$variant),)+
                    other => Err(settings::unknown(other, DataSpec::NAMES)),
                }
            }
        }
    };
}

registry! {
    /// Generated Sudoku puzzles.
    Sudoku "sudoku" sudoku::GeneratedSpec;
    /// Sudoku puzzles read from CSV files.
    SudokuCsv "sudoku_csv" sudoku::CsvSpec;
    /// Folders that the scripts of the reference code wrote.
    Built "built" built::BuiltSpec;
    /// ARC tasks read from files, augmented on the fly.
    Arc "arc" arc::ArcSpec;
    /// Generated mazes.
    Maze "maze" maze::GeneratedSpec;
    /// Mazes read from CSV files.
    MazeCsv "maze_csv" maze::CsvSpec;
    /// A text file, for predicting each next character.
    Text "text" text::TextSpec;
}

impl<'de> serde::Deserialize<'de> for DataSpec {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_enum("DataSpec", DataSpec::NAMES, settings::Pick::<DataSpec>::new())
    }
}

/// Opens the data set of `spec`; relative paths start at `base`, the folder of the run file.
///
/// # Errors
/// Settings that make no sense, files that cannot be read, and any row that breaks the rules.
pub fn open(spec: &DataSpec, base: &Path) -> Result<Box<dyn Dataset>, DataError> {
    spec.source().open(base)
}

/// The shape of the data set of `spec` without generating a puzzle; files are read, every row.
///
/// # Errors
/// As [`open`], but for a search for puzzles that finds too few.
pub fn shape(spec: &DataSpec, base: &Path) -> Result<DataShape, DataError> {
    spec.source().shape(base)
}

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

/// Something wrong with an answer, with the cells it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Indices of the cells to point at, ascending.
    pub cells: Vec<usize>,
    /// One clause, such as `row 3 holds 5 twice`.
    pub what: String,
}

/// What checking an answer found. No faults means: the answer solves the puzzle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Every rule that is broken.
    pub faults: Vec<Fault>,
}

impl Verdict {
    /// Whether the answer solves the puzzle.
    pub fn solved(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        if self.solved() {
            return out.write_str("solved");
        }
        let clauses: Vec<&str> = self.faults.iter().map(|fault| fault.what.as_str()).collect();
        write!(out, "not solved: {}", clauses.join("; "))
    }
}

/// What a printed cell holds, for callers that style it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// Part of the question.
    Given,
    /// Filled in by an answer.
    Filled,
    /// An answer that differs from the question's given.
    Changed,
    /// Still open.
    Blank,
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
    fn arc(&self) -> Option<&arc::TestSet> {
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
        let sizes = self.sizes();
        let cells = || vec![("cell".to_owned(), sizes.cell)];
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
}
