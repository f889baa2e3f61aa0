//! Kinds, axes and types of values. A type is a kind plus named axes; positions mean nothing to an
//! author, but the order here is the memory order (outermost first) that the compiler chose.

use crate::source::Span;
use std::fmt;

/// An axis by its place in [`Axes`]: equal ids are one axis, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AxisId(pub u32);

/// Where an axis gets its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxisSize {
    /// Bound by the data or computed when declared.
    Fixed(usize),
    /// Belongs to each value: multiplied by `branch`, reduced by `merge`. A value without it has one.
    Growing,
    /// A name of a function's signature, bound when it is called.
    Open,
}

/// An axis as declared: the name that a value's type shows, its size and its parts.
#[derive(Clone, Debug)]
pub struct Axis {
    /// As the author wrote it; axes of two nets may share a name.
    pub name: String,
    /// In entries.
    pub size: AxisSize,
    /// `pos = prefix + cell`: the parts, in order; empty for a plain axis.
    pub parts: Vec<AxisId>,
    /// Where it is declared, for messages.
    pub span: Span,
    /// How the size came about, for messages: "bound by the data", "`hidden`".
    pub origin: String,
}

/// All axes of one compilation; those of nets are fresh at each instance.
#[derive(Clone, Debug, Default)]
pub struct Axes {
    all: imbl::Vector<Axis>,
}

impl Axes {
    /// Adds an axis behind all others and gives its id.
    pub fn add(&mut self, axis: Axis) -> AxisId {
        self.all.push_back(axis);
        AxisId((self.all.len() - 1) as u32)
    }

    /// The axis of an id of this compilation.
    pub fn get(&self, id: AxisId) -> &Axis {
        &self.all[id.0 as usize]
    }

    /// The first axis of that name.
    pub fn named(&self, name: &str) -> Option<AxisId> {
        self.all.iter().position(|axis| axis.name == name).map(|at| AxisId(at as u32))
    }

    /// The name of an axis as the author wrote it.
    pub fn name(&self, id: AxisId) -> &str {
        &self.get(id).name
    }

    /// How many axes there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is no axis yet.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether each value has a size of its own along it ([`AxisSize::Growing`]).
    pub fn is_growing(&self, id: AxisId) -> bool {
        self.get(id).size == AxisSize::Growing
    }

    /// Names in backticks, separated by commas, for messages.
    pub fn names(&self, ids: &[AxisId]) -> String {
        ids.iter().map(|id| format!("`{}`", self.name(*id))).collect::<Vec<_>>().join(", ")
    }
}

/// One axis of a type with the size it has there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dim {
    /// Which axis.
    pub axis: AxisId,
    /// In entries.
    pub size: usize,
}

/// What the elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Truth values, one byte each.
    Bool,
    /// Integers of 64 bits.
    Int,
    /// Integers that index an axis; optional ones may be absent (stored as -100).
    Index {
        /// The axis whose entries are counted from 0.
        axis: AxisId,
        /// Whether -100 stands for an absent index.
        optional: bool,
    },
    /// The run's precision, until the compiler is told it.
    Float,
    /// Floats of 16 bits with the exponent of float32.
    BFloat16,
    /// IEEE floats of 32 bits, also where the run's precision is narrower.
    Float32,
    /// IEEE floats of 64 bits.
    Float64,
}

/// What `float` is in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// `float` is bfloat16; what is stated to be float32 stays so.
    BFloat16,
    /// `float` is float32.
    #[default]
    Float32,
    /// For tests that compare to the last digit: what is stated to be float32 is no narrower then.
    Float64,
}

impl Precision {
    /// The kind of `float`.
    pub fn kind(self) -> Kind {
        match self {
            Precision::BFloat16 => Kind::BFloat16,
            Precision::Float32 => Kind::Float32,
            Precision::Float64 => Kind::Float64,
        }
    }

    /// What a kind is in a run of this precision.
    pub fn of(self, kind: Kind) -> Kind {
        match (kind, self) {
            (Kind::Float, _) => self.kind(),
            (Kind::Float32, Precision::Float64) => Kind::Float64,
            (kind, _) => kind,
        }
    }
}

impl Kind {
    /// Whether the elements are floats of any width.
    pub fn is_float(self) -> bool {
        matches!(self, Kind::Float | Kind::BFloat16 | Kind::Float32 | Kind::Float64)
    }

