//! Evaluation: takes a program, weights and test examples, gives one result per labelled example and the means; changes
//! nothing and draws noise only from its own seed.

mod candidates;
mod observer;
mod queue;
mod tally;

pub use candidates::Protocol;
pub(super) use candidates::{check_rollouts, seen_from};
pub use observer::{AnswerObserver, ObservedAnswer};
pub(super) use queue::{QueueStep, Request, run_queue};

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Instant;

use super::columns::Columns;
use super::error::TrainError;
use super::halting::Halting;
use super::measures::Measures;
use super::predict::answers;
use super::results::EvaluationReport;
use super::supervision::SupervisionStep;
use super::test_time_scaling::ScalingTally;
use crate::data::prefetch::prefetch_test_examples;
use crate::data::{DataError, Dataset, Example, NO_LABEL};
use crate::exec::Weights;
use crate::run_file::Stop;
use candidates::{Finished, Pending};
use tally::Tally;

/// Tests `weights` on the test examples of `data`.
///
/// Every example runs all steps, or leaves the batch as soon as its halting condition holds (`protocol.stop`) and gives
/// its row to the next one. With rollouts or views, it is answered several times, and one answer is chosen.
pub fn evaluate(
    model: &dyn SupervisionStep,
    weights: &Weights,
    data: &dyn Dataset,
    protocol: &Protocol,
) -> Result<EvaluationReport, TrainError> {
    evaluate_observed(model, weights, data, protocol, None)
}

/// The same, with a observer who sees every answer.
pub fn evaluate_observed(
    model: &dyn SupervisionStep,
    weights: &Weights,
    data: &dyn Dataset,
    protocol: &Protocol,
    observer: Option<&mut dyn AnswerObserver>,
) -> Result<EvaluationReport, TrainError> {
    let order = protocol.order(data.test_len());
    prefetch_test_examples(data, &order, |next| {
        evaluate_queue(model, weights, data, protocol, observer, &order, next)
    })
}

/// Tests on the examples of `order`, which `next` gives one after the other.
fn evaluate_queue(
    model: &dyn SupervisionStep,
    weights: &Weights,
    data: &dyn Dataset,
    protocol: &Protocol,
    mut observer: Option<&mut dyn AnswerObserver>,
    order: &[usize],
    next: &mut dyn FnMut() -> Result<Option<Example>, DataError>,
) -> Result<EvaluationReport, TrainError> {
    let began = Instant::now();
    let columns = Columns::pair(model.program(), data)?;
    let last = steps_of(model, protocol.steps) as usize;
    let candidates = protocol.candidates();
    check_rollouts(model.program(), protocol.rollouts)?;
    protocol.check_views(data)?;
    let counts = |example: &Example| {
        columns.targets().next().is_none() || example.labels.iter().any(|label| *label != NO_LABEL)
    };
    let mut tally = Tally::new(model.program(), last);
    let mut scaling = ScalingTally::new(candidates);
    let every_step = observer.as_ref().is_some_and(|observer| observer.every_step());
    let speaks = observer.is_some() || candidates > 1 || data.has_rules();
    // Examples of which an answer is on its way: filled by the queue, emptied by whoever looks on.
    let pending: RefCell<HashMap<usize, Pending>> = RefCell::default();
    // Why no more examples come.
    let broken: RefCell<Option<DataError>> = RefCell::default();
    let mut requests =
        order.iter().flat_map(|index| (0..candidates).map(move |candidate| (*index, candidate)));
    let mut requests = std::iter::from_fn(|| {
        loop {
            let (index, candidate) = requests.next()?;
            let mut pending = pending.borrow_mut();
            if candidate == 0 {
                let example = match next() {
                    Ok(Some(example)) => example,
                    Ok(None) => continue,
                    Err(error) => {
                        broken.replace(Some(error));
                        return None;
                    }
                };
                pending.insert(index, Pending::new(counts(&example), example, candidates));
            }
            let Some(asked) = pending.get_mut(&index) else { continue };
            let (example, undo) = seen_from(data, &asked.example, candidate % protocol.views.max(1));
            asked.undo[candidate] = undo;
            let draws = super::halting::row_seed(protocol.seed, index as u64, candidate as u64);
            return Some(Request { number: index * candidates + candidate, example, draws });
        }
    });
    let row_steps = run_queue(model, weights, &columns, &mut requests, last, |moment| {
        let rows = moment.slots.len();
        let measures = Measures::fetch(moment.outputs, rows, None)?;
        tally.name(&measures);
        let wishes = protocol.wishes(moment.program, moment.outputs, &measures.halt)?;
        let mut done = vec![false; rows];
        for (row, slot) in moment.occupied() {
            let sure = protocol.stop == Stop::Halting && slot.step >= protocol.min_steps && wishes[row];
            done[row] = sure || slot.step >= last;
        }
        let any_done = moment.occupied().any(|(row, _)| done[row]);
        let mut said = match speaks && (every_step || any_done) {
            true => answers(moment)?,
            false => Vec::new(),
        };
        let mut pending = pending.borrow_mut();
        for (row, slot) in moment.occupied() {
            let (index, candidate) = (slot.number / candidates, slot.number % candidates);
            let Some(asked) = pending.get_mut(&index) else { continue };
            if asked.counts {
                tally.step(&measures, row, slot.step, candidates);
            }
            if every_step || done[row] {
                let answer = said.get_mut(row).map(|(answer, _)| std::mem::take(answer)).unwrap_or_default();
                asked.say(candidate, answer);
            }
            if !done[row] {
                continue;
            }
            let mut result = match asked.counts {
                true => tally.done(&measures, row, slot.step, candidates),
                false => Default::default(),
            };
            (result.index, result.steps, result.halted) = (index, slot.step, wishes[row]);
            asked.finished[candidate] = Some(result);
            if asked.finished.iter().any(Option::is_none) {
                continue;
            }
            let Some(asked) = pending.remove(&index) else { continue };
            let Some(Finished { mut result, trail, answer }) =
                asked.choose(protocol, tally.metrics(), &mut scaling)
            else {
                continue;
            };
            if let Some(observer) = observer.as_mut() {
                observer.see(&ObservedAnswer {
                    index,
                    example: &asked.example,
                    answer,
                    trail: if every_step { trail } else { &[] },
                    steps: result.steps,
                    halted: result.halted,
                });
            }
            if asked.counts {
                result.rating = data.rating(index);
                if data.has_rules() {
                    tally.judge(&mut result, data.validate(&asked.example.inputs, &answer.tokens).solved());
                }
                tally.count(result);
            }
        }
        Ok(done)
    })?;
    if let Some(error) = broken.into_inner() {
        return Err(error.into());
    }
    let mut report = tally.report();
    if candidates > 1 {
        report.scaling = Some(scaling.report(protocol.rollouts, protocol.views, protocol.choose));
    }
    Ok(EvaluationReport { row_steps, seconds: began.elapsed().as_secs_f64(), ..report })
}

/// Supervision steps of an evaluation.
pub(super) fn steps_of(model: &dyn SupervisionStep, wanted: Option<usize>) -> i64 {
    wanted.map_or(Halting::new(model.program().halt).at_most, |steps| steps.max(1) as i64)
}
