//! The value of a model config as a run file gives it: takes RON, gives a number, a list of numbers, a truth value or a choice; never
//! knows which configs a model has.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// What a run file may give to a config of the model.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ConfigValue {
    /// A whole number.
    Int(i64),
    /// A number with a fraction or an exponent; finite.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// One of the words that the model offers, such as `film`.
    Choice(String),
    /// Several numbers, each `Int` or `Float`.
    List(Vec<ConfigValue>),
}

impl fmt::Display for ConfigValue {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self {
            ConfigValue::Int(number) => write!(out, "{number}"),
            ConfigValue::Float(number) => write!(out, "{number:?}"),
            ConfigValue::Bool(truth) => write!(out, "{truth}"),
            ConfigValue::Choice(word) => out.write_str(word),
            ConfigValue::List(entries) => {
                let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
                write!(out, "[{}]", entries.join(", "))
            }
        }
    }
}

impl JsonSchema for ConfigValue {
    fn schema_name() -> Cow<'static, str> {
        "ConfigValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A value of a config of the model.",
            "x-type": "number, list of numbers, `true`, `false` or a choice in quotes",
            "type": ["number", "boolean", "string", "array"],
            "items": { "type": "number" },
        })
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = ConfigValue;

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("a number, a list of numbers, true, false or a choice in quotes")
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<ConfigValue, E> {
        Ok(ConfigValue::Bool(truth))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<ConfigValue, E> {
        Ok(ConfigValue::Int(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<ConfigValue, E> {
        i64::try_from(number).map(ConfigValue::Int).map_err(|_| E::custom(format!("{number} is too large")))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<ConfigValue, E> {
        if !number.is_finite() {
            return Err(E::custom(format!("a config must be finite, and {number} is not")));
        }
        Ok(ConfigValue::Float(number))
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<ConfigValue, E> {
        Ok(ConfigValue::Choice(word.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ConfigValue, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = seq.next_element::<ConfigValue>()? {
            if !matches!(entry, ConfigValue::Int(_) | ConfigValue::Float(_)) {
                return Err(A::Error::custom(format!(
                    "a list of a config is of numbers, and `{entry}` is none"
                )));
            }
            entries.push(entry);
        }
        Ok(ConfigValue::List(entries))
    }
}

impl<'de> Deserialize<'de> for ConfigValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyValue)
    }
}
