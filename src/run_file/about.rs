//! What may stand at a place of a run or sweep file: takes its text and the path of a value, gives fields, or values, with
//! what is written of them; of half a text what its outline says.

use std::sync::OnceLock;

use serde_json::Value;

use super::outline::Node;
use super::reference::{as_ron, choice_of, definition_of, kind, schema, schema_of_sweeps, sentence, text};
use super::{is_sweep, reading};

/// A field of a run or sweep file, in the words of `docs/run-files.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldAbout {
    /// Its name; a part of another field with a dot, as `--set` has it.
    pub name: String,
    /// Its type, as its values are written.
    pub kind: String,
    /// What holds where it is not given.
    pub default: Option<String>,
    /// Its unit, if it has one.
    pub unit: String,
    /// What it says, with its bounds.
    pub meaning: String,
    /// A value.
    pub example: String,
}

/// A value that is one of several words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChoiceAbout {
    /// As it is written: `all_steps`, or `steps(whole number)`.
    pub written: String,
    /// What it means, if that is said anywhere.
    pub meaning: String,
}

impl ChoiceAbout {
    /// The word of it.
    pub fn word(&self) -> &str {
        self.written.split('(').next().unwrap_or_default()
    }
}

/// The field at a path.
pub fn field(ron: &str, path: &[String]) -> Option<FieldAbout> {
    let (schema, root) = of(ron);
    let (name, holder) = path.split_last()?;
    let whole = inside(schema, value_at(schema, ron, &root, holder)?, ron, node_at(ron, &root, holder));
    Some(told(schema, name.clone(), whole.get("properties")?.get(name)?))
}

/// The fields that the group at a path may have: none of a list or of a map, whose names the author chooses.
pub fn fields_at(ron: &str, path: &[String]) -> Vec<FieldAbout> {
    let (schema, root) = of(ron);
    let Some(place) = value_at(schema, ron, &root, path) else { return Vec::new() };
    let inner = inside(schema, place, ron, node_at(ron, &root, path));
    let fields = inner.get("properties").and_then(Value::as_object);
    fields.into_iter().flatten().map(|(name, place)| told(schema, name.clone(), place)).collect()
}

/// The words that the value at a path may be.
pub fn choices(ron: &str, path: &[String]) -> Vec<ChoiceAbout> {
    let (schema, root) = of(ron);
    value_at(schema, ron, &root, path).map(|place| words(schema, place)).unwrap_or_default()
}

/// All settings of a run file by the names that `--set` and sweeps give them, `optimiser.lr` among them; `name`: only that.
pub fn settings(name: Option<&str>) -> Vec<FieldAbout> {
    let schema = of_runs();
    let mut found = Vec::new();
    let mut waiting = vec![(String::new(), schema)];
    while let Some((prefix, place)) = waiting.pop() {
        for (own, place) in place.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let full = format!("{prefix}{own}");
            if name.is_none_or(|name| name == full) {
                found.push(told(schema, full.clone(), place));
            }
            let inner = inside(schema, place, "", None);
            if inner.get("properties").is_some() && inner.get("oneOf").is_none() {
                waiting.push((full + ".", inner));
            }
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// The words that a setting may be, by its name as `--set` has it.
pub fn choices_of_setting(name: &str) -> Vec<ChoiceAbout> {
    let (schema, nothing) = (of_runs(), Node { span: 0..0, group: None });
    let path: Vec<String> = name.split('.').map(str::to_owned).collect();
    value_at(schema, "", &nothing, &path).map(|place| words(schema, place)).unwrap_or_default()
}

/// The schema that a text follows, and its outline.
fn of(ron: &str) -> (&'static Value, Node) {
    static SWEEPS: OnceLock<Value> = OnceLock::new();
    let schema = if is_sweep(ron) { SWEEPS.get_or_init(schema_of_sweeps) } else { of_runs() };
    (schema, reading::outline(ron))
}

fn of_runs() -> &'static Value {
    static RUNS: OnceLock<Value> = OnceLock::new();
    RUNS.get_or_init(schema)
}

fn node_at<'n>(ron: &str, root: &'n Node, path: &[String]) -> Option<&'n Node> {
    path.iter().try_fold(root, |node, name| Some(&node.unwrapped(ron).entry(name)?.value))
}

/// What the schema says of the value at a path.
fn value_at<'s>(schema: &'s Value, ron: &str, root: &Node, path: &[String]) -> Option<&'s Value> {
    let (mut place, mut node) = (schema, Some(root));
    for name in path {
        let inner = inside(schema, place, ron, node);
        place = inner
            .get("properties")
            .and_then(|fields| fields.get(name))
            .or_else(|| inner.get("items"))
            .or_else(|| inner.get("additionalProperties").filter(|value| value.is_object()))?;
        node = node.and_then(|node| node.unwrapped(ron).entry(name)).map(|entry| &entry.value);
    }
    Some(place)
}

