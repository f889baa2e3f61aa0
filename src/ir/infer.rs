//! Types of the structural operations. Takes an operation and its operands' types, gives the result's type
//! or a complaint in the author's terms. The pass verifier asks the same questions again.

use crate::diagnostic::Code;
use crate::ir::op::Op;
use crate::primitive::{Complaint, broadcast, missing};
use crate::types::{Axes, AxisId, Dim, Kind, Ty};

/// The result's type, for operations whose operands decide it. Sources (`Input`, `Weight`, …) and loops state
/// theirs and are not asked.
pub fn infer(op: &Op, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    match op {
        Op::Prim(id, attrs) => (id.get().infer)(attrs, args, axes),
        Op::Number(value) => Ok(Ty::scalar(number_kind(value.get()))),
        Op::Iteration => Ok(Ty::scalar(Kind::Int)),
        Op::Select { axis, at } => {
            let size = need(*axis, args[0], axes, "this selection")?;
            if *at >= size {
                return Err(Complaint::new(
                    Code::Number,
                    format!("`{}` has {size} entries; there is no entry {at}", axes.name(*axis)),
                )
                .operand(0, format!("this is {}", args[0].show(axes)))
                .help(format!("entries are counted from 0 to {}", size.saturating_sub(1))));
            }
            Ok(Ty::new(args[0].kind, args[0].dims.iter().filter(|dim| dim.axis != *axis).copied().collect()))
        }
        Op::Slice { axis, start, len, to } => {
            let size = need(*axis, args[0], axes, "this slice")?;
            if start + len > size {
                return Err(Complaint::new(
                    Code::Number,
                    format!(
                        "`{}` has {size} entries; {start} .. {} reaches beyond",
                        axes.name(*axis),
                        start + len
                    ),
                )
                .operand(0, format!("this is {}", args[0].show(axes))));
            }
            Ok(replaced(args[0], *axis, &[Dim { axis: *to, size: *len }]))
        }
        Op::Gather { axis } => gather(*axis, args[0], args[1], axes),
        Op::Rename { from, to } => {
            let size = need(*from, args[0], axes, "`rename`")?;
            fresh(*to, args[0], axes, &[*from])?;
            Ok(replaced(args[0], *from, &[Dim { axis: *to, size }]))
        }
        Op::Flatten { from, to } => {
            let mut size = 1;
            for axis in from {
                size *= need(*axis, args[0], axes, "`flatten`")?;
            }
            fresh(*to, args[0], axes, from)?;
            let mut dims = Vec::new();
            for dim in &args[0].dims {
                if dim.axis == from[0] {
                    dims.push(Dim { axis: *to, size });
                } else if !from.contains(&dim.axis) {
                    dims.push(*dim);
                }
            }
            Ok(Ty::new(args[0].kind, dims))
        }
        Op::Unflatten { from, to } => {
            let size = need(*from, args[0], axes, "`unflatten`")?;
            let product: usize = to.iter().map(|(_, size)| size).product();
            if product != size {
                let parts: Vec<_> =
                    to.iter().map(|(axis, size)| format!("`{}` {size}", axes.name(*axis))).collect();
                return Err(Complaint::new(
                    Code::AxisSize,
                    format!(
                        "`{}` has {size} entries, {} make {product}",
                        axes.name(*from),
                        parts.join(" × ")
                    ),
                )
                .operand(0, format!("this is {}", args[0].show(axes))));
            }
            for (axis, _) in to {
                fresh(*axis, args[0], axes, &[*from])?;
            }
            let dims: Vec<Dim> = to.iter().map(|(axis, size)| Dim { axis: *axis, size: *size }).collect();
            Ok(replaced(args[0], *from, &dims))
        }
        Op::Concat { parts, to } => concat(parts, *to, args, axes),
        Op::Unstack { axis } => {
            need(*axis, args[0], axes, "`unstack`")?;
            Ok(Ty::new(args[0].kind, args[0].dims.iter().filter(|dim| dim.axis != *axis).copied().collect()))
        }
        Op::Pad { axis, start, size, to } => {
            let old = need(*axis, args[0], axes, "`pad`")?;
            if start + old > *size {
                return Err(Complaint::new(
                    Code::AxisSize,
                    format!(
                        "`{}` has {old} entries already, more than the {size} to pad to",
                        axes.name(*axis)
                    ),
                )
                .operand(0, format!("this is {}", args[0].show(axes))));
            }
            Ok(replaced(args[0], *axis, &[Dim { axis: *to, size: *size }]))
        }
        Op::Cast(kind) => Ok(Ty::new(*kind, args[0].dims.clone())),
        Op::Detach => Ok(args[0].clone()),
        Op::Expand
        | Op::Scatter { .. }
        | Op::Input(_)
        | Op::State { .. }
        | Op::Fresh
        | Op::Steps
        | Op::Weight(_)
        | Op::EmbeddingRows(_)
        | Op::Repeat { .. }
        | Op::Fused
        | Op::LoopResult(_)
        | Op::Argument(_) => {
            Err(Complaint::new(Code::Kind, "the type of this operation is stated where it is made"))
        }
    }
}

