//! What `totc new` writes is a beginning: it is found to be fine, trains, and overwrites nothing.
#![cfg(feature = "torch")]

use std::path::Path;
use std::process::Command;

fn totc(folder: &Path, args: &[&str], wanted: i32) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_totc"));
    let output = command.current_dir(folder).args(args).output().expect("totc runs");
    let text =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(wanted), "{args:?}: {text}");
    text
}

#[test]
fn every_beginning_is_fine_and_trains() {
    for kind in ["sudoku", "maze", "arc", "text"] {
        let place = tempfile::tempdir().expect("a folder");
        let run = format!("first/{kind}.ron");
        let said = totc(place.path(), &["new", kind, "--out", "first"], 0);
        assert!(said.contains(&run), "{said}");
        let said = totc(place.path(), &["check", &run, "first/model.tot"], 0);
        assert!(said.starts_with(&format!("{run}: Mine is fine\n")), "{said}");
        let two = ["run", &run, "--device", "cpu", "--threads", "1", "--stop-after", "2"];
        totc(place.path(), &two, 0);
        assert!(place.path().join("runs").join(kind).join("checkpoint").is_dir());
        // Each has its comments: a line in three.
        let text = std::fs::read_to_string(place.path().join(&run)).expect("the run file");
        assert!(text.lines().filter(|line| line.contains("//")).count() * 3 > text.lines().count(), "{text}");
        assert!(!text.contains("KIND") && !text.contains("DATA"), "{text}");
    }
}

#[test]
fn nothing_is_overwritten() {
    let place = tempfile::tempdir().expect("a folder");
    totc(place.path(), &["new"], 0);
    let model = place.path().join("sudoku/model.tot");
    std::fs::write(&model, "mine").expect("a file");
    std::fs::remove_file(place.path().join("sudoku/sudoku.ron")).expect("a file");
    let said = totc(place.path(), &["new", "sudoku"], 2);
    assert!(said.contains("sudoku/model.tot is there already") && said.contains("--out"), "{said}");
    assert_eq!(std::fs::read_to_string(&model).expect("the model"), "mine");
    assert!(!place.path().join("sudoku/sudoku.ron").exists(), "all or nothing");
    totc(place.path(), &["new", "opera"], 2);
}
