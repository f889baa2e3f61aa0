//! Optimisers: takes weights and their gradients, changes the weights in place; never computes a gradient and knows no
//! model.
//!
//! A new optimiser is one file with an `ENTRY` and one line in [`REGISTRY`].

mod adam;
mod adam_atan2;
mod adamw;
mod groups;
mod main_optimiser;
mod options;
mod sgd;
mod sign_sgd;

pub use groups::{Treatment, assign, matches};
pub use main_optimiser::MainOptimiser;
pub use options::Options;
pub use sign_sgd::update_rows;

use tch::{TchError, Tensor};

use super::error::TrainError;

/// Every optimiser that a run file may name.
pub const REGISTRY: &[RegistryEntry] = &[adamw::ENTRY, adam_atan2::ENTRY, sgd::ENTRY];

/// One optimiser of the registry.
#[derive(Clone, Copy, Debug)]
pub struct RegistryEntry {
    /// Its name in run files.
    pub name: &'static str,
    /// One sentence with the source of its formula.
    pub about: &'static str,
    /// Makes the rule from its own numbers.
    pub build: fn(&mut Options) -> Result<Box<dyn UpdateRule>, TrainError>,
}

/// How one weight moves.
pub trait UpdateRule: Send {
    /// Names of the tensors it remembers for each weight, all of the weight's shape and zero at first.
    fn memory(&self) -> &'static [&'static str];

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
}
