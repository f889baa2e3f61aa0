//! AdamW: decoupled weight decay, then Adam's step.

use super::adam::{Adam, Direction};
use super::{RegistryEntry, UpdateRule};
use crate::run_check::Numbers;
use crate::train::error::TrainError;

/// Its line in the registry.
pub const ENTRY: RegistryEntry = RegistryEntry { name: "adamw", build };

fn build(numbers: &Numbers) -> Result<Box<dyn UpdateRule>, TrainError> {
    Ok(Box::new(Adam {
        beta1: numbers.get("beta1")?,
        beta2: numbers.get("beta2")?,
        direction: Direction::Quotient { eps: numbers.get("eps")? },
    }))
}
