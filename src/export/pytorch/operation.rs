//! The line of PyTorch for each operation that is no primitive; primitives have theirs in their own files.

use crate::ir::op::Op;
use crate::primitive::pytorch::{PyTorch, dtype, literal, shape, size};
use crate::primitive::{Call, View};
use crate::types::{AxisId, Dim, Kind, Ty};

/// What cannot be written, which is totc's own error.
#[derive(Debug, thiserror::Error)]
#[error(
    "internal error: the graph of an evaluation step holds `{what}`, which has no line of PyTorch; please report it"
)]
pub struct ExportError {
    /// The operation.
    pub what: String,
}

/// The expression of an operation whose operands have these types and are, perhaps, numbers; None where it has none.
pub(super) fn expression(
    op: &Op,
    args: Vec<Ty>,
    numbers: Vec<Option<f64>>,
    ty: &Ty,
    batch: Option<AxisId>,
) -> Option<String> {
    let attrs = if let Op::Prim(_, attrs) = op { attrs.clone() } else { Default::default() };
    let call = Call { attrs, args, numbers, ty: ty.clone(), in_place: false, training: false, batch };
    let from_end = |axis: &AxisId| call.py_from_end(0, *axis);
    let behind = |axis: &AxisId| ", :".repeat((-1 - from_end(axis)).max(0) as usize);
    Some(match op {
        Op::Prim(id, _) => match id.get().pytorch {
            PyTorch::Line(line) => line(&call),
            PyTorch::Never => return None,
        },
        Op::Select { axis, at } => format!("{}[..., {at}{}]", call.py_tensor(0), behind(axis)),
        Op::Slice { axis, start, len, .. } => {
            format!("{}[..., {start}:{}{}]", call.py_tensor(0), start + len, behind(axis))
        }
        Op::Unflatten { from, to } => {
            let dims: Vec<Dim> = to.iter().map(|(axis, size)| Dim { axis: *axis, size: *size }).collect();
            format!("{}.unflatten({}, {})", call.py_tensor(0), from_end(from), shape(&dims, batch))
        }
        Op::Flatten { from, to } => flatten(&call, from, *to),
        Op::Gather { axis } => gather(&call, *axis),
        Op::EmbeddingRows(_) => "F.embedding({0}.clamp(min=0), {1})".to_owned(),
        Op::Expand => match call.numbers[0] {
            Some(value) => format!(
                "torch.full({}, {}, dtype={}, device={{f}}.device)",
                call.py_shape(),
                literal(value, ty.kind),
                dtype(ty.kind)
            ),
            None => expanded(&call, 0, &ty.dims),
        },
        Op::Concat { parts, to } => concat(&call, parts, *to),
        Op::Pad { axis, start, size, .. } => {
            let own = call.args[0].size(*axis)?;
            let further = "0, 0, ".repeat((-1 - from_end(axis)).max(0) as usize);
            format!("F.pad({}, ({further}{start}, {}))", call.py_tensor(0), size - start - own)
        }
        Op::Cast(kind) => format!("{}.to({})", call.py_tensor(0), dtype(*kind)),
        Op::Rename { .. } => call.py_tensor(0),
        Op::Detach => format!("{}.detach()", call.py_tensor(0)),
        Op::Input(_)
        | Op::State { .. }
        | Op::Fresh
        | Op::Steps
        | Op::Weight(_)
        | Op::Number(_)
        | Op::Repeat { .. }
        | Op::Fused
        | Op::LoopResult(_)
        | Op::Argument(_)
        | Op::Iteration
        | Op::Scatter { .. }
        | Op::Unstack { .. } => return None,
    })
}

/// Operand `at` broadcast to `dims`.
fn expanded(call: &Call, at: usize, dims: &[Dim]) -> String {
    let own = &call.args[at];
    let text = View::whole(&own.dims, dims).python(&call.py_tensor(at), own.dims.len());
    if dims.iter().all(|dim| own.size(dim.axis) == Some(dim.size)) {
        return text;
    }
    let sizes = dims.iter().map(|dim| match own.has(dim.axis) {
        true => "-1".to_owned(),
        false => size(dim, call.batch),
    });
    format!("{text}.expand({})", sizes.collect::<Vec<_>>().join(", "))
}

/// The axes are brought together where the first stands, in the order named.
fn flatten(call: &Call, from: &[AxisId], to: AxisId) -> String {
    let own = &call.args[0];
    let mut order: Vec<Dim> = own.dims.iter().filter(|dim| !from[1..].contains(&dim.axis)).copied().collect();
    let here = order.iter().position(|dim| dim.axis == from[0]).unwrap_or(0);
    let further = from[1..].iter().filter_map(|axis| own.dims.iter().find(|dim| dim.axis == *axis));
    for (offset, dim) in further.enumerate() {
        order.insert(here + 1 + offset, *dim);
    }
    let text = View::whole(&own.dims, &order).python(&call.py_tensor(0), own.dims.len());
    let rank = order.len() as i64;
    let first = here as i64 - rank;
    match from.len() {
        1 if call.ty.has(to) => text,
        many => format!("{text}.flatten({first}, {})", first + many as i64 - 1),
    }
}

/// Lookup along `axis`; absent indices (-100) read entry 0, whose value is not used.
fn gather(call: &Call, axis: AxisId) -> String {
    let (x, index) = (&call.args[0], &call.args[1]);
    let optional = matches!(index.kind, Kind::Index { optional: true, .. });
    let at = if optional { format!("{}.clamp(min=0)", call.py_tensor(1)) } else { call.py_tensor(1) };
    if !index.axes().any(|own| x.has(own)) {
        if x.dims.len() == 2 && x.dims[0].axis == axis {
            return format!("F.embedding({at}, {})", call.py_tensor(0));
        }
        let behind = ", :".repeat((-1 - call.py_from_end(0, axis)).max(0) as usize);
        return format!("{}[..., {at}{behind}]", call.py_tensor(0));
    }
    // Every axis of the result, then the one looked up along.
    let looked_up: Vec<Dim> = x.dims.iter().filter(|dim| dim.axis == axis).copied().collect();
    let wanted = [&call.ty.dims[..], &looked_up[..]].concat();
    let whole = expanded(call, 0, &wanted);
    let chosen = View::whole(&index.dims, &call.ty.dims).python(&at, index.dims.len());
    let sizes = call.ty.dims.iter().map(|dim| match index.has(dim.axis) {
        true => "-1".to_owned(),
        false => size(dim, call.batch),
    });
    let chosen = match call.ty.dims.iter().all(|dim| index.has(dim.axis)) {
        true => chosen,
        false => format!("{chosen}.expand({})", sizes.collect::<Vec<_>>().join(", ")),
    };
    format!("torch.gather({whole}, -1, {chosen}.unsqueeze(-1)).squeeze(-1)")
}

fn concat(call: &Call, parts: &[AxisId], to: AxisId) -> String {
    let place = call.ty.position(to).unwrap_or(0) as i64 - call.ty.dims.len() as i64;
    let pieces = parts.iter().enumerate().map(|(at, part)| {
        let own = call.args[at].size(*part).unwrap_or(1);
        let wanted: Vec<Dim> = call
            .ty
            .dims
            .iter()
            .map(|dim| if dim.axis == to { Dim { axis: *part, size: own } } else { *dim })
            .collect();
        let text = expanded(call, at, &wanted);
        let cast = dtype(call.args[at].kind) != dtype(call.ty.kind);
        if cast { format!("{text}.to({})", dtype(call.ty.kind)) } else { text }
    });
    format!("torch.cat([{}], dim={place})", pieces.collect::<Vec<_>>().join(", "))
}
