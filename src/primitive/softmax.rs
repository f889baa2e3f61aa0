//! Softmax over one or several axes together; accumulates in float32 whatever the run's precision.

use super::Attrs;
use super::{Complaint, Gradient, Primitive, Takes, missing, per_element, require_float};
use crate::types::{Axes, Ty};

fn infer(attrs: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    require_float(args[0], axes, "`softmax`")?;
    for axis in &attrs.over {
        if !args[0].has(*axis) {
            return Err(missing(*axis, args[0], axes, "`softmax`"));
        }
    }
    Ok(args[0].clone())
}

fn cost(_: &Attrs, args: &[&Ty], _: &Ty) -> u64 {
    per_element(5, args[0])
}

/// y_i = exp(x_i) / Σ_j exp(x_j), the sum over all named axes together; the axes are the operand's.
pub static SOFTMAX: Primitive = Primitive {
    name: "softmax",
    about: "exponentials that sum to one over axes",
    operands: (1, 1),
    over: Takes::Many,
    along: Takes::Nothing,
    into: Takes::Nothing,
    constants: &[],
    gradient: Gradient::Flows,
    random: false,
    infer,
    flops: cost,
    #[cfg(feature = "torch")]
    kernel: |c, p| {
        c.reduce(p, |x, dims, _| match dims {
            [dim] => x.f_softmax(*dim, None::<tch::Kind>),
            _ => x.f_sub(&x.f_logsumexp(dims, true)?)?.f_exp(),
        })
    },
};
