//! Gradient clipping: takes the gradients of all `param`s, scales them in place; never waits for the device.

use tch::{Device, Kind, TchError, Tensor};

/// Joint L2 norm of all gradients, which lie on `device`: a float32 scalar there; 0 of none.
pub fn joint_norm<'a>(
    gradients: impl Iterator<Item = &'a Tensor>,
    device: Device,
) -> Result<Tensor, TchError> {
    let norms = gradients.map(|gradient| gradient.f_norm()).collect::<Result<Vec<_>, _>>()?;
    if norms.is_empty() {
        return Tensor::f_zeros([0_i64; 0], (Kind::Float, device));
    }
    Tensor::f_stack(&norms, 0)?.f_norm()
}

/// Scales the gradients in place so that their joint norm, `norm`, becomes at most `largest`.
///
/// Source: `torch.nn.utils.clip_grad_norm_`, its 1e-6 in the denominator included.
pub fn clip<'a>(
    gradients: impl Iterator<Item = &'a mut Tensor>,
    norm: &Tensor,
    largest: f64,
) -> Result<(), TchError> {
    let scale = norm.f_add_scalar(1e-6)?.f_reciprocal()?.f_mul_scalar(largest)?.f_clamp_max(1.0)?;
    for gradient in gradients {
        let _ = gradient.f_mul_(&scale)?;
    }
    Ok(())
}
