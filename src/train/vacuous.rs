//! Metrics that are means over nothing: takes a program, names those whose value stands for no number, such as the
//! similarity of the thoughts of a tree with one thought. They are left out of logs and tables, where 0 would be read as one.

use crate::ir::OutputKind;
use crate::lower::{Operand, Program};

/// Metrics that are computed from a tensor without elements.
pub fn vacuous_metrics(program: &Program) -> Vec<String> {
    let vacuous = |value: Operand| {
        let Operand::Slot(slot) = value else { return false };
        let made = program.body.iter().rev().find(|instr| instr.out.contains(&slot));
        made.is_some_and(|instr| instr.arg_tys.iter().any(|ty| ty.shape().contains(&0)))
    };
    let metrics = program.outputs_of(OutputKind::Metric).filter(|(_, metric)| vacuous(metric.value));
    metrics.map(|(_, metric)| metric.name.name.clone()).collect()
}
