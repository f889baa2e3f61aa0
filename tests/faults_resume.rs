//! What can happen to a run between its start and its end, from the outside: it is stopped, killed, started twice, its
//! data or files change. Each run that goes on must be the one that was never stopped.
#![cfg(feature = "torch")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A folder with a run file, started as a person would.
struct Place(tempfile::TempDir);

const RUN: &str = r#"Run(
    model: "trm.tot",
    name: "Trm",
    set: { "hidden": 8, "heads": 2, "layers": 1, "T": 1, "n": 1, "puzzle_tokens": 1, "max_steps": 3, "explore": 0.1 },
    data: DATA,
    batch: 8,
    length: steps(STEPS),
    optimiser: (name: "adamw", lr: 2e-3, weight_decay: 0.1),
    tables: (lr: 1e-3, weight_decay: 0.1),
    schedule: (warmup: 2, floor: 1.0),
    ema: 0.9,
    evaluation: (every: 1000),
    checkpoints: (every: 5),
    out: "run",
)"#;

const GENERATED: &str = "sudoku(side: 4, train: 60, test: 6, givens: (5, 8), augmentations: 5)";

impl Place {
    fn new(data: &str, steps: u64) -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::copy(root.join("models/trm.tot"), place.path("trm.tot")).unwrap();
        let text = RUN.replace("DATA", data).replace("STEPS", &steps.to_string());
        std::fs::write(place.path("r.ron"), text).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_totc"));
        command.args(arguments).current_dir(self.0.path()).env("OMP_NUM_THREADS", "1");
        command
    }

    /// What it prints on both channels, if it ends with `code`.
    fn said(&self, arguments: &[&str], code: i32) -> String {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
        assert_eq!(status.code(), Some(code), "{arguments:?}: {text}");
        text
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        // Tests that `nohup` has started would hand on that hangups are ignored.
        let mut command = Command::new("env");
        command.arg("--default-signal=HUP").arg(env!("CARGO_BIN_EXE_totc")).args(arguments);
        command.current_dir(self.0.path()).env("OMP_NUM_THREADS", "1");
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Waits until the checkpoint of `run` is of `step` or a later one.
    fn saved(&self, run: &str, step: u64) {
        let began = Instant::now();
        while self.step(run).is_none_or(|saved| saved < step) {
            assert!(began.elapsed() < Duration::from_secs(120), "no checkpoint of step {step}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn step(&self, run: &str) -> Option<u64> {
        let text = std::fs::read(self.path(run).join("checkpoint/state.json")).ok()?;
        serde_json::from_slice::<serde_json::Value>(&text).ok()?["step"].as_u64()
    }

    /// Every file of the last checkpoint, and the log: without what a clock says.
    fn left(&self, run: &str) -> BTreeMap<String, String> {
        let mut left = BTreeMap::new();
        for name in ["weights.safetensors", "ema.safetensors", "state.safetensors"] {
            let bytes = std::fs::read(self.path(run).join("checkpoint").join(name)).unwrap();
            // The header holds names in an order of their own; the numbers are behind it, sorted by it.
            let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            for (tensor, view) in tensors.iter() {
                left.insert(format!("{name} {tensor}"), format!("{:?}", view.data()));
            }
        }
        let log = std::fs::read_to_string(self.path(run).join("metrics.jsonl")).unwrap();
        for (number, line) in log.lines().enumerate() {
            let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
            for name in ["seconds", "time", "samples_per_second", "memory_bytes"] {
                record[name] = 0.into();
            }
            left.insert(format!("log {number}"), record.to_string());
        }
        left
    }
}

fn send(signal: &str, child: &Child) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Runs of parts, split because they are told to and because memory is short, stopped where the log has no line yet.
#[test]
fn a_run_in_parts_goes_on_bit_by_bit_with_its_log() {
    for setting in ["micro_batch=2", "memory=1e-6"] {
        let place = Place::new(GENERATED, 20);
        let run = |more: &[&'static str]| {
            [&["run", "r.ron", "--set", "accumulate=3", "--set", setting], more].concat()
        };
        place.said(&run(&["--out", "whole"]), 0);
        place.said(&run(&["--stop-after", "7"]), 0);
        place.said(&["run", "run", "--resume", "--stop-after", "4"], 0);
        place.said(&["run", "run", "--resume"], 0);
        assert_eq!(place.left("run"), place.left("whole"), "{setting}");
    }
}

#[test]
fn signals_save_and_end_with_a_code_of_their_own() {
    let place = Place::new(GENERATED, 40);
    place.said(&["run", "r.ron", "--out", "whole"], 0);
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let at = place.step("run").unwrap_or(0);
        let resume: &[&str] = if at > 0 { &["--resume"] } else { &[] };
        let mut child = place.spawn(&[&["run", "r.ron"], resume].concat());
        // The first steps of this process are done, so the signal meets it between two of them.
        place.saved("run", at + 5);
        send(signal, &child);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}");
    }
    place.said(&["run", "run", "--resume"], 0);
    assert_eq!(place.left("run"), place.left("whole"));
}

