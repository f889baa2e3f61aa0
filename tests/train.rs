//! The trainer on a toy model: formulas recomputed number by number, resuming bit by bit, halting, evaluation, errors.
#![cfg(feature = "torch")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};
use totc::data::{DataError, Dataset, Example, Mark, Sizes, Verdict};
use totc::exec::{ExecError, Inputs, Outputs, TableRows, Weights};
use totc::lower::{HaltInfo, InputInfo, InputRole, Mode, OutputInfo, Program, Role, StateInfo, WeightInfo};
use totc::model::ops::Init;
use totc::model::ty::{Axes, Axis, AxisSize, Dim, Kind as ValueKind, Ty};
use totc::source::Span;
use totc::train::optimiser::{MainOptimiser, Treatment, update_rows};
use totc::train::{
    Group, Length, Optimiser, Programs, Schedule, Stop, SupervisionStep, TrainConfig, TrainError, Trainer,
    checkpoint, clip, joint_norm, predict,
};

const CELLS: i64 = 3;
const SYMBOLS: i64 = 5;
const WIDTH: i64 = 4;
const AT_MOST: usize = 4;

/// Answers each token by the next one; example 4 of the test set has no labels.
struct NextToken;

impl NextToken {
    fn example(k: u64) -> Example {
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
struct Toy {
    program: Program,
    noise: f64,
    /// Added to the loss: for losses that are no numbers.
    offset: f64,
    /// The halting condition, by steps done.
    halts: fn(&Inputs, &Tensor) -> Tensor,
}

fn at_three_quarters(_: &Inputs, share: &Tensor) -> Tensor {
    share.gt(0.6)
}

fn toy(mode: Mode, batch: i64) -> Toy {
    let weight = |path: &str, role, shape: &[i64]| WeightInfo {
        path: path.into(),
        role,
        shape: shape.to_vec(),
        axes: Vec::new(),
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
    // The symbols come before the cells in memory: reading predictions must not rely on an order.
    let logits =
        Ty::new(ValueKind::Float, vec![dim("batch", batch), dim("symbol", SYMBOLS), dim("cell", CELLS)]);
    Toy {
        program: Program {
            model: "Toy".into(),
            mode,
            axes,
            weights: vec![
                weight("embed.weight", Role::Param, &[SYMBOLS, WIDTH]),
                weight("layer.weight", Role::Param, &[WIDTH, WIDTH]),
                weight("head.weight", Role::Param, &[SYMBOLS, WIDTH]),
                weight("unused.weight", Role::Param, &[2]),
                weight("prompt.rows", Role::Table, &[3, WIDTH]),
                weight("y0", Role::Buffer, &[WIDTH]),
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
            outputs: vec![OutputInfo {
                name: "predict.logits".into(),
                value: totc::lower::Operand::Slot(0),
                ty: logits,
            }],
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
        let w = |path: &str| weights.get(path).unwrap();
        let y = w("y0").where_self(&inputs.fresh.view([-1, 1, 1]), &inputs.states["y"]);
        assert_eq!(inputs.states["y@2"].size(), y.size());
        let ids = inputs.data["puzzle"].shallow_clone();
        let leaf =
            w("prompt.rows").index_select(0, &ids).set_requires_grad(self.program.mode == Mode::Training);
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
        let outputs = [
            ("state.y", y),
            ("loss.answering", loss.mean_dim(1, false, Kind::Float) + self.offset),
            ("loss.nothing", Tensor::from(0.0)),
            ("metric.exact", right.all_dim(1, false)),
            ("metric.steps", inputs.steps.shallow_clone()),
            ("predict.logits", logits.transpose(1, 2)),
            ("halt", (self.halts)(inputs, &share)),
        ];
        let rows = vec![TableRows { table: "prompt.rows".into(), ids, leaf }];
        Ok(Outputs {
            values: outputs.map(|(name, value)| (name.to_owned(), value)).into_iter().collect(),
            rows,
        })
    }
}

/// libtorch has one generator per process, so tests that draw from it or seed it take turns.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn weights() -> Weights {
    tch::manual_seed(1);
    let tensors = toy(Mode::Training, 1)
        .program
        .weights
        .into_iter()
        .map(|info| (info.path, Tensor::randn(&info.shape, (Kind::Float, Device::Cpu)) * 0.5));
    Weights { tensors: tensors.collect() }
}

fn config() -> TrainConfig {
    TrainConfig {
        seed: 11,
        batch: 6,
        length: Length::Steps(40),
        optimiser: Optimiser { name: "adamw".into(), lr: 1e-2, weight_decay: 0.1, ..Optimiser::default() },
        groups: vec![Group { weights: "embed.*".into(), lr_factor: Some(0.5), ..Group::default() }],
        schedule: Schedule { warmup: 5, floor: 0.1 },
        clip: Some(1.0),
        ema: Some(0.9),
        ..TrainConfig::default()
    }
}

fn programs() -> Programs {
    Programs { training: Box::new(toy(Mode::Training, 6)), evaluation: Box::new(toy(Mode::Evaluation, 4)) }
}

fn trainer(config: TrainConfig) -> Trainer {
    Trainer::new(config, programs(), Arc::new(NextToken), weights()).unwrap()
}

fn resumed(config: TrainConfig, folder: &Path) -> Result<Trainer, TrainError> {
    Trainer::resume(config, programs(), Arc::new(NextToken), Device::Cpu, folder)
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    Vec::<f64>::try_from(tensor.detach().flatten(0, -1).to_kind(Kind::Double)).unwrap()
}

/// Every number a run consists of, bit by bit.
fn all_bits(trainer: &Trainer) -> BTreeMap<String, Vec<u64>> {
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

#[test]
fn a_resumed_run_is_the_uninterrupted_one_bit_by_bit() {
    let _turn = alone();
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("run/checkpoint");
    let mut whole = trainer(config());
    let mut first = trainer(config());
    first.save(&folder).unwrap();
    assert_eq!(all_bits(&resumed(config(), &folder).unwrap()), all_bits(&first));
    for _ in 0..9 {
        whole.step().unwrap();
        first.step().unwrap();
    }
    first.save(&folder).unwrap();
    first.step().unwrap();
    drop(first);
    let mut second = resumed(config(), &folder).unwrap();
    assert_eq!(all_bits(&second), all_bits(&whole));
    for step in 10..=20 {
        // An evaluation in between changes nothing.
        if step == 13 {
            second.evaluate().unwrap();
        }
        let (one, other) = (whole.step().unwrap(), second.step().unwrap());
        assert_eq!((one.step, one.loss.to_bits(), one.metrics), (step, other.loss.to_bits(), other.metrics));
    }
    assert_eq!(all_bits(&second), all_bits(&whole));
}

/// Saves after every step until it is killed; does nothing unless the test below asks for it.
#[test]
fn saves_until_killed() {
    let Some(folder) = std::env::var_os("TOTC_TEST_SAVES_UNTIL_KILLED") else { return };
    let _turn = alone();
    let folder = Path::new(&folder);
    let mut run = if folder.exists() { resumed(config(), folder).unwrap() } else { trainer(config()) };
    loop {
        run.step().unwrap();
        run.save(folder).unwrap();
    }
}

#[test]
fn a_killed_run_always_leaves_a_checkpoint() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("checkpoint");
    let mut done = 0;
    for kill in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["saves_until_killed", "--exact"])
            .env("TOTC_TEST_SAVES_UNTIL_KILLED", &folder)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let saved = || checkpoint::peek(&folder).map_or(0, |journal| journal.step);
        while saved() <= done && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(700 * kill));
        child.kill().unwrap();
        child.wait().unwrap();
        let _turn = alone();
        let run = resumed(config(), &folder).unwrap();
        assert!(run.steps_done() > done, "kill {kill}");
        done = run.steps_done();
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
    }
    // However often it was killed, it is the run that was never killed.
    let _turn = alone();
    let mut whole = trainer(config());
    for _ in 0..done {
        whole.step().unwrap();
    }
    assert_eq!(all_bits(&resumed(config(), &folder).unwrap()), all_bits(&whole));
}

#[test]
fn training_learns_and_counts() {
    let _turn = alone();
    let mut trainer = trainer(TrainConfig { length: Length::Epochs(100.0), ..config() });
    assert_eq!(trainer.steps_in_all(), 200);
    let mut examples = 0;
    let mut losses = Vec::new();
    while !trainer.finished() {
        let report = trainer.step().unwrap();
        examples += report.admitted as u64;
        assert_eq!((report.examples, trainer.examples_seen()), (examples, examples));
        assert_eq!(report.metrics["steps"], report.steps as f64);
        assert_eq!(trainer.carry().halted.iter().filter(|halted| **halted).count(), report.count);
        assert!(trainer.carry().steps.iter().all(|steps| (1..=AT_MOST as i64).contains(steps)));
        losses.push(report.loss);
    }
    assert!(losses[199] < losses[0] / 4.0, "{} then {}", losses[0], losses[199]);
    let report = trainer.evaluate().unwrap();
    assert_eq!((report.examples, report.steps), (6, AT_MOST as f64));
    assert_eq!(report.by_step.len(), AT_MOST);
    assert_eq!(report.by_step[AT_MOST - 1], report.metrics);
    assert!(report.losses["answering"] < 0.8, "{report:?}");
    assert_eq!(report.metrics["steps"], AT_MOST as f64);
    assert_eq!(report.by_step[1]["steps"], 2.0);
}

/// Row `i` of a batch wants to halt from step `i` on.
fn row_by_row(inputs: &Inputs, _: &Tensor) -> Tensor {
    inputs.steps.ge_tensor(&Tensor::arange(inputs.steps.size()[0], (Kind::Int64, inputs.steps.device())))
}

#[test]
fn evaluation_may_stop_each_example_when_its_head_says_so() {
    let _turn = alone();
    let model = Toy { halts: row_by_row, ..toy(Mode::Evaluation, 4) };
    let protocol =
        totc::train::Protocol { stop: Stop::Halting, examples: Some(3), ..totc::train::Protocol::default() };
    let report = totc::train::evaluate(&model, &weights(), &NextToken, &protocol).unwrap();
    // Rows 0, 1 and 2 stop after 1, 1 and 2 steps.
    assert_eq!((report.examples, report.steps, report.halted), (3, 4.0 / 3.0, 1.0));
    assert_eq!(report.metrics["steps"], 4.0 / 3.0);
    assert_eq!(report.by_step.len(), AT_MOST);
    assert_eq!(report.by_step[0]["steps"], 1.0);
    let all = totc::train::Protocol { stop: Stop::AllSteps, steps: Some(2), ..protocol };
    let report = totc::train::evaluate(&model, &weights(), &NextToken, &all).unwrap();
    assert_eq!((report.steps, report.by_step.len()), (2.0, 2));
}

#[test]
fn predictions_are_read_by_axis_name() {
    let _turn = alone();
    let mut trained = trainer(config());
    for _ in 0..3 {
        trained.step().unwrap();
    }
    let model = Toy { halts: row_by_row, ..toy(Mode::Evaluation, 4) };
    let examples: Vec<Example> = (0..6).map(NextToken::example).collect();
    let predictions = predict(&model, trained.weights(), &NextToken, &examples, None, 0).unwrap();
    assert_eq!(predictions.len(), 6);
    let halted: Vec<_> = predictions.iter().map(|prediction| prediction.halted_at).collect();
    assert_eq!(halted, [Some(1), Some(1), Some(2), Some(3), Some(1), Some(1)]);
    for prediction in &predictions {
        assert_eq!(prediction.steps.len(), AT_MOST);
        let answer = prediction.last().unwrap();
        assert_eq!((answer.tokens.len(), answer.probabilities.len()), (CELLS as usize, CELLS as usize));
        assert!(answer.tokens.iter().all(|token| (0..SYMBOLS).contains(token)));
        assert!(answer.probabilities.iter().all(|share| (1.0 / SYMBOLS as f64..=1.0).contains(share)));
    }
    // The same examples in another place of the batch get the same answers.
    let alone = predict(&model, trained.weights(), &NextToken, &examples[5..], None, 0).unwrap();
    assert_eq!(alone[0].last().unwrap().tokens, predictions[5].last().unwrap().tokens);
}

/// One weight followed by hand in float64.
fn by_hand(name: &str, gradients: &[f64], lr: f64, decay: f64) -> f64 {
    let (mut p, mut m, mut v) = (0.7_f64, 0.0_f64, 0.0_f64);
    for (t, g) in (1..).zip(gradients) {
        m = 0.9 * m + (1.0 - 0.9) * g;
        v = 0.95 * v + (1.0 - 0.95) * g * g;
        let (c1, c2) = (1.0 - 0.9_f64.powi(t), 1.0 - 0.95_f64.powi(t));
        p *= 1.0 - lr * decay;
        p -= match name {
            "adamw" => lr * (m / c1) / ((v / c2).sqrt() + 1e-8),
            _ => lr / c1 * m.atan2((v / c2).sqrt()),
        };
    }
    p
}

#[test]
fn optimisers_follow_their_formulas() {
    let _turn = alone();
    let gradients = [0.3, -2.0, 0.0, 1e-4, 5.0, -0.2];
    for name in ["adamw", "adam_atan2"] {
        let mut optimiser =
            MainOptimiser::new(&Optimiser { name: name.into(), ..Optimiser::default() }).unwrap();
        let weight = Tensor::from_slice(&[0.7_f64]).set_requires_grad(true);
        let treatment = Treatment { lr: 0.1, weight_decay: 0.2, frozen: false };
        for gradient in gradients {
            optimiser.update("w", &weight, &Tensor::from_slice(&[gradient]), treatment, 0.5).unwrap();
        }
        let expected = by_hand(name, &gradients, 0.05, 0.2);
        assert!((numbers(&weight)[0] - expected).abs() < 1e-12, "{name}: {} {expected}", numbers(&weight)[0]);
    }
}

#[test]
fn table_rows_sum_equal_ids_and_leave_others_alone() {
    let _turn = alone();
    let mut table = Tensor::from_slice(&[1.0_f32, 1.0, 2.0, 2.0, 3.0, 3.0]).view([3, 2]);
    let ids = Tensor::from_slice(&[2_i64, 0, 2]);
    let gradients = Tensor::from_slice(&[1.0_f32, 1.0, -5.0, 0.0, -3.0, -1.0]).view([3, 2]);
    update_rows(&mut table, &ids, &gradients, 0.1, 0.5).unwrap();
    // Row 2: sums -2 and 0, so one coordinate moves up and the other only decays. Row 0: likewise. Row 1: nothing.
    let expected = [0.95 + 0.1, 0.95, 2.0, 2.0, 2.85 + 0.1, 2.85];
    let apart =
        numbers(&table).iter().zip(expected).map(|(one, other)| (one - other).abs()).fold(0.0, f64::max);
    assert!(apart < 1e-6, "{table}");
}

#[test]
fn clipping_bounds_the_joint_norm() {
    let _turn = alone();
    let gradients = || [Tensor::from_slice(&[3.0_f32, 0.0]), Tensor::from_slice(&[4.0_f32])];
    let mut large = gradients();
    let norm = joint_norm(&large, Device::Cpu).unwrap();
    assert_eq!(norm.double_value(&[]), 5.0);
    clip(&mut large, &norm, 1.0).unwrap();
    assert!(
        (large[0].double_value(&[0]) - 0.6).abs() < 1e-6 && (large[1].double_value(&[0]) - 0.8).abs() < 1e-6
    );
    let mut small = gradients();
    clip(&mut small, &norm, 10.0).unwrap();
    assert_eq!(numbers(&small[1]), [4.0]);
}

#[test]
fn frozen_and_unused_weights_and_buffers_stay() {
    let _turn = alone();
    let frozen = Group { weights: "layer.*".into(), frozen: true, ..Group::default() };
    let table = Group { weights: "prompt.rows".into(), frozen: true, ..Group::default() };
    let mut trainer = trainer(TrainConfig { groups: vec![frozen, table], ..config() });
    let before = all_bits(&trainer);
    for _ in 0..3 {
        trainer.step().unwrap();
    }
    let after = all_bits(&trainer);
    for path in ["layer.weight", "unused.weight", "prompt.rows", "y0"] {
        assert_eq!(before[&format!("weight {path}")], after[&format!("weight {path}")], "{path}");
    }
    for path in ["embed.weight", "head.weight"] {
        assert_ne!(before[&format!("weight {path}")], after[&format!("weight {path}")], "{path}");
    }
    assert!(!after.contains_key("memory m.unused.weight"));
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_before_the_weights_are_touched() {
    let _turn = alone();
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("checkpoint");
    let bad = Toy { offset: f64::NAN, ..toy(Mode::Training, 6) };
    let programs = Programs { training: Box::new(bad), ..programs() };
    let mut trainer = Trainer::new(config(), programs, Arc::new(NextToken), weights()).unwrap();
    let message = trainer.step().unwrap_err().to_string();
    assert!(message.contains("training step 1: loss `answering` is NaN in row 0"), "{message}");
    assert!(message.contains("no checkpoint has been written yet"), "{message}");
    trainer.save(&folder).unwrap();
    let message = trainer.step().unwrap_err().to_string();
    assert!(message.contains(&format!("the last good checkpoint is `{}`", folder.display())), "{message}");
    // The failed step is forgotten: the same rows would come again.
    assert_eq!(
        (trainer.carry().vacancies(), trainer.examples_seen(), &trainer.carry().steps),
        (6, 0, &vec![0; 6])
    );
    let untouched = weights();
    for (path, weight) in &trainer.weights().tensors {
        assert_eq!(numbers(weight), numbers(untouched.get(path).unwrap()), "{path}");
    }
}

#[test]
fn checkpoints_of_another_run_or_version_are_refused_in_words() {
    let _turn = alone();
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("checkpoint");
    let mut run = trainer(config());
    run.step().unwrap();
    run.save(&folder).unwrap();
    let refuse = |config| resumed(config, &folder).err().map(|error| error.to_string()).unwrap_or_default();

    let mut other = config();
    other.optimiser.lr = 2e-2;
    let message = refuse(other);
    assert!(message.contains("`optimiser.lr` was 0.01 and is now 0.02"), "{message}");
    let quicker = TrainConfig { checkpoints: Default::default(), evaluation: Default::default(), ..config() };
    assert_eq!(refuse(quicker), "");

    let journal = folder.join("state.json");
    let text = std::fs::read_to_string(&journal).unwrap();
    std::fs::write(&journal, text.replace("\"version\": 1", "\"version\": 7")).unwrap();
    assert!(refuse(config()).contains("format version 7, this totc reads version 1"), "{}", refuse(config()));
    std::fs::write(&journal, &text).unwrap();
    let weights = folder.join("weights.safetensors");
    let bytes = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &bytes[..bytes.len() - 5]).unwrap();
    assert!(refuse(config()).contains("is damaged or was not written by totc"), "{}", refuse(config()));
    std::fs::copy(folder.join("ema.safetensors"), &weights).unwrap();
    assert_eq!(refuse(config()), "");
    std::fs::copy(folder.join("state.safetensors"), &weights).unwrap();
    assert!(refuse(config()).contains("`embed.weight` is missing"), "{}", refuse(config()));
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(refuse(config()).contains("cannot read the checkpoint at"), "{}", refuse(config()));
}

#[test]
fn settings_that_cannot_be_are_refused_in_words() {
    let _turn = alone();
    let refuse = |config: TrainConfig| {
        Trainer::new(config, programs(), Arc::new(NextToken), weights()).err().map(|error| error.to_string())
    };
    let optimiser = |name: &str, options: &[(&str, f64)]| Optimiser {
        name: name.into(),
        options: options.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        ..Optimiser::default()
    };
    let cases = [
        (TrainConfig { batch: 5, ..config() }, "5 rows, but `Toy` was compiled for 6"),
        (TrainConfig { clip: Some(0.0), ..config() }, "setting `clip`"),
        (TrainConfig { ema: Some(1.0), ..config() }, "setting `ema`"),
        (TrainConfig { optimiser: optimiser("adam", &[]), ..config() }, "did you mean `adamw`?"),
        (TrainConfig { optimiser: optimiser("adamw", &[("beta", 0.9)]), ..config() }, "did you mean `beta"),
        (TrainConfig { optimiser: optimiser("adamw", &[("beta1", 1.0)]), ..config() }, "below 1"),
        (TrainConfig { optimiser: optimiser("adam_atan2", &[("eps", 1.0)]), ..config() }, "no such number"),
        (
            TrainConfig { groups: vec![Group { weights: "embd.*".into(), ..Group::default() }], ..config() },
            "did you mean `embed.*`?",
        ),
    ];
    for (config, expected) in cases {
        let message = refuse(config).unwrap_or_default();
        assert!(message.contains(expected), "{message} / {expected}");
    }
}

#[test]
fn a_phase_with_other_states_starts_the_batch_anew() {
    let _turn = alone();
    let mut trainer = trainer(config());
    for _ in 0..2 {
        trainer.step().unwrap();
    }
    let steps = trainer.carry().steps.clone();
    trainer.change_phase(programs()).unwrap();
    assert_eq!(trainer.carry().steps, steps);
    let mut other = toy(Mode::Training, 6);
    other.program.states[0].history = 3;
    trainer.change_phase(Programs { training: Box::new(other), ..programs() }).unwrap();
    assert_eq!(trainer.carry().vacancies(), 6);
    trainer.step().unwrap();
    let mut wider = toy(Mode::Training, 6);
    wider.program.weights[1].shape = vec![9, 9];
    let wider = Programs { training: Box::new(wider), ..programs() };
    assert!(trainer.change_phase(wider).unwrap_err().to_string().contains("other weights"));
}

#[test]
fn run_files_may_leave_out_everything_and_misspell_nothing() {
    let _turn = alone();
    let defaults: TrainConfig = ron::from_str("()").unwrap();
    assert_eq!(defaults, TrainConfig::default());
    let published = r#"(
        batch: 128, length: epochs(10.0), clip: Some(1.0),
        optimiser: (name: "adamw", lr: 1e-4, weight_decay: 0.1, options: {"beta2": 0.95}),
        groups: [(weights: "f.*", lr: Some(1e-5))],
        tables: (lr: 1e-2, weight_decay: 0.1),
        schedule: (warmup: 200, floor: 0.1),
        evaluation: (every: None, stop: halting, weights: trained),
    )"#;
    let config: TrainConfig = ron::from_str(published).unwrap();
    assert_eq!((config.groups[0].lr, config.evaluation.stop), (Some(1e-5), Stop::Halting));
    assert!(ron::from_str::<TrainConfig>("(batchsize: 3)").is_err());
    let text = ron::to_string(&config).unwrap();
    assert_eq!(ron::from_str::<TrainConfig>(&text).unwrap(), config);
}
