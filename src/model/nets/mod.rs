//! Nets: made once where they are declared, called as often as the schedule likes.

mod complaints;
pub(in crate::model) mod instance;
pub(in crate::model) mod linear;
pub(in crate::model) mod parts;
pub(in crate::model) mod recipe;
pub(in crate::model) mod replaced;
