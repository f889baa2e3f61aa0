//! Gradients of several supervision steps before one update, on the toy model: sums recomputed from the optimiser's
//! memory of a run that updates at every step, and resumed in between.
#![cfg(feature = "torch")]

#[path = "train/toy.rs"]
mod toy;

use std::collections::BTreeMap;

use tch::Tensor;
use totc::train::{Optimiser, Schedule, Tables, TrainConfig, Trainer};
use toy::*;

/// Weights that never move: the gradients of every step are those of the same weights.
fn at_rest(accumulate: u64) -> TrainConfig {
    TrainConfig {
        accumulate,
        clip: None,
        optimiser: Optimiser { name: "adamw".into(), lr: 0.0, weight_decay: 0.0, ..Optimiser::default() },
        tables: Tables { lr: 0.0, weight_decay: 0.0 },
        groups: Vec::new(),
        ..config()
    }
}

fn memory(trainer: &Trainer) -> BTreeMap<String, Tensor> {
    trainer.optimiser_state().unwrap().into_iter().map(|(name, tensor)| (name, tensor.copy())).collect()
}

/// AdamW remembers m = β₁·m + (1 - β₁)·g. Step by step, g₁ and g₂ can be read off m₁ and m₂; added up first,
/// m = (1 - β₁)·(g₁ + g₂) after one update.
#[test]
fn losses_of_consecutive_steps_add_up_to_one_update() {
    let _turn = alone();
    const BETA: f64 = 0.9;
    let mut single = trainer(at_rest(1));
    single.step().unwrap();
    let first = memory(&single);
    single.step().unwrap();
    let second = memory(&single);
    let mut together = trainer(at_rest(2));
    together.step().unwrap();
    assert!(memory(&together).is_empty(), "an update after one step");
    together.step().unwrap();
    let found = memory(&together);
    let mut compared = 0;
    for (name, sum) in &found {
        if name.starts_with("count.") {
            assert_eq!(numbers(sum), [1.0], "{name}");
        }
        if name.starts_with("m.") {
            let expected = &second[name] - &first[name] * BETA + &first[name];
            let scale = expected.abs().max().double_value(&[]);
            // The same gradients, added and averaged in some ten float32 operations: 10 · 2⁻²⁴ = 6e-7, with room.
            let apart = (sum - expected).abs().max().double_value(&[]);
            assert!(scale > 0.0 && apart <= 1e-5 * scale, "{name}: {apart:.1e} of {scale:.1e}");
            compared += 1;
        }
    }
    assert_eq!(compared, 3);
}

#[test]
fn weights_tables_and_averages_move_only_at_an_update() {
    let _turn = alone();
    let mut trainer = trainer(TrainConfig {
        accumulate: 3,
        schedule: Schedule { warmup: 0, floor: 1.0, ..Schedule::default() },
        length: totc::train::Length::Steps(8),
        ..config()
    });
    let bits = |trainer: &Trainer| -> BTreeMap<String, Vec<u64>> {
        let moving = |name: &String| name.starts_with("weight ") || name.starts_with("average ");
        all_bits(trainer).into_iter().filter(|(name, _)| moving(name)).collect()
    };
    let mut before = bits(&trainer);
    for step in 1..=8u64 {
        trainer.step().unwrap();
        let now = bits(&trainer);
        // The run ends at step 8: what is left then counts too.
        let moves = step % 3 == 0 || step == 8;
        for name in ["weight layer.weight", "weight prompt.rows", "average layer.weight"] {
            assert_eq!(before[name] != now[name], moves, "{name} at step {step}");
        }
        before = now;
    }
}

#[test]
fn a_run_resumed_between_updates_is_the_uninterrupted_one_bit_by_bit() {
    let _turn = alone();
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("run/checkpoint");
    let config = || TrainConfig { accumulate: 3, ..config() };
    let (mut whole, mut first) = (trainer(config()), trainer(config()));
    for _ in 0..8 {
        whole.step().unwrap();
        first.step().unwrap();
    }
    first.save(&folder).unwrap();
    let mut second = resumed(config(), &folder).unwrap();
    for _ in 0..6 {
        whole.step().unwrap();
        second.step().unwrap();
    }
    assert_eq!(all_bits(&second), all_bits(&whole));
}

/// Two supervision steps are one of training (`carry grad 2`): of four at most, a sample has two steps of training.
#[test]
fn steps_in_a_row_count_for_halting() {
    let _turn = alone();
    let mut both = programs();
    let mut training = toy(totc::ir::Mode::Training, 6);
    training.program.steps_in_a_row = 2;
    training.halts = |_, share| share.gt(2.0);
    both.training = Box::new(training);
    let mut trainer = Trainer::new(config(), both, std::sync::Arc::new(NextToken), weights()).unwrap();
    let told: Vec<_> = (0..5).map(|_| trainer.step().unwrap()).collect();
    assert_eq!(told.iter().map(|metrics| metrics.admitted).collect::<Vec<_>>(), [6, 0, 6, 0, 6]);
    assert_eq!(told.iter().map(|metrics| metrics.steps).collect::<Vec<_>>(), [0, 24, 0, 24, 0]);
}
