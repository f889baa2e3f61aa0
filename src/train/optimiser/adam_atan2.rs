//! Adam-atan2: AdamW with an arctangent in place of the quotient, so there is no eps and no step is unbounded.

use super::adam::{Adam, Direction};
use super::options::{Options, is_rate};
use super::{RegistryEntry, UpdateRule};
use crate::train::error::TrainError;

/// Its line in the registry.
pub const ENTRY: RegistryEntry = RegistryEntry {
    name: "adam_atan2",
    about: "Adam with atan2(m, sqrt v) for m / sqrt v (Everett et al., arXiv:2407.05872; the rule of the package \
            adam-atan2 0.0.3, which corrects the first moment outside the arctangent); beta1 0.9, beta2 0.95",
    build,
};

fn build(options: &mut Options) -> Result<Box<dyn UpdateRule>, TrainError> {
    Ok(Box::new(Adam {
        beta1: options.take("beta1", 0.9, "at least 0 and below 1", is_rate)?,
        beta2: options.take("beta2", 0.95, "at least 0 and below 1", is_rate)?,
        direction: Direction::Atan2,
    }))
}
