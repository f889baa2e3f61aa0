//! Outlines to pictures: each file of `fixtures/draw` in each format. A reviewer opens `snapshots/draw/*.svg`.

use totc::draw::{Format, draw};
use totc::model::outline::Outline;

#[test]
fn trm() {
    pictures("trm");
}

#[test]
fn hrm() {
    pictures("hrm");
}

#[test]
fn totrm() {
    pictures("totrm");
}

#[test]
fn got() {
    pictures("got");
}

#[test]
fn beam() {
    pictures("beam");
}

/// Wide bundles, long words, hostile text, gradient in a part of an unrolled loop.
#[test]
fn strained() {
    pictures("strained");
}

#[test]
fn every_fixture_has_a_test() {
    let source = include_str!("draw.rs");
    for entry in std::fs::read_dir(folder("fixtures/draw")).expect("the fixtures") {
        let path = entry.expect("a fixture").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        assert!(source.contains(&format!("pictures(\"{name}\")")), "no test draws {name}");
    }
}

fn pictures(name: &str) {
    let text =
        std::fs::read_to_string(folder("fixtures/draw").join(format!("{name}.ron"))).expect("a fixture");
    let outline: Outline = ron::from_str(&text).expect("an outline");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots/draw");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::assert_snapshot!(format!("{name}.dot"), draw(&outline, Format::Dot));
        insta::assert_snapshot!(format!("{name}.mermaid"), draw(&outline, Format::Mermaid));
        insta::assert_binary_snapshot!(&format!("{name}.svg"), draw(&outline, Format::Svg).into_bytes());
    });
}

fn folder(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}
