//! What stands, or may be written, at a byte of a run or sweep file: takes any text, half-typed as it is, gives the path of names
//! that leads there; says nothing of meanings.

use std::ops::Range;

use super::outline::{Node, RonEntry};
use super::reading;

/// What of an entry is at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its name.
    Name,
    /// What stands behind it, or in a list.
    Value,
}

/// A name or value that stands in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The names, or in lists the numbers, that lead to it, its own the last.
    pub path: Vec<String>,
    /// Which part of that it is.
    pub part: Part,
    /// Its text without quotes; of a group the word before the bracket.
    pub word: String,
    /// The bytes of the word.
    pub bytes: Range<usize>,
}

/// A place where a name or value is being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The names that lead to the group where a name may stand, or to the value.
    pub path: Vec<String>,
    /// What may stand there.
    pub part: Part,
    /// The bytes that it takes the place of, quotes among them.
    pub bytes: Range<usize>,
    /// Whether a quote has been typed.
    pub quoted: bool,
    /// Whether the entry goes on behind it: a name that has its colon, a word that has its bracket.
    pub goes_on: bool,
    /// The bracket around it: `(`, `[` or `{`.
    pub bracket: char,
    /// Names that the group has already.
    pub present: Vec<String>,
    /// The text with something whole in the gap, for whoever has to read it.
    pub text: String,
}

/// What stands at a byte, or ends before it.
pub fn spot_at(text: &str, byte: usize) -> Option<Spot> {
    let root = reading::outline(text);
    let (path, entry) = root.entry_at(byte)?;
    let path = without_some(text, &root, path);
    let (part, bytes) = match &entry.key {
        Some(key) if key.span.start <= byte && byte <= key.span.end => (Part::Name, key.span.clone()),
        _ => match &entry.value.group {
            None => (Part::Value, entry.value.span.clone()),
            // The word before the bracket.
            Some(group) if byte < group.head.end && group.head.len() > 1 => {
                (Part::Value, group.head.start..group.head.end - 1)
            }
            Some(_) => return None,
        },
    };
    let written = text.get(bytes.clone())?;
    let word = written.trim().trim_matches('"');
    let start = bytes.start + written.find(word)?;
    (!word.is_empty()).then(|| Spot { path, part, word: word.to_owned(), bytes: start..start + word.len() })
}

/// The path without the numbers of what stands in `Some(…)`, which is the value itself.
fn without_some(text: &str, root: &Node, path: Vec<String>) -> Vec<String> {
    let mut node = root;
    let mut kept = Vec::new();
    for name in path {
        let Some(entry) = node.entry(&name) else { return kept };
        if std::ptr::eq(node.unwrapped(text), node) {
            kept.push(name);
        }
        node = &entry.value;
    }
    kept
}

/// Stands in the gap.
const MARK: &str = "zz_gap";

/// What may be written at a byte: None in a comment and where nothing fits.
pub fn gap_at(text: &str, byte: usize) -> Option<Gap> {
    let (before, after) = (text.get(..byte)?, text.get(byte..)?);
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    let quote = open_quote(&before[line..])?.map(|at| line + at);
    let ends_word = |c: char| c.is_whitespace() || "\"(){}[]:,".contains(c);
    let end = byte + after.find(ends_word).unwrap_or(after.len());
    let (bytes, quoted) = match quote {
        // The rest of a line belongs to a text that has no end.
        Some(open) => (open..end + usize::from(text[end..].starts_with('"')), true),
        None => (before.rfind(ends_word).map_or(0, |at| at + 1)..end, false),
    };
    let mark = if quoted { format!("\"{MARK}\"") } else { MARK.to_owned() };
    let whole = format!("{}{mark}{}", &text[..bytes.start], &text[bytes.end..]);
    let root = reading::outline(&whole);
    let starts = |node: &Node| node.span.start == bytes.start;
    let (mut path, entry) = root.entry_at(bytes.start + 1)?;
    let has_key = entry.key.as_ref().is_some_and(|key| key.span.start == bytes.start);
    if !has_key && !starts(&entry.value) {
        return None;
    }
    let goes_on = text[bytes.end..].trim_start().starts_with([':', '(']);
    let (holder, own) = (path.split_last()?.1.to_vec(), entry);
    let around = holder.iter().try_fold(&root, |node, name| Some(&node.entry(name)?.value))?;
    let group = around.group.as_ref()?;
    let in_some = !std::ptr::eq(around.unwrapped(&whole), around);
    let is_name = has_key || own.key.is_none() && group.bracket != '[' && !in_some;
    let named = |entry: &RonEntry| Some(entry.key.as_ref()?.name.clone()).filter(|name| name != MARK);
    let present = group.entries.iter().filter_map(named).collect();
    if is_name {
        path = holder;
    }
    path = without_some(&whole, &root, path);
    let part = if is_name { Part::Name } else { Part::Value };
    Some(Gap { path, part, bytes, quoted, goes_on, bracket: group.bracket, present, text: whole })
}

