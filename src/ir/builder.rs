//! The one way to make a graph: operations are added in order, their types inferred as they come, loops opened and
//! closed, and a loop captures by itself what it reads from outside. Everything is held in persistent collections, so
//! that a copy of the builder costs nothing and dropping it undoes whatever was added to it: speculation is a copy.

use super::frame::{Frame, Name};
use super::graph::{Body, Flow, Node, Yield};
use super::infer::infer;
use super::op::Op;
pub use crate::primitive::Val;
use crate::primitive::{Complaint, Derivative};
use crate::source::Span;
use crate::types::{Axes, Kind, Precision, Ty};
use imbl::{HashMap, Vector};
use petgraph::graph::NodeIndex;
use std::sync::Arc;

/// What an operation is labelled with, besides what it computes.
#[derive(Clone, Debug, Default)]
pub struct Label {
    /// In the scope of gradient.
    pub gradient: bool,
    /// Of the backward pass.
    pub backward: bool,
    /// A weight that is learned: gradient is wanted for it.
    pub leaf: bool,
    /// Where the author wrote it.
    pub span: Span,
    /// The author's name, with the path of the net it belongs to.
    pub name: String,
    /// The call that it is written out from.
    pub frame: Option<Arc<Frame>>,
}

impl Label {
    /// The label of a node that a pass copies.
    pub fn of(node: &Node) -> Label {
        Label {
            gradient: node.gradient,
            backward: node.backward,
            leaf: node.requires_grad && matches!(node.op, Op::Weight(_)),
            span: node.span,
            name: node.name.clone(),
            frame: node.frame.clone(),
        }
    }
}

/// A graph in the making. Levels are loops inside one another, the outermost is the step itself.
#[derive(Clone, Debug)]
pub struct Builder {
    values: Vector<Defined>,
    levels: Vector<Level>,
    /// What `float` is, if that has been said.
    precision: Option<Precision>,
}

/// Where a value is computed, and what is known of it.
#[derive(Clone, Debug)]
struct Defined {
    level: usize,
    at: Place,
    ty: Ty,
    requires_grad: bool,
    number: Option<f64>,
    /// Of an operation; empty for block arguments and results of loops.
    operands: Vec<Val>,
}

/// A value as one level sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Its own node.
    Node(usize),
    /// Its block argument.
    Argument(usize),
}

#[derive(Clone, Debug, Default)]
struct Level {
    nodes: Vector<(Node, Vec<Place>)>,
    /// Of a loop.
    header: Option<Arc<Header>>,
    /// What it reads from outside, in order of first use, and where each enters.
    captured: Vector<Val>,
    entered: HashMap<Val, usize>,
    /// What the author calls its block arguments.
    called: Vector<(usize, Name)>,
    /// Of a loop: for which samples its iterations do anything.
    guard: Option<Val>,
}

#[derive(Debug)]
struct Header {
    op: Op,
    times: usize,
    starts: Vec<Val>,
    label: Label,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder { values: Vector::new(), levels: Vector::unit(Level::default()), precision: None }
    }
}

impl Builder {
    /// A builder of a graph in which it has been said what `float` is.
    pub fn concrete(precision: Precision) -> Builder {
        Builder { precision: Some(precision), ..Builder::default() }
    }

    /// The type of a value.
    pub fn ty(&self, val: Val) -> &Ty {
        &self.values[val.0 as usize].ty
    }

    /// Whether gradient can reach a weight through a value.
    pub fn requires_grad(&self, val: Val) -> bool {
        self.values[val.0 as usize].requires_grad
    }

    /// The number that a value is, if it was one when it was added.
    pub fn number(&self, val: Val) -> Option<f64> {
        self.values[val.0 as usize].number
    }

    /// The operation that computes a value, and its operands; None of a block argument. The value must be known here.
    pub fn made_by(&self, val: Val) -> Option<(&Op, &[Val])> {
        let defined = &self.values[val.0 as usize];
        let Place::Node(at) = defined.at else { return None };
        let (node, _) = self.levels.get(defined.level)?.nodes.get(at)?;
        Some((&node.op, &defined.operands))
    }

    /// Whether the body of the innermost open loop reads a value that is computed outside of it.
    pub fn captures(&self, val: Val) -> bool {
        self.levels.last().is_some_and(|level| level.entered.contains_key(&val))
    }

