//! What the author is told about expressions: calls, values known at compile time, axes, and what other languages have
//! instead. Takes names, values and places, gives diagnostics; decides nothing.

mod axes;
mod calls;
mod habits;
mod values;

pub(in crate::model) use axes::*;
pub(in crate::model) use calls::*;
pub(in crate::model) use habits::*;
pub(in crate::model) use values::*;
