//! `totc trace` of models that draw: the draws are written and can be given, so that a stochastic model can be held against
//! another implementation of it.

#![cfg(feature = "torch")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use tch::{Device, Kind, Tensor};
use totc::train::libtorch_seed;

type Tensors = BTreeMap<String, Tensor>;

fn totc(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_totc"));
    let output = command.current_dir(folder).args(args).output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&told).into_owned())
}

fn file(stem: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("models/{stem}.tot")).display().to_string()
}

/// A folder with small weights and inputs of a model.
struct Traced {
    folder: tempfile::TempDir,
    model: String,
    sets: Vec<String>,
}

impl Traced {
    fn new(stem: &str, sets: &[&str]) -> Traced {
        let folder = tempfile::tempdir().unwrap();
        let small = ["hidden=8", "heads=2", "T=2", "n=2", "layers=1", "puzzle_tokens=1"];
        let sets = small.iter().chain(sets).flat_map(|set| ["--set", set]).map(str::to_owned).collect();
        let traced = Traced { folder, model: file(stem), sets };
        let init = ["--size", "cell=6", "--size", "symbol=5", "--size", "task=4", "--out", "w.safetensors"];
        let (code, told) = totc(traced.folder.path(), &traced.args("init", &init));
        assert_eq!(code, Some(0), "{told}");
        tch::manual_seed(3);
        let drawn = |high: i64, shape: &[i64]| Tensor::randint(high, shape, (Kind::Int64, Device::Cpu));
        let inputs =
            [("question", drawn(5, &[3, 6])), ("puzzle", drawn(4, &[3])), ("answer", drawn(5, &[3, 6]))];
        Tensor::write_safetensors(&inputs, traced.folder.path().join("in.safetensors")).unwrap();
        traced
    }

    fn args<'a>(&'a self, command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let sets = self.sets.iter().map(String::as_str);
        [command, self.model.as_str()].into_iter().chain(sets).chain(more.iter().copied()).collect()
    }

    fn try_trace(&self, more: &[&str]) -> (Option<i32>, String) {
        let given = ["--weights", "w.safetensors", "--inputs", "in.safetensors", "--steps", "2"];
        let given = [&given[..], &["--out", "out.safetensors"], more].concat();
        totc(self.folder.path(), &self.args("trace", &given))
    }

    fn trace(&self, more: &[&str]) -> Tensors {
        let (code, told) = self.try_trace(more);
        assert_eq!(code, Some(0), "{told}");
        Tensor::read_safetensors(self.folder.path().join("out.safetensors")).unwrap().into_iter().collect()
    }

    fn write(&self, draws: &Tensors) {
        let draws: Vec<(&String, &Tensor)> = draws.iter().collect();
        Tensor::write_safetensors(&draws, self.folder.path().join("draws.safetensors")).unwrap();
    }
}

fn draws(of: &Tensors) -> Tensors {
    let draws = of.iter().filter(|(name, _)| name.contains(".draw."));
    draws.map(|(name, draw)| (name.clone(), draw.shallow_clone())).collect()
}

fn same(one: &Tensors, other: &Tensors) -> bool {
    one.keys().eq(other.keys()) && one.iter().all(|(name, tensor)| tensor.equal(&other[name]))
}

