//! Sums gradients of weights over all processes while the step still computes: takes a step to run, gives its outputs and the sums.
//! Which weights are summed together, and in which order, follows from their names and sizes, so that all processes do the same.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;

use indexmap::IndexMap;
use tch::{Kind, TchError, Tensor};

use super::error::{Doing, TrainError};
use crate::distributed::ProcessGroup;
use crate::exec::{Outputs, Tell, Told};

/// Elements of a bucket, at least: 1 MB, beside which the time of a message's way does not count.
const BUCKET: usize = 1 << 18;

/// Sums of the processes' gradients.
pub(super) struct Exchange<'a> {
    group: &'a ProcessGroup,
    /// By path, what this process's parts before the last have come to, from the earliest.
    before: Mutex<Vec<IndexMap<String, Tensor>>>,
    /// What the last part's gradients are multiplied by.
    share: f64,
    /// In the program's order, which is that of the sums.
    paths: Vec<String>,
    buckets: Vec<Vec<String>>,
}

impl<'a> Exchange<'a> {
    /// Of `weights` (path, elements): the last part's gradients times `share`, and what the parts `before` have come to, as
    /// [`Tree::rest`](crate::distributed::Tree::rest) gives it.
    pub fn new(
        group: &'a ProcessGroup,
        before: Vec<IndexMap<String, Tensor>>,
        share: f64,
        weights: Vec<(String, usize)>,
    ) -> Exchange<'a> {
        let paths = weights.iter().map(|(path, _)| path.clone()).collect();
        Exchange { group, before: Mutex::new(before), share, paths, buckets: buckets(weights, BUCKET) }
    }

    /// Runs a step that tells of its gradients; a bucket is summed when its last gradient is whole, the others once the step has
    /// ended. Gives what the step gave, without gradients of weights, and their sums, the same bits in each process.
    ///
    /// # Errors
    /// Those of `work`; a process is lost or has ended; no memory left.
    pub fn run(
        &self,
        work: impl FnOnce(&Tell) -> Result<Outputs, TrainError>,
    ) -> Result<(Outputs, IndexMap<String, Tensor>), TrainError> {
        let all =
            |outputs: &mut Outputs| Told::All(std::mem::take(&mut outputs.gradients).into_iter().collect());
        let (sender, receiver) = channel();
        let (mut outputs, sums) = std::thread::scope(|scope| {
            let name = "gradients".to_owned();
            let Ok(thread) = Builder::new().name(name).spawn_scoped(scope, || self.sums(receiver)) else {
                // Without a thread nothing is summed beside the step.
                return work(&|_| {}).map(|outputs| (outputs, None));
            };
            // Whoever has nobody to tell goes on: why is what the thread gives.
            let tell = |told| _ = sender.send(told);
            let done = work(&tell).map(|mut outputs| {
                tell(all(&mut outputs));
                outputs
            });
            drop(sender);
            let sums = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
            done.and_then(|outputs| Ok((outputs, Some(sums?))))
        })?;
        let sums = match sums {
            Some(sums) => sums,
            None => {
                let (sender, receiver) = channel();
                let _ = sender.send(all(&mut outputs));
                drop(sender);
                self.sums(receiver)?
            }
        };
        Ok((outputs, sums))
    }

    /// Sums bucket after bucket as it is told of their gradients; ends early where nothing more is told.
    fn sums(&self, told: Receiver<Told>) -> Result<IndexMap<String, Tensor>, TrainError> {
        let before = std::mem::take(&mut *self.before.lock().unwrap_or_else(PoisonError::into_inner));
        let mut announced = Vec::new();
        let mut whole = HashMap::new();
        let mut sums = IndexMap::new();
        let mut buckets = self.buckets.iter().peekable();
        for told in told {
            match told {
                Told::Begins(gradients) => announced = gradients,
                Told::Whole(at) => {
                    let own: Option<&(String, Tensor)> = announced.get(at);
                    whole.extend(own.map(|(path, gradient)| (path.clone(), gradient.shallow_clone())));
                }
                Told::All(gradients) => whole.extend(gradients),
            }
            while let Some(bucket) =
                buckets.next_if(|bucket| bucket.iter().all(|path| whole.contains_key(path)))
            {
                let own = self.summed_here(bucket, &whole, &before).doing("adding gradients up")?;
                let sum = self.group.sum(&own)?;
                let parts = split(&sum, bucket, &whole).doing("adding gradients up")?;
                sums.extend(bucket.iter().cloned().zip(parts));
            }
        }
        Ok(self.paths.iter().filter_map(|path| sums.swap_remove_entry(path)).collect())
    }

    /// The gradients of a bucket one behind the other, flat float32: the sum of this process's parts.
    fn summed_here(
        &self,
        bucket: &[String],
        last: &HashMap<String, Tensor>,
        before: &[IndexMap<String, Tensor>],
    ) -> Result<Tensor, TchError> {
        let flat = |gradients: Vec<&Tensor>| -> Result<Tensor, TchError> {
            let flat = gradients.into_iter().map(|own| own.f_to_kind(Kind::Float)?.f_reshape([-1]));
            Tensor::f_cat(&flat.collect::<Result<Vec<_>, _>>()?, 0)
        };
        let mut sum =
            flat(bucket.iter().filter_map(|path| last.get(path)).collect())?.f_mul_scalar(self.share)?;
        for before in before.iter().rev() {
            sum = flat(bucket.iter().filter_map(|path| before.get(path)).collect())?.f_add(&sum)?;
        }
        Ok(sum)
    }
}

/// Weights that are summed together: the largest first, since their gradients are computed first, at least `least` elements each
/// but the last.
fn buckets(mut weights: Vec<(String, usize)>, least: usize) -> Vec<Vec<String>> {
    weights.sort_by(|(a, of_a), (b, of_b)| of_b.cmp(of_a).then_with(|| a.cmp(b)));
    let mut buckets: Vec<Vec<String>> = Vec::new();
    let mut room = 0;
    for (path, count) in weights {
        match buckets.last_mut().filter(|_| room > 0) {
            Some(bucket) => bucket.push(path),
            None => {
                buckets.push(vec![path]);
                room = least;
            }
        }
        room = room.saturating_sub(count);
    }
    buckets
}

/// A flat sum as the gradients of a bucket, each in its shape and kind.
fn split(sum: &Tensor, bucket: &[String], own: &HashMap<String, Tensor>) -> Result<Vec<Tensor>, TchError> {
    let mut from = 0;
    let each = bucket.iter().filter_map(|path| own.get(path)).map(|own| {
        let count = own.numel() as i64;
        let part = sum.f_narrow(0, from, count)?.f_reshape(own.size())?.f_to_kind(own.kind());
        from += count;
        part
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::buckets;

    /// In every order of the program's own.
    #[test]
    fn buckets_follow_from_names_and_sizes() {
        let weights = [("b", 60), ("a", 60), ("norm", 1), ("big", 100), ("bias", 1), ("c", 45)];
        let named = |weights: &[(&str, usize)]| -> Vec<(String, usize)> {
            weights.iter().map(|(path, count)| ((*path).to_owned(), *count)).collect()
        };
        let wanted = [vec!["big"], vec!["a", "b"], vec!["c", "bias", "norm"]];
        assert_eq!(buckets(named(&weights), 100), wanted);
        let other: Vec<_> = weights.into_iter().rev().collect();
        assert_eq!(buckets(named(&other), 100), wanted);
        assert!(buckets(Vec::new(), 100).is_empty());
    }
}
