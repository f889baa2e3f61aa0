//! Lists of numbers known at compile time, and `match` on such numbers. Takes trees and numbers, gives values or the arm
//! that is chosen; no list is ever a tensor.

use crate::diagnostic::{Code, Diagnostic};
use crate::model::checker::Checker;
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
            self.error(
                Diagnostic::new(Code::Arguments, "a list takes one number", span, "which of its entries?")
                    .help("`ways[0]` is its first entry, `ways[i]` one by the counter of a loop"),
            );
            return Value::Broken;
        };
        let Some(at) = self.size_value(expr) else { return Value::Broken };
        match numbers.get(at) {
            Some(number) => Value::Number(*number),
            None => {
                let entries = match numbers.len() {
                    1 => "1 entry".to_owned(),
                    count => format!("{count} entries"),
                };
                let message = format!("there is no entry {at} in this list of {entries}");
                let diagnostic = Diagnostic::new(Code::Number, message, expr.span, format!("this is {at}"));
                let list = Number::list(numbers);
                self.error(diagnostic.help(format!("it is {list}, and entries are counted from 0")));
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
                let message = format!("`match` on a number has arms of numbers, and `{}` is none", arm.name);
                self.error(
                    Diagnostic::new(Code::Kind, message, arm.span, "not a number")
                        .related(subject.span, format!("this is {number}"))
                        .help("`0 => …`, and `_ => …` for all others"),
                );
                fine = false;
                continue;
            };
            if let Some((_, before)) = known.iter().find(|(other, _)| other.compare(own).is_eq()) {
                let message = format!("{own} has two arms");
                self.error(
                    Diagnostic::new(Code::Duplicate, message, arm.span, "never reached")
                        .related(*before, "first here")
                        .help("remove one"),
                );
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
            let message = format!("`match {text}` has no arm for {number}");
            self.error(
                Diagnostic::new(Code::Incomplete, message, subject.span, format!("this is {number}"))
                    .help(format!("add `{number} => …`, or `_ => …` for all others")),
            );
        }
        chosen
    }

    /// Complains about arms behind `_`, which takes all that is left.
    pub(in crate::model) fn others_come_last(&mut self, arms: &[(Ident, Expr)]) {
        let Some(at) = arms.iter().position(|(arm, _)| arm.name == OTHERS) else { return };
        let Some((behind, _)) = arms.get(at + 1) else { return };
        let message = "`_` takes all that is left, and an arm stands behind it";
        self.error(
            Diagnostic::new(Code::Duplicate, message, behind.span, "never reached")
                .related(arms[at].0.span, "all others")
                .help("let `_` be the last arm"),
        );
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
