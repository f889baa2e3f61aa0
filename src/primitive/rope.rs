//! Rotary positions (Su et al., arXiv:2104.09864) over an axis, in the half-split form of the published
//! models: angle(row, j) = row · theta^(-2j/d), x·cos + rot(x)·sin with rot(x) = (-second half, first half).
//! Widens to float32 and narrows again.

#[cfg(feature = "torch")]
use super::kernel::{Arg, Kernel, Planner, TchResult};
use super::{Attrs, Call};
use super::{
    Backward, Chained, Complaint, Derivative, Primitive, PyTorch, Real, Takes, missing, per_element,
    require_float,
};
use crate::diagnostic::Code;
#[cfg(feature = "torch")]
use crate::types::Kind;
use crate::types::{Axes, Ty};
#[cfg(feature = "torch")]
use tch::Tensor;
#[cfg(feature = "torch")]
use totc_kernels::Form;
#[cfg(feature = "torch")]
use totc_kernels::fused::{Input, Kind as Held, Output, Rotation};

fn infer(attrs: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    require_float(args[0], axes, "`rope`")?;
    for axis in attrs.over.iter().copied().chain(attrs.along) {
        if !args[0].has(axis) {
            return Err(missing(axis, args[0], axes, "`rope`"));
        }
    }
    let width = attrs.along.and_then(|axis| args[0].size(axis)).unwrap_or(0);
    if width % 2 == 1 {
        return Err(Complaint::new(
            Code::Number,
            format!("`rope` turns pairs of features, and {width} is odd"),
        )
        .operand(0, format!("this is {}", args[0].show(axes)))
        .help("choose a width and number of heads that give an even head width"));
    }
    Ok(args[0].clone())
}

fn cost(_: &Attrs, _: &[&Ty], ty: &Ty) -> u64 {
    per_element(3, ty)
}

/// y = x·cos + rot(x)·sin, angle(row, j) = row · theta^(-2j/d), in float32 (Su et al., arXiv:2104.09864, eq. 34, in the
/// half-split form of the published models). The type is the operand's.
pub static ROPE: Primitive = Primitive {
    name: "rope",
    about: "rotary positions over an axis, features turned along another",
    operands: (1, 1),
    over: Takes::One,
    along: Takes::One,
    into: Takes::Nothing,
    constants: &[("theta", 10000.0)],
    derivative: Derivative::Rule(rule),
    chained: Chained::Never,
    pytorch: PyTorch::Line(in_python),
    random: false,
    infer,
    flops: cost,
    #[cfg(feature = "torch")]
    kernel: rotate,
};

/// By the function that stands at the head of an exported file.
fn in_python(call: &Call) -> String {
    let (over, along) = (call.py_from_end(0, call.attrs.over[0]), call.py_from_end(0, call.along()));
    let theta = call.attrs.number(0).unwrap_or(10000.0);
    format!("rotary({{0}}, dim={over}, along={along}, theta={theta:?})")
}

/// The adjoint turned back by the same angles: a second number tells the kernel so.
fn rule(b: &mut dyn Backward) {
    let mut attrs = b.attrs();
    attrs.numbers.truncate(1);
    attrs.numbers.push(Real::from(BACK));
    let share = b.with("rope", attrs, &[b.adjoint()]);
    b.give(0, share);
}

/// The number behind the constants that turns backwards; no model file can say it.
const BACK: f64 = -1.0;

