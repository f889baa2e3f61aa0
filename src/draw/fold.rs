//! Takes an outline, gives the folded outline that all formats draw: runs of loops and of iterations that do the same are
//! one node, which says how many of its turns have gradient. Never changes what is computed or its order; what a
//! loss binds on its way is told once, as part of that loss.

use crate::model::outline::{AHEAD, Item, ItemKind, Outline};

/// A folded outline.
pub struct Folded<'a> {
    /// The model's name.
    pub model: &'a str,
    /// What stands around the sections: states, halting, weights.
    pub outline: &'a Outline,
    /// Sections that are not empty, in order.
    pub parts: Vec<Part<'a>>,
}

/// A section with something in it.
pub struct Part<'a> {
    /// The section's name.
    pub name: &'a str,
    /// In order, but for losses.
    pub nodes: Vec<Node<'a>>,
}

impl Part<'_> {
    /// Losses stand side by side; everything else happens in order.
    pub fn in_order(&self) -> bool {
        !self.name.starts_with("loss")
    }
}

/// A node of the folded outline.
#[derive(Clone, PartialEq)]
pub enum Node<'a> {
    /// A loop whose turns do the same.
    Loop(Turns<'a>),
    /// A loop whose iterations differ, unrolled; equal neighbours share a row.
    Steps(Vec<Row<'a>>),
    /// A single item.
    Leaf(Leaf<'a>),
}

/// The same body several times, the last `learning` of them with gradient.
#[derive(Clone, PartialEq)]
pub struct Turns<'a> {
    /// How many turns.
    pub times: usize,
    /// How many of them, the last, have gradient.
    pub learning: usize,
    /// As the last turn runs it.
    pub body: Vec<Node<'a>>,
}

/// Iterations `first..=last` of an unrolled loop.
#[derive(Clone, PartialEq)]
pub struct Row<'a> {
    /// The first value of the counter.
    pub first: i64,
    /// The last value of the counter.
    pub last: i64,
    /// What these iterations do.
    pub turns: Turns<'a>,
}

/// Neither a `Repeat` nor an `Iteration`.
#[derive(Clone, PartialEq)]
pub struct Leaf<'a> {
    /// The item.
    pub kind: &'a ItemKind,
    /// The declared nets that it calls.
    pub nets: Vec<&'a str>,
    /// Whether gradient flows through it.
    pub gradient: bool,
    /// Names that it reads, and names that it gives beside its target.
    pub reads: &'a [String],
    pub gives: &'a [String],
}

impl<'a> Folded<'a> {
    /// Whether something reads what one more step would give.
    pub fn looks_ahead(&self) -> bool {
        self.leaves().iter().any(|leaf| leaf.reads.iter().any(|name| name == AHEAD))
    }

    /// All leaves in order, a folded body once.
    pub fn leaves(&self) -> Vec<&Leaf<'a>> {
        let mut leaves = Vec::new();
        for part in &self.parts {
            collect(&part.nodes, &mut leaves);
        }
        leaves
    }
}

fn collect<'p, 'a>(nodes: &'p [Node<'a>], leaves: &mut Vec<&'p Leaf<'a>>) {
    for node in nodes {
        match node {
            Node::Loop(turns) => collect(&turns.body, leaves),
            Node::Steps(rows) => rows.iter().for_each(|row| collect(&row.turns.body, leaves)),
            Node::Leaf(leaf) => leaves.push(leaf),
        }
    }
}

/// Folds every section and leaves out the empty ones.
pub fn fold(outline: &Outline) -> Folded<'_> {
    let parts = outline.sections.iter().filter(|section| !section.items.is_empty());
    let mut parts: Vec<Part> =
        parts.map(|section| Part { name: &section.name, nodes: nodes(&section.items) }).collect();
    for part in parts.iter_mut().filter(|part| !part.in_order()) {
        tell_once(&mut part.nodes);
    }
    Folded { model: &outline.model, outline, parts }
}

