//! Sudoku as a data set: takes pairs of question and answer, gives examples in tokens; leaves making pairs to others.
//!
//! Tokens are those of the reference sets: 0 pads (never occurs), 1 is a blank, `d + 1` is digit `d`. The label
//! covers every cell, givens too. All puzzles are one task, with identifier 0.

pub mod build;
pub mod canonical;
pub mod check;
pub mod csv;
mod files;
mod generated;
pub mod generator;
pub mod grid;
pub mod rate;
pub mod solver;
pub mod symmetry;
pub mod text;

pub use files::{CsvSpec, Shared};
pub use generated::GeneratedSpec;

use super::{
    DataError, Dataset, Example, Fault, Mark, NO_LABEL, Picture, Purpose, Sizes, Stream, Verdict, View,
};
use crate::random::fnv1a;
use grid::{Grid, Side};
use symmetry::Symmetry;

/// Questions with their answers, stored flat.
#[derive(Clone, Debug)]
pub struct Pairs {
    side: Side,
    questions: Vec<u8>,
    answers: Vec<u8>,
}

impl Pairs {
    /// No pairs yet.
    pub fn new(side: Side) -> Pairs {
        Pairs { side, questions: Vec::new(), answers: Vec::new() }
    }

    /// Appends a pair; a pair of another side is left out.
    pub fn push(&mut self, question: &Grid, answer: &Grid) {
        if (question.side(), answer.side()) == (self.side, self.side) {
            self.questions.extend_from_slice(question.cells());
            self.answers.extend_from_slice(answer.cells());
        }
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.questions.len() / self.side.cells()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.questions.is_empty()
    }

    /// Question and answer number `i`.
    pub fn get(&self, i: usize) -> Option<(Grid, Grid)> {
        let span = i.checked_mul(self.side.cells())?..(i + 1).checked_mul(self.side.cells())?;
        let (question, answer) = (self.questions.get(span.clone())?, self.answers.get(span)?);
        let grid = |cells: &[u8]| Grid::from_fn(self.side, |cell| cells[cell]);
        Some((grid(question), grid(answer)))
    }

    /// All pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (Grid, Grid)> {
        (0..self.len()).map_while(|i| self.get(i))
    }
}

/// A Sudoku data set.
#[derive(Debug)]
pub struct Sudoku {
    side: Side,
    train: Pairs,
    test: Pairs,
    /// Seed of the transforms that make copies.
    seed: u64,
    stream: Stream,
    /// Of the test puzzles, where their file gives them.
    ratings: Option<Vec<f64>>,
    about: String,
}

impl Sudoku {
    /// A data set of these pairs, whose training puzzles have `copies` augmented copies each. The copies belong to
    /// the data set: their transforms are a function of its `seed`, the puzzle and the number of the copy.
    pub fn new(train: Pairs, test: Pairs, copies: usize, seed: u64, about: String) -> Sudoku {
        let about = format!(
            "{about}; {}",
            match copies {
                0 => "no augmentation".to_owned(),
                1 => "1 augmented copy of each training puzzle".to_owned(),
                n => format!("{n} augmented copies of each training puzzle"),
            }
        );
        let stream = Stream::new(train.len(), copies);
        Sudoku { side: train.side, stream, train, test, seed, ratings: None, about }
    }

    /// Sizes of the axes for puzzles of this side: tokens are the digits, the blank and the padding.
    pub fn sizes_of(side: Side) -> Sizes {
        Sizes { cell: side.cells(), symbol: side.digits() + 2, task: 1 }
    }

    /// The same with ratings of the test puzzles by somebody else's measure; without them, a puzzle is rated by the
    /// guesses that `solver::rating` counts.
    pub fn rated(self, ratings: Vec<f64>) -> Sudoku {
        Sudoku { ratings: Some(ratings), ..self }
    }

    /// Passes the digit of a token through `relabel`; padding, blanks and absent labels stay.
    fn relabelled(side: Side, token: i64, relabel: &dyn Fn(u8) -> u8) -> i64 {
        match grid::value(side, token) {
            Some(digit) => grid::token(relabel(digit)),
            None => token,
        }
    }

    /// Copy `copy` of training puzzle `puzzle`; copy 0 is the puzzle as it is.
    fn copy(&self, puzzle: usize, copy: usize) -> (Grid, Grid) {
        let (question, answer) =
            self.train.get(puzzle).unwrap_or_else(|| (Grid::blank(self.side), Grid::blank(self.side)));
        if copy == 0 {
            return (question, answer);
        }
        let mut chance = Purpose::Transform.draws(self.seed, puzzle as u64, copy as u64);
        let symmetry = Symmetry::random(self.side, &mut chance);
        (symmetry.apply(&question), symmetry.apply(&answer))
    }
}

