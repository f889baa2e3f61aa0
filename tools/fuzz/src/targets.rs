//! What is fuzzed: each takes bytes as a file of some kind and reads them as a command would, to the end or to its first error.

use std::io::Error;
use std::path::{Path, PathBuf};

use totc::data::{DataSpec, open};
use totc::diagnostic::{Colours, Sink, render};
use totc::format::format;
use totc::ir::Mode;
use totc::model::{Bindings, check};
use totc::source::{FileId, Sources};
use totc::syntax::{Reader, load};
use totc::{Values, compile, run_file, weights};

/// All, by name, with the kinds of files that they begin from (tools/fuzz/fuzz.py).
const ALL: &[(&str, fn(&[u8]))] = &[
    ("model", model),
    ("format", formatted),
    ("run-file", a_run_file),
    ("weights", weight_file),
    ("settings", published_settings),
    ("puzzles", puzzles),
    ("arc", arc),
    ("text", text),
    ("npy", npy),
];

/// The target of a name.
pub fn named(name: &str) -> fn(&[u8]) {
    let found = ALL.iter().find(|(own, _)| *own == name);
    let names: Vec<&str> = ALL.iter().map(|(own, _)| *own).collect();
    found.unwrap_or_else(|| panic!("TOTC_FUZZ is `{name}`; there are {}", names.join(", "))).1
}

/// One text in place of every file.
struct Alone<'a>(&'a str);

impl Reader for Alone<'_> {
    fn read(&self, path: &Path) -> Result<String, Error> {
        match path == Path::new("fuzzed.tot") {
            true => Ok(self.0.to_owned()),
            false => Err(std::io::ErrorKind::NotFound.into()),
        }
    }

    fn siblings(&self, _: &Path) -> Vec<String> {
        Vec::new()
    }
}

fn model(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for mode in [Mode::Training, Mode::Evaluation] {
        let (mut sources, mut sink) = (Sources::default(), Sink::default());
        let Ok(modules) = load(Path::new("fuzzed.tot"), &Alone(text), &mut sources, &mut sink) else { return };
        let bindings = Bindings::new(mode);
        let checked = check(&modules, &sources, &bindings, &mut sink);
        assert_eq!(checked.is_none(), sink.has_errors(), "a model or an error, never both nor neither");
        render(&sink, &sources, Colours::Never);
        if checked.is_some() {
            let mut again = Sink::default();
            // What is checked compiles: anything else is totc's own mistake.
            let program = compile(&modules, &sources, &bindings, Values::Dropped, &mut again);
            assert!(program.is_ok_and(|program| program.is_some()), "what is checked compiles");
        }
    }
}

/// What is formatted stays as it is, and is the same tokens.
fn formatted(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(once) = format(FileId(0), text, &mut Sink::default()) {
        let twice = format(FileId(0), &once, &mut Sink::default());
        assert_eq!(twice.as_deref(), Some(once.as_str()), "formatting twice changes something");
    }
}

fn a_run_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let none: [&str; 0] = [];
    if let Err(error) = run_file::parse(Path::new("fuzzed.ron"), text, &none) {
        error.render(Colours::Never);
    }
}

/// A file of these bytes in a folder of its own.
fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("a file");
    (folder, path)
}

fn weight_file(bytes: &[u8]) {
    // By its contents, and as what its name says.
    for name in ["weights.pt", "weights.safetensors"] {
        let (_folder, path) = file(name, bytes);
        if let Err(error) = weights::read(&path, None) {
            assert!(error.to_string().len() < 10_000, "an error is a sentence");
        }
    }
}

fn published_settings(bytes: &[u8]) {
    let (folder, path) = file("all_config.yaml", bytes);
    let _ = weights::PublishedSettings::beside(&folder.path().join("step_1"));
    drop(path);
}

/// Opens a data set whose first file has these bytes, and takes some rows.
fn opened(name: &str, bytes: &[u8], rest: &[(&str, &str)], spec: &str) {
    let (folder, _) = file(name, bytes);
    for (name, text) in rest {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    let spec: DataSpec = ron::from_str(spec).expect("settings");
    match open(&spec, folder.path()) {
        Ok(data) => {
            data.train_rows(1, 0, 3);
            data.describe();
        }
        Err(error) => assert!(error.to_string().len() < 10_000, "an error is a sentence"),
    }
}

const PUZZLE: (&str, &str) = ("test", "question,answer\n1234341221434...,1234341221434321\n");

fn puzzles(bytes: &[u8]) {
    opened("train", bytes, &[PUZZLE], "sudoku_csv(train: \"train\", test: \"test\")");
    opened("train", bytes, &[PUZZLE], "puzzles(train: \"train\", test: \"test\")");
    opened("train", bytes, &[PUZZLE], "maze_csv(train: \"train\", test: \"train\")");
}

fn arc(bytes: &[u8]) {
    opened("arc_a_challenges.json", bytes, &[], "arc(from: \".\", subsets: \"a\", test: \"a\", augmentations: 2)");
}

fn text(bytes: &[u8]) {
    opened("t.txt", bytes, &[], "text(path: \"t.txt\", unit: characters, length: 8)");
}

fn npy(bytes: &[u8]) {
    let (_folder, path) = file("all__inputs.npy", bytes);
    for axes in [1, 2] {
        if let Ok(array) = totc::data::npy::Array::open(&path, axes) {
            let rows = array.rows().min(array.rows_of_a_block());
            assert!(array.block(0, rows).is_ok());
        }
    }
}
