//! The variants of a sweep: takes its rows and grids, gives labels, folders and settings, each setting with its place in
//! the sweep file; opens a variant as the run file it amounts to.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::blame::Blame;
use super::error::{Problem, Refusal, RunFileError, Slug};
use super::outline::Node;
use super::sweep::{Grid, Settings, Sweep, SweepFile};
use super::{RunFile, parse};
use crate::source::{Origin, Sources, Span};

/// One way to train: a run file and what is changed in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Its name in the table.
    pub label: String,
    /// Its folder's name, made of the label.
    pub folder: String,
    /// The run file it starts from.
    pub run: PathBuf,
    /// What is changed, in the order in which it is applied: the last of a name wins.
    pub settings: Vec<Given>,
    /// Where it stands in the sweep file.
    pub place: Range<usize>,
}

/// A setting and where it stands in the sweep file.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// A field of the run file by dotted name, or a config of the model.
    pub name: String,
    /// RON text.
    pub value: String,
    key: Range<usize>,
    text: Range<usize>,
}

/// More than anybody means.
const MOST: usize = 10_000;

/// Every variant, or what is wrong with them together.
pub(super) fn all(sweep: &Sweep, folder: &Path, root: &Node) -> Result<Vec<Variant>, Box<Blame>> {
    let common = settings(&sweep.set, root, &["set"]);
    let base = folder.join(&sweep.run);
    let mut variants = Vec::new();
    for (number, row) in sweep.rows.iter().enumerate() {
        let number = number.to_string();
        let at = |field: &'static str| ["rows", number.as_str(), field];
        let place = place(root, &at("label"));
        let points = points(&row.grid, root, &at("grid"))?;
        for point in points {
            // The sweep's settings are of its run file.
            let (run, mut given) = match &row.run {
                Some(run) => (folder.join(run), Vec::new()),
                None => (base.clone(), common.clone()),
            };
            let label = labelled(&row.label, &point);
            given.extend(settings(&row.set, root, &at("set")));
            given.extend(point);
            variants.push(Variant {
                folder: slug(&label),
                label,
                run,
                settings: given,
                place: place.clone(),
            });
        }
    }
    let grid = place(root, &["grid"]);
    if !sweep.grid.is_empty() || sweep.rows.is_empty() {
        for point in points(&sweep.grid, root, &["grid"])? {
            let label = if point.is_empty() { "base".to_owned() } else { labelled("", &point) };
            let mut settings = common.clone();
            settings.extend(point);
            let (folder, run) = (slug(&label), base.clone());
            variants.push(Variant { folder, label, run, settings, place: grid.clone() });
        }
    }
    if variants.len() > MOST {
        let message = format!("{} variants are more than the {MOST} that a sweep may have", variants.len());
        return Err(blame(message, grid, "with this grid"));
    }
    distinct(&variants)?;
    if let Some(steps) = sweep.steps {
        let (key, text) = places(root, &[], "steps");
        for variant in &mut variants {
            let (key, text) = (key.clone(), text.clone());
            let value = format!("steps({steps})");
            variant.settings.push(Given { name: "length".to_owned(), value, key, text });
        }
    }
    Ok(variants)
}

fn blame(message: String, range: Range<usize>, label: &str) -> Box<Blame> {
    let label = label.to_owned();
    Box::new(Blame { slug: Slug::Conflict, message, range, label, help: None, leave_out: None })
}

fn distinct(variants: &[Variant]) -> Result<(), Box<Blame>> {
    let mut known: HashMap<&str, &Variant> = HashMap::new();
    for variant in variants {
        if let Some(other) = known.insert(&variant.folder, variant) {
            let message = if other.label == variant.label {
                format!("two variants are called `{}`", variant.label)
            } else {
                format!("`{}` and `{}` would use the same folder", other.label, variant.label)
            };
            return Err(blame(message, variant.place.clone(), "labels must differ by letters or digits"));
        }
    }
    Ok(())
}

