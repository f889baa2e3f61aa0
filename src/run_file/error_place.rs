//! The surroundings of an error: takes a text, its outline and a byte, gives the field, key or value there; words no
//! complaint.

use std::ops::Range;

use super::blame::Words;
use super::outline::{Node, RonEntry};

/// A text as seen from one byte of it.
pub struct ErrorPlace<'a> {
    pub text: &'a str,
    pub root: &'a Node,
    pub at: usize,
    /// What the file is called.
    pub words: &'static Words,
}

impl<'a> ErrorPlace<'a> {
    /// The entry whose key is `name`, nearest to the place of the error, and the path of what holds it.
    pub fn keyed(&self, name: &str) -> Option<(Vec<String>, &'a RonEntry)> {
        let mut best: Option<(usize, Vec<String>, &RonEntry)> = None;
        self.root.walk(&mut Vec::new(), &mut |path, entry| {
            let Some(key) = entry.key.as_ref().filter(|key| key.name == name) else { return };
            let distance = key.span.start.abs_diff(self.at);
            if best.as_ref().is_none_or(|(nearest, ..)| distance < *nearest) {
                best =
                    Some((distance, path.split_last().map_or(&[][..], |(_, holder)| holder).to_vec(), entry));
            }
        });
        best.map(|(_, path, entry)| (path, entry))
    }

    /// The named entry around the error, with its dotted path.
    pub fn field(&self) -> Option<(String, &'a RonEntry)> {
        let (mut path, mut entry) = self.root.entry_at(self.at)?;
        while entry.key.is_none() {
            path.pop();
            entry = path
                .iter()
                .try_fold((self.root, None), |(node, _), name| {
                    node.entry(name).map(|entry| (&entry.value, Some(entry)))
                })?
                .1?;
        }
        Some((path.join("."), entry))
    }

    /// The text of the value around the error.
    pub fn found(&self) -> &'a str {
        self.field().map_or("", |(_, entry)| self.text.get(entry.value.span.clone()).unwrap_or(""))
    }

    /// The name before a value's brackets, else all of it.
    pub fn name_of(&self, node: &Node) -> Range<usize> {
        match &node.group {
            Some(group) if group.head.len() > 1 => group.head.start..group.head.end - 1,
            _ => node.span.clone(),
        }
    }

    /// The head of a value that runs over several lines, else all of it.
    pub fn narrowed(&self, node: &Node) -> Range<usize> {
        match &node.group {
            Some(group) if self.text.get(node.span.clone()).is_some_and(|text| text.contains('\n')) => {
                group.head.clone()
            }
            _ => node.span.clone(),
        }
    }

    /// The character at the error.
    pub fn here(&self) -> Range<usize> {
        let length = self.text.get(self.at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        self.at..self.at + length
    }

    pub fn inside_a_value(&self) -> bool {
        self.root.entry_at(self.at).is_some_and(|(_, entry)| {
            let value = &entry.value;
            value.group.is_none() && value.span.start < self.at && self.at <= value.span.end
        })
    }

    pub fn at_an_entry(&self) -> bool {
        self.root.entry_at(self.at).is_some_and(|(_, entry)| entry.whole.start == self.at)
    }
}
