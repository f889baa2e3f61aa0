//! Symbols: what a cell may hold, numbered from 1 on; takes names as they occur, gives tokens in an order that depends on the
//! names alone.

use indexmap::IndexSet;

use crate::data::table::Cause;

/// All symbols met so far, or all that there may be.
#[derive(Clone, Debug, Default)]
pub(super) struct Symbols {
    names: IndexSet<String>,
    /// No further ones are taken.
    closed: bool,
    /// They were named one by one, so that their order is the author's.
    named: bool,
}

/// Tokens are kept in 16 bits, of which one value means that a cell is not scored.
const MOST: usize = 65_000;

impl Symbols {
    /// Those that a run file names; none, where it leaves them to the files.
    pub fn named(names: &[String]) -> Result<Symbols, Cause> {
        let mut symbols =
            Symbols { closed: !names.is_empty(), named: !names.is_empty(), ..Symbols::default() };
        for name in names {
            if !symbols.names.insert(name.clone()) {
                return Err((format!("`{name}` is named twice"), "name each symbol once".to_owned()));
            }
        }
        Ok(symbols)
    }

    /// The same, without any further ones, numbered anew in the order of their tokens.
    pub fn settled(self) -> Symbols {
        let names = self.sorted().into_iter().filter_map(|place| self.names.get_index(place).cloned());
        Symbols { names: names.collect(), closed: true, named: true }
    }

    /// The number under which boards keep a symbol, which is not its token yet.
    pub fn note(&mut self, name: &str) -> Result<u16, Cause> {
        if let Some(place) = self.names.get_index_of(name) {
            return Ok(place as u16);
        }
        if self.closed {
            let known: Vec<&str> = self.names.iter().take(24).map(String::as_str).collect();
            return Err((
                format!("`{name}` is none of the symbols"),
                format!("there are {}", known.join(" ")),
            ));
        }
        if self.names.len() >= MOST {
            let what = format!("there are more than {MOST} different symbols");
            return Err((what, "write text as characters, and numbers digit by digit".to_owned()));
        }
        Ok(self.names.insert_full(name.to_owned()).0 as u16)
    }

    /// The token of each number that [`Symbols::note`] gave.
    pub fn order(&self) -> Vec<u16> {
        let mut tokens = vec![0; self.names.len()];
        for (token, place) in (1..).zip(self.sorted()) {
            tokens[place] = token;
        }
        tokens
    }

    /// Numbers of the symbols in the order of their tokens.
    fn sorted(&self) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.names.len()).collect();
        if !self.named {
            let key = |place: &usize| {
                let name = self.names.get_index(*place).cloned().unwrap_or_default();
                let number = name.parse::<i64>().ok();
                (number.is_none(), number, name)
            };
            places.sort_by_cached_key(key);
        }
        places
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether one has more than a character.
    pub fn are_long(&self) -> bool {
        self.width() > 1
    }

    /// Characters of the longest.
    pub fn width(&self) -> usize {
        self.names.iter().map(|name| name.chars().count()).max().unwrap_or(1).max(1)
    }

    /// Of settled symbols, that of a token; nothing for padding.
    pub fn shown(&self, token: i64) -> &str {
        let place = token.checked_sub(1).and_then(|at| usize::try_from(at).ok());
        place.and_then(|place| self.names.get_index(place)).map_or("", String::as_str)
    }
}
