//! Convolution along an axis with a kernel whose taps have an axis of their own. Axes that value and kernel share
//! are matched, so that a kernel `[channel, tap]` is a depthwise convolution; the axis keeps its size, zeros stand
//! beyond its ends. As everywhere in the field it is a cross-correlation: y[t] = Σ_k kernel[k] · x[t + k - before].

use super::{Complaint, Gradient, Primitive, Takes, broadcast, missing, require_float};
use crate::diagnostic::Code;
use crate::ir::op::Attrs;
use crate::types::{Axes, Ty};

fn infer(attrs: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    let ([over], Some(tap)) = (&attrs.over[..], attrs.along) else {
        return Err(Complaint::new(
            Code::Arguments,
            "`convolve` takes one axis to run over, and the kernel's own axis",
        ));
    };
    require_float(args[0], axes, "`convolve`")?;
    if !args[0].has(*over) {
        return Err(missing(*over, args[0], axes, "`convolve`"));
    }
    let (x, kernel) = (args[0].show(axes).to_string(), args[1].show(axes).to_string());
    let (over_name, tap_name) = (axes.name(*over), axes.name(tap));
    if !args[1].kind.is_float() {
        return Err(Complaint::new(Code::Kind, "the kernel of `convolve` must be floats")
            .operand(1, format!("this is {kernel}")));
    }
    if !args[1].has(tap) {
        return Err(Complaint::new(
            Code::AxisMissing,
            format!("the kernel of `convolve` needs the axis `{tap_name}` of its taps, which is not there"),
        )
        .operand(1, format!("this is {kernel}"))
        .help(format!("declare it so: `param kernel: float [channel, {tap_name}] = …`")));
    }
    if args[1].has(*over) {
        return Err(Complaint::new(
            Code::AxisUnexpected,
            format!("the kernel of `convolve` has the axis `{over_name}` that it runs over"),
        )
        .operand(1, format!("this is {kernel}"))
        .help(format!("one kernel serves all places of `{over_name}`: leave that axis out")));
    }
    if args[0].has(tap) {
        return Err(Complaint::new(
            Code::AxisUnexpected,
            format!("the value has the axis `{tap_name}` of the kernel's taps"),
        )
        .operand(0, format!("this is {x}"))
        .help("the taps need an axis that only the kernel has"));
    }
    let rest = args[1].dims.iter().filter(|dim| dim.axis != tap).copied().collect();
    let rest = Ty::new(args[1].kind, rest);
    let dims = broadcast(&[args[0], &rest], axes)?;
    Ok(Ty::new(args[0].kind.promote(args[1].kind), dims))
}

fn cost(attrs: &Attrs, args: &[&Ty], ty: &Ty) -> u64 {
    let taps = attrs.along.and_then(|tap| args[1].size(tap)).unwrap_or(0);
    2u64.saturating_mul(ty.count() as u64).saturating_mul(taps as u64)
}

pub static CONVOLVE: Primitive = Primitive {
    name: "convolve",
    about: "convolution of a value with a kernel over an axis, along the axis of the kernel's taps; `causal` looks \
            back only, else the taps stand around each place",
    operands: (2, 2),
    over: Takes::One,
    along: Takes::One,
    into: Takes::Nothing,
    constants: &[("causal", 0.0)],
    gradient: Gradient::Flows,
    random: false,
    infer,
    flops: cost,
    #[cfg(feature = "torch")]
    kernel: |c| c.convolution(),
};
