//! Sweep files: takes the text of a `.ron` file that starts with `Sweep(`, gives its variants with their places;
//! refuses what no sweep could mean, never opens the run files it names.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use ron::value::RawValue;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

use super::blame::{Blame, Words};
use super::error::{Refusal, RunFileError, Slug};
use super::outline::{Key, Node, RonEntry, RonGroup};
use super::reading;
use super::text::Text;
use super::variants::{self, Variant};
use crate::diagnostic::did_you_mean;
use crate::source::Sources;

/// Everything that a sweep file says.
#[derive(schemars::JsonSchema, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// The run file that all variants start from; a relative path starts at the sweep file's folder.
    #[schemars(extend("x-example" = "\"trm.ron\""))]
    pub run: PathBuf,
    /// Settings of every variant: fields of the run file (`"optimiser.lr"`) and configs of the model, as `--set`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Value>", extend("x-example" = "{ \"T\": 1, \"optimiser.lr\": 1e-4 }"))]
    pub set: Settings,
    /// Named variants.
    #[serde(default)]
    #[schemars(extend("x-example" = "[(label: \"shallow\", set: { \"T\": 1 })]"))]
    pub rows: Vec<Row>,
    /// Every combination of these values is a variant too.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Vec<Value>>", extend("x-example" = "{ \"T\": [1, 2, 3] }"))]
    pub grid: Grid,
    /// Each variant is trained once per seed; by default once, with the run file's own.
    #[serde(default)]
    #[schemars(extend("x-example" = "[0, 1, 2]"))]
    pub seeds: Option<Vec<u64>>,
    /// Training steps, in place of the run file's length.
    #[serde(default)]
    #[schemars(extend("x-example" = "2000"))]
    pub steps: Option<u64>,
    /// The folder of all runs and of the table; starts at the current folder. By default `runs/NAME-OF-THE-FILE`.
    #[serde(default)]
    #[schemars(extend("x-example" = "\"runs/depth\""))]
    pub out: Option<PathBuf>,
    /// What stands above the table and the picture; by default the file's name.
    #[serde(default)]
    #[schemars(extend("x-example" = "\"Depth\""))]
    pub title: Option<String>,
}

/// A named variant, or with a `grid` several.
#[derive(schemars::JsonSchema, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its name in the table; `{name}` stands for the value that its grid gives to `name`.
    #[schemars(extend("x-example" = "\"shallow\""))]
    pub label: String,
    /// Another run file than the sweep's; the sweep's `set` is then left out.
    #[serde(default)]
    #[schemars(extend("x-example" = "\"totrm.ron\""))]
    pub run: Option<PathBuf>,
    /// Its settings, beside those of the sweep and going before them.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Value>", extend("x-example" = "{ \"T\": 1, \"optimiser.lr\": 1e-4 }"))]
    pub set: Settings,
    /// Every combination of these values is a variant; values that the label does not name follow it.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Vec<Value>>", extend("x-example" = "{ \"T\": [1, 2, 3] }"))]
    pub grid: Grid,
}

/// Values by name, as RON text.
pub type Settings = IndexMap<String, Box<RawValue>>;

/// Lists of values by name.
pub type Grid = IndexMap<String, Vec<Box<RawValue>>>;

/// A sweep file that has been read and checked.
#[derive(Debug)]
pub struct SweepFile {
    /// Where it was read.
    pub path: PathBuf,
    /// Rows first, in their order, then the grid.
    pub variants: Vec<Variant>,
    /// What it says.
    pub sweep: Sweep,
    pub(super) text: Text,
}

const WORDS: Words = Words {
    file: "sweep file",
    head: "Sweep",
    fields,
    elsewhere: |_| "; configs and fields of the run file belong in `set: { … }`".to_owned(),
};

fn fields() -> &'static [&'static str] {
    match ron::from_str::<Sweep>("Sweep(no_such_field: 0)").map_err(|error| error.code) {
        Err(ron::Error::NoSuchStructField { expected, .. }) => expected,
        _ => &[],
    }
}

