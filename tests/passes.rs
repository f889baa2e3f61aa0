//! Passes change no value and no gradient: every shipped model, compiled with none, one, two … of them, gives the
//! same. And each does what it is for: `stages/passes/PASS/CASE.tot` beside the graph before and after.

#[path = "stages/subject.rs"]
mod subject;

use std::collections::BTreeSet;
use std::path::Path;

use subject::{Subject, files, shipped};
use totc::ir::Mode;
use totc::ir::op::Op;
use totc::ir::{Flow, Graph, print, verify};
use totc::pass::{self, PASSES};

const MODES: [Mode; 2] = [Mode::Training, Mode::Evaluation];
const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stages/passes");
const SNAPSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/stages/passes");

/// Ends of the names of passes that run once more.
const AGAIN: [&str; 3] = ["-again", "-backward", "-last"];

/// The graph after the first `count` passes.
fn after(graph: &Graph, count: usize) -> Graph {
    let until = if count == 0 { "build" } else { PASSES[count - 1].name };
    pass::run(graph.clone(), Some(until)).unwrap()
}

fn each_case(mut look: impl FnMut(&str, &Path)) {
    for pass in PASSES.iter().filter(|pass| !AGAIN.iter().any(|end| pass.name.ends_with(end))) {
        let cases = files(&Path::new(CASES).join(pass.name));
        assert!(!cases.is_empty(), "the pass `{}` has no case", pass.name);
        cases.iter().for_each(|path| look(pass.name, path));
    }
}

#[test]
fn each_pass_does_what_it_is_for() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(SNAPSHOTS);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.remove_input_file();
    settings.bind(|| {
        each_case(|pass, path| {
            let case = Subject::case(path);
            let place = PASSES.iter().position(|known| known.name == pass).unwrap();
            let (mut before, pass) = (case.graph(case.mode), &PASSES[place]);
            let mut after = (pass.run)(&before);
            // Those assume what the passes before them have done; the first leaves much for those behind it to remove.
            if pass.name == "differentiate" {
                before = self::after(&before, place);
                after = self::after(&before, PASSES.len() - 1);
            } else if pass.name == "fuse" {
                before = self::after(&before, place);
                after = (pass.run)(&before);
            }
            verify(&after).unwrap();
            let (before, after) = (print(&before), print(&after));
            let shown = format!("{}\n──────── before\n\n{before}\n──────── after\n\n{after}", case.text);
            insta::assert_snapshot!(format!("{}.{}", pass.name, case.name), shown);
        });
    });
}

#[test]
fn no_snapshot_is_orphaned() {
    let mut known = BTreeSet::new();
    each_case(|pass, path| {
        known.insert(format!("{pass}.{}.snap", path.file_stem().unwrap().to_string_lossy()));
    });
    for entry in std::fs::read_dir(SNAPSHOTS).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(known.contains(&name) || name.ends_with(".snap.new"), "{name} has no case in {CASES}");
    }
}

/// How often one step computes a primitive.
fn executions(flow: &Flow, name: &str) -> usize {
    let count = |index| {
        let node = flow.node(index);
        match (&node.op, &node.body) {
            (Op::Repeat { times }, Some(body)) => times * executions(&body.flow, name),
            (Op::Prim(id, _), _) => usize::from(id.get().name == name),
            _ => 0,
        }
    };
    flow.indices().map(count).sum()
}

/// `z <- f(z + (y + x))` n times, and `y + x` is the same each time.
#[test]
fn trm_adds_y_and_x_once_per_cycle() {
    let (cycles, updates) = (3, 4);
    for mode in MODES {
        let trm = shipped().into_iter().find(|model| model.name == "trm.Trm").unwrap();
        let before = trm.graph(mode);
        let backward = PASSES.iter().position(|pass| pass.name == "differentiate").unwrap();
        let after = after(&before, backward);
        let spared = executions(&before.flow, "add") - executions(&after.flow, "add");
        assert_eq!(spared, cycles * (updates - 1), "{mode:?}");
    }
}

/// Running all passes on what they have made changes nothing more.
#[test]
fn passes_finish_their_work() {
    for model in shipped() {
        for mode in MODES {
            // All but the last, which makes groups that no other looks into.
            let once = after(&model.graph(mode), PASSES.len() - 1);
            let twice = after(&once, PASSES.len() - 1);
            assert_eq!(print(&once), print(&twice), "{} ({mode:?})", model.name);
        }
    }
}

#[cfg(feature = "torch")]
mod given;

#[cfg(feature = "torch")]
mod values {
    use super::given::{apart, inputs, weights};
    use super::subject;
    use super::*;
    use std::sync::Mutex;

    use indexmap::IndexMap;
    use tch::{Device, Kind, Tensor};
    use totc::cost::cost;
    use totc::exec::{ExecError, Executable, Kernels};
    use totc::ir::Recompute;
    use totc::lower::{self, Instr, InstrOp, Program};
    use totc::types::Precision;

