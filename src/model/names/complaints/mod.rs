//! What the author is told about names: names that are read, what models inherit, what files declare. Takes names and
//! places, gives diagnostics; decides nothing.

mod declaring;
mod inheriting;
mod reading;

pub(in crate::model) use declaring::*;
pub(in crate::model) use inheriting::*;
pub(in crate::model) use reading::*;
