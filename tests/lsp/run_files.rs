//! Run and sweep files as an editor shows them: mistakes as `totc check` tells them, those of other files named with their
//! place; what a field or config is, where it leads, what may stand at a place.

use super::editor::{Editor, ROOT, errors, place_of};
use serde_json::Value;
use std::path::{Path, PathBuf};

const RUN: &str = r#"Run(
    model: "trm.tot",
    data: sudoku(side: 4, train: 16, test: 4),
    batch: 4,
    length: steps(8),
    set: { "hidden": 32, "heads": 4 },
    optimiser: (name: "adamw", lr: 1e-3),
)
"#;

const SWEEP: &str = r#"Sweep(
    run: "run.ron",
    rows: [
        (label: "narrow", set: { "hidden": 16 }),
        (label: "short", set: { "T": 1, "optimiser.lr": 1e-4 }),
    ],
)
"#;

/// A folder with TRM, a run file and a sweep; and its paths.
fn folder() -> (tempfile::TempDir, PathBuf, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::copy(Path::new(ROOT).join("models/trm.tot"), path("trm.tot")).expect("a copy");
    std::fs::write(path("run.ron"), RUN).expect("a file");
    std::fs::write(path("sweep.ron"), SWEEP).expect("a file");
    let paths = (path("trm.tot"), path("run.ron"), path("sweep.ron"));
    (folder, paths.0, paths.1, paths.2)
}

/// The words of what is told, all of it at one place.
fn words_at(told: &[Value], text: &str, wanted: &str) -> String {
    assert!(!told.is_empty(), "nothing is told");
    let at = place_of(text, wanted, 0);
    assert!(told.iter().all(|told| told["range"]["start"] == at), "{told:#?}, not at {at}");
    told.iter().map(|told| told["message"].as_str().expect("words").to_owned() + "\n").collect()
}

#[test]
fn what_is_shipped_has_no_mistakes() {
    let mut editor = Editor::start();
    for folder in ["models", "results", "examples/text", "examples/extensions"] {
        for entry in std::fs::read_dir(Path::new(ROOT).join(folder)).expect("a folder").flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "ron") {
                let text = std::fs::read_to_string(&path).expect("a file");
                let told = editor.open(&path, &text);
                assert_eq!(errors(&told), Vec::<&Value>::new(), "{}", path.display());
            }
        }
    }
    editor.stop();
}

#[test]
fn a_mistake_of_a_run_is_told_where_it_stands() {
    let (_folder, _, run, _) = folder();
    let mut editor = Editor::start();
    assert_eq!(editor.open(&run, RUN), Vec::<Value>::new());
    let mut wrong = |old: &str, new: &str, at: &str, words: &str| {
        let text = RUN.replace(old, new);
        assert_ne!(text, RUN, "{old}");
        let told = words_at(&editor.change(&run, &text), &text, at);
        assert!(told.contains(words), "{told}");
    };
    // Of the text, of the model, of its settings, of the optimiser, of the parts of a batch, of the data.
    wrong("batch: 4", "bach: 4", "bach", "did you mean `batch`?");
    wrong("\"hidden\"", "\"hiden\"", "\"hiden\"", "did you mean `hidden`?");
    wrong("\"heads\": 4", "\"heads\": \"many\"", "\"many\"", "`heads` is set to");
    wrong("\"heads\": 4", "\"heads\": 32", "\"trm.tot\"", "1 is odd");
    wrong("adamw", "adam", "\"adam\"", "there is no optimiser `adam`");
    wrong("1e-3)", "1e-3, options: { \"beta3\": 0.5 })", "\"beta3\"", "has no such number");
    wrong("batch: 4", "batch: 4, micro_batch: 3", "3,\n", "one of 1, 2, 4");
    wrong("side: 4", "side: 5", "5, train", "");
    wrong("set: {", "groups: [(weights: \"g.*\", lr: 1e-5)],\n    set: {", "\"g.*\"", "did you mean `f.*`?");
    wrong("length: ", "evaluation: (rollouts: 4),\n    length: ", "4),\n    length", "draws no noise");
    wrong("trm.tot", "trn.tot", "\"trn.tot\"", "did you mean `trm.tot`?");
    editor.stop();
}