#[test]
fn draws_are_written_and_can_be_given() {
    let shaken = Traced::new("ptrm", &["sigma=0.5"]);
    let plain = shaken.trace(&[]);
    let made = draws(&plain);
    let names: Vec<&str> = made.keys().map(String::as_str).collect();
    assert_eq!(names, ["step1.draw.think/z.1", "step2.draw.think/z.1"]);
    // What PyTorch draws after it was seeded with the number of the step; 7 positions, one of them the puzzle's.
    for step in [1, 2] {
        tch::manual_seed(step);
        let drawn = Tensor::randn([3, 7, 8], (Kind::Float, Device::Cpu));
        assert!(made[&format!("step{step}.draw.think/z.1")].equal(&drawn));
    }
    assert!(same(&plain, &shaken.trace(&[])));

    // With a seed, what training with it draws at that step.
    let seeded = shaken.trace(&["--seed", "7"]);
    assert!(same(&seeded, &shaken.trace(&["--seed", "7"])));
    assert!(!seeded["step2.predict.logits"].equal(&plain["step2.predict.logits"]));
    tch::manual_seed(libtorch_seed(7, 2));
    let drawn = Tensor::randn([3, 7, 8], (Kind::Float, Device::Cpu));
    assert!(seeded["step2.draw.think/z.1"].equal(&drawn));

    // Whatever is written can be given: the draws alone, or the whole trace.
    shaken.write(&draws(&seeded));
    assert!(same(&seeded, &shaken.trace(&["--draws", "draws.safetensors"])));
    shaken.write(&seeded);
    assert!(same(&seeded, &shaken.trace(&["--draws", "draws.safetensors"])));

    // NumPy's archive of the same.
    let arrays: Vec<(String, Tensor)> = draws(&seeded).into_iter().collect();
    Tensor::write_npz(&arrays, shaken.folder.path().join("draws.npz")).unwrap();
    assert!(same(&seeded, &shaken.trace(&["--draws", "draws.npz"])));
    std::fs::write(shaken.folder.path().join("bad.npz"), "PK").unwrap();
    let (code, told) = shaken.try_trace(&["--draws", "bad.npz"]);
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("not a NumPy archive"), "{told}");

    // Without noise it is TRM.
    let still = Traced::new("trm", &[]);
    let folder = shaken.folder.path();
    for name in ["w.safetensors", "in.safetensors"] {
        std::fs::copy(folder.join(name), still.folder.path().join(name)).unwrap();
    }
    shaken.write(&made.iter().map(|(name, draw)| (name.clone(), draw.zeros_like())).collect());
    let exact = ["--precision", "float64"];
    let zero = shaken.trace(&[&["--draws", "draws.safetensors"], &exact[..]].concat());
    let trm = still.trace(&exact);
    let logits = |of: &Tensors| of["step2.predict.logits"].shallow_clone();
    // Some thousand roundings of numbers around one, and an order of magnitude.
    let apart = (logits(&trm) - logits(&zero)).abs().max().double_value(&[]);
    assert!(apart < 1e4 * f64::EPSILON, "{apart}");
    let shaken = (logits(&trm) - logits(&plain)).abs().max().double_value(&[]);
    assert!(shaken > 1e-3, "{shaken}");
}

#[test]
fn a_draw_that_is_lacking_or_does_not_fit_is_told() {
    let shaken = Traced::new("ptrm", &["sigma=0.5"]);
    let made = draws(&shaken.trace(&[]));
    let told = |changed: &dyn Fn(&mut Tensors), what: &str| {
        let mut draws: Tensors =
            made.iter().map(|(name, draw)| (name.clone(), draw.shallow_clone())).collect();
        changed(&mut draws);
        shaken.write(&draws);
        let (code, told) = shaken.try_trace(&["--draws", "draws.safetensors"]);
        assert_eq!(code, Some(3), "{told}");
        assert!(told.contains(what), "{told}");
    };
    let zeros = |shape: &[i64]| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
    told(&|draws| drop(draws.remove("step2.draw.think/z.1")), "step 2: the draw `think/z.1` is not given");
    told(
        &|draws| drop(draws.insert("step1.draw.think/z.1".to_owned(), zeros(&[3, 7]))),
        "has shape [3, 7], not [3, 7, 8]",
    );
    told(
        &|draws| drop(draws.insert("step1.draw.think/y.1".to_owned(), zeros(&[1]))),
        "step 1 does not make the draw `think/y.1` that is given; it draws think/z.1",
    );
    let (code, told) = shaken.try_trace(&["--draws", "draws.safetensors", "--seed", "1"]);
    assert_eq!(code, Some(2), "{told}");
}
