//! Adam's step with decoupled weight decay, whatever its two moments are joined by: one pass over memory where there is a
//! kernel for it, tensor by tensor elsewhere. No row of the table; its own are in the files that build it.

use tch::{TchError, Tensor};
use totc_kernels::Form;
use totc_kernels::optimiser::Quotient;

use super::{Now, UpdateRule};
use crate::train::flat::pieces;

/// How the moments make a direction, both corrected for their start at zero.
pub(super) enum Direction {
    /// `m / (√v + eps)`
    Quotient {
        /// Keeps it finite.
        eps: f64,
    },
    /// `atan2(m, √v)`, the correction of `m` outside.
    Atan2,
}

/// The rule, with the rates at which the moments forget.
pub(super) struct Adam {
    pub beta1: f64,
    pub beta2: f64,
    pub direction: Direction,
}

impl UpdateRule for Adam {
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
        let [m, v] = memory else { return Err(TchError::Shape("Adam remembers m and v".to_owned())) };
        let rule = totc_kernels::optimiser::Adam {
            beta1: self.beta1,
            beta2: self.beta2,
            count: now.count,
            lr: now.lr,
            weight_decay: now.weight_decay,
            quotient: match self.direction {
                Direction::Quotient { eps } => Quotient::Eps(eps as f32),
                Direction::Atan2 => Quotient::Atan2,
            },
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
        let spread = v.f_sqrt()?.f_div_scalar_(correction2.sqrt())?;
        let direction = match self.direction {
            Direction::Quotient { eps } => m.f_div(&spread.f_add_scalar(eps)?)?,
            Direction::Atan2 => m.f_atan2(&spread)?,
        };
        let _ = weight.f_sub_(&direction.f_mul_scalar(now.lr / correction1)?)?;
        Ok(())
    }
}
