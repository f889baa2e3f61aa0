//! Evaluation of models whose answers are known by hand: who halts when, which answer counts, what noise each sample
//! gets, and what choosing among several answers gives.
#![cfg(feature = "torch")]

#[path = "compile/mod.rs"]
mod compile;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tch::Device;
use totc::Values;
use totc::data::{DataError, Dataset, Example, Fault, Mark, NO_LABEL, Sizes, Verdict, View};
use totc::exec::{Executable, Weights};
use totc::ir::Mode;
use totc::model::Bindings;
use totc::train::{
    AnswerObserver, Choose, EvaluationReport, Graded, ObservedAnswer, Protocol, Stop, SupervisionStep,
    TrainError,
};

/// libtorch has one generator for the process, so tests that draw at the same time would disturb one another.
static DRAWS: Mutex<()> = Mutex::new(());

fn evaluate(
    step: &dyn SupervisionStep,
    weights: &Weights,
    data: &dyn Dataset,
    protocol: &Protocol,
) -> Result<EvaluationReport, TrainError> {
    evaluate_observed(step, weights, data, protocol, None)
}

fn evaluate_observed(
    step: &dyn SupervisionStep,
    weights: &Weights,
    data: &dyn Dataset,
    protocol: &Protocol,
    observer: Option<&mut dyn AnswerObserver>,
) -> Result<EvaluationReport, TrainError> {
    let _alone = DRAWS.lock().unwrap_or_else(PoisonError::into_inner);
    totc::train::evaluate_observed(step, weights, data, protocol, observer)
}

const CELLS: usize = 4;
const SYMBOLS: usize = 8;

fn executable(model: &str, batch: usize) -> Executable {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/evaluation/halts.tot");
    let sizes = [("batch", batch), ("cell", CELLS), ("symbol", SYMBOLS)];
    let bindings =
        Bindings { model: Some(model.to_owned()), ..compile::bindings(Mode::Evaluation, &sizes, &[]) };
    let program = compile::file(&file, &bindings, Values::Dropped);
    Executable::new(program, Device::Cpu).unwrap()
}

fn graded(model: &str, batch: usize) -> Graded {
    Graded::new(batch, |rows| Ok::<_, ()>(executable(model, rows))).unwrap()
}

/// Example `i` asks to halt at `at[i]` and has the answer `right[i]` in every cell.
struct Asked {
    at: Vec<i64>,
    right: Vec<i64>,
    /// The answer that the rules of the puzzle allow, where it has any.
    lawful: Option<i64>,
}

impl Asked {
    fn new() -> Asked {
        // 3 has no label; 6 and 7 never halt before the last step.
        let at = vec![1, 3, 2, 2, 5, 1, 6, 7, 4, 1, 2];
        let right = vec![1, 3, 4, NO_LABEL, 5, 2, 6, 6, 4, 6, 2];
        Asked { at, right, lawful: None }
    }
}

impl Dataset for Asked {
    fn sizes(&self) -> Sizes {
        Sizes { cell: CELLS, symbol: SYMBOLS, task: 1 }
    }
    fn train_len(&self) -> usize {
        1
    }
    fn test_len(&self) -> usize {
        self.at.len()
    }
    fn train_example(&self, _: u64, _: u64) -> Example {
        self.test_example(0).unwrap()
    }
    fn test_example(&self, i: usize) -> Option<Example> {
        let inputs = vec![*self.at.get(i)?, 2, 3, 5];
        Some(Example { inputs, labels: vec![self.right[i]; CELLS], puzzle: 0 })
    }
    fn rating(&self, i: usize) -> Option<f64> {
        self.at.get(i).map(|at| *at as f64)
    }
    /// View `k` is turned round `k` cells.
    fn view(&self, example: &Example, k: u64) -> Option<View> {
        let k = k as usize % CELLS;
        let turn = move |cells: &[i64], by: usize| [&cells[by..], &cells[..by]].concat();
        let (inputs, labels) = (turn(&example.inputs, k), turn(&example.labels, k));
        let undo = Box::new(move |answer: &[i64]| turn(answer, (CELLS - k) % CELLS));
        Some(View { example: Example { inputs, labels, puzzle: 0 }, undo })
    }
    fn describe(&self) -> String {
        "questions that say when to halt".into()
    }
    fn parse_puzzle(&self, _: &str) -> Result<Example, DataError> {
        Ok(self.test_example(0).unwrap())
    }
    fn render_styled(&self, _: &[i64], _: &[i64], _: &dyn Fn(Mark, &str) -> String) -> String {
        String::new()
    }
    fn has_rules(&self) -> bool {
        self.lawful.is_some()
    }
    fn validate(&self, _: &[i64], answer: &[i64]) -> Verdict {
        let wrong = |cell: &usize| Some(answer[*cell]) != self.lawful;
        let faults =
            (0..answer.len()).filter(wrong).map(|cell| Fault { cells: vec![cell], what: String::new() });
        Verdict { faults: faults.collect() }
    }
}

