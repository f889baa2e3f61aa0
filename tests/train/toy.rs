//! A toy model, its data and its settings, for tests of the trainer: formulas small enough to be done again by hand.
#![allow(dead_code, reason = "each test that includes this file uses a part of it")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tch::{Device, Kind, Tensor};
use totc::data::{DataError, Dataset, Example, Mark, Sizes, Verdict};
use totc::exec::{ExecError, Inputs, OutputValues, Outputs, TableRows, Weights};
use totc::ir::op::Init;
use totc::ir::{
    HaltInfo, InputInfo, InputRole, Mode, OutputKind, OutputName, StateInfo, WeightInfo, WeightRole,
};
use totc::lower::{CarriedInfo, OutputId, OutputInfo, Program};
use totc::source::Span;
use totc::train::{
    Length, Optimiser, ParamGroup, Programs, Schedule, SupervisionStep, TrainConfig, TrainError, Trainer,
};
use totc::types::{Axes, Axis, AxisSize, Dim, Kind as ValueKind, Ty};

pub const CELLS: i64 = 3;
pub const SYMBOLS: i64 = 5;
pub const WIDTH: i64 = 4;
pub const AT_MOST: usize = 4;

/// Answers each token by the next one; example 4 of the test set has no labels.
pub struct NextToken;

impl NextToken {
    pub fn example(k: u64) -> Example {
        let inputs: Vec<i64> = (0..CELLS as u64).map(|cell| ((k * 7 + cell * 3) % 4) as i64).collect();
        let labels = inputs.iter().map(|token| token + 1).collect();
        Example { inputs, labels, puzzle: (k % 3) as i64 }
    }
}

impl Dataset for NextToken {
    fn sizes(&self) -> Sizes {
        Sizes { cell: CELLS as usize, symbol: SYMBOLS as usize, task: 3 }
    }
    fn train_len(&self) -> usize {
        12
    }
    fn test_len(&self) -> usize {
        7
    }
    fn train_example(&self, seed: u64, k: u64) -> Example {
        NextToken::example(seed + k)
    }
    fn test_example(&self, i: usize) -> Option<Example> {
        let example = NextToken::example(i as u64);
        let labels = if i == 4 { vec![-100; CELLS as usize] } else { example.labels.clone() };
        (i < 7).then_some(Example { labels, ..example })
    }
    fn describe(&self) -> String {
        "the next token".into()
    }
    fn parse_puzzle(&self, _: &str) -> Result<Example, DataError> {
        Ok(NextToken::example(0))
    }
    fn render_styled(&self, _: &[i64], _: &[i64], _: &dyn Fn(Mark, &str) -> String) -> String {
        String::new()
    }
    fn validate(&self, _: &[i64], _: &[i64]) -> Verdict {
        Verdict::default()
    }
}

/// One recurrent layer with noise, so that libtorch's generator matters.
pub struct Toy {
    pub program: Program,
    pub noise: f64,
    /// Added to the loss: for losses that are no numbers.
    pub offset: f64,
    /// The halting condition, by steps done.
    pub halts: fn(&Inputs, &Tensor) -> Tensor,
}

pub fn at_three_quarters(_: &Inputs, share: &Tensor) -> Tensor {
    share.gt(0.6)
}

