//! The data set `maze_csv`: takes settings that name two files, gives their mazes; never trains on a test maze.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::csv::{Row, read};
use super::generator::walls_up_to_symmetry;
use super::{Answers, Mazes, Pair, lengths};
use crate::data::choice::Drawn;
use crate::data::hub::locate;
use crate::data::{DataError, Dataset, Purpose, Source, settings};

/// Settings of mazes read from files, packed with gzip or not.
#[derive(schemars::JsonSchema, Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "maze_csv")]
pub struct CsvSpec {
    /// The training file.
    #[schemars(extend("x-unit" = "path", "x-example" = "\"data/maze/train.csv\""))]
    pub train: PathBuf,
    /// The test file.
    #[schemars(extend("x-unit" = "path", "x-example" = "\"data/maze/test.csv\""))]
    pub test: PathBuf,
    /// Whether training mazes are also shown turned and mirrored.
    #[serde(default)]
    #[schemars(extend("x-example" = "true"))]
    pub symmetries: bool,
    /// What the answer of a turned or mirrored maze is.
    #[serde(default)]
    #[schemars(extend("x-example" = "solved"))]
    pub answers: Answers,
    /// Mazes with a shorter path are left out, of both files; start and goal count.
    #[serde(default)]
    #[schemars(extend("x-unit" = "cells", "x-example" = "110"))]
    pub min_path_cells: u32,
    /// Most training rows; if there are more, they are drawn from at random.
    #[serde(default, deserialize_with = "settings::limit")]
    #[schemars(extend("x-unit" = "mazes", "x-example" = "1000"))]
    pub limit: Option<usize>,
    /// Most test rows; if there are more, they are drawn from at random.
    #[serde(default, deserialize_with = "settings::limit")]
    #[schemars(extend("x-unit" = "mazes", "x-example" = "1000"))]
    pub test_limit: Option<usize>,
    /// Seed of the drawn rows.
    #[serde(default)]
    #[schemars(extend("x-example" = "1"))]
    pub seed: u64,
}

impl Source for CsvSpec {
    fn open(&self, base: &Path) -> Result<Box<dyn Dataset>, DataError> {
        let (train_path, test_path) = (locate(base, &self.train)?, locate(base, &self.test)?);
        let test = self.choose(&test_path, self.test_limit, Purpose::ChooseTest)?;
        let train = self.choose(&train_path, self.limit, Purpose::ChooseTrain)?;
        let side = test[0].maze.side();
        if train[0].maze.side() != side {
            let what = format!("holds mazes of side {side}, unlike the training file");
            let fix = format!("give a test file of side {}", train[0].maze.side());
            return Err(DataError::Empty { path: test_path, what, fix });
        }
        let known: HashMap<Vec<u8>, u64> =
            test.iter().map(|row| (walls_up_to_symmetry(&row.maze), row.line)).collect();
        for row in &train {
            if let Some(&test_line) = known.get(&walls_up_to_symmetry(&row.maze)) {
                return Err(DataError::SharedWalls {
                    train: train_path,
                    train_line: row.line,
                    test: test_path,
                    test_line,
                });
            }
        }
        let pairs = |rows: Vec<Row>| -> Vec<Pair> {
            rows.into_iter().map(|row| Pair { maze: row.maze, answer: row.answer }).collect()
        };
        let (train, test) = (pairs(train), pairs(test));
        let about = format!(
            "{side}x{side} mazes: training on {} of `{}`, testing on {} of `{}`, {}",
            train.len(),
            self.train.display(),
            test.len(),
            self.test.display(),
            lengths(train.iter().chain(&test)),
        );
        Ok(Box::new(Mazes::new(side, train, test, self.symmetries, self.answers, about)))
    }
}

impl CsvSpec {
    /// At least one row, in the order of the file: all that are long enough, or `limit` of them drawn by the seed.
    fn choose(&self, path: &Path, limit: Option<usize>, purpose: Purpose) -> Result<Vec<Row>, DataError> {
        let empty = |what: String, fix: &str| {
            Err(DataError::Empty { path: path.to_owned(), what, fix: fix.to_owned() })
        };
        if limit == Some(0) {
            return empty(
                "would give no row".to_owned(),
                "set its limit to at least 1, or to None for all rows",
            );
        }
        let mut all = 0;
        let mut drawn = Drawn::new(limit, purpose, self.seed);
        read(path, |row| {
            all += 1;
            if row.path_cells >= self.min_path_cells
                && let Some(draw) = drawn.draw(row.line)
            {
                drawn.take(draw, row);
            }
        })?;
        let rows = drawn.in_order();
        if rows.is_empty() {
            return match all {
                0 => empty("holds no rows".to_owned(), "give a file with mazes"),
                _ => empty(
                    format!("holds no maze with a path of {} cells or more", self.min_path_cells),
                    "lower `min_path_cells`",
                ),
            };
        }
        Ok(rows)
    }
}
