//! `totc try`: what it says of models that are known to fail, to be wide, to be like their parents.
#![cfg(feature = "torch")]

use std::path::Path;
use std::process::Command;

fn totc(folder: &Path, args: &[&str], wanted: i32) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_totc"));
    let output = command.current_dir(folder).args(args).output().expect("totc runs");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(wanted), "{args:?}: {text}");
    text
}

fn tried(text: &str, more: &[&str], wanted: i32) -> String {
    let place = tempfile::tempdir().expect("a folder");
    std::fs::write(place.path().join("mine.tot"), text).expect("a file");
    let small = ["--set", "hidden=16", "--device", "cpu", "--threads", "1"];
    let said = totc(place.path(), &[&["try", "mine.tot"], &small[..], more].concat(), wanted);
    let left: Vec<_> = std::fs::read_dir(place.path()).expect("the folder").flatten().collect();
    assert_eq!(left.len(), 1, "nothing is left behind: {left:?}");
    said
}

#[test]
fn a_weight_without_gradient_is_named_and_no_other() {
    let text = "use models::trm::Trm\nmodel Mine extends Trm {\n    net gate = Linear(dim -> dim)\n    \
                block update { z <- f(z + (y + x)) * sigmoid(stop_gradient(gate(z))) }\n}\n";
    let said = tried(text, &["--steps", "4"], 0);
    assert!(said.contains("No gradient reached one weight:\n  gate.weight\n"), "{said}");
    assert!(said.contains("one thought wide"), "{said}");
    let parameters = said.lines().find(|line| line.trim_start().starts_with("parameters")).expect("a line");
    // The gate has 16 · 16 weights more than the parent.
    let numbers: Vec<u64> =
        parameters.split_whitespace().filter_map(|word| word.replace(',', "").parse().ok()).collect();
    assert_eq!(numbers[0], numbers[1] + 16 * 16, "{parameters}");
}

#[test]
fn a_tree_is_as_wide_and_deep_as_its_schedule_says() {
    let text = "use models::totrm::ToTrm\nmodel Mine extends ToTrm {}\n";
    let said = tried(text, &["--steps", "2", "--set", "branchings=2", "--set", "T=2", "--set", "n=3"], 0);
    assert!(said.contains("4 thoughts (branch) wide"), "{said}");
    // T · (n + 1), T · branchings, T.
    for calls in ["f 8×", "differ 4×", "combiner 2×"] {
        assert!(said.contains(calls), "{calls}: {said}");
    }
    for loss in ["loss answering", "loss halting", "loss diversity", "loss branches", "loss scoring"] {
        assert!(said.contains(loss), "{loss}: {said}");
    }
}

/// What is made small for the trial is made so where the model reads it: without attention nothing reads `heads`.
#[test]
fn a_model_without_attention_is_tried_too() {
    let text = "use models::trm::Trm\nmodel Mine extends Trm { config mixing = mlp }\n";
    assert!(tried(text, &["--steps", "2"], 0).contains("Every weight got a gradient"));
}

/// A model that changes nothing learns what its parent learns, bit by bit.
#[test]
fn no_difference_is_found_where_there_is_none() {
    let text = "use models::trm::Trm\nmodel Mine extends Trm {}\n";
    let said = tried(text, &["--steps", "3", "--against", "Trm", "--seeds", "2"], 0);
    assert!(said.contains("Against Trm, after 3 steps with 2 seeds of each"), "{said}");
    let line = said.lines().rfind(|line| line.trim_start().starts_with("accuracy ")).expect("a line");
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[1], words[2], "{said}");
    assert!(said.contains("  accuracy: this model is equal to Trm "), "{said}");
    assert!(!said.contains("more than noise"), "{said}");
}

#[test]
fn refusals_name_the_mend() {
    let text = "use models::trm::Trm\nmodel Mine extends Trm {}\n";
    assert!(tried(text, &["--against", "Mine"], 2).contains("that is the model itself"));
    assert!(tried(text, &["--against", "Trn"], 1).contains("did you mean `Trm`?"));
    assert!(tried(text, &["--set", "hiden=3"], 1).contains("did you mean `hidden`?"));
    // A parent that fails by itself is told as it was written.
    let text = "use models::trm::Trm\nmodel Base extends Trm { config heads = 3 }\n\
                model Mine extends Base { config heads = 2 }\n";
    let said = tried(text, &["--model", "Mine", "--steps", "2"], 1);
    assert!(said.contains(" mine.tot:2:") && said.contains(" models/trm.tot:"), "{said}");
    let place = tempfile::tempdir().expect("a folder");
    assert!(totc(place.path(), &["try", "a.ron"], 2).contains("`totc run` trains what a run file says"));
    assert!(totc(place.path(), &["try", "a.tot"], 3).contains("a.tot"));
}
