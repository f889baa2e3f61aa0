//! One supervision step of a small model on weights, data and states that depend on their names alone, so that two
//! models that declare the same weight have the same numbers in it. All of it in float64: what must be equal differs by
//! rounding alone, on every processor.

use indexmap::IndexMap;
use tch::{Device, Kind, Tensor, no_grad};
use totc::Values;
use totc::exec::{Executable, Inputs, Kernels, Weights};
use totc::ir::{Mode, Recompute};
use totc::model::Bindings;
use totc::types::Precision;

use crate::compile;

pub struct Lab {
    executable: Executable,
    pub weights: Weights,
    pub inputs: Inputs,
}

pub struct Step {
    /// By printed name.
    pub outputs: IndexMap<String, Tensor>,
    /// Of the sum of all losses, by weight; of a table's rows by the table.
    pub gradients: IndexMap<String, Tensor>,
}

/// What every step here is computed in.
pub const PRECISION: Kind = Kind::Double;

/// How far apart equal values may be. A step is at most some thirty applications of nets, each of a dozen sums of up to
/// 256 terms, of numbers up to about 10: 30 · 12 · 256 · 10 · 2⁻⁵³ is 1e-10 if all errors add up, which they never do.
pub const ROUNDING: f64 = 1e-9;

/// Numbers between -1 and 1 that depend on a name.
fn spread(shape: &[i64], name: &str) -> Tensor {
    let seed = name.bytes().fold(0u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let count: i64 = shape.iter().product();
    let at = Tensor::arange(count, (Kind::Double, Device::Cpu)) + 0.37 * (seed % 100_003) as f64;
    let wild = (at * 12.9898).sin() * 43758.5453;
    ((&wild - wild.floor()) * 2.0 - 1.0).to_kind(PRECISION).reshape(shape)
}

pub const SIZES: [(&str, usize); 4] = [("batch", 2), ("cell", 4), ("symbol", 5), ("task", 3)];

impl Lab {
    /// The model of a text.
    pub fn of(text: &str, sets: &[(&str, &str)], mode: Mode) -> Lab {
        Lab::sized(text, sets, mode, &SIZES)
    }

    /// The same with other sizes of the data's axes.
    pub fn sized(text: &str, sets: &[(&str, &str)], mode: Mode, sizes: &[(&str, usize)]) -> Lab {
        Lab::recomputing(text, sets, mode, sizes, Recompute::default())
    }

    /// The same, with what the backward pass computes again.
    pub fn recomputing(
        text: &str,
        sets: &[(&str, &str)],
        mode: Mode,
        sizes: &[(&str, usize)],
        recompute: Recompute,
    ) -> Lab {
        let bindings = compile::bindings(mode, sizes, sets);
        let bindings = Bindings { precision: Precision::Float64, recompute, ..bindings };
        let program = compile::text(text, &bindings, Values::Kept);
        let mut tensors = IndexMap::new();
        for info in &program.weights {
            let width = info.shape.last().copied().unwrap_or(1) as f64;
            let tensor = spread(&info.shape, &info.path) * (3.0 / width).sqrt().min(1.0);
            tensors.insert(info.path.clone(), tensor);
        }
        let mut inputs = Inputs {
            data: Default::default(),
            states: Default::default(),
            fresh: Tensor::from_slice(&[true, false]),
            steps: Tensor::from_slice(&[1i64, 3]),
        };
        for input in &program.inputs {
            let column = ((spread(&input.shape, &input.name) + 1.0) * 1.49).floor().to_kind(Kind::Int64);
            inputs.data.insert(input.name.clone(), column);
        }
        for state in &program.states {
            inputs.states.insert(state.name.clone(), spread(&state.shape, &state.name));
        }
        Lab {
            executable: Executable::new(program, Device::Cpu).unwrap(),
            weights: Weights { tensors },
            inputs,
        }
    }

    /// The same program on other kernels.
    pub fn with(self, kernels: Kernels) -> Lab {
        let program = self.executable.program().clone();
        Lab { executable: Executable::with(program, Device::Cpu, kernels).unwrap(), ..self }
    }

    /// Whether slices compute it, and not libtorch's operations one after the other.
    pub fn is_compiled(&self) -> bool {
        self.executable.is_compiled().unwrap()
    }

    /// A shipped model in training: TRM's sizes are small, `sets` come on top.
    pub fn shipped(file: &str, model: &str, sets: &[(&str, &str)]) -> Lab {
        let text = format!("use models::{file}::{model}\nmodel Case extends {model} {{}}\n");
        Lab::trm(&text, sets)
    }

    /// A model that extends a shipped one, in training.
    pub fn trm(text: &str, sets: &[(&str, &str)]) -> Lab {
        Lab::of(text, &small(sets), Mode::Training)
    }

    pub fn weight(&self, path: &str) -> &Tensor {
        self.weights.tensors.get(path).unwrap_or_else(|| {
            panic!("no weight is `{path}`: {:?}", self.weights.tensors.keys().collect::<Vec<_>>())
        })
    }

    pub fn set(&mut self, path: &str, value: &Tensor) {
        let value = value.reshape(self.weight(path).size());
        let value = value.to_kind(PRECISION).copy();
        self.weights.tensors.insert(path.to_owned(), value);
    }

    pub fn zero(&mut self, path: &str) {
        let zero = self.weight(path).zeros_like();
        self.set(path, &zero);
    }

    /// What is told when the step cannot be run.
    pub fn refusal(&self) -> String {
        self.executable.run(&self.weights, &self.inputs).map(|_| ()).unwrap_err().to_string()
    }

    pub fn run(&self) -> Step {
        let outputs = self.executable.run(&self.weights, &self.inputs).unwrap();
        // Of the sum over the two rows; a program gives the mean.
        let rows = outputs.rows.iter().map(|rows| (&rows.table, &rows.gradient));
        let all = outputs.gradients.iter().chain(rows);
        let gradients = all.map(|(path, gradient)| (path.clone(), gradient * 2.0)).collect();
        Step { outputs: outputs.values.by_name(), gradients }
    }
}

impl Step {
    pub fn get(&self, name: &str) -> &Tensor {
        self.outputs
            .get(name)
            .unwrap_or_else(|| panic!("there is no `{name}`: {:?}", self.outputs.keys().collect::<Vec<_>>()))
    }

    pub fn gradient(&self, path: &str) -> &Tensor {
        &self.gradients[path]
    }
}

/// The sizes of every model here, and what a test sets beside them.
pub fn small<'s>(sets: &[(&'s str, &'s str)]) -> Vec<(&'s str, &'s str)> {
    let mut all =
        vec![("hidden", "16"), ("heads", "4"), ("layers", "1"), ("puzzle_tokens", "2"), ("max_steps", "4")];
    all.retain(|(name, _)| !sets.iter().any(|(own, _)| own == name));
    all.extend_from_slice(sets);
    all
}