    /// How many loops stand around the next operation.
    pub fn depth(&self) -> usize {
        self.levels.len() - 1
    }

    /// How many loops stand around the operation that computes a value.
    pub fn depth_of(&self, val: Val) -> usize {
        self.values[val.0 as usize].level
    }

    /// Adds an operation whose type follows from its operands.
    ///
    /// # Errors
    /// What inference objects to, in the author's terms; nothing is added then.
    pub fn add(&mut self, op: Op, operands: &[Val], axes: &Axes, label: Label) -> Result<Val, Complaint> {
        let types: Vec<&Ty> = operands.iter().map(|operand| self.ty(*operand)).collect();
        let mut ty = infer(&op, &types, axes)?;
        if let Some(precision) = self.precision {
            ty.kind = precision.of(ty.kind);
        }
        Ok(self.add_typed(op, operands, ty, label))
    }

    /// Adds an operation whose type is stated: a source, or a broadcast.
    pub fn add_typed(&mut self, op: Op, operands: &[Val], ty: Ty, label: Label) -> Val {
        self.add_at(self.depth(), op, operands, ty, label)
    }

    /// Adds an operation inside `depth` loops, of which more may be open; its operands must be known there.
    pub fn add_at(&mut self, depth: usize, op: Op, operands: &[Val], ty: Ty, label: Label) -> Val {
        let places: Vec<Place> = operands.iter().map(|operand| self.reached(depth, *operand)).collect();
        let read: Vec<bool> = operands.iter().map(|operand| self.requires_grad(*operand)).collect();
        let requires_grad = label.leaf || requires_grad(&op, label.gradient, &ty, &read);
        let number = if let Op::Number(value) = &op { Some(value.get()) } else { None };
        let node = Node {
            op,
            operands: Vec::new(),
            ty: ty.clone(),
            gradient: label.gradient,
            backward: label.backward,
            requires_grad,
            span: label.span,
            name: label.name,
            frame: label.frame,
            names: Vec::new(),
            body: None,
        };
        let at = self.push(depth, node, places);
        self.define(Defined { level: depth, at, ty, requires_grad, number, operands: operands.to_vec() })
    }

    /// Notes what the author calls a value at a place, in the frame of that number.
    pub fn call(&mut self, val: Val, frame: u32, name: &str, span: Span) {
        let defined = &self.values[val.0 as usize];
        let Some(level) = self.levels.get_mut(defined.level) else { return };
        let name = Name { frame, name: name.to_owned(), span };
        match defined.at {
            Place::Argument(at) => level.called.push_back((at, name)),
            Place::Node(at) => {
                if let Some((node, _)) = level.nodes.get_mut(at) {
                    node.names.push(name);
                }
            }
        }
    }

    /// Opens a loop that runs `times` times and carries values from iteration to iteration; gives them as the body
    /// sees them. `guard` says for which samples an iteration does anything, see [`Body::guard`].
    pub fn open_loop(&mut self, times: usize, starts: &[Val], guard: Option<Val>, label: Label) -> Vec<Val> {
        let gradient = label.gradient;
        let header = Header { op: Op::Repeat { times }, times, starts: starts.to_vec(), label };
        self.levels.push_back(Level { header: Some(Arc::new(header)), guard, ..Level::default() });
        let level = self.depth();
        let mut arguments = Vec::with_capacity(starts.len());
        for (at, start) in starts.iter().enumerate() {
            let ty = self.ty(*start).clone();
            // What the body does to it is not known yet; `close_loop` finds out.
            let requires_grad = gradient && ty.kind.is_float();
            let at = Place::Argument(at);
            let defined = Defined { level, at, ty, requires_grad, number: None, operands: Vec::new() };
            arguments.push(self.define(defined));
        }
        arguments
    }

    /// Opens a group of operations that are computed together; `close_loop` closes it, and its results are what it yields.
    pub fn open_fused(&mut self, label: Label) {
        let header = Header { op: Op::Fused, times: 1, starts: Vec::new(), label };
        self.levels.push_back(Level { header: Some(Arc::new(header)), ..Level::default() });
    }

