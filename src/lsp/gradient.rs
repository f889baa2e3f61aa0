//! Whether gradient goes through what is bound at a place, and if not, why. Takes the graph that the checker made of a step
//! of training, where both are facts of every operation; gives a sentence in the author's words.

use crate::ir::op::Op;
use crate::ir::{Body, Flow, Graph, Node, WeightRole};
use crate::primitive::Derivative;
use crate::source::Span;
use petgraph::graph::NodeIndex;
use std::collections::{BTreeSet, HashMap};

/// What the schedule says of iterations without gradient.
const BEFORE: &str = "iterations before `grad last`";

/// The part of an operation's name that the step ahead gives it.
const AHEAD: &str = "lookahead";

/// A sentence about the gradient of what is bound at a place; None where the graph binds no tensor there.
pub(super) fn told(graph: &Graph, place: Span) -> Option<String> {
    let levels = Levels::of(graph);
    let is_here = |node: &Node| {
        node.names.iter().any(|name| (name.span.file, name.span.start) == (place.file, place.start))
    };
    let mut bound: Vec<At> = levels.all().filter(|at| is_here(levels.node(*at))).collect();
    let ahead = |at: &At| levels.node(*at).name.split('/').any(|part| part == AHEAD);
    if !bound.iter().all(ahead) {
        bound.retain(|at| !ahead(at));
    }
    let first = *bound.first()?;
    let carries = bound.iter().filter(|at| levels.node(**at).requires_grad).count();
    let in_scope = bound.iter().find(|at| levels.node(**at).gradient);
    let outside = bound.iter().any(|at| !levels.node(*at).gradient);
    Some(match in_scope {
        _ if carries == bound.len() => "carries gradient".to_owned(),
        _ if carries > 0 && outside => format!("carries gradient, but none in {BEFORE}"),
        _ if carries > 0 => {
            "carries gradient where what it is made of does, which is not everywhere".to_owned()
        }
        Some(at) => format!("no gradient: it comes from {} alone", levels.sources(*at)),
        None if ahead(&first) => format!("no gradient: `{AHEAD}` has none"),
        None => format!("no gradient: {BEFORE}"),
    })
}

/// A flow by its number, and an operation of it.
type At = (usize, NodeIndex);

/// The flow of the step and those of its loops, numbered.
struct Levels<'g> {
    graph: &'g Graph,
    flows: Vec<&'g Flow>,
    /// The loop that a flow is the body of.
    around: Vec<Option<(At, &'g Body)>>,
    inside: HashMap<At, usize>,
}

impl<'g> Levels<'g> {
    fn of(graph: &'g Graph) -> Levels<'g> {
        let (flows, around) = (vec![&graph.flow], vec![None]);
        let mut levels = Levels { graph, flows, around, inside: HashMap::new() };
        let mut level = 0;
        while let Some(flow) = levels.flows.get(level).copied() {
            for index in flow.indices() {
                if let Some(body) = &flow.node(index).body {
                    levels.inside.insert((level, index), levels.flows.len());
                    levels.flows.push(&body.flow);
                    levels.around.push(Some(((level, index), body)));
                }
            }
            level += 1;
        }
        levels
    }

    fn all(&self) -> impl Iterator<Item = At> {
        let numbered = self.flows.iter().enumerate();
        numbered.flat_map(|(level, flow)| flow.indices().map(move |index| (level, index)))
    }

    fn node(&self, (level, index): At) -> &'g Node {
        self.flows[level].node(index)
    }

    /// What a value without gradient is made of, as a list of words.
    fn sources(&self, at: At) -> String {
        let (mut waiting, mut seen, mut found) = (vec![at], BTreeSet::new(), BTreeSet::new());
        while let Some(at) = waiting.pop() {
            if !seen.insert(at) {
                continue;
            }
            match self.source(at) {
                Some(source) => found.extend((!source.is_empty()).then_some(source)),
                None => waiting.extend(self.made_of(at)),
            }
        }
        let words: Vec<String> = found.into_iter().collect();
        match &words[..] {
            [] => "numbers".to_owned(),
            [only] => only.clone(),
            [first @ .., last] => format!("{} and {last}", first.join(", ")),
        }
    }

    /// What gradient ends at here; None if it ends further up.
    fn source(&self, at: At) -> Option<String> {
        let node = self.node(at);
        Some(match &node.op {
            Op::Input(name) => format!("the data (`{name}`)"),
            Op::State { name, .. } => format!("`{name}` as the step before left it"),
            Op::Steps | Op::Fresh | Op::Iteration => "counts of steps".to_owned(),
            Op::Number(_) => String::new(),
            Op::Weight(path) => {
                let role = self.graph.weights.iter().find(|weight| weight.path == *path);
                match role.map(|weight| weight.role) {
                    Some(WeightRole::Buffer) => format!("the buffer `{path}`"),
                    _ => format!("`{path}` where it is not learned"),
                }
            }
            Op::Detach if node.gradient => "what `stop_gradient` gives".to_owned(),
            _ if !node.gradient && node.name.split('/').any(|part| part == AHEAD) => format!("`{AHEAD}`"),
            _ if !node.gradient => BEFORE.to_owned(),
            Op::Prim(id, _) if matches!(id.get().derivative, Derivative::Stops) => {
                format!("`{}`, which has no derivative", id.get().name)
            }
            _ => return None,
        })
    }

    /// The values that one is computed from; of several kinds only floats, which alone could carry gradient.
    fn made_of(&self, at: At) -> Vec<At> {
        let (node, (level, _)) = (self.node(at), at);
        let operand = |k: usize| node.operands.get(k).map(|index| (level, *index));
        let mut all: Vec<At> = match (&node.op, self.around[level]) {
            (&Op::Argument(k), Some((whole, body))) => {
                let outside = self.node(whole).operands.get(k).map(|index| (whole.0, *index));
                let again = (k < body.iter_args).then(|| body.flow.results.get(k)).flatten();
                outside.into_iter().chain(again.map(|index| (level, *index))).collect()
            }
            (&Op::LoopResult(k), _) => {
                let inside = operand(0).and_then(|whole| self.inside.get(&whole)).copied();
                let result = inside.and_then(|inside| Some((inside, *self.flows[inside].results.get(k)?)));
                result.into_iter().collect()
            }
            _ => (0..node.operands.len()).filter_map(operand).collect(),
        };
        if all.iter().any(|at| self.node(*at).ty.kind.is_float()) {
            all.retain(|at| self.node(*at).ty.kind.is_float());
        }
        all
    }
}
