//! Graph to flat program: nodes become instructions on slots, with the last reader of each slot and the places
//! where a result may take an operand's memory. Assumes a verified graph; fails never.

use super::program::{CarriedInfo, GradientInfo, Instr, InstrOp, Operand, OutputId, OutputInfo, Program};
use crate::ir::op::Op;
use crate::ir::{Flow, Graph, InputInfo, Node, OutputKind, OutputName, State, StateInfo, Weight, WeightInfo};
use crate::types::Ty;
use petgraph::graph::NodeIndex;
use std::collections::{HashMap, HashSet};

/// A verified graph as a flat program; instructions stand in topological order.
pub fn program(graph: &Graph) -> Program {
    let mut lowering = Lowering::default();
    let Lowered { instrs: body, map, .. } = lowering.flow(&graph.flow, &[]);
    let outputs = graph
        .outputs
        .iter()
        .zip(&graph.flow.results)
        .map(|(name, result)| OutputInfo {
            name: name.clone(),
            value: map[result],
            ty: graph.flow.node(*result).ty.clone(),
        })
        .collect();
    let gradients = gradients(graph, &map, &lowering.fresh);
    let axis_names = |ty: &Ty| ty.axes().map(|axis| graph.axes.name(axis).to_owned()).collect();
    Program {
        model: graph.model.clone(),
        mode: graph.mode,
        precision: graph.precision,
        recompute: graph.recompute,
        steps_in_a_row: graph.steps_in_a_row,
        batch: graph.axes.named("batch"),
        axes: graph.axes.clone(),
        weights: weights(graph),
        inputs: graph.inputs.iter().map(InputInfo::clone).collect(),
        states: graph
            .states
            .iter()
            .map(|state| StateInfo {
                name: state.name.clone(),
                axes: axis_names(&state.ty),
                shape: state.ty.shape(),
                history: state.history,
            })
            .collect(),
        carried: carried(graph),
        outputs,
        gradients,
        halt: graph.halt,
        slots: lowering.slots,
        body,
    }
}

/// Every weight of a graph, from outside.
pub fn weights(graph: &Graph) -> Vec<WeightInfo> {
    let info = |weight: &Weight| WeightInfo {
        path: weight.path.clone(),
        role: weight.role,
        shape: weight.dims.iter().map(|dim| dim.size as i64).collect(),
        axes: weight.dims.iter().map(|dim| graph.axes.name(dim.axis).to_owned()).collect(),
        outputs: weight.outputs,
        init: weight.init,
        span: weight.span,
    };
    graph.weights.iter().map(info).collect()
}

/// What each state hands to the next step, the older values of one behind the newer.
pub fn carried(graph: &Graph) -> Vec<CarriedInfo> {
    let of_state = |(state, info): (usize, &State)| {
        let name = info.name.clone();
        (1..=info.history.max(1)).map(move |ago| {
            let name = if ago > 1 { format!("{name}@{ago}") } else { name.clone() };
            let wanted = OutputName::new(OutputKind::State, name.clone());
            let given = graph.outputs.iter().position(|output| *output == wanted).map(OutputId);
            CarriedInfo { name, state, given }
        })
    };
    graph.states.iter().enumerate().flat_map(of_state).collect()
}

/// The results behind the outputs.
fn gradients(graph: &Graph, map: &HashMap<NodeIndex, Operand>, fresh: &HashSet<usize>) -> Vec<GradientInfo> {
    let results = &graph.flow.results;
    let mut behind = results.iter().skip(graph.outputs.len());
    let mut gradients = Vec::new();
    for gradient in &graph.gradients {
        let typed = |result: &NodeIndex| (map[result], graph.flow.node(*result).ty.clone());
        let ids = if gradient.rows { behind.next().map(typed) } else { None };
        let Some(result) = behind.next() else { break };
        let (value, ty) = typed(result);
        let once = results.iter().filter(|other| map[*other] == value).count() == 1;
        let owned = matches!(value, Operand::Slot(slot) if once && fresh.contains(&slot));
        gradients.push(GradientInfo { path: gradient.path.clone(), value, ty, ids, owned });
    }
    gradients
}

/// The instructions of a flow, where its values stand, and the slot of the iteration's number if it is read.
struct Lowered {
    instrs: Vec<Instr>,
    map: HashMap<NodeIndex, Operand>,
    iteration: Option<usize>,
}

#[derive(Default)]
struct Lowering {
    slots: usize,
    /// Slots whose memory nothing else sees: fresh results that no view, loop or output shares.
    owned: HashSet<usize>,
    /// Those of them that are results of the flow lowered last.
    fresh: HashSet<usize>,
}

impl Lowering {
    fn slot(&mut self) -> usize {
        self.slots += 1;
        self.slots - 1
    }

