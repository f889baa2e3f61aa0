//! Takes a folded outline, gives nodes, groups and edges for formats that lay out by themselves (DOT, Mermaid); knows
//! nothing of their syntax. Ids count up in the order of the text.

use super::fold::{Folded, Leaf, Node, Turns};
use super::labels::{self, Around};
use super::text::{cut, one_line, statements, wrap};
use super::thoughts::Thoughts;
use crate::model::outline::ItemKind;

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
}

/// `thoughts` lines run along it; a record is a side note.
pub struct Edge {
    /// Id of a node.
    pub from: usize,
    /// Id of a node.
    pub to: usize,
    /// How many thoughts there are on the way, at least 1.
    pub thoughts: usize,
    /// Whether it leads to a side note.
    pub aside: bool,
}

const WIDTH: usize = 52;
const LINES: usize = 4;

/// Nodes are numbered from 1 in the order of the text.
pub fn flowchart(folded: &Folded) -> Flowchart {
    let thoughts = Thoughts::at_start(&folded.leaves());
    let mut walk = Walk { thoughts, edges: Vec::new(), before: None, next_id: 0 };
    let mut entries = Vec::new();
    for part in &folded.parts {
        let id = walk.id();
        let label = cut(&one_line(part.name), WIDTH);
        let inner = walk.nodes(&part.nodes, Around::Section, part.in_order());
        entries.push(FlowItem::Group { id, label, kind: Group::Section, entries: inner });
    }
    Flowchart { title: cut(&one_line(folded.model), WIDTH), entries, edges: walk.edges }
}

struct Walk<'a> {
    thoughts: Thoughts<'a>,
    edges: Vec<Edge>,
    /// The node that the next one follows.
    before: Option<usize>,
    next_id: usize,
}

impl<'a> Walk<'a> {
    fn id(&mut self) -> usize {
        self.next_id += 1;
        self.next_id
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

    fn group(&mut self, label: String, turns: &Turns<'a>, around: Around, in_order: bool) -> FlowItem {
        let id = self.id();
        let kind = if turns.learning == 0 { Group::LoopWithoutGradient } else { Group::Loop };
        let entries = self.nodes(&turns.body, around.inside(turns), in_order);
        FlowItem::Group { id, label, kind, entries }
    }

    fn leaf(&mut self, leaf: &Leaf<'a>, in_order: bool) -> FlowItem {
        let id = self.id();
        let aside = matches!(leaf.kind, ItemKind::Record { .. });
        let thoughts = self.thoughts.now();
        self.edges.extend(self.before.map(|from| Edge { from, to: id, thoughts, aside }));
        self.thoughts.pass(leaf);
        if in_order && !aside {
            self.before = Some(id);
        }
        FlowItem::Node { id, shape: shape(leaf.kind), gradient: leaf.gradient, lines: lines(leaf) }
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
