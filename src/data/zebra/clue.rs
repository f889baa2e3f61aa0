//! What is said of houses: takes values and clues about them, gives their symbols; knows neither puzzles nor solutions.

/// A value: an attribute and one of its values, both from 0 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Item {
    /// The attribute.
    pub attribute: usize,
    /// Which of its values.
    pub value: usize,
}

/// A clue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Clue {
    /// The value is in this house, from 0 on.
    At(Item, usize),
    /// Both are in one house.
    Same(Item, Item),
    /// The houses are neighbours.
    Next(Item, Item),
    /// The first is in the house directly left of the second's.
    Left(Item, Item),
    /// The first is somewhere left of the second.
    Before(Item, Item),
}

/// Houses and attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Houses in the row, also the values of each attribute; 2 to 16.
    pub houses: usize,
    /// Attributes of a house; 1 to 16.
    pub attributes: usize,
}

/// Symbols of the clues, in the order in which they are written: `at`, `same`, `next`, `left`, `before`.
const WORDS: [&str; 5] = ["at", "same", "next", "left", "before"];

impl Item {
    /// `a1` to `p16`.
    pub fn written(self) -> String {
        format!("{}{}", char::from(b'a' + self.attribute as u8), self.value + 1)
    }
}

impl Clue {
    /// Its three symbols: what it says, of what, and another value or the house.
    pub fn written(self) -> [String; 3] {
        let (word, first, second) = match self {
            Clue::At(item, house) => (0, item, format!("{}", house + 1)),
            Clue::Same(a, b) => (1, a, b.written()),
            Clue::Next(a, b) => (2, a, b.written()),
            Clue::Left(a, b) => (3, a, b.written()),
            Clue::Before(a, b) => (4, a, b.written()),
        };
        [WORDS[word].to_owned(), first.written(), second]
    }
}
