//! Instructions that hold others, loops excepted: fused groups, and entries of stacks.

use super::chain::Planned;
use super::interpreter::{Interpreter, Step, Value, failure};
use super::link::Action;
use super::step::ExecError;
use crate::ir::op::Op;
use crate::lower::{Instr, InstrOp, Operand};

impl Interpreter<'_> {
    /// A fused group in one kernel.
    pub(super) fn chain(&self, instr: &Instr, planned: &Planned, step: &mut Step) -> Result<(), ExecError> {
        let mut operands = Vec::new();
        for slot in planned.reads() {
            operands.push(self.value(step, Operand::Slot(slot), &instr.ty)?);
        }
        let results = planned.run(&operands).map_err(|error| failure(self.program, instr, &error))?;
        for (slot, result) in instr.out.iter().zip(results) {
            step.slots[*slot] = Some(Value::Tensor(result));
        }
        Ok(())
    }

    /// A fused group, one operation after the other.
    pub(super) fn each(&self, instr: &Instr, actions: &[Action], step: &mut Step) -> Result<(), ExecError> {
        let InstrOp::Fused { body, yields, result_tys } = &instr.op else { return Ok(()) };
        self.instructions(body, actions, step)?;
        for ((slot, operand), ty) in instr.out.iter().zip(yields).zip(result_tys) {
            step.slots[*slot] = Some(self.held(step, *operand, ty)?);
        }
        if let Some(watch) = &mut step.watch {
            watch.moved(yields.iter().copied().zip(instr.out.iter().copied()));
        }
        for slot in body.iter().flat_map(|inner| &inner.out) {
            step.slots[*slot] = None;
        }
        Ok(())
    }

    /// The entry of a stack that belongs to the iteration, counted from the end.
    pub(super) fn unstacked(&self, instr: &Instr, step: &Step) -> Result<Value, ExecError> {
        let (done, times) = step.loops.last().copied().unwrap_or((0, 1));
        let entry = times - 1 - done;
        if let Operand::Slot(slot) = instr.args[0]
            && let Some(Value::Stack(values)) = &step.slots[slot]
            && let Some(value) = values.get(entry)
        {
            return Ok(value.share());
        }
        let (whole, InstrOp::Op(Op::Unstack { axis })) =
            (self.value(step, instr.args[0], &instr.arg_tys[0])?, &instr.op)
        else {
            return Err(ExecError::Input { what: "a stack".to_owned() });
        };
        let place = instr.arg_tys[0].position(*axis).unwrap_or(0) as i64;
        let part = whole.f_select(place, entry as i64);
        part.map(Value::Tensor).map_err(|error| failure(self.program, instr, &error))
    }
}
