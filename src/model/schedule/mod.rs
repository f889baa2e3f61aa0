//! Statements of the schedule: loops, branching and merging, what is kept of iterations.

mod complaints;
pub(in crate::model) mod keep;
pub(in crate::model) mod left;
pub(in crate::model) mod loops;
mod prune;
pub(in crate::model) mod reading;
pub(in crate::model) mod stmt;
pub(in crate::model) mod tree;
mod tried;
