//! Takes an outline, gives the plan that all formats draw: runs of loops and of iterations that do the same are
//! one node, which says how many of its turns have gradient. Never changes what is computed or its order.

use crate::model::outline::{Item, ItemKind, Outline};

/// A folded outline.
pub struct Plan<'a> {
    pub model: &'a str,
    pub parts: Vec<Part<'a>>,
}

/// A section with something in it.
pub struct Part<'a> {
    pub name: &'a str,
    pub nodes: Vec<Node<'a>>,
}

impl Part<'_> {
    /// Losses stand side by side; everything else happens in order.
    pub fn in_order(&self) -> bool {
        !self.name.starts_with("loss")
    }
}

#[derive(Clone, PartialEq)]
pub enum Node<'a> {
    Loop(Turns<'a>),
    /// A loop whose iterations differ, unrolled; equal neighbours share a row.
    Steps(Steps<'a>),
    Leaf(Leaf<'a>),
}

/// The same body several times, the last `learning` of them with gradient.
#[derive(Clone, PartialEq)]
pub struct Turns<'a> {
    pub times: usize,
    pub learning: usize,
    /// As the last turn runs it.
    pub body: Vec<Node<'a>>,
}

#[derive(Clone, PartialEq)]
pub struct Steps<'a> {
    pub of: usize,
    pub rows: Vec<Row<'a>>,
}

/// Iterations `first..=last` of an unrolled loop.
#[derive(Clone, PartialEq)]
pub struct Row<'a> {
    pub first: i64,
    pub last: i64,
    pub turns: Turns<'a>,
}

/// Neither a `Repeat` nor an `Iteration`.
#[derive(Clone, Copy, PartialEq)]
pub struct Leaf<'a> {
    pub kind: &'a ItemKind,
    pub gradient: bool,
}

impl<'a> Plan<'a> {
    /// All leaves in order, a folded body once.
    pub fn leaves(&self) -> Vec<Leaf<'a>> {
        let mut leaves = Vec::new();
        for part in &self.parts {
            collect(&part.nodes, &mut leaves);
        }
        leaves
    }
}

fn collect<'a>(nodes: &[Node<'a>], leaves: &mut Vec<Leaf<'a>>) {
    for node in nodes {
        match node {
            Node::Loop(turns) => collect(&turns.body, leaves),
            Node::Steps(steps) => steps.rows.iter().for_each(|row| collect(&row.turns.body, leaves)),
            Node::Leaf(leaf) => leaves.push(*leaf),
        }
    }
}

/// Folds every section and leaves out the empty ones.
pub fn fold(outline: &Outline) -> Plan<'_> {
    let parts = outline.sections.iter().filter(|section| !section.items.is_empty());
    let parts = parts.map(|section| Part { name: &section.name, nodes: nodes(&section.items) });
    Plan { model: &outline.model, parts: parts.collect() }
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
            ItemKind::Iteration { index, of, items } => {
                let row = Row { first: *index, last: *index, turns: turns(1, item.gradient, items) };
                match nodes.last_mut() {
                    Some(Node::Steps(steps)) if steps.expects(*index, *of) => steps.append(row),
                    _ => nodes.push(Node::Steps(Steps { of: *of, rows: vec![row] })),
                }
            }
            kind => nodes.push(Node::Leaf(Leaf { kind, gradient: item.gradient })),
        }
    }
    nodes
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

impl<'a> Steps<'a> {
    fn expects(&self, index: i64, of: usize) -> bool {
        self.of == of && self.rows.last().is_some_and(|row| row.last.checked_add(1) == Some(index))
    }

    fn append(&mut self, next: Row<'a>) {
        match self.rows.last_mut() {
            Some(row) if row.turns.goes_on_with(&next.turns) => {
                row.last = next.last;
                row.turns.append(next.turns);
            }
            _ => self.rows.push(next),
        }
    }
}

fn same_apart_from_gradient(these: &[Node], those: &[Node]) -> bool {
    let same = |(this, that): (&Node, &Node)| match (this, that) {
        (Node::Loop(this), Node::Loop(that)) => {
            this.times == that.times && same_apart_from_gradient(&this.body, &that.body)
        }
        (Node::Steps(this), Node::Steps(that)) => same_rows(this, that),
        (Node::Leaf(this), Node::Leaf(that)) => this.kind == that.kind,
        _ => false,
    };
    these.len() == those.len() && these.iter().zip(those).all(same)
}

fn same_rows(these: &Steps, those: &Steps) -> bool {
    let same = |(this, that): (&Row, &Row)| {
        (this.first, this.last) == (that.first, that.last)
            && same_apart_from_gradient(&this.turns.body, &that.turns.body)
    };
    these.of == those.of && these.rows.len() == those.rows.len() && these.rows.iter().zip(&those.rows).all(same)
}
