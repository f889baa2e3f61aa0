//! Gradients against central finite differences, in float64 from end to end: of every primitive that lets gradient
//! through and of every structural operation (`gradients/primitives.tot`), and of every net and function of the library
//! (`gradients/nets.tot`). A new primitive, or a new item of the library, without a loss of its name fails here.
//!
//! `cargo test --test gradients -- --nocapture` prints the largest relative differences.
#![cfg(feature = "torch")]

mod slopes;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;
use tch::{Device, Kind, Tensor};
use totc::diagnostic::{Colours, Sink, render};
use totc::exec::{Executable, Inputs, Outputs, Weights};
use totc::ir::Flow;
use totc::ir::op::Op;
use totc::ir::{Mode, OutputKind, WeightRole};
use totc::model::{Bindings, check};
use totc::primitive::{self, Derivative};
use totc::source::Sources;
use totc::syntax::ast::ItemKind;
use totc::syntax::{Disk, Modules, load};
use totc::types::Precision;
use totc::{Values, compile, program};

/// Half the distance of a central difference: its rounding error is 1e-16 / 1e-5, its truncation of the order 1e-10.
const STEP: f64 = 1e-5;

/// The largest difference allowed, relative to the largest slope of a loss.
const BOUND: f64 = 1e-7;

/// Directions in which each weight is moved at once; weights of up to as many elements are moved one by one.
const DIRECTIONS: i64 = 12;

struct Subject {
    sources: Sources,
    modules: Modules,
    bindings: Bindings,
}

impl Subject {
    fn read(file: &str) -> Subject {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gradients").join(file);
        let (mut sources, mut sink) = (Sources::default(), Sink::default());
        let modules = load(&path, &Disk, &mut sources, &mut sink).unwrap();
        let mut bindings = Bindings::new(Mode::Training);
        bindings.precision = Precision::Float64;
        for (axis, size) in [("batch", 2), ("cell", 3), ("symbol", 5), ("task", 3)] {
            bindings.sizes.insert(axis.to_owned(), size);
        }
        Subject { sources, modules, bindings }
    }

    fn executable(&self) -> Executable {
        let mut sink = Sink::default();
        let program =
            compile(&self.modules, &self.sources, &self.bindings, Values::Dropped, &mut sink).unwrap();
        let said = render(&sink, &self.sources, Colours::Never);
        Executable::new(program.unwrap_or_else(|| panic!("{said}")), Device::Cpu).unwrap()
    }

    /// The step with the gradient of one loss alone: the others are computed, as metrics.
    fn of_loss(&self, loss: &str) -> Executable {
        let model = check(&self.modules, &self.sources, &self.bindings, &mut Sink::default()).unwrap();
        let graph = slopes::of_loss(model.graph, loss);
        Executable::new(program(graph, Values::Dropped).unwrap(), Device::Cpu).unwrap()
    }

    /// The operations that each loss is made of, by name.
    fn operations(&self) -> BTreeMap<String, BTreeSet<String>> {
        let model = check(&self.modules, &self.sources, &self.bindings, &mut Sink::default()).unwrap();
        let mut found = BTreeMap::new();
        operations(&model.graph.flow, &mut found);
        found
    }
}

fn operations(flow: &Flow, found: &mut BTreeMap<String, BTreeSet<String>>) {
    for inst in flow.indices().map(|index| flow.node(index)) {
        let word = match &inst.op {
            Op::Prim(id, _) => id.get().name.to_owned(),
            op => format!("{op:?}").split([' ', '(', '{']).next().unwrap_or("").to_lowercase(),
        };
        if let Some(loss) = inst.name.split('/').next().and_then(|name| name.strip_prefix("loss.")) {
            found.entry(loss.to_owned()).or_default().insert(word);
        }
        if let Some(body) = &inst.body {
            operations(&body.flow, found);
        }
    }
}

/// Weights drawn anew in float64: those that begin as a constant would sit on kinks.
fn weights(executable: &Executable) -> Weights {
    tch::manual_seed(11);
    let mut tensors = IndexMap::new();
    for info in &executable.program().weights {
        let weight = Tensor::randn(&info.shape[..], (Kind::Double, Device::Cpu)) * 0.7;
        tensors.insert(info.path.clone(), weight);
    }
    Weights { tensors }
}

fn inputs() -> Inputs {
    let of = |values: &[i64], shape: &[i64]| Tensor::from_slice(values).reshape(shape);
    let data = [
        ("question", of(&[0, 3, 3, 1, 4, 2], &[2, 3])),
        ("puzzle", of(&[1, 2], &[2])),
        ("answer", of(&[2, -100, 0, 4, 4, 1], &[2, 3])),
    ];
    let zeros = |width| Tensor::zeros(width, (Kind::Double, Device::Cpu));
    Inputs {
        data: data.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        states: HashMap::from([("z".to_owned(), zeros(vec![2, 3, 4]))]),
        fresh: of(&[1, 1], &[2]).to_kind(Kind::Bool),
        steps: of(&[1, 1], &[2]),
    }
}

/// One run; random draws are those of every other run.
fn run(executable: &Executable, weights: &Weights) -> Outputs {
    tch::manual_seed(5);
    let mut inputs = inputs();
    if let Some(state) = executable.program().states.first() {
        let zeros = Tensor::zeros(&state.shape[..], (Kind::Double, Device::Cpu));
        inputs.states.insert(state.name.clone(), zeros);
    }
    executable.run(weights, &inputs).unwrap()
}

/// Each loss, summed over the batch.
fn losses(outputs: &Outputs) -> IndexMap<String, Tensor> {
    let losses = outputs.values.of(OutputKind::Loss);
    losses.map(|(name, value)| (name.to_owned(), value.sum(Kind::Double))).collect()
}

