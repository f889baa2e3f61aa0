//! The ARC scorer on predictions whose score was computed by hand, or by the reference's own evaluator.

mod arc_sources;
#[cfg(feature = "torch")]
#[path = "compile/mod.rs"]
mod compile;

use std::path::Path;

use arc_sources::golden;
use indexmap::IndexMap;
use totc::data::arc::files::Pair;
use totc::data::arc::{ArcScore, Grid, Identifiers, Scorer, TestSet, TestTask};
use totc::data::{self, DataSpec};

fn grid(text: &str) -> Grid {
    let lines: Vec<Vec<u8>> =
        text.split('|').map(|row| row.bytes().map(|digit| digit - b'0').collect()).collect();
    Grid::from_lines(&lines).unwrap()
}

fn tokens(text: &str) -> Vec<i64> {
    grid(text).tokens().into_iter().map(i64::from).collect()
}

fn pair(input: &str, output: &str) -> Pair {
    Pair { input: grid(input), output: Some(grid(output)) }
}

/// Task `a` with one test input, task `b` with three; each asked under two identifiers. Identifiers: 1 `a`, 2 a copy of
/// `a` by t4 (mirror left-right) and colours 1 and 2 exchanged, 3 `b`, 4 a copy of `b` by t1 (quarter turn
/// counter-clockwise).
fn two_tasks() -> TestSet {
    let names =
        ["<blank>", "a", "a|||t4|||0213456789", "b", "b|||t1|||0123456789"].map(str::to_owned).to_vec();
    TestSet {
        identifiers: Identifiers::from_names(&names).unwrap(),
        tasks: vec![
            TestTask {
                name: "a".to_owned(),
                demonstrations: Vec::new(),
                tests: vec![pair("12|34", "56|78")],
                copies: 2,
            },
            TestTask {
                name: "b".to_owned(),
                demonstrations: Vec::new(),
                tests: vec![pair("1", "11"), pair("2", "22"), pair("3", "33")],
                copies: 2,
            },
        ],
    }
}

/// Scores predictions: identifier, input and answer as they are under that identifier, confidence.
fn score(set: &TestSet, predictions: &[(i64, &str, &str, f64)]) -> ArcScore {
    let mut scorer = Scorer::new(set);
    for (identifier, input, answer, confidence) in predictions {
        scorer.see(*identifier, &tokens(input), &tokens(answer), *confidence);
    }
    scorer.finish()
}

fn pass(score: &ArcScore) -> Vec<f64> {
    assert!(score.pass.keys().eq(&[1, 2, 5, 10, 100, 1000]));
    score.pass.values().map(|value| (value * 1e9).round() / 1e9).collect()
}

/// Every prediction is right. Under identifier 2, input 12|34 is recoloured 21|34 and mirrored 12|43; the answer 56|78
/// has neither colour, mirrored 65|87. Under identifier 4, a row `xx` becomes a column.
const ALL_RIGHT: [(i64, &str, &str, f64); 8] = [
    (1, "12|34", "56|78", 0.9),
    (2, "12|43", "65|87", 0.9),
    (3, "1", "11", 0.9),
    (3, "2", "22", 0.9),
    (3, "3", "33", 0.9),
    (4, "1", "1|1", 0.9),
    (4, "2", "2|2", 0.9),
    (4, "3", "3|3", 0.9),
];

#[test]
fn all_right() {
    let score = score(&two_tasks(), &ALL_RIGHT);
    assert_eq!(pass(&score), [1.0; 6]);
    assert_eq!(score.warnings(), Vec::<String>::new());
    let right = |grid: Vec<Vec<u8>>| {
        IndexMap::from([("attempt_1".to_owned(), grid.clone()), ("attempt_2".to_owned(), grid)])
    };
    let expected = IndexMap::from([
        ("a".to_owned(), vec![right(vec![vec![5, 6], vec![7, 8]])]),
        ("b".to_owned(), vec![right(vec![vec![1, 1]]), right(vec![vec![2, 2]]), right(vec![vec![3, 3]])]),
    ]);
    assert_eq!(score.submission, expected, "the only answer is both attempts");
}

#[test]
fn all_wrong() {
    let wrong: Vec<_> = ALL_RIGHT.iter().map(|(id, input, _, sure)| (*id, *input, "9", *sure)).collect();
    let score = score(&two_tasks(), &wrong);
    assert_eq!(pass(&score), [0.0; 6]);
    assert_eq!(score.warnings(), Vec::<String>::new());
    assert!(score.inputs.iter().all(|input| input.rank.is_none() && input.votes == 2 && input.answers == 1));
}

