//! ARC's score of an evaluation: takes every answer as it is given, hands it to the scorer; and looks for tested tasks
//! whose vectors were never trained.

use std::collections::HashSet;

use tch::{Kind, TchError};

use super::error::{Doing, TrainError};
use super::evaluate::{AnswerObserver, ObservedAnswer};
use crate::data::arc::{ArcScore, Scorer, TestSet};
use crate::exec::Weights;
use crate::ir::op::Init;
use crate::ir::{WeightInfo, WeightRole};

/// Votes for the answers of one evaluation. It starts without votes.
#[derive(Debug)]
pub struct ArcObserver<'a> {
    scorer: Scorer<'a>,
}

impl<'a> ArcObserver<'a> {
    /// Looks on at an evaluation on the tasks of `set`.
    pub fn new(set: &'a TestSet) -> ArcObserver<'a> {
        ArcObserver { scorer: Scorer::new(set) }
    }

    /// Counts the votes.
    pub fn finish(self) -> ArcScore {
        self.scorer.finish()
    }
}

impl AnswerObserver for ArcObserver<'_> {
    fn see(&mut self, seen: &ObservedAnswer) {
        let sure = &seen.answer.confidence;
        let confidence = sure.iter().sum::<f64>() / sure.len().max(1) as f64;
        self.scorer.see(seen.example.puzzle, &seen.example.inputs, &seen.answer.tokens, confidence);
    }
}

/// Rows of a table that are looked at together.
const TOGETHER: i64 = 1 << 16;

/// How many identifiers of tested tasks have a vector that is still what it began as, of how many; `None` where that
/// cannot be told: tables that do not start from zero. Such an identifier was never in a training batch, so that its
/// answers come from nothing but the grid.
pub fn untrained(
    set: &TestSet,
    weights: &Weights,
    infos: &[WeightInfo],
) -> Result<Option<(usize, usize)>, TrainError> {
    let info = infos.iter().find(|info| {
        info.role == WeightRole::Table
            && info.init == Init::Constant(0.0)
            && info.shape.first() == Some(&(set.identifiers.len() as i64))
    });
    let Some(table) = info.and_then(|info| weights.get(&info.path)) else { return Ok(None) };
    let touched = || -> Result<Vec<bool>, TchError> {
        let rows = table.size().first().copied().unwrap_or(0);
        let mut touched = Vec::with_capacity(rows.max(0) as usize);
        for from in (0..rows).step_by(TOGETHER as usize) {
            let part = table.f_narrow(0, from, TOGETHER.min(rows - from))?.f_ne(0.0)?;
            touched.extend(Vec::<bool>::try_from(part.f_to_kind(Kind::Bool)?.f_any_dim(1, false)?)?);
        }
        Ok(touched)
    };
    let touched = touched().doing("looking for vectors that were never trained")?;
    let tested: HashSet<&str> = set.tasks.iter().map(|task| task.name.as_str()).collect();
    let of_tested = |identifier: &usize| {
        let entry = set.identifiers.get(*identifier as i64).flatten();
        entry.is_some_and(|(task, _)| tested.contains(task))
    };
    let (mut still, mut all) = (0, 0);
    for identifier in (0..touched.len()).filter(of_tested) {
        all += 1;
        still += usize::from(!touched[identifier]);
    }
    Ok(Some((still, all)))
}