/// Whole numbers that float64 tells from their neighbours are ints, all others floats: infinities too.
fn number_kind(value: f64) -> Kind {
    const EXACT: f64 = (1u64 << 53) as f64;
    if value.fract() == 0.0 && value.abs() <= EXACT { Kind::Int } else { Kind::Float }
}

fn gather(axis: AxisId, x: &Ty, index: &Ty, axes: &Axes) -> Result<Ty, Complaint> {
    need(axis, x, axes, "this lookup")?;
    match index.kind {
        Kind::Int => {}
        Kind::Index { axis: of, .. } if of == axis => {}
        Kind::Index { axis: of, .. } => {
            return Err(Complaint::new(
                Code::IndexAxis,
                format!("an index of `{}` is used on the axis `{}`", axes.name(of), axes.name(axis)),
            )
            .operand(1, format!("this is {}", index.show(axes)))
            .help(format!("it can only look up along `{}`", axes.name(of))));
        }
        _ => {
            return Err(Complaint::new(Code::Kind, "a lookup needs an index")
                .operand(1, format!("this is {}", index.show(axes)))
                .help(format!(
                    "an index of `{}` comes from the data, from `argmax` or from `top_k`",
                    axes.name(axis)
                )));
        }
    }
    if index.has(axis) {
        return Err(Complaint::new(
            Code::AxisUnexpected,
            format!("the index itself has the axis `{}`", axes.name(axis)),
        )
        .operand(1, format!("this is {}", index.show(axes)))
        .help("rename or reduce it first"));
    }
    let rest = Ty::new(x.kind, x.dims.iter().filter(|dim| dim.axis != axis).copied().collect());
    let shared = rest.dims.iter().any(|dim| index.has(dim.axis));
    if shared {
        return Ok(Ty::new(x.kind, broadcast(&[&rest, index], axes)?));
    }
    Ok(replaced(x, axis, &index.dims))
}

fn concat(parts: &[AxisId], to: AxisId, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    let mut size = 0;
    let mut kind = None;
    let mut rests = Vec::new();
    for (index, (part, ty)) in parts.iter().zip(args).enumerate() {
        let Some(own) = ty.size(*part) else {
            let mut complaint = missing(*part, ty, axes, "`concat`");
            complaint.operands = vec![(index, format!("this is {}", ty.show(axes)))];
            return Err(complaint);
        };
        size += own;
        kind = kind.map_or(Some(ty.kind), |kind: Kind| Some(kind.beside(ty.kind)));
        rests.push(replaced(ty, *part, &[Dim { axis: to, size: 1 }]));
    }
    let dims = broadcast(&rests.iter().collect::<Vec<_>>(), axes)?;
    Ok(Ty::new(
        kind.unwrap_or(Kind::Bool),
        dims.into_iter().map(|dim| if dim.axis == to { Dim { axis: to, size } } else { dim }).collect(),
    ))
}

fn need(axis: AxisId, ty: &Ty, axes: &Axes, what: &str) -> Result<usize, Complaint> {
    ty.size(axis).ok_or_else(|| missing(axis, ty, axes, what))
}

fn fresh(axis: AxisId, ty: &Ty, axes: &Axes, except: &[AxisId]) -> Result<(), Complaint> {
    if ty.has(axis) && !except.contains(&axis) {
        return Err(Complaint::new(
            Code::AxisUnexpected,
            format!("the value has an axis `{}` already", axes.name(axis)),
        )
        .operand(0, format!("this is {}", ty.show(axes))));
    }
    Ok(())
}

/// The type with one axis replaced by others, at its place.
pub fn replaced(ty: &Ty, axis: AxisId, with: &[Dim]) -> Ty {
    let dims =
        ty.dims.iter().flat_map(|dim| if dim.axis == axis { with.to_vec() } else { vec![*dim] }).collect();
    Ty::new(ty.kind, dims)
}
