//! Ten training steps of the compiled TRM against the reference code (`opt_README.md`): optimisers, table updates,
//! halting, moving average.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::run::named;
use indexmap::IndexMap;
use tch::{Device, Kind, Tensor, no_grad};
use totc::Values;
use totc::data::{DataError, Dataset, Example, Mark, Sizes, Verdict};
use totc::exec::{Executable, Weights};
use totc::ir::{Mode, WeightInfo};
use totc::lower::Program;
use totc::model::{Bindings, Setting};
use totc::train::optimiser::{MainOptimiser, Treatment, update_rows};
use totc::train::{Batch, EvaluationWeights, Optimiser, Programs, Schedule, Tables, TrainConfig, Trainer};

use crate::fixture::compile;
use crate::names::path_of;
use crate::table::Trajectory;

const B: usize = 4;

/// A fixture: its tensors, and the scalars of its json.
struct Golden {
    tensors: BTreeMap<String, Tensor>,
    info: serde_json::Value,
}

impl Golden {
    fn read(name: &str) -> Golden {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let path = std::env::var("TOTC_GOLDEN").map_or(folder, PathBuf::from).join(name);
        let tensors = Tensor::read_safetensors(path.with_extension("safetensors")).unwrap();
        let info = std::fs::read(path.with_extension("json")).unwrap();
        Golden { tensors: tensors.into_iter().collect(), info: serde_json::from_slice(&info).unwrap() }
    }

    fn get(&self, name: &str) -> &Tensor {
        self.tensors.get(name).unwrap_or_else(|| panic!("the fixture has no `{name}`"))
    }

    /// All tensors under `prefix` by totc's weight paths.
    fn weights(&self, prefix: &str) -> Vec<(String, &Tensor)> {
        let inside =
            self.tensors.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?, tensor)));
        inside.map(|(name, tensor)| (path_of(name), tensor)).collect()
    }

    fn batch(&self, step: usize) -> Batch {
        let column = |name: &str| self.get(&format!("batch{step:02}.{name}")).shallow_clone();
        Batch::from([
            ("question".to_owned(), column("inputs")),
            ("puzzle".to_owned(), column("puzzle_identifiers")),
            ("answer".to_owned(), column("labels")),
        ])
    }

    fn number(&self, name: &str) -> f64 {
        self.info["hyperparameters"][name].as_f64().unwrap()
    }

    fn config(&self) -> TrainConfig {
        let name = match self.info["hyperparameters"]["optimizer"].as_str().unwrap() {
            "AdamW" => "adamw",
            _ => "adam_atan2",
        };
        let weight_decay = self.number("weight_decay");
        TrainConfig {
            batch: B,
            optimiser: Optimiser {
                name: name.into(),
                lr: self.number("lr"),
                weight_decay,
                ..Optimiser::default()
            },
            tables: Tables {
                lr: self.number("puzzle_emb_lr"),
                weight_decay: self.number("puzzle_emb_weight_decay"),
            },
            schedule: Schedule {
                warmup: self.number("lr_warmup_steps") as u64,
                floor: self.number("lr_min_ratio"),
            },
            ema: Some(self.number("ema_rate")),
            ..TrainConfig::default()
        }
    }
}

/// `models/trm.tot` at the fixture's sizes.
fn compiled(golden: &Golden, mode: Mode, precision: Kind) -> Program {
    let mut bindings = Bindings { precision: named(precision), ..Bindings::new(mode) };
    let config = &golden.info["config"];
    let sets = [
        ("hidden", "hidden_size"),
        ("heads", "num_heads"),
        ("expansion", "expansion"),
        ("layers", "L_layers"),
        ("T", "H_cycles"),
        ("n", "L_cycles"),
        ("puzzle_tokens", "puzzle_emb_len"),
        ("puzzle_width", "puzzle_emb_ndim"),
        ("max_steps", "halt_max_steps"),
        ("explore", "halt_exploration_prob"),
    ];
    for (ours, theirs) in sets {
        bindings.sets.insert(ours.to_owned(), Setting::parse(&config[theirs].to_string()));
    }
    let sizes = [
        ("batch", "batch_size"),
        ("cell", "seq_len"),
        ("symbol", "vocab_size"),
        ("task", "num_puzzle_identifiers"),
    ];
    for (ours, theirs) in sizes {
        bindings.sizes.insert(ours.to_owned(), config[theirs].as_u64().unwrap() as usize);
    }
    compile("trm.tot", &bindings, Values::Dropped)
}

