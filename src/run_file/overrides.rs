//! `--set name=value`: takes a run file's text and one spelling, gives the text with the value written into it, so
//! that it is checked as if it had stood in the file; reads no value itself.

use std::ops::Range;

use super::error::{Problem, Slug};
use super::outline::{self, Node};
use super::reading;
use super::text::{Insert, Text};
use crate::diagnostic::did_you_mean;
use crate::source::{FileId, Origin, Span};

/// Fields that hold names and values in `{ … }` instead of `( … )`.
const MAPS: &[&str] = &["set", "set_in_evaluation", "optimiser.options"];

/// One part of a dotted name, with its place in the spelling.
struct Part {
    name: String,
    shown: Range<usize>,
}

/// Writes one `name=value` into the text. A name that is no field of run files is a config of the model.
pub fn apply(text: &mut Text, spelling: &str) -> Result<(), Problem> {
    let file = text.sources.add("--set", spelling, Origin::Author);
    let Some((name, value)) = spelling.split_once('=') else {
        let span = Span::new(file, 0..spelling.len());
        return Err(Problem::new(
            Slug::Override,
            format!("`{spelling}` has no `=`"),
            span,
            "expected `name=value`",
        ));
    };
    let shown = name.len() + 1..spelling.len();
    let path = parts(file, name)?;
    let value = value.trim();
    let holder = path.split_last().map_or(String::new(), |(_, rest)| dotted(rest));
    let of_model = holder == "set" || holder.ends_with(".set") || holder == "set_in_evaluation";
    if of_model {
        let ron = if is_number_truth_or_text(value) { value.to_owned() } else { quoted(value) };
        return write(text, file, &path, Insert { ron, shown });
    }
    // `out=runs/a` and `name=Trm` need no quotes where only a text fits.
    let mut as_text = text.clone();
    write(&mut as_text, file, &path, Insert { ron: quoted(value), shown: shown.clone() })?;
    if outline::is_one_value(value) {
        let mut as_ron = text.clone();
        write(&mut as_ron, file, &path, Insert { ron: value.to_owned(), shown })?;
        if is_accepted(&as_ron, file) || !is_accepted(&as_text, file) {
            *text = as_ron;
            return Ok(());
        }
    }
    *text = as_text;
    Ok(())
}

/// The parts of a dotted name; a config of the model gets `set` in front.
fn parts(file: FileId, name: &str) -> Result<Vec<Part>, Problem> {
    let mut parts = Vec::new();
    let mut start = 0;
    for piece in name.split('.') {
        let trimmed = piece.trim();
        if trimmed.is_empty() {
            let span = Span::new(file, start..start + piece.len());
            return Err(Problem::new(
                Slug::Override,
                "a name is missing before `=`".to_owned(),
                span,
                "expected a name",
            ));
        }
        parts.push(Part { name: trimmed.to_owned(), shown: start..start + piece.len() });
        start += piece.len() + 1;
    }
    let known = reading::fields();
    match parts.as_slice() {
        [first, ..] if known.contains(&first.name.as_str()) => {}
        [only] => parts.insert(0, Part { name: "set".to_owned(), shown: only.shown.clone() }),
        [first, ..] => return Err(unknown(file, first, known)),
        [] => {}
    }
    Ok(parts)
}

fn unknown(file: FileId, part: &Part, known: &[&str]) -> Problem {
    let near = did_you_mean(&part.name, known.iter().copied());
    let hint = near.map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
    let span = Span::new(file, part.shown.clone());
    let message = format!("unknown field `{}`{hint}", part.name);
    let listed = super::blame::listed(known.iter().copied());
    Problem::new(Slug::UnknownField, message, span, "no such field in a run file")
        .help(format!("the fields are {listed}; configs of the model have no dot"))
}

/// Whether a value means itself in `set`; anything else is a choice.
fn is_number_truth_or_text(value: &str) -> bool {
    let number = value.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    let number = number && ron::from_str::<f64>(&value.replace('_', "")).is_ok();
    let text = value.starts_with('"') && outline::is_one_value(value);
    number || text || matches!(value, "true" | "false")
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Whether reading finds nothing wrong in what `file` gave.
fn is_accepted(text: &Text, file: FileId) -> bool {
    match reading::read(text) {
        Ok(_) => true,
        Err(problems) => problems.iter().all(|problem| problem.span.file != file.0),
    }
}

/// Puts a value at a path: in place of the one that stands there, or as a new field of the nearest holder.
fn write(text: &mut Text, file: FileId, path: &[Part], value: Insert) -> Result<(), Problem> {
    let Some(root) = outline::read(text.ron()) else { return Ok(()) };
    let mut holder = &root;
    for (depth, part) in path.iter().enumerate() {
        match holder.entry(&part.name) {
            Some(entry) if depth + 1 == path.len() => {
                text.replace(entry.value.span.clone(), file, vec![value]);
                return Ok(());
            }
            Some(entry) => holder = entry.value.unwrapped(text.ron()),
            None => {
                let at = place_for_field(holder, path, depth, file)?;
                let in_map = holder.group.as_ref().is_some_and(|group| group.bracket == '{');
                text.replace(at..at, file, new_field(path, depth, in_map, value));
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Where a new field goes, if the holder has fields at all.
fn place_for_field(holder: &Node, path: &[Part], depth: usize, file: FileId) -> Result<usize, Problem> {
    let group = holder.group.as_ref().filter(|group| group.bracket != '[');
    match group.filter(|group| group.entries.iter().all(|entry| entry.key.is_some())) {
        Some(group) => Ok(group.head.end),
        None => {
            let (part, of) = (&path[depth], dotted(&path[..depth]));
            let span = Span::new(file, part.shown.clone());
            let message = format!("`{of}` holds nothing called `{}`", part.name);
            Err(Problem::new(Slug::Override, message, span, "not there")
                .help(format!("give the whole value, as in `{of}=…`")))
        }
    }
}

/// `schedule: (warmup: 10), ` for the parts from `depth` on.
fn new_field(path: &[Part], depth: usize, in_map: bool, value: Insert) -> Vec<Insert> {
    let shown = value.shown.clone();
    let glue = |ron: &str| Insert { ron: ron.to_owned(), shown: shown.clone() };
    let mut inserts = Vec::new();
    let mut closing = Vec::new();
    let mut in_map = in_map;
    for (level, part) in path.iter().enumerate().skip(depth) {
        let key = if in_map { quoted(&part.name) } else { part.name.clone() };
        inserts.push(Insert { ron: key, shown: part.shown.clone() });
        inserts.push(glue(": "));
        if level + 1 < path.len() {
            in_map = MAPS.contains(&dotted(&path[..=level]).as_str());
            inserts.push(glue(if in_map { "{" } else { "(" }));
            closing.push(if in_map { "}" } else { ")" });
        }
    }
    inserts.push(value);
    inserts.extend(closing.iter().rev().map(|bracket| glue(bracket)));
    inserts.push(glue(", "));
    inserts
}

fn dotted(path: &[Part]) -> String {
    path.iter().map(|part| part.name.as_str()).collect::<Vec<_>>().join(".")
}
