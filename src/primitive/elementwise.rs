//! Elementwise arithmetic, comparison and functions. Operands meet by axis name; a name that one side lacks
//! is broadcast.

mod derivative;
mod infer;

#[cfg(feature = "torch")]
use super::kernel;
use super::{Call, Chained, Derivative, Primitive, PyTorch, Takes};
use infer::{arithmetic, choice, comparison, division, function, logic, one, presence, same, some};
use totc_kernels::fused::Op;

macro_rules! row {
    ($id:ident, $name:literal, $about:expr, $pytorch:expr, $n:literal, $infer:ident, $flops:ident, $derivative:expr, $chained:expr, $kernel:expr) => {
        #[doc = $about]
        pub static $id: Primitive = Primitive {
            name: $name,
            about: $about,
            operands: ($n, $n),
            over: Takes::Nothing,
            along: Takes::Nothing,
            into: Takes::Nothing,
            constants: &[],
            derivative: $derivative,
            chained: $chained,
            pytorch: $pytorch,
            random: false,
            infer: $infer,
            flops: $flops,
            #[cfg(feature = "torch")]
            kernel: $kernel,
        };
    };
}

/// `a < b` and its kin, by the operator that this language and Python have in common.
macro_rules! comparison {
    ($id:ident, $name:literal, $operator:literal, $op:expr, $kernel:ident) => {
        row!(
            $id,
            $name,
            concat!("`a ", $operator, " b`"),
            PyTorch::Line(|c| c.py_binary($operator)),
            2,
            comparison,
            one,
            Derivative::Stops,
            Chained::Each($op),
            |c, p| c.compare(p, |a, b| a.$kernel(b))
        );
    };
}