/// `a`: one vote each for a wrong answer (0.3) and the right one (0.6): the right one is first by confidence.
/// `b` #1: wrong 0.8, right 0.7: second. `b` #2: two votes for a wrong answer of confidence 0.1 each beat none for the
/// right one: not found. `b` #3: equal votes and confidence: what came first, the right one, stays first.
/// pass@1 = (1 + (0 + 0 + 1)/3) / 2 = 2/3; pass@2 and up = (1 + (1 + 0 + 1)/3) / 2 = 5/6.
#[test]
fn confidence_decides_between_equal_votes() {
    let predictions = [
        (1, "12|34", "9", 0.3),
        (2, "12|43", "65|87", 0.6),
        (3, "1", "4", 0.8),
        (4, "1", "1|1", 0.7),
        (3, "2", "5", 0.1),
        (4, "2", "5", 0.1),
        (3, "3", "33", 0.5),
        (4, "3", "6", 0.5),
    ];
    let score = score(&two_tasks(), &predictions);
    let (one, two) = (0.666_666_667, 0.833_333_333);
    assert_eq!(pass(&score), [one, two, two, two, two, two]);
    let ranks: Vec<Option<usize>> = score.inputs.iter().map(|input| input.rank).collect();
    assert_eq!(ranks, [Some(1), Some(2), None, Some(1)]);
    assert_eq!(score.submission["b"][0]["attempt_1"], [[4]]);
    assert_eq!(score.submission["b"][0]["attempt_2"], [[1, 1]]);
}

