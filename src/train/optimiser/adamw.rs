//! AdamW: decoupled weight decay, then Adam's step.

use super::adam::{Adam, Direction};
use super::options::{Options, is_positive, is_rate};
use super::{RegistryEntry, UpdateRule};
use crate::train::error::TrainError;

/// Its line in the registry.
pub const ENTRY: RegistryEntry = RegistryEntry {
    name: "adamw",
    about: "Adam with decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101); beta1 0.9, beta2 0.95, eps 1e-8",
    build,
};

fn build(options: &mut Options) -> Result<Box<dyn UpdateRule>, TrainError> {
    Ok(Box::new(Adam {
        beta1: options.take("beta1", 0.9, "at least 0 and below 1", is_rate)?,
        beta2: options.take("beta2", 0.95, "at least 0 and below 1", is_rate)?,
        direction: Direction::Quotient { eps: options.take("eps", 1e-8, "above 0", is_positive)? },
    }))
}
