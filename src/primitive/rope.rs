//! Rotary positions (Su et al., arXiv:2104.09864) over an axis, in the half-split form of the published
//! models: angle(row, j) = row · theta^(-2j/d), x·cos + rot(x)·sin with rot(x) = (-second half, first half).
//! Widens to float32 and narrows again.

use super::{Complaint, Gradient, Primitive, Takes, missing, per_element, require_float};
use crate::diagnostic::Code;
use crate::ir::op::Attrs;
use crate::types::{Axes, Ty};

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

pub static ROPE: Primitive = Primitive {
    name: "rope",
    about: "rotary positions over an axis, features turned along another",
    operands: (1, 1),
    over: Takes::One,
    along: Takes::One,
    into: Takes::Nothing,
    constants: &[("theta", 10000.0)],
    gradient: Gradient::Flows,
    random: false,
    infer,
    flops: cost,
    #[cfg(feature = "torch")]
    kernel: |c| c.rotate(),
};
