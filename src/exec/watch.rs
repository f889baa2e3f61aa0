//! Which operation made the first number of a step that is infinite or not a number: watches a step that the
//! interpreter runs, from its operands to the losses and gradients that they spoil. Changes no value.

use crate::lower::{Instr, Operand};
use crate::source::Span;
use tch::{TchError, Tensor};

/// An operation whose result is not finite although its operands were.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// The operation in a word: `log`, `div`, `weight`.
    pub operation: String,
    /// The author's name for the value, with the path of its net.
    pub name: String,
    /// Where the author wrote it.
    pub span: Span,
    /// Whether it belongs to the backward pass.
    pub backward: bool,
    /// Not a number; otherwise infinite.
    pub nan: bool,
    /// Where the infinite numbers come from that it made a NaN of.
    pub given: Option<Box<Origin>>,
}

impl Origin {
    /// `NaN` or `infinite`.
    pub fn kind(&self) -> &'static str {
        if self.nan { "NaN" } else { "infinite" }
    }

    /// Whether it chooses among entries that a mask may have left out.
    fn chooses(&self) -> bool {
        matches!(self.operation.as_str(), "softmax" | "log_softmax" | "attend")
    }

    /// What usually helps against numbers that this operation makes.
    pub fn advice(&self) -> &'static str {
        let masked = self.given.as_ref().is_some_and(|given| given.operation != "exp");
        if let Some(given) = self.given.as_ref().filter(|_| !self.chooses()) {
            return given.advice();
        }
        match (self.operation.as_str(), self.backward) {
            ("weight" | "embedding_rows", _) => {
                "the weight itself was so before this step, from the update before it or from the weights given: a \
                 lower learning rate, more warm-up or a gradient `clip`, from an earlier checkpoint (`--resume \
                 --earlier`) or other weights"
            }
            ("input", _) => "the data hold it: look at the file",
            ("state", _) => {
                "it was carried out of the step before: normalise what is carried, and lower the learning rate"
            }
            _ if self.chooses() && masked => {
                "where a mask leaves no entry at all there is nothing to choose from: leave one"
            }
            ("log", _) => "`log` needs a number above 0: `log(max(x, 1e-6))` keeps it there",
            ("div" | "pow" | "rsqrt" | "sqrt" | "mul", true) => {
                "a slope is infinite there, as that of a root or a logarithm at 0: keep its operand above 0, as by adding 1e-6"
            }
            ("div", _) => "keep the divisor away from 0, as by adding 1e-6 to it",
            ("sqrt" | "rsqrt" | "pow", _) => {
                "a root needs a number above 0: keep it there, as by `max(x, 1e-6)`"
            }
            ("exp", _) => {
                "its operand is too large: subtract the largest entry first, as `softmax` and `logsumexp` do"
            }
            _ => "a lower learning rate, more warm-up or a gradient `clip` usually helps",
        }
    }
}

/// What a watched step has made so far.
#[derive(Debug, Default)]
pub(super) struct Watch {
    origins: Vec<Made>,
    /// By slot: whose numbers spoil what stands there.
    slots: Vec<Option<usize>>,
}

#[derive(Debug)]
struct Made {
    origin: Origin,
    given: Option<usize>,
}

/// What is known of an instruction's operands before it runs; afterwards their memory may hold the result.
#[derive(Debug, Default)]
pub(super) struct Before {
    spoilt: Vec<usize>,
}

impl Watch {
    /// Of a step with so many slots.
    pub fn of(slots: usize) -> Watch {
        Watch { origins: Vec::new(), slots: vec![None; slots] }
    }

    /// What spoils the operands of an instruction.
    pub fn before(&self, instr: &Instr) -> Before {
        Before { spoilt: instr.args.iter().filter_map(|operand| self.at(*operand)).collect() }
    }

    /// What spoils an operand.
    pub fn at(&self, operand: Operand) -> Option<usize> {
        match operand {
            Operand::Slot(slot) => self.slots[slot],
            Operand::Number(_) => None,
        }
    }

    /// Values move at once: what spoils each operand spoils the slot that it moves into.
    pub fn moved(&mut self, moves: impl Iterator<Item = (Operand, usize)>) {
        let moves: Vec<_> = moves.map(|(from, to)| (self.at(from), to)).collect();
        for (spoilt, to) in moves {
            self.slots[to] = spoilt;
        }
    }

    /// A value goes into a stack: the first that spoils it counts.
    pub fn stacked(&mut self, operand: Operand, stack: usize, first: bool) {
        let before = if first { None } else { self.slots[stack] };
        self.slots[stack] = before.or(self.at(operand));
    }

    /// Looks at the result of an instruction.
    pub fn note(
        &mut self,
        instr: &Instr,
        operation: String,
        before: Before,
        result: &Tensor,
    ) -> Result<(), TchError> {
        let slot = instr.out[0];
        self.slots[slot] = None;
        if !result.is_floating_point() || bool::try_from(result.f_isfinite()?.f_all()?)? {
            return Ok(());
        }
        let nan = bool::try_from(result.f_isnan()?.f_any()?)?;
        let earlier = before.spoilt.iter().copied().min();
        let same = before.spoilt.iter().copied().filter(|at| !nan || self.origins[*at].origin.nan).min();
        self.slots[slot] = same.or_else(|| {
            let origin = Origin {
                operation,
                name: instr.name.clone(),
                span: instr.span,
                backward: instr.backward,
                nan,
                given: None,
            };
            self.origins.push(Made { origin, given: earlier });
            Some(self.origins.len() - 1)
        });
        Ok(())
    }

    /// The operation itself, by the number that [`Watch::at`] gives.
    pub fn origin(&self, at: usize) -> Origin {
        let made = &self.origins[at];
        Origin { given: made.given.map(|given| Box::new(self.origin(given))), ..made.origin.clone() }
    }
}