    /// Closes the innermost loop: the carried values after an iteration, and what it yields. Gives the loop's results,
    /// the carried values first.
    pub fn close_loop(&mut self, next: &[Val], yields: &[(Val, Yield)]) -> Vec<Val> {
        let inner = self.depth();
        let ends: Vec<Place> = next
            .iter()
            .chain(yields.iter().map(|(val, _)| val))
            .map(|val| self.reached(inner, *val))
            .collect();
        let guard = self.levels.last().and_then(|level| level.guard).map(|mask| self.reached(inner, mask));
        let Some((level, header)) =
            self.levels.pop_back().and_then(|level| level.header.clone().map(|header| (level, header)))
        else {
            return Vec::new();
        };
        let outer = self.depth();
        let operands: Vec<Val> = header.starts.iter().chain(&level.captured).copied().collect();
        let places: Vec<Place> = operands.iter().map(|operand| self.reached(outer, *operand)).collect();
        let entering: Vec<Ty> = operands.iter().map(|operand| self.ty(*operand).clone()).collect();
        let read: Vec<bool> = operands.iter().map(|operand| self.requires_grad(*operand)).collect();
        let flow = level.into_flow(&entering, &ends, &header.label);
        let yields = yields.iter().map(|(_, yielded)| *yielded).collect();
        let guard = match guard {
            Some(Place::Argument(at)) if may_be_left_out(&flow) => Some(at),
            _ => None,
        };
        let mut body = Body { flow, iter_args: header.starts.len(), yields, guard };
        let reached = settle(&mut body, &read);
        let node = Node {
            op: header.op.clone(),
            operands: Vec::new(),
            ty: Ty::scalar(Kind::Int),
            gradient: header.label.gradient,
            backward: header.label.backward,
            requires_grad: false,
            span: header.label.span,
            name: header.label.name.clone(),
            frame: header.label.frame.clone(),
            names: Vec::new(),
            body: None,
        };
        let types: Vec<Ty> =
            (0..body.flow.results.len()).filter_map(|k| body.result_ty(k, header.times)).collect();
        let whole = self.push(outer, Node { body: Some(Arc::new(body)), ..node.clone() }, places);
        let mut results = Vec::with_capacity(types.len());
        for (k, (ty, reached)) in types.into_iter().zip(reached).enumerate() {
            let requires_grad = header.label.gradient && reached && ty.kind.is_float();
            let result = Node { op: Op::LoopResult(k), ty: ty.clone(), requires_grad, ..node.clone() };
            let at = self.push(outer, result, vec![whole]);
            let defined = Defined { level: outer, at, ty, requires_grad, number: None, operands: Vec::new() };
            results.push(self.define(defined));
        }
        results
    }

    /// The graph, with these results. Loops that are still open are left out.
    pub fn finish(mut self, results: &[Val]) -> Flow {
        while self.levels.len() > 1 {
            self.levels.pop_back();
        }
        let ends: Vec<Place> = results.iter().map(|val| self.reached(0, *val)).collect();
        let level = self.levels.pop_back().unwrap_or_default();
        level.into_flow(&[], &ends, &Label::default())
    }

    fn define(&mut self, defined: Defined) -> Val {
        self.values.push_back(defined);
        Val((self.values.len() - 1) as u32)
    }

    fn push(&mut self, depth: usize, node: Node, operands: Vec<Place>) -> Place {
        let nodes = &mut self.levels[depth].nodes;
        nodes.push_back((node, operands));
        Place::Node(nodes.len() - 1)
    }

    /// A value as the loop at `depth` names it: what is computed further out enters it as a block argument.
    fn reached(&mut self, depth: usize, val: Val) -> Place {
        let defined = &self.values[val.0 as usize];
        if defined.level == depth {
            return defined.at;
        }
        if defined.level > depth {
            return self.unknown(depth, defined.ty.clone());
        }
        let level = &mut self.levels[depth];
        if let Some(at) = level.entered.get(&val) {
            return Place::Argument(*at);
        }
        let at = level.header.as_ref().map_or(0, |header| header.starts.len()) + level.captured.len();
        level.captured.push_back(val);
        level.entered.insert(val, at);
        Place::Argument(at)
    }
}

impl Builder {
    /// In place of a value that is read outside the loop that computes it, which is a mistake of totc: an argument that no
    /// loop has, so that the verifier refuses the graph.
    fn unknown(&mut self, depth: usize, ty: Ty) -> Place {
        let node = Node {
            op: Op::Argument(usize::MAX),
            operands: Vec::new(),
            ty,
            gradient: false,
            backward: false,
            requires_grad: false,
            span: Span::NONE,
            name: "a value that is read outside its loop".to_owned(),
            frame: None,
            names: Vec::new(),
            body: None,
        };
        self.push(depth, node, Vec::new())
    }
}

