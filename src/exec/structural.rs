//! Kernels of the structural operations: views where libtorch has one, copies where the memory order forces one.

use crate::ir::op::Op;
use crate::primitive::kernel::{align, align_all, torch_kind};
use crate::types::{AxisId, Dim, Ty};
use tch::{Device, Kind, TchError, Tensor};

/// Runs one structural operation on its operands.
pub(super) fn run(
    op: &Op,
    args: &[Tensor],
    tys: &[Ty],
    ty: &Ty,
    precision: Kind,
    device: Device,
) -> Result<Tensor, TchError> {
    let at = |axis: &AxisId| tys[0].position(*axis).unwrap_or(0) as i64;
    match op {
        Op::Select { axis, at: entry } => args[0].f_select(at(axis), *entry as i64),
        Op::Slice { axis, start, len, .. } => args[0].f_narrow(at(axis), *start as i64, *len as i64),
        Op::Rename { .. } => Ok(args[0].shallow_clone()),
        Op::Pick { axis } => pick(*axis, args, tys, ty),
        Op::Fold { from, .. } => {
            // The folded axes are brought together, in the order named, where the first one stands.
            let first = tys[0].position(from[0]).unwrap_or(0);
            let mut order: Vec<Dim> =
                tys[0].dims.iter().filter(|dim| !from[1..].contains(&dim.axis)).copied().collect();
            let here = order.iter().position(|dim| dim.axis == from[0]).unwrap_or(first);
            for (offset, axis) in from[1..].iter().enumerate() {
                let size = tys[0].size(*axis).unwrap_or(1);
                order.insert(here + 1 + offset, Dim { axis: *axis, size });
            }
            align(&args[0], &tys[0].dims, &order)?.f_reshape(ty.shape())
        }
        Op::Unfold { .. } => args[0].f_reshape(ty.shape()),
        Op::Expand => align_all(&args[0], &tys[0].dims, &ty.dims)?.f_expand(ty.shape(), false),
        Op::Concat { parts, to } => {
            let mut pieces = Vec::new();
            for ((piece, own), part) in args.iter().zip(tys).zip(parts) {
                let size = own.size(*part).unwrap_or(1);
                let swap = |axis: AxisId| {
                    if axis == *to {
                        Dim { axis: *part, size }
                    } else {
                        Dim { axis, size: ty.size(axis).unwrap_or(1) }
                    }
                };
                let wanted: Vec<Dim> = ty.dims.iter().map(|dim| swap(dim.axis)).collect();
                let shape: Vec<i64> = wanted.iter().map(|dim| dim.size as i64).collect();
                let piece = align_all(piece, &own.dims, &wanted)?.f_expand(&shape[..], false)?;
                pieces.push(piece.f_to_kind(torch_kind(ty.kind, precision))?);
            }
            Tensor::f_cat(&pieces, ty.position(*to).unwrap_or(0) as i64)
        }
        Op::StackOn { .. } => Tensor::f_stack(args, 0),
        Op::Pad { axis, size, .. } => {
            let place = tys[0].position(*axis).unwrap_or(0);
            let missing = *size as i64 - args[0].size()[place];
            // libtorch counts paddings from the last axis.
            let mut padding = vec![0i64; 2 * (tys[0].dims.len() - place)];
            let last = padding.len() - 1;
            padding[last] = missing;
            args[0].f_constant_pad_nd(&padding[..])
        }
        Op::Cast(kind) => args[0].f_to_kind(torch_kind(*kind, precision)),
        Op::Detach => args[0].f_detach(),
        _ => Tensor::f_zeros([0i64; 0], (Kind::Float, device)),
    }
}

/// Lookup along `axis`; absent indices (-100) read entry 0, whose value the author must not use.
fn pick(axis: AxisId, args: &[Tensor], tys: &[Ty], ty: &Ty) -> Result<Tensor, TchError> {
    let index = args[1].f_clamp_min(0)?;
    let place = tys[0].position(axis).unwrap_or(0);
    let shared = tys[1].axes().any(|own| tys[0].has(own));
    if !shared && place == 0 && tys[0].dims.len() == 2 {
        return Tensor::f_embedding(&args[0], &index, -1, false, false);
    }
    if !shared {
        return args[0].f_index_select(place as i64, &index.f_reshape([-1])?)?.f_reshape(ty.shape());
    }
    // Every axis of the result, then the one looked up along.
    let mut wanted = ty.dims.clone();
    wanted.push(tys[0].dims[place]);
    let mut shape = ty.shape();
    let x = align_all(&args[0], &tys[0].dims, &wanted)?;
    let index = align_all(&index, &tys[1].dims, &ty.dims)?.f_expand(&shape[..], false)?.f_unsqueeze(-1)?;
    shape.push(tys[0].dims[place].size as i64);
    x.f_expand(&shape[..], false)?.f_gather(-1, &index, false)?.f_squeeze_dim(-1)
}
