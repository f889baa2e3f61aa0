//! Softmax over one or several axes together; accumulates in float32 whatever the run's precision.

use super::Attrs;
use super::chained::Steps;
use super::{
    Backward, Chained, Complaint, Derivative, Primitive, PyTorch, Takes, missing, per_element, require_float,
};
use crate::types::{Axes, Ty};
use totc_kernels::fused::{Op, Register};

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
    derivative: Derivative::Rule(rule),
    chained: Chained::Rows(softmax_of_rows),
    pytorch: PyTorch::Line(|c| match &c.attrs.over[..] {
        [_] => c.py_reduce("torch.softmax", false),
        _ => format!("torch.exp({{0}} - torch.logsumexp({{0}}, dim={}, keepdim=True))", c.py_over()),
    }),
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

fn rule(b: &mut dyn Backward) {
    let (attrs, result) = (b.attrs(), b.result());
    let share = b.with("softmax_backward", attrs, &[b.adjoint(), result]);
    b.give(0, share);
}

fn infer_backward(_: &Attrs, args: &[&Ty], _: &Axes) -> Result<Ty, Complaint> {
    Ok(args[1].clone())
}

fn cost_backward(_: &Attrs, _: &[&Ty], ty: &Ty) -> u64 {
    per_element(4, ty)
}

/// y · (adjoint - Σ adjoint · y), the sum over all named axes together; operands are the adjoint and the softmax y.
pub static SOFTMAX_BACKWARD: Primitive = Primitive {
    name: "softmax_backward",
    about: "adjoint of softmax's operand, from the adjoint of its result and the result",
    operands: (2, 2),
    over: Takes::Many,
    along: Takes::Nothing,
    into: Takes::Nothing,
    constants: &[],
    derivative: Derivative::Stops,
    chained: Chained::Rows(backward_of_rows),
    pytorch: PyTorch::Never,
    random: false,
    infer: infer_backward,
    flops: cost_backward,
    #[cfg(feature = "torch")]
    kernel: |c, p| {
        let (adjoint, y) = (c.aligned_as(p, 0, c.kind())?, c.plain(p, 1)?);
        let (dims, kind) = (c.over(1), c.kind());
        if let [dim] = dims[..] {
            return Ok(Box::new(move |_, args| {
                tch::Tensor::f_internal_softmax_backward_data(&adjoint.of(args)?, &y.of(args)?, dim, kind)
            }));
        }
        Ok(Box::new(move |_, args| {
            let (adjoint, y) = (adjoint.of(args)?, y.of(args)?);
            let both = adjoint.f_mul(&y)?;
            let sum = both.f_sum_dim_intlist(&dims[..], true, kind)?;
            both.f_sub(&y.f_mul(&sum)?)
        }))
    },
};

fn softmax_of_rows(steps: &mut Steps, x: &[Register]) -> Register {
    let most = steps.add(Op::Max, x);
    let less = steps.add(Op::Sub, &[x[0], most]);
    let exp = steps.add(Op::Exp, &[less]);
    let sum = steps.add(Op::Sum, &[exp]);
    steps.add(Op::Div, &[exp, sum])
}

fn backward_of_rows(steps: &mut Steps, operands: &[Register]) -> Register {
    let both = steps.add(Op::Mul, operands);
    let sum = steps.add(Op::Sum, &[both]);
    let scaled = steps.add(Op::Mul, &[operands[1], sum]);
    steps.add(Op::Sub, &[both, scaled])
}
