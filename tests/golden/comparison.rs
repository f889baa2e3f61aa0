//! What is compared of a step, and how far apart it may be.

use serde_json::Value as Json;
use tch::{Kind, Tensor, no_grad};
use totc::ir::Mode;

use crate::Case;
use crate::fixture::Golden;
use crate::run::{Run, Step};
use crate::table::Row;

/// Largest differences so far.
#[derive(Default)]
struct Differences {
    outputs: f64,
    states: f64,
    losses: f64,
    metrics: f64,
    gradients: f64,
}

/// What is printed and asserted of one fixture's step 1, or of its later ones.
pub struct Comparison {
    case: &'static Case,
    what: &'static str,
    values: f64,
    gradients: f64,
    largest: Differences,
    noise: Noise,
    pub wrong: Vec<String>,
}

/// How far the published code is from itself.
struct Noise {
    outputs: Option<f64>,
    states: Option<f64>,
    gradients: Option<f64>,
}

pub fn difference(ours: &Tensor, theirs: &Tensor) -> f64 {
    assert_eq!(ours.size(), theirs.size());
    no_grad(|| (ours.to_kind(Kind::Double) - theirs.to_kind(Kind::Double)).abs().max().double_value(&[]))
}

impl Comparison {
    fn new(
        case: &'static Case,
        golden: &Golden,
        what: &'static str,
        prefixes: &[&str],
        (values, gradients): (f64, f64),
    ) -> Comparison {
        let noise = Noise {
            outputs: golden.noise(prefixes, "logits"),
            states: golden.noise(prefixes, "carry"),
            gradients: golden.noise(prefixes, "grad_rel"),
        };
        let (largest, wrong) = (Differences::default(), Vec::new());
        Comparison { case, what, values, gradients, largest, noise, wrong }
    }

    fn check(&mut self, what: &str, apart: f64, most: f64) {
        // A difference that is no number is wrong too.
        if apart.is_nan() || apart > most {
            self.wrong.push(format!("{} {what}: {apart:.1e} apart, at most {most:.0e}", self.case.fixture));
        }
    }

    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, ours: T, theirs: T) {
        if ours != theirs {
            self.wrong.push(format!("{} {what}: {ours:?} instead of {theirs:?}", self.case.fixture));
        }
    }

    fn outputs(&mut self, golden: &Golden, prefix: &str, step: &Step) {
        let verdict = |at: i64| step.value("value.verdicts").select(1, at);
        let logits = step.value("predict.logits");
        for (name, ours) in
            [("logits", logits), ("q_halt_logits", &verdict(0)), ("q_continue_logits", &verdict(1))]
        {
            let apart = difference(ours, golden.get(&format!("{prefix}.{name}")));
            self.check(&format!("{prefix}.{name}"), apart, self.values);
            self.largest.outputs = self.largest.outputs.max(apart);
        }
        if let Some(predictions) = golden.find(&format!("{prefix}.preds")) {
            // Two symbols that are nearer to each other than values may be apart can change places.
            let (best, _) = golden.get(&format!("{prefix}.logits")).topk(2, -1, true, true);
            let close = (best.select(-1, 0) - best.select(-1, 1)).le(2.0 * self.values);
            let same = logits.argmax(-1, false).eq_tensor(predictions).logical_or(&close);
            self.equal(&format!("{prefix}.preds"), same.all().int64_value(&[]), 1);
        }
    }

    fn states(&mut self, golden: &Golden, prefix: &str, step: &Step) {
        for name in step.carry.states.keys() {
            let Some(theirs) = golden.state(prefix, name) else { continue };
            let apart = difference(step.value(&format!("state.{name}")), theirs);
            self.check(&format!("{prefix} state {name}"), apart, self.values);
            self.largest.states = self.largest.states.max(apart);
        }
    }

    fn losses(&mut self, scalars: &Json, prefix: &str, step: &Step) {
        let total = (step.total_loss().double_value(&[]) - scalars["loss"].as_f64().unwrap()).abs();
        self.check(&format!("{prefix}.loss"), total, self.values);
        self.largest.losses = self.largest.losses.max(total);
        let ours = step.metrics();
        for name in scalars["metrics"].as_object().unwrap().keys() {
            self.equal(&format!("{prefix}.metric.{name}"), ours.iter().any(|(known, _)| known == name), true);
        }
        for (name, value) in ours {
            // A loss that is not published is none: that of HRM's other head is absent in evaluation.
            let apart = (value - scalars["metrics"][name].as_f64().unwrap_or(0.0)).abs();
            self.check(&format!("{prefix}.metric.{name}"), apart, self.values);
            let largest = match name.ends_with("loss") {
                true => &mut self.largest.losses,
                false => &mut self.largest.metrics,
            };
            *largest = largest.max(apart);
        }
    }

    fn gradients(&mut self, run: &Run, step: &Step, number: usize) {
        let prefix = format!("step{number}.grad.");
        let theirs = run.golden.named(&prefix, &run.executable.program().weights);
        let ours = step.gradients();
        for (path, theirs) in theirs {
            let path = if path == "puzzle_emb.local_weights" { "prompt.rows" } else { &path };
            let scale = theirs.abs().max().double_value(&[]);
            // What no loss reaches has no gradient here and zeros there.
            let apart = match ours.get(path) {
                Some(ours) => difference(ours, &theirs) / scale.max(1e-12),
                None => scale,
            };
            self.check(&format!("{prefix}{path}"), apart, self.gradients);
            self.largest.gradients = self.largest.gradients.max(apart);
        }
    }

    fn training_step(&mut self, run: &Run, step: &Step, number: usize) {
        let prefix = format!("step{number}");
        let scalars = run.golden.scalars("training_steps", number);
        for (name, column) in run.golden.batch(&format!("{prefix}.current")) {
            let same = step.carry.data[&name] == column;
            self.equal(&format!("{prefix} data `{name}`"), same, true);
        }
        self.outputs(run.golden, &prefix, step);
        self.states(run.golden, &prefix, step);
        self.losses(scalars, &prefix, step);
        self.equal(&format!("{prefix} halted"), &Json::from(step.halted.clone()), &scalars["halted"]);
        self.equal(&format!("{prefix} steps"), &Json::from(step.carry.steps.clone()), &scalars["steps"]);
        if number <= 2 {
            self.gradients(run, step, number);
        }
    }

    fn evaluation_step(&mut self, run: &Run, step: &Step, number: usize) {
        let prefix = format!("eval{number}");
        self.outputs(run.golden, &prefix, step);
        self.losses(run.golden.scalars("eval_steps", number), &prefix, step);
        let halted = Tensor::from_slice(&step.halted);
        self.equal(
            &format!("{prefix} halted"),
            &halted.to_kind(Kind::Int64),
            run.golden.get(&format!("{prefix}.carry.halted")),
        );
        let steps = Tensor::from_slice(&step.carry.steps);
        self.equal(&format!("{prefix} steps"), &steps, run.golden.get(&format!("{prefix}.carry.steps")));
        self.states(run.golden, &prefix, step);
    }

    pub fn row(&self) -> Row {
        let Differences { outputs, states, losses, metrics, gradients } = self.largest;
        let trained = self.what != "evaluation";
        Row {
            fixture: self.case.fixture.to_owned(),
            model: self.case.model.to_owned(),
            part: self.what.to_owned(),
            outputs: (outputs, self.noise.outputs),
            states: (states, self.noise.states),
            losses: (losses, None),
            metrics: (metrics, None),
            gradients: trained.then_some((gradients, self.noise.gradients)),
            tolerance: self.case.tolerance(self.what),
            allowed: (self.values, trained.then_some(self.gradients)),
        }
    }
}