/// Leaves out each `let` that is part of the text of what follows; its nets are called there.
fn tell_once(nodes: &mut Vec<Node>) {
    for at in (0..nodes.len()).rev() {
        let Node::Leaf(Leaf { kind: ItemKind::Update { target, text, .. }, nets, .. }) = &nodes[at] else {
            continue;
        };
        let (binding, nets) = (format!("let {target} = {text}"), nets.clone());
        let teller = nodes[at + 1..].iter_mut().find_map(|node| match node {
            Node::Leaf(Leaf { kind: ItemKind::Update { text, .. }, nets, .. }) if text.contains(&binding) => {
                Some(nets)
            }
            _ => None,
        });
        if let Some(told) = teller {
            told.splice(0..0, nets);
            nodes.remove(at);
        }
    }
}

fn nodes(items: &[Item]) -> Vec<Node<'_>> {
    let mut nodes: Vec<Node> = Vec::new();
    for item in items {
        match &item.kind {
            ItemKind::Repeat { times, items } => {
                let turns = turns(*times, item.gradient, items);
                match nodes.last_mut() {
                    Some(Node::Loop(before)) if before.goes_on_with(&turns) => before.append(turns),
                    _ => nodes.push(Node::Loop(turns)),
                }
            }
            ItemKind::Iteration { index, items, .. } => {
                let row = Row { first: *index, last: *index, turns: turns(1, item.gradient, items) };
                match nodes.last_mut() {
                    Some(Node::Steps(rows)) if follows(rows, *index) => append(rows, row),
                    _ => nodes.push(Node::Steps(vec![row])),
                }
            }
            kind => nodes.push(Node::Leaf(Leaf {
                kind,
                nets: nets(kind),
                gradient: item.gradient,
                reads: &item.reads,
                gives: &item.gives,
            })),
        }
    }
    nodes
}

fn nets(kind: &ItemKind) -> Vec<&str> {
    match kind {
        ItemKind::Update { nets, .. } | ItemKind::Branch { nets, .. } | ItemKind::Merge { nets, .. } => {
            nets.iter().map(String::as_str).collect()
        }
        _ => Vec::new(),
    }
}

fn turns(times: usize, gradient: bool, items: &[Item]) -> Turns<'_> {
    Turns { times, learning: if gradient { times } else { 0 }, body: nodes(items) }
}

impl<'a> Turns<'a> {
    /// Whether `next` is more turns of this loop. Turns without gradient may only come first.
    fn goes_on_with(&self, next: &Turns<'a>) -> bool {
        if self.learning == 0 {
            return same_apart_from_gradient(&self.body, &next.body);
        }
        self.learning == self.times && next.learning == next.times && self.body == next.body
    }

    fn append(&mut self, next: Turns<'a>) {
        self.times += next.times;
        self.learning += next.learning;
        self.body = next.body;
    }
}

/// The segments of a `grad last k` count on.
fn follows(rows: &[Row], index: i64) -> bool {
    rows.last().is_some_and(|row| row.last.checked_add(1) == Some(index))
}

fn append<'a>(rows: &mut Vec<Row<'a>>, next: Row<'a>) {
    match rows.last_mut() {
        Some(row) if row.turns.goes_on_with(&next.turns) => {
            row.last = next.last;
            row.turns.append(next.turns);
        }
        _ => rows.push(next),
    }
}

fn same_apart_from_gradient(these: &[Node], those: &[Node]) -> bool {
    let same = |(this, that): (&Node, &Node)| match (this, that) {
        (Node::Loop(this), Node::Loop(that)) => {
            this.times == that.times && same_apart_from_gradient(&this.body, &that.body)
        }
        (Node::Steps(this), Node::Steps(that)) => same_rows(this, that),
        (Node::Leaf(this), Node::Leaf(that)) => this.kind == that.kind && this.nets == that.nets,
        _ => false,
    };
    these.len() == those.len() && these.iter().zip(those).all(same)
}

fn same_rows(these: &[Row], those: &[Row]) -> bool {
    let same = |(this, that): (&Row, &Row)| {
        (this.first, this.last) == (that.first, that.last)
            && same_apart_from_gradient(&this.turns.body, &that.turns.body)
    };
    these.len() == those.len() && these.iter().zip(those).all(same)
}
