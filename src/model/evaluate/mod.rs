//! Expressions: numbers known at compile time are folded, tensors become operations; calls of functions, primitives
//! and built-in forms.

mod attention;
mod bounds;
pub(in crate::model) mod call;
pub(in crate::model) mod complaints;
pub(in crate::model) mod expr;
pub(in crate::model) mod forms;
pub(in crate::model) mod habits;
pub(in crate::model) mod index;
pub(in crate::model) mod lists;
pub(in crate::model) mod number;
pub(in crate::model) mod reshape;
pub(in crate::model) mod result;
pub(in crate::model) mod signature;
pub(in crate::model) mod value;
