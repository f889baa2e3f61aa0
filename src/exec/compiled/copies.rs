//! Copies of arrays as runs of bytes.

use super::array::Array;
use super::record::bytes_of;

/// Where an array's runs of bytes lie, and where they go.
pub(super) struct Copies {
    from: usize,
    to: usize,
    /// (entries, bytes from one to the next here, and there).
    outer: Vec<(usize, usize, usize)>,
    run: usize,
}

impl Copies {
    /// Of an array to another of its size; None where elements that follow one another in one array do not in the other.
    pub fn of(from: &Array, to: &Array, from_address: usize, to_address: usize) -> Option<Copies> {
        let size = bytes_of(from.ty.kind);
        let mut outer = Vec::new();
        let mut run = size;
        let mut running = true;
        for (at, dim) in to.ty.dims.iter().enumerate().rev() {
            let (here, there) = (from.strides[at] * size, to.strides[at] * size);
            if dim.size == 1 {
                continue;
            }
            if running && here == run && there == run {
                run *= dim.size;
                continue;
            }
            running = false;
            outer.push((dim.size, here, there));
        }
        outer.reverse();
        let short = run == size && !outer.is_empty() && to.ty.count() > 64;
        (!short).then_some(Copies { from: from_address, to: to_address, outer, run })
    }

    /// Copies.
    pub fn run(&self) {
        self.level(&self.outer, self.from, self.to);
    }

    fn level(&self, outer: &[(usize, usize, usize)], from: usize, to: usize) {
        match outer.split_first() {
            // SAFETY: a run within two buffers that do not overlap.
            #[expect(unsafe_code, reason = "copies memory of the arena")]
            None => unsafe { std::ptr::copy_nonoverlapping(from as *const u8, to as *mut u8, self.run) },
            Some((&(size, here, there), rest)) => {
                for at in 0..size {
                    self.level(rest, from + at * here, to + at * there);
                }
            }
        }
    }
}
