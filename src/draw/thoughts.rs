//! Takes the leaves of a folded outline in order, gives the number of thoughts after each: the width of the tree that is
//! drawn. Follows one state, the one that branches widest; others keep their own numbers in words.

use super::fold::Leaf;
use crate::model::outline::ItemKind;

/// What a branch, a merge or a prune does to the number of thoughts.
pub struct Change<'a> {
    /// The state, or several separated by commas.
    pub state: &'a str,
    /// The growing axis.
    pub axis: &'a str,
    /// Its size before, at least 1.
    pub from: usize,
    /// Its size afterwards, at least 1.
    pub to: usize,
}

impl<'a> Change<'a> {
    /// What an item changes; None where it is no branch, merge or prune.
    pub fn of(kind: &'a ItemKind) -> Option<Change<'a>> {
        match kind {
            ItemKind::Branch { state, axis, from, to, .. }
            | ItemKind::Merge { state, axis, from, to, .. }
            | ItemKind::Prune { state, axis, from, to, .. } => {
                Some(Change { state, axis, from: (*from).max(1), to: (*to).max(1) })
            }
            _ => None,
        }
    }

    /// The states by themselves.
    pub fn states(&self) -> impl Iterator<Item = &'a str> {
        self.state.split(',').map(str::trim)
    }
}

/// The state that is followed, and its sizes so far.
#[derive(Clone)]
pub struct Thoughts<'a> {
    state: Option<&'a str>,
    sizes: Vec<(&'a str, usize)>,
}

impl<'a> Thoughts<'a> {
    /// Before the first leaf. A state that is merged before it branches has been wide from the start.
    pub fn at_start(leaves: &[&Leaf<'a>]) -> Thoughts<'a> {
        let changes: Vec<Change> = leaves.iter().filter_map(|leaf| Change::of(leaf.kind)).collect();
        let mut widest = (0, None);
        for change in &changes {
            let size = change.from.max(change.to);
            if size > widest.0 {
                widest = (size, change.states().next());
            }
        }
        let mut thoughts = Thoughts { state: widest.1, sizes: Vec::new() };
        for change in changes.iter().filter(|change| thoughts.follows(change)).collect::<Vec<_>>() {
            if !thoughts.sizes.iter().any(|(axis, _)| *axis == change.axis) {
                thoughts.sizes.push((change.axis, change.from));
            }
        }
        thoughts
    }

    /// The state whose thoughts are counted; none where nothing branches.
    pub fn state(&self) -> Option<&'a str> {
        self.state
    }

    /// How many thoughts there are: the product over the growing axes.
    pub fn now(&self) -> usize {
        self.sizes.iter().fold(1, |product, (_, size)| product.saturating_mul(*size))
    }

    /// Passes a leaf: the thoughts before and after, if it is one that changes them.
    pub fn pass(&mut self, leaf: &Leaf<'a>) -> Option<(usize, usize)> {
        let change = Change::of(leaf.kind).filter(|change| self.follows(change))?;
        let before = self.now();
        let size = self.sizes.iter_mut().find(|(axis, _)| *axis == change.axis)?;
        size.1 = change.to;
        Some((before, self.now()))
    }

    fn follows(&self, change: &Change<'a>) -> bool {
        change.states().any(|state| Some(state) == self.state)
    }
}