/// Whether a text is a sweep file, by its first word.
pub fn is_sweep(text: &str) -> bool {
    let root = reading::outline(text);
    root.group.is_some_and(|group| head(text, &group) == WORDS.head)
}

/// Whether a text is some other RON than a run or sweep file, by its first word, or without one by its names. One that is
/// only begun is none.
pub fn is_other(text: &str) -> bool {
    let Some(group) = reading::outline(text).group else { return false };
    let name = head(text, &group);
    if !name.is_empty() {
        let ours = ["Run", WORDS.head];
        return !ours.contains(&name) && did_you_mean(name, ours).is_none();
    }
    let known = |key: &Key| {
        [reading::fields(), fields()].into_iter().any(|fields| fields.contains(&key.name.as_str()))
    };
    let mut keys = group.entries.iter().filter_map(|entry| entry.key.as_ref()).peekable();
    group.bracket != '(' || keys.peek().is_some() && !keys.any(known)
}

/// The word before a group's bracket.
fn head<'a>(text: &'a str, group: &RonGroup) -> &'a str {
    text.get(group.head.clone()).unwrap_or_default().trim_end_matches(['(', '[', '{']).trim()
}

/// Reads and checks the sweep file at `path`.
pub fn load_sweep(path: &Path) -> Result<SweepFile, RunFileError> {
    let text = crate::text_file::read(path)
        .map_err(|cause| RunFileError::Unreadable { path: path.to_owned(), cause })?;
    parse_sweep(path, &text)
}

/// Checks the text of a sweep file; `path` names it in messages and is where its relative paths start.
pub fn parse_sweep(path: &Path, text: &str) -> Result<SweepFile, RunFileError> {
    let text = Text::new(&path.display().to_string(), text);
    let root = reading::outline(text.ron());
    let (sweep, mut found) = reading::structure::<Sweep>(text.ron(), &root, &WORDS);
    found.extend(check(text.ron(), &root));
    if let (Some(sweep), true) = (sweep, found.is_empty()) {
        let folder = path.parent().unwrap_or(Path::new(""));
        match variants::all(&sweep, folder, &root) {
            Ok(variants) => return Ok(SweepFile { path: path.to_owned(), variants, sweep, text }),
            Err(blame) => found.push(*blame),
        }
    }
    let mut problems: Vec<_> = found.into_iter().map(|blame| reading::place(&text, blame)).collect();
    problems.sort_by_key(|problem| problem.span);
    Err(RunFileError::Refused(Refusal { sources: text.sources, problems }))
}

impl SweepFile {
    /// The folder of all runs and of the table.
    pub fn out(&self) -> PathBuf {
        let by_name = || Path::new("runs").join(self.path.file_stem().unwrap_or("sweep".as_ref()));
        self.sweep.out.clone().unwrap_or_else(by_name)
    }

    /// What stands above the table.
    pub fn title(&self) -> String {
        let by_name = || self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        self.sweep.title.clone().unwrap_or_else(by_name)
    }

    /// The file and the line, from 1, where a variant stands.
    pub fn line_of(&self, variant: &Variant) -> (&Path, usize) {
        let line =
            self.sources().line_column(self.text.span(variant.place.clone())).map_or(0, |place| place.0);
        (&self.path, line)
    }

    fn sources(&self) -> &Sources {
        &self.text.sources
    }
}

/// Settings that the sweep itself gives to each run.
const OWN: &[(&str, &str)] = &[("seed", "`seeds: [0, 1]`"), ("out", "`out: \"…\"`")];

/// Whether no row of a sweep may set a setting, since the sweep itself gives it.
pub fn is_of_the_sweep(setting: &str) -> bool {
    OWN.iter().any(|(own, _)| *own == setting)
}

