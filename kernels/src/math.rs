//! Functions of sixteen floats: polynomials with a stated error in units in the last place (ulp), of the exact value.
//! Infinities, NaN, zeros and subnormal results come out as IEEE functions have them.

#![allow(clippy::excessive_precision, reason = "coefficients as they are published")]

use crate::lanes::Lanes;

/// ln 2 in two parts; the first has 9 trailing zero bits, so that its product with |n| <= 151 is exact.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// `x · p + c` for each coefficient in turn.
#[inline(always)]
fn polynomial<L: Lanes>(x: L, coefficients: &[f32]) -> L {
    let mut sum = L::splat(coefficients[0]);
    for coefficient in &coefficients[1..] {
        sum = sum.fma(x, L::splat(*coefficient));
    }
    sum
}

/// e^x within 2 ulp: x = n ln 2 + r with |r| <= ln 2 / 2, and a polynomial of degree 7 in r (Cephes' `expf`). Below the
/// smallest normal number it is 0: subnormal numbers cost a hundred times as much as others, and softmax would meet many.
#[inline(always)]
pub(crate) fn exp<L: Lanes>(x: L) -> L {
    // Past these the result is zero or infinite. The order of operands lets NaN through.
    let lowest = L::splat(-87.336_54);
    let none = x.lt(lowest);
    let x = lowest.most(L::splat(89.0).least(x));
    let n = x.mul(L::splat(std::f32::consts::LOG2_E)).round();
    let r = n.fma(L::splat(-LN2_HIGH), x);
    let r = n.fma(L::splat(-LN2_LOW), r);
    let p =
        polynomial(r, &[1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5]);
    L::select(none, L::zero(), p.fma(r.mul(r), r).add(L::splat(1.0)).scale(n))
}

/// ln x within 2 ulp (Cephes' `logf`): -∞ of 0, NaN below.
#[inline(always)]
pub(crate) fn log<L: Lanes>(x: L) -> L {
    let (one, zero) = (L::splat(1.0), L::zero());
    let small = x.lt(L::splat(f32::MIN_POSITIVE));
    let (m, e) = L::select(small, x.mul(L::splat(8_388_608.0)), x).split();
    let e = L::select(small, e.sub(L::splat(23.0)), e);
    // m in [√½, √2).
    let large = L::splat(std::f32::consts::SQRT_2).le(m);
    let m = L::select(large, m.mul(L::splat(0.5)), m);
    let e = L::select(large, e.add(one), e);
    let r = m.sub(one);
    let z = r.mul(r);
    let p = polynomial(
        r,
        &[
            7.037_683_6e-2,
            -1.151_461e-1,
            1.167_699_9e-1,
            -1.242_014_1e-1,
            1.424_932_3e-1,
            -1.666_805_8e-1,
            2.000_071_5e-1,
            -2.499_999_4e-1,
            3.333_333_1e-1,
        ],
    );
    let p = p.mul(r).mul(z);
    let p = e.fma(L::splat(LN2_LOW), p);
    let p = z.fma(L::splat(-0.5), p);
    let result = e.fma(L::splat(LN2_HIGH), r.add(p));
    let infinity = L::splat(f32::INFINITY);
    let result = L::select(x.eq(infinity), infinity, result);
    let result = L::select(x.eq(zero), L::splat(f32::NEG_INFINITY), result);
    // Whatever is not zero or above: NaN, and what lies below zero.
    L::select(zero.le(x), result, L::splat(f32::NAN))
}

/// 1 / (1 + e^-x) within 4 ulp.
#[inline(always)]
pub(crate) fn sigmoid<L: Lanes>(x: L) -> L {
    L::splat(1.0).div(L::splat(1.0).add(exp(L::zero().sub(x))))
}

/// x / (1 + e^-x) within 4 ulp; -0 below -88.7, where it is nearly the smallest of normal numbers.
#[inline(always)]
pub(crate) fn silu<L: Lanes>(x: L) -> L {
    // -∞ · 0 is 0 here, as the limit is.
    let divided = x.div(L::splat(1.0).add(exp(L::zero().sub(x))));
    L::select(x.eq(L::splat(f32::NEG_INFINITY)), L::splat(-0.0), divided)
}

/// Derivative of [`silu`]: s (1 + x (1 - s)) with s = sigmoid x.
#[inline(always)]
pub(crate) fn silu_slope<L: Lanes>(x: L) -> L {
    let s = sigmoid(x);
    let one = L::splat(1.0);
    s.mul(x.fma(one.sub(s), one))
}

/// atan2(y, x) for x >= 0 within 4 ulp (Cephes' `atanf`); 0 of two zeros.
#[inline(always)]
pub(crate) fn atan2_right<L: Lanes>(y: L, x: L) -> L {
    let (size, one) = (y.abs(), L::splat(1.0));
    let steep = x.lt(size);
    let (low, high) = (L::select(steep, x, size), L::select(steep, size, x));
    let t = L::select(high.eq(L::zero()), L::zero(), low.div(high));
    // Above tan π/8 the angle is π/4 + atan((t - 1) / (t + 1)).
    let far = L::splat(0.414_213_57).lt(t);
    let t = L::select(far, t.sub(one).div(t.add(one)), t);
    let z = t.mul(t);
    let p = polynomial(z, &[8.053_744_6e-2, -1.387_768_5e-1, 1.997_771_1e-1, -3.333_294_9e-1]);
    let near = p.mul(z).fma(t, t);
    let angle = L::select(far, near.add(L::splat(std::f32::consts::FRAC_PI_4)), near);
    let angle = L::select(steep, L::splat(std::f32::consts::FRAC_PI_2).sub(angle), angle);
    angle.copysign(y)
}