pub fn toy(mode: Mode, batch: i64) -> Toy {
    let weight = |path: &str, role, shape: &[i64]| WeightInfo {
        path: path.into(),
        role,
        shape: shape.to_vec(),
        axes: Vec::new(),
        outputs: 0,
        init: Init::Constant(0.0),
        span: Span::NONE,
    };
    let input = |name: &str, axes: &[&str], shape: &[i64], index_of: &str, role| InputInfo {
        name: name.into(),
        axes: axes.iter().map(|axis| (*axis).to_owned()).collect(),
        shape: shape.to_vec(),
        index_of: Some(index_of.into()),
        role,
    };
    let mut axes = Axes::default();
    let mut dim = |name: &str, size: i64| {
        let axis = Axis {
            name: name.into(),
            size: AxisSize::Fixed(size as usize),
            parts: Vec::new(),
            span: Span::NONE,
            origin: String::new(),
        };
        Dim { axis: axes.add(axis), size: size as usize }
    };
    let rows = dim("batch", batch);
    let (symbols, cells) = (dim("symbol", SYMBOLS), dim("cell", CELLS));
    // The symbols come before the cells in memory: reading predictions must not rely on an order.
    let logits = Ty::new(ValueKind::Float, vec![rows, symbols, cells]);
    let y = Ty::new(ValueKind::Float, vec![rows, cells, dim("dim", WIDTH)]);
    let per_row = |kind| Ty::new(kind, vec![rows]);
    let outputs = [
        (OutputKind::State, "y", y),
        (OutputKind::Loss, "answering", per_row(ValueKind::Float)),
        (OutputKind::Loss, "nothing", Ty::scalar(ValueKind::Float)),
        (OutputKind::Metric, "exact", per_row(ValueKind::Bool)),
        (OutputKind::Metric, "steps", per_row(ValueKind::Int)),
        (OutputKind::Prediction, "logits", logits),
        (OutputKind::Halt, "", per_row(ValueKind::Bool)),
    ];
    let value = totc::lower::Operand::Slot(0);
    let outputs = outputs.map(|(kind, name, ty)| OutputInfo { name: OutputName::new(kind, name), value, ty });
    Toy {
        program: Program {
            steps_in_a_row: 1,
            model: "Toy".into(),
            mode,
            precision: Default::default(),
            batch: None,
            axes,
            weights: vec![
                weight("embed.weight", WeightRole::Param, &[SYMBOLS, WIDTH]),
                weight("layer.weight", WeightRole::Param, &[WIDTH, WIDTH]),
                weight("head.weight", WeightRole::Param, &[SYMBOLS, WIDTH]),
                weight("unused.weight", WeightRole::Param, &[2]),
                weight("prompt.rows", WeightRole::Table, &[3, WIDTH]),
                weight("y0", WeightRole::Buffer, &[WIDTH]),
            ],
            inputs: vec![
                input("question", &["batch", "cell"], &[batch, CELLS], "symbol", InputRole::Input),
                input("puzzle", &["batch"], &[batch], "task", InputRole::Input),
                input("answer", &["batch", "cell"], &[batch, CELLS], "symbol", InputRole::Target),
            ],
            states: vec![StateInfo {
                name: "y".into(),
                axes: ["batch", "cell", "dim"].map(String::from).to_vec(),
                shape: vec![batch, CELLS, WIDTH],
                history: 2,
            }],
            outputs: outputs.into(),
            carried: [("y", Some(OutputId(0))), ("y@2", None)]
                .map(|(name, given)| CarriedInfo { name: name.into(), state: 0, given })
                .into(),
            gradients: Vec::new(),
            recompute: Default::default(),
            halt: Some(HaltInfo { at_most: AT_MOST, explore: 0.3, learned: true }),
            slots: 0,
            body: Vec::new(),
        },
        noise: if mode == Mode::Training { 0.05 } else { 0.0 },
        offset: 0.0,
        halts: at_three_quarters,
    }
}

impl SupervisionStep for Toy {
    fn program(&self) -> &Program {
        &self.program
    }

    fn precision(&self) -> Kind {
        Kind::Float
    }

