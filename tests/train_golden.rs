//! Ten training steps against the reference code (`golden/opt_README.md`): optimisers, table updates, halting, moving
//! average. The model here is TRM written out by hand, so that what is tested is the trainer alone.
#![cfg(feature = "torch")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;
use tch::{Device, Kind, Tensor, no_grad};
use totc::data::{DataError, Dataset, Example, Mark, Sizes, Verdict};
use totc::exec::{ExecError, Inputs, Outputs, TableRows, Weights};
use totc::lower::program::{HaltInfo, InputInfo, InputRole, Mode, Program, Role, StateInfo, WeightInfo};
use totc::model::ops::Init;
use totc::source::Span;
use totc::train::optimiser::{MainOptimiser, Treatment, update_rows};
use totc::train::{
    Batch, EvaluationWeights, Optimiser, Programs, Schedule, SupervisionStep, Tables, TrainConfig, Trainer,
};

const B: i64 = 4;
const L: i64 = 16;
const D: i64 = 32;
const P: i64 = 2;
const HEADS: i64 = 4;

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
            batch: B as usize,
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

/// `inner.L_level.layers.0.self_attn.qkv_proj.weight` → `f.layers.0.attention.qkv.weight`.
fn path_of(name: &str) -> String {
    let parts = [
        ("inner.", ""),
        ("L_level.", "f."),
        ("self_attn.qkv_proj", "attention.qkv"),
        ("self_attn.o_proj", "attention.out"),
        ("gate_up_proj", "gate_up"),
        ("down_proj", "down"),
        ("embed_tokens.embedding_weight", "embed.weight"),
        ("lm_head", "answer_head"),
        ("q_head", "halt_head"),
        ("puzzle_emb.weights", "prompt.rows"),
        ("H_init", "y0"),
        ("L_init", "z0"),
    ];
    parts.iter().fold(name.to_owned(), |path, (from, to)| path.replace(from, to))
}

fn role_of(path: &str) -> Role {
    match path {
        "prompt.rows" => Role::Table,
        "y0" | "z0" => Role::Buffer,
        _ => Role::Param,
    }
}

/// TRM by hand: T = 3, n = 4, two layers, stablemax loss.
struct Trm(Program);

impl Trm {
    fn new(mode: Mode, golden: &Golden) -> Trm {
        let weight = |(path, tensor): (String, &Tensor)| WeightInfo {
            role: role_of(&path),
            shape: tensor.size(),
            axes: Vec::new(),
            init: Init::Constant(0.0),
            span: Span::NONE,
            path,
        };
        let input = |name: &str, axes: &[&str], shape: &[i64], index_of: &str, role| InputInfo {
            name: name.into(),
            axes: axes.iter().map(|axis| (*axis).to_owned()).collect(),
            shape: shape.to_vec(),
            index_of: Some(index_of.into()),
            role,
        };
        let state = |name: &str| StateInfo {
            name: name.into(),
            axes: ["batch", "pos", "dim"].map(String::from).to_vec(),
            shape: vec![B, P + L, D],
            history: 1,
        };
        Trm(Program {
            model: "Trm".into(),
            mode,
            axes: Default::default(),
            weights: golden.weights("w0.").into_iter().map(weight).collect(),
            inputs: vec![
                input("question", &["batch", "cell"], &[B, L], "symbol", InputRole::Input),
                input("puzzle", &["batch"], &[B], "task", InputRole::Input),
                input("answer", &["batch", "cell"], &[B, L], "symbol", InputRole::Target),
            ],
            states: vec![state("y"), state("z")],
            outputs: Vec::new(),
            halt: Some(HaltInfo { at_most: 4, explore: 0.0, learned: true }),
            slots: 0,
            body: Vec::new(),
        })
    }
}

fn norm(x: &Tensor) -> Tensor {
    x * (x.square().mean_dim(-1, true, Kind::Float) + 1e-5).rsqrt()
}

fn rope(x: &Tensor) -> Tensor {
    let width = D / HEADS;
    let rates = Tensor::arange_start_step(0, width, 2, (Kind::Float, Device::Cpu))
        * (-(10000f64.ln()) / width as f64);
    let angles = Tensor::arange(x.size()[2], (Kind::Float, Device::Cpu)).outer(&rates.exp());
    let angles = Tensor::cat(&[&angles, &angles], 1);
    let halves = x.chunk(2, -1);
    x * angles.cos() + Tensor::cat(&[-&halves[1], halves[0].shallow_clone()], -1) * angles.sin()
}

fn stack(weights: &Weights, x: &Tensor, injected: &Tensor) -> Tensor {
    let mut x = x + injected;
    for layer in 0..2 {
        let w = |name: &str| weights.get(&format!("f.layers.{layer}.{name}.weight")).unwrap();
        let size = x.size();
        let qkv = x.linear::<Tensor>(w("attention.qkv"), None);
        let qkv = qkv.view([size[0], size[1], 3 * HEADS, D / HEADS]).transpose(1, 2);
        let part = |at: i64| qkv.narrow(1, at * HEADS, HEADS);
        let (q, k) = (rope(&part(0)), rope(&part(1)));
        let mixed =
            Tensor::scaled_dot_product_attention::<Tensor>(&q, &k, &part(2), None, 0.0, false, None, false);
        let mixed = mixed.transpose(1, 2).reshape(&size);
        x = norm(&(&x + mixed.linear::<Tensor>(w("attention.out"), None)));
        let gate_up = x.linear::<Tensor>(w("mlp.gate_up"), None).chunk(2, -1);
        x = norm(&(&x + (gate_up[0].silu() * &gate_up[1]).linear::<Tensor>(w("mlp.down"), None)));
    }
    x
}

