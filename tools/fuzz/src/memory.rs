//! A budget of memory: an allocator that counts, and ends the process where more is taken than a file of that size may ask for.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};

/// What any input may take: tables of the compiler, buffers of readers.
const FREE: usize = 96 << 20;
/// And for each of its bytes: packed texts unpack, tokens become trees.
const PER_BYTE: usize = 4096;

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

static TAKEN: AtomicIsize = AtomicIsize::new(0);
static MOST: AtomicIsize = AtomicIsize::new(isize::MAX);

/// Runs `work` on an input of so many bytes within its budget.
pub fn within(bytes: usize, work: impl FnOnce()) {
    let before = TAKEN.load(Ordering::Relaxed);
    MOST.store(before + (FREE + bytes * PER_BYTE) as isize, Ordering::Relaxed);
    work();
    MOST.store(isize::MAX, Ordering::Relaxed);
}

fn take(bytes: usize) {
    let taken = TAKEN.fetch_add(bytes as isize, Ordering::Relaxed) + bytes as isize;
    if taken > MOST.load(Ordering::Relaxed) {
        // What is done to tell it takes memory too.
        MOST.store(isize::MAX, Ordering::Relaxed);
        eprintln!("totc-fuzz: {taken} bytes are taken, the last {bytes} at once: more than this input may ask for");
        std::process::abort();
    }
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        TAKEN.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}
