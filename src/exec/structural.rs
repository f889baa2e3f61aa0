//! Kernels of the structural operations: views where libtorch has one, copies where the memory order forces one.
//! Planned once for each instruction, as those of the primitives.

use crate::ir::op::Op;
use crate::primitive::kernel::{Kernel, Planner, TchResult, torch_kind};
use crate::primitive::{Call, View};
use crate::types::{AxisId, Dim};
use tch::Tensor;

/// The kernel of a structural operation; None of a source or a loop, which are no kernel's to run.
pub(super) fn plan(op: &Op, call: &Call, planner: &Planner) -> TchResult<Option<Kernel>> {
    if call.args.is_empty() {
        return Ok(None);
    }
    let x = call.plain(planner, 0)?;
    let at = |axis: &AxisId| call.position(0, *axis);
    let shape = call.ty.shape();
    let kernel: Kernel = match op {
        Op::Select { axis, at: entry } => {
            let (dim, entry) = (at(axis), *entry as i64);
            Box::new(move |_, args| x.of(args)?.f_select(dim, entry))
        }
        Op::Slice { axis, start, len, .. } => {
            let (dim, start, len) = (at(axis), *start as i64, *len as i64);
            Box::new(move |_, args| x.of(args)?.f_narrow(dim, start, len))
        }
        Op::Rename { .. } => Box::new(move |_, args| x.of(args)),
        Op::Unflatten { .. } => Box::new(move |_, args| x.of(args)?.f_reshape(&shape[..])),
        Op::Gather { axis } => return gather(*axis, call, planner).map(Some),
        Op::Flatten { from, .. } => {
            let view = View::whole(&call.args[0].dims, &flattening_order(call, from));
            Box::new(move |_, args| view.of(&x.of(args)?)?.f_reshape(&shape[..]))
        }
        Op::Expand if call.numbers[0].is_some() => {
            // Made anew each time: what a step gives is the caller's own.
            let (value, options) = (call.numbers[0].unwrap_or(0.0), (call.kind(), planner.device));
            Box::new(move |_, _| Tensor::f_full(&shape[..], value, options))
        }
        Op::Expand => {
            let view = View::whole(&call.args[0].dims, &call.ty.dims);
            Box::new(move |_, args| view.of(&x.of(args)?)?.f_expand(&shape[..], false))
        }
        Op::Concat { parts, to } => return concat(parts, *to, call, planner).map(Some),
        Op::Scatter { axis } => return scatter(*axis, call, planner).map(Some),
        Op::Pad { axis, start, size, .. } => {
            let place = call.args[0].position(*axis).unwrap_or(0);
            let missing = *size as i64 - *start as i64 - call.args[0].shape()[place];
            // libtorch counts paddings from the last axis.
            let mut padding = vec![0i64; 2 * (call.args[0].dims.len() - place)];
            if let [.., before, behind] = &mut padding[..] {
                (*before, *behind) = (*start as i64, missing);
            }
            Box::new(move |_, args| x.of(args)?.f_constant_pad_nd(&padding[..]))
        }
        Op::Cast(kind) => {
            let kind = torch_kind(*kind);
            Box::new(move |_, args| x.of(args)?.f_to_kind(kind))
        }
        Op::Detach => Box::new(move |_, args| x.of(args)?.f_detach()),
        Op::Input(_)
        | Op::State { .. }
        | Op::Fresh
        | Op::Steps
        | Op::Weight(_)
        | Op::EmbeddingRows(_)
        | Op::Number(_)
        | Op::Prim(..)
        | Op::Repeat { .. }
        | Op::Fused
        | Op::LoopResult(_)
        | Op::Argument(_)
        | Op::Unstack { .. }
        | Op::Iteration => return Ok(None),
    };
    Ok(Some(kernel))
}

/// The flattened axes are brought together, in the order named, where the first one stands.
fn flattening_order(call: &Call, from: &[AxisId]) -> Vec<Dim> {
    let own = &call.args[0];
    let mut order: Vec<Dim> = own.dims.iter().filter(|dim| !from[1..].contains(&dim.axis)).copied().collect();
    let here = order.iter().position(|dim| dim.axis == from[0]).unwrap_or(0);
    for (offset, axis) in from[1..].iter().enumerate() {
        let size = own.size(*axis).unwrap_or(1);
        order.insert(here + 1 + offset, Dim { axis: *axis, size });
    }
    order
}

