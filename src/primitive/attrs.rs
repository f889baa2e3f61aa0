//! What a primitive is told besides its operands. Axes by id, numbers by their bits, so that whole operations can be
//! compared and hashed.

use crate::types::AxisId;

/// A real number known at compile time, equal to another if the bits are: `0` and `-0` differ, NaN equals itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Real(u64);

impl Real {
    /// The number as a float64.
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl From<f64> for Real {
    fn from(value: f64) -> Real {
        Real(value.to_bits())
    }
}

impl std::fmt::Debug for Real {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.get().fmt(f)
    }
}

/// What a primitive needs besides its operands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attrs {
    /// Axes that are reduced, contracted or run over.
    pub over: Vec<AxisId>,
    /// A further axis that the primitive works along: features of `rope`, taps of `convolve`.
    pub along: Option<AxisId>,
    /// A new axis and its size (`top_k … into`, `index`, `noise over …` has several).
    pub into: Vec<(AxisId, usize)>,
    /// The constants in the order of [`super::Primitive::constants`].
    pub numbers: Vec<Real>,
    /// Tells draws of noise apart: equal numbers may be shared, 0 for everything deterministic.
    pub draw: u32,
}

impl Attrs {
    /// The numbers, in order.
    pub fn number(&self, at: usize) -> Option<f64> {
        self.numbers.get(at).map(|number| number.get())
    }
}