/// Batches come from the fixture; only the sizes matter.
struct NoData;

impl Dataset for NoData {
    fn sizes(&self) -> Sizes {
        Sizes { cell: 16, symbol: 6, task: 5 }
    }
    fn train_len(&self) -> usize {
        1
    }
    fn test_len(&self) -> usize {
        0
    }
    fn train_example(&self, _: u64, _: u64) -> Example {
        unreachable!()
    }
    fn test_example(&self, _: usize) -> Option<Example> {
        None
    }
    fn describe(&self) -> String {
        "none".into()
    }
    fn parse_puzzle(&self, _: &str) -> Result<Example, DataError> {
        unreachable!()
    }
    fn render_styled(&self, _: &[i64], _: &[i64], _: &dyn Fn(Mark, &str) -> String) -> String {
        unreachable!()
    }
    fn validate(&self, _: &[i64], _: &[i64]) -> Verdict {
        Verdict::default()
    }
}

fn difference(one: &Tensor, other: &Tensor) -> f64 {
    no_grad(|| (one.reshape_as(other) - other).abs().max().double_value(&[]))
}

/// The weights at first, in the shapes of `program`.
fn start(golden: &Golden, program: &Program, precision: Kind) -> Weights {
    let stored: IndexMap<_, _> = golden.weights("w0.").into_iter().collect();
    let weight = |info: &WeightInfo| {
        (info.path.clone(), stored[&info.path].reshape(&info.shape).to_kind(precision).copy())
    };
    Weights { tensors: program.weights.iter().map(weight).collect() }
}

#[test]
fn the_first_update_of_each_optimiser_is_the_references() {
    for name in ["opt_trm_att_adamw", "opt_trm_att_adam_atan2"] {
        let golden = Golden::read(name);
        let config = golden.config();
        let mut optimiser = MainOptimiser::new(&config.optimiser).unwrap();
        let before: IndexMap<_, _> = golden.weights("w0.").into_iter().collect();
        let after: IndexMap<_, _> = golden.weights("w1.").into_iter().collect();
        let treatment =
            Treatment { lr: config.optimiser.lr, weight_decay: config.optimiser.weight_decay, frozen: false };
        for (path, gradient) in golden.weights("grad1.") {
            // In float64, so that what is left is the published rounding: four operations on weights below 2,
            // 4 · 2 · 2⁻²⁴ = 5e-7. A step is of the size of the learning rate, a thousand times as large.
            let weight = &before[&path].to_kind(Kind::Double).copy();
            optimiser.update(&path, weight, &gradient.to_kind(Kind::Double), treatment, 1.0).unwrap();
            let apart = difference(weight, after[&path]);
            assert!(apart < 5e-7, "{name} {path}: {apart:.1e}");
        }
    }
}

#[test]
fn ten_table_updates_are_the_references() {
    for name in ["opt_trm_att_adamw", "opt_trm_att_adam_atan2"] {
        let golden = Golden::read(name);
        let mut table = golden.get("w0.inner.puzzle_emb.weights").copy();
        for step in 1..=10 {
            let part = |name: &str| golden.get(&format!("puzzle.{step:02}.{name}"));
            update_rows(&mut table, part("local_ids"), part("grad_local_weights"), 0.01, 0.1).unwrap();
            // Up to ten steps of two float32 operations each on rows below 1: 20 · 2⁻²⁴ = 1e-6; one sign is worth 2e-2.
            let apart = difference(&table, part("weights_after"));
            assert!(apart < 1e-5, "{name}, step {step}: {apart:.1e}");
        }
    }
}

