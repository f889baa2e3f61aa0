//! What names mean: inheritance resolved into one list of members, items of modules, look-up in scopes, names that
//! stand in branches not taken.

mod complaints;
mod conflicts;
pub(in crate::model) mod continued;
pub(in crate::model) mod inherit;
pub(in crate::model) mod inherited;
pub(in crate::model) mod items;
pub(in crate::model) mod keys;
pub(in crate::model) mod line;
pub(in crate::model) mod lookup;
pub(in crate::model) mod reach;
pub(in crate::model) mod untaken;
pub(in crate::model) mod visit;
