//! Takes a folded outline, gives nodes, groups and edges for formats that lay out by themselves (DOT, Mermaid); knows
//! nothing of their syntax. Ids count up in the order of the text.
//!
//! An edge is data flow: from the node that gave a name its value to each node that reads it. Values that come back, in the
//! next turn of a loop or in the next supervision step, are edges of their own. An outline that does not say what its items
//! read (an old one) has edges from each item to the next.

use super::fold::{Folded, Leaf, Node, Turns};
use super::labels::{self, Around};
use super::parameters;
use super::text::{cut, one_line, statements, wrap};
use super::thoughts::{Change, Thoughts};
use crate::numbers::count;
use std::collections::HashMap;

use crate::model::outline::{AHEAD, Extent, ItemKind, earlier};

/// Nodes, groups and edges without places.
pub struct Flowchart {
    /// The model's name.
    pub title: String,
    /// One group for each section, in order.
    pub entries: Vec<FlowItem>,
    /// From each node to the one that follows.
    pub edges: Vec<Edge>,
}

/// A node, or a group of them.
pub enum FlowItem {
    /// A frame around entries.
    Group {
        /// Unique among groups and nodes.
        id: usize,
        /// The words on the frame.
        label: String,
        /// What the frame stands for.
        kind: Group,
        /// In the order of the text.
        entries: Vec<FlowItem>,
    },
    /// One item of the outline.
    Node {
        /// Unique among groups and nodes.
        id: usize,
        /// What the node stands for.
        shape: Shape,
        /// Whether gradient flows through it.
        gradient: bool,
        /// The words on it.
        lines: Vec<String>,
    },
}

/// What a frame stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// A section of the supervision step.
    Section,
    /// A loop with gradient in some turn.
    Loop,
    /// A loop none of whose turns has gradient.
    LoopWithoutGradient,
}

/// What a node stands for, each a shape of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A value that is computed.
    Update,
    /// More thoughts.
    Branch,
    /// Fewer thoughts, combined.
    Merge,
    /// Fewer thoughts, the best kept.
    Prune,
    /// A value that is kept aside.
    Record,
    /// A state as the step finds it.
    State,
    /// The rule by which a sample is done.
    Halt,
}

/// Data that flows; `thoughts` lines run along it.
pub struct Edge {
    /// Id of a node.
    pub from: usize,
    /// Id of a node.
    pub to: usize,
    /// How many thoughts there are on the way, at least 1.
    pub thoughts: usize,
    /// Whether it leads to a side note.
    pub aside: bool,
    /// Whether the value comes back: in the next turn of a loop, or in the next supervision step.
    pub back: bool,
}

const WIDTH: usize = 52;
const LINES: usize = 4;

/// Nodes are numbered from 1 in the order of the text; nets are listed `depth` parts of their paths deep, not at all at 0.
pub fn flowchart(folded: &Folded, depth: usize) -> Flowchart {
    let leaves = folded.leaves();
    let thoughts = Thoughts::at_start(&leaves);
    let growing: Vec<&str> =
        leaves.iter().filter_map(|leaf| Change::of(leaf.kind)).map(|change| change.axis).collect();
    let mut walk = Walk {
        thoughts,
        growing,
        flows: leaves.iter().any(|leaf| !leaf.reads.is_empty()),
        edges: Vec::new(),
        before: None,
        given: HashMap::new(),
        carried: HashMap::new(),
        read: Vec::new(),
        next_id: 0,
    };
    let mut entries: Vec<FlowItem> = walk.states(folded).into_iter().collect();
    for part in &folded.parts {
        if !part.in_order() {
            entries.extend(walk.step_ahead(folded));
        }
        let id = walk.id();
        let label = cut(&one_line(part.name), WIDTH);
        let inner = walk.nodes(&part.nodes, Around::Section, part.in_order());
        entries.push(FlowItem::Group { id, label, kind: Group::Section, entries: inner });
    }
    entries.extend(walk.halting(folded));
    walk.next_step(folded);
    entries.extend(walk.nets(folded, depth));
    Flowchart { title: cut(&one_line(folded.model), WIDTH), entries, edges: walk.edges }
}

/// Where a name got its value.
#[derive(Clone, Copy)]
struct Given {
    node: usize,
    /// How many thoughts the value holds.
    thoughts: usize,
    /// Whether it was given in a turn of the step, not found as a state.
    here: bool,
}

struct Walk<'a> {
    thoughts: Thoughts<'a>,
    /// Axes that thoughts stand along.
    growing: Vec<&'a str>,
    /// Whether items say what they read.
    flows: bool,
    edges: Vec<Edge>,
    /// The node that the next one follows, where items do not say what they read.
    before: Option<usize>,
    given: HashMap<&'a str, Given>,
    /// States as the step finds them.
    carried: HashMap<&'a str, Given>,
    /// What was read since a loop began: name, node, and where the value came from.
    read: Vec<(&'a str, usize, Option<usize>)>,
    next_id: usize,
}

impl<'a> Walk<'a> {
    fn id(&mut self) -> usize {
        self.next_id += 1;
        self.next_id
    }

