//! The commands that test a model, from the outside: what they write agrees with what they print.
#![cfg(feature = "torch")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const RUN: &str = r#"Run(
    model: "MODEL",
    name: "Trm",
    set: { "hidden": 16, "heads": 2, "layers": 1, "T": 1, "n": 1, "puzzle_tokens": 1, "max_steps": 3 },
    data: sudoku(side: 6, train: 8, test: 12, givens: (12, 20)),
    batch: 8,
    length: steps(4),
    schedule: (warmup: 1),
    evaluation: (every: 2, during_training: Some(5)),
    out: "OUT",
)"#;

fn totc(arguments: &[&str]) -> Output {
    let command = Command::new(env!("CARGO_BIN_EXE_totc")).args(arguments).args(["--threads", "1"]).output();
    command.unwrap()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The mean of a column of `puzzles.csv`, and the number of its lines.
fn mean(folder: &Path, column: &str) -> (f64, usize) {
    let mut reader = csv::Reader::from_path(folder.join("puzzles.csv")).unwrap();
    let place = reader.headers().unwrap().iter().position(|name| name == column).unwrap();
    let values: Vec<f64> = reader.records().map(|record| record.unwrap()[place].parse().unwrap()).collect();
    (values.iter().sum::<f64>() / values.len() as f64, values.len())
}

/// Means of float64 numbers below 1, printed and read: some ten roundings of 1e-16, with room.
fn near(one: f64, other: &Value) {
    assert!((one - other.as_f64().unwrap()).abs() < 1e-12, "{one} and {other}");
}

#[test]
fn a_run_and_an_evaluation_tell_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/models/");
    let file = folder.path().join("run.ron");
    let text = RUN.replace("MODEL", &format!("{models}trm.tot")).replace("OUT", &out.display().to_string());
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();

    let run = json(&totc(&["run", file, "--json"]));
    // Five examples while training goes on, all at the end.
    let tested: Vec<u64> =
        run["tests"].as_array().unwrap().iter().filter_map(|t| t["examples"].as_u64()).collect();
    assert_eq!(tested, [5, 12]);
    assert!(run["seconds_in_tests"].as_f64().unwrap() <= run["seconds"].as_f64().unwrap());
    let last = &run["evaluation"];
    for (column, value) in [
        ("accuracy", &last["metrics"]["accuracy"]),
        ("exact", &last["metrics"]["exact"]),
        ("steps", &last["steps_used"]),
        ("halted", &last["halted"]),
    ] {
        let (mean, lines) = mean(&out, column);
        near(mean, value);
        assert_eq!(lines, 12);
    }
    assert_eq!(last["protocol"], "all steps");
    assert_eq!(last["stop_when_sure"]["examples"], 12);
    let written: Value =
        serde_json::from_slice(&std::fs::read(out.join("evaluation.json")).unwrap()).unwrap();
    assert_eq!(&written, last);
    let rated: u64 =
        last["by_rating"].as_array().unwrap().iter().filter_map(|s| s["examples"].as_u64()).sum();
    assert_eq!((last["rating"].as_str(), rated), (Some("guesses"), 12));

    // The same weights, tested again, come to the same.
    let other = folder.path().join("other");
    let again = json(&totc(&["eval", file, "--json", "--all-steps", "--out", other.to_str().unwrap()]));
    assert_eq!(again["metrics"], last["metrics"]);
    assert!(again.get("stop_when_sure").is_none());
    assert_eq!(
        std::fs::read(out.join("puzzles.csv")).unwrap(),
        std::fs::read(other.join("puzzles.csv")).unwrap()
    );

    let views = ["--views", "4", "--choose", "vote", "--all-steps", "--out", other.to_str().unwrap()];
    let voted = json(&totc(&[&["eval", file, "--json"], &views[..]].concat()));
    let counts = voted["thinking"]["by_count"].as_array().unwrap();
    assert_eq!(counts.len(), 4);
    // One answer is the evaluation without views.
    for metric in ["accuracy", "exact"] {
        assert_eq!(counts[0]["vote"][metric], last["metrics"][metric]);
        assert_eq!(counts[3]["vote"][metric], voted["metrics"][metric]);
    }

    // A trained TRM shaken by noise: its rollouts differ, and without noise they would not.
    let ptrm = format!("model={models}ptrm.tot");
    let shaken = ["--set", ptrm.as_str(), "--set", "name=Ptrm", "--rollouts", "3", "--all-steps"];
    let quiet = totc(&[&["eval", file, "--json"], &shaken[..]].concat());
    assert!(String::from_utf8_lossy(&quiet.stderr).contains("all 3 rollouts would be the same"));
    let noise = ["--set", "set_in_evaluation={\"sigma\": 1.0}", "--out", other.to_str().unwrap()];
    let rolled = json(&totc(&[&["eval", file, "--json"], &shaken[..], &noise[..]].concat()));
    assert_eq!(rolled["thinking"]["by_count"].as_array().unwrap().len(), 3);
    assert!(rolled["thinking"]["agreement"].as_f64().unwrap() < 1.0);

    let puzzle = "12....".to_owned() + &".".repeat(30);
    let solved = json(&totc(&["solve", file, puzzle.as_str(), "--views", "5", "--choose", "vote", "--json"]));
    assert_eq!(solved["answers"], 5);

    // Without options further views are asked for where the puzzle's own answer breaks the rules, and only there.
    let alone = json(&totc(&["solve", file, puzzle.as_str(), "--views", "1", "--json"]));
    assert!(alone["view"].is_null());
    let told = totc(&["solve", file, puzzle.as_str()]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let solved = json(&totc(&["solve", file, puzzle.as_str(), "--json"]));
    match (alone["valid"].as_bool().unwrap(), solved["view"].as_u64()) {
        (true, view) => assert!(view.is_none() && solved["tokens"] == alone["tokens"]),
        (false, Some(view)) => {
            assert!(view > 0 && solved["valid"] == true, "{solved}");
            assert!(told.contains(&format!("found under symmetric view {view} ")), "{told}");
        }
        (false, None) => {
            assert!(solved["valid"] == false && solved["tokens"] == alone["tokens"], "{solved}");
            assert!(told.contains("none of 64 symmetric views gave a valid answer either"), "{told}");
        }
    }
}
