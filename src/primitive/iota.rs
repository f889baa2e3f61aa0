//! Counting along an axis: 0, 1, 2, …, what PyTorch calls `arange`. The axis and its size are stated, as draws state
//! theirs.

use super::{Attrs, Chained, Complaint, Derivative, Primitive, PyTorch, Takes, per_element};
use crate::types::{Axes, Dim, Kind, Ty};

fn infer(attrs: &Attrs, _: &[&Ty], _: &Axes) -> Result<Ty, Complaint> {
    let dims = attrs.into.iter().map(|(axis, size)| Dim { axis: *axis, size: *size }).collect();
    Ok(Ty::new(Kind::Int, dims))
}

fn cost(_: &Attrs, _: &[&Ty], ty: &Ty) -> u64 {
    per_element(1, ty)
}

/// y[i] = i along the stated axis: int, of that axis alone.
pub static IOTA: Primitive = Primitive {
    name: "iota",
    about: "0, 1, 2, … along an axis; no gradient",
    operands: (0, 0),
    over: Takes::Nothing,
    along: Takes::Nothing,
    into: Takes::Nothing,
    constants: &[],
    derivative: Derivative::Stops,
    chained: Chained::Never,
    pytorch: PyTorch::Line(|c| {
        format!("torch.arange({}, device={{f}}.device)", super::pytorch::size(&c.ty.dims[0], c.batch))
    }),
    random: false,
    infer,
    flops: cost,
    #[cfg(feature = "torch")]
    kernel: |c, p| {
        let counted = tch::Tensor::f_arange(c.ty.count() as i64, (tch::Kind::Int64, p.device))?;
        // A copy: what a step gives is the caller's own.
        Ok(Box::new(move |_, _| counted.f_alias_copy()))
    },
};
