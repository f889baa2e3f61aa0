//! The reference of run files: every field is documented, its example is accepted and changes something, its default is
//! what the reader takes, and `docs/run-files.md` is what the types say (`TOTC_UPDATE_DOCS=1` writes it anew).

use std::path::Path;

use serde_json::Value;
use totc::run_file::{self, RunFile, RunFileError};

/// Each part of a run file: its definition in the schema, and how it is written around its fields. Those of data sets stand
/// in place of the data.
const PARTS: &[(&str, &str)] = &[
    ("", "Run(model: \"m.tot\", data: sudoku(side: 4, train: 8, test: 8), {})"),
    ("Phase", "Run(model: \"m.tot\", data: sudoku(side: 4, train: 8, test: 8), phases: [({})])"),
    ("Start", "Run(model: \"m.tot\", data: sudoku(side: 4, train: 8, test: 8), init: ({}))"),
    ("Optimiser", "Run(model: \"m.tot\", data: sudoku(side: 4, train: 8, test: 8), optimiser: ({}))"),
    ("Tables", "Run(model: \"m.tot\", data: sudoku(side: 4, train: 8, test: 8), tables: ({}))"),
    ("ParamGroup", "Run(model: \"m.tot\", data: sudoku(side: 4, train: 8, test: 8), groups: [({})])"),
    ("Schedule", "Run(model: \"m.tot\", data: sudoku(side: 4, train: 8, test: 8), schedule: ({}))"),
    ("Evaluation", "Run(model: \"m.tot\", data: sudoku(side: 4, train: 8, test: 8), evaluation: ({}))"),
    ("Checkpoints", "Run(model: \"m.tot\", data: sudoku(side: 4, train: 8, test: 8), checkpoints: ({}))"),
    ("Keep", "Run(model: \"m.tot\", data: sudoku(side: 4, train: 8, test: 8), checkpoints: (keep: ({})))"),
    ("sudoku", "Run(model: \"m.tot\", data: sudoku({}))"),
    ("sudoku_csv", "Run(model: \"m.tot\", data: sudoku_csv({}))"),
    ("maze", "Run(model: \"m.tot\", data: maze({}))"),
    ("maze_csv", "Run(model: \"m.tot\", data: maze_csv({}))"),
    ("arc", "Run(model: \"m.tot\", data: arc({}))"),
    ("puzzles", "Run(model: \"m.tot\", data: puzzles({}))"),
    ("text", "Run(model: \"m.tot\", data: text({}))"),
    ("built", "Run(model: \"m.tot\", data: built({}))"),
];

fn read(around: &str, fields: &str) -> Result<RunFile, RunFileError> {
    run_file::parse(Path::new("example.ron"), &around.replace("{}", fields), &[] as &[&str])
}

/// The fields of a part, each with what the schema says of it.
fn fields(schema: &Value, part: &str) -> Vec<(String, Value)> {
    let place = if part.is_empty() { String::new() } else { format!("/$defs/{part}") };
    let fields = schema.pointer(&format!("{place}/properties")).and_then(Value::as_object);
    fields.unwrap_or_else(|| panic!("{part} has no fields")).clone().into_iter().collect()
}

fn text<'a>(field: &'a Value, key: &str) -> &'a str {
    field.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn is_number(field: &Value) -> bool {
    let kinds = match field.get("type") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    kinds.iter().any(|kind| matches!(*kind, "integer" | "number"))
}

#[test]
fn every_field_is_documented() {
    let schema = run_file::schema();
    let mut count = 0;
    for (part, around) in PARTS {
        let fields = fields(&schema, part);
        let required: Vec<String> = fields
            .iter()
            .filter(|(name, _)| read(around, &all_but(&fields, Some(name))).is_err())
            .map(|(name, _)| name.clone())
            .collect();
        for (name, field) in &fields {
            count += 1;
            let at = format!("`{name}` of {around}");
            assert!(text(field, "description").len() > 10, "{at} says nothing of itself");
            assert!(!text(field, "description").contains("TrainConfig"), "{at} speaks of Rust");
            assert!(!text(field, "x-example").is_empty(), "{at} gives no example");
            let unit = !text(field, "x-unit").is_empty() || name == "seed";
            assert!(!is_number(field) || unit, "{at} is a number without unit");
            // The two fields of a run that cannot be left out stand around the others.
            let given =
                required.contains(name) || part.is_empty() && ["model", "data"].contains(&name.as_str());
            assert_eq!(
                field.get("default").is_none(),
                given,
                "{at}: a default, or it must be given: {field}"
            );
        }
    }
    assert!(count > 80, "{count} fields");
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        let known = PARTS.iter().any(|(part, _)| part == name);
        assert!(definition.get("properties").is_none() || known, "the part {name} is new: document it");
    }
}

