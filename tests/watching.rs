//! A run seen while it trains and afterwards, from the outside: its log, TensorBoard's event files, `totc watch`; and what a
//! shell and `man` are given.
#![cfg(feature = "torch")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const RUN: &str = r#"Run(
    model: "trm.tot",
    name: "Trm",
    out: "run",
    set: { "hidden": 8, "heads": 2, "layers": 1, "T": 1, "n": 1, "puzzle_tokens": 1, "max_steps": 2 },
    data: sudoku(side: 4, train: 16, test: 8, givens: (5, 12)),
    batch: 4,
    length: steps(6),
    schedule: (warmup: 0),
    evaluation: (every: 2, during_training: None),
    checkpoints: (every: 2),
)"#;

/// A folder with a small run.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/trm.tot");
        std::fs::copy(model, place.path("trm.tot")).unwrap();
        std::fs::write(place.path("r.ron"), RUN).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn totc(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_totc"));
        command.args(arguments).current_dir(self.0.path()).env("OMP_NUM_THREADS", "1");
        command.output().unwrap()
    }

    fn said(&self, arguments: &[&str], code: i32) -> String {
        let output = self.totc(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        String::from_utf8_lossy(&output.stdout).into_owned() + &error
    }

    fn log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("run/metrics.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn a_line_of_the_log_says_when_how_fast_and_in_what_memory() {
    let place = Place::new();
    place.said(&["run", "r.ron"], 0);
    let log = place.log();
    assert_eq!(log.len(), 6, "three records of training, three tests");
    for record in &log {
        let time = record["time"].as_str().unwrap();
        assert!(time.len() == 20 && time.starts_with("20") && time.ends_with('Z'), "{time}");
        assert!(record["samples_per_second"].as_f64().unwrap() > 0.0, "{record}");
        // libtorch alone takes more than that.
        assert!(
            !cfg!(target_os = "linux") || record["memory_bytes"].as_u64().unwrap() > 10_000_000,
            "{record}"
        );
    }
}

/// What TensorBoard's own reader finds: `[[tag, [[step, value], …]], …]` of all event files, and the texts.
const READER: &str = r#"
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
found = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "tensors": 0})
found.Reload()
tags = found.Tags()
scalars = {tag: [[event.step, event.value] for event in found.Scalars(tag)] for tag in tags["scalars"]}
texts = {tag: found.Tensors(tag)[-1].tensor_proto.string_val[0].decode() for tag in tags["tensors"]}
print(json.dumps({"scalars": scalars, "texts": texts}))
"#;