fn weights(step: &dyn SupervisionStep) -> Weights {
    let _alone = DRAWS.lock().unwrap_or_else(PoisonError::into_inner);
    Weights::init(&step.program().weights, 0, Device::Cpu)
}

fn test(model: &str, batch: usize, protocol: &Protocol) -> EvaluationReport {
    let step = graded(model, batch);
    evaluate(&step, &weights(&step), &Asked::new(), protocol).unwrap()
}

fn halting() -> Protocol {
    Protocol { stop: Stop::Halting, ..Protocol::default() }
}

/// Index, steps, exact, halted of every labelled example.
fn told(report: &EvaluationReport) -> Vec<(usize, usize, bool, bool)> {
    let exact = report.metrics.get_index_of("exact").unwrap();
    report.puzzles.iter().map(|p| (p.index, p.steps, p.metrics[exact] == 1.0, p.halted)).collect()
}

#[test]
fn with_all_steps_the_last_answer_counts() {
    let report = test("Halts", 4, &Protocol::default());
    let data = Asked::new();
    for (index, steps, exact, halted) in told(&report) {
        assert_eq!((steps, exact, halted), (6, data.right[index] == 6, data.at[index] <= 6), "{index}");
    }
    assert_eq!((report.examples, report.steps), (10, 6.0));
    // Examples 6, 7 and 9 are right in the end. The condition holds for all but 7, so it says so of 6 and 9 only.
    assert_eq!(report.metrics["exact"], 0.3);
    assert_eq!((report.halted, report.halting_accuracy), (0.9, Some(0.2)));
    // After step 2 examples 5 and 10 are right.
    assert_eq!(report.by_step[1]["exact"], 0.2);
    assert_eq!(report.steps_histogram, [0, 0, 0, 0, 0, 10]);
    assert_eq!(report.puzzles[1].rating, Some(3.0));
}

/// All answers end as 6, whatever the label; example 8 alone halts with 4.
#[test]
fn an_answer_may_obey_the_rules_without_being_the_label() {
    let step = graded("Halts", 4);
    for (lawful, protocol, solved) in
        [(6, Protocol::default(), 1.0), (4, Protocol::default(), 0.0), (4, halting(), 0.1)]
    {
        let data = Asked { lawful: Some(lawful), ..Asked::new() };
        let report = evaluate(&step, &weights(&step), &data, &protocol).unwrap();
        assert_eq!(report.metrics["solved"], solved);
        let place = report.metrics.get_index_of("solved").unwrap();
        assert_eq!(report.puzzles.iter().map(|puzzle| puzzle.metrics[place]).sum::<f64>(), 10.0 * solved);
    }
}

#[test]
fn with_halting_each_answer_is_that_of_its_own_step_whatever_the_batch() {
    let data = Asked::new();
    for batch in [1, 2, 3, 4, 8, 16] {
        let report = test("Halts", batch, &halting());
        for (index, steps, exact, halted) in told(&report) {
            let at = data.at[index].min(6);
            assert_eq!((steps as i64, exact), (at, data.right[index] == at), "{index} in batches of {batch}");
            assert_eq!(halted, data.at[index] <= 6);
        }
        // Right: 0, 1, 4, 6, 7, 8, 10; of these 7 does not say so. Wrong: 2, 5, 9, which all say they were right.
        assert_eq!((report.metrics["exact"], report.halting_accuracy), (0.7, Some(0.6)));
        assert_eq!(report.steps, (1 + 3 + 2 + 5 + 1 + 6 + 6 + 4 + 1 + 2) as f64 / 10.0);
        assert_eq!(report.steps_histogram, [3, 2, 1, 1, 1, 2]);
        // A share of float64 is within a rounding of 1e-16, with room. An answer stands for the steps left out: after step 6, 0, 1, 4, 6, 7, 8 and 10 are right.
        assert!((report.by_step[5]["exact"] - 0.7).abs() < 1e-12);
        assert!((report.by_step[0]["exact"] - 0.1).abs() < 1e-12);
    }
}

