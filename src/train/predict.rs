//! Answers: takes questions, gives the tokens a model predicts for them after each step; never looks at a label.

use tch::{Kind, TchError, Tensor};

use super::choose::Candidate;
use super::columns::Columns;
use super::error::{Doing, TrainError};
use super::evaluate::{QueueStep, Request, run_queue, steps_of};
use super::halting::row_seed;
use super::supervision::SupervisionStep;
use crate::data::{Dataset, Example, NO_LABEL};
use crate::exec::Weights;
use crate::ir::{InputRole, OutputKind};
use crate::lower::{OutputId, Program};
use crate::run_check::CONFIDENCE;
use crate::run_check::Misfit;

/// What a model says about one example.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prediction {
    /// The answer after step 1, 2, and so on.
    pub steps: Vec<Answer>,
    /// The first step, from 1, at which the halting condition held.
    pub halted_at: Option<usize>,
}

impl Prediction {
    /// The answer after the last step.
    pub fn last(&self) -> Option<&Answer> {
        self.steps.last()
    }

    /// The answer at the step at which the model would have stopped, or else the last.
    pub fn when_halted(&self) -> Option<&Answer> {
        self.halted_at.and_then(|step| self.steps.get(step - 1)).or_else(|| self.last())
    }
}

/// An answer after one supervision step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The likeliest token of each cell, `[cell]`.
    pub tokens: Vec<i64>,
    /// Its probability (softmax of the logits), `[cell]`; where the answer was given to a view of the example, in the
    /// order of that view.
    pub probabilities: Vec<f64>,
    /// `predict.confidence`, where the model predicts one: one number, or one per cell.
    pub confidence: Vec<f64>,
    /// How much the step before it changed the states: ‖new - old‖ / ‖new‖; infinite after the first step.
    pub residual: f64,
}

impl Answer {
    /// What choosing among several answers looks at.
    pub fn candidate(&self) -> Candidate {
        let mean = |numbers: &[f64]| numbers.iter().sum::<f64>() / numbers.len().max(1) as f64;
        let logs: Vec<f64> = self.probabilities.iter().map(|share| share.max(1e-300).ln()).collect();
        let likelihood = mean(&logs);
        Candidate {
            tokens: self.tokens.clone(),
            confidence: if self.confidence.is_empty() { likelihood } else { mean(&self.confidence) },
            likelihood,
            residual: self.residual,
        }
    }
}

/// Answers `examples` (their labels are not used), running `steps` supervision steps or as many as the model does at
/// most.
pub fn predict(
    model: &dyn SupervisionStep,
    weights: &Weights,
    data: &dyn Dataset,
    examples: &[Example],
    steps: Option<usize>,
    seed: u64,
) -> Result<Vec<Prediction>, TrainError> {
    let columns = Columns::pair(model.program(), data)?;
    let mut predictions = vec![Prediction::default(); examples.len()];
    let unlabelled = |example: &Example| {
        let labels = vec![NO_LABEL; example.labels.len()];
        Example { labels, ..example.clone() }
    };
    let mut requests = (0..).zip(examples).map(|(number, example)| Request {
        number,
        example: unlabelled(example),
        draws: row_seed(seed, 0, number as u64),
    });
    run_queue(model, weights, &columns, &mut requests, steps_of(model, steps) as usize, |moment| {
        let mut answers = answers(moment)?;
        for (row, slot) in moment.occupied() {
            let (Some(place), Some((answer, halts))) =
                (predictions.get_mut(slot.number), answers.get_mut(row))
            else {
                continue;
            };
            place.steps.push(std::mem::take(answer));
            place.halted_at = place.halted_at.or(halts.then_some(slot.step));
        }
        Ok(vec![false; moment.slots.len()])
    })?;
    Ok(predictions)
}

