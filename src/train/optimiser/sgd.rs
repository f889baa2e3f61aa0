//! Stochastic gradient descent with momentum, as PyTorch has it: weight decay is added to the gradient.

use tch::{TchError, Tensor};

use super::options::{Options, is_rate};
use super::{Now, RegistryEntry, UpdateRule};
use crate::train::error::TrainError;

/// Its line in the registry.
pub const ENTRY: RegistryEntry = RegistryEntry {
    name: "sgd",
    about: "stochastic gradient descent with momentum and, by `nesterov: 1`, Nesterov's look ahead (Sutskever et al., 2013, \
            in the form of torch.optim.SGD); momentum 0.9, dampening 0, nesterov 0",
    build,
};

struct Sgd {
    momentum: f64,
    dampening: f64,
    nesterov: bool,
}

fn build(options: &mut Options) -> Result<Box<dyn UpdateRule>, TrainError> {
    let momentum = options.take("momentum", 0.9, "at least 0 and below 1", is_rate)?;
    let dampening = options.take("dampening", 0.0, "at least 0 and below 1", is_rate)?;
    let nesterov = options.take("nesterov", 0.0, "0 or 1", |value| value == 0.0 || value == 1.0)? == 1.0;
    if nesterov && (momentum == 0.0 || dampening != 0.0) {
        return Err(TrainError::Setting {
            setting: "optimiser.options.nesterov".to_owned(),
            what: "Nesterov's look ahead needs a momentum, and no dampening".to_owned(),
            fix: "set `momentum` above 0 and leave `dampening` at 0".to_owned(),
        });
    }
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
