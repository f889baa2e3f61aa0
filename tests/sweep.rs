//! A sweep from end to end, as processes: variants that fail, going on after a kill, tables and pictures.
#![cfg(feature = "torch")]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use totc::compare::{Protocol, RunRecord, side_by_side};
use totc::report::fixed;
use totc::sweep::{Account, Saved};

const RUN: &str = r#"Run(
    model: "MODEL",
    name: "ToTrmGrid",
    set: { "hidden": 8, "heads": 1, "T": 1, "n": 1, "branchings": 1, "puzzle_tokens": 0, "max_steps": 2 },
    data: sudoku(side: 4, train: 20, test: 8),
    batch: 4,
    length: steps(4),
    optimiser: (name: "adamw", lr: 1e-3, weight_decay: 0.1),
    schedule: (warmup: 0, floor: 1.0),
    evaluation: (every: 4),
    checkpoints: (every: 2),
)"#;

fn write(folder: &Path, sweep: &str) {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/totrm.tot");
    let run = RUN.replace("MODEL", &model.display().to_string());
    std::fs::write(folder.join("base.ron"), run).expect("a file");
    std::fs::write(folder.join("sweep.ron"), sweep).expect("a file");
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_totc"));
    command.current_dir(folder).arg("sweep").arg("sweep.ron").args(["--device", "cpu", "--threads", "1"]);
    command.args(arguments).env("OMP_NUM_THREADS", "1").stdin(Stdio::null());
    command
}

fn sweep(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().expect("totc runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn table(folder: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(folder.join("out/table.json")).expect("a table");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn one_variant_that_fails_does_not_stop_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(
        folder,
        r#"Sweep(run: "base.ron", out: "out", seeds: [0, 1], rows: [
            (label: "film"),
            (label: "no such config", set: { "branching": 2 }),
            (label: "explodes", set: { "optimiser.lr": 1e38, "optimiser.weight_decay": 0.0 }),
        ])"#,
    );
    let dry = sweep(folder, &["--dry-run"]);
    let told = text(&dry.stderr);
    assert!(told.contains("sweep.ron:3:46") && told.contains("no config `branching`"), "{told}");
    assert!(text(&dry.stdout).contains("3 variants, 6 runs"), "{}", text(&dry.stdout));
    assert!(!folder.join("out").exists());

    let done = sweep(folder, &["--jobs", "2"]);
    let (out, told) = (text(&done.stdout), text(&done.stderr));
    assert_eq!(done.status.code(), Some(3), "{out}{told}");
    let found = table(folder);
    let variant = |at: usize| &found["variants"][at];
    assert_eq!(variant(0)["runs"][1]["state"], "finished", "{out}{told}");
    assert!(variant(1)["problem"].as_str().is_some_and(|why| why.contains("`branching`")), "{found}");
    let cause = variant(2)["runs"][0]["about"].as_str().unwrap_or_default();
    assert!(cause.contains("training step") && cause.contains("lower learning rate"), "{found}");

    // The table is the mean and the sample deviation of what the runs' own logs say.
    let exact = |seed: usize| variant(0)["runs"][seed]["metrics"]["accuracy"].as_f64().expect("a number");
    let (mean, half) = ((exact(0) + exact(1)) / 2.0, (exact(0) - exact(1)) / 2.0);
    let shown = &variant(0)["numbers"]["accuracy"];
    // Means of a few float64 numbers below 1: some ten roundings of 1e-16, with room.
    assert!((shown["mean"].as_f64().expect("a mean") - mean).abs() < 1e-12, "{shown}");
    assert!(
        (shown["deviation"].as_f64().expect("a deviation") - half.abs() * 2f64.sqrt()).abs() < 1e-12,
        "{shown}"
    );
    let log = std::fs::read_to_string(folder.join("out/film/seed-0/metrics.jsonl")).expect("a log");
    assert!(log.contains(&format!("\"accuracy\":{}", exact(0))), "{log}");
    let latency = &variant(0)["runs"][0]["latency"];
    let (p50, p95) = (latency["all_steps"]["p50_ms"].as_f64(), latency["all_steps"]["p95_ms"].as_f64());
    assert!(p50 > Some(0.0) && p95 >= p50, "{latency}");
    assert_eq!(latency["all_steps"]["steps"], 2.0, "{latency}");
    for (name, wanted) in [
        ("table.txt", "film"),
        ("table.csv", "film,2,2"),
        ("table.md", "| film |"),
        ("table.svg", "<svg"),
        ("runs.csv", "film,1,"),
    ] {
        let text = std::fs::read_to_string(folder.join("out").join(name)).expect("a file");
        assert!(text.contains(wanted), "{name}: {text}");
    }

    // Once more: nothing is trained again but what failed, and --table needs no training.
    let again = sweep(folder, &["--no-latency"]);
    assert!(text(&again.stderr).contains("4 runs, 2 of them to train"), "{}", text(&again.stderr));
    let shown = sweep(folder, &["--table", "--only", "FI*"]);
    assert!(shown.status.success() && text(&shown.stdout).contains("2 of 2"), "{}", text(&shown.stdout));
    let none = sweep(folder, &["--table", "--only", "nothing"]);
    assert_eq!(none.status.code(), Some(2), "{}", text(&none.stderr));

    // Saved are the finished runs alone, as the same text each time, without a path; failed ones are named.
    let save = || sweep(folder, &["--save", "saved.json"]);
    let done = save();
    let (out, told) = (text(&done.stdout), text(&done.stderr));
    assert!(done.status.success() && out.contains("2 of 6 runs saved in saved.json"), "{out}{told}");
    assert!(told.contains("left out: explodes: ") && told.contains("left out: no such config: "), "{told}");
    let path = folder.join("saved.json");
    let written = std::fs::read_to_string(&path).expect("a file");
    assert!(!written.contains(&*folder.to_string_lossy()), "{written}");
    assert!(save().status.success());
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), written);
    let saved = Saved::read(&path).expect("saved results");
    let failed: Vec<_> = saved.failed.iter().map(|run| (run.label.as_str(), run.seed)).collect();
    assert_eq!(failed, [("no such config", 0), ("no such config", 1), ("explodes", 0), ("explodes", 1)]);
    // The numbers are those that `compare --group` finds in the folders.
    let runs =
        [0, 1].map(|seed| RunRecord::read(&folder.join(format!("out/film/seed-{seed}"))).expect("a run"));
    let protocol = Protocol { group: true, unpaired: false, across_protocols: false, seed: 0 };
    let found = side_by_side(&runs, protocol).expect("a side");
    let account = Account::of(&saved).expect("an account");
    for (metric, estimate) in &found.sides[0].metrics {
        assert_eq!(account.quantity(metric, "film"), Ok(fixed(estimate.mean)), "{metric}");
    }
    let interval = found.sides[0].metrics["exact"].interval.expect("an interval");
    let shown = format!("{} to {}", fixed(interval.low), fixed(interval.high));
    assert_eq!(account.quantity("exact.interval", "film"), Ok(shown));
    let table = account.table().expect("a table");
    assert!(table.contains("no such config (seeds 0, 1), explodes (seeds 0, 1)"), "{table}");
    std::fs::write(&path, written.replace("\"format\": 1", "\"format\": 9")).expect("a file");
    assert!(Saved::read(&path).expect_err("refused").contains("format 9"));

    // Other settings than those that the folder was trained with are refused.
    let changed = sweep(folder, &["--set", "batch=2", "--only", "film"]);
    assert!(text(&changed.stdout).contains("`batch` 4, and it is 2 now"), "{}", text(&changed.stdout));
}

