//! A run that never was: a log by formulas, and answers to three 4x4 Sudokus with known mistakes.

pub mod browser;

use std::path::Path;

use indexmap::IndexMap;
use totc::data::{DataSpec, Dataset};
use totc::report::page::{Guess, Moment, Page, PuzzleRow, Thinking, Thought};
use totc::train::{MetricsKind, MetricsRecord};

pub struct Fixture {
    pub model: String,
    pub log: Vec<MetricsRecord>,
    pub puzzles: Vec<PuzzleRow>,
    pub data: Box<dyn Dataset>,
    pub watched: Vec<Thinking>,
}

const DATA: &str = "sudoku(side: 4, train: 20, test: 10, givens: (6, 6))";

impl Fixture {
    pub fn new() -> Fixture {
        let spec: DataSpec = ron::from_str(DATA).unwrap();
        let data = totc::data::open(&spec, Path::new("")).unwrap();
        // Mistakes that are left after each step.
        let watched = [[5, 2, 0], [4, 3, 1], [1, 0, 0]];
        let watched =
            watched.iter().enumerate().map(|(at, left)| thinking(data.as_ref(), at, left)).collect();
        let row = |at: u32| PuzzleRow {
            rating: Some(f64::from(at % 3)),
            values: [("steps", 2.0), ("halted", 1.0), ("exact", f64::from(at % 2))]
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
        };
        Fixture { model: "ToTrm".to_owned(), log: log(), puzzles: (0..10).map(row).collect(), data, watched }
    }

    pub fn html(&self) -> String {
        let page = Page {
            model: self.model.clone(),
            standing: "finished after 1,500 steps".to_owned(),
            facts: vec![("data".to_owned(), self.data.describe()), ("parameters".to_owned(), "1,234".to_owned())],
            command: Some("totc run examples/tot-sudoku4.ron".to_owned()),
            settings: vec![("batch".to_owned(), "64".to_owned())],
            run_file: "Run(\n    model: \"m.tot\",\n)\n".to_owned(),
            log: self.log.clone(),
            evaluation: Some(serde_json::json!({
                "protocol": "all steps", "metrics": { "accuracy": 0.95, "exact": 0.7 }, "steps_used": 3.0, "seconds": 2.5,
                "by_step": [{ "accuracy": 0.5, "exact": 0.1 }, { "accuracy": 0.9, "exact": 0.5 }, { "accuracy": 0.95, "exact": 0.7 }],
                "stop_when_sure": { "metrics": { "accuracy": 0.94, "exact": 0.7 }, "steps_used": 1.5, "seconds": 1.25 },
            })),
            puzzles: self.puzzles.clone(),
            rating_name: "guesses".to_owned(),
            drawing: "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"60\" role=\"img\"><title>m</title></svg>"
                .to_owned(),
            data: self.data.as_ref(),
            watched: self.watched.clone(),
            chosen: totc::report::page::choose(&self.watched, 9, self.data.as_ref()),
            tree: vec![2],
            arc: None,
            unseen: None,
            halts: true,
            evaluations: Vec::new(),
            best_by: None,
        };
        page.render().unwrap()
    }

    /// The cell that is still wrong at the end of the second puzzle.
    pub fn wrong_cell(&self) -> usize {
        let thinking = &self.watched[1];
        let last = &thinking.steps[2].answer.tokens;
        (0..16).find(|at| last[*at] != thinking.label[*at]).unwrap()
    }

    pub fn is_given(&self, puzzle: usize, cell: usize) -> bool {
        self.watched[puzzle].given[cell] != 1
    }
}

/// 30 records of training and 6 tests; the loss of step 500 is not finite.
fn log() -> Vec<MetricsRecord> {
    let named = |values: &[(&str, f64)]| -> IndexMap<String, f64> {
        values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    };
    let entry = |kind: MetricsKind, step: u64, shift: f64| {
        let time = step as f64 / 1500.0;
        let loss = if kind == MetricsKind::Train && step == 500 {
            f64::NAN
        } else {
            2.0 - 1.5 * (time - 1.0 / 30.0) + shift
        };
        let mut losses = named(&[("answering", 0.8 * loss), ("halting", 0.2 * loss)]);
        if kind == MetricsKind::Train {
            losses.extend(named(&[("total", loss)]));
        }
        MetricsRecord {
            kind,
            step,
            seconds: step as f64 / 10.0,
            lr: 1e-3 * (1.0 - 0.9 * time),
            losses,
            metrics: named(&[
                ("accuracy", 0.3 + 0.6 * time),
                ("exact", (0.9 * time * time - shift).max(0.0)),
            ]),
            steps_used: Some(4.0 - 2.0 * time),
            gradient_norm: (kind == MetricsKind::Train).then_some(3.0 / (1.0 + 5.0 * time)),
            ..MetricsRecord::default()
        }
    };
    let steps = (50..=1500).step_by(50);
    steps
        .flat_map(|step| {
            let test = (step % 250 == 0).then(|| entry(MetricsKind::Test, step, 0.2));
            std::iter::once(entry(MetricsKind::Train, step, 0.0)).chain(test)
        })
        .collect()
}

/// Answers with `left[k]` mistakes after step `k + 1`, in the first open cells, each off by one digit.
fn thinking(data: &dyn Dataset, index: usize, left: &[usize]) -> Thinking {
    let example = data.test_example(index).unwrap();
    let open: Vec<usize> = (0..16).filter(|at| example.inputs[*at] == 1).collect();
    let answer = |mistakes: usize, sure: f64| {
        let mut tokens = example.labels.clone();
        for at in &open[..mistakes] {
            tokens[*at] = (tokens[*at] - 1) % 4 + 2;
        }
        Guess { tokens, probabilities: vec![sure; 16] }
    };
    let moment = |(at, mistakes): (usize, &usize)| Moment {
        answer: answer(*mistakes, 0.992),
        confidence: Some(0.2 + 0.3 * at as f64),
        thoughts: vec![
            Thought { answer: answer(mistakes + 1, 0.6), weight: Some(0.25) },
            Thought { answer: answer(*mistakes, 0.8), weight: Some(0.75) },
        ],
        similarity: vec![vec![1.0, 0.9 - 0.1 * at as f64], vec![0.9 - 0.1 * at as f64, 1.0]],
    };
    Thinking {
        index,
        rating: Some(3.0),
        given: example.inputs.clone(),
        label: example.labels.clone(),
        steps: left.iter().enumerate().map(moment).collect(),
        halted_at: Some(2),
    }
}