row!(
    ADD,
    "add",
    "`a + b`",
    PyTorch::Line(|c| c.py_binary("+")),
    2,
    arithmetic,
    one,
    Derivative::Rule(derivative::add),
    Chained::Each(Op::Add),
    |c, _| c.binary(|a, b| a.f_add(b), |a, b| a.f_add_(b), |a, b| b.f_add(a))
);
row!(
    SUB,
    "sub",
    "`a - b`",
    PyTorch::Line(|c| c.py_binary("-")),
    2,
    arithmetic,
    one,
    Derivative::Rule(derivative::sub),
    Chained::Each(Op::Sub),
    |c, _| c.binary(|a, b| a.f_sub(b), |a, b| a.f_sub_(b), |a, b| b.f_neg()?.f_add(a))
);
row!(
    MUL,
    "mul",
    "`a * b`",
    PyTorch::Line(|c| c.py_binary("*")),
    2,
    arithmetic,
    one,
    Derivative::Rule(derivative::mul),
    Chained::Each(Op::Mul),
    |c, _| c.binary(|a, b| a.f_mul(b), |a, b| a.f_mul_(b), |a, b| b.f_mul(a))
);
row!(
    DIV,
    "div",
    "`a / b`",
    PyTorch::Line(|c| c.py_binary("/")),
    2,
    division,
    one,
    Derivative::Rule(derivative::div),
    Chained::Each(Op::Div),
    |c, _| c.binary(|a, b| a.f_div(b), |a, b| a.f_div_(b), |a, b| a.f_div(&kernel::widened(b)?))
);
row!(
    POW,
    "pow",
    "`a ^ b`",
    PyTorch::Line(|c| c.py_binary("**")),
    2,
    arithmetic,
    some,
    Derivative::Rule(derivative::pow),
    Chained::Each(Op::Pow),
    |c, p| c.power(p)
);
row!(
    MAXIMUM,
    "maximum",
    "`max(a, b)`, elementwise",
    PyTorch::Line(|c| c.py_extreme("maximum", "min")),
    2,
    arithmetic,
    one,
    Derivative::Rule(derivative::maximum),
    Chained::Each(Op::Maximum),
    |c, p| c.pair(p, |a, b| a.f_maximum(b))
);
row!(
    MINIMUM,
    "minimum",
    "`min(a, b)`, elementwise",
    PyTorch::Line(|c| c.py_extreme("minimum", "max")),
    2,
    arithmetic,
    one,
    Derivative::Rule(derivative::minimum),
    Chained::Each(Op::Minimum),
    |c, p| c.pair(p, |a, b| a.f_minimum(b))
);
comparison!(LT, "lt", "<", Op::Lt, f_lt_tensor);
comparison!(LE, "le", "<=", Op::Le, f_le_tensor);
comparison!(GT, "gt", ">", Op::Gt, f_gt_tensor);
comparison!(GE, "ge", ">=", Op::Ge, f_ge_tensor);
comparison!(EQ, "eq", "==", Op::Eq, f_eq_tensor);
comparison!(NE, "ne", "!=", Op::Ne, f_ne_tensor);
row!(
    AND,
    "and",
    "`a and b`",
    PyTorch::Line(|c| c.py_binary("&")),
    2,
    logic,
    one,
    Derivative::Stops,
    Chained::Each(Op::And),
    |c, p| c.pair(p, |a, b| a.f_logical_and(b))
);
row!(
    OR,
    "or",
    "`a or b`",
    PyTorch::Line(|c| c.py_binary("|")),
    2,
    logic,
    one,
    Derivative::Stops,
    Chained::Each(Op::Or),
    |c, p| c.pair(p, |a, b| a.f_logical_or(b))
);
row!(
    NOT,
    "not",
    "`not a`",
    PyTorch::Line(|c| format!("~{}", c.py_tensor(0))),
    1,
    logic,
    one,
    Derivative::Stops,
    Chained::Each(Op::Not),
    |c, p| c.unary(p, |a| a.f_logical_not(), |a| a.f_logical_not_())
);
row!(
    NEG,
    "neg",
    "`-a`",
    PyTorch::Line(|c| c.py_unary("-")),
    1,
    same,
    one,
    Derivative::Rule(derivative::neg),
    Chained::Each(Op::Neg),
    |c, p| c.unary(p, |a| a.f_neg(), |a| a.f_neg_())
);
row!(
    EXP,
    "exp",
    "e to the power of each element",
    PyTorch::Line(|c| c.py_unary("torch.exp")),
    1,
    function,
    some,
    Derivative::Rule(derivative::exp),
    Chained::Each(Op::Exp),
    |c, p| c.unary(p, |a| a.f_exp(), |a| a.f_exp_())
);
row!(
    LOG,
    "log",
    "natural logarithm",
    PyTorch::Line(|c| c.py_unary("torch.log")),
    1,
    function,
    some,
    Derivative::Rule(derivative::log),
    Chained::Each(Op::Log),
    |c, p| c.unary(p, |a| a.f_log(), |a| a.f_log_())
);
row!(
    SQRT,
    "sqrt",
    "square root",
    PyTorch::Line(|c| c.py_unary("torch.sqrt")),
    1,
    function,
    some,
    Derivative::Rule(derivative::sqrt),
    Chained::Each(Op::Sqrt),
    |c, p| c.unary(p, |a| a.f_sqrt(), |a| a.f_sqrt_())
);
row!(
    RSQRT,
    "rsqrt",
    "one over the square root",
    PyTorch::Line(|c| c.py_unary("torch.rsqrt")),
    1,
    function,
    some,
    Derivative::Rule(derivative::rsqrt),
    Chained::Each(Op::Rsqrt),
    |c, p| c.unary(p, |a| a.f_rsqrt(), |a| a.f_rsqrt_())
);
row!(
    ABS,
    "abs",
    "absolute value",
    PyTorch::Line(|c| c.py_unary("torch.abs")),
    1,
    same,
    one,
    Derivative::Rule(derivative::abs),
    Chained::Each(Op::Abs),
    |c, p| c.unary(p, |a| a.f_abs(), |a| a.f_abs_())
);
row!(
    SIGN,
    "sign",
    "-1, 0 or 1; its gradient is zero",
    PyTorch::Line(|c| c.py_unary("torch.sign")),
    1,
    same,
    one,
    Derivative::Stops,
    Chained::Each(Op::Sign),
    |c, p| c.unary(p, |a| a.f_sign(), |a| a.f_sign_())
);
row!(
    FLOOR,
    "floor",
    "the next whole number below; its gradient is zero",
    PyTorch::Line(|c| c.py_unary("torch.floor")),
    1,
    same,
    one,
    Derivative::Stops,
    Chained::Each(Op::Floor),
    |c, p| c.unary(p, |a| a.f_floor(), |a| a.f_floor_())
);
row!(
    SIN,
    "sin",
    "sine",
    PyTorch::Line(|c| c.py_unary("torch.sin")),
    1,
    function,
    some,
    Derivative::Rule(derivative::sin),
    Chained::Each(Op::Sin),
    |c, p| c.unary(p, |a| a.f_sin(), |a| a.f_sin_())
);
row!(
    COS,
    "cos",
    "cosine",
    PyTorch::Line(|c| c.py_unary("torch.cos")),
    1,
    function,
    some,
    Derivative::Rule(derivative::cos),
    Chained::Each(Op::Cos),
    |c, p| c.unary(p, |a| a.f_cos(), |a| a.f_cos_())
);
row!(
    SIGMOID,
    "sigmoid",
    "1 / (1 + exp(-x))",
    PyTorch::Line(|c| c.py_unary("torch.sigmoid")),
    1,
    function,
    some,
    Derivative::Rule(derivative::sigmoid),
    Chained::Each(Op::Sigmoid),
    |c, p| c.unary(p, |a| a.f_sigmoid(), |a| a.f_sigmoid_())
);
row!(
    TANH,
    "tanh",
    "hyperbolic tangent",
    PyTorch::Line(|c| c.py_unary("torch.tanh")),
    1,
    function,
    some,
    Derivative::Rule(derivative::tanh),
    Chained::Each(Op::Tanh),
    |c, p| c.unary(p, |a| a.f_tanh(), |a| a.f_tanh_())
);
row!(
    SILU,
    "silu",
    "x · sigmoid(x)",
    PyTorch::Line(|c| c.py_unary("F.silu")),
    1,
    function,
    some,
    Derivative::Rule(derivative::silu),
    Chained::Each(Op::Silu),
    |c, p| c.unary(p, |a| a.f_silu(), |a| a.f_silu_())
);
row!(
    GELU,
    "gelu",
    "x · Φ(x), by the error function",
    PyTorch::Line(|c| c.py_unary("F.gelu")),
    1,
    function,
    some,
    Derivative::Rule(derivative::gelu),
    Chained::Never,
    |c, p| c.unary(p, |a| a.f_gelu("none"), |a| a.f_gelu("none"))
);
row!(
    RELU,
    "relu",
    "max(x, 0)",
    PyTorch::Line(|c| c.py_unary("torch.relu")),
    1,
    same,
    one,
    Derivative::Rule(derivative::relu),
    Chained::Each(Op::Relu),
    |c, p| c.unary(p, |a| a.f_relu(), |a| a.f_relu_())
);
row!(
    WHERE,
    "where",
    "`a` where the condition holds, `b` elsewhere",
    PyTorch::Line(Call::py_choose),
    3,
    choice,
    one,
    Derivative::Rule(derivative::where_),
    Chained::Each(Op::Where),
    |c, p| c.choose(p)
);
row!(
    PRESENT,
    "present",
    "whether an optional index is there (bool)",
    PyTorch::Line(|c| format!("{} >= 0", c.py_tensor(0))),
    1,
    presence,
    one,
    Derivative::Stops,
    Chained::Never,
    |c, p| c.unary(p, |a| a.f_ge(0), |a| a.f_ge_(0))
);