/// Where the quote stands that is open at the end of a line's beginning; None in a comment.
fn open_quote(before: &str) -> Option<Option<usize>> {
    let (mut open, mut escaped) = (None, false);
    for (at, c) in before.char_indices() {
        match (open, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(_), '"') => open = None,
            (None, '"') => open = Some(at),
            (None, '/') if before[at..].starts_with("//") => return None,
            _ => {}
        }
    }
    Some(open)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The gap at `|`.
    fn gap(text: &str) -> Option<Gap> {
        let at = text.find('|').unwrap();
        gap_at(&text.replacen('|', "", 1), at)
    }

    fn at(text: &str) -> (String, Part, bool) {
        let gap = gap(text).unwrap_or_else(|| panic!("{text}"));
        (gap.path.join("."), gap.part, gap.quoted)
    }

    #[test]
    fn a_gap_knows_what_it_is_in() {
        use Part::{Name, Value};
        for (text, path, part, quoted) in [
            ("Run(|)", "", Name, false),
            ("Run(\n    ba|\n    model: \"m\",\n)", "", Name, false),
            ("Run(model: \"a|\n batch: 4)", "model", Value, true),
            ("Run(batch: |, ema: 1)", "batch", Value, false),
            ("Run(set: { \"hid|", "set", Name, true),
            ("Run(set: { \"hid|\": 4, \"T\": 1 })", "set", Name, true),
            ("Run(set: { \"T\": 1, | }, batch: 4)", "set", Name, false),
            ("Run(data: su|(side: 4))", "data", Value, false),
            ("Run(data: sudoku(si|))", "data", Name, false),
            ("Run(data: sudoku(side: 4, |", "data", Name, false),
            ("Run(groups: [(w|)])", "groups.0", Name, false),
            ("Run(name: Some(\"|\"))", "name", Value, true),
            ("Run(init: Some((fr|)))", "init", Name, false),
            ("Sweep(seeds: [|])", "seeds.0", Value, false),
            ("Sweep(rows: [(label: \"a\", set: { \"optimiser.l|\" })])", "rows.0.set", Name, true),
        ] {
            assert_eq!(at(text), (path.to_owned(), part, quoted), "{text}");
        }
        for text in ["// Run(|", "Run(set: { \"T\": 1 } // ba|\n)", "|"] {
            assert_eq!(gap(text), None, "{text}");
        }
        let found = gap("Run(batch: 4, set: { \"T\": 1, \"hi|\": 3, \"n\": 2 })").unwrap();
        assert_eq!((found.present, found.goes_on), (vec!["T".to_owned(), "n".to_owned()], true));
    }

    #[test]
    fn a_spot_is_a_name_or_a_value() {
        let text = "Run(data: maze(side: 4), set: { \"T\": 1, \"mixing\": \"mlp\" })";
        for (wanted, path, part) in [
            ("data", "data", Part::Name),
            ("maze", "data", Part::Value),
            ("side", "data.side", Part::Name),
            ("T", "set.T", Part::Name),
            ("mixing", "set.mixing", Part::Name),
            ("mlp", "set.mixing", Part::Value),
        ] {
            let start = text.find(wanted).unwrap();
            for byte in [start, start + wanted.len()] {
                let spot = spot_at(text, byte).unwrap_or_else(|| panic!("{wanted}"));
                assert_eq!(
                    (spot.path.join("."), spot.part, spot.bytes.start),
                    (path.to_owned(), part, start)
                );
                assert_eq!(spot.word, wanted);
            }
        }
        assert_eq!(spot_at(text, 0), None);
        let some = "Run(name: Some(\"Trm\"), init: Some((from: \"w\")))";
        let path = |wanted: &str| spot_at(some, some.find(wanted).unwrap()).map(|spot| spot.path.join("."));
        assert_eq!(path("Trm"), Some("name".to_owned()));
        assert_eq!(path("from"), Some("init.from".to_owned()));
    }
}