/// Loss, and whether every labelled cell is right, per row.
fn answering(logits: &Tensor, labels: &Tensor) -> (Tensor, Tensor, Tensor) {
    let mask = labels.ne(-100);
    let x = logits.to_kind(Kind::Double);
    let s = (&x + 1.0).where_self(&x.ge(0.0), &(x.neg() + (1.0 + 1e-30)).reciprocal());
    let chosen = s.gather(-1, &labels.clamp_min(0).unsqueeze(-1), false).squeeze_dim(-1);
    let loss = -(chosen / s.sum_dim_intlist(-1, false, Kind::Double)).log();
    let count = mask.sum_dim_intlist(-1, false, Kind::Int64);
    let loss = (loss * &mask).sum_dim_intlist(-1, false, Kind::Double) / count.clamp_min(1);
    let right =
        logits.argmax(-1, false).eq_tensor(labels).logical_and(&mask).sum_dim_intlist(-1, false, Kind::Int64);
    (loss, right.eq_tensor(&count), &right / count.clamp_min(1))
}

impl SupervisionStep for Trm {
    fn program(&self) -> &Program {
        &self.0
    }

    fn precision(&self) -> Kind {
        Kind::Float
    }

    fn run(&self, weights: &Weights, inputs: &Inputs) -> Result<Outputs, ExecError> {
        let w = |path: &str| weights.get(path).unwrap();
        let fresh = inputs.fresh.view([-1, 1, 1]);
        let mut y = w("y0").where_self(&fresh, &inputs.states["y"]);
        let mut z = w("z0").where_self(&fresh, &inputs.states["z"]);
        let question =
            w("embed.weight").index_select(0, &inputs.data["question"].flatten(0, -1)).view([B, L, D]);
        let ids = inputs.data["puzzle"].shallow_clone();
        let leaf = w("prompt.rows").index_select(0, &ids).set_requires_grad(self.0.mode == Mode::Training);
        let prompt = leaf.constant_pad_nd([0, P * D - D]).view([B, P, D]);
        let x = Tensor::cat(&[prompt, question], 1) * (D as f64).sqrt();
        let cycle = |y: &Tensor, z: &Tensor| {
            let mut z = z.shallow_clone();
            for _ in 0..4 {
                z = stack(weights, &z, &(y + &x));
            }
            (stack(weights, y, &z), z)
        };
        for _ in 0..2 {
            (y, z) = no_grad(|| cycle(&y, &z));
        }
        (y, z) = cycle(&y, &z);
        let logits = y.narrow(1, P, L).linear::<Tensor>(w("answer_head.weight"), None);
        let halt_logit = y.select(1, 0).linear(w("halt_head.weight"), Some(w("halt_head.bias"))).select(1, 0);
        let (loss, exact, accuracy) = answering(&logits, &inputs.data["answer"]);
        let none = None::<&Tensor>;
        let halting = halt_logit.binary_cross_entropy_with_logits(
            &exact.to_kind(Kind::Float),
            none,
            none,
            tch::Reduction::None,
        );
        let agrees = halt_logit.ge(0.0).eq_tensor(&exact);
        let outputs = [
            ("state.y", y),
            ("state.z", z),
            ("loss.answering", loss),
            ("loss.halting", halting * 0.5),
            ("metric.accuracy", accuracy),
            ("metric.exact", exact),
            ("metric.halting", agrees),
            ("halt", halt_logit.gt(0.0)),
        ];
        let rows = vec![TableRows { table: "prompt.rows".into(), ids, leaf }];
        Ok(Outputs {
            values: outputs.map(|(name, value)| (name.to_owned(), value)).into_iter().collect(),
            rows,
        })
    }
}

/// Batches come from the fixture; only the sizes matter.
struct NoData;

impl Dataset for NoData {
    fn sizes(&self) -> Sizes {
        Sizes { cell: L as usize, symbol: 6, task: 5 }
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
    no_grad(|| (one - other).abs().max().double_value(&[]))
}

fn start(golden: &Golden) -> Weights {
    let tensors = golden.weights("w0.").into_iter().map(|(path, tensor)| (path, tensor.copy()));
    Weights { tensors: tensors.collect() }
}

#[test]
fn the_first_update_of_each_optimiser_is_the_references() {
    for name in ["opt_trm_att_adamw", "opt_trm_att_adam_atan2"] {
        let golden = Golden::read(name);
        let config = golden.config();
        let mut optimiser = MainOptimiser::new(&config.optimiser).unwrap();
        let after: IndexMap<_, _> = golden.weights("w1.").into_iter().collect();
        let before = start(&golden);
        let treatment =
            Treatment { lr: config.optimiser.lr, weight_decay: config.optimiser.weight_decay, frozen: false };
        for (path, gradient) in golden.weights("grad1.") {
            let weight = before.get(&path).unwrap();
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
    let mut trainer = Trainer::new(config, programs, Arc::new(NoData), start(golden)).unwrap();
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
        if let Some(halting) = report.metrics.get("halting") {
            near("halting", *halting, metric("q_halt_accuracy"), 1e-9);
        }
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

fn by_hand(golden: &Golden) -> Programs {
    Programs {
        training: Box::new(Trm::new(Mode::Training, golden)),
        evaluation: Box::new(Trm::new(Mode::Evaluation, golden)),
    }
}

#[test]
fn ten_steps_with_adamw_are_the_references() {
    let golden = Golden::read("opt_trm_att_adamw");
    ten_steps(&golden, by_hand(&golden));
}

#[test]
fn ten_steps_with_adam_atan2_are_the_references() {
    let golden = Golden::read("opt_trm_att_adam_atan2");
    ten_steps(&golden, by_hand(&golden));
}
