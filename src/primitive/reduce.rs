//! Reductions over named axes. The mean of nothing is 0; `max` and `min` send their gradient to the first
//! extreme element.

use super::Attrs;
use super::{Complaint, Gradient, Primitive, Takes, as_float, missing, per_element};
use crate::diagnostic::Code;
use crate::types::{Axes, Kind, Ty};

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
    ($id:ident, $name:literal, $about:literal, $infer:ident, $gradient:ident, $kernel:expr) => {
        #[doc = $about]
        pub static $id: Primitive = Primitive {
            name: $name,
            about: $about,
            operands: (1, 1),
            over: Takes::Many,
            along: Takes::Nothing,
            into: Takes::Nothing,
            constants: &[],
            gradient: Gradient::$gradient,
            random: false,
            infer: $infer,
            flops: cost,
            #[cfg(feature = "torch")]
            kernel: $kernel,
        };
    };
}

row!(SUM, "sum", "sum over axes", sum, Flows, |c, p| {
    c.reduce(p, |x, dims, kind| x.f_sum_dim_intlist(dims, false, kind))
});
row!(MEAN, "mean", "mean over axes; the mean of nothing is 0", mean, Flows, |c, p| {
    if c.reduces_nothing(0) {
        return c.zeros(p);
    }
    c.reduce(p, |x, dims, kind| x.f_mean_dim(dims, false, kind))
});
row!(MAX, "max", "largest element over axes", extreme, Flows, |c, p| {
    c.first_extreme(p, |x, dim| x.f_max_dim(dim, false))
});
row!(MIN, "min", "smallest element over axes", extreme, Flows, |c, p| {
    c.first_extreme(p, |x, dim| x.f_min_dim(dim, false))
});
row!(NORM, "norm", "L2 norm over axes", mean, Flows, |c, p| {
    c.reduce(p, |x, dims, kind| x.f_to_kind(kind)?.f_norm_scalaropt_dim(2.0, dims, false))
});
row!(LOGSUMEXP, "logsumexp", "log of the sum of exponentials over axes", mean, Flows, |c, p| {
    c.reduce(p, |x, dims, kind| x.f_to_kind(kind)?.f_logsumexp(dims, false))
});
row!(ARGMAX, "argmax", "index of the (first) largest element over one axis", position, Stops, |c, p| {
    c.reduce(p, |x, dims, _| x.f_argmax(dims[0], false))
});
