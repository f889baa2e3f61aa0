//! What checking an answer found.

use std::fmt;

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