#[test]
fn nohup_keeps_the_hangup_away() {
    let place = Place::new(GENERATED, 20_000);
    let mut command = Command::new("nohup");
    command.arg(env!("CARGO_BIN_EXE_totc")).args(["run", "r.ron"]).current_dir(place.0.path());
    let mut child = command
        .env("OMP_NUM_THREADS", "1")
        .env("GOMP_SPINCOUNT", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    place.saved("run", 5);
    send("-HUP", &child);
    let reached = place.step("run").unwrap_or(0);
    place.saved("run", reached + 10);
    send("-TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn a_second_signal_ends_at_once_without_a_word() {
    // The search for this many puzzles outlasts the test; nothing looks at the first signal before it is over.
    let place = Place::new("sudoku(side: 9, train: 5000000, test: 10, givens: (22, 24))", 5);
    let child =
        place.command(&["run", "r.ron"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(4));
    send("-TERM", &child);
    std::thread::sleep(Duration::from_millis(200));
    send("-TERM", &child);
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(143), "{told}");
    assert!(!told.contains("error") && !told.contains("panicked"), "{told}");
}

#[test]
fn one_process_works_in_a_folder() {
    let place = Place::new(GENERATED, 20_000);
    let mut child = place.spawn(&["run", "r.ron"]);
    place.saved("run", 5);
    for arguments in [&["run", "run", "--resume"][..], &["run", "r.ron"]] {
        let told = place.said(arguments, 3);
        assert!(told.contains(&format!("is being trained by process {}", child.id())), "{told}");
    }
    send("-KILL", &child);
    child.wait().unwrap();
    place.said(&["run", "run", "--resume", "--stop-after", "1"], 0);
}

#[test]
fn resuming_what_is_not_there_refuses_and_erases_nothing() {
    let place = Place::new(GENERATED, 10);
    let told = place.said(&["run", "r.ron", "--resume"], 2);
    assert!(told.contains("holds no checkpoint") && told.contains("without --resume"), "{told}");
    assert!(!place.path("run").exists());
    place.said(&["run", "r.ron"], 0);
    std::fs::rename(place.path("run/checkpoint"), place.path("elsewhere")).unwrap();
    std::fs::rename(place.path("run/checkpoint.before"), place.path("before")).unwrap();
    let log = std::fs::read(place.path("run/metrics.jsonl")).unwrap();
    place.said(&["run", "r.ron", "--resume"], 2);
    assert_eq!(std::fs::read(place.path("run/metrics.jsonl")).unwrap(), log);
}

/// A bit of each file, one after the other: the file is named, the checkpoint before it is offered and is as good.
#[test]
fn a_flipped_bit_is_refused_and_the_checkpoint_before_goes_on() {
    let place = Place::new(GENERATED, 25);
    place.said(&["run", "r.ron", "--out", "whole"], 0);
    place.said(&["run", "r.ron", "--stop-after", "12"], 0);
    for name in ["weights.safetensors", "ema.safetensors", "state.safetensors", "state.json"] {
        let path = place.path("run/checkpoint").join(name);
        let whole = std::fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        let middle = flipped.len() * 3 / 4;
        flipped[middle] ^= 1;
        std::fs::write(&path, &flipped).unwrap();
        let told = place.said(&["run", "run", "--resume"], 3);
        assert!(told.contains(name) && told.contains("damaged"), "{told}");
        assert!(told.contains("of step 10, is whole") && told.contains("--earlier"), "{told}");
        if name == "ema.safetensors" {
            let told = place.said(&["eval", "run"], 3);
            assert!(told.contains(name) && told.contains("damaged"), "{told}");
            let told = place.said(&["weights", "run"], 3);
            assert!(told.contains(name) && told.contains("damaged"), "{told}");
        }
        if name != "state.json" {
            std::fs::write(&path, &whole).unwrap();
        }
    }
    place.said(&["run", "run", "--resume", "--earlier"], 0);
    assert!(place.path("run/checkpoint.damaged/state.json").exists());
    assert_eq!(place.left("run"), place.left("whole"));
}

/// A letter far behind the rows that a short run meets, of a text as long as before.
#[test]
fn other_data_are_refused_wherever_they_differ() {
    let place = Place::new(r#"text(path: "t.txt", length: 8)"#, 100);
    let text: String = (0..40_000u32).map(|at| char::from(b'a' + (at * at / 7 % 20) as u8)).collect();
    std::fs::write(place.path("t.txt"), &text).unwrap();
    place.said(&["run", "r.ron", "--stop-after", "1"], 0);
    // A letter in training, and the last one tested on.
    for at in [30_000, 39_990] {
        let mut other = text.clone();
        other.replace_range(at..=at, if &text[at..=at] == "b" { "c" } else { "b" });
        std::fs::write(place.path("t.txt"), other).unwrap();
        let told = place.said(&["run", "run", "--resume"], 3);
        assert!(told.contains("data"), "{told}");
    }
    std::fs::write(place.path("t.txt"), text).unwrap();
    place.said(&["run", "run", "--resume", "--stop-after", "1"], 0);
}

#[test]
fn another_rule_of_halting_is_another_run() {
    let place = Place::new(GENERATED, 10);
    place.said(&["run", "r.ron", "--stop-after", "3"], 0);
    let model = place.path("run/model/trm.tot");
    let text = std::fs::read_to_string(&model).unwrap();
    let changed = text.replace("explore explore", "explore explore / 2");
    assert_ne!(text, changed);
    std::fs::write(&model, changed).unwrap();
    let told = place.said(&["run", "run", "--resume"], 3);
    assert!(told.contains("computes something else"), "{told}");
}

/// Nobody reads either channel any more; the steps are done all the same.
#[cfg(unix)]
#[test]
fn a_closed_pipe_ends_no_run() {
    let place = Place::new(GENERATED, 12);
    let mut child =
        place.command(&["run", "r.ron"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(place.step("run"), Some(12));
}

#[cfg(unix)]
#[test]
fn files_follow_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new(GENERATED, 1);
    let mut shell = Command::new("sh");
    let line = "umask 027 && exec \"$0\" run r.ron";
    shell.args(["-c", line, env!("CARGO_BIN_EXE_totc")]).current_dir(place.0.path());
    assert!(shell.env("OMP_NUM_THREADS", "1").output().unwrap().status.success());
    for name in ["run.ron", "run.json", "metrics.jsonl", "puzzles.csv", "checkpoint/weights.safetensors"] {
        let mode = std::fs::metadata(place.path("run").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640, "{name}");
    }
}

#[test]
fn weights_with_nan_are_not_used() {
    let place = Place::new(GENERATED, 2);
    place.said(&["run", "r.ron"], 0);
    let bytes = std::fs::read(place.path("run/checkpoint/ema.safetensors")).unwrap();
    let mut broken = bytes.clone();
    let end = broken.len();
    broken[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    // Outside of the checkpoint, whose sums would tell.
    std::fs::write(place.path("w.safetensors"), broken).unwrap();
    let told = place.said(&["eval", "run", "--weights", "w.safetensors"], 3);
    assert!(told.contains("w.safetensors") && told.contains("NaN"), "{told}");
}

/// 520 bytes whose one tensor, of stride 0, would take 16 GiB.
#[test]
fn a_small_file_asks_for_little_memory() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hostile/stride0.pt");
    let output = Command::new(env!("CARGO_BIN_EXE_totc")).arg("weights").arg(file).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("stride0.pt") && told.contains("more memory"), "{told}");
}

/// A folder in which the author's own files lie takes no run.
#[test]
fn nothing_of_the_author_is_overwritten() {
    let place = Place::new(GENERATED, 2);
    std::fs::write(place.path("run.json"), "{}").unwrap();
    let before: Vec<_> =
        ["r.ron", "trm.tot", "run.json"].map(|name| std::fs::read(place.path(name)).unwrap()).into();
    place.said(&["run", "r.ron", "--out", "."], 2);
    place.said(&["run", "r.ron", "--out", "trm.tot"], 2);
    let after: Vec<_> =
        ["r.ron", "trm.tot", "run.json"].map(|name| std::fs::read(place.path(name)).unwrap()).into();
    assert_eq!(before, after);
    assert!(!place.path("checkpoint").exists() && !place.path("metrics.jsonl").exists());
}

/// A loss that is NaN at once, and one whose gradient is: the operation and the author's line are named.
#[test]
fn the_operation_that_made_a_nan_is_named_with_its_line() {
    let place = Place::new(GENERATED, 2);
    let model = std::fs::read_to_string(place.path("trm.tot")).unwrap();
    for (loss, operation, advice) in [
        ("log(halt_logit)", "first NaN: `log`", "needs a number above 0"),
        ("sqrt(halt_logit - halt_logit)", "of the backward pass", "a slope is infinite"),
    ] {
        let changed =
            model.replace("    loss halting ", &format!("    loss bad = {loss}\n    loss halting "));
        let line = 1 + changed.lines().position(|line| line.contains("loss bad")).unwrap();
        std::fs::write(place.path("trm.tot"), changed).unwrap();
        let told = place.said(&["run", "r.ron", "--out", operation.split(' ').next_back().unwrap()], 3);
        assert!(told.contains(operation) && told.contains(advice), "{told}");
        assert!(told.contains(&format!("trm.tot:{line}")), "{told}");
    }
}

/// Weights of best tests have nowhere to go; the run does.
#[test]
fn best_weights_that_cannot_be_kept_end_no_run() {
    let place = Place::new(GENERATED, 6);
    std::fs::create_dir(place.path("run")).unwrap();
    let text = std::fs::read_to_string(place.path("r.ron")).unwrap();
    let text =
        text.replace("(every: 1000)", "(every: 2)").replace("(every: 5)", "(every: 5, keep: (best: 1))");
    std::fs::write(place.path("r.ron"), text).unwrap();
    place.said(&["run", "r.ron", "--stop-after", "1"], 0);
    // A file where the folder of the best weights would be.
    let _ = std::fs::remove_dir_all(place.path("run/best"));
    std::fs::write(place.path("run/best"), "in the way").unwrap();
    let told = place.said(&["run", "run", "--resume"], 0);
    assert!(told.contains("training goes on"), "{told}");
    assert_eq!(place.step("run"), Some(6));
}

#[test]
fn other_files_of_the_author_are_not_written_over() {
    let place = Place::new(GENERATED, 1);
    place.said(&["run", "r.ron"], 0);
    std::fs::write(place.path("own.txt"), "notes\n").unwrap();
    place.said(&["graph", "trm.tot", "--out", "trm.tot"], 2);
    place.said(&["graph", "trm.tot", "--out", "own.txt"], 2);
    place.said(&["report", "run", "--out", "own.txt"], 2);
    place.said(&["export", "run", "--out", "own.txt"], 2);
    place.said(&["export", "run", "--out", "p.pt"], 0);
    place.said(&["import", "p.pt", "--model", "run", "--out", "p.pt"], 2);
    assert_eq!(std::fs::read_to_string(place.path("own.txt")).unwrap(), "notes\n");
    // An older one of its kind is replaced.
    for _ in 0..2 {
        place.said(&["graph", "trm.tot", "--out", "a.svg"], 0);
        place.said(&["report", "run"], 0);
    }
}

#[test]
fn weights_with_nan_are_not_exported() {
    let place = Place::new(GENERATED, 1);
    place.said(&["run", "r.ron"], 0);
    let mut broken = std::fs::read(place.path("run/checkpoint/ema.safetensors")).unwrap();
    let end = broken.len();
    broken[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(place.path("w.safetensors"), broken).unwrap();
    for arguments in [
        &["export", "w.safetensors", "--model", "run", "--out", "p.pt"][..],
        &["solve", "run", "--weights", "w.safetensors", "1... ..3. .4.. ...2"],
    ] {
        let told = place.said(arguments, 3);
        assert!(told.contains("w.safetensors") && told.contains("NaN"), "{told}");
    }
    assert!(!place.path("p.pt").exists());
}