/// Drives ten steps of `programs` with the fixture's batches and compares everything the fixture has.
fn ten_steps(name: &str, precision: Kind) -> Vec<Trajectory> {
    let golden = Golden::read(name);
    let step = |mode| Box::new(Executable::new(compiled(&golden, mode, precision), Device::Cpu).unwrap());
    let programs = Programs { training: step(Mode::Training), evaluation: step(Mode::Evaluation) };
    let config = golden.config();
    assert_eq!(config.evaluation.weights, EvaluationWeights::Average);
    let weights = start(&golden, programs.training.program(), precision);
    let mut trainer = Trainer::new(config, programs, Arc::new(NoData), weights).unwrap();
    let mut rows: Vec<Trajectory> = Vec::new();
    let mut near = |what: &str, apart: f64, allowed: f64| {
        assert!(apart < allowed, "{name}, {what}: {apart:.1e} apart, at most {allowed:.0e}");
        match rows.iter_mut().find(|row| row.what == what) {
            Some(row) => row.apart = row.apart.max(apart),
            None => rows.push(Trajectory { fixture: name.to_owned(), what: what.to_owned(), apart, allowed }),
        }
    };
    // Losses: sums over 4 rows of means of cross entropies of logits that are 1e-5 apart after one step, and of weights that
    // have been updated apart afterwards. Weights: each step rounds those below 2 to 2⁻²³, and updates by at most the
    // learning rate of 1e-4, which is off by the share that its gradient is, 1e-2 where that is nearly 0: 1e-6 a step.
    // The average moves by a thousandth of that, and is rounded ten times. Moments: shares of gradients of up to about 1
    // that are known to 1e-5. All with an order of magnitude of room.
    for step in 1..=10 {
        let report = trainer.step_on(&golden.batch(step)).unwrap();
        let then = &golden.info["steps"][step - 1];
        let loss = (report.loss * B as f64 - then["loss"].as_f64().unwrap()).abs();
        near(if step == 1 { "loss of step 1" } else { "losses of steps 2 to 10" }, loss, 2e-4);
        let metric = |name: &str| then["metrics"][name].as_f64().unwrap();
        let pairs = [
            (report.metrics["accuracy"], metric("accuracy")),
            (report.metrics["exact"], metric("exact_accuracy")),
            (report.count as f64, metric("count")),
            (report.steps as f64, metric("steps")),
        ];
        pairs.into_iter().for_each(|(now, then)| near("metrics", (now - then).abs(), 1e-6));
        near("learning rate", (report.lr - then["lr"].as_f64().unwrap()).abs(), 1e-12);
        let halted: Vec<bool> =
            then["halted"].as_array().unwrap().iter().map(|halted| halted.as_bool().unwrap()).collect();
        assert_eq!(trainer.carry().halted, halted, "step {step}");
        let rows = difference(
            trainer.weights().get("prompt.rows").unwrap(),
            golden.get(&format!("puzzle.{step:02}.weights_after")),
        );
        near("puzzle table (sign descent), all steps", rows, 1e-5);
        if step == 1 {
            let apart = furthest(&golden, "w1.", |path| trainer.weights().get(path));
            near("weights after step 1", apart, 1e-5);
        }
    }
    let averaged = trainer.averaged_weights();
    let memory: IndexMap<_, _> = trainer.optimiser_state().unwrap().into_iter().collect();
    near("weights after step 10", furthest(&golden, "w10.", |path| trainer.weights().get(path)), 2e-5);
    near("moving average after step 10", furthest(&golden, "ema10.", |path| averaged.get(path)), 1e-5);
    let first = furthest(&golden, "m10.", |path| memory.get(&format!("m.{path}")));
    near("first moments after step 10", first, 1e-4);
    let second = furthest(&golden, "v10.", |path| memory.get(&format!("v.{path}")));
    near("second moments after step 10", second, 1e-4);
    rows
}

/// The largest difference of the tensors under `prefix`.
fn furthest<'t>(golden: &Golden, prefix: &str, now: impl Fn(&str) -> Option<&'t Tensor>) -> f64 {
    let apart = golden.weights(prefix).into_iter().map(|(path, then)| {
        difference(now(&path).unwrap_or_else(|| panic!("{prefix}{path} is missing")), then)
    });
    apart.fold(0.0, |most, apart| if apart.is_nan() { apart } else { most.max(apart) })
}

pub fn trajectories(precision: Kind) -> Vec<Trajectory> {
    let names = ["opt_trm_att_adamw", "opt_trm_att_adam_atan2"];
    names.into_iter().flat_map(|name| ten_steps(name, precision)).collect()
}
