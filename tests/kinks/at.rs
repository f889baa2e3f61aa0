//! One loss at one point: takes the text of a model's members and the numbers of its weights, gives the loss and its
//! gradient; never draws a number.

use std::collections::HashMap;

use indexmap::IndexMap;
use tch::{Device, Kind, Tensor};
use totc::Values;
use totc::exec::{Executable, Inputs, Weights};
use totc::ir::{Mode, OutputKind};
use totc::model::Bindings;
use totc::types::Precision;

/// float64, and some thousand roundings.
pub const EXACT: f64 = 1e-12;

/// A compiled model, its weights and the rows it sees.
pub struct Point {
    executable: Executable,
    pub weights: Weights,
    pub inputs: Inputs,
}

/// What a point gave.
pub struct Slope {
    /// By name, summed over the batch.
    pub losses: IndexMap<String, f64>,
    /// Of the sum of all losses, by weight, in the order of the weight's elements.
    pub gradients: IndexMap<String, Vec<f64>>,
}

const SIZES: [(&str, usize); 4] = [("batch", 2), ("cell", 3), ("symbol", 4), ("task", 2)];

/// A text compiled for a precision.
pub fn compile(text: &str, sets: &[(&str, &str)], precision: Kind) -> Executable {
    let bindings = Bindings {
        precision: if precision == Kind::Double { Precision::Float64 } else { Precision::Float32 },
        ..crate::compile::bindings(Mode::Training, &SIZES, sets)
    };
    Executable::new(crate::compile::text(text, &bindings, Values::Dropped), Device::Cpu).unwrap()
}

impl Point {
    /// A model with the given members (two samples of three cells, four symbols; `answer` lacks labels in the second
    /// sample) whose weights are zero where `weights` does not say otherwise.
    pub fn new(members: &str, weights: &[(&str, &[f64])], precision: Kind) -> Point {
        let text = format!(
            "use std::losses::{{binary_cross_entropy, cosine, cross_entropy, labelled_mean, pairs, softmax_cross_entropy, \
             stable_exponential, stablemax_cross_entropy}}\n\
             use std::branching::FiLM\n\
             use std::merging::{{GatedProduct, GeometricMean, Max, Scorer}}\n\
             use std::nets::rms_norm\n\
             model Case {{\n\
             axis batch, cell, symbol\n\
             axis leaf = 2\n\
             axis dim = 3\n\
             input question: symbol [batch, cell]\n\
             target answer: symbol? [batch, cell]\n\
             state z: float [batch] = 0\n\
             think {{ z <- z }}\n\
             {members}\n\
             }}\n"
        );
        let executable = compile(&text, &[], precision);
        let mut tensors = IndexMap::new();
        for info in &executable.program().weights {
            let zeros = Tensor::zeros(&info.shape[..], (precision, Device::Cpu));
            let given = weights.iter().find(|(path, _)| *path == info.path);
            let value = given.map_or(zeros, |(_, value)| {
                Tensor::from_slice(value).to_kind(precision).reshape(&info.shape[..])
            });
            tensors.insert(info.path.clone(), value);
        }
        let inputs = first_rows(&executable);
        Point { executable, weights: Weights { tensors }, inputs }
    }

    /// The model at its weights.
    pub fn slope(&self) -> Slope {
        let outputs = self.executable.run(&self.weights, &self.inputs).unwrap();
        let losses = outputs.values.of(OutputKind::Loss);
        let losses = losses.map(|(name, value)| (name.to_owned(), value.sum(Kind::Double).double_value(&[])));
        let flat = |gradient: &Tensor| Vec::try_from(gradient.to_kind(Kind::Double).flatten(0, -1)).unwrap();
        // Of the sum over the rows; a program gives the mean, in which a single number counts for every row.
        let mut single = self.executable.program().outputs_of(OutputKind::Loss);
        let single = single.all(|(_, loss)| loss.ty.dims.is_empty());
        let rows = if single { 1.0 } else { self.inputs.fresh.size()[0] as f64 };
        let gradients = outputs.gradients.iter();
        Slope {
            losses: losses.collect(),
            gradients: gradients.map(|(path, gradient)| (path.clone(), flat(&(gradient * rows)))).collect(),
        }
    }

    /// One step of plain gradient descent.
    pub fn descend(&mut self, rate: f64) -> Slope {
        let slope = self.slope();
        for (path, gradient) in slope.gradients.iter().filter(|(_, gradient)| !gradient.is_empty()) {
            let weight = &self.weights.tensors[path];
            let step = Tensor::from_slice(gradient).to_kind(weight.kind()).reshape(weight.size()) * rate;
            let moved = weight - step;
            self.weights.tensors.insert(path.clone(), moved);
        }
        slope
    }

    /// A model given as a whole, with the weights that `weight` makes from path and shape.
    pub fn whole(
        text: &str,
        sets: &[(&str, &str)],
        precision: Kind,
        weight: impl Fn(&str, &[i64]) -> Tensor,
    ) -> Point {
        let executable = compile(text, sets, precision);
        let infos = executable.program().weights.iter();
        let tensors = infos.map(|info| {
            let value = weight(&info.path, &info.shape).to_kind(precision);
            (info.path.clone(), value)
        });
        let weights = Weights { tensors: tensors.collect() };
        let inputs = first_rows(&executable);
        Point { executable, weights, inputs }
    }
}

/// Fresh samples whose states are zero; the second has no labels.
fn first_rows(executable: &Executable) -> Inputs {
    let of = |values: &[i64], shape: &[i64]| Tensor::from_slice(values).reshape(shape);
    let data = HashMap::from([
        ("question".to_owned(), of(&[0, 3, 1, 2, 0, 3], &[2, 3])),
        ("puzzle".to_owned(), of(&[0, 1], &[2])),
        ("answer".to_owned(), of(&[2, -100, 0, -100, -100, -100], &[2, 3])),
    ]);
    let states = executable.program().states.iter().map(|state| {
        let zeros = Tensor::zeros(&state.shape[..], (executable.precision(), Device::Cpu));
        (state.name.clone(), zeros)
    });
    Inputs {
        data,
        states: states.collect(),
        fresh: of(&[1, 1], &[2]).to_kind(Kind::Bool),
        steps: of(&[1, 1], &[2]),
    }
}

/// Asserts that numbers are those of a closed form, relative to the largest of them or to 1.
#[track_caller]
pub fn near(what: &str, ours: &[f64], closed: &[f64], most: f64) {
    assert_eq!(ours.len(), closed.len(), "{what}: {ours:?} instead of {closed:?}");
    let scale = closed.iter().fold(1.0_f64, |most, value| most.max(value.abs()));
    for (at, (ours, closed)) in ours.iter().zip(closed).enumerate() {
        let apart = (ours - closed).abs() / scale;
        assert!(apart <= most, "{what}, element {at}: {ours} instead of {closed}");
    }
}
