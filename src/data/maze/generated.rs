//! The data set `maze`: takes settings, gives generated mazes of which no two have the same walls; reads no file.

use std::path::Path;

use super::generator::{Paths, Wanted, make};
use super::{Answers, Mazes, Pair, lengths};
use crate::data::{CountRange, DataError, DataShape, Dataset, Source};

const NAME: &str = "maze";

/// Settings of generated mazes.
#[derive(schemars::JsonSchema, Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "maze")]
pub struct GeneratedSpec {
    /// Cells per row, from 4 to 64; Maze-Hard has 30.
    #[schemars(extend("x-unit" = "cells", "x-example" = "10"))]
    pub side: usize,
    /// Number of training mazes.
    #[schemars(extend("x-unit" = "mazes", "x-example" = "1000"))]
    pub train: usize,
    /// Number of test mazes.
    #[schemars(extend("x-unit" = "mazes", "x-example" = "200"))]
    pub test: usize,
    /// Cells of the shortest path, start and goal counted; without bounds, at least `side`. Maze-Hard has `(110, 900)`.
    #[serde(default)]
    #[schemars(extend("x-unit" = "cells", "x-example" = "(12, 40)"))]
    pub path_cells: CountRange,
    /// Whether training mazes are also shown turned and mirrored.
    #[serde(default)]
    #[schemars(extend("x-example" = "true"))]
    pub symmetries: bool,
    /// What the answer of a turned or mirrored maze is.
    #[serde(default)]
    #[schemars(extend("x-example" = "solved"))]
    pub answers: Answers,
    /// Seed of the mazes.
    #[serde(default)]
    #[schemars(extend("x-example" = "1"))]
    pub seed: u64,
}

impl Source for GeneratedSpec {
    fn open(&self, _: &Path) -> Result<Box<dyn Dataset>, DataError> {
        let wanted = self.wanted()?;
        let count = self.train.saturating_add(self.test);
        let mut pairs = Vec::with_capacity(count);
        for maze in make(&wanted, count) {
            if let Some(answer) = maze.answer() {
                pairs.push(Pair { maze, answer });
            }
        }
        if pairs.len() < count {
            let what = format!(
                "only {} such mazes turned up, and {} + {} were asked for",
                pairs.len(),
                self.train,
                self.test
            );
            return refuse("path_cells", what, "ask for fewer mazes or for shorter paths");
        }
        let test = pairs.split_off(self.train);
        let about = format!(
            "{n}x{n} mazes generated from seed {}: {} training and {} test mazes, {}, no two with the same walls up to symmetry",
            self.seed,
            self.train,
            self.test,
            lengths(pairs.iter().chain(&test)),
            n = self.side,
        );
        Ok(Box::new(Mazes::new(self.side, pairs, test, self.symmetries, self.answers, about)))
    }

    fn shape(&self, _: &Path) -> Result<DataShape, DataError> {
        self.wanted()?;
        Ok(DataShape { sizes: Mazes::sizes_of(self.side), train_len: self.train })
    }
}

impl GeneratedSpec {
    /// What to make, once the settings are known to make sense.
    fn wanted(&self) -> Result<Wanted, DataError> {
        let wanted = Wanted::new(self.side, self.path_cells, Paths::Any, self.seed);
        let wanted = wanted.map_err(|refused| refused.of(NAME))?;
        match self.train {
            0 => refuse("train", "there would be nothing to train on".to_owned(), "ask for at least 1 maze"),
            _ => Ok(wanted),
        }
    }
}

fn refuse<T>(setting: &'static str, what: String, fix: &str) -> Result<T, DataError> {
    Err(DataError::Setting { data_set: NAME, setting, what, fix: fix.to_owned() })
}
