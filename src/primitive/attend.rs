//! Scaled dot-product attention over any axis (Vaswani et al., arXiv:1706.03762, eq. 1): softmax(q·k / √d)·v,
//! where `d` is the size of the axis the products are summed over.

use super::Attrs;
#[cfg(feature = "torch")]
use super::{
    Call, View,
    kernel::{Kernel, Planner, TchResult},
};
use super::{Complaint, Gradient, Primitive, Takes, missing, require_float};
use crate::diagnostic::Code;
#[cfg(feature = "torch")]
use crate::types::Dim;
use crate::types::{Axes, Ty};
#[cfg(feature = "torch")]
use tch::Tensor;

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

/// softmax(q·k / √d)·v over the keys, d the size of the `along` axis (Vaswani et al., arXiv:1706.03762, eq. 1). All three
/// operands have the same axes, and so has the result.
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
    kernel: attention,
};

/// On (batch, head, row, feature) views.
#[cfg(feature = "torch")]
fn attention(call: &Call, planner: &Planner) -> TchResult<Kernel> {
    let (over, along) = (call.attrs.over[0], call.along());
    let causal = call.attrs.number(0).is_some_and(|value| value != 0.0);
    let dims = &call.ty.dims;
    let others: Vec<Dim> = dims.iter().filter(|dim| dim.axis != over && dim.axis != along).copied().collect();
    let mut order = others.clone();
    order.extend(dims.iter().filter(|dim| dim.axis == over));
    order.extend(dims.iter().filter(|dim| dim.axis == along));
    let (rows, features) = (order[order.len() - 2].size as i64, order[order.len() - 1].size as i64);
    // The innermost further axis plays the heads; the rest is batch.
    let heads = others.last().map_or(1, |dim| dim.size as i64);
    let batch: i64 = others.iter().rev().skip(1).map(|dim| dim.size as i64).product();
    let views: Vec<View> = call.args.iter().map(|ty| View::whole(&ty.dims, &order)).collect();
    let operands = [call.plain(planner, 0)?, call.plain(planner, 1)?, call.plain(planner, 2)?];
    let shape: Vec<i64> = order.iter().map(|dim| dim.size as i64).collect();
    let back = View::whole(&order, dims);
    Ok(Box::new(move |_, args| {
        let part =
            |at: usize| views[at].of(&operands[at].of(args)?)?.f_reshape([batch, heads, rows, features]);
        let (q, k, v) = (part(0)?, part(1)?, part(2)?);
        let result =
            Tensor::f_scaled_dot_product_attention::<&Tensor>(&q, &k, &v, None, 0.0, causal, None, false)?;
        back.of(&result.f_reshape(&shape[..])?)
    }))
}
