//! What a model thought about examples, in plain numbers: which answers were right, and which examples are worth
//! showing. Judges by the label, or by the rules where there is none.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::data::{Dataset, NO_LABEL};

/// One example and the answers of a model, step by step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Thinking {
    /// Which test example.
    pub index: usize,
    /// How hard the puzzle is, where that is known.
    pub rating: Option<f64>,
    /// The question's tokens `[cell]`.
    pub given: Vec<i64>,
    /// The label's tokens `[cell]`, some or all of them [`NO_LABEL`].
    pub label: Vec<i64>,
    /// After step 1, 2, and so on.
    pub steps: Vec<Moment>,
    /// The first step, from 1, at which the halting condition held.
    pub halted_at: Option<usize>,
}

/// The end of one supervision step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Moment {
    /// What the model answers then.
    pub answer: Guess,
    /// How sure the model says it is of the whole answer.
    pub confidence: Option<f64>,
    /// What each thought alone would answer.
    pub thoughts: Vec<Thought>,
    /// Cosine similarity of the thoughts, `[thought, thought]`.
    pub similarity: Vec<Vec<f64>>,
}

/// Tokens `[cell]` and the probability of each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Guess {
    /// Tokens `[cell]`.
    pub tokens: Vec<i64>,
    /// Of each token, `[cell]`, from 0 to 1.
    pub probabilities: Vec<f64>,
}

/// One branch of a tree of thoughts, alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Thought {
    /// What the model answers then.
    pub answer: Guess,
    /// What it counts for in the merge, where that is known.
    pub weight: Option<f64>,
}

impl Thinking {
    pub fn has_label(&self) -> bool {
        self.label.iter().any(|token| *token != NO_LABEL)
    }

    /// Cells that are asked: those with a label, or all.
    pub fn asked(&self) -> usize {
        match self.has_label() {
            true => self.label.iter().filter(|token| **token != NO_LABEL).count(),
            false => self.given.len(),
        }
    }

    /// The cells of an answer that are wrong: they differ from the label, or break a rule where there is no label.
    pub fn wrong(&self, tokens: &[i64], data: &dyn Dataset) -> BTreeSet<usize> {
        if self.has_label() {
            let pairs = self.label.iter().zip(tokens).enumerate();
            return pairs
                .filter(|(_, (label, token))| **label != NO_LABEL && label != token)
                .map(|(at, _)| at)
                .collect();
        }
        let faults = data.validate(&self.given, tokens).faults;
        let cells = faults.into_iter().flat_map(|fault| fault.cells);
        cells.filter(|at| self.given.get(*at) != tokens.get(*at)).collect()
    }

    /// Whether it can be told that an answer is right: there is a label, or the data set knows the rules.
    pub fn can_be_judged(&self, data: &dyn Dataset) -> bool {
        self.has_label() || data.has_rules()
    }

    /// Whether an answer is the label, or keeps the rules where there is none; never of what nobody can judge.
    pub fn solves(&self, tokens: &[i64], data: &dyn Dataset) -> bool {
        match self.has_label() {
            true => self.wrong(tokens, data).is_empty(),
            false => data.has_rules() && data.validate(&self.given, tokens).solved(),
        }
    }

    pub fn solved(&self, data: &dyn Dataset) -> bool {
        self.steps.last().is_some_and(|moment| self.solves(&moment.answer.tokens, data))
    }

    /// The step, from 1, since which the answer has been right to the end.
    pub fn right_since(&self, data: &dyn Dataset) -> Option<usize> {
        let right = self.steps.iter().rev().take_while(|moment| self.solves(&moment.answer.tokens, data));
        match right.count() {
            0 => None,
            steps => Some(self.steps.len() - steps + 1),
        }
    }
}

/// Up to `count` of `watched` that show most: what is not solved comes first, in order of their places, then of the solved
/// ones those that took longest. One place is kept for a solved one if there is any.
pub fn choose(watched: &[Thinking], count: usize, data: &dyn Dataset) -> Vec<usize> {
    let (mut solved, unsolved): (Vec<usize>, Vec<usize>) =
        (0..watched.len()).partition(|at| watched[*at].solved(data));
    solved.sort_by_key(|at| std::cmp::Reverse(watched[*at].right_since(data)));
    let kept = usize::from(!solved.is_empty() && count > 1);
    let mut chosen: Vec<usize> = unsolved.into_iter().take(count - kept.min(count)).collect();
    chosen.extend(solved.into_iter().take(count - chosen.len()));
    chosen
}
