//! Derivatives of the elementwise functions, as PyTorch's `derivatives.yaml` has them: also where they are not smooth.

use super::super::Backward;

pub(super) fn add(b: &mut dyn Backward) {
    b.give(0, b.adjoint());
    b.give(1, b.adjoint());
}

pub(super) fn sub(b: &mut dyn Backward) {
    b.give(0, b.adjoint());
    if b.wants(1) {
        let share = b.prim("neg", &[b.adjoint()]);
        b.give(1, share);
    }
}

pub(super) fn mul(b: &mut dyn Backward) {
    for (at, other) in [(0, 1), (1, 0)] {
        if b.wants(at) {
            let other = b.operand(other);
            let share = b.mul(b.adjoint(), other);
            b.give(at, share);
        }
    }
}

/// ∂(x/y) = 1/y, -(x/y)/y.
pub(super) fn div(b: &mut dyn Backward) {
    let divisor = b.operand(1);
    if b.wants(0) {
        let share = b.prim("div", &[b.adjoint(), divisor]);
        b.give(0, share);
    }
    if b.wants(1) {
        let (quotient, adjoint) = (b.result(), b.adjoint());
        let quotient = b.wide(quotient);
        let slope = b.prim("div", &[quotient, divisor]);
        let share = b.mul(adjoint, slope);
        let share = b.prim("neg", &[share]);
        b.give(1, share);
    }
}

/// ∂(x^p) = p·x^(p-1), 0 where p is 0; x^p·ln x, 0 where x is 0 and p is not negative.
pub(super) fn pow(b: &mut dyn Backward) {
    let (base, power, adjoint) = (b.operand(0), b.operand(1), b.adjoint());
    if let Some(known) = b.constant(1) {
        return of_known_power(b, known);
    }
    let (base, zero) = (b.wide(base), b.number(0.0));
    if b.wants(0) {
        let one = b.number(1.0);
        let less = b.prim("sub", &[power, one]);
        let slope = b.prim("pow", &[base, less]);
        let slope = b.mul(slope, power);
        let share = b.mul(adjoint, slope);
        let flat = b.prim("eq", &[power, zero]);
        let share = b.prim("where", &[flat, zero, share]);
        b.give(0, share);
    }
    if b.wants(1) {
        let result = b.result();
        let log = b.prim("log", &[base]);
        let slope = b.mul(result, log);
        let share = b.mul(adjoint, slope);
        let (nothing, rises) = (b.prim("eq", &[base, zero]), b.prim("ge", &[power, zero]));
        let flat = b.prim("and", &[nothing, rises]);
        let share = b.prim("where", &[flat, zero, share]);
        b.give(1, share);
    }
}

fn of_known_power(b: &mut dyn Backward, power: f64) {
    let (base, adjoint) = (b.operand(0), b.adjoint());
    if power == 0.0 {
        return;
    }
    let slope = match power {
        1.0 => return b.give(0, adjoint),
        2.0 => base,
        _ => {
            let (base, less) = (b.wide(base), b.number(power - 1.0));
            b.prim("pow", &[base, less])
        }
    };
    let slope = b.mul(adjoint, slope);
    let share = b.scale(slope, power);
    b.give(0, share);
}

pub(super) fn maximum(b: &mut dyn Backward) {
    extreme(b, "gt");
}

pub(super) fn minimum(b: &mut dyn Backward) {
    extreme(b, "lt");
}

/// To the one that was taken; half each where they are equal.
fn extreme(b: &mut dyn Backward, wins: &str) {
    let (zero, half) = (b.number(0.0), b.scale(b.adjoint(), 0.5));
    for (at, other) in [(0, 1), (1, 0)] {
        if b.wants(at) {
            let (own, other) = (b.operand(at), b.operand(other));
            let (taken, even) = (b.prim(wins, &[own, other]), b.prim("eq", &[own, other]));
            let shared = b.prim("where", &[even, half, zero]);
            let share = b.prim("where", &[taken, b.adjoint(), shared]);
            b.give(at, share);
        }
    }
}

pub(super) fn neg(b: &mut dyn Backward) {
    let share = b.prim("neg", &[b.adjoint()]);
    b.give(0, share);
}

pub(super) fn exp(b: &mut dyn Backward) {
    let result = b.result();
    let share = b.mul(b.adjoint(), result);
    b.give(0, share);
}

pub(super) fn log(b: &mut dyn Backward) {
    let x = b.operand(0);
    let share = b.prim("div", &[b.adjoint(), x]);
    b.give(0, share);
}

/// ½ / √x.
pub(super) fn sqrt(b: &mut dyn Backward) {
    let result = b.result();
    let twice = b.scale(result, 2.0);
    let share = b.prim("div", &[b.adjoint(), twice]);
    b.give(0, share);
}

/// -½ · (1/√x)³.
pub(super) fn rsqrt(b: &mut dyn Backward) {
    let result = b.result();
    let result = b.wide(result);
    let square = b.mul(result, result);
    let cube = b.mul(square, result);
    let slope = b.scale(cube, -0.5);
    let share = b.mul(b.adjoint(), slope);
    b.give(0, share);
}

pub(super) fn abs(b: &mut dyn Backward) {
    let x = b.operand(0);
    let sign = b.prim("sign", &[x]);
    let share = b.mul(b.adjoint(), sign);
    b.give(0, share);
}

pub(super) fn sin(b: &mut dyn Backward) {
    let x = b.operand(0);
    let slope = b.prim("cos", &[x]);
    let share = b.mul(b.adjoint(), slope);
    b.give(0, share);
}

pub(super) fn cos(b: &mut dyn Backward) {
    let x = b.operand(0);
    let slope = b.prim("sin", &[x]);
    let share = b.mul(b.adjoint(), slope);
    let share = b.prim("neg", &[share]);
    b.give(0, share);
}

pub(super) fn sigmoid(b: &mut dyn Backward) {
    let result = b.result();
    let share = b.prim("sigmoid_backward", &[b.adjoint(), result]);
    b.give(0, share);
}

pub(super) fn tanh(b: &mut dyn Backward) {
    let result = b.result();
    let share = b.prim("tanh_backward", &[b.adjoint(), result]);
    b.give(0, share);
}

pub(super) fn silu(b: &mut dyn Backward) {
    let x = b.operand(0);
    let share = b.prim("silu_backward", &[b.adjoint(), x]);
    b.give(0, share);
}

pub(super) fn gelu(b: &mut dyn Backward) {
    let x = b.operand(0);
    let share = b.prim("gelu_backward", &[b.adjoint(), x]);
    b.give(0, share);
}

pub(super) fn relu(b: &mut dyn Backward) {
    let (result, zero) = (b.result(), b.number(0.0));
    let open = b.prim("gt", &[result, zero]);
    let share = b.prim("where", &[open, b.adjoint(), zero]);
    b.give(0, share);
}

pub(super) fn where_(b: &mut dyn Backward) {
    let (condition, zero) = (b.operand(0), b.number(0.0));
    if b.wants(1) {
        let share = b.prim("where", &[condition, b.adjoint(), zero]);
        b.give(1, share);
    }
    if b.wants(2) {
        let share = b.prim("where", &[condition, zero, b.adjoint()]);
        b.give(2, share);
    }
}
