//! An optimiser's own numbers: takes what the run file sets, gives them by name; whatever nobody asked for is an error.

use std::collections::BTreeMap;

use crate::diagnostic::suggestion;
use crate::train::error::TrainError;

/// Numbers of one optimiser as they are being read.
#[derive(Debug)]
pub struct Options {
    optimiser: &'static str,
    given: BTreeMap<String, f64>,
    known: Vec<&'static str>,
}

impl Options {
    /// What the run file sets for `optimiser`.
    pub fn new(optimiser: &'static str, given: &BTreeMap<String, f64>) -> Options {
        Options { optimiser, given: given.clone(), known: Vec::new() }
    }

    /// The number `name`, or its default; an error where `accepts` refuses it (`must` says what it must be).
    pub fn take(
        &mut self,
        name: &'static str,
        default: f64,
        must: &'static str,
        accepts: fn(f64) -> bool,
    ) -> Result<f64, TrainError> {
        self.known.push(name);
        let value = self.given.remove(name).unwrap_or(default);
        if accepts(value) {
            return Ok(value);
        }
        Err(TrainError::Setting {
            setting: format!("optimiser.options.{name}"),
            what: format!("{value} does not suit `{}`", self.optimiser),
            fix: format!("it must be {must}; the default is {default}"),
        })
    }

    /// Refuses numbers that nobody took.
    pub fn finish(self) -> Result<(), TrainError> {
        let Some(unknown) = self.given.keys().next() else { return Ok(()) };
        Err(TrainError::Setting {
            setting: format!("optimiser.options.{unknown}"),
            what: format!("`{}` has no such number", self.optimiser),
            fix: suggestion(unknown, self.known.iter().copied())
                .unwrap_or_else(|| format!("it has {}", self.known.join(", "))),
        })
    }
}

/// A decay rate of a moving average.
pub(super) fn is_rate(value: f64) -> bool {
    (0.0..1.0).contains(&value)
}

/// A small number that keeps a quotient finite.
pub(super) fn is_positive(value: f64) -> bool {
    value > 0.0 && value.is_finite()
}
