//! Scaled dot-product attention over any axis (Vaswani et al., arXiv:1706.03762, eq. 1): softmax(q·k / √d)·v,
//! where `d` is the size of the axis the products are summed over.

#[cfg(feature = "torch")]
use super::kernel::{Arg, Kernel, Operand, Planner, TchResult};
use super::{Attrs, Call, View};
use super::{Backward, Chained, Complaint, Derivative, Primitive, PyTorch, Takes, missing, require_float};
use crate::diagnostic::Code;
use crate::types::{Axes, Dim, Ty};
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
    derivative: Derivative::Rule(rule),
    chained: Chained::Never,
    pytorch: PyTorch::Line(in_python),
    random: false,
    infer,
    flops: cost,
    #[cfg(feature = "torch")]
    kernel: attention,
};

/// Rows and features are brought to the end, as PyTorch wants them.
fn in_python(call: &Call) -> String {
    let ends = [call.attrs.over[0], call.along()];
    let mut order: Vec<Dim> = call.ty.dims.iter().filter(|dim| !ends.contains(&dim.axis)).copied().collect();
    order.extend(ends.iter().filter_map(|end| call.ty.dims.iter().find(|dim| dim.axis == *end)));
    let part = |at: usize| View::whole(&call.args[at].dims, &order).python(&call.py_tensor(at), order.len());
    let causal = call.attrs.number(0).is_some_and(|value| value != 0.0);
    let causal = if causal { ", is_causal=True" } else { "" };
    let text = format!("F.scaled_dot_product_attention({}, {}, {}{causal})", part(0), part(1), part(2));
    View::whole(&order, &call.ty.dims).python(&text, order.len())
}

/// The three adjoints come out of one call, which computes the attention again rather than keep its weights.
fn rule(b: &mut dyn Backward) {
    let part = b.fresh_axis("query key value", 3);
    let attrs = Attrs { into: vec![(part, 3)], ..b.attrs() };
    let operands = [b.adjoint(), b.operand(0), b.operand(1), b.operand(2)];
    let all = b.with("attend_backward", attrs, &operands);
    for at in 0..3 {
        if b.wants(at) {
            let share = b.select(all, part, at);
            b.give(at, share);
        }
    }
}

fn infer_backward(attrs: &Attrs, args: &[&Ty], _: &Axes) -> Result<Ty, Complaint> {
    let mut dims: Vec<Dim> = attrs.into.iter().map(|(axis, size)| Dim { axis: *axis, size: *size }).collect();
    dims.extend(args[1].dims.iter().copied());
    Ok(Ty::new(args[1].kind, dims))
}

fn cost_backward(attrs: &Attrs, args: &[&Ty], _: &Ty) -> u64 {
    // Five products: the weights again, two for the values and two for queries and keys.
    cost(attrs, &args[1..], args[1]).saturating_mul(5) / 2
}

/// Adjoints of queries, keys and values, one behind the other along a new outermost axis of 3; operands are the adjoint of
/// the attention, the queries, the keys and the values, all of the same axes.
pub static ATTEND_BACKWARD: Primitive = Primitive {
    name: "attend_backward",
    about: "adjoints of queries, keys and values of an attention",
    operands: (4, 4),
    over: Takes::One,
    along: Takes::One,
    into: Takes::One,
    constants: &[("causal", 0.0)],
    derivative: Derivative::Stops,
    chained: Chained::Never,
    pytorch: PyTorch::Never,
    random: false,
    infer: infer_backward,
    flops: cost_backward,
    #[cfg(feature = "torch")]
    kernel: attention_backward,
};

/// How a call's operands become (batch, head, row, feature) tensors, as libtorch's kernels want them.
#[cfg(feature = "torch")]
struct Heads {
    operands: Vec<(Operand, View)>,
    /// (batch, head, row, feature).
    shape: [i64; 4],
    /// Sizes in the order of the views, and the view back to the first query's memory order.
    ordered: Vec<i64>,
    order: Vec<Dim>,
    back: View,
    causal: bool,
}

#[cfg(feature = "torch")]
impl Heads {
    /// Of a call whose operands all have the axes of `own`.
    fn of(call: &Call, planner: &Planner, own: &Ty) -> TchResult<Heads> {
        let (over, along) = (call.attrs.over[0], call.along());
        let dims = &own.dims;
        let others: Vec<Dim> =
            dims.iter().filter(|dim| dim.axis != over && dim.axis != along).copied().collect();
        let mut order = others.clone();
        order.extend(dims.iter().filter(|dim| dim.axis == over));
        order.extend(dims.iter().filter(|dim| dim.axis == along));
        let (rows, features) = (order[order.len() - 2].size as i64, order[order.len() - 1].size as i64);
        // The innermost further axis plays the heads; the rest is batch.
        let heads = others.last().map_or(1, |dim| dim.size as i64);
        let batch: i64 = others.iter().rev().skip(1).map(|dim| dim.size as i64).product();
        let operands = call.args.iter().enumerate();
        let operands = operands.map(|(at, ty)| Ok((call.plain(planner, at)?, View::whole(&ty.dims, &order))));
        Ok(Heads {
            operands: operands.collect::<TchResult<_>>()?,
            shape: [batch, heads, rows, features],
            ordered: order.iter().map(|dim| dim.size as i64).collect(),
            back: View::whole(&order, dims),
            order,
            causal: call.attrs.number(0).is_some_and(|value| value != 0.0),
        })
    }

