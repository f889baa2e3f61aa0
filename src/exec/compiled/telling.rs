//! Tells of gradients of weights while a step still runs: each as soon as nothing is added to it any more.

use super::plan::Plan;
use super::sums::Task;
use crate::exec::step::{Tell, Told};
use crate::lower::Program;
use std::sync::atomic::{AtomicUsize, Ordering};
use tch::Tensor;

/// What is still to be added to each gradient.
pub(super) struct Telling<'a> {
    tell: Option<&'a Tell<'a>>,
    /// Tasks left, by place among the plan's gradients; none where slices add to it after their last step.
    left: Vec<Option<AtomicUsize>>,
}

impl<'a> Telling<'a> {
    /// Announces the tensors that the gradients will be in, in the plan's order.
    pub fn begin(
        (plan, tasks): (&Plan, &[Task]),
        program: &Program,
        gradients: &[Tensor],
        tell: Option<&'a Tell<'a>>,
    ) -> Telling<'a> {
        let Some(to) = tell else { return Telling { tell, left: Vec::new() } };
        let named = plan.gradients.iter().zip(gradients);
        let named =
            named.map(|(own, tensor)| (program.gradients[own.gradient].path.clone(), tensor.shallow_clone()));
        to(Told::Begins(named.collect()));
        let left = plan.gradients.iter().enumerate().map(|(at, own)| {
            let count = tasks.iter().filter(|task| task.gradient == at).count();
            own.arrays.is_empty().then(|| AtomicUsize::new(count))
        });
        Telling { tell, left: left.collect() }
    }

    /// A task of a gradient is done. Any thread; what the others have written is seen by whoever is told.
    pub fn summed(&self, gradient: usize) {
        let (Some(tell), Some(Some(left))) = (self.tell, self.left.get(gradient)) else { return };
        if left.fetch_sub(1, Ordering::AcqRel) == 1 {
            tell(Told::Whole(gradient));
        }
    }
}
