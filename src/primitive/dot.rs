//! Contraction over named axes: matrix products, inner products, everything bilinear. Axes that only one
//! operand has stay; axes that both have and that are not contracted are matched.

#[cfg(feature = "torch")]
use super::kernel::{Kernel, Planner, TchResult};
use super::{Attrs, Call};
use super::{Backward, Chained, Complaint, Derivative, Primitive, PyTorch, Takes, broadcast, missing};
use crate::types::{Axes, AxisId, Dim, Ty};
#[cfg(feature = "torch")]
use tch::Tensor;

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

/// y[rest] = Σ_over a[…] · b[…]: shared axes that are not contracted are matched, `b`'s own stand where the first
/// contracted axis of `a` was.
pub static DOT: Primitive = Primitive {
    name: "dot",
    about: "sum of products over axes",
    operands: (2, 2),
    over: Takes::Many,
    along: Takes::Nothing,
    into: Takes::Nothing,
    constants: &[],
    derivative: Derivative::Rule(rule),
    chained: Chained::Never,
    pytorch: PyTorch::Line(in_python),
    random: false,
    infer,
    flops: cost,
    #[cfg(feature = "torch")]
    kernel: contract,
};

/// A linear map where a matrix is applied to the last axis, else einsum; axes in front that the second operand lacks, or that
/// both have, stay unnamed.
fn in_python(call: &Call) -> String {
    let (a, b, y) = (&call.args[0].dims, &call.args[1].dims, &call.ty.dims);
    let over = &call.attrs.over;
    let lacks = |dims: &[Dim], dim: &Dim| dims.iter().all(|known| known.axis != dim.axis);
    let front = a.iter().zip(y).take_while(|(a, y)| a == y && lacks(b, a)).count();
    if let ([own, last], [inner]) = (&b[..], &over[..])
        && front + 1 == a.len()
        && last.axis == *inner
        && y.last() == Some(own)
    {
        return format!("F.linear({}, {})", call.py_as_result(0), call.py_as_result(1));
    }
    let shared = a.iter().zip(y).zip(b).take_while(|((a, y), b)| a == y && a == b).count();
    let (front_a, front_b) = if front > 0 { (front, 0) } else { (shared, shared) };
    let mut seen: Vec<AxisId> = Vec::new();
    let mut spell = |dims: &[Dim], front: usize| -> String {
        let letters = dims[front..].iter().map(|dim| {
            let at = seen.iter().position(|axis| *axis == dim.axis).unwrap_or_else(|| {
                seen.push(dim.axis);
                seen.len() - 1
            });
            (b'a' + at as u8) as char
        });
        format!("{}{}", if front > 0 { "..." } else { "" }, letters.collect::<String>())
    };
    let (left, right) = (spell(a, front_a), spell(b, front_b));
    let result = spell(y, front_a);
    format!("torch.einsum(\"{left},{right}->{result}\", {}, {})", call.py_as_result(0), call.py_as_result(1))
}

/// ∂a = Σ adjoint · b over the axes that only b has, and ∂b likewise.
fn rule(back: &mut dyn Backward) {
    for (at, other) in [(0, 1), (1, 0)] {
        if !back.wants(at) {
            continue;
        }
        let (own, other) = (back.operand_ty(at), back.operand(other));
        let over: Vec<AxisId> = back.ty(other).axes().filter(|axis| !own.has(*axis)).collect();
        let share = match (over.is_empty(), at) {
            (true, _) => back.mul(back.adjoint(), other),
            (false, 0) => back.over("dot", &over, &[back.adjoint(), other]),
            // The axes of the adjoint come first, as a weight has them.
            _ => back.over("dot", &over, &[other, back.adjoint()]),
        };
        back.give(at, share);
    }
}

