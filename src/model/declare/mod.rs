//! Declarations of a model: configs, axes, data, weights and states become names with meanings.

mod axes;
mod complaints;
pub(in crate::model) mod config;
pub(in crate::model) mod members;