fn node<'a>(root: &'a Node, path: &[&str]) -> Option<&'a Node> {
    path.iter().try_fold(root, |node, name| node.entry(name).map(|entry| &entry.value))
}

fn place(root: &Node, path: &[&str]) -> Range<usize> {
    node(root, path).map_or(0..0, |node| node.group.as_ref().map_or(node.span.clone(), |g| g.head.clone()))
}

/// The ranges of an entry's key and value.
fn places(root: &Node, holder: &[&str], name: &str) -> (Range<usize>, Range<usize>) {
    let entry = node(root, holder).and_then(|holder| holder.entry(name));
    entry.map_or((0..0, 0..0), |entry| {
        let value = entry.value.span.clone();
        (entry.key.as_ref().map_or(value.clone(), |key| key.span.clone()), value)
    })
}

fn settings(from: &Settings, root: &Node, holder: &[&str]) -> Vec<Given> {
    let mut given = Vec::new();
    for (name, value) in from {
        let (key, text) = places(root, holder, name);
        given.push(Given { name: name.clone(), value: value.get_ron().trim().to_owned(), key, text });
    }
    given
}

/// A label for a point of a grid: `{name}` stands for its value; what the label does not name follows it.
fn labelled(label: &str, point: &[Given]) -> String {
    let mut text = label.to_owned();
    for given in point {
        let value = given.value.trim_matches('"');
        let place = format!("{{{}}}", given.name);
        if text.contains(&place) {
            text = text.replace(&place, value);
        } else {
            let between = if text.is_empty() { "" } else { ", " };
            text = format!("{text}{between}{} {value}", given.name);
        }
    }
    text
}

/// Every combination of a grid, the last name changing fastest; one empty one for an empty grid.
fn points(grid: &Grid, root: &Node, holder: &[&str]) -> Result<Vec<Vec<Given>>, Box<Blame>> {
    let size = grid.values().try_fold(1_usize, |size, values| size.checked_mul(values.len()));
    if size.is_none_or(|size| size > MOST) {
        let message = format!("this grid has more than the {MOST} points that a sweep may have");
        return Err(blame(message, place(root, holder), "take fewer values"));
    }
    let mut points = vec![Vec::new()];
    for (name, values) in grid {
        let (key, list) = places(root, holder, name);
        let values: Vec<Given> = values
            .iter()
            .enumerate()
            .map(|(number, value)| {
                let path: Vec<&str> = holder.iter().copied().chain([name.as_str()]).collect();
                let (_, text) = places(root, &path, &number.to_string());
                let text = if text.is_empty() { list.clone() } else { text };
                Given { name: name.clone(), value: value.get_ron().trim().to_owned(), key: key.clone(), text }
            })
            .collect();
        let longer = |point: &Vec<Given>| {
            let point = point.clone();
            values.clone().into_iter().map(move |value| point.iter().cloned().chain([value]).collect())
        };
        points = points.iter().flat_map(longer).collect();
    }
    Ok(points)
}

