//! Types and costs of what is computed element by element: from the operands' types to the result's.

use crate::diagnostic::Code;
use crate::primitive::{Attrs, Complaint, as_float, broadcast, per_element};
use crate::types::{Axes, Kind, Ty};

pub(super) fn arithmetic(_: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    let dims = broadcast(args, axes)?;
    let kind = args.iter().fold(Kind::Bool, |kind, ty| kind.promote(ty.kind));
    Ok(Ty::new(if kind == Kind::Bool { Kind::Int } else { kind }, dims))
}

pub(super) fn division(attrs: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    let ty = arithmetic(attrs, args, axes)?;
    Ok(Ty::new(as_float(ty.kind), ty.dims))
}

pub(super) fn comparison(_: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    if let (Kind::Index { axis: a, .. }, Kind::Index { axis: b, .. }) = (args[0].kind, args[1].kind)
        && a != b
    {
        return Err(Complaint::new(
            Code::IndexAxis,
            format!("an index of `{}` is compared with an index of `{}`", axes.name(a), axes.name(b)),
        )
        .operand(0, format!("this is {}", args[0].show(axes)))
        .operand(1, format!("this is {}", args[1].show(axes))));
    }
    Ok(Ty::new(Kind::Bool, broadcast(args, axes)?))
}

pub(super) fn logic(_: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    for (index, ty) in args.iter().enumerate() {
        if ty.kind != Kind::Bool {
            return Err(Complaint::new(Code::Kind, "`and`, `or` and `not` need bools")
                .operand(index, format!("this is {}", ty.show(axes)))
                .help("compare it first, e.g. `x > 0`"));
        }
    }
    Ok(Ty::new(Kind::Bool, broadcast(args, axes)?))
}

pub(super) fn same(_: &Attrs, args: &[&Ty], _: &Axes) -> Result<Ty, Complaint> {
    let kind = match args[0].kind {
        Kind::Bool | Kind::Index { .. } => Kind::Int,
        kind => kind,
    };
    Ok(Ty::new(kind, args[0].dims.clone()))
}

pub(super) fn function(_: &Attrs, args: &[&Ty], _: &Axes) -> Result<Ty, Complaint> {
    Ok(Ty::new(as_float(args[0].kind), args[0].dims.clone()))
}

pub(super) fn choice(_: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    if args[0].kind != Kind::Bool {
        return Err(Complaint::new(Code::Kind, "the first argument of `where` must be a bool")
            .operand(0, format!("this is {}", args[0].show(axes)))
            .help("compare it first, e.g. `x > 0`"));
    }
    Ok(Ty::new(args[1].kind.beside(args[2].kind), broadcast(args, axes)?))
}

pub(super) fn presence(_: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    match args[0].kind {
        Kind::Index { .. } => Ok(Ty::new(Kind::Bool, args[0].dims.clone())),
        _ => Err(Complaint::new(Code::Kind, "`present` asks an optional index whether it is there")
            .operand(0, format!("this is {}", args[0].show(axes)))),
    }
}

pub(super) fn one(_: &Attrs, _: &[&Ty], ty: &Ty) -> u64 {
    per_element(1, ty)
}

pub(super) fn some(_: &Attrs, _: &[&Ty], ty: &Ty) -> u64 {
    per_element(4, ty)
}