/// The answer of each row, and whether its halting condition holds.
pub(super) fn answers(moment: &QueueStep) -> Result<Vec<(Answer, bool)>, TrainError> {
    let (program, outputs, rows) = (moment.program, moment.outputs, moment.slots.len());
    let residuals = moment.residuals()?;
    let (id, order) = logits_of(program).ok_or_else(|| silent(program))?;
    let logits = outputs.values.at(id).ok_or_else(|| silent(program))?;
    let (tokens, probabilities) = logits
        .f_permute(order)
        .and_then(|logits| likeliest(&logits))
        .doing("reading the predicted logits")?;
    let per_row = |kind, name| match program.output(kind, name).and_then(|id| outputs.values.at(id)) {
        Some(value) => lines(value, rows).map(Some),
        None => Ok(None),
    };
    let confidence = per_row(OutputKind::Prediction, CONFIDENCE).doing("reading the predicted confidence")?;
    let halt = per_row(OutputKind::Halt, "").doing("reading the halting condition")?;
    let answers = tokens.into_iter().zip(probabilities).enumerate().map(|(row, (tokens, probabilities))| {
        let of_row = |lines: &Option<Vec<Vec<f64>>>| lines.as_ref().and_then(|lines| lines.get(row)).cloned();
        let halts = of_row(&halt).is_some_and(|line| line.first().is_some_and(|wish| *wish != 0.0));
        let confidence = of_row(&confidence).unwrap_or_default();
        let residual = residuals.get(row).copied().unwrap_or(f64::INFINITY);
        (Answer { tokens, probabilities, confidence, residual }, halts)
    });
    Ok(answers.collect())
}

/// The `predict` output with an axis of the target's tokens, and the order that puts its rows first and that axis last.
fn logits_of(program: &Program) -> Option<(OutputId, Vec<i64>)> {
    let target = program.inputs.iter().find(|input| input.role == InputRole::Target)?;
    let symbol = target.index_of.as_deref()?;
    let rows = target.axes.first()?;
    program.outputs_of(OutputKind::Prediction).find_map(|(id, output)| {
        let names: Vec<_> = output.ty.axes().map(|axis| program.axes.name(axis)).collect();
        let place = |name: &str| names.iter().position(|other| *other == name);
        let (first, last) = (place(rows)?, place(symbol)?);
        // With further axes it is no answer but, say, one answer per thought.
        if names.len() != target.axes.len() + 1 {
            return None;
        }
        let between = (0..names.len()).filter(|place| *place != first && *place != last);
        let order = [first].into_iter().chain(between).chain([last]);
        Some((id, order.map(|place| place as i64).collect()))
    })
}

/// One list per row of the batch.
pub(super) type PerRow<T> = Vec<Vec<T>>;

/// Tokens and probabilities, `[cell]` per row, of logits `[row, .., token]`.
pub(super) fn likeliest(logits: &Tensor) -> Result<(PerRow<i64>, PerRow<f64>), TchError> {
    let logits = logits.f_to_kind(Kind::Float)?;
    let size = logits.size();
    let (rows, symbols) = (size.first().copied().unwrap_or(0), size.last().copied().unwrap_or(0));
    let logits = logits.f_reshape([rows, -1, symbols])?;
    let (probabilities, tokens) = logits.f_softmax(-1, Kind::Float)?.f_max_dim(-1, false)?;
    Ok((
        Vec::<Vec<i64>>::try_from(tokens)?,
        Vec::<Vec<f64>>::try_from(probabilities.f_to_kind(Kind::Double)?)?,
    ))
}

pub(super) fn lines(value: &Tensor, rows: usize) -> Result<Vec<Vec<f64>>, TchError> {
    Vec::<Vec<f64>>::try_from(value.f_to_kind(Kind::Double)?.f_reshape([rows as i64, -1])?)
}

fn silent(program: &Program) -> TrainError {
    Misfit::Program {
        model: program.model.clone(),
        what: "it predicts no logits over the tokens of its target".to_owned(),
        fix: "add `predict logits` with an axis that the target indexes".to_owned(),
    }
    .into()
}
