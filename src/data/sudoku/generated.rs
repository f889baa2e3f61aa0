//! The data set `sudoku`: takes settings, gives generated puzzles of which no two are equivalent; reads no file.

use std::path::Path;

use super::generator::{self, Searched, Wanted};
use super::grid::Side;
use super::{Pairs, Sudoku};
use crate::data::{CountRange, DataError, DataShape, Dataset, Source};

const NAME: &str = "sudoku";

/// Settings of generated Sudoku puzzles.
#[derive(schemars::JsonSchema, Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "sudoku")]
pub struct GeneratedSpec {
    /// Cells per row: 4, 6 (boxes of 2 rows and 3 columns), 8 (2 and 4), 9, 10 (2 and 5), 12 (3 and 4) or 16.
    #[schemars(extend("x-unit" = "cells", "x-example" = "9"))]
    pub side: usize,
    /// Number of training puzzles.
    #[schemars(extend("x-unit" = "puzzles", "x-example" = "1000"))]
    pub train: usize,
    /// Number of test puzzles.
    #[schemars(extend("x-unit" = "puzzles", "x-example" = "200"))]
    pub test: usize,
    /// Givens per puzzle; without bounds, puzzles have no given to spare, as far as a search that is bounded from side 10 on
    /// can tell.
    #[serde(default)]
    #[schemars(extend("x-unit" = "givens", "x-example" = "(24, 30)"))]
    pub givens: CountRange,
    /// Guesses that a simple solver needs; 0 where simple rules are enough.
    #[serde(default)]
    #[schemars(extend("x-unit" = "guesses", "x-example" = "(1, 100)"))]
    pub rating: CountRange,
    /// Augmented copies of each training puzzle.
    #[serde(default)]
    #[schemars(extend("x-unit" = "copies", "x-example" = "1000"))]
    pub augmentations: usize,
    /// Seed of the puzzles and of their copies.
    #[serde(default)]
    #[schemars(extend("x-example" = "1"))]
    pub seed: u64,
}

impl Source for GeneratedSpec {
    fn open(&self, _: &Path) -> Result<Box<dyn Dataset>, DataError> {
        let wanted = self.wanted()?;
        let made = generator::make(&wanted, self.train.saturating_add(self.test), self.seed);
        if made.pairs.len() < self.train.saturating_add(self.test) {
            return Err(self.shortage(made.pairs.len(), made.searched));
        }
        let (mut train, mut test) = (Pairs::new(wanted.side), Pairs::new(wanted.side));
        let (mut low, mut high) = (usize::MAX, 0);
        for (number, (question, answer)) in made.pairs.iter().enumerate() {
            (low, high) = (low.min(question.givens()), high.max(question.givens()));
            let into = if number < self.train { &mut train } else { &mut test };
            into.push(&question, &answer);
        }
        let of = match made.searched {
            Searched::All(classes) => format!(" out of the {classes} such puzzles that exist"),
            Searched::Attempts(_) => String::new(),
        };
        let about = format!(
            "{n}x{n} Sudoku generated from seed {}: {} training and {} test puzzles{of}, {} givens, \
             no two equivalent up to symmetry",
            self.seed,
            self.train,
            self.test,
            CountRange::Between(low as u64, high as u64),
            n = self.side,
        );
        Ok(Box::new(Sudoku::new(train, test, self.augmentations, self.seed, about)))
    }

    fn shape(&self, _: &Path) -> Result<DataShape, DataError> {
        let side = self.wanted()?.side;
        if side == Side::Four && self.rating == CountRange::Any {
            let there_are = generator::count_four(self.givens);
            if there_are < self.train.saturating_add(self.test) {
                return Err(self.shortage(there_are, Searched::All(there_are)));
            }
        }
        Ok(DataShape { sizes: Sudoku::sizes_of(side), train_len: self.train })
    }
}

impl GeneratedSpec {
    /// What to make, once the settings are known to make sense.
    fn wanted(&self) -> Result<Wanted, DataError> {
        let wanted = Wanted::new(self.side, self.givens, self.rating);
        let wanted = wanted.map_err(|refused| refused.of(NAME))?;
        if self.train == 0 {
            return refuse(
                "train",
                "there would be nothing to train on".to_owned(),
                "ask for at least 1 puzzle",
            );
        }
        if u32::try_from(self.train.saturating_add(self.test)).is_err() {
            return refuse("train", "that many puzzles cannot be made".to_owned(), "ask for fewer");
        }
        Ok(wanted)
    }

    fn shortage(&self, found: usize, searched: Searched) -> DataError {
        let n = self.side;
        let kind = match self.givens {
            CountRange::Any => format!("inequivalent {n}x{n} puzzles without a given to spare"),
            span => format!("inequivalent {n}x{n} puzzles with {span} givens"),
        };
        let asked = format!("{} + {} were asked for", self.train, self.test);
        let rating = match self.rating {
            CountRange::Any => String::new(),
            span => match searched {
                Searched::All(_) => format!(", of which {found} come out rated {span}"),
                Searched::Attempts(_) => format!(" rated {span}"),
            },
        };
        let (what, fix) = match searched {
            Searched::All(classes) => (
                format!("there are only {classes} {kind}{rating}, and {asked}"),
                "ask for fewer puzzles, or widen `givens`".to_owned() + &self.advice(),
            ),
            Searched::Attempts(attempts) => (
                format!("only {found} {kind}{rating} turned up in {attempts} attempts, and {asked}"),
                "ask for fewer puzzles, or widen `givens` and `rating`".to_owned(),
            ),
        };
        let setting = if self.givens == CountRange::Any && self.rating != CountRange::Any {
            "rating"
        } else {
            "givens"
        };
        DataError::Setting { data_set: NAME, setting, what, fix }
    }

    /// The first span of givens with enough 4x4 puzzles, if there is one.
    fn advice(&self) -> String {
        let wanted = self.train.saturating_add(self.test);
        let held = |high| generator::count_four(CountRange::Between(5, high));
        match (5..=16).map(|high| (high, held(high))).find(|&(_, held)| held >= wanted) {
            Some((high, held)) => format!(": `givens: (5, {high})` holds {held}"),
            None => format!("; 5 to 16 givens hold {} in all, so more need a larger `side`", held(16)),
        }
    }
}

fn refuse<T>(setting: &'static str, what: String, fix: &str) -> Result<T, DataError> {
    Err(DataError::Setting { data_set: NAME, setting, what, fix: fix.to_owned() })
}
