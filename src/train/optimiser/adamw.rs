//! AdamW: decoupled weight decay, then Adam's step.

use tch::{TchError, Tensor};

use totc_kernels::Form;
use totc_kernels::optimiser::{Adam, Quotient};

use super::options::{Options, is_positive, is_rate};
use super::{Now, RegistryEntry, UpdateRule};
use crate::train::error::TrainError;
use crate::train::flat::pieces;

/// Its line in the registry.
pub const ENTRY: RegistryEntry = RegistryEntry {
    name: "adamw",
    about: "Adam with decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101); beta1 0.9, beta2 0.95, eps 1e-8",
    build,
};

struct AdamW {
    beta1: f64,
    beta2: f64,
    eps: f64,
}

fn build(options: &mut Options) -> Result<Box<dyn UpdateRule>, TrainError> {
    Ok(Box::new(AdamW {
        beta1: options.take("beta1", 0.9, "at least 0 and below 1", is_rate)?,
        beta2: options.take("beta2", 0.95, "at least 0 and below 1", is_rate)?,
        eps: options.take("eps", 1e-8, "above 0", is_positive)?,
    }))
}

impl UpdateRule for AdamW {
    fn memory(&self) -> &'static [&'static str] {
        &["m", "v"]
    }

    fn update(
        &self,
        weight: &mut Tensor,
        gradient: &Tensor,
        memory: &mut [Tensor],
        now: Now,
    ) -> Result<(), TchError> {
        let [m, v] = memory else { return Err(TchError::Shape("AdamW remembers m and v".to_owned())) };
        let rule = Adam {
            beta1: self.beta1,
            beta2: self.beta2,
            count: now.count,
            lr: now.lr,
            weight_decay: now.weight_decay,
            quotient: Quotient::Eps(self.eps as f32),
            gradient_scale: 1.0,
        };
        let moved = pieces([weight, gradient, m, v], |[weight, gradient, m, v]| {
            rule.step(Form::best(), weight, gradient, m, v).is_ok()
        });
        if moved {
            return Ok(());
        }
        let correction1 = 1.0 - self.beta1.powf(now.count as f64);
        let correction2 = 1.0 - self.beta2.powf(now.count as f64);
        let _ = weight.f_mul_scalar_(1.0 - now.lr * now.weight_decay)?;
        let _ = m.f_lerp_(gradient, 1.0 - self.beta1)?;
        let _ =
            v.f_mul_scalar_(self.beta2)?.f_add_(&gradient.f_square()?.f_mul_scalar_(1.0 - self.beta2)?)?;
        let spread = v.f_sqrt()?.f_div_scalar_(correction2.sqrt())?.f_add_scalar_(self.eps)?;
        let _ = weight.f_sub_(&m.f_div(&spread)?.f_mul_scalar_(now.lr / correction1)?)?;
        Ok(())
    }
}
