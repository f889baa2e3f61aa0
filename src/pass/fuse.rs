//! Groups operations that can be computed in one pass over memory: element by element, and over the last axis of the
//! widest of them. A group stands where its last operation stood, so that nothing is computed earlier than it was, and a
//! value that an operation outside needs before that keeps its own out. Values that only the group reads leave no trace in
//! memory, and are not rounded to bfloat16.
//!
//! Runs last; what follows need not know of groups but to execute them, whole or one operation after the other.

use super::Pass;
use crate::ir::op::Op;
use crate::ir::{Body, Builder, Flow, Graph, Label, Node, Val, Yield};
use crate::primitive::Chained;
use crate::types::{Dim, Kind, Ty};
use petgraph::graph::NodeIndex;
use std::collections::HashMap;

/// Operations on the same places become one.
pub const PASS: Pass =
    Pass { name: "fuse", about: "compute operations on the same places in one pass over memory", run };

fn run(graph: &Graph) -> Graph {
    let mut builder = Builder::concrete(graph.precision);
    let results = copy(&mut builder, &graph.flow, &[]);
    graph.with_flow(builder.finish(&results))
}

/// What a node is to a group.
struct Member {
    /// The places that it computes for, the last axis the one that rows run along.
    space: Vec<Dim>,
    /// In float64.
    double: bool,
    /// It reads the last axis whole.
    over_rows: bool,
}

/// Operations that are computed together.
struct Group {
    members: Vec<NodeIndex>,
    space: Vec<Dim>,
    double: bool,
    /// One of them reads whole rows, so that the last axis is settled.
    settled: bool,
    /// Somebody outside has read a member: whatever comes later is no part of it.
    closed: bool,
}

fn copy(builder: &mut Builder, flow: &Flow, entering: &[Val]) -> Vec<Val> {
    let groups = grouped(flow);
    let mut group_of: HashMap<NodeIndex, usize> = HashMap::new();
    for (at, group) in groups.iter().enumerate().filter(|(_, group)| group.members.len() > 1) {
        group_of.extend(group.members.iter().map(|member| (*member, at)));
    }
    let mut map: HashMap<NodeIndex, Val> = HashMap::new();
    let mut loops: HashMap<NodeIndex, Vec<Val>> = HashMap::new();
    for index in flow.indices() {
        let node = flow.node(index);
        if let Some(group) = group_of.get(&index).map(|at| &groups[*at]) {
            if group.members.last() == Some(&index) {
                emit(builder, flow, group, &mut map);
            }
            continue;
        }
        let grouped = |user: NodeIndex| group_of.contains_key(&user);
        if matches!(node.op, Op::Number(_))
            && !flow.results.contains(&index)
            && flow.users(index).all(|(user, _)| grouped(user))
        {
            continue;
        }
        let operands: Vec<Val> =
            node.operands.iter().filter_map(|operand| map.get(operand).copied()).collect();
        if let Some(body) = &node.body {
            loops.insert(index, copy_loop(builder, node, body, &operands));
            continue;
        }
        let val = match &node.op {
            Op::Argument(k) => entering[*k],
            Op::LoopResult(k) => loops[&node.operands[0]][*k],
            op => builder.add_typed(op.clone(), &operands, node.ty.clone(), Label::of(node)),
        };
        map.insert(index, val);
    }
    flow.results.iter().map(|result| map[result]).collect()
}

fn copy_loop(builder: &mut Builder, node: &Node, body: &Body, operands: &[Val]) -> Vec<Val> {
    let mut entering = match &node.op {
        Op::Repeat { times } => {
            let guard = body.guard.map(|at| operands[at]);
            builder.open_loop(*times, &operands[..body.iter_args], guard, Label::of(node))
        }
        _ => {
            builder.open_fused(Label::of(node));
            Vec::new()
        }
    };
    entering.extend_from_slice(&operands[body.iter_args..]);
    // A group within a group stays as it is.
    let results = match &node.op {
        Op::Fused => plain(builder, &body.flow, &entering),
        _ => copy(builder, &body.flow, &entering),
    };
    let (next, yielded) = results.split_at(body.iter_args);
    let yields: Vec<(Val, Yield)> = yielded.iter().copied().zip(body.yields.iter().copied()).collect();
    builder.close_loop(next, &yields)
}

fn plain(builder: &mut Builder, flow: &Flow, entering: &[Val]) -> Vec<Val> {
    let mut map: HashMap<NodeIndex, Val> = HashMap::new();
    for index in flow.indices() {
        let node = flow.node(index);
        let operands: Vec<Val> = node.operands.iter().map(|operand| map[operand]).collect();
        let val = match &node.op {
            Op::Argument(k) => entering[*k],
            op => builder.add_typed(op.clone(), &operands, node.ty.clone(), Label::of(node)),
        };
        map.insert(index, val);
    }
    flow.results.iter().map(|result| map[result]).collect()
}

/// A group as one node.
fn emit(builder: &mut Builder, flow: &Flow, group: &Group, map: &mut HashMap<NodeIndex, Val>) {
    let last = flow.node(group.members[group.members.len() - 1]);
    builder.open_fused(Label { leaf: false, ..Label::of(last) });
    let mut inside: HashMap<NodeIndex, Val> = HashMap::new();
    for member in &group.members {
        let node = flow.node(*member);
        let mut operands = Vec::with_capacity(node.operands.len());
        for operand in &node.operands {
            let read = flow.node(*operand);
            let val = match (&read.op, inside.get(operand)) {
                (_, Some(val)) => *val,
                // Numbers stand where they are read.
                (Op::Number(_), None) => {
                    builder.add_typed(read.op.clone(), &[], read.ty.clone(), Label::of(read))
                }
                _ => map[operand],
            };
            operands.push(val);
        }
        let val = builder.add_typed(node.op.clone(), &operands, node.ty.clone(), Label::of(node));
        inside.insert(*member, val);
    }
    let leaves = |member: &&NodeIndex| {
        flow.results.contains(*member) || flow.users(**member).any(|(user, _)| !group.members.contains(&user))
    };
    let leaving: Vec<NodeIndex> = group.members.iter().filter(leaves).copied().collect();
    let yields: Vec<(Val, Yield)> = leaving.iter().map(|member| (inside[member], Yield::Last)).collect();
    let results = builder.close_loop(&[], &yields);
    map.extend(leaving.into_iter().zip(results));
}

