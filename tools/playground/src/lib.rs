//! The page's side of totc: takes a question as JSON in a buffer, gives the answer as JSON in another; the worker of the page
//! (`page/worker.js`) is who asks. What is asked of a text while it is typed are messages of the language server; `explain` is
//! the command, with its drawing.
//!
//! No block of this is `unsafe`: the buffers are owned here and lent by address. The attributes say that the names of the
//! exported functions are met by no other.

mod answer;

use std::cell::RefCell;

#[derive(Default)]
struct Buffers {
    question: Vec<u8>,
    answer: Vec<u8>,
    /// What a panic has said.
    complaint: Vec<u8>,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
    static HOUSE: RefCell<answer::House> = RefCell::default();
}

/// Room for a question of so many bytes; holds until the next call.
// SAFETY: no other function of the program is called so.
#[unsafe(no_mangle)]
pub extern "C" fn room(bytes: usize) -> *mut u8 {
    BUFFERS.with_borrow_mut(|buffers| {
        buffers.question.clear();
        buffers.question.resize(bytes, 0);
        buffers.question.as_mut_ptr()
    })
}

/// Answers the question that has been written there; gives the bytes of the answer.
// SAFETY: no other function of the program is called so.
#[unsafe(no_mangle)]
pub extern "C" fn ask() -> usize {
    std::panic::set_hook(Box::new(|panic| {
        BUFFERS.with(|buffers| {
            if let Ok(mut buffers) = buffers.try_borrow_mut() {
                buffers.complaint = panic.to_string().into_bytes();
            }
        });
    }));
    let question = BUFFERS.with_borrow_mut(|buffers| std::mem::take(&mut buffers.question));
    let answer = HOUSE.with_borrow_mut(|house| house.answer(&question)).into_bytes();
    BUFFERS.with_borrow_mut(|buffers| {
        buffers.answer = answer;
        buffers.answer.len()
    })
}

/// Where the answer stands until the next question.
// SAFETY: no other function of the program is called so.
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> *const u8 {
    BUFFERS.with_borrow(|buffers| buffers.answer.as_ptr())
}

/// Bytes of what a panic has said; none if there was none.
// SAFETY: no other function of the program is called so.
#[unsafe(no_mangle)]
pub extern "C" fn complaint_bytes() -> usize {
    BUFFERS.with_borrow(|buffers| buffers.complaint.len())
}

/// Where it stands.
// SAFETY: no other function of the program is called so.
#[unsafe(no_mangle)]
pub extern "C" fn complaint() -> *const u8 {
    BUFFERS.with_borrow(|buffers| buffers.complaint.as_ptr())
}
