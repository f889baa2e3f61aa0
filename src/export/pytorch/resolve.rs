//! Graph to statements: every node one expression, nodes that change nothing here (casts to the same type, renamed axes,
//! broadcasts to the same axes, arguments of loops) other names of their operands.

use super::operation::{ExportError, expression};
use super::statement::{Arg, Carried, Expr, FlatStmt, Framed, From, Head, Id, Loop, Program, Value};
use crate::ir::op::Op;
use crate::ir::{Body, Flow, Graph, Node, Yield, show_op};
use crate::primitive::pytorch::dtype;
use crate::types::{AxisId, Kind, Ty};
use petgraph::graph::NodeIndex;
use std::collections::HashMap;

/// The statements of a step.
pub(super) fn program(graph: &Graph) -> Result<Program, ExportError> {
    let mut resolving = Resolving {
        program: Program::default(),
        graph,
        batch: graph.axes.named("batch"),
        leaves: HashMap::new(),
        floats: None,
    };
    resolving.arguments();
    let (map, flat) = resolving.flow(&graph.flow, &[], None)?;
    let mut program = resolving.program;
    program.flat = flat;
    let names = graph.outputs.iter().map(ToString::to_string);
    program.outputs = names.zip(graph.flow.results.iter().map(|result| map[result])).collect();
    Ok(program)
}

struct Resolving<'a> {
    program: Program,
    graph: &'a Graph,
    batch: Option<AxisId>,
    /// Arguments and weights by what they are called.
    leaves: HashMap<String, Id>,
    /// A state of floats, whose type is that of the weights.
    floats: Option<Id>,
}

type Values = HashMap<NodeIndex, Id>;

