//! The reference of run files: takes the Rust types of a run file with what is written beside their fields, gives a JSON
//! schema and the page `docs/run-files.md`; says nothing that the types do not say.
//!
//! Beside what `schemars` reads from the types, a field gives its unit (`x-unit`) and an example in RON (`x-example`).

use std::fmt::Write;

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::limits;
use super::run::{Phase, Run, Start};
use super::sweep::Sweep;
use super::training::{Checkpoints, Evaluation, Keep, Optimiser, ParamGroup, Schedule, Tables, TrainConfig};
use crate::bounds::Bound;
use crate::data;

/// What stands above the fields.
const HEAD: &str = "# Run files

A run file says on which data a model is trained and how. It is written in [RON](https://github.com/ron-rs/ron): \
`Run(field: value, …)`. Only `model` and `data` must be given; the defaults of training are the published set-up of TRM on \
Sudoku-Extreme (arXiv:2510.04871, section 5), with a batch of 128. `Some(x)` may be written `x`. `totc new` writes a run \
file to start from, `totc check RUN.ron` tells what is wrong with one, `--set optimiser.lr=1e-3` gives a field another value. \
This page is what `totc schema` prints; `totc schema --json` prints a JSON schema, in which `name(…)` is `{\"name\": …}` and \
`None` is `null`.

A small one:

    Run(
        model: \"../models/trm.tot\",
        data: sudoku(side: 4, train: 64, test: 32),
        set: { \"hidden\": 128 },
        length: steps(2_000),
        evaluation: (every: 500),
    )
";

/// The JSON schema of run files (draft 2020-12), with the bounds on their numbers.
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let training = fields_of::<TrainConfig>(&mut generator);
    let mut schema = generator.into_root_schema_for::<Run>().to_value();
    // The settings of training are documented where training reads them.
    for (name, about) in training {
        let Some(own) = at(&mut schema, &["properties", &name]) else { continue };
        let default = own.get("default").cloned();
        *own = about;
        if let (Some(own), Some(default)) = (own.as_object_mut(), default) {
            own.insert("default".to_owned(), default);
        }
    }
    if let Some(definitions) = schema.get_mut("$defs").and_then(Value::as_object_mut) {
        definitions.remove("TrainConfig");
    }
    for (path, bound) in limits::bounds() {
        let path: Vec<&str> = path.split('.').collect();
        bind(&mut schema, &path, bound);
    }
    schema
}

/// The same of sweep files.
pub(super) fn schema_of_sweeps() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Sweep>().to_value()
}

fn fields_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let _ = generator.subschema_for::<T>();
    let all = generator.definitions().get(T::schema_name().as_ref());
    all.and_then(|schema| schema.get("properties")?.as_object().cloned()).unwrap_or_default()
}

fn at<'a>(schema: &'a mut Value, path: &[&str]) -> Option<&'a mut Value> {
    path.iter().try_fold(schema, |value, name| value.get_mut(name))
}

/// Notes the bound of the numbers at `path` of a run file.
fn bind(schema: &mut Value, path: &[&str], bound: Bound) {
    let keys: &[(&str, f64)] = match bound {
        Bound::AtLeast(low) => &[("minimum", low)],
        Bound::Above(low) => &[("exclusiveMinimum", low)],
        Bound::From(low, high) => &[("minimum", low), ("exclusiveMaximum", high)],
        Bound::Between(low, high) => &[("minimum", low), ("maximum", high)],
    };
    for place in places(schema, String::new(), path) {
        let Some(field) = schema.pointer_mut(&place).and_then(Value::as_object_mut) else { continue };
        field.extend(keys.iter().map(|(key, number)| ((*key).to_owned(), json!(number))));
        field.insert("x-bound".to_owned(), json!(bound.words()));
    }
}

/// Where in the schema the field at `path` of a run file stands (`*`: the members of a list, or the choices of an enum).
fn places(schema: &Value, at: String, path: &[&str]) -> Vec<String> {
    let Some((name, rest)) = path.split_first() else { return vec![at] };
    let mut at = at;
    while let Some(definition) = schema.pointer(&at).and_then(definition_of) {
        at = format!("/$defs/{definition}");
    }
    let Some(value) = schema.pointer(&at) else { return Vec::new() };
    if *name == "*" && value.get("items").is_some() {
        return places(schema, at + "/items", rest);
    }
    if let ("*", Some(choices)) = (*name, value.get("oneOf").and_then(Value::as_array)) {
        let inner = |(number, choice): (usize, &Value)| {
            let name = choice.get("properties")?.as_object()?.keys().next()?.clone();
            Some(places(schema, format!("{at}/oneOf/{number}/properties/{name}"), rest))
        };
        return choices.iter().enumerate().filter_map(inner).flatten().collect();
    }
    let field = format!("{at}/properties/{name}");
    if schema.pointer(&field).is_some() { places(schema, field, rest) } else { Vec::new() }
}