/// What the schema says of the group that a value is: of several that it may be, the one with the word before its bracket.
fn inside<'s>(schema: &'s Value, place: &'s Value, ron: &str, node: Option<&Node>) -> &'s Value {
    let mut place = place;
    loop {
        let definition = definition_of(place).and_then(|name| schema.pointer(&format!("/$defs/{name}")));
        let chosen = || {
            let group = node?.unwrapped(ron).group.as_ref()?;
            let head = ron.get(group.head.clone())?.trim_end_matches(['(', '[', '{']).trim();
            place.get("oneOf")?.as_array()?.iter().find_map(|choice| choice.get("properties")?.get(head))
        };
        match definition.or_else(chosen) {
            Some(next) => place = next,
            None => return place,
        }
    }
}

fn told(schema: &Value, name: String, place: &Value) -> FieldAbout {
    let bound = place.get("x-bound").and_then(Value::as_str);
    FieldAbout {
        name,
        kind: kind(schema, place),
        default: place.get("default").map(|default| as_ron(schema, place, default)),
        unit: text(place, "x-unit").to_owned(),
        meaning: sentence(place) + &bound.map_or(String::new(), |bound| format!(" Must be {bound}.")),
        example: text(place, "x-example").to_owned(),
    }
}

fn words(schema: &Value, place: &Value) -> Vec<ChoiceAbout> {
    if place.get("type").and_then(Value::as_str) == Some("boolean") {
        return ["false", "true"]
            .map(|word| ChoiceAbout { written: word.to_owned(), meaning: String::new() })
            .into();
    }
    let inner =
        definition_of(place).and_then(|name| schema.pointer(&format!("/$defs/{name}"))).unwrap_or(place);
    let choices = inner.get("oneOf").and_then(Value::as_array);
    let choice = |choice: &Value| {
        let whole = || choice.get("properties")?.as_object()?.values().next().and_then(definition_of);
        let of_whole = || Some(sentence(schema.pointer(&format!("/$defs/{}", whole()?))?));
        let own = sentence(choice);
        let meaning = if own.is_empty() { of_whole().unwrap_or_default() } else { own };
        ChoiceAbout { written: choice_of(schema, choice).replace('`', ""), meaning }
    };
    let found = choices.into_iter().flatten().map(choice);
    found.filter(|choice| !choice.written.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(names: &str) -> Vec<String> {
        names.split('.').filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    const RUN: &str = r#"Run(
        model: "m.tot", data: maze(side: 4), set: { "T": 1 }, init: Some((from: "w", lr: 1)),
        groups: [(weights: "f.*")], checkpoints: (keep: (by: "loss")), length: steps(4),
    )"#;

    #[test]
    fn every_field_is_found_under_its_path() {
        for at in ["batch", "data.side", "init.lr", "groups.0.weights", "checkpoints.keep.by", "set"] {
            let about = field(RUN, &path(at)).unwrap_or_else(|| panic!("{at}"));
            assert_eq!(Some(about.name.as_str()), at.rsplit('.').next());
            assert!(!about.meaning.is_empty() && !about.kind.is_empty(), "{about:?}");
        }
        for at in ["bach", "set.T", "data.givens", "groups.0"] {
            assert_eq!(field(RUN, &path(at)), None, "{at}");
        }
        assert!(fields_at(RUN, &[]).len() > 15);
        assert!(fields_at(RUN, &path("data")).iter().any(|field| field.name == "train"));
        assert_eq!(fields_at(RUN, &path("set")), Vec::new());
    }

    #[test]
    fn every_setting_of_a_sweep_is_a_field() {
        for setting in settings(None) {
            let about = field(RUN, &path(&setting.name));
            assert_eq!(about.map(|about| about.meaning), Some(setting.meaning.clone()), "{}", setting.name);
        }
        assert_eq!(settings(Some("optimiser.lr")).len(), 1);
        let sweep = "Sweep(run: \"r.ron\", rows: [(label: \"a\")])";
        assert!(field(sweep, &path("rows.0.label")).is_some_and(|about| about.meaning.contains("name")));
        assert!(fields_at(sweep, &path("rows.0")).iter().any(|field| field.name == "grid"));
    }

    #[test]
    fn words_are_offered_where_words_stand() {
        let of = |at: &str| -> Vec<String> {
            choices(RUN, &path(at)).iter().map(|choice| choice.word().to_owned()).collect()
        };
        assert!(of("data").contains(&"sudoku_csv".to_owned()), "{:?}", of("data"));
        assert!(of("length").contains(&"epochs".to_owned()), "{:?}", of("length"));
        assert!(of("evaluation.stop").contains(&"all_steps".to_owned()), "{:?}", of("evaluation.stop"));
        assert!(of("precision").contains(&"bfloat16".to_owned()), "{:?}", of("precision"));
        assert_eq!(of("batch"), Vec::<String>::new());
    }
}