/// One matrix product where the contracted axes of both operands stand together at an end, a batched one where those of the
/// first stand in the middle (mixing over positions), einsum in general.
#[cfg(feature = "torch")]
fn contract(call: &Call, planner: &Planner) -> TchResult<Kernel> {
    let kind = call.kind();
    let (a, b) = (call.plain(planner, 0)?, call.plain(planner, 1)?);
    let split = |at: usize| Split::of(&call.args[at].dims, &call.attrs.over);
    let shares = call.args[1].axes().any(|axis| !call.attrs.over.contains(&axis) && call.args[0].has(axis));
    let (Some(left), Some(right), false) = (split(0), split(1), shares) else {
        return by_einsum(call, planner);
    };
    if left.order != right.order || (right.before > 1 && right.after > 1) {
        return by_einsum(call, planner);
    }
    let (shape, inner) = (call.ty.shape(), left.inner);
    let outer = right.before * right.after;
    // As (inner, outer), a view.
    let weight = move |b: &Tensor| match right.after {
        1 => b.f_reshape([outer, inner])?.f_transpose(0, 1),
        _ => b.f_reshape([inner, outer]),
    };
    if left.after == 1 {
        let rows = left.before;
        return Ok(Box::new(move |_, args| {
            let (a, b) = (a.of(args)?.f_to_kind(kind)?, b.of(args)?.f_to_kind(kind)?);
            a.f_reshape([rows, inner])?.f_mm(&weight(&b)?)?.f_reshape(&shape[..])
        }));
    }
    let (before, after) = (left.before, left.after);
    if before == 1 {
        return Ok(Box::new(move |_, args| {
            let (a, b) = (a.of(args)?.f_to_kind(kind)?, b.of(args)?.f_to_kind(kind)?);
            weight(&b)?.f_transpose(0, 1)?.f_mm(&a.f_reshape([inner, after])?)?.f_reshape(&shape[..])
        }));
    }
    Ok(Box::new(move |_, args| {
        let (a, b) = (a.of(args)?.f_to_kind(kind)?, b.of(args)?.f_to_kind(kind)?);
        let weight =
            weight(&b)?.f_transpose(0, 1)?.f_unsqueeze(0)?.f_expand([before, outer, inner], false)?;
        weight.f_bmm(&a.f_reshape([before, inner, after])?)?.f_reshape(&shape[..])
    }))
}

#[cfg(feature = "torch")]
fn by_einsum(call: &Call, planner: &Planner) -> TchResult<Kernel> {
    let kind = call.kind();
    let (a, b) = (call.plain(planner, 0)?, call.plain(planner, 1)?);
    let equation = equation(call);
    Ok(Box::new(move |_, args| {
        let (a, b) = (a.of(args)?.f_to_kind(kind)?, b.of(args)?.f_to_kind(kind)?);
        Tensor::f_einsum(&equation, &[a, b], None::<i64>)
    }))
}

/// An operand as (before, inner, after), where the contracted axes stand together.
#[cfg(feature = "torch")]
struct Split {
    before: i64,
    inner: i64,
    after: i64,
    /// The contracted axes as they stand.
    order: Vec<AxisId>,
}

#[cfg(feature = "torch")]
impl Split {
    fn of(dims: &[Dim], over: &[AxisId]) -> Option<Split> {
        let size = |dims: &[Dim]| -> i64 { dims.iter().map(|dim| dim.size as i64).product() };
        let start = dims.iter().position(|dim| over.contains(&dim.axis))?;
        let end = start + over.len();
        let middle = dims.get(start..end)?;
        middle.iter().all(|dim| over.contains(&dim.axis)).then(|| Split {
            before: size(&dims[..start]),
            inner: size(middle),
            after: size(&dims[end..]),
            order: middle.iter().map(|dim| dim.axis).collect(),
        })
    }
}

/// In einsum's letters, one for each axis.
#[cfg(feature = "torch")]
fn equation(call: &Call) -> String {
    let mut seen: Vec<AxisId> = Vec::new();
    let mut spell = |dims: &[Dim]| -> String {
        dims.iter()
            .map(|dim| {
                let at = seen.iter().position(|axis| *axis == dim.axis).unwrap_or_else(|| {
                    seen.push(dim.axis);
                    seen.len() - 1
                });
                (b'a' + at as u8) as char
            })
            .collect()
    };
    let (a, b) = (spell(&call.args[0].dims), spell(&call.args[1].dims));
    format!("{a},{b}->{}", spell(&call.ty.dims))
}
