//! One step of a chain as a C++ expression.

use totc_kernels::fused::{Op, Step};

/// The type that a chain computes with.
pub(super) fn real(double: bool) -> &'static str {
    if double { "double" } else { "float" }
}

/// A number, rounded as the chain rounds it.
pub(super) fn number(value: f64, double: bool) -> String {
    let real = real(double);
    let finite = if double { value.is_finite() } else { (value as f32).is_finite() };
    if value.is_nan() {
        return format!("(infinity<{real}>() - infinity<{real}>())");
    }
    if !finite {
        return format!("({}infinity<{real}>())", if value < 0.0 { "-" } else { "" });
    }
    // The shortest text that is read as this number again.
    let text = if double { format!("{value:?}") } else { format!("{:?}f", value as f32) };
    if text.starts_with('-') { format!("({text})") } else { text }
}

/// The expression of a step that is neither an input nor a reduction.
pub(super) fn expression(step: &Step, double: bool, operand: impl Fn(usize) -> String) -> String {
    let real = real(double);
    let infix = |sign: &str| format!("{} {sign} {}", operand(0), operand(1));
    let compare = |sign: &str| format!("truth<{real}>({})", infix(sign));
    let call = |name: &str| {
        let operands: Vec<String> = (0..step.operands.len()).map(&operand).collect();
        format!("{name}({})", operands.join(", "))
    };
    match step.op {
        Op::Number(value) => number(value, double),
        Op::Neg => format!("-{}", operand(0)),
        Op::Exp => call("exp_of"),
        Op::Log => call("log_of"),
        Op::Sqrt => call("sqrt_of"),
        Op::Rsqrt => call("rsqrt_of"),
        Op::Abs => call("abs_of"),
        Op::Sign => call("sign_of"),
        Op::Floor => call("floor_of"),
        Op::Sin => call("sin_of"),
        Op::Cos => call("cos_of"),
        Op::Sigmoid => call("sigmoid"),
        Op::Tanh => call("tanh_of"),
        Op::Silu => call("silu"),
        Op::Relu => call("relu"),
        Op::Not => format!("truth<{real}>({} == 0)", operand(0)),
        Op::Add => infix("+"),
        Op::Sub => infix("-"),
        Op::Mul => infix("*"),
        Op::Div => infix("/"),
        Op::Pow => call("power"),
        Op::Maximum => call("larger"),
        Op::Minimum => call("smaller"),
        Op::Lt => compare("<"),
        Op::Le => compare("<="),
        Op::Gt => compare(">"),
        Op::Ge => compare(">="),
        Op::Eq => compare("=="),
        Op::Ne => compare("!="),
        Op::And => format!("truth<{real}>({} != 0 && {} != 0)", operand(0), operand(1)),
        Op::Or => format!("truth<{real}>({} != 0 || {} != 0)", operand(0), operand(1)),
        Op::SigmoidBackward => call("sigmoid_backward"),
        Op::TanhBackward => call("tanh_backward"),
        Op::SiluBackward => call("silu_backward"),
        Op::Where => format!("{} != 0 ? {} : {}", operand(0), operand(1), operand(2)),
        Op::Input(_) | Op::Sum | Op::Max | Op::Min => operand(0),
    }
}
