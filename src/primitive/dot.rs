//! Contraction over named axes: matrix products, inner products, everything bilinear. Axes that only one
//! operand has stay; axes that both have and that are not contracted are matched.

use super::{Complaint, Gradient, Primitive, Takes, broadcast, missing};
use crate::ir::op::Attrs;
use crate::types::{Axes, Dim, Ty};

fn infer(attrs: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    for (index, ty) in args.iter().enumerate() {
        for axis in &attrs.over {
            if !ty.has(*axis) {
                let mut complaint = missing(*axis, ty, axes, "`dot`");
                complaint.operands = vec![(index, format!("this is {}", ty.show(axes)))];
                return Err(complaint);
            }
        }
    }
    broadcast(args, axes)?;
    Ok(Ty::new(args[0].kind.promote(args[1].kind), result_dims(attrs, args[0], args[1])))
}

/// The first operand's order, with the second's own axes where the (first) contracted axis was.
fn result_dims(attrs: &Attrs, a: &Ty, b: &Ty) -> Vec<Dim> {
    let own: Vec<Dim> = b.dims.iter().filter(|dim| !a.has(dim.axis)).copied().collect();
    let mut dims = Vec::new();
    let mut placed = false;
    for dim in &a.dims {
        if attrs.over.contains(&dim.axis) {
            if !placed {
                dims.extend(own.iter().copied());
                placed = true;
            }
        } else {
            dims.push(*dim);
        }
    }
    if !placed {
        dims.extend(own);
    }
    dims
}

fn cost(attrs: &Attrs, args: &[&Ty], ty: &Ty) -> u64 {
    let inner: usize = attrs.over.iter().filter_map(|axis| args[0].size(*axis)).product();
    2u64.saturating_mul(ty.count() as u64).saturating_mul(inner as u64)
}

pub static DOT: Primitive = Primitive {
    name: "dot",
    about: "sum of products over axes",
    operands: (2, 2),
    over: Takes::Many,
    along: Takes::Nothing,
    into: Takes::Nothing,
    constants: &[],
    gradient: Gradient::Flows,
    random: false,
    infer,
    flops: cost,
    #[cfg(feature = "torch")]
    kernel: |c| c.contract(),
};
