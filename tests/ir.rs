//! The builder, held against what a loop, a capture and a speculation are by definition; and, run, against closed forms.

use totc::ir::op::Op;
use totc::ir::{Builder, Graph, Label, Mode, OutputKind, OutputName, Val, Yield, verify};
use totc::pass;
use totc::primitive::{self, Attrs};
use totc::source::Span;
use totc::types::{Axes, Axis, AxisId, AxisSize, Dim, Kind, Precision, Ty};

fn axis(axes: &mut Axes, name: &str, size: AxisSize) -> AxisId {
    let (name, origin) = (name.to_owned(), String::new());
    axes.add(Axis { name, size, parts: Vec::new(), span: Span::NONE, origin })
}

fn graph(axes: Axes, builder: Builder, outputs: &[(&str, Val)]) -> Graph {
    let results: Vec<Val> = outputs.iter().map(|(_, val)| *val).collect();
    Graph {
        steps_in_a_row: 1,
        model: "Built".to_owned(),
        mode: Mode::Evaluation,
        precision: Precision::Float64,
        axes,
        weights: Vec::new(),
        inputs: Vec::new(),
        states: Vec::new(),
        halt: None,
        outputs: outputs.iter().map(|(name, _)| OutputName::new(OutputKind::Value, *name)).collect(),
        gradients: Vec::new(),
        recompute: Default::default(),
        flow: builder.finish(&results),
    }
}

fn prim(builder: &mut Builder, axes: &Axes, name: &str, operands: &[Val]) -> Val {
    let op = Op::Prim(primitive::by_name(name).unwrap(), Attrs::default());
    builder.add(op, operands, axes, Label::default()).unwrap()
}

fn number(builder: &mut Builder, axes: &Axes, value: f64) -> Val {
    builder.add(Op::Number(value.into()), &[], axes, Label::default()).unwrap()
}

/// `s <- s + i · c` for i = 0, 1, 2, … from a half, inside an outer loop that doubles `c`: what the inner loop reads of the
/// outer one and of the step enters it by itself. Yields the last sum and all of them.
fn nested(times: usize) -> (Graph, AxisId) {
    let mut axes = Axes::default();
    let steps = axis(&mut axes, "step", AxisSize::Open);
    let mut builder = Builder::default();
    let one = number(&mut builder, &axes, 1.5);
    let half = number(&mut builder, &axes, 0.5);
    let two = number(&mut builder, &axes, 2.0);
    let outer = builder.open_loop(2, &[one, half], None, Label::default());
    let inner = builder.open_loop(times, &[outer[1]], None, Label::default());
    let count = builder.add(Op::Iteration, &[], &axes, Label::default()).unwrap();
    let term = prim(&mut builder, &axes, "mul", &[count, outer[0]]);
    let sum = prim(&mut builder, &axes, "add", &[inner[0], term]);
    let results = builder.close_loop(&[sum], &[(sum, Yield::Last), (sum, Yield::Stack(steps))]);
    let doubled = prim(&mut builder, &axes, "mul", &[outer[0], two]);
    let ends =
        builder.close_loop(&[doubled, results[0]], &[(results[1], Yield::Last), (results[2], Yield::Last)]);
    let outputs = [("sum", ends[1]), ("last", ends[2]), ("all", ends[3])];
    (graph(axes, builder, &outputs), steps)
}

#[cfg(feature = "torch")]
/// What `nested` computes, in plain loops.
fn by_hand(times: usize) -> (f64, Vec<f64>) {
    let (mut c, mut sum, mut all) = (1.5, 0.5, Vec::new());
    for _ in 0..2 {
        all.clear();
        for i in 0..times {
            sum += i as f64 * c;
            all.push(sum);
        }
        c *= 2.0;
    }
    (sum, all)
}

#[test]
fn loops_say_the_types_of_their_results() {
    let (graph, steps) = nested(4);
    verify(&graph).unwrap();
    let types: Vec<Ty> =
        graph.flow.results.iter().map(|result| graph.flow.node(*result).ty.clone()).collect();
    assert_eq!(types[0], Ty::scalar(Kind::Float));
    assert_eq!(types[1], Ty::scalar(Kind::Float));
    assert_eq!(types[2], Ty::new(Kind::Float, vec![Dim { axis: steps, size: 4 }]));
}

