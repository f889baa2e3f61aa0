//! Numbers known at compile time. Fractions stay exact (`size(dim) / 4` is 128 and nothing else); roots and
//! other irrational functions give reals.

use std::cmp::Ordering;

/// A number of the author's: exact while it can be, else a float64.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// Numerator and positive denominator, in lowest terms.
    Ratio(i128, i128),
    /// As float64 computes it.
    Real(f64),
}

impl Number {
    /// A whole number, exactly.
    pub fn whole(value: i64) -> Number {
        Number::Ratio(value as i128, 1)
    }

    /// The fraction in lowest terms; None with denominator 0 or where it does not fit 127 bits.
    pub fn ratio(numerator: i128, denominator: i128) -> Option<Number> {
        // The smallest i128 has no counterpart of the other sign.
        if denominator == 0 || numerator == i128::MIN || denominator == i128::MIN {
            return None;
        }
        let divisor = gcd(numerator.unsigned_abs(), denominator.unsigned_abs()).max(1) as i128;
        let sign = if denominator < 0 { -1 } else { 1 };
        Some(Number::Ratio(sign * numerator / divisor, sign * denominator / divisor))
    }

    /// Digits as an author writes them: `0.85` is exactly 17/20.
    pub fn parse(text: &str) -> Option<Number> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        let digits: Option<i128> = format!("{whole}{fraction}").parse().ok();
        let power = 10i128.checked_pow(shift.unsigned_abs());
        let exact = match (digits, power) {
            (Some(digits), Some(power)) if shift >= 0 => {
                digits.checked_mul(power).and_then(|value| Number::ratio(value, 1))
            }
            (Some(digits), Some(power)) => Number::ratio(digits, power),
            _ => None,
        };
        let is_zero = !mantissa.contains(|digit: char| matches!(digit, '1'..='9'));
        let kept = |value: &f64| value.is_finite() && (*value != 0.0 || is_zero);
        exact.or_else(|| text.parse().ok().filter(kept).map(Number::Real))
    }

    /// A list as the author writes it: `[3, 2, 2]`.
    pub fn list(numbers: &[Number]) -> String {
        let numbers: Vec<String> = numbers.iter().map(Number::to_string).collect();
        format!("[{}]", numbers.join(", "))
    }

    /// Greater than every other number.
    pub const INFINITY: Number = Number::Real(f64::INFINITY);

    /// Whether it is neither an infinity nor NaN.
    pub fn is_finite(self) -> bool {
        match self {
            Number::Ratio(..) => true,
            Number::Real(value) => value.is_finite(),
        }
    }

    /// The magnitude.
    pub fn abs(self) -> Number {
        if self.to_f64() < 0.0 { -self } else { self }
    }

    /// Whether a tensor of float32 can hold it, which bfloat16 then can too.
    pub fn fits_tensors(self) -> bool {
        !self.is_finite() || self.to_f64().abs() <= f64::from(f32::MAX)
    }

    /// The nearest float64.
    pub fn to_f64(self) -> f64 {
        match self {
            Number::Ratio(n, d) => n as f64 / d as f64,
            Number::Real(value) => value,
        }
    }

    /// The whole number it is, if it is one.
    pub fn to_whole(self) -> Option<i64> {
        match self {
            Number::Ratio(n, 1) => i64::try_from(n).ok(),
            _ => None,
        }
    }

    /// Whether it has no fraction, however large it is.
    pub fn is_whole(self) -> bool {
        match self {
            Number::Ratio(_, d) => d == 1,
            Number::Real(value) => value.fract() == 0.0,
        }
    }

    /// The quotient; None when dividing by zero.
    pub fn over(self, other: Number) -> Option<Number> {
        if other.to_f64() == 0.0 {
            return None;
        }
        Some(self.exact(
            other,
            |a, b, c, d| Number::ratio(a.checked_mul(d)?, b.checked_mul(c)?),
            |x, y| x / y,
        ))
    }

    /// The power: exact for whole exponents where it fits, else as float64 computes it.
    pub fn pow(self, other: Number) -> Number {
        if let (Number::Ratio(n, d), Some(power)) = (self, other.to_whole())
            && let Ok(size) = u32::try_from(power.unsigned_abs())
            && let (Some(n), Some(d)) = (n.checked_pow(size), d.checked_pow(size))
        {
            let exact = if power >= 0 { Number::ratio(n, d) } else { Number::ratio(d, n) };
            if let Some(exact) = exact {
                return exact;
            }
        }
        Number::Real(self.to_f64().powf(other.to_f64()))
    }

    /// The largest whole number that is not greater.
    pub fn floor(self) -> Number {
        match self {
            Number::Ratio(n, d) => Number::Ratio(n.div_euclid(d), 1),
            Number::Real(value) => Number::from_f64(value.floor()),
        }
    }

    /// To the nearest whole number, ties to even (as Python rounds).
    pub fn round(self) -> Number {
        match self {
            Number::Ratio(n, d) => {
                let (low, rest) = (n.div_euclid(d), n.rem_euclid(d));
                // Twice the rest could be too large; its complement cannot.
                let up = match rest.cmp(&(d - rest)) {
                    Ordering::Less => 0,
                    Ordering::Greater => 1,
                    Ordering::Equal => low.rem_euclid(2),
                };
                Number::Ratio(low + up, 1)
            }
            Number::Real(value) => Number::from_f64(value.round_ties_even()),
        }
    }

    /// A whole float64 below 1e15 exactly, any other as it is.
    pub fn from_f64(value: f64) -> Number {
        if value.fract() == 0.0 && value.abs() < 1e15 {
            Number::whole(value as i64)
        } else {
            Number::Real(value)
        }
    }

    /// The order by value; exact where the cross products fit 128 bits.
    pub fn compare(self, other: Number) -> Ordering {
        if let (Number::Ratio(a, b), Number::Ratio(c, d)) = (self, other)
            && let (Some(left), Some(right)) = (a.checked_mul(d), c.checked_mul(b))
        {
            return left.cmp(&right);
        }
        self.to_f64().total_cmp(&other.to_f64())
    }

    fn exact(
        self,
        other: Number,
        ratio: impl Fn(i128, i128, i128, i128) -> Option<Number>,
        real: impl Fn(f64, f64) -> f64,
    ) -> Number {
        if let (Number::Ratio(a, b), Number::Ratio(c, d)) = (self, other)
            && let Some(exact) = ratio(a, b, c, d)
        {
            return exact;
        }
        Number::Real(real(self.to_f64(), other.to_f64()))
    }
}

