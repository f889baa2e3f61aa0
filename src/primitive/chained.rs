//! How primitives are computed as part of a chain (`totc_kernels::fused::Chain`): element by element, or row by row.

use totc_kernels::fused::{Op, Register, Step, Width};

/// What a primitive is to a chain.
#[derive(Clone, Copy, Debug)]
pub enum Chained {
    /// It is never part of one.
    Never,
    /// One operation on values that meet by axis, element by element.
    Each(Op),
    /// Over the last axis of the chain's space alone: one value a row, or one a place.
    Rows(fn(&mut Steps, &[Register]) -> Register),
}

/// The steps of a chain that is being made.
#[derive(Debug)]
pub struct Steps {
    /// So far.
    pub steps: Vec<Step>,
    /// Entries of the last axis.
    pub last: usize,
}

impl Steps {
    /// Adds an operation; how many values it has follows from its operands.
    pub fn add(&mut self, op: Op, operands: &[Register]) -> Register {
        let widths = operands.iter().map(|operand| self.steps[operand.0].width);
        let width = match op {
            Op::Number(_) => Width::One,
            Op::Sum | Op::Max | Op::Min => Width::Row,
            _ => widths.fold(Width::One, |wide, own| match (wide, own) {
                (Width::Full, _) | (_, Width::Full) => Width::Full,
                (Width::Row, _) | (_, Width::Row) => Width::Row,
                _ => Width::One,
            }),
        };
        self.push(Step { op, operands: operands.to_vec(), width })
    }

    /// Adds a step as it is.
    pub fn push(&mut self, step: Step) -> Register {
        self.steps.push(step);
        Register(self.steps.len() - 1)
    }

    /// A number.
    pub fn number(&mut self, value: f64) -> Register {
        self.add(Op::Number(value), &[])
    }
}
