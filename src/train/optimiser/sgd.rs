//! Stochastic gradient descent with momentum, as PyTorch has it: weight decay is added to the gradient.

use tch::{TchError, Tensor};

use super::{Now, RegistryEntry, UpdateRule};
use crate::run_check::Numbers;
use crate::train::error::TrainError;

/// Its line in the registry.
pub const ENTRY: RegistryEntry = RegistryEntry { name: "sgd", build };

struct Sgd {
    momentum: f64,
    dampening: f64,
    nesterov: bool,
}

fn build(numbers: &Numbers) -> Result<Box<dyn UpdateRule>, TrainError> {
    let momentum = numbers.get("momentum")?;
    let dampening = numbers.get("dampening")?;
    let nesterov = numbers.get("nesterov")? == 1.0;
    Ok(Box::new(Sgd { momentum, dampening, nesterov }))
}

impl UpdateRule for Sgd {
    fn memory(&self, _: usize) -> &'static [&'static str] {
        &["momentum"]
    }

    fn update(
        &self,
        weight: &mut Tensor,
        gradient: &Tensor,
        memory: &mut [Tensor],
        now: Now,
    ) -> Result<(), TchError> {
        let [buffer] = memory else { return Err(TchError::Shape("SGD remembers one tensor".to_owned())) };
        let gradient = gradient.f_add(&weight.f_mul_scalar(now.weight_decay)?)?;
        // The first gradient is taken whole, without dampening.
        let share = if now.count == 1 { 1.0 } else { 1.0 - self.dampening };
        let _ = buffer.f_mul_scalar_(self.momentum)?.f_add_(&gradient.f_mul_scalar(share)?)?;
        let step = match self.nesterov {
            true => gradient.f_add(&buffer.f_mul_scalar(self.momentum)?)?,
            false => buffer.shallow_clone(),
        };
        let _ = weight.f_sub_(&step.f_mul_scalar(now.lr)?)?;
        Ok(())
    }
}