impl Resolving<'_> {
    /// Inputs that are no targets, states, `fresh` and `steps`.
    fn arguments(&mut self) {
        let batch = Ty::new(Kind::Int, Vec::new());
        let mut given: Vec<(String, String)> = Vec::new();
        for input in self.graph.inputs.iter().filter(|input| input.role == crate::ir::InputRole::Input) {
            given.push((format!("input {}", input.name), input.name.clone()));
        }
        for state in &self.graph.states {
            for ago in 1..=state.history.max(1) {
                let name = if ago > 1 { format!("{}_{ago}", state.name) } else { state.name.clone() };
                given.push((format!("state {}@{ago}", state.name), name));
            }
        }
        given.push(("fresh".to_owned(), "fresh".to_owned()));
        given.push(("steps".to_owned(), "steps".to_owned()));
        for (key, name) in given {
            let id = self.value(batch.clone(), From::Given, &name);
            self.leaves.insert(key, id);
            self.program.given.push((name, id));
        }
        let state = self.graph.states.iter().find(|state| state.ty.kind.is_float());
        self.floats = state.map(|state| self.leaves[&format!("state {}@1", state.name)]);
    }

    fn value(&mut self, ty: Ty, from: From, label: &str) -> Id {
        self.program.values.push(Value { ty, from, names: Vec::new(), label: label.to_owned() });
        self.program.values.len() - 1
    }

    fn leaf(&mut self, key: String, node: &Node, from: From, label: &str) -> Id {
        if let Some(id) = self.leaves.get(&key) {
            self.program.values[*id].ty = node.ty.clone();
            return *id;
        }
        let id = self.value(node.ty.clone(), from, label);
        self.leaves.insert(key, id);
        id
    }

    /// The statements of a flow and its values; `entering` are the arguments of the loop that it is the body of.
    fn flow(
        &mut self,
        flow: &Flow,
        entering: &[Id],
        counter: Option<Id>,
    ) -> Result<(Values, Vec<Framed>), ExportError> {
        let mut map: Values = HashMap::new();
        let mut stmts = Vec::new();
        let mut results: HashMap<NodeIndex, Vec<Id>> = HashMap::new();
        for index in flow.indices() {
            let node = flow.node(index);
            let args: Vec<Id> =
                node.operands.iter().filter_map(|operand| map.get(operand).copied()).collect();
            let label = label(node);
            let id = match &node.op {
                Op::Argument(k) => entering[*k],
                Op::LoopResult(k) => results[&node.operands[0]][*k],
                Op::Iteration => counter.unwrap_or_default(),
                Op::Number(value) => self.value(node.ty.clone(), From::Number(value.get()), &label),
                Op::Cast(kind) => match (dtype(*kind), &self.program.values[args[0]].from) {
                    (_, From::Number(value)) => {
                        let number = From::Number(*value);
                        self.value(node.ty.clone(), number, &label)
                    }
                    (to, _) if to == dtype(flow.node(node.operands[0]).ty.kind) => args[0],
                    _ => self.computed(flow, node, &args, &label, &mut stmts)?,
                },
                Op::Rename { .. } => args[0],
                Op::Expand if flow.node(node.operands[0]).ty.dims == node.ty.dims => args[0],
                Op::Input(name) => self.leaf(format!("input {name}"), node, From::Given, name),
                Op::State { name, ago } => self.leaf(format!("state {name}@{ago}"), node, From::Given, name),
                Op::Fresh => self.leaf("fresh".to_owned(), node, From::Given, "fresh"),
                Op::Steps => self.leaf("steps".to_owned(), node, From::Given, "steps"),
                Op::Weight(path) => {
                    self.leaf(format!("weight {path}"), node, From::Weight(path.clone()), "weight")
                }
                Op::Repeat { times } => {
                    let Some(body) = &node.body else { return Err(self.unknown(node)) };
                    let outs = if body.guard.is_some() && *times == 1 {
                        // It keeps what it does not change by itself; tracing a module allows no branch by a value.
                        let (inner, own) = self.flow(&body.flow, &args, counter)?;
                        stmts.extend(own);
                        body.flow.results.iter().map(|result| inner[result]).collect()
                    } else {
                        self.repeat(node, body, *times, &args, &mut stmts)?
                    };
                    results.insert(index, outs);
                    continue;
                }
                _ => self.computed(flow, node, &args, &label, &mut stmts)?,
            };
            self.program.values[id].names.extend(node.names.iter().cloned());
            map.insert(index, id);
        }
        Ok((map, stmts))
    }

    fn unknown(&self, node: &Node) -> ExportError {
        ExportError { what: show_op(&node.op, &self.graph.axes) }
    }

    /// A value that an expression computes.
    fn computed(
        &mut self,
        flow: &Flow,
        node: &Node,
        args: &[Id],
        label: &str,
        stmts: &mut Vec<Framed>,
    ) -> Result<Id, ExportError> {
        let mut args = args.to_vec();
        let mut tys: Vec<Ty> = node.operands.iter().map(|operand| flow.node(*operand).ty.clone()).collect();
        if let Op::EmbeddingRows(path) = &node.op {
            let weight = self.graph.weights.iter().find(|weight| weight.path == *path);
            let ty = Ty::new(node.ty.kind, weight.map(|weight| weight.dims.clone()).unwrap_or_default());
            let table = self.value(ty.clone(), From::Weight(path.clone()), "rows");
            args.push(table);
            tys.push(ty);
        }
        let numbers = args.iter().map(|id| match self.program.values[*id].from {
            From::Number(value) => Some(value),
            _ => None,
        });
        let numbers: Vec<Option<f64>> = numbers.collect();
        let text = expression(&node.op, tys, numbers, &node.ty, self.batch);
        let text = text.ok_or_else(|| self.unknown(node))?;
        let mut used: Vec<Arg> = args.iter().map(|id| Arg::Value(*id)).collect();
        // `{f}` and what `{d}` is the type of are arguments behind the operands.
        let fresh = format!("{{{}}}", used.len());
        used.push(Arg::Value(self.leaves["fresh"]));
        let floats = match self.floats {
            Some(state) => {
                used.push(Arg::Value(state));
                format!("{{{}}}.dtype", used.len() - 1)
            }
            None => "torch.get_default_dtype()".to_owned(),
        };
        let text = text.replace("{d}", &floats);
        let used = used.into_iter().enumerate();
        let (text, args) = kept(text.replace("{f}", &fresh), used.collect());
        let out = self.value(node.ty.clone(), From::Computed, label);
        let random = matches!(&node.op, Op::Prim(id, _) if id.get().random);
        let expr = Expr { head: Head::Text(text), args, random };
        stmts.push(Framed { stmt: FlatStmt::Let { out, expr }, frame: node.frame.clone() });
        Ok(out)
    }

    fn repeat(
        &mut self,
        node: &Node,
        body: &Body,
        times: usize,
        args: &[Id],
        stmts: &mut Vec<Framed>,
    ) -> Result<Vec<Id>, ExportError> {
        let (starts, captured) = args.split_at(body.iter_args);
        let mut entering: Vec<Id> = Vec::new();
        for (k, start) in starts.iter().enumerate() {
            let ty = body.flow.node(body.flow.results[k]).ty.clone();
            let label = self.program.values[*start].label.clone();
            let arg = self.value(ty, From::Computed, &label);
            self.program.values[arg].names = self.program.values[*start].names.clone();
            entering.push(arg);
        }
        let own: Vec<Id> = entering.clone();
        entering.extend_from_slice(captured);
        let counter = self.value(Ty::scalar(Kind::Int), From::Computed, "i");
        let (map, mut inner) = self.flow(&body.flow, &entering, Some(counter))?;
        let results: Vec<Id> = body.flow.results.iter().map(|result| map[result]).collect();
        let (mut outs, mut carried, mut stacked, mut last) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (k, next) in results.iter().enumerate() {
            let ty = body.result_ty(k, times).unwrap_or_else(|| self.program.values[*next].ty.clone());
            let label = self.program.values[*next].label.clone();
            let yielded = k.checked_sub(body.iter_args).and_then(|at| body.yields.get(at));
            match yielded {
                None => {
                    let result = self.value(ty, From::Computed, &label);
                    carried.push(Carried { arg: own[k], start: starts[k], next: *next, result });
                    outs.push(result);
                }
                Some(Yield::Stack(_)) => {
                    let all = self.value(ty, From::Computed, &label);
                    stacked.push((*next, all));
                    outs.push(all);
                }
                // A carried value is another one after the last iteration.
                Some(Yield::Last) if own.contains(next) => {
                    let copy = self.value(ty, From::Computed, &label);
                    let expr = Expr {
                        head: Head::Text("{0}".to_owned()),
                        args: vec![Arg::Value(*next)],
                        random: true,
                    };
                    inner.push(Framed { stmt: FlatStmt::Let { out: copy, expr }, frame: node.frame.clone() });
                    last.push(copy);
                    outs.push(copy);
                }
                Some(Yield::Last) => {
                    last.push(*next);
                    outs.push(*next);
                }
            }
        }
        let of = Loop { times, counter: Some(counter), carried, stacked, body: Vec::new(), last };
        stmts.push(Framed { stmt: FlatStmt::Loop { of, body: inner }, frame: node.frame.clone() });
        Ok(outs)
    }
}

/// The text with the arguments that it names, numbered anew: numbers, for example, are part of the text already.
fn kept(text: String, args: Vec<(usize, Arg)>) -> (String, Vec<Arg>) {
    let (mut text, mut kept) = (text, Vec::new());
    for (at, arg) in args {
        let old = format!("{{{at}}}");
        if text.contains(&old) {
            text = text.replace(&old, &format!("{{{}}}", kept.len()));
            kept.push(arg);
        }
    }
    (text, kept)
}

/// What to call the value of a node: the author's word where the node has one, else the operation's.
fn label(node: &Node) -> String {
    match &node.op {
        Op::Prim(id, _) => id.get().name.to_owned(),
        _ => "x".to_owned(),
    }
}
