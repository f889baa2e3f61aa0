//! Memory that kernels work in: one per thread, grown when a larger operand comes, never given back, so that a step that
//! has run once allocates nothing.

use std::cell::RefCell;

use crate::lanes::Line;
use crate::units::PANEL;

/// One row of a panel's sums.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct Sums(pub [f32; PANEL]);

/// Room of one thread.
#[derive(Default)]
pub(crate) struct Scratch {
    /// The packed left operand.
    pub left: Vec<Line>,
    /// The packed right operand.
    pub right: Vec<Line>,
    /// Sums before their epilogue.
    pub sums: Vec<Sums>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Lends this thread's room. A kernel within a kernel gets room of its own.
pub(crate) fn with<R>(work: impl FnOnce(&mut Scratch) -> R) -> R {
    SCRATCH.with(|cell| match cell.try_borrow_mut() {
        Ok(mut scratch) => work(&mut scratch),
        Err(_) => work(&mut Scratch::default()),
    })
}

/// `count` of `room`, with whatever was left there.
pub(crate) fn grown<T: Clone + Default>(room: &mut Vec<T>, count: usize) -> &mut [T] {
    if room.len() < count {
        room.resize(count, T::default());
    }
    &mut room[..count]
}
