//! Several answers to one example: takes a protocol, gives the questions to ask and picks the answer that counts.

use tch::Kind;

use super::super::choose::{Candidate, choose};
use super::super::error::{Doing, TrainError};
use super::super::final_test::{ALL_STEPS, WHEN_SURE};
use super::super::predict::Answer;
use super::super::results::PuzzleResult;
use super::super::test_time_scaling::ScalingTally;
use crate::data::{Dataset, Example, Undo};
use crate::exec::Outputs;
use crate::ir::OutputKind;
use crate::lower::Program;
use crate::run_check::{CONFIDENCE, no_confidence, no_views, rollouts_differ};
use crate::run_file::{Choose, Evaluation, Stop};

/// How to test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Protocol {
    /// When an example is done.
    pub stop: Stop,
    /// Supervision steps at most; `None`: the model's own maximum.
    pub steps: Option<usize>,
    /// With [`Stop::Halting`]: steps that every example does at least.
    pub min_steps: usize,
    /// With [`Stop::Halting`]: the confidence above which an example is done, in place of the model's own condition.
    pub threshold: Option<f64>,
    /// Only the first so many test examples.
    pub examples: Option<usize>,
    /// Of those, only so many, evenly spaced.
    pub sample: Option<usize>,
    /// Seed of noise, where the model has any. What an example draws depends on nothing else than this seed, its place
    /// in the test set and the number of the answer.
    pub seed: u64,
    /// Answers to each view.
    pub rollouts: usize,
    /// Views of each example, itself being the first.
    pub views: usize,
    /// Which answer counts.
    pub choose: Choose,
}

impl Default for Protocol {
    fn default() -> Protocol {
        Protocol::of(&Evaluation::default(), 0)
    }
}

impl Protocol {
    /// What a run file's `evaluation` asks for, on all of its examples.
    pub fn of(wanted: &Evaluation, seed: u64) -> Protocol {
        Protocol {
            stop: wanted.stop,
            steps: wanted.steps,
            min_steps: wanted.min_steps,
            threshold: wanted.threshold,
            examples: wanted.examples,
            sample: None,
            seed,
            rollouts: wanted.rollouts,
            views: wanted.views,
            choose: wanted.choose,
        }
    }

    /// The same on fewer examples and with a single answer to each: what is affordable while training goes on.
    pub fn brief(self, examples: Option<usize>) -> Protocol {
        Protocol { sample: examples, rollouts: 1, views: 1, ..self }
    }

    /// What is done, as people say it: `all steps`, `stop when sure above 0.9, 8 views by vote, first 100 examples`.
    pub fn name(&self) -> String {
        let mut name = match (self.stop, self.steps) {
            (Stop::AllSteps, None) => ALL_STEPS.to_owned(),
            (Stop::AllSteps, Some(steps)) => format!("{steps} steps"),
            (Stop::Halting, _) => WHEN_SURE.to_owned(),
        };
        if self.stop == Stop::Halting {
            if let Some(threshold) = self.threshold {
                name += &format!(" above {threshold}");
            }
            if self.min_steps > 1 {
                name += &format!(" from step {}", self.min_steps);
            }
            if let Some(steps) = self.steps {
                name += &format!(" of {steps} steps");
            }
        }
        if self.views > 1 {
            name += &format!(", {} views", self.views);
        }
        if self.rollouts > 1 {
            name += &format!(", {} rollouts", self.rollouts);
        }
        if self.candidates() > 1 {
            name += &format!(" by {}", self.choose.name());
        }
        if let Some(examples) = self.examples {
            name += &format!(", first {examples} examples");
        }
        name
    }

    /// Answers to each example.
    pub fn candidates(&self) -> usize {
        self.rollouts.max(1) * self.views.max(1)
    }

    /// The test examples to answer, in order.
    pub(super) fn order(&self, test: usize) -> Vec<usize> {
        let length = test.min(self.examples.unwrap_or(usize::MAX));
        let sample = self.sample.unwrap_or(length).min(length);
        (0..sample).map(|at| (at as u128 * length as u128 / sample.max(1) as u128) as usize).collect()
    }