row!(
    SIGMOID_BACKWARD,
    "sigmoid_backward",
    "adjoint · y · (1 - y), y the sigmoid",
    PyTorch::Never,
    2,
    arithmetic,
    some,
    Derivative::Stops,
    Chained::Each(Op::SigmoidBackward),
    |c, p| c.pair(p, tch::Tensor::f_sigmoid_backward)
);
row!(
    TANH_BACKWARD,
    "tanh_backward",
    "adjoint · (1 - y²), y the hyperbolic tangent",
    PyTorch::Never,
    2,
    arithmetic,
    some,
    Derivative::Stops,
    Chained::Each(Op::TanhBackward),
    |c, p| c.pair(p, tch::Tensor::f_tanh_backward)
);
row!(
    SILU_BACKWARD,
    "silu_backward",
    "adjoint · σ(x) · (1 + x · (1 - σ(x)))",
    PyTorch::Never,
    2,
    arithmetic,
    some,
    Derivative::Stops,
    Chained::Each(Op::SiluBackward),
    |c, p| c.pair(p, |adjoint, x| x.f_silu_backward(adjoint))
);
row!(
    GELU_BACKWARD,
    "gelu_backward",
    "adjoint · (Φ(x) + x · φ(x))",
    PyTorch::Never,
    2,
    arithmetic,
    some,
    Derivative::Stops,
    Chained::Never,
    |c, p| c.pair(p, |adjoint, x| x.f_gelu_backward(adjoint, "none"))
);
