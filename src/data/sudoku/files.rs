//! The data set `sudoku_csv`: takes settings that name two files, gives their puzzles; never trains on a test puzzle.

use std::path::{Path, PathBuf};

use super::canonical::Classes;
use super::csv::{Row, read};
use super::grid::Side;
use super::{Pairs, Sudoku};
use crate::data::choice::Drawn;
use crate::data::hub::locate;
use crate::data::{DataError, Dataset, Purpose, Source, settings};

/// Settings of Sudoku puzzles read from files.
#[derive(schemars::JsonSchema, Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "sudoku_csv")]
pub struct CsvSpec {
    /// The training file.
    #[schemars(extend("x-unit" = "path", "x-example" = "\"data/sudoku/train.csv\""))]
    pub train: PathBuf,
    /// The test file.
    #[schemars(extend("x-unit" = "path", "x-example" = "\"data/sudoku/test.csv\""))]
    pub test: PathBuf,
    /// Augmented copies of each training puzzle.
    #[serde(default)]
    #[schemars(extend("x-unit" = "copies", "x-example" = "1000"))]
    pub augmentations: usize,
    /// Rows rated lower are left out, of both files.
    #[serde(default)]
    #[schemars(extend("x-unit" = "guesses", "x-example" = "10.0"))]
    pub min_rating: f64,
    /// Most training rows; if there are more, they are drawn from at random.
    #[serde(default, deserialize_with = "settings::limit")]
    #[schemars(extend("x-unit" = "puzzles", "x-example" = "1000"))]
    pub limit: Option<usize>,
    /// Most test rows; if there are more, they are drawn from at random.
    #[serde(default, deserialize_with = "settings::limit")]
    #[schemars(extend("x-unit" = "puzzles", "x-example" = "1000"))]
    pub test_limit: Option<usize>,
    /// What to do with training rows that are test rows up to symmetry.
    #[serde(default)]
    #[schemars(extend("x-example" = "drop"))]
    pub shared: Shared,
    /// Seed of the drawn rows and of the copies.
    #[serde(default)]
    #[schemars(extend("x-example" = "1"))]
    pub seed: u64,
}

/// What to do with training rows that are test rows up to symmetry.
#[derive(
    schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Shared {
    /// Refuse the pair of files.
    #[default]
    Refuse,
    /// Leave such rows out of training.
    Drop,
}

impl Source for CsvSpec {
    fn open(&self, base: &Path) -> Result<Box<dyn Dataset>, DataError> {
        if self.limit == Some(0) {
            return Err(DataError::Setting {
                data_set: "sudoku_csv",
                setting: "limit",
                what: "there would be nothing to train on".to_owned(),
                fix: "allow at least 1 row, or write None for all rows".to_owned(),
            });
        }
        let (train_path, test_path) = (locate(base, &self.train)?, locate(base, &self.test)?);
        let test = self.choose(&test_path, self.test_limit, Purpose::ChooseTest, |_| false)?;
        let mut classes = Classes::default();
        for (number, (question, answer)) in test.pairs.iter().enumerate() {
            classes.note(number, &question, &answer);
        }
        let twin = |row: &Row| classes.find(&test.pairs, &row.question, &row.answer);
        let drop = |row: &Row| self.shared == Shared::Drop && twin(row).is_some();
        let train = self.choose(&train_path, self.limit, Purpose::ChooseTrain, drop)?;
        if train.side != test.side {
            let what = format!("holds puzzles of side {}, unlike the training file", test.side.digits());
            let fix = format!("give a test file of side {}", train.side.digits());
            return Err(DataError::Empty { path: test_path, what, fix });
        }
        if train.pairs.is_empty() {
            let what = "holds no row that is not a test row up to symmetry".to_owned();
            return Err(DataError::Empty {
                path: train_path,
                what,
                fix: "give other training rows".to_owned(),
            });
        }
        if self.shared == Shared::Refuse {
            for (number, (question, answer)) in train.pairs.iter().enumerate() {
                if let Some(known) = classes.find(&test.pairs, &question, &answer) {
                    return Err(DataError::Shared {
                        train: train_path,
                        train_line: train.lines[number],
                        test: test_path,
                        test_line: test.lines[known],
                    });
                }
            }
        }
        let about = format!(
            "{n}x{n} Sudoku: training on {}, testing on {}",
            train.about(&self.train, self),
            test.about(&self.test, self),
            n = train.side.digits()
        );
        let data = Sudoku::new(train.pairs, test.pairs, self.augmentations, self.seed, about);
        Ok(Box::new(match test.ratings {
            Some(ratings) => data.rated(ratings),
            None => data,
        }))
    }
}