fn example(question: &Grid, answer: &Grid) -> Example {
    let tokens = |grid: &Grid| grid.cells().iter().map(|&value| grid::token(value)).collect();
    Example { inputs: tokens(question), labels: tokens(answer), puzzle: 0 }
}

impl Dataset for Sudoku {
    fn sizes(&self) -> Sizes {
        Sudoku::sizes_of(self.side)
    }

    fn train_len(&self) -> usize {
        self.train.len()
    }

    fn test_len(&self) -> usize {
        self.test.len()
    }

    fn train_example(&self, seed: u64, k: u64) -> Example {
        let visit = self.stream.visit(seed, k);
        let (question, answer) = self.copy(visit.puzzle, visit.copy);
        example(&question, &answer)
    }

    fn test_example(&self, i: usize) -> Option<Example> {
        self.test.get(i).map(|(question, answer)| example(&question, &answer))
    }

    fn has_rules(&self) -> bool {
        true
    }

    fn rating(&self, i: usize) -> Option<f64> {
        match &self.ratings {
            Some(ratings) => ratings.get(i).copied(),
            None => solver::rating(&self.test.get(i)?.0).map(|guesses| guesses as f64),
        }
    }

    fn rating_name(&self) -> &str {
        if self.ratings.is_some() { "rating" } else { "guesses" }
    }

    fn view(&self, example: &Example, k: u64) -> Option<View> {
        let side = self.side;
        if k == 0 || example.inputs.len() != side.cells() || example.labels.len() != side.cells() {
            return Some(View::identity(example));
        }
        // Puzzles are not all seen under the same symmetries; tokens are below 256.
        let question = fnv1a(example.inputs.iter().map(|token| *token as u8));
        let symmetry = Symmetry::random(side, &mut Purpose::View.draws(self.seed, k, question));
        let relabel = move |token, relabel: &dyn Fn(u8) -> u8| Sudoku::relabelled(side, token, relabel);
        let seen = Example {
            inputs: symmetry.apply_to(&example.inputs, relabel),
            labels: symmetry.apply_to(&example.labels, relabel),
            puzzle: example.puzzle,
        };
        Some(View {
            example: seen,
            undo: Box::new(move |answer| match answer.len() == side.cells() {
                true => symmetry.undo_on(answer, relabel),
                false => answer.to_vec(),
            }),
        })
    }

    fn describe(&self) -> String {
        self.about.clone()
    }

    fn parse_puzzle(&self, text: &str) -> Result<Example, DataError> {
        let refuse = |what: String, fix: String| Err(DataError::Puzzle { what, fix });
        let question = text::parse(text)?;
        let (found, wanted) = (question.side().cells(), self.side.cells());
        if found != wanted {
            return refuse(format!("it has {found} cells"), format!("this data set's puzzles have {wanted}"));
        }
        if let Some(clash) = check::clashes(&question).first() {
            return refuse(clash.what.clone(), "each row, column and box may hold a digit once".to_owned());
        }
        let mut read = example(&question, &question);
        read.labels.fill(NO_LABEL);
        Ok(read)
    }

    fn render_styled(&self, tokens: &[i64], given: &[i64], style: &dyn Fn(Mark, &str) -> String) -> String {
        let shown = |cell: usize| {
            let held = tokens.get(cell).and_then(|&token| grid::value(self.side, token));
            let asked = given.get(cell).and_then(|&token| grid::value(self.side, token)).unwrap_or(0);
            let mark = match held {
                Some(held) if asked == held && held != 0 => Mark::Given,
                _ if asked != 0 => Mark::Changed,
                Some(0) => Mark::Blank,
                _ => Mark::Filled,
            };
            (mark, held.map_or('?', text::digit))
        };
        text::board(self.side, shown, style)
    }

    fn picture(&self, tokens: &[i64], given: &[i64]) -> Picture {
        let picture = Picture::of_print(tokens.len(), |style| self.render_styled(tokens, given, style));
        Picture { blocks: (self.side.box_rows(), self.side.box_columns()), ..picture }
    }

    fn validate(&self, given: &[i64], answer: &[i64]) -> Verdict {
        let wanted = self.side.cells();
        if let Some(found) = [given.len(), answer.len()].into_iter().find(|&len| len != wanted) {
            let what = format!("there are {found} cells instead of {wanted}");
            return Verdict { faults: vec![Fault { cells: Vec::new(), what }] };
        }
        let read = |tokens: &[i64]| {
            Grid::from_fn(self.side, |cell| grid::value(self.side, tokens[cell]).unwrap_or(0))
        };
        check::check(&read(given), &read(answer))
    }
}
