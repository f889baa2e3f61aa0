//! The folder of a run, from the outside: every command uses the settings of the run, the folder can be carried anywhere,
//! nothing is overwritten or counted twice, and one test is the best.
#![cfg(feature = "torch")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A model of 12 cells' worth of work, in a folder of its own with its data as files.
struct Place(tempfile::TempDir);

const RUN: &str = r#"Run(
    model: "own/trm.tot",
    name: "Trm",
    set: { "hidden": 8, "heads": 2, "layers": 1, "T": 1, "n": 1, "puzzle_tokens": 1, "max_steps": 2 },
    data: sudoku_csv(train: "data/train.csv", test: "data/test.csv"),
    batch: 4,
    length: steps(6),
    optimiser: (name: "adamw", lr: 1e-2, weight_decay: 0.1),
    schedule: (warmup: 0),
    evaluation: (every: 2, during_training: None),
)"#;

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let puzzles = std::fs::read_to_string(root.join("tests/fixtures/data/rated.csv")).unwrap();
        let (head, rows) = puzzles.split_once('\n').unwrap();
        let rows: Vec<&str> = rows.lines().collect();
        std::fs::create_dir_all(place.path("work/data")).unwrap();
        std::fs::create_dir_all(place.path("work/own")).unwrap();
        for (file, rows) in [("train.csv", &rows[..8]), ("test.csv", &rows[8..11])] {
            std::fs::write(place.path("work/data").join(file), format!("{head}\n{}\n", rows.join("\n")))
                .unwrap();
        }
        std::fs::copy(root.join("models/trm.tot"), place.path("work/own/trm.tot")).unwrap();
        std::fs::write(place.path("work/r.ron"), RUN).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// totc in a folder of the place.
    fn totc(&self, folder: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_totc"));
        command.args(arguments).current_dir(self.path(folder)).env("OMP_NUM_THREADS", "1");
        command.output().unwrap()
    }

    /// What it prints on both channels, if it ends with `code`.
    fn said(&self, folder: &str, arguments: &[&str], code: i32) -> String {
        let output = self.totc(folder, arguments);
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        text
    }

    fn json(&self, folder: &str, arguments: &[&str]) -> Value {
        let output = self.totc(folder, &[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        let path = self.path(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn log(&self, run: &str) -> Vec<Value> {
        let text = String::from_utf8(self.read(&format!("{run}/metrics.jsonl"))).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn tests(&self, run: &str) -> Vec<Value> {
        self.log(run).into_iter().filter(|record| record["kind"] == "test").collect()
    }
}

#[test]
fn every_command_uses_the_settings_of_the_run() {
    let place = Place::new();
    let run = place.json("work", &["run", "r.ron", "--set", "T=3"]);
    let own = (place.read("work/runs/r/evaluation.json"), place.read("work/runs/r/puzzles.csv"));

    // The file says T=1; the run is what counts, and the difference is told.
    let output = place.totc("work", &["eval", "r.ron", "--all-steps", "--json"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("set.T: 3, where r.ron says 1"), "{told}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    for part in ["metrics", "losses", "by_step"] {
        assert_eq!(found[part], run["evaluation"][part], "{part}");
    }
    // Whoever asks for other settings has them, told and in a place of their own.
    let other = place.said("work", &["eval", "r.ron", "--all-steps", "--set", "T=1"], 0);
    assert!(other.contains("set.T: 1, and 3 in training"), "{other}");
    assert_ne!(
        place.json("work", &["eval", "r.ron", "--all-steps", "--set", "T=1"])["losses"],
        found["losses"]
    );
    for args in [
        &["--stop-when-sure", "--threshold", "0.9"][..],
        &["--views", "2", "--choose", "vote", "--all-steps"],
    ] {
        place.said("work", &[&["eval", "r.ron"], args].concat(), 0);
    }
    let mut kept: Vec<String> = std::fs::read_dir(place.path("work/runs/r/evaluations"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    kept.sort();
    assert_eq!(kept, ["all-steps", "all-steps,2-views-by-vote", "all-steps,T=1", "stop-when-sure-above-0.9"]);
    // None of it has touched the run's own test.
    assert_eq!(own, (place.read("work/runs/r/evaluation.json"), place.read("work/runs/r/puzzles.csv")));

    let latency = ["eval", "r.ron", "--latency", "--latency-samples", "1"];
    place.said("work", &latency, 0);
    let own = place.read("work/runs/r/latency.json");
    place.said("work", &[&latency[..], &["--set", "T=1"]].concat(), 0);
    assert_eq!(own, place.read("work/runs/r/latency.json"));
    place.read("work/runs/r/evaluations/latency,T=1/latency.json");

    // Comparisons name the protocols, and compare unlike ones only if asked to.
    place.said("work", &["run", "r.ron", "--set", "T=2", "--out", "two"], 0);
    let voted = "runs/r/evaluations/all-steps,2-views-by-vote";
    let refused = place.said("work", &["compare", "two", voted], 3);
    assert!(
        refused.contains("all-steps, 2-views-by-vote") && refused.contains("--across-protocols"),
        "{refused}"
    );
    let shown = place.said("work", &["compare", "two", voted, "--across-protocols"], 0);
    assert!(shown.contains("tested by") && shown.contains("all steps, 3 examples"), "{shown}");
    place.said("work", &["eval", "two", "--all-steps"], 0);
    let shown = place.said("work", &["compare", "two", "runs/r", "--protocol", "all-steps"], 0);
    assert!(!shown.contains("tested in different ways") && !shown.contains("NaN"), "{shown}");
}

#[test]
fn weights_say_what_they_were_trained_with() {
    let place = Place::new();
    place.said("work", &["run", "r.ron", "--set", "T=3"], 0);
    std::fs::copy(place.path("work/runs/r/checkpoint/ema.safetensors"), place.path("work/w.safetensors"))
        .unwrap();
    std::fs::rename(place.path("work/runs/r"), place.path("work/a")).unwrap();
    let found = place.json("work", &["eval", "a", "--all-steps"]);

    for weights in ["a", "w.safetensors", "a/checkpoint/ema.safetensors"] {
        for command in [&["eval", "r.ron"][..], &["solve", "r.ron", &".".repeat(81)]] {
            let refused = place.said("work", &[command, &["--weights", weights]].concat(), 3);
            assert!(refused.contains("set.T: 3 there, 1 here"), "{weights}: {refused}");
        }
        let same =
            place.json("work", &["eval", "r.ron", "--weights", weights, "--set", "T=3", "--all-steps"]);
        assert_eq!(same["losses"], found["losses"], "{weights}");
        let wanted = ["eval", "r.ron", "--weights", weights, "--other-settings", "--all-steps"];
        assert_ne!(place.json("work", &wanted)["losses"], found["losses"], "{weights}");
    }
    // Another model file is another setting.
    let model = std::fs::read_to_string(place.path("work/own/trm.tot")).unwrap();
    std::fs::write(place.path("work/own/trm.tot"), format!("{model}\n// Changed since.\n")).unwrap();
    let refused = place.said("work", &["eval", "r.ron", "--weights", "w.safetensors", "--set", "T=3"], 3);
    assert!(refused.contains("model files (sha256)"), "{refused}");
    // A run's own folder has its own model.
    let again = place.json("work", &["eval", "a", "--all-steps"]);
    assert_eq!(again["losses"], found["losses"]);

    let refused = place.said("work", &["export", "a", "--set", "T=1", "--out", "x.pt"], 3);
    assert!(refused.contains("set.T: 3 there, 1 here"), "{refused}");
    place.said("work", &["export", "a", "--out", "x.pt"], 0);
    place.said("work", &["export", "w.safetensors", "--model", "a", "--out", "y.pt"], 0);
    assert_eq!(place.read("work/x.pt").len(), place.read("work/y.pt").len());
}

#[test]
fn a_folder_that_was_carried_away_is_all_one_needs() {
    let place = Place::new();
    place.said("work", &["run", "r.ron", "--set", "T=3", "--out", "whole"], 0);
    place.said("work", &["run", "r.ron", "--set", "T=3", "--out", "part", "--stop-after", "3"], 0);
    std::fs::create_dir_all(place.path("elsewhere/deep")).unwrap();
    std::fs::rename(place.path("work/part"), place.path("elsewhere/deep/part")).unwrap();
    // The run file and its model are gone, and totc is called from another folder.
    std::fs::remove_file(place.path("work/r.ron")).unwrap();
    std::fs::remove_dir_all(place.path("work/own")).unwrap();

    let said = place.said("elsewhere", &["run", "deep/part"], 2);
    assert!(said.contains("go on with it by --resume"), "{said}");
    place.said("elsewhere", &["run", "deep/part", "--resume"], 0);
    for file in
        ["checkpoint/weights.safetensors", "checkpoint/ema.safetensors", "checkpoint/state.safetensors"]
    {
        let (whole, part) =
            (place.read(&format!("work/whole/{file}")), place.read(&format!("elsewhere/deep/part/{file}")));
        assert!(whole == part, "{file}");
    }
    let numbers = |run: &str| -> Vec<Value> {
        let tests = place.tests(run).into_iter();
        tests.map(|test| serde_json::json!([test["step"], test["metrics"], test["losses"]])).collect()
    };
    assert_eq!(numbers("work/whole"), numbers("elsewhere/deep/part"));
    let puzzle = ".".repeat(81);
    for command in [
        &["eval", "part"][..],
        &["solve", "part", &puzzle],
        &["report", "part"],
        &["export", "part", "--out", "x.pt"],
        &["explain", "part"],
        &["check", "part"],
        &["graph", "part", "--out", "x.svg"],
        &["weights", "part"],
    ] {
        place.said("elsewhere/deep", command, 0);
    }
    // Its library is the one that it used.
    let library = place.path("elsewhere/deep/part/model/std/nets.tot");
    std::fs::write(&library, "net ???").unwrap();
    assert!(place.said("elsewhere/deep", &["eval", "part"], 1).contains("nets.tot"));
    std::fs::copy(place.path("work/whole/model/std/nets.tot"), &library).unwrap();

    // Sent to somebody whose data lie elsewhere: the same rows are the same data, others are not.
    std::fs::rename(place.path("work/data"), place.path("elsewhere/rows")).unwrap();
    std::fs::remove_dir_all(place.path("work")).unwrap();
    let data = |test: &str| format!("data=sudoku_csv(train: \"rows/train.csv\", test: \"rows/{test}.csv\")");
    let rows = String::from_utf8(place.read("elsewhere/rows/test.csv")).unwrap();
    let fewer: Vec<&str> = rows.lines().take(3).collect();
    std::fs::write(place.path("elsewhere/rows/fewer.csv"), fewer.join("\n")).unwrap();
    let longer = ["run", "deep/part", "--resume", "--set", "length=steps(8)", "--set"];
    let refused = place.said("elsewhere", &[&longer[..], &[&data("fewer")]].concat(), 3);
    assert!(refused.contains("`data` was"), "{refused}");
    place.said("elsewhere", &[&longer[..], &[&data("test")]].concat(), 0);
    // From now on its data are known to lie there.
    place.said("elsewhere/deep", &["eval", "part"], 0);
}

#[test]
fn a_complete_run_stays_as_it_is_and_sessions_add_up() {
    let place = Place::new();
    place.said("work", &["run", "r.ron", "--stop-after", "3"], 0);
    let first = place.json("work", &["run", "r.ron", "--resume", "--stop-after", "1"]);
    let second = place.json("work", &["run", "runs/r", "--resume"]);
    let seconds = |value: &Value, name: &str| value[name].as_f64().unwrap();
    assert!(
        seconds(&second, "seconds_in_all")
            > seconds(&first, "seconds_in_all") + 0.5 * seconds(&second, "seconds")
    );
    // One clock for all sessions: no record is earlier than the one before it.
    let times: Vec<f64> = place.log("work/runs/r").iter().map(|record| seconds(record, "seconds")).collect();
    assert!(times.is_sorted(), "{times:?}");

    let (log, evaluation) =
        (place.read("work/runs/r/metrics.jsonl"), place.read("work/runs/r/evaluation.json"));
    let third = place.json("work", &["run", "r.ron", "--resume"]);
    assert_eq!(
        (third["complete"].as_bool(), third["evaluation"].clone()),
        (Some(true), second["evaluation"].clone())
    );
    assert_eq!(log, place.read("work/runs/r/metrics.jsonl"));
    assert_eq!(evaluation, place.read("work/runs/r/evaluation.json"));
    assert_eq!(
        third["seconds_in_all"].as_f64().unwrap().floor(),
        second["seconds_in_all"].as_f64().unwrap().floor()
    );
    let identity: Value = serde_json::from_slice(&place.read("work/runs/r/run.json")).unwrap();
    let sessions: Vec<u64> = identity["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["steps_before"].as_u64().unwrap())
        .collect();
    assert_eq!(sessions, [0, 3, 4]);

    // A file that the user has put there is not written over.
    std::fs::create_dir_all(place.path("work/mine")).unwrap();
    std::fs::write(place.path("work/mine/run.ron"), RUN).unwrap();
    let refused = place.said("work", &["run", "r.ron", "--out", "mine"], 2);
    assert!(refused.contains("mine/run.ron is there already"), "{refused}");
    assert_eq!(place.read("work/mine/run.ron"), RUN.as_bytes());
}

#[test]
fn the_best_test_is_one_and_its_weights_are_kept() {
    let place = Place::new();
    let keep = ["--set", "checkpoints=(keep: (best: 2, by: \"loss.answering\"))"];
    let run = place.json("work", &[&["run", "r.ron"], &keep[..]].concat());
    let tests = place.tests("work/runs/r");
    let loss = |test: &Value| test["losses"]["answering"].as_f64().unwrap();
    let mut ranked: Vec<&Value> = tests.iter().collect();
    ranked.sort_by(|one, other| loss(one).total_cmp(&loss(other)));
    assert_eq!(run["best"]["step"], ranked[0]["step"]);
    let kept: Vec<String> = std::fs::read_dir(place.path("work/runs/r/best"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".safetensors"))
        .collect();
    assert_eq!(kept.len(), 2);
    for test in &ranked[..2] {
        assert!(kept.contains(&format!("step-{}.safetensors", test["step"])), "{kept:?}");
    }
    // They are the weights of that test: all three puzzles, all steps.
    let best = place.json("work", &["eval", "runs/r", "--weights", "best", "--all-steps"]);
    assert_eq!(best["losses"], ranked[0]["losses"]);
    // The terminal and the page say the same.
    let said = place.said("work", &["run", "runs/r", "--resume"], 0);
    assert!(said.lines().any(|line| line.starts_with("best loss.answering")), "{said}");
    place.said("work", &["report", "runs/r"], 0);
    let page = String::from_utf8(place.read("work/runs/r/report.html")).unwrap();
    let last = tests.last().unwrap()["step"].as_u64();
    if ranked[0]["step"].as_u64() != last {
        assert!(page.contains(&format!("best loss.answering, step {}", ranked[0]["step"])));
    }

    // `exact` is 0 from the first test on, so the first one stays the best, and patience ends the run after two more.
    let patient =
        ["run", "r.ron", "--out", "patient", "--set", "length=steps(40)", "--set", "evaluation.patience=2"];
    let ended = place.json("work", &patient);
    assert_eq!((ended["complete"].as_bool(), ended["steps"].as_u64()), (Some(true), Some(6)), "{ended}");
    assert_eq!(ended["best"]["step"], 2);
    let said = place.said("work", &["run", "patient", "--resume"], 0);
    assert!(
        said.contains("nothing was trained or tested") && said.contains("ended early after 6 of 40 steps"),
        "{said}"
    );
    // More patience goes on.
    let longer = ["run", "patient", "--resume", "--set", "evaluation.patience=3"];
    assert!(place.json("work", &longer)["steps"].as_u64() > Some(6));
}

#[test]
fn an_answer_that_nobody_can_judge_is_unknown() {
    let place = Place::new();
    std::fs::write(place.path("work/words.txt"), "to be or not to be that is the question ".repeat(8))
        .unwrap();
    let text = ["--set", "data=text(path: \"words.txt\", length: 16)", "--set", "model=own/trm.tot"];
    place.said("work", &[&["run", "r.ron"], &text[..]].concat(), 0);
    let said = place.said("work", &["solve", "runs/r", "to be or"], 0);
    assert!(said.contains("unknown whether it is right") && !said.contains("solved"), "{said}");
    assert_eq!(place.json("work", &["solve", "runs/r", "to be or"])["valid"], Value::Null);
}

#[test]
fn what_a_model_does_not_do_is_not_told_as_a_number() {
    let place = Place::new();
    // A tree of one thought has nothing to compare: no similarity, in no log and no table.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/totrm.tot");
    let model = format!("model={}", root.display());
    let tree = ["run", "r.ron", "--set", &model, "--set", "name=TreeTrm"];
    for (branchings, there) in [("branchings=0", false), ("branchings=1", true)] {
        let out = format!("tree-{branchings}");
        let run = place.json("work", &[&tree[..], &["--set", branchings, "--out", &out]].concat());
        assert_eq!(run["evaluation"]["metrics"].get("similarity").is_some(), there, "{run}");
        let logged = place
            .log(&format!("work/{out}"))
            .iter()
            .any(|record| record["metrics"].get("similarity").is_some());
        assert_eq!(logged, there);
    }
    // A model that never halts is not called unsure.
    std::fs::write(
        place.path("work/never.tot"),
        "use trm::Trm\n\n/// Runs all its steps.\nmodel Never extends Trm {\n    halt never, at most max_steps steps\n}\n",
    )
    .unwrap();
    std::fs::copy(place.path("work/own/trm.tot"), place.path("work/trm.tot")).unwrap();
    let never = ["run", "r.ron", "--set", "model=never.tot", "--set", "name=Never", "--out", "never"];
    place.said("work", &never, 0);
    let said = place.said("work", &["eval", "never"], 0)
        + &place.said("work", &["solve", "never", &".".repeat(81)], 0);
    place.said("work", &["report", "never"], 0);
    let page = String::from_utf8(place.read("work/never/report.html")).unwrap();
    assert!(
        !said.contains("halting condition")
            && !said.contains("halting accuracy")
            && !said.contains("would have stopped")
            && !page.contains("never sure"),
        "{said}"
    );
}