/// The groups of a flow, those of a single operation too. Members stand in their order.
fn grouped(flow: &Flow) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut group_of: HashMap<NodeIndex, usize> = HashMap::new();
    for index in flow.indices() {
        let node = flow.node(index);
        let member = member(flow, node);
        let mut joined: Option<usize> = None;
        if let Some(member) = &member {
            for operand in &node.operands {
                let Some(at) = group_of.get(operand).copied() else { continue };
                if joined == Some(at) || !fits(&groups[at], member, flow, node) {
                    continue;
                }
                match joined {
                    None => joined = Some(at),
                    Some(own) if unites(&groups[own], &groups[at]) => {
                        let other = std::mem::take(&mut groups[at].members);
                        group_of.extend(other.iter().map(|member| (*member, own)));
                        groups[own].members.extend(other);
                        groups[own].members.sort_unstable();
                        groups[own].settled |= groups[at].settled;
                    }
                    Some(_) => {}
                }
            }
        }
        // Groups that are read and not joined are complete.
        for operand in &node.operands {
            if let Some(at) = group_of.get(operand)
                && Some(*at) != joined
            {
                groups[*at].closed = true;
            }
        }
        let Some(member) = member else { continue };
        let at = joined.unwrap_or_else(|| {
            groups.push(Group {
                members: Vec::new(),
                space: member.space.clone(),
                double: member.double,
                settled: false,
                closed: false,
            });
            groups.len() - 1
        });
        let group = &mut groups[at];
        group.members.push(index);
        group.settled |= member.over_rows;
        // What had one value a place has one a row now.
        if member.space.len() > group.space.len() {
            (group.space, group.settled) = (member.space, true);
        }
        group_of.insert(index, at);
    }
    groups
}

/// Whether a node can be computed with a group that it reads from.
fn fits(group: &Group, member: &Member, flow: &Flow, node: &Node) -> bool {
    if group.closed || group.double != member.double {
        return false;
    }
    let without_last = |space: &[Dim]| space.split_last().map(|(_, outer)| outer.to_vec());
    let same = group.space == member.space;
    // A row value of the group's space, or the group's values are rows of a wider space.
    let row = !member.over_rows && without_last(&group.space).as_ref() == Some(&member.space);
    let widens = !group.settled && without_last(&member.space).as_ref() == Some(&group.space);
    if !(same || row || widens) {
        return false;
    }
    let space = if widens { &member.space } else { &group.space };
    // What it reads of the group has a value for each place, or for each row.
    node.operands.iter().filter(|operand| group.members.contains(operand)).all(|operand| {
        let dims = &flow.node(*operand).ty.dims;
        let whole = *dims == *space;
        let of_rows = Some(dims) == without_last(space).as_ref();
        if member.over_rows { whole && same } else { whole || of_rows }
    }) && (row || node.operands.iter().all(|operand| reads(flow.node(*operand), space)))
}

/// Two groups that one operation reads; neither reads the other, or it would have joined it or closed it.
fn unites(one: &Group, other: &Group) -> bool {
    !other.closed && one.space == other.space && one.double == other.double
}

/// Whether an operand can be read at every place of a space.
fn reads(operand: &Node, space: &[Dim]) -> bool {
    operand.ty.dims.iter().all(|dim| space.contains(dim))
}

/// A node that can be part of a group.
fn member(flow: &Flow, node: &Node) -> Option<Member> {
    let operands: Vec<&Ty> = node.operands.iter().map(|operand| &flow.node(*operand).ty).collect();
    let is_number = |at: usize| matches!(flow.node(node.operands[at]).op, Op::Number(_));
    let computes = |ty: &Ty| matches!(ty.kind, Kind::Bool | Kind::BFloat16 | Kind::Float32 | Kind::Float64);
    let known = (0..operands.len()).all(|at| is_number(at) || computes(operands[at]));
    if !known || !computes(&node.ty) {
        return None;
    }
    let (space, over_rows) = match &node.op {
        Op::Prim(id, attrs) => match id.get().chained {
            Chained::Never => return None,
            Chained::Each(_) => (node.ty.dims.clone(), false),
            Chained::Rows(_) => {
                let whole = operands.last()?;
                let last = whole.dims.last()?;
                if attrs.over != [last.axis]
                    || operands.iter().any(|ty| ty.dims != whole.dims)
                    || last.size == 0
                {
                    return None;
                }
                (whole.dims.clone(), true)
            }
        },
        Op::Cast(kind) if kind.is_float() => (node.ty.dims.clone(), false),
        _ => return None,
    };
    let fits = |at: usize| is_number(at) || reads(flow.node(node.operands[at]), &space);
    if space.is_empty() || !(0..operands.len()).all(fits) || (0..operands.len()).all(is_number) {
        return None;
    }
    let double = operands.iter().copied().chain([&node.ty]).any(|ty| ty.kind == Kind::Float64);
    Some(Member { space, double, over_rows })
}