/// A mistake in a phase says which part of the run it is of.
#[test]
fn a_mistake_of_a_later_part_is_told_with_it() {
    let (_folder, _, run, _) = folder();
    let mut editor = Editor::start();
    let text = RUN.replace("batch: 4", "phases: [(from: 4, set: { \"hidden\": 64 })],\n    batch: 4");
    let message = words_at(&editor.open(&run, &text), &text, "64 }");
    assert!(message.contains("`hidden` cannot change here"), "{message}");
    editor.stop();
}

#[test]
fn a_run_follows_its_model() {
    let (_folder, model, run, sweep) = folder();
    let mut editor = Editor::start();
    assert_eq!(editor.open(&run, RUN), Vec::<Value>::new());
    assert_eq!(editor.open(&sweep, SWEEP), Vec::<Value>::new());
    let text = std::fs::read_to_string(&model).expect("a file");
    assert_eq!(editor.open(&model, &text), Vec::<Value>::new());
    // A config gets another name in the editor alone.
    let renamed = text.replace("hidden", "wide");
    assert_eq!(editor.change(&model, &renamed), Vec::<Value>::new());
    let message = words_at(&editor.published(&run), RUN, "\"hidden\"");
    assert!(message.contains("`hidden`"), "{message}");
    assert_eq!(errors(&editor.published(&sweep)).len(), 2);
    // A mistake of the model itself is told at its name.
    let broken = text.replace("config hidden", "config config hidden");
    assert_ne!(editor.change(&model, &broken), Vec::<Value>::new());
    let told = editor.published(&run);
    assert_eq!(told[0]["range"]["start"], place_of(RUN, "\"trm.tot\"", 0), "{told:#?}");
    assert!(told[0]["message"].as_str().expect("words").contains("trm.tot:"), "{told:#?}");
    assert_ne!(editor.published(&sweep), Vec::<Value>::new());
    editor.change(&model, &text);
    assert_eq!(editor.published(&run), Vec::<Value>::new());
    assert_eq!(editor.published(&sweep), Vec::<Value>::new());
    editor.stop();
}

#[test]
fn a_sweep_is_told_by_variant() {
    let (_folder, _, run, sweep) = folder();
    let mut editor = Editor::start();
    assert_eq!(editor.open(&sweep, SWEEP), Vec::<Value>::new());
    let text = SWEEP.replace("\"T\"", "\"TT\"");
    let message = words_at(&editor.change(&sweep, &text), &text, "\"TT\"");
    assert!(message.contains("`TT`"), "{message}");
    let text = SWEEP.replace("\"optimiser.lr\": 1e-4", "\"optimiser.lr\": -1.0");
    let message = words_at(&editor.change(&sweep, &text), &text, "-1.0");
    assert!(message.contains("must be"), "{message}");
    let text = SWEEP.replace("run.ron", "rum.ron");
    let told = editor.change(&sweep, &text);
    assert!(errors(&told).iter().all(|told| told["message"].as_str().expect("words").contains("rum.ron")));
    assert!(!told.is_empty());
    // What the run file itself says wrong is told at the variants.
    assert_eq!(editor.change(&sweep, SWEEP), Vec::<Value>::new());
    let wrong = RUN.replace("heads\": 4", "heads\": \"many\"");
    editor.open(&run, &wrong);
    let told = editor.published(&sweep);
    assert_eq!(told[0]["range"]["start"], place_of(SWEEP, "\"narrow\"", 0), "{told:#?}");
    assert!(told[0]["message"].as_str().expect("words").contains("run.ron:6"), "{told:#?}");
    editor.stop();
}