    /// Models put together from the same pieces as others: to compute those once is enough.
    const ALIKE: [&str; 8] = [
        "ablations.TrmContinue",
        "ablations.TrmFourLayers",
        "ablations.TrmSoftmax",
        "cgar.Cgar",
        "got.ExchangeTrm",
        "ptrm.Ptrm",
        "totrm.ToTrmGrid",
        "trm.TrmTwoNets",
    ];

    fn variants() -> Vec<Subject> {
        let mut models = subject::variants();
        models.retain(|model| !ALIKE.contains(&model.name.as_str()));
        models
    }

    /// The program of a graph, differentiated if it is not yet; what float is must have been said.
    fn program(graph: &Graph) -> Program {
        lower::program(&(pass::by_name("differentiate").unwrap().run)(graph))
    }

    /// The graph in float64, in which every step here is computed where nothing else is said.
    fn wide(graph: Graph) -> Graph {
        Graph { precision: Precision::Float64, ..graph }
    }

    /// How far apart gradients may be whose parts are added in another order: a value is used by up to some hundred
    /// operations, and a step is at most some thirty nets deep: 100 · 30 · 2⁻⁵³ is 3e-13 of the largest entry, with room for
    /// parts that are larger than their sum.
    const ROUNDING: f64 = 1e-10;

    struct Results {
        outputs: IndexMap<String, Tensor>,
        /// Of the sum of losses, by weight; of a table's rows by the table.
        gradients: IndexMap<String, Tensor>,
    }

    /// libtorch draws from one generator, whichever test runs.
    static DRAWS: Mutex<()> = Mutex::new(());

    fn results(program: Program) -> Results {
        let _alone = DRAWS.lock();
        tch::manual_seed(1);
        let (weights, inputs, same) = (weights(&program), inputs(&program), inputs(&program));
        let executable = Executable::with(program, Device::Cpu, Kernels::Libtorch).unwrap();
        let outputs = executable.run(&weights, &inputs).unwrap();
        let rows = outputs.rows.iter().map(|rows| (&rows.table, &rows.gradient));
        let gradients = outputs.gradients.iter().chain(rows);
        let gradients = gradients.map(|(name, value)| (name.clone(), value.copy())).collect();
        let outputs = outputs.values.by_name();
        let kept: IndexMap<String, Tensor> =
            outputs.iter().map(|(name, value)| (name.clone(), value.copy())).collect();
        for (name, state) in &inputs.states {
            assert!(
                apart(state, &same.states[name]) == 0.0,
                "the step has changed the state `{name}` it was given"
            );
        }
        // As an optimiser does: what a step gave lives on.
        weights.tensors.values().for_each(|weight| drop(weight.shallow_clone().zero_()));
        let model = &executable.program().model;
        compare(&format!("{model} after its weights have changed"), &outputs, &kept, 0.0);
        Results { outputs: kept, gradients }
    }

    fn compare(what: &str, now: &IndexMap<String, Tensor>, then: &IndexMap<String, Tensor>, most: f64) {
        assert!(now.keys().eq(then.keys()), "{what}: other names");
        for (name, value) in now {
            let apart = apart(value, &then[name]);
            assert!(apart <= most, "{what}: `{name}` is {apart:.1e} apart, at most {most:.0e}");
        }
    }

    #[test]
    fn passes_change_no_value_and_no_gradient() {
        let mut moved = 0;
        for model in variants() {
            for mode in MODES {
                // The first pass says what `float` is: without it, it is float32.
                let graph = model.graph(mode);
                let what = format!("{} ({mode:?}) before and after {}", model.name, PASSES[0].name);
                let (none, first) =
                    (results(program(&after(&graph, 0))), results(program(&after(&graph, 1))));
                compare(&what, &first.outputs, &none.outputs, 0.0);
                compare(&what, &first.gradients, &none.gradients, 0.0);
                let graph = wide(graph);
                let plain = results(program(&after(&graph, 1)));
                for (name, value) in &plain.outputs {
                    let finite = value.to_kind(Kind::Double).isfinite().all().int64_value(&[]) == 1;
                    assert!(finite, "{} ({mode:?}): `{name}` is not finite", model.name);
                }
                if mode == Mode::Training {
                    moved += plain.gradients.len();
                }
                for count in 2..=PASSES.len() {
                    let now = results(program(&after(&graph, count)));
                    let what = format!("{} ({mode:?}) after {}", model.name, PASSES[count - 1].name);
                    // Operations go, move and are shared, and none becomes another: the same kernels see the same numbers;
                    // until groups of them become kernels that add up in another order.
                    let most = if PASSES[count - 1].name == "fuse" { ROUNDING } else { 0.0 };
                    compare(&what, &now.outputs, &plain.outputs, most);
                    compare(&what, &now.gradients, &plain.gradients, ROUNDING);
                }
            }
        }
        assert!(moved > 100, "only {moved} weights have gradients");
    }

