//! What is noted of names for who asks (an editor): what each is where it stands, and where it is declared. A table by place
//! that the checker fills.

use crate::source::Span;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex};

/// Names by place, and those that the model has at its end.
#[derive(Debug, Default)]
pub struct Notes {
    /// By file and first byte; what a name was when it was first met there.
    pub by_place: BTreeMap<(u32, u32), Note>,
    /// The model's own names by themselves.
    pub of_model: BTreeMap<String, Note>,
}

impl Notes {
    /// Adds the notes of a later check: what a name was when it was first met stays.
    pub fn add(&mut self, later: Notes) {
        for (place, note) in later.by_place {
            match self.by_place.entry(place) {
                Entry::Vacant(entry) => drop(entry.insert(note)),
                Entry::Occupied(mut entry) => {
                    let known = entry.get_mut();
                    for declared in std::iter::once(note.declared).chain(note.elsewhere) {
                        if declared != known.declared && !known.elsewhere.contains(&declared) {
                            known.elsewhere.push(declared);
                        }
                    }
                }
            }
        }
        for (name, note) in later.of_model {
            self.of_model.entry(name).or_insert(note);
        }
    }
}

/// A table that several checks may fill.
pub type Table = Arc<Mutex<Notes>>;

/// What a name is.
#[derive(Clone, Debug)]
pub struct Note {
    /// The name where it stands.
    pub span: Span,
    /// The name where it is declared; equal to `span` there.
    pub declared: Span,
    /// Where else it is declared: in an heir, what it inherits may read another declaration at the same place.
    pub elsewhere: Vec<Span>,
    /// Its type, value or kind of thing, as the author would write it.
    pub is: String,
    /// Sizes of its axes and where they come from, the number of its parameters: a line each.
    pub more: Vec<String>,
    /// What may stand behind `.`.
    pub members: Vec<String>,
    /// A tensor that the schedule binds here.
    pub bound_tensor: bool,
}