    /// Whether the elements are integers, plain or those that index an axis.
    pub fn is_integer(self) -> bool {
        matches!(self, Kind::Int | Kind::Index { .. })
    }

    /// The kind of values of two kinds side by side, as `where` and `concat` give them: indices of one axis stay indices of
    /// it, absent where one of them may be; all else as in a sum.
    pub fn beside(self, other: Kind) -> Kind {
        match (self, other) {
            (Kind::Index { axis, optional }, Kind::Index { axis: same, optional: other }) if axis == same => {
                Kind::Index { axis, optional: optional || other }
            }
            _ => self.promote(other),
        }
    }

    /// The kind of `a + b`: bool < int < float < float32 < float64 (`float` never widens a wider one).
    pub fn promote(self, other: Kind) -> Kind {
        let rank = |kind: Kind| match kind {
            Kind::Bool => 0,
            Kind::Int | Kind::Index { .. } => 1,
            Kind::Float | Kind::BFloat16 => 2,
            Kind::Float32 => 3,
            Kind::Float64 => 4,
        };
        match if rank(self) >= rank(other) { self } else { other } {
            Kind::Index { .. } => Kind::Int,
            kind => kind,
        }
    }
}

/// The type of a value: what its elements are, and its axes in memory order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ty {
    /// What the elements are.
    pub kind: Kind,
    /// Outermost first: the memory order.
    pub dims: Vec<Dim>,
}

impl Ty {
    /// The type of a kind with these axes, outermost first.
    pub fn new(kind: Kind, dims: Vec<Dim>) -> Ty {
        Ty { kind, dims }
    }

    /// The type of a single element: no axes.
    pub fn scalar(kind: Kind) -> Ty {
        Ty { kind, dims: Vec::new() }
    }

    /// The size along an axis; None where the type lacks it.
    pub fn size(&self, axis: AxisId) -> Option<usize> {
        self.dims.iter().find(|dim| dim.axis == axis).map(|dim| dim.size)
    }

    /// The place of an axis in memory order, 0 the outermost; None where the type lacks it.
    pub fn position(&self, axis: AxisId) -> Option<usize> {
        self.dims.iter().position(|dim| dim.axis == axis)
    }

    /// Whether the type has an axis.
    pub fn has(&self, axis: AxisId) -> bool {
        self.position(axis).is_some()
    }

    /// The axes in memory order, outermost first.
    pub fn axes(&self) -> impl Iterator<Item = AxisId> + '_ {
        self.dims.iter().map(|dim| dim.axis)
    }

    /// The number of elements: the product of the sizes, 1 without axes.
    pub fn count(&self) -> usize {
        self.dims.iter().fold(1, |count: usize, dim| count.saturating_mul(dim.size))
    }

    /// The sizes in memory order, as libtorch takes them.
    pub fn shape(&self) -> Vec<i64> {
        self.dims.iter().map(|dim| dim.size as i64).collect()
    }

    /// The same axes with the same sizes, in any order.
    pub fn same_axes(&self, other: &Ty) -> bool {
        self.dims.len() == other.dims.len() && self.dims.iter().all(|dim| other.dims.contains(dim))
    }

    /// `float [batch 2, pos 97, dim 512]`.
    pub fn show<'a>(&'a self, axes: &'a Axes) -> ShowTy<'a> {
        ShowTy { ty: self, axes }
    }
}

/// A type that prints itself with the names of its axes.
pub struct ShowTy<'a> {
    ty: &'a Ty,
    axes: &'a Axes,
}

impl fmt::Display for ShowTy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ty.kind {
            Kind::Bool => write!(f, "bool")?,
            Kind::Int => write!(f, "int")?,
            Kind::Index { axis, optional } => {
                write!(f, "{}{}", self.axes.name(axis), if optional { "?" } else { "" })?
            }
            Kind::Float => write!(f, "float")?,
            Kind::BFloat16 => write!(f, "bfloat16")?,
            Kind::Float32 => write!(f, "float32")?,
            Kind::Float64 => write!(f, "float64")?,
        }
        if !self.ty.dims.is_empty() {
            let dims: Vec<_> =
                self.ty.dims.iter().map(|dim| format!("{} {}", self.axes.name(dim.axis), dim.size)).collect();
            write!(f, " [{}]", dims.join(", "))?;
        }
        Ok(())
    }
}