    /// What the backward pass computes again is what it was, to the last bit; and it is kept no longer.
    #[test]
    fn computing_again_changes_nothing_but_memory() {
        let mut spared = [0; 2];
        for model in variants() {
            let step = |recompute: Recompute| {
                let graph = Graph { recompute, ..wide(model.graph(Mode::Training)) };
                let fused = PASSES.iter().position(|pass| pass.name == "fuse").unwrap();
                program(&after(&graph, fused))
            };
            let plain = step(Recompute::Views);
            let kept = cost(&plain).kept_bytes;
            let plain = results(plain);
            for (at, recompute) in [Recompute::Elementwise, Recompute::Iterations].into_iter().enumerate() {
                let again = step(recompute);
                let now = cost(&again).kept_bytes;
                assert!(now <= kept, "{}: {recompute:?} keeps {now} bytes in place of {kept}", model.name);
                spared[at] += usize::from(now < kept);
                let (what, again) = (format!("{} with {recompute:?}", model.name), results(again));
                compare(&what, &again.outputs, &plain.outputs, 0.0);
                compare(&what, &again.gradients, &plain.gradients, 0.0);
            }
        }
        assert!(spared.iter().all(|models| *models > 4), "less is kept in {spared:?} models only");
    }

    /// Every result in memory of its own.
    fn apart_from_operands(body: &mut [Instr]) {
        for instr in body {
            instr.in_place = false;
            if let InstrOp::Repeat { body, .. } = &mut instr.op {
                apart_from_operands(body);
            }
        }
    }

    fn reused(body: &[Instr]) -> usize {
        let inner = |instr: &Instr| match &instr.op {
            InstrOp::Repeat { body, .. } => reused(body),
            InstrOp::Fused { .. } => 0,
            InstrOp::Op(_) => usize::from(instr.in_place),
        };
        body.iter().map(inner).sum()
    }

    /// Results that take their operands' memory are what they are without, and a step leaves weights, data and
    /// states as they were.
    #[test]
    fn memory_is_taken_only_where_nothing_else_sees_it() {
        let cases = files(Path::new(CASES).parent().unwrap());
        let mut taken = 0;
        for model in variants().into_iter().chain(cases.iter().map(|path| Subject::case(path))) {
            for mode in MODES {
                let what = format!("{} ({mode:?})", model.name);
                let program = program(&after(&wide(model.graph(mode)), PASSES.len()));
                let mut plain = program.clone();
                apart_from_operands(&mut plain.body);
                taken += reused(&program.body);
                let (now, then) = (results(program), results(plain));
                compare(&what, &now.outputs, &then.outputs, 0.0);
                compare(&what, &now.gradients, &then.gradients, 0.0);
            }
        }
        assert!(taken > 100, "memory was taken {taken} times only");
    }

    #[test]
    fn what_is_handed_on_without_gradient_is_constant() {
        let case = Subject::case(&Path::new(CASES).parent().unwrap().join("handed.tot"));
        for count in 0..=PASSES.len() {
            let found = results(program(&after(&case.graph(Mode::Training), count))).gradients;
            assert!(found.contains_key("f.weight"));
            for (path, gradient) in found.iter().filter(|(path, _)| path.starts_with("p_")) {
                let none = gradient.abs().max().double_value(&[]) == 0.0;
                assert!(none, "`{path}` has a gradient after {count} passes");
            }
        }
    }

    #[test]
    fn running_out_of_memory_is_told_with_its_place() {
        let case = Subject::case(&Path::new(CASES).parent().unwrap().join("failing/too_large.tot"));
        let program = program(&after(&case.graph(Mode::Evaluation), PASSES.len()));
        let (weights, inputs) = (weights(&program), inputs(&program));
        let executable = Executable::with(program, Device::Cpu, Kernels::Libtorch).unwrap();
        let error = executable.run(&weights, &inputs).unwrap_err();
        assert!(matches!(&error, ExecError::Memory { node } if node == "think/y"), "{error}");
    }

    #[test]
    fn dropout_is_for_training() {
        let case = Subject::case(&Path::new(CASES).parent().unwrap().join("random.tot"));
        let dropped = |mode| {
            let mut found = results(program(&after(&wide(case.graph(mode)), PASSES.len()))).outputs;
            Vec::<f64>::try_from(found.swap_remove("predict.dropped").unwrap().flatten(0, -1)).unwrap()
        };
        assert!(dropped(Mode::Evaluation).iter().all(|value| *value == 1.0));
        let dropped = dropped(Mode::Training);
        assert!(dropped.iter().all(|value| *value == 0.0 || *value == 2.0) && dropped.contains(&2.0));
    }
}
