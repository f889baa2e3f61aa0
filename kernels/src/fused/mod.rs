//! Groups of elementwise operations and reductions of rows, and rotary positions, each in one pass over memory that lies
//! anywhere: by pointers and strides, as a tensor library hands it out. Computed in float32, or in float64 where a chain
//! says so, whatever the memory holds; all forms give the same bits, with any number of threads.

mod access;
mod chain;
mod compute;
mod memory;
mod real;
mod rope;
mod run;

pub use chain::{Chain, Mismatch, Op, Register, Space, Step, Width};
pub use memory::{Input, Kind, Output};
pub use rope::Rotation;
pub use run::Bound;
