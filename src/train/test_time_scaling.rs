//! What more thinking at test time gains: takes the candidates of each example with their metrics, gives the means of
//! every way of choosing for every number of candidates; knows no tensor.

use indexmap::IndexMap;

use super::choose::{Candidate, choose};
use super::results::EXACT;
use crate::run_file::Choose;

/// What was gained by answering each example several times.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct ScalingReport {
    /// Answers to each view.
    pub rollouts: usize,
    /// Views of each example.
    pub views: usize,
    /// The way of choosing that counts.
    pub choose: Choose,
    /// Supervision steps of all candidates of an example together.
    pub steps: f64,
    /// Share of the candidates that give the chosen answer.
    pub agreement: f64,
    /// The means over the examples when only the first 1, 2, ... candidates are given.
    pub by_count: Vec<ScalingPoint>,
}

/// Means of each metric over the examples, by which of so many candidates counts.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct ScalingPoint {
    /// How many candidates each example has.
    pub candidates: usize,
    /// Of the candidate with the highest confidence.
    pub confidence: IndexMap<String, f64>,
    /// Of the candidate whose states changed least.
    pub residual: IndexMap<String, f64>,
    /// Of the answer that most candidates give.
    pub vote: IndexMap<String, f64>,
    /// Of a candidate drawn at random.
    pub random: IndexMap<String, f64>,
    /// Of the best candidate by the metric `exact` (without it the first metric), then by the others in order: what no
    /// way of choosing can exceed.
    pub oracle: IndexMap<String, f64>,
}

/// Candidates up to which every number has a line of its own; beyond, powers of two do.
const EVERY: usize = 32;

/// Sums over examples.
pub struct ScalingTally {
    metrics: Vec<String>,
    counts: Vec<usize>,
    /// For each count, each way in the order of `ScalingPoint`: a sum per metric.
    sums: Vec<[Vec<f64>; 5]>,
    examples: usize,
    steps: usize,
    agreeing: f64,
}

impl ScalingTally {
    /// Nothing yet, for so many candidates per example.
    pub fn new(candidates: usize) -> ScalingTally {
        let wanted = |count: &usize| *count <= EVERY || count.is_power_of_two() || *count == candidates;
        let counts: Vec<usize> = (1..=candidates).filter(wanted).collect();
        ScalingTally {
            metrics: Vec::new(),
            sums: counts.iter().map(|_| Default::default()).collect(),
            counts,
            examples: 0,
            steps: 0,
            agreeing: 0.0,
        }
    }

    /// The candidates of one example, the metrics `[candidate][metric]` of each, called `names`, their steps in all, and
    /// the share of them that give the chosen answer.
    pub fn add(
        &mut self,
        names: &[String],
        candidates: &[Candidate],
        metrics: &[&[f64]],
        steps: usize,
        agreement: f64,
    ) {
        if self.metrics.is_empty() {
            self.metrics = names.to_vec();
            self.sums.fill_with(|| std::array::from_fn(|_| vec![0.0; names.len()]));
        }
        self.examples += 1;
        self.steps += steps;
        self.agreeing += agreement;
        let exact = self.metrics.iter().position(|name| name == EXACT).unwrap_or(0);
        for (count, sums) in self.counts.iter().zip(&mut self.sums) {
            let (some, values) = (&candidates[..(*count).min(candidates.len())], metrics);
            let values = &values[..some.len().min(values.len())];
            let mut add = |way: usize, at: Option<usize>| {
                let Some(row) = at.and_then(|at| values.get(at)) else { return };
                for (sum, value) in sums[way].iter_mut().zip(*row) {
                    *sum += value;
                }
            };
            for (way, by) in
                [Choose::Confidence, Choose::Residual, Choose::MajorityVote].into_iter().enumerate()
            {
                add(way, choose(some, by).map(|choice| choice.at));
            }
            let value = |at: usize, metric: usize| values[at].get(metric).copied().unwrap_or(0.0);
            let better = |best: usize, at: usize| {
                let order = value(at, exact).total_cmp(&value(best, exact));
                let rest = || values[at].iter().zip(values[best]).map(|(one, other)| one.total_cmp(other));
                let order =
                    order.then(rest().find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal));
                if order.is_gt() { at } else { best }
            };
            add(4, (0..values.len()).reduce(better));
            for row in values {
                for (sum, value) in sums[3].iter_mut().zip(*row) {
                    *sum += value / values.len() as f64;
                }
            }
        }
    }

    /// The means.
    pub fn report(&self, rollouts: usize, views: usize, choose: Choose) -> ScalingReport {
        let examples = self.examples.max(1) as f64;
        let named = |sums: &Vec<f64>| -> IndexMap<String, f64> {
            self.metrics.iter().cloned().zip(sums.iter().map(|sum| sum / examples)).collect()
        };
        let gain = |(candidates, sums): (&usize, &[Vec<f64>; 5])| ScalingPoint {
            candidates: *candidates,
            confidence: named(&sums[0]),
            residual: named(&sums[1]),
            vote: named(&sums[2]),
            random: named(&sums[3]),
            oracle: named(&sums[4]),
        };
        ScalingReport {
            rollouts,
            views,
            choose,
            steps: self.steps as f64 / examples,
            agreement: self.agreeing / examples,
            by_count: self.counts.iter().zip(&self.sums).map(gain).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_is_counted_for_every_number_of_candidates() {
        let candidate = |token, confidence, residual| Candidate {
            tokens: vec![token],
            confidence,
            likelihood: 0.0,
            residual,
        };
        // Token 1 is right. First example: found by all ways but the residual; second: by the oracle alone.
        let first = [candidate(2, 0.3, 0.1), candidate(1, 0.6, 0.3), candidate(1, 0.5, 0.2)];
        let second = [candidate(2, 0.6, 0.1), candidate(2, 0.7, 0.3), candidate(1, 0.5, 0.2)];
        let mut tally = ScalingTally::new(3);
        let names = [EXACT.to_owned()];
        tally.add(&names, &first, &[&[0.0], &[1.0], &[1.0]], 6, 2.0 / 3.0);
        tally.add(&names, &second, &[&[0.0], &[0.0], &[1.0]], 9, 2.0 / 3.0);
        let report = tally.report(3, 1, Choose::MajorityVote);
        let shown: Vec<_> = report
            .by_count
            .iter()
            .map(|gain| {
                [&gain.confidence, &gain.residual, &gain.vote, &gain.random, &gain.oracle].map(|m| m[EXACT])
            })
            .collect();
        assert_eq!(shown[0], [0.0; 5]);
        assert_eq!(shown[1], [0.5, 0.0, 0.5, 0.25, 0.5]);
        assert_eq!(shown[2][..3], [0.5, 0.0, 0.5]);
        assert!((shown[2][3] - 0.5).abs() < 1e-12 && shown[2][4] == 1.0);
        assert_eq!((report.steps, report.by_count.len()), (7.5, 3));
        assert_eq!(ScalingTally::new(100).counts[32..], [64, 100]);
    }
}
