//! From text to settings: takes the text of a run file, gives its `Run` or every problem found in it; opens no file
//! that the settings name.

use std::ops::Range;

use ron::extensions::Extensions;
use serde::de::DeserializeOwned;

use super::blame::{self, Blame, Words};
use super::error::{Problem, Slug};
use super::limits;
use super::outline::{self, Node};
use super::run::Run;
use super::text::Text;
use crate::diagnostic::did_you_mean;

/// Reading stops looking for more mistakes after this many.
const MOST_PROBLEMS: usize = 20;

/// The settings of a run file, or all that is wrong with them, in the order of the text.
pub fn read(text: &Text) -> Result<Run, Vec<Problem>> {
    let root = outline(text.ron());
    let (run, mut found) = structure(text.ron(), &root, &WORDS);
    for limit in limits::check(text.ron(), &root) {
        found.retain(|blame| blame.range != limit.range);
        found.push(limit);
    }
    match run {
        Some(run) if found.is_empty() => Ok(run),
        _ => {
            let mut problems: Vec<Problem> = found.into_iter().map(|blame| place(text, blame)).collect();
            problems.sort_by_key(|problem| problem.span);
            Err(problems)
        }
    }
}

/// How run files are called.
const WORDS: Words = Words { file: "run file", head: "Run", fields, elsewhere: blame::elsewhere };

/// The tree of a text, empty for a text without any value.
pub fn outline(ron: &str) -> Node {
    outline::read(ron).unwrap_or(Node { span: 0..0, group: None })
}

/// Reads, and at each refused field goes on without it, so that several mistakes are told at once.
pub fn structure<T: DeserializeOwned>(
    ron: &str,
    root: &Node,
    words: &'static Words,
) -> (Option<T>, Vec<Blame>) {
    let mut remaining = ron.to_owned();
    let mut found = Vec::new();
    let mut left_out: Vec<String> = Vec::new();
    while found.len() < MOST_PROBLEMS {
        let error = match options().from_str::<T>(&remaining) {
            Ok(run) => return (Some(run), found),
            Err(error) => error,
        };
        if let ron::Error::MissingStructField { field, .. } = &error.code
            && left_out
                .iter()
                .any(|name| name.rsplit('.').next() == Some(*field) || did_you_mean(name, [*field]).is_some())
        {
            break;
        }
        let blame = blame::explain(ron, root, &error, words);
        let next = blame.leave_out.clone();
        found.push(blame);
        let Some((name, range)) = next else { break };
        let shorter = blanked(&remaining, range);
        if shorter == remaining {
            break;
        }
        remaining = shorter;
        left_out.push(name);
    }
    (None, found)
}

/// RON as run files use it: `ema: 0.999` means `Some(0.999)`.
fn options() -> ron::Options {
    ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME)
}

/// The text with spaces for a range, so that all other places stay where they are.
fn blanked(text: &str, range: Range<usize>) -> String {
    text.char_indices()
        .flat_map(|(at, c)| {
            let blank = range.contains(&at) && c != '\n';
            let (shown, times) = if blank { (' ', c.len_utf8()) } else { (c, 1) };
            std::iter::repeat_n(shown, times)
        })
        .collect()
}

/// The problem of a blame, with its place as a person typed it.
pub fn place(text: &Text, blame: Blame) -> Problem {
    let Blame { slug, message, range, label, help, .. } = blame;
    Problem { slug, message, span: text.span(range), label, help }
}

/// Where a setting stands, by dotted path: its name if that is what is wrong with it, else its value.
pub fn place_of(ron: &str, setting: &str, slug: Slug) -> Range<usize> {
    let find = || {
        let root = outline::read(ron)?;
        let (mut node, mut range) = (&root, 0..0);
        for name in setting.split('.') {
            let entry = node.entry(name)?;
            node = &entry.value;
            range = match &entry.key {
                Some(key) if slug == Slug::UnknownField => key.span.clone(),
                _ => entry.value.span.clone(),
            };
        }
        Some(range)
    };
    find().unwrap_or(0..0)
}

/// The names of all fields of a run file, as `serde` knows them.
pub fn fields() -> &'static [&'static str] {
    match ron::from_str::<Run>("Run(no_such_field: 0)").map_err(|error| error.code) {
        Err(ron::Error::NoSuchStructField { expected, .. }) => expected,
        _ => &[],
    }
}

impl Problem {
    pub(super) fn new(slug: Slug, message: String, span: crate::source::Span, label: &str) -> Problem {
        Problem { slug, message, span, label: label.to_owned(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }
}