/// Many votes beat much confidence, and the mean counts, not the sum: with identifiers of their own, `c` gets two votes of
/// 0.1 for the right answer and one of 0.9 for a wrong one; pass@1 is 1.
#[test]
fn votes_come_before_confidence() {
    let names = ["<blank>", "c", "c|||t2|||0123456789", "c|||t4|||0123456789"].map(str::to_owned).to_vec();
    let set = TestSet {
        identifiers: Identifiers::from_names(&names).unwrap(),
        tasks: vec![TestTask {
            name: "c".to_owned(),
            demonstrations: Vec::new(),
            tests: vec![pair("12", "7")],
            copies: 3,
        }],
    };
    let predictions = [(1, "12", "8", 0.9), (2, "21", "7", 0.1), (3, "21", "7", 0.1)];
    assert_eq!(pass(&score(&set, &predictions)), [1.0; 6]);
    // One vote each: 0.9 against a mean of 0.1.
    assert_eq!(pass(&score(&set, &predictions[..2])), [0.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
}

/// `a` right, `b` right in two of three: (1 + 2/3) / 2 = 5/6.
#[test]
fn two_of_three_test_inputs() {
    let mut predictions = ALL_RIGHT;
    (predictions[4].2, predictions[7].2) = ("9", "9");
    assert_eq!(pass(&score(&two_tasks(), &predictions)), [0.833_333_333; 6]);
}

/// The right answer has fewer votes than the other two answers: third, so pass@2 fails and pass@5 holds.
#[test]
fn the_place_of_the_right_answer_decides() {
    let names: Vec<String> = std::iter::once("<blank>".to_owned())
        .chain(
            ["0123456789", "0213456789", "0321456789", "0423156789", "0523416789"]
                .map(|colours| format!("d|||t2|||{colours}")),
        )
        .collect();
    let set = TestSet {
        identifiers: Identifiers::from_names(&names).unwrap(),
        tasks: vec![TestTask {
            name: "d".to_owned(),
            demonstrations: Vec::new(),
            tests: vec![pair("0", "7")],
            copies: 5,
        }],
    };
    let predictions =
        [(1, "0", "8", 0.5), (2, "0", "8", 0.5), (3, "0", "9", 0.5), (4, "0", "9", 0.5), (5, "0", "7", 1.0)];
    let score = score(&set, &predictions);
    assert_eq!(pass(&score), [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
    assert_eq!(score.inputs[0].rank, Some(3));
}

#[test]
fn a_duplicate_votes_once_and_is_told() {
    // Identifier 1 says the wrong answer three times; identifier 2 the right one once, with more confidence.
    let predictions =
        [(1, "12|34", "9", 0.2), (1, "12|34", "9", 0.2), (1, "12|34", "9", 0.2), (2, "12|43", "65|87", 0.6)];
    let mut all = predictions.to_vec();
    all.extend(&ALL_RIGHT[2..]);
    let score = score(&two_tasks(), &all);
    assert_eq!(pass(&score), [1.0; 6]);
    assert_eq!((score.predictions.counted, score.predictions.duplicates), (8, 2));
    assert_eq!(
        score.warnings(),
        ["2 predictions came twice for the same copy and test input; the first one counts"]
    );
}

#[test]
fn what_is_missing_counts_as_wrong_and_is_told() {
    // Nothing for `b` #3: (1 + 2/3) / 2 = 5/6.
    let predictions: Vec<_> = ALL_RIGHT.into_iter().filter(|(_, input, ..)| *input != "3").collect();
    let score = score(&two_tasks(), &predictions);
    assert_eq!(pass(&score), [0.833_333_333; 6]);
    assert_eq!(
        score.warnings(),
        [
            "2 of 8 predictions are missing (6 came); test inputs without one count as wrong",
            "1 of 4 test inputs have no vote: b #3",
        ]
    );
    let empty = IndexMap::from(["attempt_1", "attempt_2"].map(|name| (name.to_owned(), vec![vec![0]])));
    assert_eq!(score.submission["b"][2], empty, "the place of the third input is kept");
}

/// The trap of scores that are silently near zero: identifiers of another build, so that undoing the augmentation gives
/// inputs that no task has.
#[test]
fn predictions_that_match_nothing_are_told() {
    let mut shifted = ALL_RIGHT.to_vec();
    shifted[1].0 = 1; // asked under identifier 2, said to be 1
    shifted[3].0 = 9;
    shifted.push((0, "1", "1", 0.5));
    let score = score(&two_tasks(), &shifted);
    let found = &score.predictions;
    assert_eq!((found.counted, found.unmatched, found.foreign, found.blank), (6, 1, 1, 1));
    let warnings = score.warnings().join("\n");
    assert!(warnings.contains("1 predictions answer no test input"), "{warnings}");
    assert!(warnings.contains("(such as a)"), "{warnings}");
    assert!(warnings.contains("1 predictions have an identifier that is of no tested task"), "{warnings}");
}

/// Answers that hold no grid vote, as the reference has it, and are told where they are many.
#[test]
fn answers_without_a_grid() {
    let set = two_tasks();
    let mut scorer = Scorer::new(&set);
    for (identifier, input, ..) in ALL_RIGHT {
        scorer.see(identifier, &tokens(input), &[0; 900], 0.5);
    }
    let score = scorer.finish();
    assert_eq!(pass(&score), [0.0; 6]);
    assert!(score.warnings()[0].starts_with("8 of 8 predictions hold no grid"));
    assert_eq!(score.submission["a"][0]["attempt_1"], [[0]]);
}

#[test]
fn unknown_answers_are_not_scored() {
    let mut set = two_tasks();
    set.tasks[1].tests.iter_mut().for_each(|pair| pair.output = None);
    let score = score(&set, &ALL_RIGHT);
    assert_eq!((pass(&score), score.tasks), (vec![1.0; 6], 1));
    assert_eq!(score.warnings(), ["3 test inputs have no known answer and are not scored: b, b, b"]);
}

/// 146 of 168 predictions on ten tasks of ARC-AGI-1 and eleven copies of each, the score and submission of the
/// reference's `evaluators/arc.py` (see `tests/golden/data/README.md`). The reference leaves out test inputs without a
/// prediction, which moves the ones behind them to the wrong place.
#[test]
fn equals_the_reference() {
    let settings =
        r#"arc(from: "arc-score-src", subsets: ["evaluation"], test: "evaluation", augmentations: 11)"#;
    let spec: DataSpec = ron::from_str(settings).unwrap();
    let data = data::open(&spec, Path::new(arc_sources::FOLDER)).unwrap();
    let set = data.arc().unwrap();
    let golden: serde_json::Value = serde_json::from_slice(&golden("arc-score.json.gz")).unwrap();
    let mut scorer = Scorer::new(set);
    for prediction in golden["predictions"].as_array().unwrap() {
        let example = data.test_example(prediction[0].as_u64().unwrap() as usize).unwrap();
        let confidence = 1.0 / (1.0 + (-prediction[1].as_f64().unwrap()).exp());
        let mut answer = vec![0; 900];
        for (row, line) in prediction[2].as_str().unwrap().split('/').enumerate() {
            for (column, token) in line.bytes().enumerate() {
                answer[row * 30 + column] = i64::from(token - b'a');
            }
        }
        scorer.see(example.puzzle, &example.inputs, &answer, confidence);
    }
    let score = scorer.finish();
    // Shares of float64, added in another order: some ten roundings of 1e-16, with room.
    for (attempts, value) in &score.pass {
        let expected = golden["pass"][format!("pass@{attempts}")].as_f64().unwrap();
        assert!((value - expected).abs() < 1e-12, "pass@{attempts}: {value} instead of {expected}");
    }
    for (task, attempts) in golden["submission"].as_object().unwrap() {
        let ours: Vec<_> = score
            .inputs
            .iter()
            .filter(|input| input.task == *task)
            .filter(|input| input.votes > 0)
            .map(|input| &score.submission[task][input.test])
            .collect();
        let text = serde_json::to_string(attempts).unwrap().replace(":[]", ":[[0]]");
        let expected: Vec<IndexMap<String, Vec<Vec<u8>>>> = serde_json::from_str(&text).unwrap();
        assert_eq!(ours, expected.iter().collect::<Vec<_>>(), "{task}");
    }
    assert_eq!((score.predictions.counted, score.predictions.expected), (146, 168));
    assert_eq!(score.warnings().len(), 2, "{:?}", score.warnings());
}

/// An evaluation by a model that answers with the question: right on tasks that copy, wrong on others.
#[cfg(feature = "torch")]
mod evaluation {
    use super::*;
    use tch::Device;
    use totc::Values;
    use totc::exec::{Executable, Weights};
    use totc::ir::Mode;
    use totc::train::{ArcObserver, Graded, Protocol, SupervisionStep, evaluate_observed, untrained};

    /// `copy` asks for a copy of its two test inputs; `half` for a copy of one of two; `other` for something else.
    const TASKS: &str = r#"{
        "copy": {"train": [{"input": [[1]], "output": [[1]]}],
                 "test": [{"input": [[1, 2], [3, 4]], "output": [[1, 2], [3, 4]]}, {"input": [[5]], "output": [[5]]}]},
        "half": {"train": [{"input": [[1, 2]], "output": [[1, 2]]}],
                 "test": [{"input": [[1, 2, 3]], "output": [[1, 2, 3]]}, {"input": [[4, 5]], "output": [[4]]}]},
        "other": {"train": [{"input": [[1, 2]], "output": [[2, 1]]}],
                  "test": [{"input": [[6, 7, 8]], "output": [[8, 7, 6]]}]}
    }"#;

    fn executable(batch: usize, tasks: usize) -> Executable {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/arc_score/echo.tot");
        let sizes = [("batch", batch), ("cell", 900), ("symbol", 12), ("task", tasks)];
        let bindings = compile::bindings(Mode::Evaluation, &sizes, &[]);
        let program = compile::file(&file, &bindings, Values::Dropped);
        Executable::new(program, Device::Cpu).unwrap()
    }

    /// pass@K: `copy` 1, `half` 1/2, `other` 0, so the mean is 1/2; whatever the batch, and from no votes each time. All
    /// of a task's copies agree once their augmentations are undone, so there is one answer with four votes.
    #[test]
    fn every_answer_is_seen_and_its_augmentation_undone() {
        let folder = tempfile::TempDir::new().unwrap();
        std::fs::write(folder.path().join("x_challenges.json"), TASKS).unwrap();
        let settings = r#"arc(from: "", subsets: "x", test: "x", augmentations: 3)"#;
        let spec: DataSpec = ron::from_str(settings).unwrap();
        let data = data::open(&spec, folder.path()).unwrap();
        let set = data.arc().unwrap();
        for batch in [1, 7, 20] {
            let tasks = data.sizes().task;
            let model = Graded::new(batch, |rows| Ok::<_, ()>(executable(rows, tasks))).unwrap();
            let infos = &model.program().weights;
            let weights = Weights::init(infos, 0, Device::Cpu);
            let mut observer = ArcObserver::new(set);
            evaluate_observed(&model, &weights, data.as_ref(), &Protocol::default(), Some(&mut observer))
                .unwrap();
            let score = observer.finish();
            assert_eq!(pass(&score), [0.5; 6], "batch {batch}");
            assert_eq!((score.predictions.counted, score.warnings()), (20, Vec::new()));
            for input in &score.inputs {
                assert_eq!((input.votes, input.answers, input.top_votes), (4, 1, 4));
                assert!(input.top_confidence > 0.0 && input.top_confidence <= 1.1);
            }
            assert_eq!(score.submission["other"][0]["attempt_1"], [[6, 7, 8]]);
            // Three tasks under four identifiers each, all of whose vectors are zero.
            assert_eq!(untrained(set, &weights, infos).unwrap(), Some((12, 12)));
            let table = infos.iter().find(|info| info.path.starts_with("prompt")).unwrap();
            let _ = weights.get(&table.path).unwrap().get(2).fill_(0.5);
            assert_eq!(untrained(set, &weights, infos).unwrap(), Some((11, 12)));
        }
    }
}