/// x·cos + rot(x)·sin in float32, or in float64 where the run is.
#[cfg(feature = "torch")]
fn rotate(call: &Call, planner: &Planner) -> TchResult<Kernel> {
    if let Some(kernel) = on_this_processor(call, planner) {
        return Ok(kernel);
    }
    let narrow = call.kind();
    let wide = if narrow == tch::Kind::Double { narrow } else { tch::Kind::Float };
    let x = call.aligned_as(planner, 0, wide)?;
    let (row, feature) = (call.over(0)[0], call.position(0, call.along()));
    let theta = call.attrs.number(0).unwrap_or(10000.0);
    let size = call.args[0].shape();
    let (rows, width) = (size[row as usize], size[feature as usize]);
    let (cos, sin) = rotation(planner, rows, width, theta, wide)?;
    let mut shape = vec![1i64; size.len()];
    shape[row as usize] = rows;
    shape[feature as usize] = width;
    let (cos, sin) =
        if row < feature { (cos, sin) } else { (cos.f_transpose(0, 1)?, sin.f_transpose(0, 1)?) };
    let (cos, sin) = (cos.f_reshape(&shape[..])?, sin.f_reshape(&shape[..])?);
    let sin = if call.attrs.number(1) == Some(BACK) { sin.f_neg()? } else { sin };
    Ok(Box::new(move |_, args| {
        let x = x.of(args)?;
        let first = x.f_narrow(feature, 0, width / 2)?;
        let second = x.f_narrow(feature, width / 2, width / 2)?;
        let turned = Tensor::f_cat(&[second.f_neg()?, first], feature)?;
        x.f_mul(&cos)?.f_addcmul(&turned, &sin)?.f_to_kind(narrow)
    }))
}

/// In one pass over memory, where the features are the last axis of memory of the CPU.
#[cfg(feature = "torch")]
fn on_this_processor(call: &Call, planner: &Planner) -> Option<Kernel> {
    let ty = &call.args[0];
    let kind = match ty.kind {
        Kind::Float | Kind::Float32 => Held::Float32,
        Kind::BFloat16 => Held::BFloat16,
        _ => return None,
    };
    let last = ty.dims.last()?;
    if planner.device != tch::Device::Cpu || last.axis != call.along() || call.numbers[0].is_some() {
        return None;
    }
    let (axis, theta) = (ty.position(*call.attrs.over.first()?)?, call.attrs.number(0).unwrap_or(10000.0));
    let back = call.attrs.number(1) == Some(BACK);
    let rotation = Rotation::new(ty.dims[axis].size, last.size, theta, back);
    let sizes: Vec<usize> = ty.dims.iter().map(|dim| dim.size).collect();
    let (shape, options) = (ty.shape(), (call.kind(), planner.device));
    Some(Box::new(move |_, args| {
        let Some(Arg::Tensor(x)) = args.first() else { return Tensor::f_zeros(&shape[..], options) };
        let x = if x.stride().last() == Some(&1) { x.shallow_clone() } else { x.f_contiguous()? };
        let result = Tensor::f_empty(&shape[..], options)?;
        let strides = x.stride().into_iter().map(|stride| stride as isize).collect();
        let input = Input { pointer: x.data_ptr() as *const u8, kind, strides };
        let output = Output { pointer: result.data_ptr() as *mut u8, kind };
        // SAFETY: `x` has the sizes of its type and its own strides; the result is new, contiguous and as large.
        #[expect(unsafe_code, reason = "kernels read and write memory by pointers")]
        let done = unsafe { rotation.run(Form::best(), &sizes, axis, &input, &output) };
        done.map_err(|mismatch| tch::TchError::Torch(mismatch.to_string()))?;
        Ok(result)
    }))
}

/// Cosines and sines of all angles, `[row, feature]`, made once for all calls of these sizes.
#[cfg(feature = "torch")]
fn rotation(
    planner: &Planner,
    rows: i64,
    width: i64,
    theta: f64,
    kind: tch::Kind,
) -> TchResult<(Tensor, Tensor)> {
    let key = (rows, width, theta.to_bits(), kind);
    if let Some((cos, sin)) = planner.rotations.borrow().get(&key) {
        return Ok((cos.shallow_clone(), sin.shallow_clone()));
    }
    let options = (kind, planner.device);
    let exponent = Tensor::f_arange_start_step(0, width, 2, options)?.f_div_scalar(width as f64)?;
    let frequency = Tensor::f_full([0i64; 0], theta, options)?.f_pow(&exponent)?.f_reciprocal()?;
    let angle = Tensor::f_arange(rows, options)?.f_outer(&frequency)?;
    let both = Tensor::f_cat(&[&angle, &angle], -1)?;
    let table = (both.f_cos()?, both.f_sin()?);
    let shared = (table.0.shallow_clone(), table.1.shallow_clone());
    planner.rotations.borrow_mut().insert(key, table);
    Ok(shared)
}