fn concat(parts: &[AxisId], to: AxisId, call: &Call, planner: &Planner) -> TchResult<Kernel> {
    let mut pieces = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let own = &call.args[index];
        let size = own.size(*part).unwrap_or(1);
        let wanted: Vec<Dim> = call
            .ty
            .dims
            .iter()
            .map(|dim| if dim.axis == to { Dim { axis: *part, size } } else { *dim })
            .collect();
        let shape: Vec<i64> = wanted.iter().map(|dim| dim.size as i64).collect();
        pieces.push((call.plain(planner, index)?, View::whole(&own.dims, &wanted), shape));
    }
    let (dim, kind) = (call.ty.position(to).unwrap_or(0) as i64, call.kind());
    Ok(Box::new(move |_, args| {
        let piece = |(operand, view, shape): &(crate::primitive::kernel::Operand, View, Vec<i64>)| {
            view.of(&operand.of(args)?)?.f_expand(&shape[..], false)?.f_to_kind(kind)
        };
        Tensor::f_cat(&pieces.iter().map(piece).collect::<TchResult<Vec<_>>>()?, dim)
    }))
}

/// Lookup along `axis`; absent indices (-100) read entry 0, whose value the author must not use.
fn gather(axis: AxisId, call: &Call, planner: &Planner) -> TchResult<Kernel> {
    let (x, index) = (call.plain(planner, 0)?, call.plain(planner, 1)?);
    let place = call.args[0].position(axis).unwrap_or(0);
    let shared = call.args[1].axes().any(|own| call.args[0].has(own));
    let mut shape = call.ty.shape();
    if !shared && place == 0 && call.args[0].dims.len() == 2 {
        return Ok(Box::new(move |_, args| {
            Tensor::f_embedding(&x.of(args)?, &index.of(args)?.f_clamp_min(0)?, -1, false, false)
        }));
    }
    if !shared {
        return Ok(Box::new(move |_, args| {
            let index = index.of(args)?.f_clamp_min(0)?.f_reshape([-1])?;
            x.of(args)?.f_index_select(place as i64, &index)?.f_reshape(&shape[..])
        }));
    }
    // Every axis of the result, then the one looked up along.
    let mut wanted = call.ty.dims.clone();
    wanted.push(call.args[0].dims[place]);
    let places = shape.clone();
    shape.push(call.args[0].dims[place].size as i64);
    let whole = View::whole(&call.args[0].dims, &wanted);
    let chosen = View::whole(&call.args[1].dims, &call.ty.dims);
    Ok(Box::new(move |_, args| {
        let index = chosen.of(&index.of(args)?.f_clamp_min(0)?)?;
        let index = index.f_expand(&places[..], false)?.f_unsqueeze(-1)?;
        let x = whole.of(&x.of(args)?)?.f_expand(&shape[..], false)?;
        x.f_gather(-1, &index, false)?.f_squeeze_dim(-1)
    }))
}

/// The adjoint of a lookup: (axes that operand and index share, other axes of the index, other axes of the operand).
fn scatter(axis: AxisId, call: &Call, planner: &Planner) -> TchResult<Kernel> {
    let (y, index) = (call.plain(planner, 0)?, call.plain(planner, 1)?);
    let (whole, looked_up) = (&call.ty, &call.args[1]);
    let shared: Vec<Dim> = looked_up.dims.iter().filter(|dim| whole.has(dim.axis)).copied().collect();
    let places: Vec<Dim> = looked_up.dims.iter().filter(|dim| !whole.has(dim.axis)).copied().collect();
    let others: Vec<Dim> =
        whole.dims.iter().filter(|dim| dim.axis != axis && !looked_up.has(dim.axis)).copied().collect();
    let count = |dims: &[Dim]| -> i64 { dims.iter().map(|dim| dim.size as i64).product() };
    let sizes = |middle: i64| -> Vec<i64> {
        let outer = shared.iter().map(|dim| dim.size as i64);
        outer.chain([middle, count(&others)]).collect()
    };
    let entries = whole.size(axis).unwrap_or(1);
    let (flat, target) = (sizes(count(&places)), sizes(entries as i64));
    let order = |dims: &[&[Dim]]| -> Vec<Dim> { dims.iter().flat_map(|dims| dims.iter().copied()).collect() };
    let arranged = View::whole(&call.args[0].dims, &order(&[&shared, &places, &others]));
    let chosen = View::whole(&looked_up.dims, &order(&[&shared, &places]));
    let given = order(&[&shared, &[Dim { axis, size: entries }], &others]);
    let shape: Vec<i64> = given.iter().map(|dim| dim.size as i64).collect();
    let back = View::whole(&given, &whole.dims);
    let (dim, options) = (shared.len() as i64, (call.kind(), planner.device));
    let narrow = [flat[..flat.len() - 1].to_vec(), vec![1]].concat();
    Ok(Box::new(move |_, args| {
        let y = arranged.of(&y.of(args)?)?.f_reshape(&flat[..])?.f_to_kind(options.0)?;
        let index = chosen.of(&index.of(args)?.f_clamp_min(0)?)?;
        let index = index.f_reshape(&narrow[..])?.f_expand(&flat[..], false)?;
        let sums = Tensor::f_zeros(&target[..], options)?.f_scatter_add(dim, &index, &y)?;
        back.of(&sums.f_reshape(&shape[..])?)
    }))
}