/// The gradient of every loss, summed over the batch, by loss and weight; None where the loss does not read the weight.
fn gradients(subject: &Subject, weights: &Weights) -> IndexMap<String, HashMap<String, Tensor>> {
    let mut found = IndexMap::new();
    for (name, loss) in losses(&run(&subject.executable(), weights)) {
        assert_eq!(loss.kind(), Kind::Double, "{name} is not computed in float64");
        let executable = subject.of_loss(&name);
        let outputs = run(&executable, weights);
        let own = slopes::gradients(&executable, 2, outputs, weights);
        found.insert(name, own);
    }
    found
}

/// Unit directions to move a weight of this shape in.
fn directions(weight: &Tensor) -> Vec<Tensor> {
    let count = weight.numel() as i64;
    let options = (Kind::Double, Device::Cpu);
    if count <= DIRECTIONS {
        return (0..count)
            .map(|at| {
                let direction = Tensor::zeros([count], options);
                let _ = direction.narrow(0, at, 1).fill_(1.0);
                direction.reshape(weight.size())
            })
            .collect();
    }
    (0..DIRECTIONS)
        .map(|_| {
            let direction = Tensor::randn(weight.size(), options);
            &direction / direction.norm()
        })
        .collect()
}

/// The largest difference of each loss's slopes, relative to its steepest.
fn compared(subject: &Subject) -> BTreeMap<String, f64> {
    let executable = &subject.executable();
    let weights = weights(executable);
    let gradients = gradients(subject, &weights);
    let mut steepest: BTreeMap<String, f64> = BTreeMap::new();
    let mut furthest: BTreeMap<String, f64> = BTreeMap::new();
    for info in executable.program().weights.iter().filter(|info| info.role != WeightRole::Buffer) {
        let weight = &weights.tensors[&info.path];
        tch::manual_seed(23);
        for direction in directions(weight) {
            let moved = |by: f64| -> IndexMap<String, f64> {
                let moved = weight + &direction * by;
                let mut tensors: IndexMap<String, Tensor> = IndexMap::new();
                for (path, tensor) in &weights.tensors {
                    tensors.insert(path.clone(), tensor.shallow_clone());
                }
                tensors.insert(info.path.clone(), moved);
                let values = losses(&run(executable, &Weights { tensors }));
                values.into_iter().map(|(name, value)| (name, value.double_value(&[]))).collect()
            };
            let (up, down) = (moved(STEP), moved(-STEP));
            for (name, own) in &gradients {
                let numeric = (up[name] - down[name]) / (2.0 * STEP);
                let analytic = own
                    .get(&info.path)
                    .map_or(0.0, |gradient| (gradient * &direction).sum(Kind::Double).double_value(&[]));
                let most = steepest.entry(name.clone()).or_default();
                *most = most.max(numeric.abs());
                let apart = furthest.entry(name.clone()).or_default();
                *apart = apart.max((numeric - analytic).abs());
            }
        }
    }
    furthest.into_iter().map(|(name, apart)| (name.clone(), apart / steepest[&name].max(1e-12))).collect()
}

/// libtorch has one generator per process, which every run seeds anew: tests take turns.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn held(what: &str, found: &BTreeMap<String, f64>) {
    let (name, worst) = found.iter().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
    println!("{what}: {} losses, the largest relative difference is {worst:.1e} (`{name}`)", found.len());
    let wrong: Vec<String> = found
        .iter()
        .filter(|(_, apart)| apart.is_nan() || **apart > BOUND)
        .map(|(name, apart)| format!("`{name}`: {apart:.1e}"))
        .collect();
    assert!(wrong.is_empty(), "{what}: gradients are not what finite differences say: {}", wrong.join(", "));
}

#[test]
fn primitives() {
    let _turn = alone();
    let subject = Subject::read("primitives.tot");
    held("primitives", &compared(&subject));
}

#[test]
fn library_nets() {
    let _turn = alone();
    let subject = Subject::read("nets.tot");
    held("library", &compared(&subject));
}

/// Every primitive that lets gradient through has a loss of its name that is computed by it, and so has every
/// structural operation.
#[test]
fn every_primitive_has_a_case() {
    let losses = Subject::read("primitives.tot").operations();
    let structural = [
        "select",
        "slice",
        "gather",
        "rename",
        "flatten",
        "unflatten",
        "expand",
        "concat",
        "pad",
        "cast",
        "embeddingrows",
        "repeat",
    ];
    let primitives =
        primitive::all().filter(|row| !matches!(row.derivative, Derivative::Stops)).map(|row| row.name);
    let lacking: Vec<&str> = primitives
        .chain(structural)
        .filter(|name| !losses.get(*name).is_some_and(|operations| operations.contains(*name)))
        .collect();
    assert!(lacking.is_empty(), "no loss of tests/gradients/primitives.tot is computed by {lacking:?}");
}

/// Every net and function of the library has a loss of its name. Metrics count, and let no gradient through.
#[test]
fn every_library_item_has_a_case() {
    let losses = Subject::read("nets.tot").operations();
    let mut lacking = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/std");
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "metrics.tot" {
            continue;
        }
        let (mut sources, mut sink) = (Sources::default(), Sink::default());
        let modules = load(&entry.path(), &Disk, &mut sources, &mut sink).unwrap();
        for item in &modules.by_path[""].tree.items {
            let name = match &item.kind {
                ItemKind::Net(net) => Some(&net.name),
                ItemKind::Fn(function) => function.name.as_ref(),
                _ => None,
            };
            lacking.extend(name.map(|name| name.name.clone()).filter(|name| !losses.contains_key(name)));
        }
    }
    assert!(lacking.is_empty(), "no loss of tests/gradients/nets.tot is called like {lacking:?}");
}