#[test]
fn rows_are_refilled_and_the_batch_shrinks() {
    // 33 steps are needed, that of the unlabelled example included: one row computes no more than that.
    assert_eq!(test("Halts", 1, &halting()).row_steps, 33);
    assert_eq!(test("Halts", 4, &Protocol::default()).row_steps, 4 * 6 + 4 * 6 + 4 * 6);
    // Two rows, in order of arrival: halves of at most one step are lost at the end.
    let halves = test("Halts", 2, &halting()).row_steps;
    assert!((33..=34).contains(&halves), "{halves}");
    let eight = test("Halts", 8, &halting()).row_steps;
    assert!((33..=40).contains(&eight), "{eight}");
    // Without smaller programs the rows stay, empty or not.
    let step = executable("Halts", 8);
    let report = evaluate(&step, &weights(&step), &Asked::new(), &halting()).unwrap();
    assert_eq!(report.row_steps % 8, 0);
    assert!(report.row_steps > eight);
}

#[test]
fn a_threshold_and_a_least_number_of_steps_decide_in_place_of_the_condition() {
    let data = Asked::new();
    let report = test("Halts", 4, &Protocol { min_steps: 3, ..halting() });
    for (index, steps, ..) in told(&report) {
        assert_eq!(steps as i64, data.at[index].clamp(3, 6));
    }
    // The confidence is 0.95 from the step on that is asked for.
    let sure = test("Halts", 4, &Protocol { threshold: Some(0.9), ..halting() });
    assert_eq!(told(&sure), told(&test("Halts", 4, &halting())));
    let never = test("Halts", 4, &Protocol { threshold: Some(0.96), ..halting() });
    assert!(told(&never).iter().all(|(_, steps, _, halted)| *steps == 6 && !halted));
    let at_once = test("Halts", 4, &Protocol { threshold: Some(0.4), ..halting() });
    assert_eq!(at_once.steps, 1.0);
}

#[test]
fn a_sample_is_spread_over_the_test_set() {
    let report = test("Halts", 4, &Protocol { sample: Some(3), ..Protocol::default() });
    // Of 11 examples 0, 3 and 7; 3 has no label.
    assert_eq!(told(&report).iter().map(|puzzle| puzzle.0).collect::<Vec<_>>(), [0, 7]);
}

/// Keeps every answer.
#[derive(Default)]
struct Keeper {
    answers: BTreeMap<usize, Vec<Vec<i64>>>,
    steps: BTreeMap<usize, usize>,
}

impl AnswerObserver for Keeper {
    fn see(&mut self, seen: &ObservedAnswer) {
        let trail = seen.trail.iter().map(|answer| answer.tokens.clone()).collect();
        assert_eq!(seen.trail.last(), Some(seen.answer));
        assert!(self.answers.insert(seen.index, trail).is_none());
        self.steps.insert(seen.index, seen.steps);
    }
    fn every_step(&self) -> bool {
        true
    }
}

fn kept(model: &str, batch: usize, protocol: &Protocol) -> Keeper {
    let (step, mut keeper) = (graded(model, batch), Keeper::default());
    evaluate_observed(&step, &weights(&step), &Asked::new(), protocol, Some(&mut keeper)).unwrap();
    keeper
}

#[test]
fn an_observer_sees_every_answer_of_every_example() {
    let keeper = kept("Halts", 4, &halting());
    // The unlabelled example too.
    assert_eq!(keeper.answers.len(), 11);
    for (index, at) in Asked::new().at.into_iter().enumerate() {
        let expected: Vec<Vec<i64>> = (1..=at.min(6)).map(|step| vec![step; CELLS]).collect();
        assert_eq!(keeper.answers[&index], expected, "example {index}");
        assert_eq!(keeper.steps[&index], expected.len());
    }
}

