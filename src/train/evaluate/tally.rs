//! The counting of an evaluation: takes the measures of rows, gives one result per example and the means after each
//! step.

use indexmap::IndexMap;

use super::super::measures::Measures;
use super::super::results::{EvaluationReport, PuzzleResult};
use super::super::vacuous::vacuous_metrics;
use crate::lower::Program;

/// The share of the answers that obey the rules of the puzzle, whether or not they are the label.
const SOLVED: &str = "solved";

/// Results so far.
pub(super) struct Tally {
    metrics: Vec<String>,
    /// Metrics that are means over nothing.
    vacuous: Vec<String>,
    losses: Vec<String>,
    learned: bool,
    /// Whether answers are held against the rules of the puzzle.
    judged: bool,
    puzzles: Vec<PuzzleResult>,
    /// Sums of the metrics after each step.
    by_step: Vec<Vec<f64>>,
}

impl Tally {
    /// Nothing yet, for a program that runs `last` steps at most.
    pub fn new(program: &Program, last: usize) -> Tally {
        Tally {
            by_step: vec![Vec::new(); last],
            metrics: Vec::new(),
            vacuous: vacuous_metrics(program),
            losses: Vec::new(),
            learned: program.halt.is_some_and(|halt| halt.learned),
            judged: false,
            puzzles: Vec::new(),
        }
    }

    /// Learns what is measured.
    pub fn name(&mut self, measures: &Measures) {
        if self.metrics.is_empty() && self.losses.is_empty() {
            let tells = |name: &&String| !self.vacuous.contains(name);
            self.metrics = measures.metrics.keys().filter(tells).cloned().collect();
            self.losses = measures.losses.keys().cloned().collect();
            self.by_step.fill(vec![0.0; self.metrics.len()]);
        }
    }

    /// Names of the metrics.
    pub fn metrics(&self) -> &[String] {
        &self.metrics
    }

    /// The answer in `row` has done step `step`, from 1; it is one of `candidates` to its question.
    pub fn step(&mut self, measures: &Measures, row: usize, step: usize, candidates: usize) {
        if let Some(sums) = self.by_step.get_mut(step - 1) {
            for (sum, name) in sums.iter_mut().zip(&self.metrics) {
                *sum += of_row(&measures.metrics, name, row) / candidates as f64;
            }
        }
    }

    /// The answer in `row` is done after step `step`; it stands for the steps left out.
    pub fn done(&mut self, measures: &Measures, row: usize, step: usize, candidates: usize) -> PuzzleResult {
        let values = |names: &[String], lists| names.iter().map(|name| of_row(lists, name, row)).collect();
        let metrics: Vec<f64> = values(&self.metrics, &measures.metrics);
        for sums in self.by_step.iter_mut().skip(step) {
            for (sum, value) in sums.iter_mut().zip(&metrics) {
                *sum += value / candidates as f64;
            }
        }
        let losses = values(&self.losses, &measures.losses);
        PuzzleResult { steps: step, losses, metrics, ..PuzzleResult::default() }
    }

    /// Whether the answer that counts obeys the rules of the puzzle: the last of its metrics.
    pub fn judge(&mut self, puzzle: &mut PuzzleResult, solved: bool) {
        self.judged = true;
        puzzle.metrics.push(f64::from(u8::from(solved)));
    }

    /// What became of a labelled example.
    pub fn count(&mut self, puzzle: PuzzleResult) {
        self.puzzles.push(puzzle);
    }

    /// The means.
    pub fn report(mut self) -> EvaluationReport {
        let count = self.puzzles.len().max(1) as f64;
        let named = |sums: Vec<f64>| -> IndexMap<String, f64> {
            self.metrics.iter().cloned().zip(sums.into_iter().map(|sum| sum / count)).collect()
        };
        let by_step = self.by_step.into_iter().map(named).collect();
        if self.judged {
            self.metrics.push(SOLVED.to_owned());
        }
        EvaluationReport {
            by_step,
            ..EvaluationReport::over(self.puzzles, &self.metrics, &self.losses, self.learned)
        }
    }
}

fn of_row(lists: &IndexMap<String, Vec<f64>>, name: &str, row: usize) -> f64 {
    lists.get(name).and_then(|rows| rows.get(row)).copied().unwrap_or(0.0)
}
