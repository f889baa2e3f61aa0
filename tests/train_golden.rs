//! Ten training steps of the compiled TRM against the reference code (`golden/opt_README.md`): optimisers, table
//! updates, halting, moving average.
#![cfg(feature = "torch")]

#[path = "golden/names.rs"]
mod names;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use names::path_of;
use tch::{Device, Kind, Tensor, no_grad};
use totc::data::{DataError, Dataset, Example, Mark, Sizes, Verdict};
use totc::diagnostic::Sink;
use totc::exec::{Executable, Weights};
use totc::lower::{Mode, Program, WeightInfo};
use totc::model::{Bindings, Setting};
use totc::source::Sources;
use totc::train::optimiser::{MainOptimiser, Treatment, update_rows};
use totc::train::{Batch, EvaluationWeights, Optimiser, Programs, Schedule, Tables, TrainConfig, Trainer};
use totc::{Values, syntax};

const B: usize = 4;

/// A fixture: its tensors, and the scalars of its json.
struct Golden {
    tensors: BTreeMap<String, Tensor>,
    info: serde_json::Value,
}

impl Golden {
    fn read(name: &str) -> Golden {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
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
fn compiled(golden: &Golden, mode: Mode) -> Program {
    let mut bindings = Bindings::new(mode);
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
    let (mut sources, mut sink) = (Sources::default(), Sink::default());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/trm.tot");
    let modules = syntax::load(&file, &syntax::Disk, &mut sources, &mut sink).unwrap();
    totc::compile(&modules, &sources, &bindings, Values::Dropped, &mut sink).unwrap().unwrap()
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
fn start(golden: &Golden, program: &Program) -> Weights {
    let stored: IndexMap<_, _> = golden.weights("w0.").into_iter().collect();
    let weight = |info: &WeightInfo| (info.path.clone(), stored[&info.path].reshape(&info.shape).copy());
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
            let weight = &before[&path].copy();
            optimiser.update(&path, weight, gradient, treatment, 1.0).unwrap();
            assert!(
                difference(weight, after[&path]) < 1e-7,
                "{name} {path}: {}",
                difference(weight, after[&path])
            );
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
            assert!(difference(&table, part("weights_after")) < 1e-7, "{name}, step {step}");
        }
    }
}

/// Drives ten steps of `programs` with the fixture's batches and compares everything the fixture has.
fn ten_steps(golden: &Golden, programs: Programs) {
    let config = golden.config();
    assert_eq!(config.evaluation.weights, EvaluationWeights::Average);
    let weights = start(golden, programs.training.program());
    let mut trainer = Trainer::new(config, programs, Arc::new(NoData), weights).unwrap();
    let near = |what: &str, now: f64, then: f64, tolerance: f64| {
        assert!((now - then).abs() < tolerance, "{what}: {now} instead of {then}");
    };
    for step in 1..=10 {
        let report = trainer.step_on(&golden.batch(step)).unwrap();
        let then = &golden.info["steps"][step - 1];
        near(&format!("loss {step}"), report.loss * B as f64, then["loss"].as_f64().unwrap(), 2e-4);
        let metric = |name: &str| then["metrics"][name].as_f64().unwrap();
        near("accuracy", report.metrics["accuracy"], metric("accuracy"), 1e-6);
        near("exact", report.metrics["exact"], metric("exact_accuracy"), 1e-9);
        near("count", report.count as f64, metric("count"), 1e-9);
        near("steps", report.steps as f64, metric("steps"), 1e-9);
        let halted: Vec<bool> =
            then["halted"].as_array().unwrap().iter().map(|halted| halted.as_bool().unwrap()).collect();
        assert_eq!(trainer.carry().halted, halted, "step {step}");
        let rows = difference(
            trainer.weights().get("prompt.rows").unwrap(),
            golden.get(&format!("puzzle.{step:02}.weights_after")),
        );
        assert!(rows < 1e-6, "table rows after step {step}: {rows}");
        if step == 1 {
            compare("w1.", golden, |path| trainer.weights().get(path).map(Tensor::shallow_clone), 2e-6);
        }
    }
    let averaged = trainer.averaged_weights();
    let memory: IndexMap<_, _> = trainer.optimiser_state().unwrap().into_iter().collect();
    compare("w10.", golden, |path| trainer.weights().get(path).map(Tensor::shallow_clone), 2e-5);
    compare("ema10.", golden, |path| averaged.get(path).map(Tensor::shallow_clone), 1e-6);
    compare("m10.", golden, |path| memory.get(&format!("m.{path}")).map(Tensor::shallow_clone), 1e-4);
    compare("v10.", golden, |path| memory.get(&format!("v.{path}")).map(Tensor::shallow_clone), 1e-4);
}

fn compare(prefix: &str, golden: &Golden, now: impl Fn(&str) -> Option<Tensor>, tolerance: f64) {
    let mut worst = (0.0, String::new());
    for (path, then) in golden.weights(prefix) {
        let now = now(&path).unwrap_or_else(|| panic!("{prefix}{path} is missing"));
        let apart = difference(&now, then);
        if apart > worst.0 {
            worst = (apart, path);
        }
    }
    println!("{prefix}: at most {:.2e} apart ({})", worst.0, worst.1);
    assert!(worst.0 < tolerance, "{prefix}{}: {}", worst.1, worst.0);
}

fn ten_steps_of(name: &str) {
    let golden = Golden::read(name);
    let step = |mode| Box::new(Executable::new(compiled(&golden, mode), Device::Cpu, Kind::Float));
    ten_steps(&golden, Programs { training: step(Mode::Training), evaluation: step(Mode::Evaluation) });
}

#[test]
fn ten_steps_with_adamw_are_the_references() {
    ten_steps_of("opt_trm_att_adamw");
}

#[test]
fn ten_steps_with_adam_atan2_are_the_references() {
    ten_steps_of("opt_trm_att_adam_atan2");
}
