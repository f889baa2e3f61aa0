//! What an evaluation found: plain numbers, one result per test example and the means over them; knows no tensor.

use indexmap::IndexMap;

use super::test_time_scaling::ScalingReport;

/// The metric that says whether an answer is right in every cell.
pub const EXACT: &str = "exact";

/// What became of one labelled test example.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PuzzleResult {
    /// Its place among the test examples, from 0.
    pub index: usize,
    /// How hard it is, by the data set's own measure, where it is known.
    pub rating: Option<f64>,
    /// Supervision steps until the answer that counts, from 1.
    pub steps: usize,
    /// Whether the halting condition held at that step.
    pub halted: bool,
    /// Each metric, in the order of [`EvaluationReport::metrics`]; 0 or 1 for truth values.
    pub metrics: Vec<f64>,
    /// Each loss, in the order of [`EvaluationReport::losses`].
    pub losses: Vec<f64>,
}

/// What a test found: means over the labelled examples, and the examples themselves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvaluationReport {
    /// Test examples with a label.
    pub examples: usize,
    /// Each metric.
    pub metrics: IndexMap<String, f64>,
    /// Each loss.
    pub losses: IndexMap<String, f64>,
    /// The metrics of the answers as they stood after step 1, 2, and so on; the answer of an example that stopped
    /// earlier stands for the steps it left out.
    pub by_step: Vec<IndexMap<String, f64>>,
    /// Supervision steps per example.
    pub steps: f64,
    /// Examples that used 1, 2, ... steps.
    pub steps_histogram: Vec<usize>,
    /// Share of the examples whose halting condition held at the step that counts.
    pub halted: f64,
    /// Share of the examples for which the halting condition at the step that counts says what the metric `exact` says
    /// (`q_halt_accuracy` of the reference code); none for models that do not learn to halt or have no such metric.
    pub halting_accuracy: Option<f64>,
    /// One result per labelled example, in the order of the test set.
    pub puzzles: Vec<PuzzleResult>,
    /// What rollouts and views gained, where there were any.
    pub scaling: Option<ScalingReport>,
    /// Supervision steps times rows that were computed, empty rows included.
    pub row_steps: u64,
    /// Wall-clock seconds.
    pub seconds: f64,
}

impl EvaluationReport {
    /// The means over `puzzles`, whose metrics and losses are called `metrics` and `losses`. `learned`: whether the
    /// model learns when to halt.
    pub fn over(
        mut puzzles: Vec<PuzzleResult>,
        metrics: &[String],
        losses: &[String],
        learned: bool,
    ) -> EvaluationReport {
        puzzles.sort_by_key(|puzzle| puzzle.index);
        let count = puzzles.len().max(1) as f64;
        let means = |names: &[String], part: fn(&PuzzleResult) -> &[f64]| -> IndexMap<String, f64> {
            let mean =
                |at: usize| puzzles.iter().filter_map(|puzzle| part(puzzle).get(at)).sum::<f64>() / count;
            names.iter().enumerate().map(|(at, name)| (name.clone(), mean(at))).collect()
        };
        let longest = puzzles.iter().map(|puzzle| puzzle.steps).max().unwrap_or(0);
        let mut steps_histogram = vec![0; longest];
        for puzzle in &puzzles {
            if let Some(place) = steps_histogram.get_mut(puzzle.steps.saturating_sub(1)) {
                *place += 1;
            }
        }
        let exact = metrics.iter().position(|name| name == EXACT).filter(|_| learned && !puzzles.is_empty());
        let halting_accuracy = exact.map(|at| {
            let agrees = |puzzle: &&PuzzleResult| {
                puzzle.halted == puzzle.metrics.get(at).is_some_and(|exact| *exact == 1.0)
            };
            puzzles.iter().filter(agrees).count() as f64 / count
        });
        EvaluationReport {
            examples: puzzles.len(),
            metrics: means(metrics, |puzzle| &puzzle.metrics),
            losses: means(losses, |puzzle| &puzzle.losses),
            steps: puzzles.iter().map(|puzzle| puzzle.steps as f64).sum::<f64>() / count,
            steps_histogram,
            halted: puzzles.iter().filter(|puzzle| puzzle.halted).count() as f64 / count,
            halting_accuracy,
            puzzles,
            ..EvaluationReport::default()
        }
    }
}
