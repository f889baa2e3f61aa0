//! Several processes that train one model: a group of them on libtorch's c10d (Gloo), who they are, and who of them is lost. Takes
//! tensors, gives those of all or their sum; knows no model. The collectives are c10d's; the order of a sum is fixed here, since
//! c10d leaves it open.

mod c10d;
mod environment;
mod error;
mod group;
mod watch;

pub use environment::Place;
pub use error::DistributedError;
pub use group::{GroupOptions, ProcessGroup};

/// Adds up in the order of a binary tree: neighbours first, whoever holds them. Sums over consecutive runs of `2ᵏ` that are added
/// up the same way are the sum over all, to the last bit.
#[derive(Debug)]
pub struct Tree<T> {
    /// Sums of so many (as a power of two), from the earliest.
    sums: Vec<(u32, T)>,
}

impl<T> Default for Tree<T> {
    fn default() -> Tree<T> {
        Tree { sums: Vec::new() }
    }
}

impl<T> Tree<T> {
    /// The next summand.
    ///
    /// # Errors
    /// Those of `add`.
    pub fn push<E>(&mut self, mut next: T, mut add: impl FnMut(T, T) -> Result<T, E>) -> Result<(), E> {
        let mut level = 0;
        while let Some((_, before)) = self.sums.pop_if(|(own, _)| *own == level) {
            next = add(before, next)?;
            level += 1;
        }
        self.sums.push((level, next));
        Ok(())
    }

    /// What has been added up, from the earliest: the sum with one more summand is that one added to the last of these, their
    /// sum to the one before, and so on.
    pub fn rest(self) -> Vec<T> {
        self.sums.into_iter().map(|(_, sum)| sum).collect()
    }

    /// The sum; None of nothing.
    ///
    /// # Errors
    /// Those of `add`.
    pub fn sum<E>(mut self, mut add: impl FnMut(T, T) -> Result<T, E>) -> Result<Option<T>, E> {
        let Some((_, mut sum)) = self.sums.pop() else { return Ok(None) };
        while let Some((_, before)) = self.sums.pop() {
            sum = add(before, sum)?;
        }
        Ok(Some(sum))
    }
}

#[cfg(test)]
mod tests {
    use super::Tree;

    fn summed(items: &[String]) -> String {
        let add = |a: String, b: String| Ok::<_, ()>(format!("({a}{b})"));
        let mut tree = Tree::default();
        for item in items {
            assert!(tree.push(item.clone(), add).is_ok());
        }
        tree.sum(add).ok().flatten().unwrap_or_default()
    }

    #[test]
    fn the_last_summand_may_come_later() {
        let items: Vec<String> = ('a'..='p').map(String::from).collect();
        let add = |a: String, b: String| Ok::<_, ()>(format!("({a}{b})"));
        for count in 1..=items.len() {
            let mut tree = Tree::default();
            for item in &items[..count - 1] {
                assert!(tree.push(item.clone(), add).is_ok());
            }
            let last = items[count - 1].clone();
            let sum = tree.rest().into_iter().rev().fold(last, |sum, before| format!("({before}{sum})"));
            assert_eq!(sum, summed(&items[..count]), "{count}");
        }
    }

    /// Whoever holds them: 1, 2 or 4 processes with as many each, or three with four each.
    #[test]
    fn neighbours_are_added_first() {
        let items: Vec<String> = ('a'..='p').map(String::from).collect();
        assert_eq!(summed(&items[..5]), "(((ab)(cd))e)");
        for (count, processes) in [(16, 2), (16, 4), (16, 8), (8, 4), (4, 4), (12, 3)] {
            let items = &items[..count];
            let parts: Vec<String> = items.chunks(count / processes).map(summed).collect();
            assert_eq!(summed(&parts), summed(items), "{count} by {processes}");
        }
    }
}
