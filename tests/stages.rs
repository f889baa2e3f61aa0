//! What the compiler makes of a text at each stage: `stages/CASE.tot` beside its checked model, its graph after all
//! passes and its program; and the schedule of every shipped model as a picture.

#[path = "stages/subject.rs"]
mod subject;

use std::collections::BTreeSet;
use std::path::Path;

use subject::{Subject, files, shipped};
use totc::draw::{Format, draw};
use totc::ir::Mode;
use totc::lower::{self};
use totc::{ir, model, pass};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stages");
const SNAPSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/stages");

/// Snapshots by name and content.
fn all() -> Vec<(String, String)> {
    let mut shown = Vec::new();
    for path in files(Path::new(CASES)) {
        let case = Subject::case(&path);
        let graph = pass::run(case.graph(case.mode), None).unwrap();
        let stages = [
            ("model", model::print(&case.model(case.mode))),
            ("graph", ir::print(&graph)),
            ("program", lower::print(&lower::program(&graph))),
        ];
        for (stage, text) in stages {
            shown.push((format!("{}.{stage}", case.name), format!("{}\n────────\n\n{text}", case.text)));
        }
    }
    for model in shipped() {
        let outline = model.model(Mode::Training).outline;
        shown.push((format!("outline.{}", model.name), draw(&outline, Format::Mermaid, 0)));
    }
    shown
}

#[test]
fn stages_are_as_reviewed() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(SNAPSHOTS);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.remove_input_file();
    settings.bind(|| all().into_iter().for_each(|(name, text)| insta::assert_snapshot!(name, text)));
}

#[test]
fn no_snapshot_is_orphaned() {
    let known: BTreeSet<String> = all().into_iter().map(|(name, _)| format!("{name}.snap")).collect();
    for entry in std::fs::read_dir(SNAPSHOTS).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let folder = entry.path().is_dir();
        assert!(
            folder || known.contains(&name) || name.ends_with(".snap.new"),
            "{name} has no case in {CASES}"
        );
    }
}
