//! The CPU's executor computes what libtorch's operations compute one after the other: every shipped model, in training and
//! in evaluation, in every precision and with every form of kernels that this machine can run; and its results depend on
//! nothing but the program.
#![cfg(feature = "torch")]

mod given;
#[path = "stages/subject.rs"]
mod subject;

use given::{apart, inputs, weights};
use indexmap::IndexMap;
use subject::{Subject, variants};
use tch::{Device, Kind, Tensor};
use totc::exec::{Executable, Kernels};
use totc::ir::{Graph, Mode};
use totc::lower::{self, Program};
use totc::pass;
use totc::types::Precision;
use totc_kernels::Form;

const MODES: [Mode; 2] = [Mode::Training, Mode::Evaluation];

/// What cannot be computed in slices, and why.
const INTERPRETED: [(&str, &str); 0] = [];

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
        all = outputs.values.into_iter().chain(gradients).chain(rows).collect();
    }
    let wide = all.into_iter().map(|(name, value)| (name, value.to_kind(Kind::Double))).collect();
    (compiled, wide)
}

#[test]
fn slices_compute_what_the_whole_batch_does() {
    let mut missed = Vec::new();
    for model in variants() {
        for mode in MODES {
            // Sums in another order, some thousand roundings deep, of numbers that a norm keeps near 1.
            for (precision, most) in [(Precision::Float64, 1e-9), (Precision::Float32, 3e-4)] {
                let wanted = results(program(&model, mode, precision), Kernels::Libtorch).1;
                let own = program(&model, mode, precision);
                let draws = own.draws();
                let (compiled, found) = results(own, Kernels::Own(Form::best()));
                let known = INTERPRETED.iter().any(|(name, _)| *name == model.name);
                if compiled == (draws || known) {
                    missed.push(format!("{} ({mode:?}, {precision:?})", model.name));
                }
                if draws {
                    continue;
                }
                assert!(found.keys().all(|name| wanted.contains_key(name)) && found.len() == wanted.len());
                for (name, value) in &wanted {
                    let apart = apart(&found[name], value);
                    let what = format!("{} ({mode:?}, {precision:?}): `{name}`", model.name);
                    if std::env::var("SHOW").is_ok() {
                        println!("{what} {apart:.1e}");
                    } else {
                        assert!(apart <= most, "{what} is {apart:.1e} apart, at most {most:.0e}");
                    }
                }
            }
        }
    }
    assert!(missed.is_empty(), "not as expected on the own executor: {missed:#?}");
}
