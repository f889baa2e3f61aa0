//! Nothing an author can write makes the compiler panic, run on without end, or fail without a word: prefixes of
//! a shipped model, and shipped models with single characters changed.

use std::collections::BTreeMap;
use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use totc::diagnostic::{Colours, Sink, render};
use totc::ir::Mode;
use totc::model::{Bindings, Setting, check};
use totc::source::{Origin, Sources};
use totc::syntax::{Reader, load, parse};

const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models");
const EDITS: usize = 2000;
/// Characters that mean something.
const LETTERS: &[u8] = b"abefginortxyzT019 \n(){}[]<>-=+*/^.,:;|?@_#$\"";

/// The shipped models, one of them changed.
struct Changed<'a> {
    texts: &'a BTreeMap<String, String>,
    name: &'a str,
    text: &'a str,
}

impl Reader for Changed<'_> {
    fn read(&self, path: &Path) -> Result<String, std::io::Error> {
        let name = path.to_string_lossy();
        if name == self.name {
            return Ok(self.text.to_owned());
        }
        self.texts.get(&*name).cloned().ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }

    fn siblings(&self, _: &Path) -> Vec<String> {
        self.texts.keys().map(|name| name.trim_end_matches(".tot").to_owned()).collect()
    }
}

fn models() -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(MODELS).expect("the models can be listed").flatten();
    entries
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "tot"))
        .map(|entry| {
            let text = std::fs::read_to_string(entry.path()).expect("a model can be read");
            (entry.file_name().to_string_lossy().into_owned(), text)
        })
        .collect()
}

/// Checks a changed model for one mode and renders what is said.
fn survives(texts: &BTreeMap<String, String>, name: &str, text: &str, mode: Mode) {
    let reader = Changed { texts, name, text };
    let (mut sources, mut sink) = (Sources::default(), Sink::default());
    let file = sources.add(name, text, Origin::Author);
    parse(file, text, &mut sink);
    if sink.has_errors() {
        // Most edits end here: what is imported need not be read.
        spans_are_true(&sources, &sink);
        render(&sink, &sources, Colours::Never);
        return;
    }
    let (mut sources, mut sink) = (Sources::default(), Sink::default());
    let modules = load(Path::new(name), &reader, &mut sources, &mut sink).expect("the text is there");
    let mut bindings = Bindings::new(mode);
    // Smaller than the paper's, so that thousands of models are checked in seconds.
    for (config, value) in [("T", "2"), ("n", "2"), ("layers", "1"), ("branchings", "1")] {
        let declared = sources.files().iter().any(|file| file.text.contains(&format!("config {config}:")));
        if declared {
            bindings.sets.insert(config.to_owned(), Setting::parse(value));
        }
    }
    let model = check(&modules, &sources, &bindings, &mut sink);
    assert_eq!(model.is_none(), sink.has_errors(), "a model or an error, never both nor neither:\n{text}");
    spans_are_true(&sources, &sink);
    render(&sink, &sources, Colours::Never);
}

fn spans_are_true(sources: &Sources, sink: &Sink) {
    for told in sink.sorted() {
        for (span, _) in std::iter::once(&told.primary).chain(&told.related) {
            let text = sources.files().get(span.file as usize).map(|file| &file.text);
            assert!(text.is_some_and(|text| text.get(span.range()).is_some()), "{told:?} lies outside");
        }
    }
}

#[test]
fn every_prefix_by_lines() {
    let texts = models();
    let whole = &texts["totrm.tot"];
    for (at, _) in whole.match_indices('\n') {
        survives(&texts, "totrm.tot", &whole[..=at], Mode::Training);
    }
}

fn outside_comments(text: &str) -> Vec<usize> {
    let mut places = Vec::new();
    for (line, start) in text.lines().map(|line| (line, line.as_ptr() as usize - text.as_ptr() as usize)) {
        let code = line.find("//").unwrap_or(line.len());
        places.extend(line[..code].char_indices().map(|(at, _)| start + at));
    }
    places
}

fn edited(texts: &BTreeMap<String, String>, name: &str) {
    let whole = &texts[name];
    let mut random = ChaCha8Rng::seed_from_u64(name.bytes().map(u64::from).sum());
    let places = outside_comments(whole);
    for edit in 0..EDITS {
        let at = places[random.random_range(0..places.len())];
        let mut text = whole.clone();
        let letter = LETTERS[random.random_range(0..LETTERS.len())] as char;
        match random.random_range(0..3) {
            0 => drop(text.remove(at)),
            1 => text.insert(at, letter),
            _ => {
                text.remove(at);
                text.insert(at, letter);
            }
        }
        let mode = if edit % 2 == 0 { Mode::Training } else { Mode::Evaluation };
        survives(texts, name, &text, mode);
    }
}

#[test]
fn single_edits_of_trm() {
    edited(&models(), "trm.tot");
}

#[test]
fn single_edits_of_hrm() {
    edited(&models(), "hrm.tot");
}

#[test]
fn single_edits_of_totrm() {
    edited(&models(), "totrm.tot");
}

#[test]
fn single_edits_of_got() {
    edited(&models(), "got.tot");
}

/// All but those above, which have tests of their own so that they run side by side.
#[test]
fn single_edits_of_the_other_models() {
    let own = ["trm.tot", "hrm.tot", "totrm.tot", "got.tot"];
    let models = models();
    for name in models.keys().filter(|name| !own.contains(&name.as_str())) {
        edited(&models, name);
    }
}
