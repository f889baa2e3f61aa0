//! The value of a model config as a run file gives it: takes RON, gives a number, a truth value or a choice; never
//! knows which configs a model has.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// What a run file may give to a config of the model.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Setting {
    Int(i64),
    Float(f64),
    Bool(bool),
    /// One of the words that the model offers, such as `film`.
    Choice(String),
}

impl fmt::Display for Setting {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Setting::Int(number) => write!(out, "{number}"),
            Setting::Float(number) => write!(out, "{number:?}"),
            Setting::Bool(truth) => write!(out, "{truth}"),
            Setting::Choice(word) => out.write_str(word),
        }
    }
}

struct AnySetting;

impl Visitor<'_> for AnySetting {
    type Value = Setting;

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("a number, true, false or a choice in quotes")
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Setting, E> {
        Ok(Setting::Bool(truth))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Setting, E> {
        Ok(Setting::Int(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Setting, E> {
        i64::try_from(number).map(Setting::Int).map_err(|_| E::custom(format!("{number} is too large")))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Setting, E> {
        if !number.is_finite() {
            return Err(E::custom(format!("a config must be finite, and {number} is not")));
        }
        Ok(Setting::Float(number))
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Setting, E> {
        Ok(Setting::Choice(word.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnySetting)
    }
}
