//! Evaluation: takes a program, weights and test examples, gives means over the labelled examples; changes nothing and
//! draws noise only from its own seed.

use std::time::Instant;

use indexmap::IndexMap;
use tch::no_grad_guard;

use super::carry::{Carry, Fresh};
use super::columns::{Batch, Columns};
use super::config::Stop;
use super::error::TrainError;
use super::halting::{Halting, libtorch_seed};
use super::measures::{Measures, labelled};
use super::supervision::SupervisionStep;
use crate::data::Dataset;
use crate::exec::{Outputs, Weights};

/// How to test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Protocol {
    /// When an example is done.
    pub stop: Stop,
    /// Supervision steps at most; `None`: the model's own maximum.
    pub steps: Option<usize>,
    /// Only the first so many test examples.
    pub examples: Option<usize>,
    /// Seed of noise, where the model has any.
    pub seed: u64,
}

/// What a test found: means over the labelled examples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvaluationReport {
    /// Test examples with a label.
    pub examples: usize,
    /// Each metric.
    pub metrics: IndexMap<String, f64>,
    /// Each loss.
    pub losses: IndexMap<String, f64>,
    /// The metrics of the answers as they stood after step 1, 2, and so on.
    pub by_step: Vec<IndexMap<String, f64>>,
    /// Supervision steps per example.
    pub steps: f64,
    /// Share of the examples whose halting condition held at the step that counts.
    pub halted: f64,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// Sums over examples, before division.
#[derive(Default)]
struct Sums {
    examples: usize,
    metrics: IndexMap<String, f64>,
    losses: IndexMap<String, f64>,
    by_step: Vec<IndexMap<String, f64>>,
    steps: i64,
    halted: usize,
}

/// Tests `weights` on the test examples of `data`.
///
/// Every example runs all steps, or until its halting condition holds (`protocol.stop`). The last batch is filled up
/// with rows that have no label and do not count.
pub fn evaluate(
    model: &dyn SupervisionStep,
    weights: &Weights,
    data: &dyn Dataset,
    protocol: &Protocol,
) -> Result<EvaluationReport, TrainError> {
    let began = Instant::now();
    let columns = Columns::pair(model.program(), data)?;
    let rows = columns.batch_rows().max(1);
    let length = data.test_len().min(protocol.examples.unwrap_or(usize::MAX));
    let mut sums = Sums::default();
    for from in (0..length).step_by(rows) {
        let examples = data.test_rows(from, rows.min(length - from));
        let batch = columns.padded(&examples, rows)?;
        let counts = labelled(columns.targets().filter_map(|name| batch.get(name)), rows)?;
        let mut kept = counts.into_iter().take(examples.n).collect::<Vec<_>>();
        kept.resize(rows, false);
        sums.add_batch(model, weights, &batch, kept, protocol, (from / rows) as u64)?;
    }
    Ok(EvaluationReport { seconds: began.elapsed().as_secs_f64(), ..sums.means() })
}

impl Sums {
    fn add_batch(
        &mut self,
        model: &dyn SupervisionStep,
        weights: &Weights,
        batch: &Batch,
        counts: Vec<bool>,
        protocol: &Protocol,
        number: u64,
    ) -> Result<(), TrainError> {
        let last = steps_of(model, protocol.steps);
        let mut open = counts.clone();
        let mut standing = vec![(0, Measures::default()); counts.len()];
        let mut by_step = Vec::new();
        each_step(model, weights, batch, last, libtorch_seed(protocol.seed, number), |step, outputs| {
            let measures = Measures::fetch(outputs, counts.len(), None)?;
            for (row, open) in open.iter_mut().enumerate().filter(|(_, open)| **open) {
                let wants = measures.halt.get(row).copied().unwrap_or(false);
                if let Some(place) = standing.get_mut(row) {
                    *place = (step, measures.row(row));
                }
                *open = !(wants && protocol.stop == Stop::Halting);
            }
            by_step.push(total(&standing, &counts, |measures| &measures.metrics));
            Ok(open.iter().any(|open| *open))
        })?;

        self.examples += counts.iter().filter(|counts| **counts).count();
        add(&mut self.metrics, &total(&standing, &counts, |measures| &measures.metrics));
        add(&mut self.losses, &total(&standing, &counts, |measures| &measures.losses));
        for ((step, measures), _) in standing.iter().zip(&counts).filter(|(_, counts)| **counts) {
            self.steps += step;
            self.halted += usize::from(measures.halt.first() == Some(&true));
        }
        // Where every row was done early, its answer stands for the steps that were left out.
        let final_answers = by_step.last().cloned().unwrap_or_default();
        by_step.resize(last as usize, final_answers);
        self.by_step.resize(last as usize, IndexMap::new());
        for (sum, one) in self.by_step.iter_mut().zip(&by_step) {
            add(sum, one);
        }
        Ok(())
    }

    fn means(self) -> EvaluationReport {
        let count = self.examples.max(1) as f64;
        let mean =
            |sums: IndexMap<String, f64>| sums.into_iter().map(|(name, sum)| (name, sum / count)).collect();
        EvaluationReport {
            examples: self.examples,
            metrics: mean(self.metrics),
            losses: mean(self.losses),
            by_step: self.by_step.into_iter().map(mean).collect(),
            steps: self.steps as f64 / count,
            halted: self.halted as f64 / count,
            seconds: 0.0,
        }
    }
}

/// Supervision steps of an evaluation.
pub(super) fn steps_of(model: &dyn SupervisionStep, wanted: Option<usize>) -> i64 {
    wanted.map_or(Halting::new(model.program().halt).at_most, |steps| steps.max(1) as i64)
}

/// Runs up to `last` steps on one batch, from fresh states, until `look` says that nothing is left to see.
pub(super) fn each_step(
    model: &dyn SupervisionStep,
    weights: &Weights,
    batch: &Batch,
    last: i64,
    seed: i64,
    mut look: impl FnMut(i64, &Outputs) -> Result<bool, TrainError>,
) -> Result<(), TrainError> {
    let _constant = no_grad_guard();
    let device = weights.tensors.values().next().map_or(tch::Device::Cpu, |weight| weight.device());
    let rows =
        batch.values().next().and_then(|column| column.size().first().copied()).unwrap_or(0).max(0) as usize;
    let mut carry = Carry::start(model.program(), rows, model.precision(), device)?;
    tch::manual_seed(seed);
    for step in 1..=last {
        carry = carry.admit(Fresh::InPlace(batch))?;
        let outputs = model
            .run(weights, &carry.inputs(device)?)
            .map_err(|cause| TrainError::Run { doing: format!("evaluation, step {step}"), cause })?;
        if !look(step, &outputs)? {
            break;
        }
        carry.advance(model.program(), &outputs, vec![false; rows])?;
    }
    Ok(())
}

fn total(
    standing: &[(i64, Measures)],
    counts: &[bool],
    part: fn(&Measures) -> &IndexMap<String, Vec<f64>>,
) -> IndexMap<String, f64> {
    let mut sums = IndexMap::new();
    for ((_, measures), _) in standing.iter().zip(counts).filter(|(_, counts)| **counts) {
        for (name, value) in part(measures) {
            *sums.entry(name.clone()).or_insert(0.0) += value.first().copied().unwrap_or(0.0);
        }
    }
    sums
}

fn add(sums: &mut IndexMap<String, f64>, more: &IndexMap<String, f64>) {
    for (name, value) in more {
        *sums.entry(name.clone()).or_insert(0.0) += value;
    }
}
