//! Loops that may be left out: where the bools of a slice's samples say that an iteration does nothing to any of them, its steps
//! are jumped over, and what it carries stays as it was.

use super::{Held, Later, Recorder};
use crate::exec::compiled::array::Array;
use crate::exec::compiled::class::Class;
use crate::exec::compiled::plan::What;
use crate::lower::{Instr, InstrOp, Operand};
use crate::types::Ty;

impl Recorder<'_> {
    /// Where such a loop begins; gives its number.
    pub(super) fn guard(&mut self, instr: &Instr, at: usize) -> Option<usize> {
        let Operand::Slot(slot) = instr.args[at] else { return None };
        let note = self.note(instr);
        let mask = self.array(slot, &instr.arg_tys[at], note)?;
        let mask = self.dense(mask);
        self.guarded += 1;
        self.step(What::Unless(self.guarded), vec![mask.clone()], Vec::new(), note, false);
        self.guards.push(mask);
        Some(self.guarded)
    }

    /// Where it ends: what it carries is what it was handed, or what its iterations have made of it.
    pub(super) fn behind(&mut self, instr: &Instr, number: usize) -> Option<()> {
        let InstrOp::Repeat { carried, result_tys, .. } = &instr.op else { return None };
        let note = self.note(instr);
        let mask = self.guards.pop()?;
        self.step(What::Behind(number), Vec::new(), Vec::new(), note, false);
        for ((out, arg), ty) in instr.out.iter().zip(&instr.args).zip(result_tys).take(carried.len()) {
            let (before, after) = (self.find(*arg)?, self.held[*out].clone()?);
            self.held[*out] = Some(self.settled(before, after, &mask, (ty, note))?);
        }
        Some(())
    }

    fn settled(&mut self, before: Held, after: Held, mask: &Array, to: (&Ty, usize)) -> Option<Held> {
        let (ty, note) = to;
        match (before, after) {
            (Held::Number(one), Held::Number(other)) if one == other => Some(Held::Number(one)),
            (before, Held::Later(after)) => self.settled_later(before, after, mask, note),
            (before, after) => {
                let before = self.as_array(before, ty, note)?;
                let after = self.as_array(after, ty, note)?;
                self.settle(before, after, mask, note).map(Held::Array)
            }
        }
    }

    /// A sum that is computed when slices meet: products know by themselves whether they have been left out, and other shares are
    /// nothing then.
    fn settled_later(&mut self, before: Held, after: Later, mask: &Array, note: usize) -> Option<Held> {
        let known = match before {
            Held::Later(before) => before.arrays,
            Held::Array(before) => vec![before],
            Held::Number(0.0) => Vec::new(),
            _ => return None,
        };
        let mut arrays = Vec::with_capacity(after.arrays.len());
        for array in after.arrays {
            let same = |own: &Array| (own.buffer, own.offset) == (array.buffer, array.offset);
            if known.iter().any(same) {
                arrays.push(array);
                continue;
            }
            let zero = self.filled(0.0, &array.ty.clone(), note);
            arrays.push(self.settle(zero, array, mask, note)?);
        }
        Some(Held::Later(Later { arrays, ..after }))
    }

    fn settle(&mut self, before: Array, after: Array, mask: &Array, note: usize) -> Option<Array> {
        if (before.buffer, before.offset, &before.strides) == (after.buffer, after.offset, &after.strides) {
            return Some(before);
        }
        // What all slices share is not computed in one of them.
        if self.class_of(&after) == Class::Shared {
            return None;
        }
        let out = self.fresh(&after.ty.clone(), false);
        self.step(What::Settle, vec![mask.clone(), before, after], vec![out.clone()], note, false);
        Some(out)
    }

    fn as_array(&mut self, held: Held, ty: &Ty, note: usize) -> Option<Array> {
        match held {
            Held::Array(array) => Some(array),
            Held::Number(value) => Some(self.filled(value, ty, note)),
            _ => None,
        }
    }
}
