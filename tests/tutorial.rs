//! `docs/tutorial.md` as its reader follows it: its files are written into an empty folder, its commands are run there, in the
//! order of the page. Training stops after two steps.
#![cfg(feature = "torch")]

use std::path::Path;
use std::process::Command;

/// What stands behind a fence, and the lines up to the next.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let mut parts = page.split("\n```");
    parts.next();
    let parts: Vec<&str> = parts.collect();
    assert!(parts.len().is_multiple_of(2), "a block is not closed");
    parts.iter().step_by(2).map(|part| part.split_once('\n').expect("a fence ends its line")).collect()
}

#[test]
fn every_file_and_every_command_works() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/tutorial.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let place = tempfile::tempdir().expect("a folder");
    let (mut files, mut commands) = (0, 0);
    for (info, body) in blocks(&page) {
        match info.split_once(' ') {
            Some((_, file)) => {
                std::fs::write(place.path().join(file), format!("{body}\n")).expect("a file");
                files += 1;
            }
            None => {
                assert_eq!(info, "sh", "a block is a file or commands");
                for line in body.lines() {
                    follow(place.path(), line);
                    commands += 1;
                }
            }
        }
    }
    assert!(files >= 7 && commands >= 12, "{files} files, {commands} commands");
    for made in
        ["runs/mine/checkpoint", "runs/gated/checkpoint", "runs/tree/checkpoint", "tree.svg", "graph.svg"]
    {
        assert!(place.path().join(made).exists(), "{made} is missing");
    }
}

/// The model files are in the form that `totc fmt` gives.
#[test]
fn its_models_are_in_the_form() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/tutorial.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let place = tempfile::tempdir().expect("a folder");
    for (info, body) in blocks(&page) {
        let Some(file) = info.strip_prefix("tot ") else { continue };
        std::fs::write(place.path().join(file), format!("{body}\n")).expect("a file");
    }
    follow(place.path(), "totc fmt --check .");
}

fn follow(folder: &Path, line: &str) {
    // What is redirected into a file is thrown away here.
    let (command, _) = line.split_once(" > ").unwrap_or((line, ""));
    let mut words = command.split_whitespace();
    assert_eq!(words.next(), Some("totc"), "{line}");
    let words: Vec<&str> = words.collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_totc"));
    command.current_dir(folder).args(&words);
    let shorter: &[&str] = match words[0] {
        "run" => &["--stop-after", "2", "--threads", "1", "--device", "cpu"],
        "try" => &["--steps", "2", "--threads", "1", "--device", "cpu"],
        _ => &[],
    };
    command.args(shorter);
    let output = command.output().expect("totc runs");
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    // As with other tools that compare, 1 says that there is a difference.
    let wanted = i32::from(words[0] == "diff");
    assert_eq!(output.status.code(), Some(wanted), "{line}: {said}");
    assert!(!said.contains("warning"), "{line}: {said}");
}