#[test]
fn users_are_edges_and_operands_are_cached() {
    let (graph, _) = nested(3);
    for index in graph.flow.indices() {
        for (user, position) in graph.flow.users(index) {
            assert_eq!(graph.flow.operands(user)[position], index);
        }
    }
}

#[test]
fn a_lie_about_a_loop_is_noticed() {
    let (mut graph, _) = nested(3);
    let result = graph.flow.results[2];
    graph.flow.nodes[result].ty = Ty::scalar(Kind::Int);
    assert!(verify(&graph).unwrap_err().contains("is not what the loop gives"));
    let (mut graph, _) = nested(3);
    let result = graph.flow.results[0];
    let whole = graph.flow.operands(result)[0];
    std::sync::Arc::make_mut(graph.flow.nodes[whole].body.as_mut().unwrap()).guard = Some(0);
    assert!(verify(&graph).unwrap_err().contains("what guards it is no bool of each sample"));
    let (mut graph, _) = nested(3);
    let result = graph.flow.results[0];
    let whole = graph.flow.operands(result)[0];
    graph.flow.nodes[whole].requires_grad = true;
    assert!(verify(&graph).unwrap_err().contains("requires_grad"));
}

/// A copy of the builder that is dropped has done nothing: not in the step, not in the loops that are open.
#[test]
fn a_dropped_speculation_leaves_no_trace() {
    let axes = Axes::default();
    let build = |speculates: bool| {
        let mut builder = Builder::default();
        let (one, two) = (number(&mut builder, &axes, 1.0), number(&mut builder, &axes, 2.0));
        let carried = builder.open_loop(3, &[one], None, Label::default());
        if speculates {
            let mut trial = builder.clone();
            let inner = trial.open_loop(5, &carried, None, Label::default());
            let wild = prim(&mut trial, &axes, "mul", &[inner[0], two]);
            trial.close_loop(&[wild], &[(wild, Yield::Last)]);
        }
        let next = prim(&mut builder, &axes, "add", &[carried[0], one]);
        let results = builder.close_loop(&[next], &[]);
        totc::ir::print(&graph(axes.clone(), builder, &[("x", results[0])]))
    };
    assert_eq!(build(true), build(false));
}

#[test]
fn a_whole_number_is_an_int_as_far_as_it_is_exact() {
    let axes = Axes::default();
    let mut builder = Builder::default();
    let cases = [(3.0, Kind::Int), (9e15, Kind::Int), (1e30, Kind::Float), (f64::NEG_INFINITY, Kind::Float)];
    for (value, kind) in cases {
        let val = number(&mut builder, &axes, value);
        assert_eq!(builder.ty(val).kind, kind, "{value}");
    }
}

#[test]
fn passes_keep_hand_made_loops_whole() {
    for times in [1, 4] {
        let after = pass::run(nested(times).0, None).unwrap();
        verify(&after).unwrap();
        assert_eq!(after.outputs.len(), 3);
    }
}

#[cfg(feature = "torch")]
#[test]
fn hand_made_loops_compute_what_plain_loops_do() {
    use std::collections::HashMap;
    use tch::{Device, Kind, Tensor};
    use totc::exec::{Executable, Inputs, Weights};
    for times in [1, 4] {
        for until in [Some("build"), None] {
            let mut graph = nested(times).0;
            if until.is_some() {
                graph = pass::run(graph, Some("precision")).unwrap();
            } else {
                graph = pass::run(graph, None).unwrap();
            }
            let executable = Executable::new(totc::lower::program(&graph), Device::Cpu).unwrap();
            let inputs = Inputs {
                data: HashMap::new(),
                states: HashMap::new(),
                fresh: Tensor::zeros([1], (Kind::Bool, Device::Cpu)),
                steps: Tensor::ones([1], (Kind::Int64, Device::Cpu)),
            };
            let weights = Weights { tensors: Default::default() };
            let values = executable.run(&weights, &inputs).unwrap().values.by_name();
            let (sum, all) = by_hand(times);
            assert_eq!(values["value.sum"].double_value(&[]), sum);
            assert_eq!(values["value.last"].double_value(&[]), sum);
            assert_eq!(Vec::<f64>::try_from(&values["value.all"]).unwrap(), all);
        }
    }
}
