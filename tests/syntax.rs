//! Text to tree and back: the canonical text of a tree parses to that tree. Each file of `tests/syntax` is a
//! case; its snapshot shows the text as written and as printed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use totc::diagnostic::Sink;
use totc::source::{Origin, Sources};
use totc::syntax::{ast, parse, print};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The tree of a text; None if it has mistakes.
fn tree(text: &str) -> Option<ast::File> {
    let (mut sources, mut sink) = (Sources::default(), Sink::default());
    let file = sources.add("case.tot", text, Origin::Author);
    let tree = parse(file, text, &mut sink);
    sink.is_empty().then_some(tree)
}

/// A tree as text, without its places.
fn meaning(tree: &ast::File) -> String {
    let text = format!("{tree:#?}");
    let mut skipped = 0;
    let mut lines = Vec::new();
    for line in text.lines() {
        // A span takes five lines: its head, three numbers and a brace.
        if line.ends_with("Span {") {
            skipped = 5;
        }
        if skipped == 0 {
            lines.push(line);
        } else {
            skipped -= 1;
        }
    }
    lines.join("\n")
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(Path::new(ROOT).join(folder)).expect("the folder can be listed");
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "tot"))
        .collect();
    paths.sort();
    paths
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn prints_true(path: &Path) {
    let first = tree(&read(path)).unwrap_or_else(|| panic!("{} has mistakes", path.display()));
    let printed = print(&first);
    let second = tree(&printed).unwrap_or_else(|| panic!("{} prints badly:\n{printed}", path.display()));
    assert_eq!(meaning(&first), meaning(&second), "{} means something else when printed", path.display());
    assert_eq!(printed, print(&second), "{} is printed otherwise the second time", path.display());
}

#[test]
fn printing_then_parsing_gives_the_same_tree() {
    for folder in ["models", "models/std", "examples/extensions"] {
        files(folder).iter().for_each(|path| prints_true(path));
    }
}

/// The cases of the diagnostics that follow the grammar hold every construct of the language.
#[test]
fn cases_of_the_diagnostics_print_true() {
    let parsed = files("tests/diagnostics").into_iter().filter(|path| tree(&read(path)).is_some());
    assert!(parsed.inspect(|path| prints_true(path)).count() > 100);
}

#[test]
fn printed() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/syntax"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.remove_input_file();
    settings.bind(|| {
        for path in files("tests/syntax") {
            prints_true(&path);
            let text = read(&path);
            let shown = tree(&text).map(|tree| print(&tree)).unwrap_or_default();
            let name = path.file_stem().and_then(|name| name.to_str()).expect("a case has a name");
            insta::assert_snapshot!(name, format!("{text}\n────────\n\n{shown}"));
        }
    });
}

#[test]
fn no_snapshot_is_orphaned() {
    let known: BTreeSet<String> = files("tests/syntax")
        .iter()
        .filter_map(|path| Some(format!("{}.snap", path.file_stem()?.to_str()?)))
        .collect();
    let entries = std::fs::read_dir(Path::new(ROOT).join("snapshots/syntax")).expect("a folder").flatten();
    for name in entries.map(|entry| entry.file_name().to_string_lossy().into_owned()) {
        assert!(known.contains(name.trim_end_matches(".new")), "{name} has no case in tests/syntax");
    }
}