impl Level {
    /// The level as a flow: its block arguments, then its operations.
    fn into_flow(self, entering: &[Ty], ends: &[Place], label: &Label) -> Flow {
        let mut flow = Flow::default();
        let arguments = entering.len();
        for (at, ty) in entering.iter().enumerate() {
            flow.add(Node {
                op: Op::Argument(at),
                operands: Vec::new(),
                ty: ty.clone(),
                gradient: label.gradient,
                backward: label.backward,
                requires_grad: false,
                span: label.span,
                name: String::new(),
                frame: label.frame.clone(),
                names: self.called.iter().filter(|(of, _)| *of == at).map(|(_, name)| name.clone()).collect(),
                body: None,
            });
        }
        let index = |place: &Place| match place {
            Place::Argument(at) => NodeIndex::new(*at),
            Place::Node(at) => NodeIndex::new(arguments + at),
        };
        for (node, operands) in self.nodes {
            flow.add(Node { operands: operands.iter().map(index).collect(), ..node });
        }
        flow.results = ends.iter().map(index).collect();
        flow
    }
}

/// Whether gradient reaches a weight through the result of an operation in a scope, whose operands say it of
/// themselves.
pub(super) fn requires_grad(op: &Op, gradient: bool, ty: &Ty, operands: &[bool]) -> bool {
    let flows = match op {
        Op::Prim(id, _) => !matches!(id.get().derivative, Derivative::Stops),
        Op::Cast(kind) => kind.is_float(),
        Op::Detach | Op::Repeat { .. } | Op::Fused => false,
        _ => true,
    };
    gradient
        && flows
        && ty.kind.is_float()
        && (matches!(op, Op::EmbeddingRows(_)) || operands.contains(&true))
}

/// Whether leaving out an iteration of these operations changes nothing but what it would have computed: not where random
/// numbers are drawn, one behind the other, and where rows of tables are looked up, whose gradients all iterations give.
fn may_be_left_out(flow: &Flow) -> bool {
    flow.nodes.node_weights().all(|node| match &node.op {
        Op::Prim(id, _) => !id.get().random,
        Op::EmbeddingRows(_) => false,
        _ => node.body.as_ref().is_none_or(|body| may_be_left_out(&body.flow)),
    })
}

/// Finds out which values of a loop's body gradient reaches, when it reaches those of its operands that `entering`
/// names: what it carries may come to be reached by an iteration. Gives the same of the loop's results.
pub(super) fn settle(body: &mut Body, entering: &[bool]) -> Vec<bool> {
    let mut arguments = entering.to_vec();
    loop {
        let results = settle_flow(&mut body.flow, &arguments);
        let mut changed = false;
        for (argument, result) in arguments.iter_mut().zip(&results).take(body.iter_args) {
            changed |= !*argument && *result;
            *argument |= *result;
        }
        if !changed {
            let carried = arguments.iter().take(body.iter_args).copied();
            return carried.chain(results.into_iter().skip(body.iter_args)).collect();
        }
    }
}

fn settle_flow(flow: &mut Flow, arguments: &[bool]) -> Vec<bool> {
    let mut loops: std::collections::HashMap<NodeIndex, Vec<bool>> = std::collections::HashMap::new();
    for index in flow.indices() {
        let node = flow.node(index);
        let operands: Vec<bool> =
            node.operands.iter().map(|operand| flow.node(*operand).requires_grad).collect();
        let reached = match &node.op {
            Op::Argument(k) => {
                node.gradient && node.ty.kind.is_float() && arguments.get(*k).copied().unwrap_or(false)
            }
            Op::LoopResult(k) => {
                let of_loop = node.operands.first().and_then(|whole| loops.get(whole));
                node.gradient
                    && node.ty.kind.is_float()
                    && of_loop.and_then(|results| results.get(*k)).copied().unwrap_or(false)
            }
            Op::Weight(_) => node.requires_grad,
            op => requires_grad(op, node.gradient, &node.ty, &operands),
        };
        let node = &mut flow.nodes[index];
        node.requires_grad = reached;
        if let Some(body) = &mut node.body {
            let results = settle(Arc::make_mut(body), &operands);
            loops.insert(index, results);
        }
    }
    flow.results.iter().map(|result| flow.node(*result).requires_grad).collect()
}
