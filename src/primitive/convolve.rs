//! Convolution along an axis with a kernel whose taps have an axis of their own. Axes that value and kernel share
//! are matched, so that a kernel `[channel, tap]` is a depthwise convolution; the axis keeps its size, zeros stand
//! beyond its ends. As everywhere in the field it is a cross-correlation: y[t] = Σ_k kernel[k] · x[t + k - before].

#[cfg(feature = "torch")]
use super::kernel::{Kernel, Planner, TchResult};
use super::{Attrs, Call, View};
use super::{
    Backward, Chained, Complaint, Derivative, Primitive, PyTorch, Takes, Val, broadcast, missing,
    require_float,
};
use crate::diagnostic::Code;
use crate::types::{Axes, AxisId, Dim, Ty};
#[cfg(feature = "torch")]
use tch::Tensor;

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

/// y[…, t] = Σ_k kernel[…, k] · x[…, t + k - before] with zeros beyond the ends; `before` is taps - 1 if causal, else
/// (taps - 1) / 2. Axes as `x`, further ones of the kernel joined by broadcasting.
pub static CONVOLVE: Primitive = Primitive {
    name: "convolve",
    about: "convolution of a value with a kernel over an axis, along the axis of the kernel's taps; `causal` looks \
            back only, else the taps stand around each place",
    operands: (2, 2),
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
    kernel: convolution,
};

/// How many taps stand before the place they serve.
fn taps_before(attrs: &Attrs, taps: usize) -> usize {
    let causal = attrs.number(0).is_some_and(|value| value != 0.0);
    if causal { taps.saturating_sub(1) } else { taps.saturating_sub(1) / 2 }
}

/// A sum over the taps of what is shifted, as the kernel does it.
fn in_python(call: &Call) -> String {
    let (over, tap) = (call.attrs.over[0], call.along());
    let (x, kernel) = (&call.args[0], &call.args[1]);
    let (length, taps) = (x.size(over).unwrap_or(0), kernel.size(tap).unwrap_or(0));
    if taps == 0 {
        return format!("torch.zeros({}, dtype={{d}}, device={{f}}.device)", call.py_shape());
    }
    let before = taps_before(&call.attrs, taps);
    let behind = (-1 - call.py_from_end(0, over)) as usize;
    let pad = format!("F.pad({{0}}, ({}{before}, {}))", "0, 0, ".repeat(behind), taps - 1 - before);
    let cut = format!("{pad}[..., k:k + {length}{}]", ", :".repeat(behind));
    let own: Vec<Dim> = kernel.dims.iter().filter(|dim| dim.axis != tap).copied().collect();
    let weight = format!("{{1}}.select({}, k)", call.py_from_end(1, tap));
    let weight = View::aligned(&own, &call.ty.dims).python(&weight, own.len());
    format!("sum({} * {weight} for k in range({taps}))", call.view(0).python(&cut, x.dims.len()))
}

/// ∂x[t] = Σ_k kernel[k] · adjoint[t - k + before]; ∂kernel[k] = Σ adjoint[t] · x[t + k - before].
fn rule(b: &mut dyn Backward) {
    let (attrs, x, kernel) = (b.attrs(), b.operand(0), b.operand(1));
    let (Some(over), Some(tap)) = (attrs.over.first().copied(), attrs.along) else { return };
    let (x, kernel, adjoint) = (b.wide(x), b.wide(kernel), b.adjoint());
    let adjoint = b.wide(adjoint);
    let taps = b.ty(kernel).size(tap).unwrap_or(0);
    let before = taps_before(&attrs, taps) as i64;
    let mut shares: Option<Val> = None;
    let mut weights = Vec::new();
    for k in 0..taps {
        let offset = k as i64 - before;
        let weight = b.slice(kernel, tap, k, 1);
        if b.wants(0)
            && let Some(shifted) = shifted(b, adjoint, over, -offset)
        {
            let weight = b.over("sum", &[tap], &[weight]);
            let share = b.mul(shifted, weight);
            shares = Some(match shares {
                Some(sum) => b.prim("add", &[sum, share]),
                None => share,
            });
        }
        if b.wants(1) {
            let own = b.ty(weight);
            let product = match shifted(b, x, over, offset) {
                Some(shifted) => b.mul(adjoint, shifted),
                None => b.scale(adjoint, 0.0),
            };
            let lacking: Vec<AxisId> = b.ty(product).axes().filter(|axis| !own.has(*axis)).collect();
            let sum = b.over("sum", &lacking, &[product]);
            weights.push(b.expand(sum, own.dims));
        }
    }
    if let Some(share) = shares {
        b.give(0, share);
    }
    if !weights.is_empty() {
        let share = b.concat(&weights, tap);
        b.give(1, share);
    }
}

/// y[t] = x[t + offset], zeros beyond the ends; None where nothing but zeros is left.
fn shifted(b: &mut dyn Backward, x: Val, axis: AxisId, offset: i64) -> Option<Val> {
    let size = b.ty(x).size(axis)?;
    let by = offset.unsigned_abs() as usize;
    if by == 0 {
        return Some(x);
    }
    let rest = size.checked_sub(by).filter(|rest| *rest > 0)?;
    let (from, to) = if offset > 0 { (by, 0) } else { (0, by) };
    let part = b.slice(x, axis, from, rest);
    Some(b.pad(part, axis, to, size))
}

/// Sum over the taps of shifted values times weights, zeros beyond the ends; bfloat16 is summed in float32.
#[cfg(feature = "torch")]
fn convolution(call: &Call, planner: &Planner) -> TchResult<Kernel> {
    let (over, tap) = (call.attrs.over[0], call.along());
    let narrow = call.kind();
    let wide = if narrow == tch::Kind::BFloat16 { tch::Kind::Float } else { narrow };
    let (x, kernel) = (call.plain(planner, 0)?, call.plain(planner, 1)?);
    let (at, tap_at) = (call.position(0, over), call.position(1, tap));
    let length = call.args[0].size(over).unwrap_or(0) as i64;
    let taps = call.args[1].size(tap).unwrap_or(0) as i64;
    let before = taps_before(&call.attrs, taps as usize) as i64;
    // Pairs from the last axis on.
    let mut padding = vec![0i64; 2 * (call.args[0].dims.len() - at as usize)];
    if let [.., left, right] = &mut padding[..] {
        (*left, *right) = (before, taps - 1 - before);
    }
    let own: Vec<Dim> = call.args[1].dims.iter().filter(|dim| dim.axis != tap).copied().collect();
    let (shifted, weight) = (call.view(0), View::aligned(&own, &call.ty.dims));
    if taps == 0 {
        return call.zeros(planner);
    }
    Ok(Box::new(move |_, args| {
        let kernel = kernel.of(args)?.f_to_kind(wide)?;
        let padded = x.of(args)?.f_to_kind(wide)?.f_constant_pad_nd(&padding[..])?;
        let term = |k: i64| -> TchResult<(Tensor, Tensor)> {
            Ok((shifted.of(&padded.f_narrow(at, k, length)?)?, weight.of(&kernel.f_select(tap_at, k)?)?))
        };
        let (first, by) = term(0)?;
        let mut sum = first.f_mul(&by)?;
        for k in 1..taps {
            let (next, by) = term(k)?;
            sum = sum.f_addcmul(&next, &by)?;
        }
        sum.f_to_kind(narrow)
    }))
}