/// Largest differences of a fixture in a precision: of step 1, of the steps after it, of the evaluation.
pub fn compared(case: &'static Case, precision: Kind) -> [Comparison; 3] {
    let golden = Golden::read(case.fixture);
    let bounds = case.bounds.of(precision);
    let part = |what, prefixes: &[&str], values| {
        Comparison::new(case, &golden, what, prefixes, (values, bounds.gradients))
    };
    let mut first = part("step 1", &["step1"], bounds.first);
    let mut later = part("steps 2-5", &["step2", "step3", "step4", "step5"], bounds.later);
    let mut evaluation = part("evaluation", &["eval1", "eval2", "eval3", "eval4"], bounds.evaluation);

    let run = Run::new(&golden, case.file, case.model, Mode::Training, precision);
    let mut carry = run.start();
    for number in 1..=5 {
        if number > 1 && case.start == crate::Start::Published {
            carry = run.published(number - 1);
        }
        let step = run.step(&carry, &golden.batch(&format!("batch{number}")));
        let comparison = if number == 1 { &mut first } else { &mut later };
        comparison.training_step(&run, &step, number);
        carry = step.carry;
        carry.advance(run.executable.program(), &step.outputs, step.halted).unwrap();
    }

    let run = Run::new(&golden, case.file, case.model, Mode::Evaluation, precision);
    let mut carry = run.start();
    // Evaluation steps are published with outputs only: those of a model that multiplies rounding cannot start anew.
    let steps = if case.start == crate::Start::Own { 4 } else { 1 };
    for number in 1..=steps {
        let step = run.step(&carry, &golden.batch("batch1"));
        evaluation.evaluation_step(&run, &step, number);
        carry = step.carry;
        carry.advance(run.executable.program(), &step.outputs, step.halted).unwrap();
    }
    assert_eq!(carry.halted, vec![case.start == crate::Start::Own; carry.halted.len()]);
    [first, later, evaluation]
}
