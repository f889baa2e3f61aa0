//! More thinking about one question: takes an example, answers it under several views and with several rollouts, and
//! chooses; never looks at a label.

use super::choose::{Candidate, Choice, choose};
use super::error::TrainError;
use super::evaluate::{Protocol, check_rollouts, seen_from};
use super::predict::{Answer, Prediction, predict};
use super::supervision::SupervisionStep;
use crate::data::{Dataset, Example};
use crate::exec::Weights;
use std::ops::Range;

/// Several answers to one question, and the one that is believed.
#[derive(Clone, Debug)]
pub struct BestOfN {
    /// The answers, turned back to the question as it was asked; view 0 of rollout 0 comes first.
    pub predictions: Vec<Prediction>,
    /// Which of their last answers is believed.
    pub choice: Choice,
}

impl BestOfN {
    /// The answer that is believed.
    pub fn prediction(&self) -> Option<&Prediction> {
        self.predictions.get(self.choice.at)
    }
}

/// Answers `example` as `protocol` says: `rollouts` times under each of `views` views, for all steps.
pub fn best_of_n(
    model: &dyn SupervisionStep,
    weights: &Weights,
    data: &dyn Dataset,
    example: &Example,
    protocol: &Protocol,
) -> Result<BestOfN, TrainError> {
    check_rollouts(model.program(), protocol.rollouts)?;
    protocol.check_views(data)?;
    let views = (0..protocol.candidates()).map(|number| number % protocol.views.max(1));
    let predictions = under_views(model, weights, data, example, protocol, views)?;
    let last = predictions.iter().filter_map(Prediction::last);
    let candidates: Vec<Candidate> = last.map(Answer::candidate).collect();
    let choice = choose(&candidates, protocol.choose).unwrap_or(Choice { at: 0, agreeing: 0 });
    Ok(BestOfN { predictions, choice })
}

/// An answer that the rules of the data accept.
#[derive(Clone, Debug)]
pub struct Valid {
    /// The answer, turned back to the question as it was asked.
    pub prediction: Prediction,
    /// The view that gave it.
    pub view: usize,
}

/// Asks for `example` under the views numbered `views`, `at_once` at a time, until one's last answer is valid by the rules of the
/// data; None where none is.
pub fn first_valid(
    model: &dyn SupervisionStep,
    weights: &Weights,
    data: &dyn Dataset,
    example: &Example,
    protocol: &Protocol,
    views: Range<usize>,
    at_once: usize,
) -> Result<Option<Valid>, TrainError> {
    let views: Vec<usize> = views.collect();
    for some in views.chunks(at_once.max(1)) {
        let predictions = under_views(model, weights, data, example, protocol, some.iter().copied())?;
        let valid = some.iter().zip(predictions).find(|(_, prediction)| {
            prediction.last().is_some_and(|answer| data.validate(&example.inputs, &answer.tokens).solved())
        });
        if let Some((&view, prediction)) = valid {
            return Ok(Some(Valid { prediction, view }));
        }
    }
    Ok(None)
}

/// The answers under each of `views`, turned back.
fn under_views(
    model: &dyn SupervisionStep,
    weights: &Weights,
    data: &dyn Dataset,
    example: &Example,
    protocol: &Protocol,
    views: impl Iterator<Item = usize>,
) -> Result<Vec<Prediction>, TrainError> {
    let (seen, undo): (Vec<_>, Vec<_>) = views.map(|view| seen_from(data, example, view)).unzip();
    let mut predictions = predict(model, weights, data, &seen, protocol.steps, protocol.seed)?;
    for (prediction, undo) in predictions.iter_mut().zip(&undo) {
        let Some(undo) = undo else { continue };
        for answer in &mut prediction.steps {
            answer.tokens = undo(&answer.tokens);
        }
    }
    Ok(predictions)
}
