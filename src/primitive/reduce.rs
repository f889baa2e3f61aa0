//! Reductions over named axes. The mean of nothing is 0; `max` and `min` send their gradient to the first
//! extreme element.

use super::Attrs;
use super::chained::Steps;
use super::{
    Backward, Chained, Complaint, Derivative, Primitive, PyTorch, Takes, Val, as_float, missing, per_element,
};
use crate::diagnostic::Code;
use crate::types::{Axes, Kind, Ty};
use totc_kernels::fused::{Op, Register};

fn reduced(attrs: &Attrs, args: &[&Ty], axes: &Axes, kind: Kind) -> Result<Ty, Complaint> {
    for axis in &attrs.over {
        if !args[0].has(*axis) {
            return Err(missing(*axis, args[0], axes, "this reduction"));
        }
    }
    let dims = args[0].dims.iter().filter(|dim| !attrs.over.contains(&dim.axis)).copied().collect();
    Ok(Ty::new(kind, dims))
}

fn sum(attrs: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    let kind = if args[0].kind.is_float() { args[0].kind } else { Kind::Int };
    reduced(attrs, args, axes, kind)
}

fn mean(attrs: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    reduced(attrs, args, axes, as_float(args[0].kind))
}

fn extreme(attrs: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    for axis in &attrs.over {
        if args[0].size(*axis) == Some(0) {
            return Err(Complaint::new(
                Code::Number,
                format!("`{}` is empty here: nothing is largest", axes.name(*axis)),
            )
            .operand(0, format!("this is {}", args[0].show(axes))));
        }
    }
    reduced(attrs, args, axes, args[0].kind)
}

fn position(attrs: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    match attrs.over[..] {
        [axis] => reduced(attrs, args, axes, Kind::Index { axis, optional: false }),
        _ => Err(Complaint::new(Code::Arguments, "`argmax` takes one axis: its result indexes that axis")),
    }
}

fn cost(_: &Attrs, args: &[&Ty], _: &Ty) -> u64 {
    per_element(1, args[0])
}

macro_rules! row {
    ($id:ident, $name:literal, $about:literal, $pytorch:expr, $infer:ident, $derivative:expr, $chained:expr, $kernel:expr) => {
        #[doc = $about]
        pub static $id: Primitive = Primitive {
            name: $name,
            about: $about,
            operands: (1, 1),
            over: Takes::Many,
            along: Takes::Nothing,
            into: Takes::Nothing,
            constants: &[],
            derivative: $derivative,
            chained: $chained,
            pytorch: $pytorch,
            random: false,
            infer: $infer,
            flops: cost,
            #[cfg(feature = "torch")]
            kernel: $kernel,
        };
    };
}

row!(
    SUM,
    "sum",
    "sum over axes",
    PyTorch::Line(|c| c.py_reduce(".sum", false)),
    sum,
    Derivative::Rule(sum_rule),
    Chained::Rows(|s, x| s.add(Op::Sum, x)),
    |c, p| { c.reduce(p, |x, dims, kind| x.f_sum_dim_intlist(dims, false, kind)) }
);
row!(
    MEAN,
    "mean",
    "mean over axes; the mean of nothing is 0",
    PyTorch::Line(|c| match c.reduces_nothing(0) {
        true => format!("torch.zeros({}, dtype={{d}}, device={{f}}.device)", c.py_shape()),
        false => c.py_reduce(".mean", true),
    }),
    mean,
    Derivative::Rule(mean_rule),
    Chained::Rows(mean_of_rows),
    |c, p| {
        if c.reduces_nothing(0) {
            return c.zeros(p);
        }
        c.reduce(p, |x, dims, kind| x.f_mean_dim(dims, false, kind))
    }
);
row!(
    MAX,
    "max",
    "largest element over axes",
    PyTorch::Line(|c| c.py_first_extreme("max")),
    extreme,
    Derivative::Rule(max_rule),
    Chained::Rows(|s, x| s.add(Op::Max, x)),
    |c, p| { c.first_extreme(p, |x, dim| x.f_max_dim(dim, false)) }
);
row!(
    MIN,
    "min",
    "smallest element over axes",
    PyTorch::Line(|c| c.py_first_extreme("min")),
    extreme,
    Derivative::Rule(min_rule),
    Chained::Rows(|s, x| s.add(Op::Min, x)),
    |c, p| { c.first_extreme(p, |x, dim| x.f_min_dim(dim, false)) }
);
row!(
    NORM,
    "norm",
    "L2 norm over axes",
    PyTorch::Line(|c| c.py_reduce("torch.linalg.vector_norm", true)),
    mean,
    Derivative::Rule(norm_rule),
    Chained::Rows(norm_of_rows),
    |c, p| { c.reduce(p, |x, dims, kind| x.f_to_kind(kind)?.f_norm_scalaropt_dim(2.0, dims, false)) }
);
row!(
    LOGSUMEXP,
    "logsumexp",
    "log of the sum of exponentials over axes",
    PyTorch::Line(|c| c.py_reduce("torch.logsumexp", true)),
    mean,
    Derivative::Rule(logsumexp_rule),
    Chained::Never,
    |c, p| { c.reduce(p, |x, dims, kind| x.f_to_kind(kind)?.f_logsumexp(dims, false)) }
);
row!(
    ARGMAX,
    "argmax",
    "index of the (first) largest element over one axis",
    PyTorch::Line(|c| c.py_reduce(".argmax", false)),
    position,
    Derivative::Stops,
    Chained::Never,
    |c, p| { c.reduce(p, |x, dims, _| x.f_argmax(dims[0], false)) }
);