/// The definition that a field refers to, alone or beside `null`.
pub(super) fn definition_of(value: &Value) -> Option<&str> {
    let beside = || value.get("anyOf")?.as_array()?.iter().find_map(|choice| choice.get("$ref"));
    value.get("$ref").or_else(beside)?.as_str()?.strip_prefix("#/$defs/")
}

/// A part of the run file with fields of its own: its definition in the schema, how it is written, its fields in order.
type Section = (&'static str, &'static str, fn() -> &'static [&'static str]);

/// All parts, in the order of the page.
const SECTIONS: &[Section] = &[
    ("", "Run( … )", names::<Run>),
    ("sudoku", "data: sudoku( … )", names::<data::sudoku::GeneratedSpec>),
    ("sudoku_csv", "data: sudoku_csv( … )", names::<data::sudoku::CsvSpec>),
    ("maze", "data: maze( … )", names::<data::maze::GeneratedSpec>),
    ("maze_csv", "data: maze_csv( … )", names::<data::maze::CsvSpec>),
    ("arc", "data: arc( … )", names::<data::arc::ArcSpec>),
    ("puzzles", "data: puzzles( … )", names::<data::puzzles::PuzzlesSpec>),
    ("text", "data: text( … )", names::<data::text::TextSpec>),
    ("built", "data: built( … )", names::<data::built::BuiltSpec>),
    ("Optimiser", "optimiser: ( … )", names::<Optimiser>),
    ("Tables", "tables: ( … )", names::<Tables>),
    ("ParamGroup", "groups: [( … )]", names::<ParamGroup>),
    ("Schedule", "schedule: ( … )", names::<Schedule>),
    ("Phase", "phases: [( … )]", names::<Phase>),
    ("Start", "init: ( … )", names::<Start>),
    ("Evaluation", "evaluation: ( … )", names::<Evaluation>),
    ("Checkpoints", "checkpoints: ( … )", names::<Checkpoints>),
    ("Keep", "checkpoints: (keep: ( … ))", names::<Keep>),
];

/// The fields of a struct in the order of the code, as `serde` knows them.
fn names<T: DeserializeOwned>() -> &'static [&'static str] {
    match ron::from_str::<T>("(no_such_field: 0)").map_err(|error| error.code) {
        Err(ron::Error::NoSuchStructField { expected, .. }) => expected,
        _ => &[],
    }
}

/// The page `docs/run-files.md`.
pub fn reference() -> String {
    let schema = schema();
    let mut page = HEAD.to_owned();
    for (definition, written, names) in SECTIONS {
        let place = if definition.is_empty() { String::new() } else { format!("/$defs/{definition}") };
        let Some(part) = schema.pointer(&place) else { continue };
        let _ = write!(page, "\n## `{written}`\n\n");
        if !definition.is_empty() {
            let _ = write!(page, "{}\n\n", sentence(part));
        }
        page += "| field | type | default | unit | meaning | example |\n|---|---|---|---|---|---|\n";
        let mut choices = String::new();
        for name in names() {
            let Some(field) = part.get("properties").and_then(|fields| fields.get(name)) else { continue };
            let required = part.get("required").and_then(Value::as_array);
            let required = required.is_some_and(|required| required.iter().any(|one| one == name));
            page += &row(&schema, name, field, required);
            choices += &words(&schema, name, field);
        }
        if !choices.is_empty() {
            page += &format!("\n{choices}");
        }
    }
    page
}

fn row(schema: &Value, name: &str, field: &Value, required: bool) -> String {
    let default = match field.get("default") {
        _ if required => "must be given".to_owned(),
        Some(Value::Object(_)) if definition_of(field).is_some_and(is_section) => "see below".to_owned(),
        Some(default) => format!("`{}`", as_ron(schema, field, default)),
        None => String::new(),
    };
    let bound = field.get("x-bound").and_then(Value::as_str);
    let meaning = sentence(field) + &bound.map_or(String::new(), |bound| format!(" Must be {bound}."));
    format!(
        "| `{name}` | {} | {default} | {} | {} | `{name}: {}` |\n",
        cell(&kind(schema, field)),
        text(field, "x-unit"),
        cell(&meaning),
        text(field, "x-example"),
    )
}

