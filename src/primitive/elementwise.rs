//! Elementwise arithmetic, comparison and functions. Operands meet by axis name; a name that one side lacks
//! is broadcast.

use super::Attrs;
#[cfg(feature = "torch")]
use super::kernel;
use super::{Complaint, Gradient, Primitive, Takes, as_float, broadcast, per_element};
use crate::diagnostic::Code;
use crate::types::{Axes, Kind, Ty};

fn arithmetic(_: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    let dims = broadcast(args, axes)?;
    let kind = args.iter().fold(Kind::Bool, |kind, ty| kind.promote(ty.kind));
    Ok(Ty::new(if kind == Kind::Bool { Kind::Int } else { kind }, dims))
}

fn division(attrs: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    let ty = arithmetic(attrs, args, axes)?;
    Ok(Ty::new(as_float(ty.kind), ty.dims))
}

fn comparison(_: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
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

fn logic(_: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    for (index, ty) in args.iter().enumerate() {
        if ty.kind != Kind::Bool {
            return Err(Complaint::new(Code::Kind, "`and`, `or` and `not` need bools")
                .operand(index, format!("this is {}", ty.show(axes)))
                .help("compare it first, e.g. `x > 0`"));
        }
    }
    Ok(Ty::new(Kind::Bool, broadcast(args, axes)?))
}

fn same(_: &Attrs, args: &[&Ty], _: &Axes) -> Result<Ty, Complaint> {
    let kind = match args[0].kind {
        Kind::Bool | Kind::Index { .. } => Kind::Int,
        kind => kind,
    };
    Ok(Ty::new(kind, args[0].dims.clone()))
}

fn function(_: &Attrs, args: &[&Ty], _: &Axes) -> Result<Ty, Complaint> {
    Ok(Ty::new(as_float(args[0].kind), args[0].dims.clone()))
}

fn choice(_: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    if args[0].kind != Kind::Bool {
        return Err(Complaint::new(Code::Kind, "the first argument of `where` must be a bool")
            .operand(0, format!("this is {}", args[0].show(axes)))
            .help("compare it first, e.g. `x > 0`"));
    }
    Ok(Ty::new(args[1].kind.promote(args[2].kind), broadcast(args, axes)?))
}

fn presence(_: &Attrs, args: &[&Ty], axes: &Axes) -> Result<Ty, Complaint> {
    match args[0].kind {
        Kind::Index { .. } => Ok(Ty::new(Kind::Bool, args[0].dims.clone())),
        _ => Err(Complaint::new(Code::Kind, "`present` asks an optional index whether it is there")
            .operand(0, format!("this is {}", args[0].show(axes)))),
    }
}

fn one(_: &Attrs, _: &[&Ty], ty: &Ty) -> u64 {
    per_element(1, ty)
}

fn some(_: &Attrs, _: &[&Ty], ty: &Ty) -> u64 {
    per_element(4, ty)
}

macro_rules! row {
    ($id:ident, $name:literal, $about:literal, $n:literal, $infer:ident, $flops:ident, $gradient:ident, $kernel:expr) => {
        #[doc = $about]
        pub static $id: Primitive = Primitive {
            name: $name,
            about: $about,
            operands: ($n, $n),
            over: Takes::Nothing,
            along: Takes::Nothing,
            into: Takes::Nothing,
            constants: &[],
            gradient: Gradient::$gradient,
            random: false,
            infer: $infer,
            flops: $flops,
            #[cfg(feature = "torch")]
            kernel: $kernel,
        };
    };
}

row!(ADD, "add", "`a + b`", 2, arithmetic, one, Flows, |c, _| c.binary(
    |a, b| a.f_add(b),
    |a, b| a.f_add_(b),
    |a, b| b.f_add(a)
));
row!(SUB, "sub", "`a - b`", 2, arithmetic, one, Flows, |c, _| c.binary(
    |a, b| a.f_sub(b),
    |a, b| a.f_sub_(b),
    |a, b| b.f_neg()?.f_add(a)
));
row!(MUL, "mul", "`a * b`", 2, arithmetic, one, Flows, |c, _| c.binary(
    |a, b| a.f_mul(b),
    |a, b| a.f_mul_(b),
    |a, b| b.f_mul(a)
));
row!(DIV, "div", "`a / b`", 2, division, one, Flows, |c, _| c.binary(
    |a, b| a.f_div(b),
    |a, b| a.f_div_(b),
    |a, b| a.f_div(&kernel::widened(b)?)
));
row!(POW, "pow", "`a ^ b`", 2, arithmetic, some, Flows, |c, p| c.power(p));
row!(MAXIMUM, "maximum", "`max(a, b)`, elementwise", 2, arithmetic, one, Flows, |c, p| c
    .pair(p, |a, b| a.f_maximum(b)));
row!(MINIMUM, "minimum", "`min(a, b)`, elementwise", 2, arithmetic, one, Flows, |c, p| c
    .pair(p, |a, b| a.f_minimum(b)));
row!(LT, "lt", "`a < b`", 2, comparison, one, Stops, |c, p| c.compare(p, |a, b| a.f_lt_tensor(b)));
row!(LE, "le", "`a <= b`", 2, comparison, one, Stops, |c, p| c.compare(p, |a, b| a.f_le_tensor(b)));
row!(GT, "gt", "`a > b`", 2, comparison, one, Stops, |c, p| c.compare(p, |a, b| a.f_gt_tensor(b)));
row!(GE, "ge", "`a >= b`", 2, comparison, one, Stops, |c, p| c.compare(p, |a, b| a.f_ge_tensor(b)));
row!(EQ, "eq", "`a == b`", 2, comparison, one, Stops, |c, p| c.compare(p, |a, b| a.f_eq_tensor(b)));
row!(NE, "ne", "`a != b`", 2, comparison, one, Stops, |c, p| c.compare(p, |a, b| a.f_ne_tensor(b)));
row!(AND, "and", "`a and b`", 2, logic, one, Stops, |c, p| c.pair(p, |a, b| a.f_logical_and(b)));
row!(OR, "or", "`a or b`", 2, logic, one, Stops, |c, p| c.pair(p, |a, b| a.f_logical_or(b)));
row!(NOT, "not", "`not a`", 1, logic, one, Stops, |c, p| c.unary(
    p,
    |a| a.f_logical_not(),
    |a| a.f_logical_not_()
));
row!(NEG, "neg", "`-a`", 1, same, one, Flows, |c, p| c.unary(p, |a| a.f_neg(), |a| a.f_neg_()));
row!(EXP, "exp", "e to the power of each element", 1, function, some, Flows, |c, p| c.unary(
    p,
    |a| a.f_exp(),
    |a| a.f_exp_()
));
row!(LOG, "log", "natural logarithm", 1, function, some, Flows, |c, p| c.unary(
    p,
    |a| a.f_log(),
    |a| a.f_log_()
));
row!(SQRT, "sqrt", "square root", 1, function, some, Flows, |c, p| c.unary(
    p,
    |a| a.f_sqrt(),
    |a| a.f_sqrt_()
));
row!(RSQRT, "rsqrt", "one over the square root", 1, function, some, Flows, |c, p| c.unary(
    p,
    |a| a.f_rsqrt(),
    |a| a.f_rsqrt_()
));
row!(ABS, "abs", "absolute value", 1, same, one, Flows, |c, p| c.unary(p, |a| a.f_abs(), |a| a.f_abs_()));
row!(SIGN, "sign", "-1, 0 or 1; its gradient is zero", 1, same, one, Stops, |c, p| c.unary(
    p,
    |a| a.f_sign(),
    |a| a.f_sign_()
));
row!(FLOOR, "floor", "the next whole number below; its gradient is zero", 1, same, one, Stops, |c, p| c
    .unary(p, |a| a.f_floor(), |a| a.f_floor_()));
row!(SIN, "sin", "sine", 1, function, some, Flows, |c, p| c.unary(p, |a| a.f_sin(), |a| a.f_sin_()));
row!(COS, "cos", "cosine", 1, function, some, Flows, |c, p| c.unary(p, |a| a.f_cos(), |a| a.f_cos_()));
row!(SIGMOID, "sigmoid", "1 / (1 + exp(-x))", 1, function, some, Flows, |c, p| c.unary(
    p,
    |a| a.f_sigmoid(),
    |a| a.f_sigmoid_()
));
row!(TANH, "tanh", "hyperbolic tangent", 1, function, some, Flows, |c, p| c.unary(
    p,
    |a| a.f_tanh(),
    |a| a.f_tanh_()
));
row!(SILU, "silu", "x · sigmoid(x)", 1, function, some, Flows, |c, p| c.unary(
    p,
    |a| a.f_silu(),
    |a| a.f_silu_()
));
row!(GELU, "gelu", "x · Φ(x), by the error function", 1, function, some, Flows, |c, p| c.unary(
    p,
    |a| a.f_gelu("none"),
    |a| a.f_gelu("none")
));
row!(RELU, "relu", "max(x, 0)", 1, same, one, Flows, |c, p| c.unary(p, |a| a.f_relu(), |a| a.f_relu_()));
row!(WHERE, "where", "`a` where the condition holds, `b` elsewhere", 3, choice, one, Flows, |c, p| c
    .choose(p));
row!(PRESENT, "present", "whether an optional index is there (bool)", 1, presence, one, Stops, |c, p| c
    .unary(p, |a| a.f_ge(0), |a| a.f_ge_(0)));
