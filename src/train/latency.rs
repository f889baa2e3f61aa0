//! Latency: takes a program compiled for one row, weights and examples, gives the time that one sample takes; tests no
//! answer.

use std::time::Instant;

use serde::Serialize;
use tch::{Kind, Tensor};

use super::carry::{Carry, Fresh};
use super::columns::Columns;
use super::error::{Doing, TrainError};
use super::halting::Halting;
use super::supervision::SupervisionStep;
use crate::data::Dataset;
use crate::exec::{Outputs, Weights};
use crate::ir::OutputKind;
use crate::run_check::Misfit;
use crate::run_file::Stop;
use crate::statistics::{mean, quantile};

/// How much to measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Samples at most.
    pub samples: usize,
    /// No further sample is begun after so many seconds, once `LEAST` are measured.
    pub seconds: f64,
}

/// Fewer say nothing about a 95th percentile.
const LEAST: usize = 20;
/// Samples before the clock starts.
const WARM_UP: usize = 3;

/// Wall-clock time from the tokens of a question to the tokens of its answer, one sample after the other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// Samples measured.
    pub samples: usize,
    /// Samples before the clock started.
    pub warm_up: usize,
    /// Supervision steps per sample.
    pub steps: f64,
    /// Milliseconds per sample.
    pub mean_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
}

/// Measures `model`, compiled for batches of one, on the test examples of `data`, in their order and from the first
/// again after the last. `stop`: all `steps` supervision steps (by default the model's own maximum), or until the
/// halting condition holds.
///
/// # Errors
/// A program for larger batches, data without test examples, and what running it can meet.
pub fn latency(
    model: &dyn SupervisionStep,
    weights: &Weights,
    data: &dyn Dataset,
    stop: Stop,
    steps: Option<usize>,
    budget: Budget,
) -> Result<Latency, TrainError> {
    let columns = Columns::pair(model.program(), data)?;
    if columns.batch_rows() != 1 || data.test_len() == 0 {
        return Err(Misfit::Program {
            model: model.program().model.clone(),
            what: "latency is measured on test examples, one at a time".to_owned(),
            fix: "compile it for a batch of 1, and choose data with test examples".to_owned(),
        }
        .into());
    }
    let last = steps.map_or(Halting::new(model.program().halt).at_most, |steps| steps.max(1) as i64);
    let (mut times, mut used) = (Vec::new(), 0);
    let mut began = Instant::now();
    for number in 0..WARM_UP + budget.samples.max(1) {
        if number == WARM_UP {
            began = Instant::now();
        }
        let enough = number >= WARM_UP + LEAST && began.elapsed().as_secs_f64() > budget.seconds;
        if enough {
            break;
        }
        let rows = data.test_rows(number % data.test_len(), 1);
        let start = Instant::now();
        let steps = answer(model, weights, &columns, &rows, stop, last)?;
        if number >= WARM_UP {
            times.push(start.elapsed().as_secs_f64() * 1000.0);
            used += steps;
        }
    }
    let mut sorted = times.clone();
    sorted.sort_by(f64::total_cmp);
    Ok(Latency {
        samples: times.len(),
        warm_up: WARM_UP,
        steps: used as f64 / times.len() as f64,
        mean_ms: mean(&times),
        p50_ms: quantile(&sorted, 0.5),
        p95_ms: quantile(&sorted, 0.95),
    })
}

/// Answers one question and waits for the tokens; gives the supervision steps it took.
fn answer(
    model: &dyn SupervisionStep,
    weights: &Weights,
    columns: &Columns,
    rows: &crate::data::Rows,
    stop: Stop,
    last: i64,
) -> Result<i64, TrainError> {
    let device = weights.tensors.values().next().map_or(tch::Device::Cpu, Tensor::device);
    let batch = columns.collate(rows)?;
    let mut carry = Carry::start(model.program(), 1, model.precision(), device)?;
    for step in 1..=last {
        carry = carry.admit(Fresh::InPlace(&batch))?;
        let outputs = model
            .run(weights, &carry.inputs(device)?)
            .map_err(|cause| TrainError::Run { doing: format!("measuring latency, step {step}"), cause })?;
        if step == last || (stop == Stop::Halting && halts(&outputs)?) {
            tokens(&outputs)?;
            return Ok(step);
        }
        carry.advance(model.program(), &outputs, vec![false])?;
    }
    Ok(last)
}

fn halts(outputs: &Outputs) -> Result<bool, TrainError> {
    let Some((_, halt)) = outputs.values.of(OutputKind::Halt).next() else { return Ok(false) };
    let wish = halt.f_to_kind(Kind::Double).and_then(|halt| halt.f_max()?.f_double_value(&[]));
    Ok(wish.doing("reading the halting condition")? != 0.0)
}

/// Fetching the answer is part of the time, and waits for the device.
fn tokens(outputs: &Outputs) -> Result<Vec<i64>, TrainError> {
    let predicted = || outputs.values.of(OutputKind::Prediction);
    let logits = predicted().find(|(name, _)| *name == "logits").or_else(|| predicted().next());
    let logits = logits.or_else(|| outputs.values.iter().next().map(|(_, value)| ("", value)));
    let Some((_, logits)) = logits else { return Ok(Vec::new()) };
    let tokens = logits.f_argmax(-1, false).and_then(|tokens| tokens.f_reshape([-1]));
    tokens.and_then(Vec::<i64>::try_from).doing("fetching the answer")
}
