//! totc as a library: a run driven from Rust is what `totc run` does, stops when asked, goes on bit for bit, and refuses
//! what it must with typed errors.

#![cfg(feature = "torch")]

#[path = "../examples/train_a_model.rs"]
mod train_a_model;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use totc::run_file::{self, RunFile};
use totc::train::run::{RunError, RunObserver, RunOptions, RunStart, run};
use totc::train::{EvaluationReport, Identity, MetricsKind, MetricsLog, StepMetrics};

/// A run of six steps; relative paths start at `examples/`.
fn file(out: &Path, sets: &[&str]) -> RunFile {
    let text = r#"(
        model: "../models/trm.tot",
        set: { "hidden": 16, "heads": 2, "T": 2, "n": 1 },
        phases: [(from: 3, set: { "n": 2 })],
        data: sudoku(side: 4, train: 20, test: 6, seed: 1),
        batch: 4,
        length: steps(6),
        schedule: (warmup: 2),
        evaluation: (every: Some(2)),
        checkpoints: (every: None),
    )"#;
    let mut all = vec![format!("out={:?}", out.display().to_string())];
    all.extend(sets.iter().map(|set| (*set).to_owned()));
    let place = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/six-steps.ron"));
    run_file::parse(&place, text, &all).unwrap()
}

/// Notes what it sees, and asks to stop after a step.
#[derive(Default)]
struct Notes {
    events: Vec<String>,
    losses: Vec<f64>,
    stop: AtomicBool,
    stop_at: Option<u64>,
}

impl RunObserver for &mut Notes {
    fn started(&mut self, start: &RunStart) {
        self.events.push(format!("started {} of {}", start.steps_done, start.steps_in_all));
    }

    fn stepped(&mut self, metrics: &StepMetrics) {
        assert_eq!(metrics.rows, 4);
        self.losses.push(metrics.loss);
        self.stop.fetch_or(self.stop_at == Some(metrics.step), Ordering::SeqCst);
    }

    fn phase_began(&mut self, step: u64) {
        self.events.push(format!("phase {step}"));
    }

    fn tested(&mut self, step: u64, report: &EvaluationReport) {
        self.events.push(format!("tested {step} on {}", report.examples));
    }

    fn saved(&mut self, step: u64, folder: &Path) {
        assert!(folder.join("weights.safetensors").exists());
        self.events.push(format!("saved {step}"));
    }
}

fn options(resume: bool) -> RunOptions {
    let mut options = RunOptions { resume, ..RunOptions::default() };
    options.machine.device = "cpu".to_owned();
    options
}

#[test]
fn an_observer_sees_every_event_in_order_and_the_folder_holds_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut notes = Notes::default();
    let outcome =
        run(&file(folder.path(), &[]), &options(false), &mut &mut notes, &AtomicBool::new(false)).unwrap();
    assert_eq!(
        notes.events,
        // Before the last test, in case it fails, and after it, so that a second call has nothing left to do.
        [
            "started 0 of 6",
            "tested 2 on 6",
            "phase 3",
            "tested 4 on 6",
            "saved 6",
            "tested 6 on 6",
            "saved 6"
        ]
    );
    assert!(outcome.complete() && outcome.weights.exists());
    assert_eq!((outcome.steps_before, outcome.steps_done, outcome.steps_in_all), (0, 6, 6));
    assert_eq!(outcome.tests.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [2, 4, 6]);
    let log = MetricsLog::read(folder.path()).unwrap();
    let tests = log.iter().filter(|record| record.kind == MetricsKind::Test).map(|record| record.step);
    assert_eq!(tests.collect::<Vec<_>>(), [2, 4, 6]);
    assert_eq!(Identity::read(folder.path()).unwrap().unwrap().about.unwrap().parameters, outcome.parameters);
    for name in ["run.ron", "evaluation.json", "puzzles.csv"] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
}

#[test]
fn a_run_that_is_stopped_goes_on_as_if_it_had_not_been() {
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut all = Notes::default();
    run(&file(whole.path(), &[]), &options(false), &mut &mut all, &AtomicBool::new(false)).unwrap();
    // By the flag, then by a number of steps, then to the end.
    let mut losses = Vec::new();
    let never = AtomicBool::new(false);
    let flag = std::sync::Arc::new(AtomicBool::new(false));
    struct Stopper(std::sync::Arc<AtomicBool>, Vec<f64>);
    impl RunObserver for Stopper {
        fn stepped(&mut self, metrics: &StepMetrics) {
            self.1.push(metrics.loss);
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let mut stopper = Stopper(flag.clone(), Vec::new());
    let outcome = run(&file(parts.path(), &[]), &options(false), &mut stopper, &flag).unwrap();
    assert!(!outcome.complete());
    assert_eq!(outcome.steps_done, 1);
    losses.extend(stopper.1);
    for stop_after in [Some(3), None] {
        let mut notes = Notes::default();
        let options = RunOptions { stop_after, ..options(true) };
        let outcome = run(&file(parts.path(), &[]), &options, &mut &mut notes, &never).unwrap();
        assert_eq!(outcome.complete(), stop_after.is_none());
        losses.extend(notes.losses);
    }
    assert_eq!(losses, all.losses);
    let read = |folder: &Path| std::fs::read(folder.join("checkpoint/weights.safetensors")).unwrap();
    assert!(read(whole.path()) == read(parts.path()), "the weights differ");
}

#[test]
fn refusals_are_typed() {
    let folder = tempfile::tempdir().unwrap();
    let never = AtomicBool::new(false);
    let stopped = RunOptions { stop_after: Some(1), ..options(false) };
    run(&file(folder.path(), &[]), &stopped, &mut (), &never).unwrap();
    let again = run(&file(folder.path(), &[]), &options(false), &mut (), &never);
    assert!(matches!(again, Err(RunError::Occupied(_))));
    let other = run(&file(folder.path(), &["seed=1"]), &options(true), &mut (), &never);
    assert!(matches!(&other, Err(RunError::OtherRun(what)) if what.contains("`seed` was 0")), "{other:?}");
    let mistaken = run(&file(&folder.path().join("b"), &["widht=3"]), &options(false), &mut (), &never);
    assert!(matches!(&mistaken, Err(RunError::Compile(_))), "{mistaken:?}");
    let mut nowhere = options(false);
    nowhere.machine.device = "tpu".to_owned();
    let nowhere = run(&file(&folder.path().join("c"), &[]), &nowhere, &mut (), &never);
    assert!(matches!(&nowhere, Err(RunError::Machine(_))), "{nowhere:?}");
}

#[test]
fn the_example_trains() {
    let folder = tempfile::tempdir().unwrap();
    let few = ["length=steps(4)", "evaluation.every=2", "data.train=20", "data.test=8"];
    let curve = train_a_model::train(folder.path(), &few).unwrap();
    assert_eq!(curve.0.len(), 2);
    assert!(curve.0.iter().all(|solved| (0.0..=1.0).contains(solved)));
}
