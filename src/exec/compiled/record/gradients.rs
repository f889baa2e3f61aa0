//! What leaves a step: results, and gradients, of which those of weights are sums over all slices that wait for a meeting.

use super::{Held, Later, Pending, Recorder, bytes_of, multiplied};
use crate::exec::compiled::array::Array;
use crate::exec::compiled::class::{Class, resized};
use crate::exec::compiled::plan::{Meeting, Result as Given, RowGradient, WeightGradient, What};
use crate::exec::compiled::product::Application;
use crate::ir::op::Op;
use crate::lower::{Instr, Operand};
use crate::types::{AxisId, Kind, Ty};
use std::ops::Range;

/// Bytes of operands of weight gradients that wait for a meeting, over all slices.
const WAITING: usize = 256 << 20;

impl Recorder<'_> {
    /// Gradients of weights that wait for the other slices: contractions over the batch, and sums of them.
    pub(super) fn later(&mut self, instr: &Instr, op: &Op) -> Option<Held> {
        let held: Vec<Held> = instr.args.iter().map(|arg| self.find(*arg)).collect::<Option<_>>()?;
        let empty = |ty: &Ty| Later { ty: ty.clone(), applications: Vec::new(), arrays: Vec::new() };
        match (op, &held[..]) {
            (Op::Expand, [Held::Number(0.0)]) if !instr.ty.has(self.batch) && instr.ty.kind.is_float() => {
                // Where a gradient begins, or zeros that somebody reads.
                instr.backward.then(|| Held::Later(empty(&instr.ty)))
            }
            (Op::Cast(_), [Held::Later(later)]) => {
                Some(Held::Later(Later { ty: instr.ty.clone(), ..later.clone() }))
            }
            (Op::Prim(id, _), [a, b]) if id.get().name == "add" => {
                let sum = |held: &Held| match held {
                    Held::Later(later) => Some(later.clone()),
                    Held::Array(array) if self.class_of(array) == Class::Sum => {
                        Some(Later { arrays: vec![array.clone()], ..empty(&array.ty) })
                    }
                    _ => None,
                };
                if !matches!((a, b), (Held::Later(_), _) | (_, Held::Later(_))) {
                    return None;
                }
                let (a, b) = (sum(a)?, sum(b)?);
                if a.ty.dims != b.ty.dims || a.ty.dims != instr.ty.dims {
                    return None;
                }
                Some(Held::Later(Later {
                    ty: instr.ty.clone(),
                    applications: [a.applications, b.applications].concat(),
                    arrays: [a.arrays, b.arrays].concat(),
                }))
            }
            (Op::Prim(id, attrs), [Held::Array(a), Held::Array(b)])
                if id.get().name == "dot" && attrs.over.contains(&self.batch) =>
            {
                let both = self.class_of(a) == Class::Sample && self.class_of(b) == Class::Sample;
                if !(both && multiplied(a.ty.kind) && multiplied(b.ty.kind)) {
                    return None;
                }
                let axes: Vec<AxisId> = instr.ty.axes().collect();
                let mut application = Application::of(a, b, &attrs.over, &axes)?;
                application.guards.clone_from(&self.guards);
                let bytes = |array: &Array| array.ty.count() * bytes_of(array.ty.kind);
                self.waiting += (bytes(a) + bytes(b)) * self.slices;
                let pending = Pending { application, number: self.recorded };
                self.recorded += 1;
                if self.waiting > WAITING {
                    self.met.push((self.plan.slice.len(), self.recorded));
                    self.waiting = 0;
                }
                Some(Held::Later(Later { applications: vec![pending], ..empty(&instr.ty) }))
            }
            _ => None,
        }
    }

    pub(super) fn results(&mut self) -> Option<()> {
        for (at, output) in self.program.outputs.iter().enumerate() {
            let rows = self.plan.rows;
            let ty = resized(&output.ty, self.batch, rows);
            let from = self.given(output.value, &ty)?;
            let leads = from.ty.position(self.batch).is_none_or(|place| place == 0);
            if self.class_of(&from) == Class::Sum || !leads {
                return None;
            }
            self.plan.results.push(Given { output: at, from });
        }
        Some(())
    }

    /// A value that leaves the step, one element behind the other.
    fn given(&mut self, operand: Operand, ty: &Ty) -> Option<Array> {
        let note = self.plan.notes.len().checked_sub(1)?;
        let array = match operand {
            Operand::Number(value) => self.filled(value, ty, note),
            Operand::Slot(slot) => self.array(slot, ty, note)?,
        };
        Some(self.dense(array))
    }

    /// The same elements one behind the other.
    pub(super) fn dense(&mut self, array: Array) -> Array {
        if array.is_dense() {
            return array;
        }
        let (shared, note) = (self.class_of(&array) == Class::Shared, self.plan.notes.len() - 1);
        let dense = self.fresh(&array.ty.clone(), shared);
        self.step(What::Copy, vec![array], vec![dense.clone()], note, shared);
        dense
    }

    pub(super) fn gradients(&mut self) -> Option<()> {
        let mut ranges: Vec<Vec<usize>> = Vec::new();
        for (at, gradient) in self.program.gradients.iter().enumerate() {
            if let Some((ids, ty)) = &gradient.ids {
                let rows = self.plan.rows;
                let ids = self.given(*ids, &resized(ty, self.batch, rows))?;
                let from = self.given(gradient.value, &resized(&gradient.ty, self.batch, rows))?;
                let lead = |array: &Array| array.ty.position(self.batch) == Some(0);
                if !lead(&ids) || !lead(&from) {
                    return None;
                }
                self.plan.row_gradients.push(RowGradient { gradient: at, ids, from });
                continue;
            }
            let later = match self.find(gradient.value)? {
                Held::Later(later) => later,
                Held::Array(array) if self.class_of(&array) == Class::Sum => {
                    Later { ty: gradient.ty.clone(), applications: Vec::new(), arrays: vec![array] }
                }
                _ => return None,
            };
            let kept = matches!(gradient.ty.kind, Kind::Float32 | Kind::Float64);
            let wide = gradient.ty.kind == Kind::Float64;
            if later.ty.dims != gradient.ty.dims || !kept || (wide && !later.applications.is_empty()) {
                return None;
            }
            let mut arrays = Vec::new();
            for array in later.arrays {
                if array.ty.dims != gradient.ty.dims {
                    return None;
                }
                arrays.push(self.dense(array));
            }
            let (n, k) = later
                .applications
                .first()
                .map_or((1, gradient.ty.count()), |first| (first.application.n, first.application.k));
            if later
                .applications
                .iter()
                .any(|pending| (pending.application.n, pending.application.k) != (n, k))
            {
                return None;
            }
            let mut pending = later.applications;
            pending.sort_by_key(|pending| pending.number);
            ranges.push(pending.iter().map(|pending| pending.number).collect());
            self.plan.gradients.push(WeightGradient {
                gradient: at,
                applications: pending.into_iter().map(|pending| pending.application).collect(),
                arrays,
                n,
                k,
            });
        }
        self.meetings(&ranges);
        Some(())
    }

    /// When what is summed: applications recorded since the meeting before.
    fn meetings(&mut self, numbers: &[Vec<usize>]) {
        let end = (self.plan.slice.len(), self.recorded);
        let mut from = 0;
        for (after, upto) in self.met.iter().copied().chain([end]).collect::<Vec<_>>() {
            let sums = numbers.iter().enumerate().map(|(gradient, numbers)| {
                let count = |limit: usize| numbers.partition_point(|number| *number < limit);
                let range: Range<usize> = count(from)..count(upto);
                (gradient, range)
            });
            let sums = sums.filter(|(_, range)| !range.is_empty()).collect();
            self.plan.meetings.push(Meeting { after, sums });
            from = upto;
        }
    }
}
