//! Rows drawn at random from a file of any length: takes rows one by one, holds those that are drawn so far and no others.

use std::collections::BTreeMap;

use super::Purpose;

/// At most so many rows, drawn without replacement. Every row gets a random number of its own, and the rows with the smallest
/// numbers are drawn. So the choice is uniform, and depends on nothing but the seed and the lines.
#[derive(Clone, Debug)]
pub struct Drawn<T> {
    limit: usize,
    seed: u64,
    purpose: Purpose,
    rows: BTreeMap<Draw, T>,
}

/// What decides whether a row is drawn: its number, and its line in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Draw {
    number: u64,
    line: u64,
}

impl<T> Drawn<T> {
    /// None yet, of at most `limit`; all that come where there is none.
    pub fn new(limit: Option<usize>, purpose: Purpose, seed: u64) -> Drawn<T> {
        Drawn { limit: limit.unwrap_or(usize::MAX), seed, purpose, rows: BTreeMap::new() }
    }

    /// Whether the row on `line` would be among those drawn so far: then [`Drawn::take`] takes it.
    pub fn draw(&self, line: u64) -> Option<Draw> {
        let number = match self.limit {
            usize::MAX => 0,
            _ => self.purpose.draws(self.seed, line, 0).bits(),
        };
        let draw = Draw { number, line };
        self.keeps(draw).then_some(draw)
    }

    /// Whether a row with this draw would be among those drawn so far.
    pub fn keeps(&self, draw: Draw) -> bool {
        self.rows.len() < self.limit || self.rows.last_key_value().is_some_and(|(last, _)| draw < *last)
    }

    /// Takes a row; the one that was drawn last goes where there would be too many.
    pub fn take(&mut self, draw: Draw, row: T) {
        self.rows.insert(draw, row);
        if self.rows.len() > self.limit {
            self.rows.pop_last();
        }
    }

    /// The rows in the order of the file.
    pub fn in_order(self) -> Vec<T> {
        let mut rows: Vec<(u64, T)> = self.rows.into_iter().map(|(draw, row)| (draw.line, row)).collect();
        rows.sort_by_key(|(line, _)| *line);
        rows.into_iter().map(|(_, row)| row).collect()
    }
}
