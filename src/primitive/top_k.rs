//! Indices of the largest elements over an axis, in the order they stand.

use super::Attrs;
use super::{Chained, Complaint, Derivative, Primitive, PyTorch, Takes, missing, per_element};
use crate::diagnostic::Code;
use crate::types::{Axes, Dim, Kind, Ty};

fn infer(attrs: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    let ([axis], [(to, count)]) = (&attrs.over[..], &attrs.into[..]) else {
        return Err(Complaint::new(Code::Arguments, "`top_k` takes one axis and gives one"));
    };
    let Some(size) = args[0].size(*axis) else {
        return Err(missing(*axis, args[0], axes, "`top_k`"));
    };
    if *count > size || *count == 0 {
        return Err(Complaint::new(Code::Number, format!("the best {count} of {size} cannot be kept"))
            .operand(0, format!("this is {}", args[0].show(axes)))
            .help(format!("keep between 1 and {size}")));
    }
    let dims = args[0]
        .dims
        .iter()
        .map(|dim| if dim.axis == *axis { Dim { axis: *to, size: *count } } else { *dim })
        .collect();
    Ok(Ty::new(Kind::Index { axis: *axis, optional: false }, dims))
}

fn cost(_: &Attrs, args: &[&Ty], _: &Ty) -> u64 {
    per_element(2, args[0])
}

/// The places of the k largest elements, ascending; an index of the reduced axis, which the `into` axis replaces.
pub static TOP_K: Primitive = Primitive {
    name: "top_k",
    about: "indices of the largest elements over an axis, into a new axis, in the order they stand",
    operands: (1, 1),
    over: Takes::One,
    along: Takes::Nothing,
    into: Takes::One,
    constants: &[],
    derivative: Derivative::Stops,
    chained: Chained::Never,
    pytorch: PyTorch::Line(|c| {
        let (count, dim) = (c.attrs.into.first().map_or(1, |(_, size)| *size), c.py_over());
        format!("{{0}}.topk({count}, dim={dim}).indices.sort(dim={dim}).values")
    }),
    random: false,
    infer,
    flops: cost,
    #[cfg(feature = "torch")]
    kernel: |c, p| {
        let count = c.attrs.into.first().map_or(1, |(_, size)| *size as i64);
        c.reduce(p, move |x, dims, _| {
            let (_, indices) = x.f_topk(count, dims[0], true, true)?;
            Ok(indices.f_sort(dims[0], false)?.0)
        })
    },
};