fn is_section(definition: &str) -> bool {
    SECTIONS.iter().any(|(section, ..)| *section == definition)
}

/// Text of a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

pub(super) fn text<'a>(field: &'a Value, key: &str) -> &'a str {
    field.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// What is written beside a field, in a line.
pub(super) fn sentence(field: &Value) -> String {
    text(field, "description")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace("[`", "`")
        .replace("`]", "`")
}

/// The type of a field as run files write its values.
pub(super) fn kind(schema: &Value, field: &Value) -> String {
    if let Some(kind) = field.get("x-type").and_then(Value::as_str) {
        return kind.to_owned();
    }
    if let Some(choices) = field.get("anyOf").and_then(Value::as_array) {
        return choices.iter().map(|choice| kind(schema, choice)).collect::<Vec<_>>().join(" or ");
    }
    if let Some(definition) = definition_of(field) {
        let written =
            SECTIONS.iter().find(|(section, ..)| *section == definition).map(|(_, written, _)| *written);
        if let Some(written) = written {
            return format!(
                "`{}`",
                written.split_once(": ").map_or(written, |(_, value)| value).trim_matches(['[', ']'])
            );
        }
        return schema
            .pointer(&format!("/$defs/{definition}"))
            .map_or(String::new(), |inner| kind(schema, inner));
    }
    if let Some(choices) = field.get("oneOf").and_then(Value::as_array) {
        return choices.iter().map(|choice| choice_of(schema, choice)).collect::<Vec<_>>().join(" or ");
    }
    let name = |name: &str| match name {
        "integer" => "whole number".to_owned(),
        "string" => "text in quotes".to_owned(),
        "boolean" => "`true` or `false`".to_owned(),
        "null" => "`None`".to_owned(),
        "array" => {
            format!("list `[…]` of {}", field.get("items").map_or(String::new(), |item| kind(schema, item)))
        }
        "object" => {
            let inner = field.get("additionalProperties").map_or(String::new(), |value| kind(schema, value));
            format!("`{{ \"name\": … }}` of {inner}")
        }
        other => other.to_owned(),
    };
    match field.get("type") {
        Some(Value::String(one)) => name(one),
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).map(name).collect::<Vec<_>>().join(" or ")
        }
        _ => String::new(),
    }
}

/// `all_steps`, or `steps(whole number)`.
pub(super) fn choice_of(schema: &Value, choice: &Value) -> String {
    if let Some(word) = choice.get("const").and_then(Value::as_str) {
        return format!("`{word}`");
    }
    let Some((name, inner)) = choice.get("properties").and_then(|fields| fields.as_object()?.iter().next())
    else {
        return String::new();
    };
    match definition_of(inner).is_some_and(is_section) {
        true => format!("`{name}( … )`"),
        false => format!("`{name}({})`", kind(schema, inner)),
    }
}

/// What each choice of an enum means, a line each.
fn words(schema: &Value, name: &str, field: &Value) -> String {
    let inner = definition_of(field).and_then(|definition| schema.pointer(&format!("/$defs/{definition}")));
    let Some(choices) = inner.and_then(|inner| inner.get("oneOf")?.as_array()) else { return String::new() };
    let line = |choice: &Value| {
        let meaning = sentence(choice);
        (!meaning.is_empty()).then(|| format!("- `{name}`: {}: {meaning}\n", choice_of(schema, choice)))
    };
    choices.iter().filter_map(line).collect()
}

/// A value of the schema as run files write it.
pub(super) fn as_ron(schema: &Value, field: &Value, value: &Value) -> String {
    let is_choice = definition_of(field)
        .and_then(|definition| schema.pointer(&format!("/$defs/{definition}")))
        .is_some_and(|inner| inner.get("oneOf").is_some());
    match value {
        Value::Null => "None".to_owned(),
        Value::String(word) if is_choice => word.clone(),
        Value::String(word) => format!("{word:?}"),
        Value::Object(parts) if parts.is_empty() => "{}".to_owned(),
        Value::Object(parts) => {
            let part = |(name, inner): (&String, &Value)| format!("{name}({inner})");
            parts.iter().map(part).collect::<Vec<_>>().join(", ")
        }
        Value::Number(number) => number.as_f64().map_or(number.to_string(), |exact| match number.is_f64() {
            true => format!("{exact:?}"),
            false => number.to_string(),
        }),
        other => other.to_string(),
    }
}
