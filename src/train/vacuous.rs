//! Metrics that are means over nothing: takes a program, names those whose value stands for no number, such as the
//! similarity of the thoughts of a tree with one thought. They are left out of logs and tables, where 0 would be read as one.

use crate::lower::{Operand, Program};

/// Metrics that are computed from a tensor without elements.
pub fn vacuous_metrics(program: &Program) -> Vec<String> {
    let vacuous = |value: Operand| {
        let Operand::Slot(slot) = value else { return false };
        let made = program.body.iter().rev().find(|instr| instr.out.contains(&slot));
        made.is_some_and(|instr| instr.arg_tys.iter().any(|ty| ty.shape().contains(&0)))
    };
    let metrics = program
        .outputs
        .iter()
        .filter_map(|output| Some((output.name.strip_prefix("metric.")?, output.value)));
    metrics.filter(|(_, value)| vacuous(*value)).map(|(name, _)| name.to_owned()).collect()
}
