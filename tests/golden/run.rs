//! One model on one fixture, step by step, and what a step gave in the published terms.

use indexmap::IndexMap;
use tch::{Device, Kind, Tensor};
use totc::Values;
use totc::exec::{Executable, Outputs, Weights};
use totc::ir::{Mode, OutputKind};
use totc::model::Bindings;
use totc::train::{Batch, Carry, Fresh, Halting};
use totc::types::Precision;

use crate::fixture::{Golden, shipped};

/// One model on one fixture, in one mode.
pub struct Run<'a> {
    pub golden: &'a Golden,
    pub executable: Executable,
    pub weights: Weights,
    halting: Halting,
}

/// The run's precision of a libtorch kind.
pub fn named(kind: Kind) -> Precision {
    match kind {
        Kind::Double => Precision::Float64,
        Kind::BFloat16 => Precision::BFloat16,
        _ => Precision::Float32,
    }
}

/// What a step gave, and the batch it was given.
pub struct Step {
    pub carry: Carry,
    pub outputs: Outputs,
    pub halted: Vec<bool>,
}

impl Run<'_> {
    pub fn new<'a>(golden: &'a Golden, file: &str, model: &str, mode: Mode, precision: Kind) -> Run<'a> {
        let bindings = Bindings { precision: named(precision), ..golden.bindings(model, mode) };
        let program = shipped(file, &bindings, Values::Kept);
        let mut stored = golden.named("w.", &program.weights);
        let mut tensors = IndexMap::new();
        for info in &program.weights {
            // A table of no columns, where there are no puzzle tokens, is not published.
            let none =
                info.shape.contains(&0).then(|| Tensor::zeros(&info.shape[..], (Kind::Float, Device::Cpu)));
            let weight = stored.swap_remove(&info.path).or(none);
            let weight = weight.unwrap_or_else(|| panic!("no weight is `{}`", info.path));
            // Weights are float32 and narrowed where they are used, unless all of it is float64.
            let weight = if precision == Kind::Double { weight.to_kind(precision) } else { weight };
            tensors.insert(info.path.clone(), weight);
        }
        assert!(stored.is_empty(), "weights of no use: {:?}", stored.keys());
        let halting = Halting::new(program.halt);
        let executable = Executable::new(program, Device::Cpu).unwrap();
        Run { golden, executable, weights: Weights { tensors }, halting }
    }

    pub fn start(&self) -> Carry {
        let rows = self.golden.info["config"]["batch_size"].as_u64().unwrap() as usize;
        Carry::start(self.executable.program(), rows, self.executable.precision(), Device::Cpu).unwrap()
    }

    /// The published carry after a training step.
    pub fn published(&self, step: usize) -> Carry {
        let (mut carry, prefix) = (self.start(), format!("step{step}"));
        for (name, state) in &mut carry.states {
            *state = self.golden.state(&prefix, name).unwrap().to_kind(self.executable.precision());
        }
        let scalars = self.golden.scalars("training_steps", step);
        carry.data = self.golden.batch(&format!("{prefix}.current"));
        carry.halted = serde_json::from_value(scalars["halted"].clone()).unwrap();
        carry.steps = serde_json::from_value(scalars["steps"].clone()).unwrap();
        carry
    }

    pub fn step(&self, carry: &Carry, batch: &Batch) -> Step {
        let carry = carry.admit(Fresh::InPlace(batch)).unwrap();
        let outputs = self.executable.run(&self.weights, &carry.inputs(Device::Cpu).unwrap()).unwrap();
        let halted = match self.executable.program().mode {
            Mode::Training => {
                let wants: Vec<bool> = Vec::try_from(outputs.values.get("halt").unwrap()).unwrap();
                self.halting.decide(&wants, &carry.steps, 0, 0)
            }
            Mode::Evaluation => carry.steps.iter().map(|steps| *steps >= self.halting.at_most).collect(),
        };
        Step { carry, outputs, halted }
    }
}

impl Step {
    pub fn value(&self, name: &str) -> &Tensor {
        self.outputs.values.get(name).unwrap_or_else(|| panic!("the program gives no `{name}`"))
    }

    pub fn total_loss(&self) -> Tensor {
        let losses = self.outputs.values.of(OutputKind::Loss);
        losses.map(|(_, loss)| loss.sum(Kind::Double)).reduce(|sum, loss| sum + loss).unwrap()
    }

    /// Gradients of the unscaled sum of losses by path, of a table's rows by the table's.
    pub fn gradients(&self) -> IndexMap<String, Tensor> {
        let rows = self.outputs.rows.iter().map(|rows| (&rows.table, &rows.gradient));
        let all = self.outputs.gradients.iter().chain(rows);
        // Ours are of the mean over the batch.
        let batch = self.carry.steps.len() as f64;
        all.map(|(path, gradient)| (path.clone(), gradient * batch)).collect()
    }

    /// The published metrics, from ours: sums over the rows that halted and have labels; losses over all rows.
    pub fn metrics(&self) -> Vec<(&'static str, f64)> {
        let labelled = self.carry.data["answer"].ne(-100).any_dim(1, false);
        let counted = Tensor::from_slice(&self.halted).logical_and(&labelled);
        let right = self.value("metric.exact").to_kind(Kind::Bool);
        let agrees = self.value("value.halt_logit").ge(0.0).eq_tensor(&right);
        let sum =
            |value: &Tensor| (value.to_kind(Kind::Double) * &counted).sum(Kind::Double).double_value(&[]);
        let loss =
            |name: &str| self.outputs.values.get(name).map(|loss| loss.sum(Kind::Double).double_value(&[]));
        let mut metrics = vec![
            ("count", counted.sum(Kind::Double).double_value(&[])),
            ("accuracy", sum(self.value("metric.accuracy"))),
            ("exact_accuracy", sum(&right)),
            ("q_halt_accuracy", sum(&agrees)),
            ("steps", sum(&Tensor::from_slice(&self.carry.steps))),
        ];
        let losses = [
            ("lm_loss", "loss.answering", 1.0),
            ("q_halt_loss", "loss.halting", 2.0),
            ("q_continue_loss", "loss.continuing", 2.0),
            ("diversity_loss", "loss.diversity", 1.0),
        ];
        metrics
            .extend(losses.iter().filter_map(|(theirs, ours, factor)| Some((*theirs, loss(ours)? * factor))));
        metrics
    }
}