    fn node_with(&mut self, shape: Shape, gradient: bool, lines: Vec<String>) -> (usize, FlowItem) {
        let id = self.id();
        let lines =
            lines.iter().map(|line| cut(&one_line(line), WIDTH)).filter(|line| !line.is_empty()).collect();
        (id, FlowItem::Node { id, shape, gradient, lines })
    }

    /// The states as the step finds them.
    fn states(&mut self, folded: &Folded<'a>) -> Option<FlowItem> {
        let states = &folded.outline.states;
        if states.is_empty() {
            return None;
        }
        let group = self.id();
        let mut entries = Vec::new();
        for state in states {
            let (node, item) =
                self.node_with(Shape::State, false, vec![state.name.clone(), labels::axes(&state.axes)]);
            let found = Given { node, thoughts: 1, here: false };
            self.given.insert(&state.name, found);
            self.carried.insert(&state.name, found);
            entries.push(item);
        }
        let label = "carried from the step before".to_owned();
        Some(FlowItem::Group { id: group, label, kind: Group::Section, entries })
    }

    /// Where a name that is read has its value from.
    fn source(&self, name: &str) -> Option<Given> {
        match earlier(name) {
            Some(state) => self.carried.get(state).copied(),
            None => self.given.get(name).copied(),
        }
    }

    /// The rule by which a sample is done, and the step ahead if a loss looks there.
    fn halting(&mut self, folded: &Folded<'a>) -> Option<FlowItem> {
        let halting = folded.outline.halting.as_ref()?;
        let group = self.id();
        let when = labels::halts(halting.when.as_deref());
        let (node, item) = self.node_with(Shape::Halt, false, vec![when, labels::at_most(halting.at_most)]);
        let sources: Vec<Given> = halting.reads.iter().filter_map(|name| self.source(name)).collect();
        for source in sources {
            self.edge(source, node, false, false);
        }
        Some(FlowItem::Group {
            id: group,
            label: "halting".to_owned(),
            kind: Group::Section,
            entries: vec![item],
        })
    }

    /// One more step from the new states, where a loss looks there.
    fn step_ahead(&mut self, folded: &Folded<'a>) -> Option<FlowItem> {
        if !folded.looks_ahead() || self.given.contains_key(AHEAD) {
            return None;
        }
        let group = self.id();
        let words = ["one more step from here".to_owned(), "without gradient".to_owned()];
        let (node, item) = self.node_with(Shape::State, false, words.to_vec());
        let left: Vec<Given> = folded
            .outline
            .states
            .iter()
            .filter_map(|state| self.given.get(state.name.as_str()).copied())
            .collect();
        for state in left {
            self.edge(state, node, false, false);
        }
        self.given.insert(AHEAD, Given { node, thoughts: 1, here: true });
        Some(FlowItem::Group {
            id: group,
            label: AHEAD.to_owned(),
            kind: Group::Section,
            entries: vec![item],
        })
    }

    /// What leaves the step comes back as a state.
    fn next_step(&mut self, folded: &Folded<'a>) {
        // States stand first: their ids follow that of their group.
        for (state, found) in folded.outline.states.iter().zip(2..) {
            if let Some(left) = self.given.get(state.name.as_str()).copied().filter(|left| left.here) {
                self.edge(left, found, false, true);
            }
        }
    }

    /// Nets with the number of their parameters, `depth` parts of their paths deep.
    fn nets(&mut self, folded: &Folded<'a>, depth: usize) -> Option<FlowItem> {
        let lines = parameters::lines(&folded.outline.parameters, depth);
        if lines.is_empty() {
            return None;
        }
        let group = self.id();
        let label = format!("parameters: {}", count(parameters::total(&folded.outline.parameters)));
        let entries = lines
            .iter()
            .map(|line| {
                let words = vec![line.path.clone(), format!("{} parameters", count(line.elements))];
                self.node_with(Shape::Update, true, words).1
            })
            .collect();
        Some(FlowItem::Group { id: group, label, kind: Group::Section, entries })
    }

    fn edge(&mut self, from: Given, to: usize, aside: bool, back: bool) {
        let same = |edge: &Edge| (edge.from, edge.to, edge.back) == (from.node, to, back);
        if !self.edges.iter().any(same) {
            self.edges.push(Edge { from: from.node, to, thoughts: from.thoughts.max(1), aside, back });
        }
    }