/// Python with TensorBoard; `TOTC_PYTHON` names another one.
fn tensorboard() -> Option<String> {
    let python = std::env::var("TOTC_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let there = Command::new(&python).args(["-c", "import tensorboard"]).stderr(Stdio::null()).status();
    there.is_ok_and(|status| status.success()).then_some(python)
}

#[test]
fn tensorboard_reads_what_the_log_says() {
    let Some(python) = tensorboard() else {
        eprintln!(
            "NOT TESTED: event files against TensorBoard's reader; install the Python package `tensorboard`"
        );
        return;
    };
    let place = Place::new();
    // Steps 3 and 4 are done twice: the process is stopped as by a power cut, after the checkpoint of step 2.
    place.said(&["run", "r.ron", "--stop-after", "2"], 0);
    let kept = place.path("kept");
    let copied = Command::new("cp").arg("-r").arg(place.path("run/checkpoint")).arg(&kept).status().unwrap();
    assert!(copied.success());
    place.said(&["run", "run", "--resume", "--stop-after", "2"], 0);
    std::fs::remove_dir_all(place.path("run/checkpoint")).unwrap();
    std::fs::rename(kept, place.path("run/checkpoint")).unwrap();
    place.said(&["run", "run", "--resume"], 0);
    assert_eq!(std::fs::read_dir(place.path("run/tensorboard")).unwrap().count(), 3);

    let output =
        Command::new(python).args(["-c", READER]).arg(place.path("run/tensorboard")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let settings = found["texts"]["settings/text_summary"].as_str().unwrap();
    let file = std::fs::read_to_string(place.path("run/run.ron")).unwrap();
    let unindented: Vec<&str> =
        settings.lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
    assert_eq!(unindented, file.lines().collect::<Vec<_>>());
    for (kind, group, prefix) in [
        ("train", "losses", "loss."),
        ("train", "metrics", ""),
        ("test", "losses", "loss."),
        ("test", "metrics", ""),
    ] {
        let records: Vec<Value> = place.log().into_iter().filter(|record| record["kind"] == kind).collect();
        let names = records.iter().flat_map(|record| record[group].as_object().unwrap().keys().cloned());
        for name in names.collect::<std::collections::BTreeSet<String>>() {
            let logged = records.iter().filter(|record| !record[group][&name].is_null());
            // A float32, as in every event file.
            let logged: Vec<(u64, f64)> = logged
                .map(|record| {
                    let value = record[group][&name].as_f64().unwrap() as f32;
                    (record["step"].as_u64().unwrap(), f64::from(value))
                })
                .collect();
            let tag = format!("{kind}/{prefix}{name}");
            let read = found["scalars"][&tag].as_array().unwrap_or_else(|| panic!("no {tag}"));
            let read: Vec<(u64, f64)> =
                read.iter().map(|pair| (pair[0].as_u64().unwrap(), pair[1].as_f64().unwrap())).collect();
            assert_eq!(read, logged, "{tag}");
        }
    }
}

#[test]
fn an_event_file_that_cannot_be_written_stops_nothing() {
    let place = Place::new();
    place.said(&["run", "r.ron", "--stop-after", "2"], 0);
    std::fs::remove_dir_all(place.path("run/tensorboard")).unwrap();
    std::fs::write(place.path("run/tensorboard"), "in the way").unwrap();
    let told = place.said(&["run", "run", "--resume"], 0);
    assert!(told.contains("without TensorBoard's event file"), "{told}");
    assert_eq!(place.log().last().unwrap()["step"], 6);
}

#[test]
fn a_run_is_followed_until_it_ends_and_nothing_is_touched() {
    let place = Place::new();
    let run =
        [&["run", "r.ron", "--set", "length=steps(400)", "--set"][..], &["evaluation.every=100"]].concat();
    let mut training = Command::new(env!("CARGO_BIN_EXE_totc"))
        .args(run)
        .current_dir(place.0.path())
        .env("OMP_NUM_THREADS", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It holds the folder from before its first step.
    while std::fs::read_to_string(place.path("run/run.lock")).unwrap_or_default().is_empty() {
        assert!(training.try_wait().unwrap().is_none(), "it ended before it was seen");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let told = place.said(&["watch", "run", "--every", "0.05"], 0);
    assert!(training.wait().unwrap().success());
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with("run  ") && lines[0].contains("trained by process"), "{told}");
    let steps = place.log().iter().filter(|record| record["kind"] == "train").count();
    assert_eq!(lines.iter().filter(|line| line.starts_with("step ")).count(), steps, "{told}");
    assert!(lines.iter().any(|line| line.starts_with("test at step 400")), "{told}");
    assert_eq!(lines.last(), Some(&"complete at step 400"), "{told}");

    let before = std::fs::read_dir(place.path("run")).unwrap().count();
    let once = place.said(&["watch", "run", "--once"], 0);
    assert!(once.contains("step 400 of 400") && once.contains("Trm") && !once.contains('\x1b'), "{once}");
    assert_eq!(std::fs::read_dir(place.path("run")).unwrap().count(), before);
}

#[test]
fn a_stopped_run_says_how_it_goes_on_and_no_run_is_told() {
    let place = Place::new();
    place.said(&["run", "r.ron", "--stop-after", "2"], 0);
    let told = place.said(&["watch", "run"], 0);
    assert!(told.contains("nobody trains it; its log ends at step 2") && told.contains("--resume"), "{told}");
    let told = place.said(&["watch", "."], 3);
    assert!(told.contains("is not the folder of a run"), "{told}");
    place.said(&["watch", "run", "--every", "0"], 2);
}

#[test]
fn shells_and_man_are_given_every_command() {
    let place = Place::new();
    let help = place.said(&["--help"], 0);
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.len() > 15 && commands.contains(&"watch"), "{commands:?}");

    let script = place.said(&["completions", "bash"], 0);
    std::fs::write(place.path("totc.bash"), &script).unwrap();
    for command in &commands {
        assert!(script.contains(&format!("totc,{command})")), "{command}");
    }
    // A shell takes the script, and completes by it.
    let typed = "source ./totc.bash; COMP_WORDS=(totc wat); COMP_CWORD=1; _totc totc wat totc; echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash").args(["-c", typed]).current_dir(place.0.path()).output();
    match output {
        Ok(output) => assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "watch"),
        Err(_) => eprintln!("NOT TESTED: completions in a shell; there is no bash"),
    }

    place.said(&["man", "--out", "man"], 0);
    for command in &commands {
        let page = std::fs::read_to_string(place.path(&format!("man/totc-{command}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{command}");
    }
    // An older one is replaced, another file is not.
    place.said(&["man", "--out", "man"], 0);
    let mut own = std::fs::File::create(place.path("man/totc.1")).unwrap();
    own.write_all(b"notes of the author\n").unwrap();
    place.said(&["man", "--out", "man"], 2);
    assert_eq!(std::fs::read_to_string(place.path("man/totc.1")).unwrap(), "notes of the author\n");
}
