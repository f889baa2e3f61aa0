//! Values as a plan sees them: a place in a buffer with a stride for each axis. Operations that only look at their operand
//! in another way become other strides here and cost nothing when a step runs.

use crate::ir::op::Op;
use crate::primitive::kernel::torch_kind;
use crate::types::{AxisId, Ty};

/// Elements of a buffer under named axes.
#[derive(Clone, Debug)]
pub(super) struct Array {
    /// By place among the plan's buffers.
    pub buffer: usize,
    /// Of its first element, in elements.
    pub offset: usize,
    pub ty: Ty,
    /// In elements, for each axis of the type.
    pub strides: Vec<usize>,
}

impl Array {
    /// A whole buffer, one element behind the other.
    pub fn dense(buffer: usize, ty: Ty) -> Array {
        let strides = dense_strides(&ty);
        Array { buffer, offset: 0, ty, strides }
    }

    /// Whether the elements lie one behind the other.
    pub fn is_dense(&self) -> bool {
        let dense = dense_strides(&self.ty);
        let dims = self.ty.dims.iter().zip(self.strides.iter().zip(&dense));
        dims.into_iter().all(|(dim, (own, dense))| dim.size <= 1 || own == dense)
    }

    /// From one entry of an axis to the next; 0 for an axis that it lacks.
    pub fn stride(&self, axis: AxisId) -> usize {
        self.ty.position(axis).map_or(0, |at| self.strides[at])
    }

    /// (size, stride) of axes.
    pub fn along(&self, axes: &[AxisId]) -> Vec<(usize, usize)> {
        axes.iter().map(|axis| (self.ty.size(*axis).unwrap_or(1), self.stride(*axis))).collect()
    }

    /// The part of `size` entries of an axis that begins at entry `start`, under the name of another.
    pub fn part(&self, axis: AxisId, start: usize, ty: Ty, to: AxisId) -> Array {
        let own = self.stride(axis);
        let strides = ty.axes().map(|name| if name == to { own } else { self.stride(name) }).collect();
        Array { buffer: self.buffer, offset: self.offset + start * own, ty, strides }
    }

    /// What a structural operation of type `ty` gives of it without a copy.
    pub fn viewed(&self, op: &Op, ty: &Ty) -> Option<Array> {
        let with = |stride: &dyn Fn(AxisId) -> usize, offset: usize| {
            let strides = ty.axes().map(stride).collect();
            Some(Array { buffer: self.buffer, offset, ty: ty.clone(), strides })
        };
        match op {
            Op::Select { axis, at } => with(&|name| self.stride(name), self.offset + at * self.stride(*axis)),
            Op::Slice { axis, start, to, .. } => Some(self.part(*axis, *start, ty.clone(), *to)),
            Op::Rename { from, to } => Some(self.part(*from, 0, ty.clone(), *to)),
            Op::Unflatten { from, to } => {
                let mut inner = self.stride(*from);
                let mut strides = Vec::new();
                for (axis, size) in to.iter().rev() {
                    strides.push((*axis, inner));
                    inner *= size;
                }
                let find = |name: AxisId| strides.iter().find(|(axis, _)| *axis == name);
                with(&|name| find(name).map_or_else(|| self.stride(name), |(_, stride)| *stride), self.offset)
            }
            Op::Flatten { from, to } => {
                let (_, merged) = merged(&self.along(from))?;
                with(&|name| if name == *to { merged } else { self.stride(name) }, self.offset)
            }
            Op::Expand | Op::Detach => with(&|name| self.stride(name), self.offset),
            Op::Cast(kind) if torch_kind(*kind) == torch_kind(self.ty.kind) => {
                with(&|name| self.stride(name), self.offset)
            }
            _ => None,
        }
    }
}

fn dense_strides(ty: &Ty) -> Vec<usize> {
    let mut strides = vec![1; ty.dims.len()];
    for at in (1..ty.dims.len()).rev() {
        strides[at - 1] = strides[at] * ty.dims[at].size.max(1);
    }
    strides
}

/// Axes, (size, stride) each, the outermost first, as one; None where their entries do not follow one another.
pub(super) fn merged(axes: &[(usize, usize)]) -> Option<(usize, usize)> {
    let mut whole: Option<(usize, usize)> = None;
    for (size, stride) in axes.iter().rev().copied().filter(|(size, _)| *size != 1) {
        whole = match whole {
            None => Some((size, stride)),
            Some((inner, step)) if stride == inner * step => Some((size * inner, step)),
            Some(_) => return None,
        };
    }
    Some(whole.unwrap_or((1, 1)))
}
