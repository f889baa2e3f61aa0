//! Adam-atan2: AdamW with an arctangent in place of the quotient, so there is no eps and no step is unbounded.

use super::adam::{Adam, Direction};
use super::{RegistryEntry, UpdateRule};
use crate::run_check::Numbers;
use crate::train::error::TrainError;

/// Its line in the registry.
pub const ENTRY: RegistryEntry = RegistryEntry { name: "adam_atan2", build };

fn build(numbers: &Numbers) -> Result<Box<dyn UpdateRule>, TrainError> {
    Ok(Box::new(Adam {
        beta1: numbers.get("beta1")?,
        beta2: numbers.get("beta2")?,
        direction: Direction::Atan2,
    }))
}