    /// Instructions of a flow; `entering` are the operands of the loop it belongs to.
    fn flow(&mut self, flow: &Flow, entering: &[Operand]) -> Lowered {
        let mut map: HashMap<NodeIndex, Operand> = HashMap::new();
        let mut instrs: Vec<Instr> = Vec::new();
        let mut results_of: HashMap<NodeIndex, Vec<usize>> = HashMap::new();
        let mut iteration = None;
        for index in flow.indices() {
            let node = flow.node(index);
            let operands = flow.operands(index);
            match &node.op {
                Op::Number(value) => {
                    map.insert(index, Operand::Number(value.get()));
                    continue;
                }
                Op::Argument(k) => {
                    map.insert(index, entering[*k]);
                    continue;
                }
                Op::Iteration => {
                    let slot = *iteration.get_or_insert_with(|| self.slot());
                    map.insert(index, Operand::Slot(slot));
                    continue;
                }
                Op::LoopResult(k) => {
                    map.insert(index, Operand::Slot(results_of[&operands[0]][*k]));
                    continue;
                }
                _ => {}
            }
            let args: Vec<Operand> = operands.iter().map(|operand| map[operand]).collect();
            let arg_tys: Vec<Ty> = operands.iter().map(|operand| flow.node(*operand).ty.clone()).collect();
            let (op, out) = match &node.body {
                Some(body) => {
                    let times = if let Op::Repeat { times } = node.op { times } else { 1 };
                    let carried: Vec<usize> = (0..body.iter_args).map(|_| self.slot()).collect();
                    let mut inner: Vec<Operand> = carried.iter().map(|slot| Operand::Slot(*slot)).collect();
                    inner.extend_from_slice(&args[body.iter_args..]);
                    let inner = self.flow(&body.flow, &inner);
                    let results: Vec<Operand> =
                        body.flow.results.iter().map(|result| inner.map[result]).collect();
                    let (next, yields) = results.split_at(body.iter_args);
                    let out: Vec<usize> = results.iter().map(|_| self.slot()).collect();
                    let result_tys = (0..results.len()).filter_map(|k| body.result_ty(k, times)).collect();
                    let op = if node.op == Op::Fused {
                        InstrOp::Fused { body: inner.instrs, yields: yields.to_vec(), result_tys }
                    } else {
                        InstrOp::Repeat {
                            times,
                            carried,
                            body: inner.instrs,
                            next: next.to_vec(),
                            yields: yields.iter().copied().zip(body.yields.iter().copied()).collect(),
                            result_tys,
                            iteration: inner.iteration,
                            guard: body.guard,
                        }
                    };
                    results_of.insert(index, out.clone());
                    (op, out)
                }
                None => (InstrOp::Op(node.op.clone()), vec![self.slot()]),
            };
            self.mark(node, &args, &out);
            if let [slot] = out[..] {
                map.insert(index, Operand::Slot(slot));
            }
            instrs.push(Instr {
                op,
                args,
                arg_tys,
                out,
                ty: node.ty.clone(),
                gradient: node.gradient,
                backward: node.backward,
                free: Vec::new(),
                in_place: false,
                name: node.name.clone(),
                span: node.span,
            });
        }
        let results: Vec<Operand> = flow.results.iter().map(|result| map[result]).collect();
        self.fresh = self.owned.clone();
        for operand in &results {
            self.share(operand);
        }
        self.last_readers(&mut instrs, &results);
        Lowered { instrs, map, iteration }
    }

    /// Who owns memory after this operation.
    fn mark(&mut self, node: &Node, args: &[Operand], out: &[usize]) {
        match &node.op {
            // Dropout may hand on its operand as it is.
            Op::Prim(id, _) if id.get().random => args.iter().for_each(|arg| self.share(arg)),
            Op::Prim(..) => self.owned.extend(out),
            // Operands are only read, and results are new.
            Op::Fused => self.owned.extend(out),
            _ => args.iter().for_each(|arg| self.share(arg)),
        }
    }

    fn share(&mut self, operand: &Operand) {
        if let Operand::Slot(slot) = operand {
            self.owned.remove(slot);
        }
    }

    /// Slots made here die at their last reader; those from outside the loop live on.
    fn last_readers(&mut self, instrs: &mut [Instr], results: &[Operand]) {
        let own: HashSet<usize> = instrs.iter().flat_map(|instr| instr.out.iter().copied()).collect();
        let mut seen: HashSet<usize> = HashSet::new();
        for result in results {
            if let Operand::Slot(slot) = result {
                seen.insert(*slot);
            }
        }
        for instr in instrs.iter_mut().rev() {
            let mut reads: Vec<usize> = Vec::new();
            read_slots(instr, &mut reads);
            for slot in reads {
                if own.contains(&slot) && seen.insert(slot) {
                    instr.free.push(slot);
                }
            }
            // Results that nobody reads die at once.
            for slot in &instr.out {
                if seen.insert(*slot) {
                    instr.free.push(*slot);
                }
            }
            instr.in_place = match (&instr.op, instr.args.first(), instr.arg_tys.first()) {
                (InstrOp::Op(Op::Prim(..)), Some(Operand::Slot(slot)), Some(ty)) => {
                    instr.free.contains(slot)
                        && self.owned.contains(slot)
                        && *ty == instr.ty
                        && ty.kind.is_float()
                        && instr.args.iter().filter(|arg| **arg == Operand::Slot(*slot)).count() == 1
                }
                _ => false,
            };
        }
    }
}

fn read_slots(instr: &Instr, reads: &mut Vec<usize>) {
    for arg in &instr.args {
        if let Operand::Slot(slot) = arg {
            reads.push(*slot);
        }
    }
    if let InstrOp::Fused { body, yields, .. } = &instr.op {
        for operand in yields {
            if let Operand::Slot(slot) = operand {
                reads.push(*slot);
            }
        }
        body.iter().for_each(|inner| read_slots(inner, reads));
    }
    if let InstrOp::Repeat { body, next, yields, .. } = &instr.op {
        for operand in next.iter().chain(yields.iter().map(|(operand, _)| operand)) {
            if let Operand::Slot(slot) = operand {
                reads.push(*slot);
            }
        }
        body.iter().for_each(|inner| read_slots(inner, reads));
    }
}
