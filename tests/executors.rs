//! The CPU's executor computes what libtorch's operations compute one after the other: every shipped model, in training and
//! in evaluation, in every precision and with every form of kernels that this machine can run; and its results depend on
//! nothing but the program.
#![cfg(feature = "torch")]

mod given;
#[path = "stages/subject.rs"]
#[expect(dead_code, reason = "cases of stages are read by other tests")]
mod subject;

use given::{apart, inputs, weights};
use indexmap::IndexMap;
use std::sync::Mutex;
use subject::{Subject, variants};
use tch::{Device, Kind, Tensor};
use totc::exec::{Executable, Kernels, Told};
use totc::ir::{Graph, Mode};
use totc::lower::{self, Program};
use totc::pass;
use totc::types::Precision;
use totc_kernels::Form;

const MODES: [Mode; 2] = [Mode::Training, Mode::Evaluation];

fn program(model: &Subject, mode: Mode, precision: Precision) -> Program {
    let graph = Graph { precision, ..model.graph(mode) };
    lower::program(&pass::run(graph, None).unwrap())
}

/// Everything that a step gives, by name, in float64.
fn results(program: Program, kernels: Kernels) -> (bool, IndexMap<String, Tensor>) {
    let (weights, inputs) = (weights(&program), inputs(&program));
    let executable = Executable::with(program, Device::Cpu, kernels).unwrap();
    let compiled = executable.is_compiled().unwrap();
    let mut all = IndexMap::new();
    // Twice: the second step finds what the first has left in memory.
    for _ in 0..2 {
        let outputs = executable.run(&weights, &inputs).unwrap();
        let rows = outputs.rows.into_iter().map(|rows| (format!("∂rows {}", rows.table), rows.gradient));
        let gradients = outputs.gradients.into_iter().map(|(path, value)| (format!("∂{path}"), value));
        all = outputs.values.by_name().into_iter().chain(gradients).chain(rows).collect();
    }
    let wide = all.into_iter().map(|(name, value)| (name, value.to_kind(Kind::Double))).collect();
    (compiled, wide)
}

/// How far apart results may be, relative to the largest entry. Steps are some forty nets deep, each of which adds up a few
/// hundred terms, and a norm keeps values near 1: 40 · 300 roundings of 2⁻⁵³ are 1e-12, of 2⁻²⁴ 7e-4, both ten times over
/// for parts that cancel.
const BOUNDS: [(Precision, f64); 2] = [(Precision::Float64, 1e-11), (Precision::Float32, 7e-3)];

#[test]
fn slices_compute_what_the_whole_batch_does() {
    for model in variants() {
        for mode in MODES {
            for (precision, most) in BOUNDS {
                let own = program(&model, mode, precision);
                if own.draws() {
                    continue;
                }
                let wanted = results(program(&model, mode, precision), Kernels::Libtorch).1;
                let (compiled, found) = results(own, Kernels::Own(Form::best()));
                assert!(compiled, "{} ({mode:?}) is interpreted", model.name);
                compare(&format!("{} ({mode:?}, {precision:?})", model.name), &found, &wanted, most);
            }
        }
    }
}

/// Every form that this machine can run, bfloat16 too: a value of about 1 is rounded to it after each of forty nets, 2⁻⁹ each
/// time; the mean distance over all entries of what goes on to the next step stays below the sum of these.
#[test]
fn every_form_computes_the_same() {
    for model in variants().into_iter().filter(|model| ["trm.Trm", "totrm.ToTrm"].contains(&&*model.name)) {
        for mode in MODES {
            let wanted = results(program(&model, mode, Precision::Float32), Kernels::Libtorch).1;
            for form in Form::available() {
                let kernels = Kernels::Own(form);
                let what = format!("{} ({mode:?}, {})", model.name, form.name());
                let found = results(program(&model, mode, Precision::Float32), kernels).1;
                compare(&what, &found, &wanted, BOUNDS[1].1);
                let narrow = results(program(&model, mode, Precision::BFloat16), kernels).1;
                for (name, value) in wanted.iter().filter(|(name, _)| name.starts_with("state.")) {
                    let apart = (&narrow[name] - value).abs().mean(Kind::Double).double_value(&[]);
                    assert!(apart <= 40.0 / 512.0, "{what}: `{name}` is {apart:.1e} apart in bfloat16");
                }
            }
        }
    }
}

/// Slices and the order of sums depend on the program alone.
#[test]
fn a_step_gives_the_same_bits_again() {
    let model = variants().into_iter().find(|model| model.name == "totrm.ToTrm").unwrap();
    let step = || results(program(&model, Mode::Training, Precision::Float32), Kernels::Own(Form::best())).1;
    compare("a second run", &step(), &step(), 0.0);
}

/// A gradient is told of once, when its last bit is in the tensor that was announced for it.
#[test]
fn whoever_is_told_of_a_gradient_finds_it_whole() {
    for name in ["trm.Trm", "totrm.ToTrm"] {
        let model = variants().into_iter().find(|model| model.name == name).unwrap();
        let program = program(&model, Mode::Training, Precision::Float32);
        let (weights, inputs) = (weights(&program), inputs(&program));
        let executable = Executable::with(program, Device::Cpu, Kernels::Own(Form::best())).unwrap();
        // What was announced, and each one's values at the time it was told of.
        let (begun, whole) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        let tell = |told| {
            let (mut begun, mut whole) = (begun.lock().unwrap(), whole.lock().unwrap());
            match told {
                Told::Begins(gradients) => {
                    assert!(begun.is_empty() && whole.is_empty(), "{name}: begins twice, or late");
                    begun.extend(gradients);
                }
                Told::Whole(at) => {
                    let (_, gradient): &(String, Tensor) = &begun[at];
                    whole.push((at, gradient.copy()));
                }
                Told::All(_) => panic!("{name}: the step itself tells of each"),
            }
        };
        let outputs = executable.run_telling(&weights, &inputs, &tell).unwrap();
        let (begun, whole) = (begun.into_inner().unwrap(), whole.into_inner().unwrap());
        assert!(whole.len() > 1 && begun.len() <= outputs.gradients.len(), "{name}: {} told", whole.len());
        for (path, gradient) in &begun {
            assert_eq!(gradient.data_ptr(), outputs.gradients[path].data_ptr(), "{name}: {path}");
        }
        let mut told: Vec<usize> = whole.iter().map(|(at, _)| *at).collect();
        told.sort_unstable();
        assert!(told.windows(2).all(|pair| pair[0] < pair[1]), "{name}: told twice of one: {told:?}");
        for (at, then) in whole {
            let (path, _) = &begun[at];
            assert_eq!(then, outputs.gradients[path], "{name}: `{path}` was told of too early");
        }
    }
}

fn compare(what: &str, found: &IndexMap<String, Tensor>, wanted: &IndexMap<String, Tensor>, most: f64) {
    let names = |all: &IndexMap<String, Tensor>| {
        let mut names: Vec<String> = all.keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(names(found), names(wanted), "{what}");
    for (name, value) in wanted {
        let apart = apart(&found[name], value);
        assert!(apart <= most, "{what}: `{name}` is {apart:.1e} apart, at most {most:.0e}");
    }
}