    fn nodes(&mut self, nodes: &[Node<'a>], around: Around, in_order: bool) -> Vec<FlowItem> {
        nodes.iter().map(|node| self.node(node, around, in_order)).collect()
    }

    fn node(&mut self, node: &Node<'a>, around: Around, in_order: bool) -> FlowItem {
        match node {
            Node::Leaf(leaf) => self.leaf(leaf, in_order),
            Node::Loop(turns) => self.group(labels::times(turns, around), turns, around, in_order),
            Node::Steps(each) => {
                let id = self.id();
                let mut rows = Vec::new();
                for row in each {
                    let words = if row.first == row.last { "iteration" } else { "iterations" };
                    let times =
                        if row.turns.times > 1 { format!(" · × {}", row.turns.times) } else { "".into() };
                    let gradient = labels::gradient(&row.turns, around.of_rows());
                    let label = format!("{words} {}{times}{gradient}", labels::indices(row));
                    rows.push(self.group(label, &row.turns, around, in_order));
                }
                let kind =
                    if around == Around::NoGradient { Group::LoopWithoutGradient } else { Group::Loop };
                FlowItem::Group { id, label: labels::steps(each), kind, entries: rows }
            }
        }
    }

    /// What a turn reads of the turn before it.
    fn next_turn(&mut self, before: &HashMap<&'a str, Given>) {
        for (name, reader, source) in self.read.clone() {
            let found = before.get(name).map(|given| given.node);
            let now = self.given.get(name).copied().filter(|now| Some(now.node) != found);
            if let (Some(now), true) = (now, source == found) {
                self.edge(now, reader, false, true);
            }
        }
    }

    fn group(&mut self, label: String, turns: &Turns<'a>, around: Around, in_order: bool) -> FlowItem {
        let id = self.id();
        let kind = if turns.learning == 0 { Group::LoopWithoutGradient } else { Group::Loop };
        let outer = std::mem::take(&mut self.read);
        let before = self.given.clone();
        let entries = self.nodes(&turns.body, around.inside(turns), in_order);
        if turns.times > 1 {
            self.next_turn(&before);
        }
        self.read.splice(0..0, outer);
        FlowItem::Group { id, label, kind, entries }
    }

    fn leaf(&mut self, leaf: &Leaf<'a>, in_order: bool) -> FlowItem {
        let id = self.id();
        let aside = matches!(leaf.kind, ItemKind::Record { .. });
        if self.flows {
            self.read_by(leaf, id, aside);
        } else {
            let thoughts = self.thoughts.now();
            let before = self.before.map(|node| Given { node, thoughts, here: true });
            if let Some(before) = before {
                self.edge(before, id, aside, false);
            }
        }
        self.thoughts.pass(leaf);
        // Nobody reads a loss.
        if in_order {
            self.give(leaf, id);
        }
        if in_order && !aside {
            self.before = Some(id);
        }
        FlowItem::Node { id, shape: shape(leaf.kind), gradient: leaf.gradient, lines: lines(leaf) }
    }

    fn read_by(&mut self, leaf: &Leaf<'a>, id: usize, aside: bool) {
        // What changes a state reads it, also where its method does not name it.
        let own = Change::of(leaf.kind).into_iter().flat_map(|change| change.states().collect::<Vec<_>>());
        let names: Vec<&'a str> = leaf.reads.iter().map(String::as_str).chain(own).collect();
        for name in names {
            let source = self.source(name);
            self.read.push((name, id, source.map(|source| source.node)));
            if let Some(source) = source {
                self.edge(source, id, aside, false);
            }
        }
    }

    fn give(&mut self, leaf: &Leaf<'a>, id: usize) {
        let mut names: Vec<&'a str> = leaf.gives.iter().map(String::as_str).collect();
        let thoughts = match leaf.kind {
            ItemKind::Update { target, axes, .. } | ItemKind::Record { name: target, axes, .. } => {
                names.push(target);
                self.along_growing(axes)
            }
            ItemKind::Branch { state, to, .. }
            | ItemKind::Merge { state, to, .. }
            | ItemKind::Prune { state, to, .. } => {
                names.extend(state.split(',').map(str::trim));
                *to
            }
            ItemKind::Repeat { .. } | ItemKind::Iteration { .. } => return,
        };
        for name in names {
            self.given.insert(name, Given { node: id, thoughts, here: true });
        }
    }

    fn along_growing(&self, axes: &[Extent]) -> usize {
        let sizes = axes.iter().filter(|extent| self.growing.contains(&extent.axis.as_str()));
        sizes.fold(1, |product, extent| product.saturating_mul(extent.size))
    }
}

fn shape(kind: &ItemKind) -> Shape {
    match kind {
        ItemKind::Branch { .. } => Shape::Branch,
        ItemKind::Merge { .. } => Shape::Merge,
        ItemKind::Prune { .. } => Shape::Prune,
        ItemKind::Record { .. } => Shape::Record,
        ItemKind::Update { .. } | ItemKind::Repeat { .. } | ItemKind::Iteration { .. } => Shape::Update,
    }
}

fn lines(leaf: &Leaf) -> Vec<String> {
    let mut lines = match (leaf.kind, labels::note(leaf.kind)) {
        (ItemKind::Update { target, text, axes, .. }, _) => {
            let mut block = statements(text);
            let first = if block.len() > 1 { String::new() } else { block.pop().unwrap_or_default() };
            let mut lines = wrap(format!("{} ← {first}", one_line(target)).trim_end(), WIDTH, LINES);
            lines.extend(block.iter().flat_map(|line| wrap(line, WIDTH, LINES)));
            lines.push(cut(&labels::axes(axes), WIDTH));
            lines
        }
        (_, Some(note)) => [note.title, note.how, note.detail].map(|line| cut(&line, WIDTH)).to_vec(),
        (_, None) => Vec::new(),
    };
    lines.retain(|line| !line.is_empty());
    lines
}
