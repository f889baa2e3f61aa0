//! Muon, as PyTorch has it: the momentum of a matrix, made nearly orthogonal, is the step. What is no matrix moves by AdamW, as
//! in the published code.

use tch::{TchError, Tensor};

use super::adam::{Adam, Direction};
use super::{Now, RegistryEntry, UpdateRule};
use crate::run_check::Numbers;
use crate::train::error::TrainError;

/// Its line in the registry.
pub const ENTRY: RegistryEntry = RegistryEntry { name: "muon", build };

struct Muon {
    momentum: f64,
    nesterov: bool,
    steps: usize,
    match_rms: bool,
    others: Adam,
}

fn build(numbers: &Numbers) -> Result<Box<dyn UpdateRule>, TrainError> {
    Ok(Box::new(Muon {
        momentum: numbers.get("momentum")?,
        nesterov: numbers.get("nesterov")? == 1.0,
        steps: numbers.get("ns_steps")? as usize,
        match_rms: numbers.get("match_rms")? == 1.0,
        others: Adam {
            beta1: numbers.get("beta1")?,
            beta2: numbers.get("beta2")?,
            direction: Direction::Quotient { eps: numbers.get("eps")? },
        },
    }))
}

impl UpdateRule for Muon {
    fn memory(&self, outputs: usize) -> &'static [&'static str] {
        if outputs == 0 { self.others.memory(outputs) } else { &["momentum"] }
    }

    fn update(
        &self,
        weight: &mut Tensor,
        gradient: &Tensor,
        memory: &mut [Tensor],
        now: Now,
    ) -> Result<(), TchError> {
        if now.outputs == 0 {
            return self.others.update(weight, gradient, memory, now);
        }
        let [buffer] = memory else { return Err(TchError::Shape("Muon remembers one tensor".to_owned())) };
        let _ = buffer.f_lerp_(gradient, 1.0 - self.momentum)?;
        let wanted = match self.nesterov {
            true => gradient.f_lerp(buffer, self.momentum)?,
            false => buffer.shallow_clone(),
        };
        let rows: i64 = weight.size().iter().take(now.outputs).product();
        let columns: i64 = weight.size().iter().skip(now.outputs).product();
        let step = orthogonal(&wanted.f_reshape([rows, columns])?, self.steps)?.f_reshape(weight.size())?;
        let (rows, columns) = (rows as f64, columns as f64);
        let scale = match self.match_rms {
            true => 0.2 * rows.max(columns).sqrt(),
            false => (rows / columns).max(1.0).sqrt(),
        };
        let _ = weight.f_mul_scalar_(1.0 - now.lr * now.weight_decay)?;
        let _ = weight.f_sub_(&step.f_mul_scalar(now.lr * scale)?)?;
        Ok(())
    }
}

/// Coefficients of the quintic, and the least norm that is divided by (Jordan et al., 2024; torch.optim.Muon).
const QUINTIC: [f64; 3] = [3.4445, -4.7750, 2.0315];
const LEAST_NORM: f64 = 1e-7;

/// The matrix `[rows, columns]` with singular values near 1, by Newton and Schulz's iteration: `x ← a x + (b g + c g²) x` with
/// `g = x xᵀ`. PyTorch iterates in bfloat16; here it is the precision of the weight.
fn orthogonal(matrix: &Tensor, steps: usize) -> Result<Tensor, TchError> {
    let [a, b, c] = QUINTIC;
    // The smaller side is the one that is multiplied with itself.
    let is_tall = matrix.size().first() > matrix.size().last();
    let flat = if is_tall { matrix.f_tr()? } else { matrix.shallow_clone() };
    let mut x = flat.f_div(&flat.f_norm()?.f_clamp_min(LEAST_NORM)?)?;
    for _ in 0..steps {
        let gram = x.f_mm(&x.f_tr()?)?;
        let by = gram.f_mm(&gram)?.f_mul_scalar(c)?.f_add(&gram.f_mul_scalar(b)?)?;
        x = by.f_mm(&x)?.f_add(&x.f_mul_scalar(a)?)?;
    }
    if is_tall { x.f_tr() } else { Ok(x) }
}
