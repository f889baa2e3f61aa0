//! Bounds on numbers that people give: takes a number, says whether it keeps to its bound, and the bound in words.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// What a number has to satisfy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// This or more.
    AtLeast(f64),
    /// More than this.
    Above(f64),
    /// From the first, included, to the second, excluded.
    From(f64, f64),
    /// Both included.
    Between(f64, f64),
}

impl Bound {
    /// Whether a number keeps to it; one that is not finite never does.
    pub fn holds(self, number: f64) -> bool {
        match self {
            _ if !number.is_finite() => false,
            Bound::AtLeast(low) => number >= low,
            Bound::Above(low) => number > low,
            Bound::From(low, high) => (low..high).contains(&number),
            Bound::Between(low, high) => (low..=high).contains(&number),
        }
    }

    /// What comes after "must be".
    pub fn words(self) -> String {
        match self {
            Bound::AtLeast(low) => format!("at least {low}"),
            Bound::Above(low) => format!("above {low}"),
            Bound::From(low, high) => format!("at least {low} and below {high}"),
            Bound::Between(low, high) => format!("from {low} to {high}"),
        }
    }
}

/// Bounds on a count. Written as `None`, `7`, `(6, 8)`, or the latter two inside `Some(...)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CountRange {
    /// No bound.
    #[default]
    Any,
    /// From the first to the second, both included.
    Between(u64, u64),
}

impl CountRange {
    /// Whether `n` lies within the bounds.
    pub fn holds(self, n: u64) -> bool {
        match self {
            CountRange::Any => true,
            CountRange::Between(low, high) => (low..=high).contains(&n),
        }
    }
}

impl fmt::Display for CountRange {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self {
            CountRange::Any => out.write_str("any number of"),
            CountRange::Between(low, high) if low == high => write!(out, "{low}"),
            CountRange::Between(low, high) => write!(out, "{low} to {high}"),
        }
    }
}

impl Serialize for CountRange {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        match self {
            CountRange::Any => into.serialize_none(),
            CountRange::Between(low, high) => (low, high).serialize(into),
        }
    }
}

impl JsonSchema for CountRange {
    fn schema_name() -> Cow<'static, str> {
        "CountRange".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Bounds on a count: none, one number, or the least and the most.",
            "x-type": "`None`, `7` or `(6, 8)`",
            "anyOf": [
                { "type": "null" },
                { "type": "integer", "minimum": 0 },
                { "type": "array", "items": { "type": "integer", "minimum": 0 }, "minItems": 2, "maxItems": 2 },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_belong_to_a_bound_or_not() {
        let holds = |bound: Bound| [0.0, 0.5, 1.0].map(|number| bound.holds(number));
        assert_eq!(holds(Bound::AtLeast(0.5)), [false, true, true]);
        assert_eq!(holds(Bound::Above(0.5)), [false, false, true]);
        assert_eq!(holds(Bound::From(0.0, 1.0)), [true, true, false]);
        assert_eq!(holds(Bound::Between(0.5, 1.0)), [false, true, true]);
        assert!(!Bound::AtLeast(0.0).holds(f64::INFINITY) && !Bound::AtLeast(0.0).holds(f64::NAN));
        assert!(CountRange::Between(2, 3).holds(3) && !CountRange::Between(2, 3).holds(4));
    }
}