/// The examples of all fields that can stand beside one another, but for one.
fn all_but(fields: &[(String, Value)], left_out: Option<&String>) -> String {
    let stays = |name: &String| {
        // `lr` and `lr_factor` exclude one another; the head of the file gives these already.
        Some(name) != left_out && !["lr_factor", "model", "data"].contains(&name.as_str())
    };
    let fields = fields.iter().filter(|(name, _)| stays(name));
    fields.map(|(name, field)| format!("{name}: {}, ", text(field, "x-example"))).collect()
}

#[test]
fn examples_are_accepted_and_change_something() {
    let schema = run_file::schema();
    for (part, around) in PARTS {
        let fields = fields(&schema, part);
        let whole = all_but(&fields, None);
        let all = read(around, &whole).unwrap_or_else(|error| panic!("{around}: {error}"));
        for (name, field) in &fields {
            let example = text(field, "x-example");
            if ["model", "data"].contains(&name.as_str()) {
                let other = if name == "model" { "\"m.tot\"" } else { "sudoku(side: 4, train: 8, test: 8)" };
                let run = around.replacen(other, example, 1);
                assert!(read(&run, "").is_ok(), "{run}");
                continue;
            }
            if name == "lr_factor" {
                let alone = whole.replacen("lr: ", "lr_factor: ", 1);
                assert!(read(around, &alone).is_ok(), "{alone}");
                continue;
            }
            let Ok(without) = read(around, &all_but(&fields, Some(name))) else { continue };
            assert_ne!(without.run, all.run, "`{name}: {example}` of {around} is the default");
            // What the reference calls the default is what the reader takes. A choice is a bare word, a text has quotes.
            let spellings = match field.get("default") {
                Some(Value::Null) => vec!["None".to_owned()],
                Some(Value::String(word)) => vec![word.clone(), format!("{word:?}")],
                Some(default) if default.is_number() || default.is_boolean() => vec![default.to_string()],
                _ => continue,
            };
            let given = |spelling: &String| {
                read(around, &format!("{}{name}: {spelling}", all_but(&fields, Some(name)))).ok()
            };
            let given = spellings.iter().find_map(given).unwrap_or_else(|| panic!("{name} of {around}"));
            assert_eq!(given.run, without.run, "{name} of {around}");
        }
    }
}

#[test]
fn bounds_of_the_reference_are_those_of_the_reader() {
    let schema = run_file::schema();
    let mut count = 0;
    for (part, around) in PARTS {
        let fields = fields(&schema, part);
        for (name, field) in fields.iter().filter(|(_, field)| field.get("x-bound").is_some()) {
            let outside = match (field.get("minimum"), field.get("exclusiveMinimum")) {
                (Some(low), _) => low.as_f64().unwrap() - 1.0,
                (_, low) => low.and_then(Value::as_f64).unwrap(),
            };
            let given = format!("{}{name}: {outside}", all_but(&fields, Some(name)));
            // `lr_factor` beside `lr` is refused for another reason.
            if name == "lr_factor" {
                continue;
            }
            let told = read(around, &given).unwrap_err().to_string();
            let bound = text(field, "x-bound");
            assert!(
                told.contains(&format!("must be {bound}")) || told.contains("a whole number"),
                "{given}: {told}"
            );
            count += 1;
        }
    }
    assert!(count > 20, "{count} bounds");
}

#[test]
fn the_page_is_what_the_types_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/run-files.md");
    let page = run_file::reference();
    if std::env::var_os("TOTC_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == page, "docs/run-files.md is out of date: TOTC_UPDATE_DOCS=1 writes it anew");
    for part in PARTS {
        for (name, _) in fields(&run_file::schema(), part.0) {
            assert!(page.contains(&format!("| `{name}` |")), "{name} is missing");
        }
    }
}