/// What the shape of the text allows and no sweep could mean.
fn check(text: &str, root: &Node) -> Vec<Blame> {
    let mut found = Vec::new();
    root.walk(&mut Vec::new(), &mut |path, entry| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["set" | "grid", name] | ["rows", _, "set" | "grid", name] => {
                let holder = &path[..path.len() - 1];
                found.extend(owned_by_the_sweep(name, entry));
                found.extend(given_twice(root, holder, name, entry));
                if holder.last() == Some(&"grid") && holds_nothing(&entry.value) {
                    found.push(refusal(entry, "a grid needs at least one value of each name", "no values"));
                }
            }
            ["rows", _, "label"] => {
                let written = text.get(entry.value.span.clone()).unwrap_or("");
                if written.trim_matches('"').trim().is_empty() {
                    found.push(refusal(entry, "a label cannot be empty", "write what differs"));
                }
            }
            ["seeds"] => {
                if holds_nothing(entry.value.unwrapped(text)) {
                    found.push(refusal(entry, "`seeds` names no seed", "as in `[0, 1]`"));
                }
                found.extend(repeated(text, entry.value.unwrapped(text)));
            }
            ["steps"] if text.get(entry.value.unwrapped(text).span.clone()) == Some("0") => {
                found.push(refusal(entry, "`steps` must be at least 1, found `0`", "must be at least 1"));
            }
            _ => {}
        }
    });
    found
}

fn holds_nothing(node: &Node) -> bool {
    node.group.as_ref().is_some_and(|group| group.entries.is_empty())
}

fn refusal(entry: &RonEntry, message: &str, label: &str) -> Blame {
    Blame {
        slug: Slug::OutOfRange,
        message: message.to_owned(),
        range: entry.value.span.clone(),
        label: label.to_owned(),
        help: None,
        leave_out: None,
    }
}

fn conflict(entry: &RonEntry, message: String, label: &str, help: String) -> Blame {
    Blame {
        slug: Slug::Conflict,
        message,
        range: entry.key.as_ref().map_or(entry.value.span.clone(), |key| key.span.clone()),
        label: label.to_owned(),
        help: Some(help),
        leave_out: None,
    }
}

fn owned_by_the_sweep(name: &str, entry: &RonEntry) -> Option<Blame> {
    let (name, instead) = OWN.iter().find(|(own, _)| *own == name)?;
    let message = format!("the sweep itself gives each run its `{name}`");
    Some(conflict(entry, message, "cannot be set here", format!("write {instead} beside `run`")))
}

/// A name that stands before in the same map, or in both `set` and `grid` of one row.
fn given_twice(root: &Node, holder: &[&str], name: &str, entry: &RonEntry) -> Option<Blame> {
    let at = |path: &[&str]| {
        path.iter().try_fold(root, |node, name| node.entry(name).map(|entry| &entry.value))?.entry(name)
    };
    let before = |other: &RonEntry| other.whole.start < entry.whole.start;
    if at(holder).is_some_and(before) {
        let message = format!("`{name}` stands here twice");
        return Some(conflict(entry, message, "given before", "keep one of the two".to_owned()));
    }
    let (last, row) = holder.split_last()?;
    let other = if *last == "set" { "grid" } else { "set" };
    let both = at(&[row, &[other]].concat()).is_some_and(before);
    // The sweep's `set` holds for all rows, and its grid goes before it.
    (both && !row.is_empty()).then(|| {
        let message = format!("`{name}` stands both in `set` and in `grid`");
        conflict(entry, message, "given before", "keep one of the two".to_owned())
    })
}

fn repeated(text: &str, list: &Node) -> Option<Blame> {
    let mut seen = Vec::new();
    for entry in list.group.iter().flat_map(|group| &group.entries) {
        let seed = text.get(entry.value.span.clone())?.replace('_', "");
        if seen.contains(&seed) {
            let message = format!("the seed {seed} stands here twice");
            return Some(conflict(entry, message, "given before", "equal seeds give equal runs".to_owned()));
        }
        seen.push(seed);
    }
    None
}
