//! `puzzles.csv`: takes the results of an evaluation, writes one line per labelled test example; a file of that name is
//! whole at any time.

use std::fmt::Write;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::files::FileError;
use super::results::EvaluationReport;

/// The name of the file in a run's folder.
pub const PUZZLES: &str = "puzzles.csv";

/// Writes `folder/puzzles.csv`: `index,rating,steps,halted` and one column per metric. Everything is a number
/// (`halted` and truth values are 0 or 1); an unknown rating is left empty.
///
/// # Errors
/// A file that cannot be written.
pub fn write_puzzles(folder: &Path, report: &EvaluationReport) -> Result<PathBuf, FileError> {
    let path = folder.join(PUZZLES);
    let written = || {
        std::fs::create_dir_all(folder)?;
        let mut aside = crate::weights::aside(folder)?;
        aside.write_all(puzzles_text(report).as_bytes())?;
        aside.as_file().sync_all()?;
        aside.persist(&path).map_err(|error| error.error)
    };
    match written() {
        Ok(_) => Ok(path),
        Err(cause) => Err(FileError { path, cause }),
    }
}

/// The text of the file. Numbers are written in full.
pub fn puzzles_text(report: &EvaluationReport) -> String {
    let mut text = "index,rating,steps,halted".to_owned();
    for name in report.metrics.keys() {
        let _ = write!(text, ",{name}");
    }
    text.push('\n');
    for puzzle in &report.puzzles {
        let rating = puzzle.rating.map_or(String::new(), |rating| rating.to_string());
        let _ = write!(text, "{},{rating},{},{}", puzzle.index, puzzle.steps, u8::from(puzzle.halted));
        for value in &puzzle.metrics {
            let _ = write!(text, ",{value}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::results::PuzzleResult;

    #[test]
    fn one_line_per_puzzle_in_order_of_the_test_set() -> Result<(), FileError> {
        let puzzle = |index, rating, exact| PuzzleResult {
            index,
            rating,
            steps: 3,
            halted: exact == 1.0,
            metrics: vec![0.1 + 0.2, exact],
            losses: Vec::new(),
        };
        let puzzles = vec![puzzle(7, None, 0.0), puzzle(2, Some(12.5), 1.0)];
        let names = ["accuracy".to_owned(), "exact".to_owned()];
        let report = EvaluationReport::over(puzzles, &names, &[], true);
        assert_eq!(report.halting_accuracy, Some(1.0));
        let folder = tempfile::tempdir().map_err(|cause| FileError { path: PathBuf::new(), cause })?;
        let path = write_puzzles(folder.path(), &report)?;
        assert_eq!(
            std::fs::read_to_string(path).unwrap_or_default(),
            "index,rating,steps,halted,accuracy,exact\n\
             2,12.5,3,1,0.30000000000000004,1\n\
             7,,3,0,0.30000000000000004,0\n"
        );
        Ok(())
    }
}