/// The adjoint over the axes that were reduced.
fn spread(b: &mut dyn Backward, val: Val) -> Val {
    let dims = b.operand_ty(0).dims;
    b.expand(val, dims)
}

fn sum_rule(b: &mut dyn Backward) {
    let adjoint = b.adjoint();
    let share = spread(b, adjoint);
    b.give(0, share);
}

fn mean_rule(b: &mut dyn Backward) {
    let (attrs, ty) = (b.attrs(), b.operand_ty(0));
    let count: usize = attrs.over.iter().filter_map(|axis| ty.size(*axis)).product();
    if count == 0 {
        return;
    }
    let count = b.number(count as f64);
    let share = b.prim("div", &[b.adjoint(), count]);
    let share = spread(b, share);
    b.give(0, share);
}

fn max_rule(b: &mut dyn Backward) {
    first_extreme(b, "max", false);
}

fn min_rule(b: &mut dyn Backward) {
    first_extreme(b, "min", true);
}

/// To the first extreme element along each axis, one axis after the other from the innermost, as the kernel goes.
fn first_extreme(b: &mut dyn Backward, reduction: &str, least: bool) {
    let x = b.operand(0);
    let ty = b.ty(x);
    let mut axes = b.attrs().over;
    axes.sort_by_key(|axis| std::cmp::Reverse(ty.position(*axis)));
    let mut before = vec![x];
    for axis in &axes[..axes.len().saturating_sub(1)] {
        let last = before[before.len() - 1];
        let next = b.over(reduction, &[*axis], &[last]);
        before.push(next);
    }
    let (mut adjoint, zero) = (b.adjoint(), b.number(0.0));
    for (axis, x) in axes.iter().zip(before).rev() {
        let ty = b.ty(x);
        let towards = if least { b.prim("neg", &[x]) } else { x };
        let taken = b.over("argmax", &[*axis], &[towards]);
        let size = ty.size(*axis).unwrap_or(1);
        let count = Attrs { into: vec![(*axis, size)], ..Attrs::default() };
        let count = b.with("iota", count, &[]);
        let here = b.prim("eq", &[count, taken]);
        adjoint = b.prim("where", &[here, adjoint, zero]);
    }
    b.give(0, adjoint);
}

/// x / |x|, 0 where the norm is 0.
fn norm_rule(b: &mut dyn Backward) {
    let (x, norm, zero) = (b.operand(0), b.result(), b.number(0.0));
    let (x, norm) = (b.wide(x), b.wide(norm));
    let slope = b.prim("div", &[b.adjoint(), norm]);
    let nothing = b.prim("eq", &[norm, zero]);
    let slope = b.prim("where", &[nothing, zero, slope]);
    let share = b.mul(x, slope);
    b.give(0, share);
}

/// exp(x - log Σ exp x): the softmax.
fn logsumexp_rule(b: &mut dyn Backward) {
    let (x, result) = (b.operand(0), b.result());
    let (x, result) = (b.wide(x), b.wide(result));
    let less = b.prim("sub", &[x, result]);
    let share = b.prim("exp", &[less]);
    let share = b.mul(share, b.adjoint());
    b.give(0, share);
}

fn mean_of_rows(steps: &mut Steps, x: &[Register]) -> Register {
    let (sum, count) = (steps.add(Op::Sum, x), steps.number(steps.last as f64));
    steps.add(Op::Div, &[sum, count])
}

fn norm_of_rows(steps: &mut Steps, x: &[Register]) -> Register {
    let squares = steps.add(Op::Mul, &[x[0], x[0]]);
    let sum = steps.add(Op::Sum, &[squares]);
    steps.add(Op::Sqrt, &[sum])
}
