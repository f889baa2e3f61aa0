//! Random draws: standard normal and uniform noise over stated axes, and dropout. Every spelled draw is its
//! own; the trainer seeds libtorch's generator from the run's seed and the step.

use super::Attrs;
use super::{Backward, Chained, Complaint, Derivative, Primitive, PyTorch, Takes, Val, per_element};
use crate::types::{Axes, Dim, Kind, Ty};

fn drawn(attrs: &Attrs, _: &[&Ty], _: &Axes) -> Result<Ty, Complaint> {
    let dims = attrs.into.iter().map(|(axis, size)| Dim { axis: *axis, size: *size }).collect();
    Ok(Ty::new(Kind::Float, dims))
}

fn same(_: &Attrs, args: &[&Ty], _: &Axes) -> Result<Ty, Complaint> {
    Ok(args[0].clone())
}

fn cost(_: &Attrs, _: &[&Ty], ty: &Ty) -> u64 {
    per_element(1, ty)
}

macro_rules! row {
    ($id:ident, $name:literal, $about:literal, $pytorch:expr, $n:literal, $constants:expr, $infer:ident, $derivative:expr, $kernel:expr) => {
        #[doc = $about]
        pub static $id: Primitive = Primitive {
            name: $name,
            about: $about,
            operands: ($n, $n),
            over: Takes::Nothing,
            along: Takes::Nothing,
            into: Takes::Nothing,
            constants: $constants,
            derivative: $derivative,
            chained: Chained::Never,
            pytorch: $pytorch,
            random: true,
            infer: $infer,
            flops: cost,
            #[cfg(feature = "torch")]
            kernel: $kernel,
        };
    };
}

row!(
    NOISE,
    "noise",
    "standard normal noise over stated axes",
    PyTorch::Line(|c| format!("torch.randn({}, dtype={{d}}, device={{f}}.device)", c.py_shape())),
    0,
    &[],
    drawn,
    Derivative::Stops,
    |c, p| {
        let options = (c.kind(), p.device);
        c.drawn(move |shape| tch::Tensor::f_randn(shape, options))
    }
);
row!(
    UNIFORM,
    "uniform",
    "uniform noise in [0, 1) over stated axes",
    PyTorch::Line(|c| format!("torch.rand({}, dtype={{d}}, device={{f}}.device)", c.py_shape())),
    0,
    &[],
    drawn,
    Derivative::Stops,
    |c, p| {
        let options = (c.kind(), p.device);
        c.drawn(move |shape| tch::Tensor::f_rand(shape, options))
    }
);
row!(
    DROPOUT,
    "dropout",
    "zeroes elements with probability `rate` in training, scales the rest",
    PyTorch::Line(|c| format!(
        "F.dropout({}, p={}, training=False)",
        c.py_tensor(0),
        c.attrs.number(0).unwrap_or(0.0)
    )),
    1,
    &[("rate", 0.1)],
    same,
    Derivative::Rewritten(kept_or_dropped),
    |c, p| {
        let (x, rate, training) = (c.plain(p, 0)?, c.attrs.number(0).unwrap_or(0.0), c.training);
        Ok(Box::new(move |_, args| x.of(args)?.f_dropout(rate, training)))
    }
);

/// x times what ones become: the same draw, and a product that can be differentiated.
fn kept_or_dropped(b: &mut dyn Backward) -> Val {
    let (attrs, x, one) = (b.attrs(), b.operand(0), b.number(1.0));
    let ty = b.ty(x);
    let ones = b.expand(one, ty.dims);
    let ones = b.cast(ones, ty.kind);
    let factor = b.with("dropout", attrs, &[ones]);
    b.mul(x, factor)
}