impl std::ops::Add for Number {
    type Output = Number;

    fn add(self, other: Number) -> Number {
        self.exact(
            other,
            |a, b, c, d| Number::ratio(a.checked_mul(d)?.checked_add(c.checked_mul(b)?)?, b.checked_mul(d)?),
            |x, y| x + y,
        )
    }
}

impl std::ops::Sub for Number {
    type Output = Number;

    fn sub(self, other: Number) -> Number {
        self + -other
    }
}

impl std::ops::Mul for Number {
    type Output = Number;

    fn mul(self, other: Number) -> Number {
        self.exact(other, |a, b, c, d| Number::ratio(a.checked_mul(c)?, b.checked_mul(d)?), |x, y| x * y)
    }
}

impl std::ops::Neg for Number {
    type Output = Number;

    fn neg(self) -> Number {
        match self {
            Number::Ratio(n, d) => Number::Ratio(-n, d),
            Number::Real(value) => Number::Real(-value),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.compare(*other) == Ordering::Equal
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.to_f64();
        let short = format!("{value:e}");
        if value.abs() >= 1e21
            && Number::parse(short.trim_start_matches('-')).is_some_and(|back| back == self.abs())
        {
            return f.write_str(&short);
        }
        match self {
            Number::Ratio(n, 1) => write!(f, "{n}"),
            // Decimals print as decimals, thirds as fractions.
            Number::Ratio(n, d) => {
                let value = *n as f64 / *d as f64;
                let text = format!("{value}");
                if Number::parse(text.trim_start_matches('-'))
                    .is_some_and(|back| back == Number::Ratio(n.abs(), *d))
                {
                    write!(f, "{text}")
                } else {
                    write!(f, "{n}/{d}")
                }
            }
            Number::Real(value) => write!(f, "{value}"),
        }
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}
