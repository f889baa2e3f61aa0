//! What chains read and write: memory of a kind of elements, with a stride for each axis of the space.

/// What the numbers in memory are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Truth values, a byte each.
    Bool,
    /// The upper half of a float32.
    BFloat16,
    /// IEEE, 32 bits.
    Float32,
    /// IEEE, 64 bits.
    Float64,
}

/// What a chain reads: one value for each place of its space, or the same for several where a stride is 0.
#[derive(Clone, Debug)]
pub struct Input {
    /// The first element.
    pub pointer: *const u8,
    /// What it points at.
    pub kind: Kind,
    /// In elements, for each axis of the space, the outermost first.
    pub strides: Vec<isize>,
}

/// What a chain writes: one value for each place, or for each row, of its space, one behind the other.
#[derive(Clone, Debug)]
pub struct Output {
    /// The first element.
    pub pointer: *mut u8,
    /// What it points at.
    pub kind: Kind,
}
