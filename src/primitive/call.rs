//! One call of a primitive's kernel as everything but libtorch sees it: attributes, types in memory order, and the
//! positions that follow from them. Made when a program is lowered; an executor plans from it once and then only runs.

use super::Attrs;
use crate::types::{AxisId, Dim, Ty};

/// What is known of a call before it runs.
#[derive(Clone, Debug)]
pub struct Call {
    /// Axes and constants of the call.
    pub attrs: Attrs,
    /// Types of the operands, numbers included; dims are in memory order.
    pub args: Vec<Ty>,
    /// Which operands are numbers known at compile time.
    pub numbers: Vec<Option<f64>>,
    /// The result's type, dims in memory order.
    pub ty: Ty,
    /// The first operand dies here and has the result's type: the result may take its memory.
    pub in_place: bool,
    /// In training, where dropout drops.
    pub training: bool,
    /// The axis of the batch's rows.
    pub batch: Option<AxisId>,
}

impl Call {
    /// The position of an axis in operand `at`.
    pub fn position(&self, at: usize, axis: AxisId) -> i64 {
        self.args[at].position(axis).unwrap_or(0) as i64
    }

    /// Positions of the `over` axes in operand `at`.
    pub fn over(&self, at: usize) -> Vec<i64> {
        self.attrs.over.iter().map(|axis| self.position(at, *axis)).collect()
    }

    /// The axis given by `along`, else the first of `over`.
    pub fn along(&self) -> AxisId {
        self.attrs.along.unwrap_or(self.attrs.over[0])
    }

    /// Whether an axis that the call reduces is empty in operand `at`.
    pub fn reduces_nothing(&self, at: usize) -> bool {
        self.attrs.over.iter().any(|axis| self.args[at].size(*axis) == Some(0))
    }

    /// How operand `at` is seen in the result's axis order.
    pub fn view(&self, at: usize) -> View {
        View::aligned(&self.args[at].dims, &self.ty.dims)
    }
}

/// A change of axis order, and new axes of size 1, without a copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The operand's axes in their new order; empty if that is the old one.
    pub order: Vec<i64>,
    /// Then, one after the other, where axes of size 1 are put in.
    pub insert: Vec<i64>,
}

impl View {
    /// What has the axes `own` in the axis order of `wanted`; axes it lacks have size 1, leading ones are left out,
    /// as they broadcast by themselves.
    pub fn aligned(own: &[Dim], wanted: &[Dim]) -> View {
        let has = |dim: &Dim| own.iter().any(|known| known.axis == dim.axis);
        let first = wanted.iter().position(has).unwrap_or(wanted.len());
        View::between(own, &wanted[first..])
    }

    /// Like `aligned`, with every axis of `wanted` there, leading ones of size 1 too.
    pub fn whole(own: &[Dim], wanted: &[Dim]) -> View {
        View::between(own, wanted)
    }

    fn between(own: &[Dim], wanted: &[Dim]) -> View {
        let place = |dim: &Dim| own.iter().position(|known| known.axis == dim.axis);
        let order: Vec<i64> = wanted.iter().filter_map(|dim| place(dim).map(|at| at as i64)).collect();
        let kept = order.iter().enumerate().all(|(at, from)| at as i64 == *from);
        let insert =
            (0..wanted.len()).filter(|at| place(&wanted[*at]).is_none()).map(|at| at as i64).collect();
        View { order: if kept { Vec::new() } else { order }, insert }
    }

    /// Whether nothing changes.
    pub fn is_identity(&self) -> bool {
        self.order.is_empty() && self.insert.is_empty()
    }
}
