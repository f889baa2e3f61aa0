//! State tracking over groups of permutations: takes a group, a length and a seed, gives sequences of its elements with the
//! running product of each. This is the word problem by which Liu et al. (arXiv:2210.10749) and Merrill et al.
//! (arXiv:2404.08819) tell what a network can follow.
//!
//! An element is written as its images of 1 to 5 in a row: `21345` exchanges 1 and 2. The product so far is a state on which
//! the next element acts: `state_t(x) = element_t(state_{t-1}(x))`, from the identity on.

use std::collections::HashSet;

use super::Purpose;

/// Points that are permuted.
pub const POINTS: usize = 5;

/// Images of the points, from 0 on.
pub type Permutation = [u8; POINTS];

/// A group of permutations of five points; neither is solvable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// All 120 permutations.
    S5,
    /// The 60 even ones.
    A5,
}

/// A sequence of elements and the running product after each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// What acts, one after the other.
    pub elements: Vec<Permutation>,
    /// The product so far, after each.
    pub states: Vec<Permutation>,
}

impl Group {
    /// All elements in lexicographic order.
    pub fn elements(self) -> Vec<Permutation> {
        let mut all = Vec::new();
        for code in 0..(POINTS as u32).pow(POINTS as u32) {
            let images: Permutation = std::array::from_fn(|point| {
                (code / (POINTS as u32).pow((POINTS - 1 - point) as u32) % 5) as u8
            });
            let different = images.iter().collect::<HashSet<_>>().len() == POINTS;
            if different && (self == Group::S5 || is_even(&images)) {
                all.push(images);
            }
        }
        all
    }
}

/// `count` words of `length`, drawn uniformly from those that are not in `known`, where they are entered; fewer where no more
/// turn up. Words of another `set` of the seed are drawn apart.
pub fn words(
    group: Group,
    length: usize,
    count: usize,
    (seed, set): (u64, u64),
    known: &mut HashSet<Vec<Permutation>>,
) -> Vec<Word> {
    let elements = group.elements();
    let mut words = Vec::new();
    let mut chance = Purpose::Generate.draws(seed, length as u64, set);
    let mut misses = 0;
    while words.len() < count && misses < PATIENCE {
        let drawn: Vec<Permutation> = (0..length).map(|_| elements[chance.below(elements.len())]).collect();
        if known.insert(drawn.clone()) {
            misses = 0;
            words.push(Word { states: running(&drawn), elements: drawn });
        } else {
            misses += 1;
        }
    }
    words
}

/// Words drawn in a row that are known already, after which there are taken to be no more.
const PATIENCE: usize = 10_000;

/// The state after each element.
fn running(elements: &[Permutation]) -> Vec<Permutation> {
    let mut state: Permutation = std::array::from_fn(|point| point as u8);
    let step = |element: &Permutation| {
        state = state.map(|image| element[usize::from(image)]);
        state
    };
    elements.iter().map(step).collect()
}

/// How an element is written: its images, from 1 on.
pub fn written(element: &Permutation) -> String {
    element.iter().map(|image| char::from(b'1' + image)).collect()
}

/// Whether the number of pairs out of order is even.
fn is_even(images: &Permutation) -> bool {
    let out_of_order = |at: usize| images[at + 1..].iter().filter(|later| **later < images[at]).count();
    (0..POINTS).map(out_of_order).sum::<usize>() % 2 == 0
}
