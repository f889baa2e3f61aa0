//! Lists of numbers known at compile time, and `match` on such numbers. Takes trees and numbers, gives values or the arm
//! that is chosen; no list is ever a tensor.

use crate::model::checker::Checker;
use crate::model::evaluate::complaints;
use crate::model::evaluate::number::Number;
use crate::model::evaluate::value::Value;
use crate::source::Span;
use crate::syntax::ast::{Expr, Ident, IndexItem};

/// The arm for all that has no arm of its own.
pub(in crate::model) const OTHERS: &str = "_";

impl Checker<'_> {
    /// `[3, 2, 2]`: every entry a number known at compile time.
    pub(in crate::model) fn list(&mut self, entries: &[Expr]) -> Value {
        let mut numbers = Vec::new();
        for entry in entries {
            match self.number(entry) {
                Some(number) => numbers.push(number),
                None => return Value::Broken,
            }
        }
        Value::Numbers(numbers)
    }

    /// `ways[i]`.
    pub(in crate::model) fn entry_of(
        &mut self,
        numbers: &[Number],
        items: &[IndexItem],
        span: Span,
    ) -> Value {
        let [IndexItem::Plain(expr)] = items else {
            self.error(complaints::which_entry(span));
            return Value::Broken;
        };
        let Some(at) = self.size_value(expr) else { return Value::Broken };
        match numbers.get(at) {
            Some(number) => Value::Number(*number),
            None => {
                self.error(complaints::no_entry(at, numbers, expr.span));
                Value::Broken
            }
        }
    }

    /// Which arm a number chooses: the one of the same number, else `_`.
    pub(in crate::model) fn arm_of_number(
        &mut self,
        number: Number,
        subject: &Expr,
        arms: &[(Ident, Expr)],
    ) -> Option<usize> {
        let mut known: Vec<(Number, Span)> = Vec::new();
        let mut fine = true;
        for (arm, _) in arms {
            if arm.name == OTHERS {
                continue;
            }
            let Some(own) = arm_number(&arm.name) else {
                self.error(complaints::arm_is_no_number(arm, (number, subject.span)));
                fine = false;
                continue;
            };
            if let Some((_, before)) = known.iter().find(|(other, _)| other.compare(own).is_eq()) {
                self.error(complaints::two_arms(&own.to_string(), arm.span, *before));
            }
            known.push((own, arm.span));
        }
        if !fine {
            return None;
        }
        let own = |arm: &Ident| arm_number(&arm.name).is_some_and(|own| own.compare(number).is_eq());
        let others = || arms.iter().position(|(arm, _)| arm.name == OTHERS);
        let chosen = arms.iter().position(|(arm, _)| own(arm)).or_else(others);
        if chosen.is_none() {
            let text = self.author_text(subject.span);
            self.error(complaints::no_arm_for_number(&text, number, subject.span));
        }
        chosen
    }

    /// Complains about arms behind `_`, which takes all that is left.
    pub(in crate::model) fn others_come_last(&mut self, arms: &[(Ident, Expr)]) {
        let Some(at) = arms.iter().position(|(arm, _)| arm.name == OTHERS) else { return };
        let Some((behind, _)) = arms.get(at + 1) else { return };
        self.error(complaints::arm_behind_others(behind.span, arms[at].0.span));
    }
}

/// The number that an arm names.
fn arm_number(text: &str) -> Option<Number> {
    match text.strip_prefix('-') {
        Some(digits) => Number::parse(&digits.replace('_', "")).map(|number| -number),
        None => {
            text.starts_with(|c: char| c.is_ascii_digit()).then(|| Number::parse(&text.replace('_', "")))?
        }
    }
}
