//! The ends of a supervision step: predictions, metrics, losses, halting, looking ahead.

mod complaints;
pub(in crate::model) mod losses;
pub(in crate::model) mod unused;
