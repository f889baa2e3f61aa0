//! What single steps measured, and means over several: takes sums per step, gives means per example; shows nothing.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// What one training step did, in plain numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepMetrics {
    /// The step, from 1.
    pub step: u64,
    /// Rows of the batch.
    pub rows: usize,
    /// Examples taken from the training stream so far.
    pub examples: u64,
    /// Base learning rate of the main optimiser at this step.
    pub lr: f64,
    /// All losses together, divided by the batch.
    pub loss: f64,
    /// Each loss, summed over the batch and divided by it.
    pub losses: IndexMap<String, f64>,
    /// Each metric, summed over the rows that count.
    pub metrics: IndexMap<String, f64>,
    /// Rows that count: halted after this step, with at least one label.
    pub count: usize,
    /// Supervision steps that the rows that count have done, summed.
    pub steps: i64,
    /// Rows that started anew at this step.
    pub admitted: usize,
    /// Joint L2 norm of the gradients, of all supervision steps since the last update, before clipping.
    pub gradient_norm: f64,
    /// Wall-clock seconds.
    pub seconds: f64,
}

impl StepMetrics {
    /// The mean of a metric over the rows that count; none where no row does.
    pub fn mean(&self, metric: &str) -> Option<f64> {
        let sum = self.metrics.get(metric)?;
        (self.count > 0).then(|| sum / self.count as f64)
    }
}

/// Means over some steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MeanMetrics {
    /// The last of the steps.
    pub step: u64,
    /// Learning rate of the last step.
    pub lr: f64,
    /// All losses together, per row.
    pub loss: f64,
    /// Each loss, per row.
    pub losses: IndexMap<String, f64>,
    /// Per row that counts; empty while no row has counted.
    pub metrics: IndexMap<String, f64>,
    /// Supervision steps per row that counts.
    pub steps_used: Option<f64>,
    /// Joint norm of the gradients before clipping.
    pub gradient_norm: f64,
}

/// Collects steps until their means are taken. It is saved with a checkpoint, each number by its bits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MetricsWindow {
    steps: usize,
    last: u64,
    lr: Sum,
    loss: Sum,
    losses: IndexMap<String, Sum>,
    metrics: IndexMap<String, Sum>,
    counted: usize,
    steps_used: i64,
    gradient_norm: Sum,
}

/// A float64 that text keeps exactly, also where it is not finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
struct Sum(f64);

impl From<u64> for Sum {
    fn from(bits: u64) -> Sum {
        Sum(f64::from_bits(bits))
    }
}

impl From<Sum> for u64 {
    fn from(sum: Sum) -> u64 {
        sum.0.to_bits()
    }
}

impl MetricsWindow {
    /// Takes the metrics of one more step.
    pub fn push(&mut self, step: &StepMetrics) {
        let add = |sums: &mut IndexMap<String, Sum>, values: &IndexMap<String, f64>| {
            for (name, value) in values {
                sums.entry(name.clone()).or_default().0 += value;
            }
        };
        self.steps += 1;
        self.loss.0 += step.loss;
        add(&mut self.losses, &step.losses);
        add(&mut self.metrics, &step.metrics);
        self.counted += step.count;
        self.steps_used += step.steps;
        self.gradient_norm.0 += step.gradient_norm;
        (self.last, self.lr) = (step.step, Sum(step.lr));
    }

    /// The means so far; none before the first step. The next window starts empty.
    pub fn take(&mut self) -> Option<MeanMetrics> {
        let window = std::mem::take(self);
        let mean = |sums: IndexMap<String, Sum>, of: usize| -> IndexMap<String, f64> {
            sums.into_iter().filter(|_| of > 0).map(|(name, sum)| (name, sum.0 / of as f64)).collect()
        };
        (window.steps > 0).then(|| MeanMetrics {
            step: window.last,
            lr: window.lr.0,
            loss: window.loss.0 / window.steps as f64,
            losses: mean(window.losses, window.steps),
            metrics: mean(window.metrics, window.counted),
            steps_used: (window.counted > 0).then(|| window.steps_used as f64 / window.counted as f64),
            gradient_norm: window.gradient_norm.0 / window.steps as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(number: u64, loss: f64, exact: f64, count: usize) -> StepMetrics {
        let metrics = IndexMap::from([("exact".to_owned(), exact)]);
        StepMetrics { step: number, loss, metrics, count, steps: 4 * count as i64, ..StepMetrics::default() }
    }

    #[test]
    fn losses_are_means_over_steps_and_metrics_over_rows() {
        let mut window = MetricsWindow::default();
        assert_eq!(window.take(), None);
        window.push(&step(1, 2.0, 1.0, 1));
        window.push(&step(2, 4.0, 1.0, 3));
        let reading = window.take().unwrap_or_default();
        assert_eq!((reading.step, reading.loss, reading.metrics.get("exact")), (2, 3.0, Some(&0.5)));
        assert_eq!(reading.steps_used, Some(4.0));
        window.push(&step(3, 1.0, 0.0, 0));
        let reading = window.take().unwrap_or_default();
        assert_eq!((reading.loss, reading.metrics.len(), reading.steps_used), (1.0, 0, None));
    }
}
