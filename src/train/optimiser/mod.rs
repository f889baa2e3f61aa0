//! Optimisers: takes weights and their gradients, changes the weights in place; never computes a gradient and knows no
//! model.
//!
//! A new optimiser is one file with an `ENTRY`, one line in [`REGISTRY`], and what is to be known of it without a tensor in
//! `run_check::OPTIMISERS`.

mod adam;
mod adam_atan2;
mod adamw;
mod main_optimiser;
mod muon;
mod sgd;
mod sign_sgd;

pub use crate::run_check::{Treatment, assign, matches};
pub use main_optimiser::MainOptimiser;
pub use sign_sgd::update_rows;

use tch::{TchError, Tensor};

use super::error::TrainError;
use crate::run_check::Numbers;

/// Every optimiser that a run file may name.
pub const REGISTRY: &[RegistryEntry] = &[adamw::ENTRY, adam_atan2::ENTRY, muon::ENTRY, sgd::ENTRY];

/// One optimiser of the registry.
#[derive(Clone, Copy, Debug)]
pub struct RegistryEntry {
    /// Its name in run files.
    pub name: &'static str,
    /// Makes the rule from its own numbers.
    pub build: fn(&Numbers) -> Result<Box<dyn UpdateRule>, TrainError>,
}

/// How one weight moves.
pub trait UpdateRule: Send {
    /// Names of the tensors it remembers for a weight of so many `outputs` (as [`Treatment::outputs`]), all of the weight's shape
    /// and zero at first.
    fn memory(&self, outputs: usize) -> &'static [&'static str];

    /// Moves `weight` in place. `memory` holds as many tensors as [`UpdateRule::memory`] names, in that order.
    fn update(
        &self,
        weight: &mut Tensor,
        gradient: &Tensor,
        memory: &mut [Tensor],
        now: Now,
    ) -> Result<(), TchError>;
}

/// What an update needs to know besides tensors.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Updates of this weight, this one included.
    pub count: u64,
    /// Learning rate of this weight at this step.
    pub lr: f64,
    /// Decoupled weight decay of this weight.
    pub weight_decay: f64,
    /// As [`Treatment::outputs`].
    pub outputs: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_check::OPTIMISERS;

    #[test]
    fn what_can_be_named_can_be_built() {
        let named: Vec<_> = OPTIMISERS.iter().map(|about| about.name).collect();
        let built: Vec<_> = REGISTRY.iter().map(|entry| entry.name).collect();
        assert_eq!(named, built);
    }
}
