//! Scaled dot-product attention over any axis (Vaswani et al., arXiv:1706.03762, eq. 1): softmax(q·k / √d)·v,
//! where `d` is the size of the axis the products are summed over.

use super::{Complaint, Gradient, Primitive, Takes, missing, require_float};
use crate::diagnostic::Code;
use crate::ir::op::Attrs;
use crate::types::{Axes, Ty};

fn infer(attrs: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    require_float(args[0], axes, "`attend`")?;
    let needed = attrs.over.iter().copied().chain(attrs.along);
    for axis in needed {
        for (index, ty) in args.iter().enumerate() {
            if !ty.has(axis) {
                let mut complaint = missing(axis, ty, axes, "`attend`");
                complaint.operands = vec![(index, format!("this is {}", ty.show(axes)))];
                return Err(complaint);
            }
        }
    }
    if !args.iter().all(|ty| ty.same_axes(args[0])) {
        return Err(Complaint::new(Code::AxisSize, "queries, keys and values must have the same axes")
            .operand(0, format!("this is {}", args[0].show(axes)))
            .operand(1, format!("this is {}", args[1].show(axes)))
            .operand(2, format!("this is {}", args[2].show(axes))));
    }
    Ok(args[0].clone())
}

fn cost(attrs: &Attrs, args: &[&Ty], ty: &Ty) -> u64 {
    let keys: usize = attrs.over.iter().filter_map(|axis| args[1].size(*axis)).product();
    4u64.saturating_mul(ty.count() as u64).saturating_mul(keys as u64)
}

pub static ATTEND: Primitive = Primitive {
    name: "attend",
    about: "attention of queries to keys over an axis, products summed along another",
    operands: (3, 3),
    over: Takes::One,
    along: Takes::One,
    into: Takes::Nothing,
    constants: &[("causal", 0.0)],
    gradient: Gradient::Flows,
    random: false,
    infer,
    flops: cost,
    #[cfg(feature = "torch")]
    kernel: |c| c.attention(),
};
