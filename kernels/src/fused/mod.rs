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

use crate::pool::Pool;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

static THREADS: AtomicUsize = AtomicUsize::new(0);

/// How many threads compute, the caller's included; 0 stands for as many as there are processors. Counts from the first
/// work on.
pub fn set_threads(count: usize) {
    THREADS.store(count, Ordering::Relaxed);
}

/// The threads of all chains of this process.
fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| {
        Pool::new(match THREADS.load(Ordering::Relaxed) {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        })
    })
}
