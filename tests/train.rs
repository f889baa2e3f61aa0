//! The trainer on a toy model: formulas recomputed number by number, resuming bit by bit, halting, evaluation, errors.
#![cfg(feature = "torch")]

#[path = "train/toy.rs"]
mod toy;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};
use totc::data::Example;
use totc::exec::Inputs;
use totc::ir::Mode;
use totc::train::optimiser::{MainOptimiser, Treatment, update_rows};
use totc::train::{
    Length, Optimiser, ParamGroup, Programs, Stop, TrainConfig, Trainer, checkpoint, clip, joint_norm,
    predict,
};
use toy::*;

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
        // The last one, and the one before.
        assert!(std::fs::read_dir(root.path()).unwrap().count() <= 2);
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
        let weight = Tensor::from_slice(&[0.7_f64]);
        let treatment = Treatment { lr: 0.1, weight_decay: 0.2, frozen: false, outputs: 0 };
        for gradient in gradients {
            optimiser.update("w", &weight, &Tensor::from_slice(&[gradient]), treatment, 0.5).unwrap();
        }
        let expected = by_hand(name, &gradients, 0.05, 0.2);
        // Six updates of a dozen float64 operations each: 72 · 2⁻⁵³ = 8e-15, with room.
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
    // Three float32 operations on numbers below 4: 3 · 4 · 2⁻²⁴ = 7e-7, with room.
    assert!(apart < 1e-5, "{table}");
}

#[test]
fn clipping_bounds_the_joint_norm() {
    let _turn = alone();
    let gradients = || [Tensor::from_slice(&[3.0_f32, 0.0]), Tensor::from_slice(&[4.0_f32])];
    let mut large = gradients();
    let norm = joint_norm(large.iter(), Device::Cpu).unwrap();
    assert_eq!(norm.double_value(&[]), 5.0);
    clip(large.iter_mut(), &norm, 1.0).unwrap();
    // Three float32 operations on numbers below 1: 3 · 2⁻²⁴ = 2e-7, with room.
    assert!(
        (large[0].double_value(&[0]) - 0.6).abs() < 2e-6 && (large[1].double_value(&[0]) - 0.8).abs() < 2e-6
    );
    let mut small = gradients();
    clip(small.iter_mut(), &norm, 10.0).unwrap();
    assert_eq!(numbers(&small[1]), [4.0]);
}

#[test]
fn frozen_and_unused_weights_and_buffers_stay() {
    let _turn = alone();
    let frozen = ParamGroup { weights: "layer.*".into(), frozen: true, ..ParamGroup::default() };
    let table = ParamGroup { weights: "prompt.rows".into(), frozen: true, ..ParamGroup::default() };
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
    // An earlier totc kept no sums; what is damaged is then found by what it says.
    std::fs::remove_file(folder.join("SHA256SUMS")).unwrap();
    std::fs::write(&journal, text.replace("\"version\": 2", "\"version\": 7")).unwrap();
    assert!(refuse(config()).contains("format version 7, this totc reads version 2"), "{}", refuse(config()));
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
            TrainConfig {
                groups: vec![ParamGroup { weights: "embd.*".into(), ..ParamGroup::default() }],
                ..config()
            },
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