/// The largest difference.
pub fn apart(one: &Tensor, other: &Tensor) -> f64 {
    assert_eq!(one.size(), other.size());
    no_grad(|| (one.to_kind(Kind::Double) - other.to_kind(Kind::Double)).abs().max().double_value(&[]))
}

/// Asserts that a value is what it should be, to rounding, which is relative where values are large.
#[track_caller]
pub fn near(what: &str, one: &Tensor, other: &Tensor) {
    within(what, one, other, ROUNDING);
}

/// Asserts that a value is what it should be up to a difference that is derived where it is given.
#[track_caller]
pub fn within(what: &str, one: &Tensor, other: &Tensor, most: f64) {
    let scale = no_grad(|| other.to_kind(Kind::Double).abs().max().double_value(&[]).max(1.0));
    let apart = apart(one, other) / scale;
    assert!(apart <= most, "{what}: {apart:.1e} apart, at most {most:.0e}");
}

/// Asserts that a value is another's copy.
#[track_caller]
pub fn equal(what: &str, one: &Tensor, other: &Tensor) {
    let apart = apart(one, other);
    assert!(apart == 0.0, "{what}: {apart:.1e} apart, and should be the same");
}

/// Asserts that two values differ for certain: by far more than rounding.
#[track_caller]
pub fn differ(what: &str, one: &Tensor, other: &Tensor) {
    let apart = apart(one, other);
    assert!(apart > 1e-3, "{what}: only {apart:.1e} apart");
}