/// Letters and digits in lower case, everything else as single dashes.
fn slug(label: &str) -> String {
    let mut slug = String::new();
    for c in label.chars() {
        match c {
            _ if c.is_alphanumeric() || c == '.' && !slug.is_empty() => slug.extend(c.to_lowercase()),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    // Most file systems end at 255 bytes.
    let end = (0..=slug.len().min(120)).rev().find(|end| slug.is_char_boundary(*end)).unwrap_or(0);
    slug.truncate(end);
    let trimmed = slug.trim_end_matches(['-', '.']);
    if trimmed.is_empty() { "variant".to_owned() } else { trimmed.to_owned() }
}

impl Variant {
    /// The settings as `--set` takes them.
    pub fn overrides(&self) -> Vec<String> {
        self.settings.iter().map(|given| format!("{}={}", given.name, given.value)).collect()
    }
}

impl SweepFile {
    /// The run file of a variant, further `--set`s written into it; mistakes are shown where they stand in the sweep
    /// file or in the run file.
    pub fn open(&self, variant: &Variant, more: &[String]) -> Result<RunFile, RunFileError> {
        self.open_from(variant, more, &crate::text_file::read)
    }

    /// The same where the texts of run files come from elsewhere.
    ///
    /// # Errors
    /// As [`SweepFile::open`].
    pub fn open_from(
        &self,
        variant: &Variant,
        more: &[String],
        read: &dyn Fn(&Path) -> std::io::Result<String>,
    ) -> Result<RunFile, RunFileError> {
        let mut overrides = variant.overrides();
        overrides.extend(more.iter().cloned());
        let path = &variant.run;
        let text = read(path).map_err(|cause| RunFileError::Unreadable { path: path.clone(), cause });
        text.and_then(|text| parse(path, &text, &overrides)).map_err(|error| self.shown_here(variant, error))
    }

    /// Where a place of a variant's run file stands in the sweep file: that of one of its settings; None of what the run file
    /// says itself.
    pub fn place_of(&self, variant: &Variant, span: Span) -> Option<Span> {
        let given = variant.settings.get((span.file as usize).checked_sub(1)?)?;
        Some(self.text.span(given.at(span.range())))
    }

    /// Where a variant stands.
    pub fn place_of_variant(&self, variant: &Variant) -> Span {
        self.text.span(variant.place.clone())
    }

    /// A complaint about one of a variant's settings that only a later stage could have; at the variant itself if it has
    /// no such setting.
    pub fn refuse(
        &self,
        variant: &Variant,
        setting: Option<&str>,
        message: &str,
        help: Option<&str>,
    ) -> RunFileError {
        let given = variant.settings.iter().rev().find(|given| Some(given.name.as_str()) == setting);
        let range = given.map_or(variant.place.clone(), |given| given.key.start..given.text.end);
        self.refusal(range, message.to_owned(), String::new(), help.map(str::to_owned))
    }

    fn refusal(
        &self,
        range: Range<usize>,
        message: String,
        label: String,
        help: Option<String>,
    ) -> RunFileError {
        let span = self.text.span(range);
        let problem = Problem { slug: Slug::Conflict, message, span, label, help };
        RunFileError::Refused(Refusal { sources: self.text.sources.clone(), problems: vec![problem] })
    }

    /// `load_with` names its texts: the run file, then each override.
    fn shown_here(&self, variant: &Variant, error: RunFileError) -> RunFileError {
        let refusal = match error {
            RunFileError::Unreadable { path, cause } => {
                let message = format!(
                    "the run file `{}` of `{}` cannot be read: {cause}",
                    path.display(),
                    variant.label
                );
                return self.refusal(variant.place.clone(), message, String::new(), None);
            }
            RunFileError::Refused(refusal) => refusal,
        };
        let mut sources: Sources = self.text.sources.clone();
        let mut files = Vec::new();
        for file in refusal.sources.files() {
            files.push(sources.add(&file.name, &file.text, Origin::Author));
        }
        let moved = |mut problem: Problem| {
            problem.span = self.place_of(variant, problem.span).unwrap_or_else(|| {
                let file = files.get(problem.span.file as usize);
                file.map_or(problem.span, |file| Span::new(*file, problem.span.range()))
            });
            problem
        };
        let problems = refusal.problems.into_iter().map(moved).collect();
        RunFileError::Refused(Refusal { sources, problems })
    }
}

impl Given {
    /// The place in the sweep file of a range of `name=value`.
    fn at(&self, range: Range<usize>) -> Range<usize> {
        let value = self.name.len() + 1;
        if range.start < value {
            return self.key.clone();
        }
        if self.text.len() != self.value.len() {
            return self.text.clone();
        }
        let moved = |at: usize| (self.text.start + at.saturating_sub(value)).min(self.text.end);
        moved(range.start)..moved(range.end)
    }
}
