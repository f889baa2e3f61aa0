//! Outlines to pictures: each file of `fixtures/draw` in each format. A reviewer opens `snapshots/draw/*.svg`.

use totc::draw::{Format, draw};
use totc::ir::{Mode, WeightRole};
use totc::model::outline::Outline;
use totc::model_file::ModelFile;

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

/// What a loss, the rule of halting and the states read is written in the model files; nothing else has an edge to it.
#[test]
fn edges_are_data_flow() {
    let mut file =
        ModelFile::load(&folder("../models/totrm.tot"), Some("ToTrm".to_owned())).expect("a model file");
    let model = file.model(Mode::Training).unwrap_or_else(|_| panic!("ToTrm has no mistakes"));
    let chart = draw(&model.outline, Format::Mermaid, 1);
    let nodes = |all: &[&str]| -> Vec<String> {
        let mut nodes: Vec<String> = all.iter().map(|words| node(&chart, words)).collect();
        nodes.sort();
        nodes
    };
    assert_eq!(sources(&chart, "answering"), nodes(&["logits"]));
    assert_eq!(sources(&chart, "halting ←"), nodes(&["logits", "halt_logit"]));
    assert_eq!(sources(&chart, "diversity"), nodes(&["record thoughts"]));
    assert_eq!(sources(&chart, "branches"), nodes(&["record thoughts"]));
    assert_eq!(sources(&chart, "scoring"), nodes(&["record thoughts", "record scores"]));
    assert_eq!(sources(&chart, "halt when"), nodes(&["halt_logit"]));
    // A state comes back from the last value that the step gave it: `y <- f(y + z)`, `z <- y`.
    assert_eq!(sources(&chart, "y<br/>"), nodes(&["y ← "]));
    assert_eq!(sources(&chart, "z<br/>"), nodes(&["z ← y"]));
    // HRM's second loss looks one step ahead, from both states.
    let mut file =
        ModelFile::load(&folder("../models/hrm.tot"), Some("Hrm".to_owned())).expect("a model file");
    let hrm = file.model(Mode::Training).unwrap_or_else(|_| panic!("HRM has no mistakes"));
    let hrm = draw(&hrm.outline, Format::Mermaid, 0);
    assert_eq!(sources(&hrm, "one more step").len(), 2, "{hrm}");
    assert!(sources(&hrm, "continuing").contains(&node(&hrm, "one more step")), "{hrm}");
    // All parameters are in the list of nets.
    let trained = model
        .graph
        .weights
        .iter()
        .filter(|weight| matches!(weight.role, WeightRole::Param | WeightRole::Table));
    let all: usize = trained.map(|weight| weight.count()).sum();
    assert!(chart.contains(&format!("parameters: {}", totc::report::count(all as u64))), "{chart}");
}

/// What the configs leave of a loss means what the loss means: sums keep their brackets, and nothing else gets any.
#[test]
fn losses_keep_their_brackets() {
    let place = tempfile::TempDir::new().expect("a folder");
    let path = place.path().join("m.tot");
    let base = "use models::trm::Trm
use std::losses::stablemax_cross_entropy

model Added extends Trm {
    config weight: float = 0.5
    loss answering = stablemax_cross_entropy(logits, answer) + weight
}
";
    let sum = "stablemax_cross_entropy(logits, answer) + 0.5";
    let product = "stablemax_cross_entropy(logits, answer) * 0.5";
    for (written, left) in [
        ("weight * inherited", format!("0.5 * ({sum})")),
        ("inherited // the sum\n        / weight", format!("({sum}) / 0.5")),
        ("-inherited", format!("-({sum})")),
        ("inherited", sum.to_owned()),
        ("float32(inherited)", format!("float32({sum})")),
        (
            "{\n        let twice = inherited\n        2 * twice\n    }",
            format!("let twice = {sum} 2 * twice"),
        ),
        ("2 * if weight > 0 { inherited } else { 0 }", format!("2 * ({sum})")),
        (
            "2 * if weight > 0 { stablemax_cross_entropy(logits, answer) } else { 0 }",
            "2 * stablemax_cross_entropy(logits, answer)".to_owned(),
        ),
        (
            "if weight > 0 { { stablemax_cross_entropy(logits, answer) } * { weight } } else { 0 }",
            product
                .replace(
                    "stablemax_cross_entropy(logits, answer)",
                    "{ stablemax_cross_entropy(logits, answer) }",
                )
                .replace("0.5", "{ 0.5 }"),
        ),
    ] {
        let text = format!("{base}\nmodel Mine extends Added {{\n    loss answering = {written}\n}}\n");
        std::fs::write(&path, &text).expect("a file");
        let mut file = ModelFile::load(&path, Some("Mine".to_owned())).expect("a model file");
        let model = file.model(Mode::Training).unwrap_or_else(|_| panic!("{text} has no mistakes"));
        let chart = draw(&model.outline, Format::Mermaid, 0).replace("<br/>", " ");
        let shown = format!("answering ← {left}");
        assert!(chart.contains(&shown), "{written}: {shown} is not in {chart}");
    }
}

/// The id of the node that begins with these words.
fn node(chart: &str, words: &str) -> String {
    let line = chart.lines().map(str::trim).find(|line| line.contains(&format!("\"{words}")));
    let line = line.unwrap_or_else(|| panic!("no node {words} in {chart}"));
    line.chars().take_while(|letter| letter.is_alphanumeric()).collect()
}

/// The ids of the nodes with an edge to that node, in order.
fn sources(chart: &str, words: &str) -> Vec<String> {
    let end = format!(" {}", node(chart, words));
    let edges = chart.lines().map(str::trim).filter(|line| line.contains("> ") || line.contains(">|"));
    let mut sources: Vec<String> = edges
        .filter(|line| line.ends_with(&end))
        .filter_map(|line| Some(line.split(' ').next()?.to_owned()))
        .collect();
    sources.sort();
    sources
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
        insta::assert_snapshot!(format!("{name}.dot"), draw(&outline, Format::Dot, 0));
        insta::assert_snapshot!(format!("{name}.mermaid"), draw(&outline, Format::Mermaid, 0));
        insta::assert_binary_snapshot!(&format!("{name}.svg"), draw(&outline, Format::Svg, 0).into_bytes());
    });
}

fn folder(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}