    fn run(&self, weights: &Weights, inputs: &Inputs) -> Result<Outputs, ExecError> {
        // Its gradients are libtorch's.
        let learns = self.program.mode == Mode::Training;
        let params: Vec<(&str, Tensor)> = ["embed.weight", "layer.weight", "head.weight"]
            .map(|path| (path, weights.get(path).unwrap().copy().set_requires_grad(learns)))
            .into();
        let w = |path: &str| match params.iter().find(|(known, _)| *known == path) {
            Some((_, weight)) => weight,
            None => weights.get(path).unwrap(),
        };
        let y = w("y0").where_self(&inputs.fresh.view([-1, 1, 1]), &inputs.states["y"]);
        assert_eq!(inputs.states["y@2"].size(), y.size());
        let ids = inputs.data["puzzle"].shallow_clone();
        let leaf = w("prompt.rows").index_select(0, &ids).set_requires_grad(learns);
        let question = &inputs.data["question"];
        let size = [question.size()[0], CELLS, WIDTH];
        let x = w("embed.weight").index_select(0, &question.flatten(0, -1)).view(size) + leaf.unsqueeze(1);
        let y = (&y + x + Tensor::randn(size, (Kind::Float, y.device())) * self.noise)
            .linear::<Tensor>(w("layer.weight"), None)
            .tanh();
        let logits = y.linear::<Tensor>(w("head.weight"), None);
        let answer = &inputs.data["answer"];
        let loss = logits.transpose(1, 2).cross_entropy_loss::<&Tensor>(
            answer,
            None,
            tch::Reduction::None,
            -100,
            0.0,
        );
        let right = logits.argmax(-1, false).eq_tensor(answer);
        let share = right.to_kind(Kind::Float).mean_dim(1, false, Kind::Float);
        // In the program's order.
        let outputs = [
            y,
            loss.mean_dim(1, false, Kind::Float) + self.offset,
            Tensor::from(0.0),
            right.all_dim(1, false),
            inputs.steps.shallow_clone(),
            logits.transpose(1, 2),
            (self.halts)(inputs, &share),
        ];
        let (mut gradients, mut rows) = (Default::default(), Vec::new());
        if learns {
            let leaves: Vec<&Tensor> = params.iter().map(|(_, weight)| weight).chain([&leaf]).collect();
            let total = outputs[1].mean(Kind::Double);
            let mut found = Tensor::run_backward(&[total], &leaves, false, false);
            let gradient = found.pop().unwrap();
            rows.push(TableRows { table: "prompt.rows".into(), ids, gradient });
            let named = params.iter().map(|(path, _)| (*path).to_owned());
            gradients = named.zip(found).collect();
        }
        let values = outputs.map(|value| value.detach()).into();
        let values = OutputValues::new(&OutputValues::names_of(&self.program), values);
        Ok(Outputs { values, gradients, rows })
    }
}

/// libtorch has one generator per process, so tests that draw from it or seed it take turns.
pub fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn weights() -> Weights {
    tch::manual_seed(1);
    let tensors = toy(Mode::Training, 1)
        .program
        .weights
        .into_iter()
        .map(|info| (info.path, Tensor::randn(&info.shape, (Kind::Float, Device::Cpu)) * 0.5));
    Weights { tensors: tensors.collect() }
}

pub fn config() -> TrainConfig {
    TrainConfig {
        seed: 11,
        batch: 6,
        length: Length::Steps(40),
        optimiser: Optimiser { name: "adamw".into(), lr: 1e-2, weight_decay: 0.1, ..Optimiser::default() },
        groups: vec![ParamGroup { weights: "embed.*".into(), lr_factor: Some(0.5), ..ParamGroup::default() }],
        schedule: Schedule { warmup: 5, floor: 0.1, ..Schedule::default() },
        clip: Some(1.0),
        ema: Some(0.9),
        ..TrainConfig::default()
    }
}

pub fn programs() -> Programs {
    Programs { training: Box::new(toy(Mode::Training, 6)), evaluation: Box::new(toy(Mode::Evaluation, 4)) }
}

pub fn trainer(config: TrainConfig) -> Trainer {
    Trainer::new(config, programs(), Arc::new(NextToken), weights()).unwrap()
}

pub fn resumed(config: TrainConfig, folder: &Path) -> Result<Trainer, TrainError> {
    Trainer::resume(config, programs(), Arc::new(NextToken), Device::Cpu, folder)
}

pub fn numbers(tensor: &Tensor) -> Vec<f64> {
    Vec::<f64>::try_from(tensor.detach().flatten(0, -1).to_kind(Kind::Double)).unwrap()
}

/// Every number a run consists of, bit by bit.
pub fn all_bits(trainer: &Trainer) -> BTreeMap<String, Vec<u64>> {
    let bits = |tensor: &Tensor| numbers(tensor).into_iter().map(f64::to_bits).collect::<Vec<_>>();
    let mut all = BTreeMap::new();
    for (path, weight) in &trainer.weights().tensors {
        all.insert(format!("weight {path}"), bits(weight));
    }
    for (path, weight) in &trainer.averaged_weights().tensors {
        all.insert(format!("average {path}"), bits(weight));
    }
    for (name, tensor) in trainer.optimiser_state().unwrap() {
        all.insert(format!("memory {name}"), bits(&tensor));
    }
    let carry = trainer.carry();
    for (name, tensor) in carry.states.iter().chain(&carry.data) {
        all.insert(format!("carry {name}"), bits(tensor));
    }
    all.insert("steps".into(), carry.steps.iter().map(|steps| *steps as u64).collect());
    all.insert("halted".into(), carry.halted.iter().map(|halted| u64::from(*halted)).collect());
    all.insert("counts".into(), vec![trainer.steps_done(), trainer.examples_seen()]);
    all
}
