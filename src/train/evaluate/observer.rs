//! Who looks on: a scorer or a report that wants to see the answers of an evaluation without a second pass.

use super::super::predict::Answer;
use crate::data::Example;

/// What a observer is shown when an example has left the batch.
#[derive(Debug)]
pub struct ObservedAnswer<'a> {
    /// The example's place among the test examples, from 0. Examples come in the order in which they finish.
    pub index: usize,
    /// The example as it was asked.
    pub example: &'a Example,
    /// The answer that counts.
    pub answer: &'a Answer,
    /// The answers after step 1, 2, and so on, the last being `answer`; empty unless [`AnswerObserver::every_step`].
    pub trail: &'a [Answer],
    /// Supervision steps until that answer.
    pub steps: usize,
    /// Whether the halting condition held then.
    pub halted: bool,
}

/// Sees every test example of an evaluation, those without a label too.
pub trait AnswerObserver {
    /// An example is done.
    fn see(&mut self, seen: &ObservedAnswer);

    /// Whether `ObservedAnswer::trail` is wanted.
    fn every_step(&self) -> bool {
        false
    }
}
