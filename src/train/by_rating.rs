//! Results by how hard the puzzles are: takes results of single examples, gives a line per span of ratings; knows no
//! tensor.

use super::results::{EXACT, EvaluationReport, PuzzleResult};
use indexmap::IndexMap;

/// The means over the examples rated `from ..= to`.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct RatingSpan {
    /// The lowest rating among the examples.
    pub from: f64,
    /// The highest rating among the examples.
    pub to: f64,
    /// How many there are.
    pub examples: usize,
    /// Each metric.
    pub metrics: IndexMap<String, f64>,
    /// Supervision steps per example.
    pub steps: f64,
    /// Share of the examples for which the halting condition says what the metric `exact` says.
    pub halting_accuracy: Option<f64>,
}

/// Most spans of a table.
const SPANS: usize = 8;

/// The rated examples in at most eight spans of rising rating. Few different ratings have a span each; otherwise the
/// spans hold about as many examples each as equal ratings allow. No spans where nothing is rated.
pub fn by_rating(report: &EvaluationReport) -> Vec<RatingSpan> {
    let mut rated: Vec<(f64, &PuzzleResult)> =
        report.puzzles.iter().filter_map(|puzzle| Some((puzzle.rating?, puzzle))).collect();
    rated.retain(|(rating, _)| rating.is_finite());
    rated.sort_by(|one, other| one.0.total_cmp(&other.0));
    let groups: Vec<&[(f64, &PuzzleResult)]> = rated.chunk_by(|one, other| one.0 == other.0).collect();
    let mut spans = Vec::new();
    let mut open: Vec<(f64, &PuzzleResult)> = Vec::new();
    let (mut left, mut spans_left) = (rated.len(), SPANS);
    for (number, group) in groups.iter().enumerate() {
        let remaining = groups.len() - number;
        // A group too large to share a span gets one of its own.
        let fair = left as f64 / spans_left.max(1) as f64;
        if !open.is_empty() && spans_left > 1 && group.len() as f64 > fair {
            left -= open.len();
            spans_left -= 1;
            spans.push(span(&open, report));
            open.clear();
        }
        open.extend_from_slice(group);
        let fair = left as f64 / spans_left.max(1) as f64;
        if spans_left > 1 && (open.len() as f64 >= fair || remaining <= spans_left) {
            left -= open.len();
            spans_left -= 1;
            spans.push(span(&open, report));
            open.clear();
        }
    }
    if !open.is_empty() {
        spans.push(span(&open, report));
    }
    spans
}

fn span(rated: &[(f64, &PuzzleResult)], report: &EvaluationReport) -> RatingSpan {
    let puzzles: Vec<PuzzleResult> = rated.iter().map(|(_, puzzle)| (*puzzle).clone()).collect();
    let metrics: Vec<String> = report.metrics.keys().cloned().collect();
    let learned = report.halting_accuracy.is_some() && metrics.iter().any(|name| name == EXACT);
    let means = EvaluationReport::over(puzzles, &metrics, &[], learned);
    RatingSpan {
        from: rated.first().map_or(0.0, |(rating, _)| *rating),
        to: rated.last().map_or(0.0, |(rating, _)| *rating),
        examples: means.examples,
        metrics: means.metrics,
        steps: means.steps,
        halting_accuracy: means.halting_accuracy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(ratings: &[f64]) -> EvaluationReport {
        let puzzle = |(index, rating): (usize, &f64)| PuzzleResult {
            index,
            rating: Some(*rating),
            steps: index + 1,
            halted: true,
            metrics: vec![if *rating < 3.0 { 1.0 } else { 0.0 }],
            losses: Vec::new(),
        };
        let puzzles = ratings.iter().enumerate().map(puzzle).collect();
        EvaluationReport::over(puzzles, &[EXACT.to_owned()], &[], true)
    }

    #[test]
    fn few_ratings_have_a_span_each() {
        let spans = by_rating(&report(&[2.0, 0.0, 5.0, 0.0, 5.0, 5.0]));
        let shown: Vec<_> = spans.iter().map(|s| (s.from, s.to, s.examples, s.metrics[EXACT])).collect();
        assert_eq!(shown, [(0.0, 0.0, 2, 1.0), (2.0, 2.0, 1, 1.0), (5.0, 5.0, 3, 0.0)]);
        // Steps are 2 and 4, 1, and 3, 5 and 6; all want to halt, which is right where the answer is.
        assert_eq!(spans.iter().map(|s| s.steps).collect::<Vec<_>>(), [3.0, 1.0, 14.0 / 3.0]);
        assert_eq!(spans[2].halting_accuracy, Some(0.0));
    }

    #[test]
    fn many_ratings_share_spans_of_equal_size() {
        let ratings: Vec<f64> = (0..80).map(f64::from).collect();
        let spans = by_rating(&report(&ratings));
        assert_eq!(spans.iter().map(|s| s.examples).collect::<Vec<_>>(), [10; 8]);
        assert_eq!((spans[3].from, spans[3].to), (30.0, 39.0));
    }

    #[test]
    fn a_frequent_rating_does_not_starve_the_others() {
        let mut ratings = vec![0.0; 500];
        ratings.extend((1..=70).map(f64::from));
        let spans = by_rating(&report(&ratings));
        assert_eq!((spans[0].to, spans[0].examples, spans.len()), (0.0, 500, 8));
        assert!(spans[1..].iter().all(|s| s.examples == 10), "{spans:?}");
        assert!(by_rating(&EvaluationReport::default()).is_empty());
    }
}