#[test]
fn a_sweep_that_was_killed_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(
        folder,
        r#"Sweep(run: "base.ron", out: "out", steps: 150, set: { "evaluation.every": 1000 }, rows: [
            (label: "short", set: { "branchings": 0 }), (label: "long"),
        ])"#,
    );
    let mut child = command(folder, &["--no-latency", "--only", "long"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("totc runs");
    let saved = folder.join("out/long/seed-0/checkpoint/state.json");
    let began = Instant::now();
    while !saved.exists() {
        assert!(began.elapsed() < Duration::from_secs(120), "no checkpoint");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("killed");
    child.wait().expect("waited for");
    // The run that was cut off saves and ends; meanwhile the table says how far it is.
    let shown = sweep(folder, &["--table"]);
    assert!(text(&shown.stdout).contains("long: "), "{}", text(&shown.stdout));
    let done = sweep(folder, &["--no-latency", "--only", "long"]);
    let told = text(&done.stderr);
    assert!(done.status.success(), "{told}");
    assert!(told.contains("goes on from step"), "{told}");
    let journal: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&saved).expect("a checkpoint")).expect("JSON");
    assert_eq!(journal["step"], 150);
    // Every step was logged once: what the first process did was not done again.
    let log = std::fs::read_to_string(folder.join("out/long/seed-0/metrics.jsonl")).expect("a log");
    let steps: Vec<u64> = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .filter(|record| record["kind"] == "train")
        .filter_map(|record| record["step"].as_u64())
        .collect();
    assert!(steps.is_sorted() && steps.last() == Some(&150), "{steps:?}");

    // Another length would be another run.
    let sweep_file = std::fs::read_to_string(folder.join("sweep.ron")).expect("a file");
    std::fs::write(folder.join("sweep.ron"), sweep_file.replace("150", "400")).expect("a file");
    let refused = sweep(folder, &["--only", "long"]);
    assert!(
        text(&refused.stdout).contains("`length` steps(150), and it is steps(400) now"),
        "{}",
        text(&refused.stdout)
    );
}

/// As an array of jobs on machines that share a folder.
#[test]
fn parts_of_a_sweep_go_beside_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(
        folder,
        r#"Sweep(run: "base.ron", out: "out", seeds: [0, 1], rows: [
            (label: "short", set: { "branchings": 0 }), (label: "long"), (label: "wide", set: { "hidden": 16 }),
        ])"#,
    );
    let parts: Vec<_> = ["0/2", "1/2"]
        .map(|part| command(folder, &["--part", part]).stderr(Stdio::piped()).spawn().expect("totc runs"))
        .into();
    let told: Vec<String> = parts
        .into_iter()
        .map(|part| {
            let output = part.wait_with_output().expect("waited for");
            assert!(output.status.success(), "{}", text(&output.stderr));
            text(&output.stderr)
        })
        .collect();
    assert!(
        told.iter().all(|told| told.contains("6 runs, 3 of them to train") || told.contains("3 runs, 3")),
        "{told:?}"
    );
    let shown = sweep(folder, &["--table", "--json"]);
    assert!(shown.status.success(), "{}", text(&shown.stderr));
    for label in ["short", "long", "wide"] {
        for seed in 0..2 {
            let log = folder.join(format!("out/{label}/seed-{seed}/log.txt"));
            let log = std::fs::read_to_string(log).expect("each run has been trained");
            assert_eq!(log.matches("output in").count(), 1, "{label} {seed}: {log}");
        }
    }
    let refused = sweep(folder, &["--part", "2/2"]);
    assert!(text(&refused.stderr).contains("from 0, and how many there are"), "{}", text(&refused.stderr));
}