/// Rows chosen from a file, in the order of the file.
struct Chosen {
    side: Side,
    pairs: Pairs,
    /// The line of each pair.
    lines: Vec<u64>,
    /// The rating of each pair; none where one of them has none.
    ratings: Option<Vec<f64>>,
    /// Number of rows rated high enough.
    rows: usize,
    /// Number of rows that would have been chosen but for being test rows.
    dropped: usize,
}

impl CsvSpec {
    /// Reads a file and chooses at most `limit` rows that are rated high enough and that `drop` does not name.
    fn choose(
        &self,
        path: &Path,
        limit: Option<usize>,
        purpose: Purpose,
        drop: impl Fn(&Row) -> bool,
    ) -> Result<Chosen, DataError> {
        let (mut side, mut rows) = (None, 0);
        let mut drawn = Drawn::new(limit, purpose, self.seed);
        let mut dropped = Vec::new();
        let mut unrated = None;
        read(path, |row| {
            side = Some(row.question.side());
            if self.min_rating > 0.0 && row.rating.is_none() {
                unrated = unrated.or(Some(row.line));
            }
            if row.rating.is_some_and(|rating| rating.trunc() < self.min_rating) {
                return;
            }
            rows += 1;
            match drawn.draw(row.line) {
                Some(draw) if drop(&row) => dropped.push(draw),
                Some(draw) => drawn.take(draw, row),
                None => {}
            }
        })?;
        if let Some(line) = unrated {
            let what = format!("has no rating on line {line}, so that `min_rating` cannot choose");
            let fix = "leave `min_rating` out, or rate the puzzles by `totc data rate`".to_owned();
            return Err(DataError::Empty { path: path.to_owned(), what, fix });
        }
        let Some(side) = side.filter(|_| rows > 0) else {
            let (what, fix) = match side {
                None => ("holds no rows".to_owned(), "give a file with puzzles".to_owned()),
                Some(_) => (
                    format!("holds no row rated {} or more", self.min_rating),
                    "lower `min_rating`".to_owned(),
                ),
            };
            return Err(DataError::Empty { path: path.to_owned(), what, fix });
        };
        dropped.retain(|draw| drawn.keeps(*draw));
        let chosen = drawn.in_order();
        let mut pairs = Pairs::new(side);
        for row in &chosen {
            pairs.push(&row.question, &row.answer);
        }
        let lines = chosen.iter().map(|row| row.line).collect();
        let ratings = chosen.iter().map(|row| row.rating).collect();
        Ok(Chosen { side, pairs, lines, ratings, rows, dropped: dropped.len() })
    }
}

impl Chosen {
    fn about(&self, path: &Path, spec: &CsvSpec) -> String {
        let mut notes = Vec::new();
        if spec.min_rating > 0.0 {
            notes.push(format!("rated {} or more", spec.min_rating));
        }
        let used = self.pairs.len();
        if used + self.dropped < self.rows {
            notes.push(format!("drawn from {} by seed {}", self.rows, spec.seed));
        }
        if self.dropped > 0 {
            notes.push(format!("{} dropped for being test rows up to symmetry", self.dropped));
        }
        let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
        let rows = if used == 1 { "row" } else { "rows" };
        format!("{used} {rows} of `{}`{notes}", path.display())
    }
}
