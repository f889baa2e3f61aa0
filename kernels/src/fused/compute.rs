//! What the operations of a chain do to the values of a block.

use super::chain::{Op, Width};
use super::real::Real;

/// Partial sums of a row, whatever the form: results are those of every form.
const LANES: usize = 16;

/// What an operand is in a block.
#[derive(Clone, Copy)]
pub(super) enum Value<'v, T> {
    Full(&'v [T]),
    Row(&'v [T]),
    One(T),
}

#[inline(always)]
pub(super) fn larger<T: Real>(a: T, b: T) -> T {
    if a.is_nan() || a > b { a } else { b }
}

#[inline(always)]
pub(super) fn smaller<T: Real>(a: T, b: T) -> T {
    if a.is_nan() || a < b { a } else { b }
}

/// Of each row: `LANES` partial results, which are then joined pair by pair.
#[inline(always)]
pub(super) fn reduce<T: Real>(
    x: Value<'_, T>,
    out: &mut [T],
    last: usize,
    start: T,
    join: impl Fn(T, T) -> T,
) {
    let Value::Full(x) = x else { return };
    for (row, out) in x.chunks_exact(last).zip(out) {
        let mut lanes = [start; LANES];
        let chunks = row.chunks_exact(LANES);
        let rest = chunks.remainder();
        for chunk in chunks {
            for lane in 0..LANES {
                lanes[lane] = join(lanes[lane], chunk[lane]);
            }
        }
        for (lane, value) in lanes.iter_mut().zip(rest) {
            *lane = join(*lane, *value);
        }
        let mut width = LANES / 2;
        while width > 0 {
            for lane in 0..width {
                lanes[lane] = join(lanes[lane], lanes[lane + width]);
            }
            width /= 2;
        }
        *out = lanes[0];
    }
}

#[inline(always)]
pub(super) fn unary<T: Real>(op: Op, x: Value<'_, T>, out: &mut [T]) {
    #[inline(always)]
    fn each<T: Real>(x: Value<'_, T>, out: &mut [T], f: impl Fn(T) -> T) {
        match x {
            Value::Full(x) | Value::Row(x) => {
                let (count, x) = (out.len(), &x[..out.len()]);
                for at in 0..count {
                    out[at] = f(x[at]);
                }
            }
            Value::One(x) => out.fill(f(x)),
        }
    }
    match op {
        Op::Neg => each(x, out, |x| x.neg()),
        Op::Exp => each(x, out, |x| x.exp()),
        Op::Log => each(x, out, |x| x.log()),
        Op::Sqrt => each(x, out, |x| x.sqrt()),
        Op::Rsqrt => each(x, out, |x| T::ONE.div(x.sqrt())),
        Op::Abs => each(x, out, |x| x.abs()),
        Op::Sign => each(x, out, |x| {
            let sign = if x > T::ZERO { T::ONE } else { T::ZERO };
            if x < T::ZERO { T::ONE.neg() } else { sign }
        }),
        Op::Floor => each(x, out, |x| x.floor()),
        Op::Sin => each(x, out, |x| x.sin()),
        Op::Cos => each(x, out, |x| x.cos()),
        Op::Sigmoid => each(x, out, |x| x.sigmoid()),
        Op::Tanh => each(x, out, |x| x.tanh()),
        Op::Silu => each(x, out, |x| x.mul(x.sigmoid())),
        Op::Relu => each(x, out, |x| if x < T::ZERO { T::ZERO } else { x }),
        Op::Not => each(x, out, |x| truth(x == T::ZERO)),
        _ => {}
    }
}

#[inline(always)]
fn truth<T: Real>(holds: bool) -> T {
    if holds { T::ONE } else { T::ZERO }
}

#[inline(always)]
pub(super) fn binary<T: Real>(op: Op, a: Value<'_, T>, b: Value<'_, T>, out: &mut [T], last: usize) {
    match op {
        Op::Add => pairs(a, b, out, last, |a, b| a.add(b)),
        Op::Sub => pairs(a, b, out, last, |a, b| a.sub(b)),
        Op::Mul => pairs(a, b, out, last, |a, b| a.mul(b)),
        Op::Div => pairs(a, b, out, last, |a, b| a.div(b)),
        Op::Pow => pairs(a, b, out, last, |a, b| a.powf(b)),
        Op::Maximum => pairs(a, b, out, last, |a, b| if b.is_nan() { b } else { larger(a, b) }),
        Op::Minimum => pairs(a, b, out, last, |a, b| if b.is_nan() { b } else { smaller(a, b) }),
        Op::Lt => pairs(a, b, out, last, |a, b| truth(a < b)),
        Op::Le => pairs(a, b, out, last, |a, b| truth(a <= b)),
        Op::Gt => pairs(a, b, out, last, |a, b| truth(a > b)),
        Op::Ge => pairs(a, b, out, last, |a, b| truth(a >= b)),
        Op::Eq => pairs(a, b, out, last, |a, b| truth(a == b)),
        Op::Ne => pairs(a, b, out, last, |a, b| truth(a != b)),
        Op::And => pairs(a, b, out, last, |a, b| truth(a != T::ZERO && b != T::ZERO)),
        Op::Or => pairs(a, b, out, last, |a, b| truth(a != T::ZERO || b != T::ZERO)),
        Op::SigmoidBackward => pairs(a, b, out, last, |g, y| g.mul(y.mul(T::ONE.sub(y)))),
        Op::TanhBackward => pairs(a, b, out, last, |g, y| g.mul(T::ONE.sub(y.mul(y)))),
        Op::SiluBackward => pairs(a, b, out, last, |g, x| {
            let s = x.sigmoid();
            g.mul(s.mul(T::ONE.add(x.mul(T::ONE.sub(s)))))
        }),
        _ => {}
    }
}

/// A function of two operands; what has one value a row meets what has one a place.
#[inline(always)]
fn pairs<T: Real>(a: Value<'_, T>, b: Value<'_, T>, out: &mut [T], last: usize, f: impl Fn(T, T) -> T) {
    use Value::{Full, One, Row};
    #[inline(always)]
    fn both<T: Real>(a: &[T], b: &[T], out: &mut [T], f: &impl Fn(T, T) -> T) {
        let (count, a, b) = (out.len(), &a[..out.len()], &b[..out.len()]);
        for at in 0..count {
            out[at] = f(a[at], b[at]);
        }
    }
    #[inline(always)]
    fn by_number<T: Real>(a: &[T], b: T, out: &mut [T], f: &impl Fn(T, T) -> T) {
        let (count, a) = (out.len(), &a[..out.len()]);
        for at in 0..count {
            out[at] = f(a[at], b);
        }
    }
    let swapped = |b: T, a: T| f(a, b);
    match (a, b) {
        (Full(a), Full(b)) | (Row(a), Row(b)) => both(a, b, out, &f),
        (Full(a) | Row(a), One(b)) => by_number(a, b, out, &f),
        (One(a), Full(b) | Row(b)) => by_number(b, a, out, &swapped),
        (Full(a), Row(b)) => {
            for (row, by) in b.iter().enumerate() {
                let places = row * last..(row + 1) * last;
                by_number(&a[places.clone()], *by, &mut out[places], &f);
            }
        }
        (Row(a), Full(b)) => {
            for (row, by) in a.iter().enumerate() {
                let places = row * last..(row + 1) * last;
                by_number(&b[places.clone()], *by, &mut out[places], &swapped);
            }
        }
        (One(a), One(b)) => out.fill(f(a, b)),
    }
}

#[inline(always)]
pub(super) fn choose<T: Real>(
    condition: Value<'_, T>,
    a: Value<'_, T>,
    b: Value<'_, T>,
    out: &mut [T],
    last: usize,
    width: Width,
) {
    let each = if width == Width::Full { last } else { 1 };
    let of = |value: Value<'_, T>, at: usize| match value {
        Value::Full(values) => values[at],
        Value::Row(values) => values[at / each],
        Value::One(number) => number,
    };
    if let (Value::Full(c), Value::Full(a), Value::Full(b)) = (condition, a, b) {
        for (((out, c), a), b) in out.iter_mut().zip(c).zip(a).zip(b) {
            *out = if *c != T::ZERO { *a } else { *b };
        }
        return;
    }
    for (at, out) in out.iter_mut().enumerate() {
        *out = if of(condition, at) != T::ZERO { of(a, at) } else { of(b, at) };
    }
}
