//! CPU kernels of totc. Knows nothing of graphs, models and libtorch: takes memory with sizes and strides.
//!
//! A [`Chain`] is a small program of elementwise operations and reductions of rows that runs in one pass: values lie in
//! registers of one block, a few rows at a time, so that only what enters and leaves the chain touches memory. All of it is
//! computed in float32, or in float64 where the chain says so, whatever the memory holds.
//!
//! A [`Form`] is the same code compiled for the instructions of a processor. [`Form::best`] chooses at run time; tests and
//! users may force another. Results do not depend on the number of threads: each block is computed by one, and a row is
//! added up in one order.
//!
//! To add a form: a line in [`Form`], its detection, and a function in `chain::run` with its `target_feature`.

mod chain;
mod form;
mod math;
mod memory;
mod pool;
mod rope;

pub use chain::{Chain, Mismatch, Op, Register, Space, Step, Width};
pub use form::Form;
pub use memory::{Element, Input, Output};
pub use pool::set_threads;
pub use rope::Rotation;