    fn part(&self, args: &[Arg], at: usize) -> TchResult<Tensor> {
        let (operand, view) = &self.operands[at];
        view.of(&operand.of(args)?)?.f_reshape(self.shape)
    }

    fn result(&self, tensor: &Tensor) -> TchResult<Tensor> {
        self.back.of(&tensor.f_reshape(&self.ordered[..])?)
    }
}

#[cfg(feature = "torch")]
fn attention(call: &Call, planner: &Planner) -> TchResult<Kernel> {
    let heads = Heads::of(call, planner, &call.ty)?;
    Ok(Box::new(move |_, args| {
        let (q, k, v) = (heads.part(args, 0)?, heads.part(args, 1)?, heads.part(args, 2)?);
        let result = Tensor::f_scaled_dot_product_attention::<&Tensor>(
            &q,
            &k,
            &v,
            None,
            0.0,
            heads.causal,
            None,
            false,
        )?;
        heads.result(&result)
    }))
}

/// Some samples at a time, so that the weights of the attention, which are computed again, stay in the cache and take no
/// memory to speak of.
#[cfg(feature = "torch")]
fn attention_backward(call: &Call, planner: &Planner) -> TchResult<Kernel> {
    let own = &call.args[1];
    let heads = Heads::of(call, planner, own)?;
    let part = Dim { axis: call.attrs.into[0].0, size: 3 };
    let with_part = |dims: &[Dim]| -> Vec<Dim> { [&[part], dims].concat() };
    let back = View::whole(&with_part(&heads.order), &with_part(&own.dims));
    let (kind, options) = (call.kind(), (call.kind(), planner.device));
    let [batch, head, rows, features] = heads.shape;
    let at_once = (WEIGHTS_AT_ONCE / (head * rows * rows).max(1)).clamp(1, batch.max(1));
    let shape: Vec<i64> = [&[3], &heads.ordered[..]].concat();
    Ok(Box::new(move |_, args| {
        let (q, k, v) = (heads.part(args, 1)?, heads.part(args, 2)?, heads.part(args, 3)?);
        let adjoint = heads.part(args, 0)?.f_to_kind(kind)?;
        let all = Tensor::f_empty([3, batch, head, rows, features], options)?;
        for from in (0..batch).step_by(at_once as usize) {
            let count = at_once.min(batch - from);
            let some = |x: &Tensor| x.f_narrow(0, from, count);
            let shares = by_formula(&some(&adjoint)?, &some(&q)?, &some(&k)?, &some(&v)?, heads.causal)?;
            for (at, share) in [shares.0, shares.1, shares.2].iter().enumerate() {
                all.f_select(0, at as i64)?.f_narrow(0, from, count)?.f_copy_(share)?;
            }
        }
        back.of(&all.f_reshape(&shape[..])?)
    }))
}

/// Weights of attentions that are computed at once: some megabytes.
#[cfg(feature = "torch")]
const WEIGHTS_AT_ONCE: i64 = 1 << 19;

/// With P = softmax(q·kᵀ / √d): ∂v = Pᵀ·∂y, ∂P = ∂y·vᵀ, ∂S = P ∘ (∂P - Σ ∂P ∘ P), ∂q = ∂S·k / √d, ∂k = ∂Sᵀ·q / √d. Weights
/// and their gradients are computed in float32 or wider.
#[cfg(feature = "torch")]
fn by_formula(
    adjoint: &Tensor,
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    causal: bool,
) -> TchResult<(Tensor, Tensor, Tensor)> {
    let narrow = q.kind();
    let wide = if narrow == tch::Kind::Double { narrow } else { tch::Kind::Float };
    let scale = 1.0 / (q.size()[3] as f64).sqrt();
    let widened = |x: &Tensor| x.f_to_kind(wide);
    let mut scores = widened(q)?.f_mul_scalar(scale)?.f_matmul(&widened(k)?.f_transpose(-1, -2)?)?;
    if causal {
        let rows = q.size()[2];
        let later = Tensor::f_ones([rows, rows], (tch::Kind::Bool, q.device()))?.f_triu(1)?;
        scores = scores.f_masked_fill(&later, f64::NEG_INFINITY)?;
    }
    let p = scores.f_softmax(-1, None::<tch::Kind>)?;
    let by_p = widened(adjoint)?.f_matmul(&widened(v)?.f_transpose(-1, -2)?)?;
    let by_scores = Tensor::f_internal_softmax_backward_data(&by_p, &p, -1, wide)?;
    let by_scores = by_scores.f_mul_scalar(scale)?.f_to_kind(narrow)?;
    let by_v = p.f_to_kind(narrow)?.f_transpose(-1, -2)?.f_matmul(adjoint)?;
    Ok((by_scores.f_matmul(k)?, by_scores.f_transpose(-1, -2)?.f_matmul(q)?, by_v))
}