    /// Refuses views of data that have none.
    pub(in crate::train) fn check_views(&self, data: &dyn Dataset) -> Result<(), TrainError> {
        let first = data.test_example(0);
        if self.views < 2 || first.is_none_or(|example| data.view(&example, 1).is_some()) {
            return Ok(());
        }
        Err(no_views(self.views).into())
    }

    /// Which rows of the batch are sure of their answer.
    pub(super) fn wishes(
        &self,
        program: &Program,
        outputs: &Outputs,
        halt: &[bool],
    ) -> Result<Vec<bool>, TrainError> {
        let Some(threshold) = self.threshold else { return Ok(halt.to_vec()) };
        let confidence = program.output(OutputKind::Prediction, CONFIDENCE);
        let Some(confidence) = confidence.and_then(|id| outputs.values.at(id)) else {
            return Err(no_confidence(&program.model, threshold).into());
        };
        let means = confidence
            .f_to_kind(Kind::Double)
            .and_then(|all| all.f_reshape([halt.len() as i64, -1])?.f_mean_dim(1, false, Kind::Double));
        let means = means.and_then(Vec::<f64>::try_from).doing("reading the predicted confidence")?;
        Ok(means.into_iter().map(|mean| mean > threshold).collect())
    }
}

/// Refuses rollouts that would all be the same.
pub(in crate::train) fn check_rollouts(program: &Program, rollouts: usize) -> Result<(), TrainError> {
    Ok(rollouts_differ(&program.model, rollouts, || program.draws())?)
}

/// View `k` of an example, and how to come back; nothing to undo for view 0.
pub(in crate::train) fn seen_from(
    data: &dyn Dataset,
    example: &Example,
    k: usize,
) -> (Example, Option<Undo>) {
    match (k > 0).then(|| data.view(example, k as u64)).flatten() {
        Some(view) => (view.example, Some(view.undo)),
        None => (example.clone(), None),
    }
}

/// An example that is being answered.
pub(super) struct Pending {
    /// The example as it is asked.
    pub example: Example,
    /// Whether it has a label.
    pub counts: bool,
    /// Per candidate.
    pub undo: Vec<Option<Undo>>,
    /// Per candidate: the answers so far.
    pub trails: Vec<Vec<Answer>>,
    /// Per candidate: what became of it.
    pub finished: Vec<Option<PuzzleResult>>,
}

/// The answer that counts.
pub(super) struct Finished<'a> {
    /// What becomes of it.
    pub result: PuzzleResult,
    /// The answer of this candidate.
    pub answer: &'a Answer,
    /// Its answers after each step, where they are wanted.
    pub trail: &'a [Answer],
}

impl Pending {
    pub fn new(counts: bool, example: Example, candidates: usize) -> Pending {
        Pending {
            example,
            counts,
            undo: std::iter::repeat_with(|| None).take(candidates).collect(),
            trails: vec![Vec::new(); candidates],
            finished: vec![None; candidates],
        }
    }

    /// The next answer of a candidate, turned back to the example as it was asked.
    pub fn say(&mut self, candidate: usize, answer: Answer) {
        let answer = match &self.undo[candidate] {
            Some(undo) => Answer { tokens: undo(&answer.tokens), ..answer },
            None => answer,
        };
        self.trails[candidate].push(answer);
    }

    /// The answer that counts, once all candidates are done.
    pub fn choose(
        &self,
        protocol: &Protocol,
        names: &[String],
        scaling: &mut ScalingTally,
    ) -> Option<Finished<'_>> {
        let results: Vec<&PuzzleResult> = self.finished.iter().flatten().collect();
        let mut chosen = 0;
        if results.len() > 1 {
            let answers = self.trails.iter().filter_map(|trail| trail.last());
            let candidates: Vec<Candidate> = answers.map(Answer::candidate).collect();
            let choice = choose(&candidates, protocol.choose)?;
            chosen = choice.at;
            if self.counts {
                let metrics: Vec<&[f64]> = results.iter().map(|result| result.metrics.as_slice()).collect();
                let steps = results.iter().map(|result| result.steps).sum();
                let agreement = choice.agreeing as f64 / candidates.len() as f64;
                scaling.add(names, &candidates, &metrics, steps, agreement);
            }
        }
        let trail = self.trails.get(chosen)?;
        let result = (*results.get(chosen)?).clone();
        Some(Finished { result, answer: trail.last()?, trail })
    }
}