#[test]
fn what_a_sample_draws_depends_on_neither_batch_nor_neighbours() {
    let all = kept("Shaken", 4, &Protocol::default());
    for batch in [1, 3, 16] {
        assert_eq!(kept("Shaken", batch, &Protocol::default()).answers, all.answers, "batches of {batch}");
    }
    // Stopped early, an answer is the one that stood at that step.
    let early = kept("Shaken", 4, &halting());
    for (index, trail) in &early.answers {
        assert_eq!(trail[..], all.answers[index][..trail.len()], "example {index}");
    }
    // Fewer examples draw the same; another seed does not, and neither do other examples or other steps.
    let fewer = kept("Shaken", 4, &Protocol { examples: Some(2), ..Protocol::default() });
    assert_eq!(fewer.answers[&1], all.answers[&1]);
    let other = kept("Shaken", 4, &Protocol { seed: 1, ..Protocol::default() });
    assert_ne!(other.answers, all.answers);
    let different: std::collections::BTreeSet<_> = all.answers.values().collect();
    assert!(different.len() > 5, "{} different trails", different.len());
}

#[test]
fn rollouts_are_chosen_from_and_repeat_themselves() {
    let protocol = Protocol { rollouts: 8, choose: Choose::Confidence, ..Protocol::default() };
    let report = test("Shaken", 4, &protocol);
    assert_eq!(
        report,
        EvaluationReport {
            seconds: report.seconds,
            row_steps: report.row_steps,
            ..test("Shaken", 16, &protocol)
        }
    );
    let thinking = report.scaling.unwrap();
    assert_eq!((thinking.by_count.len(), thinking.steps), (8, 48.0));
    let oracle: Vec<f64> = thinking.by_count.iter().map(|gain| gain.oracle["exact"]).collect();
    assert!(oracle.windows(2).all(|pair| pair[0] <= pair[1]));
    let first = &thinking.by_count[0];
    assert!(
        [&first.residual, &first.vote, &first.random, &first.oracle].iter().all(|m| **m == first.confidence)
    );
    assert_eq!(thinking.by_count[7].confidence, report.metrics);
    // Chosen by confidence, which is the mean of the state: no rollout answers more.
    let one = kept("Shaken", 4, &Protocol { choose: Choose::Confidence, ..Protocol::default() });
    let best = kept("Shaken", 4, &protocol);
    let sum =
        |keeper: &Keeper| keeper.answers.values().map(|t| t.last().unwrap().iter().sum::<i64>()).sum::<i64>();
    assert!(sum(&best) > sum(&one));
}

#[test]
fn views_are_undone_before_they_vote() {
    // The copier errs in the first cell of what it sees: in view k that is cell k of the example.
    let data = Asked::new();
    let protocol =
        Protocol { views: 4, choose: Choose::MajorityVote, examples: Some(1), ..Protocol::default() };
    let step = graded("Copier", 4);
    let mut keeper = Keeper::default();
    evaluate_observed(&step, &weights(&step), &data, &protocol, Some(&mut keeper)).unwrap();
    // The question is 1 2 3 5: seen as it is, the 1 that the copier writes is right.
    assert_eq!(keeper.answers[&0].last().unwrap(), &[1, 2, 3, 5]);
    let last = |views| {
        let mut keeper = Keeper::default();
        let protocol = Protocol { views, choose: Choose::Residual, ..protocol };
        evaluate_observed(&step, &weights(&step), &data, &protocol, Some(&mut keeper)).unwrap();
        keeper.answers[&0].last().unwrap().clone()
    };
    assert_eq!(last(1), [1, 2, 3, 5]);
    let report = evaluate(&step, &weights(&step), &data, &protocol).unwrap();
    // Each view gives another answer: 1235, 1135, 1215, 1231.
    assert_eq!(report.scaling.unwrap().agreement, 0.25);
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let refused = |model: &str, data: &dyn Dataset, protocol: &Protocol| {
        let step = executable(model, 4);
        evaluate(&step, &weights(&step), data, protocol).unwrap_err().to_string()
    };
    let data = Asked::new();
    assert_eq!(
        refused("Halts", &data, &Protocol { rollouts: 4, ..Protocol::default() }),
        "setting `evaluation.rollouts`: all 4 rollouts would be the same, since `Halts` draws no noise; use a model that \
         does, such as `Ptrm` of models/ptrm.tot with `sigma` above 0, or `views`"
    );
}
