//! Threads that wait asleep. One piece of work at a time is cut into tasks of fixed extent; which thread does which changes
//! no result.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};

/// Work that is being done: a function of the task's number.
#[derive(Clone)]
struct Work {
    task: Arc<dyn Fn(usize) + Send + Sync>,
    next: Arc<AtomicUsize>,
    tasks: usize,
}

#[derive(Default)]
struct Shared {
    /// The work at hand, and how many were handed in before it.
    work: Mutex<(usize, Option<Work>)>,
    arrived: Condvar,
    /// Workers that still have a hand in it.
    busy: Mutex<usize>,
    idle: Condvar,
}

static THREADS: AtomicUsize = AtomicUsize::new(0);

/// How many threads compute, the caller's included; 0 stands for as many as there are processors. Counts from the first
/// work on.
pub fn set_threads(count: usize) {
    THREADS.store(count, Ordering::Relaxed);
}

/// Runs `task` for every number below `tasks`, on this thread and the workers, and comes back when all are done.
pub(crate) fn run<'t>(tasks: usize, task: impl Fn(usize) + Send + Sync + 't) {
    let (shared, workers) = pool();
    // A second caller at the same time does its work alone.
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.try_lock();
    if tasks < 2 || *workers == 0 || turn.is_err() {
        (0..tasks).for_each(task);
        return;
    }
    let task: Arc<dyn Fn(usize) + Send + Sync + 't> = Arc::new(task);
    // SAFETY: only the lifetime is stretched. The workers drop their clone before they count themselves idle, and this
    // function does not return, nor unwind past `Waiting`, before all have: nothing outlives `'t`.
    let task: Arc<dyn Fn(usize) + Send + Sync> = unsafe { std::mem::transmute(task) };
    let work = Work { task, next: Arc::new(AtomicUsize::new(0)), tasks };
    *lock(&shared.busy) = *workers;
    let mut given = lock(&shared.work);
    *given = (given.0 + 1, Some(work.clone()));
    drop(given);
    shared.arrived.notify_all();
    let _waiting = Waiting(shared);
    work.run();
}

impl Work {
    fn run(&self) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.tasks {
                return;
            }
            (self.task)(number);
        }
    }
}

/// Waits for the workers when it is dropped, also by a panic.
struct Waiting<'s>(&'s Shared);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut busy = lock(&self.0.busy);
        while *busy > 0 {
            busy = self.0.idle.wait(busy).unwrap_or_else(PoisonError::into_inner);
        }
        lock(&self.0.work).1 = None;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pool() -> &'static (Shared, usize) {
    static POOL: OnceLock<(Shared, usize)> = OnceLock::new();
    let mut made = false;
    let pool = POOL.get_or_init(|| {
        made = true;
        let threads = match THREADS.load(Ordering::Relaxed) {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        };
        (Shared::default(), threads.saturating_sub(1))
    });
    if made {
        for number in 0..pool.1 {
            let name = format!("totc-kernels-{number}");
            let started = std::thread::Builder::new().name(name).spawn(|| work_for(&pool.0));
            // Fewer threads than wanted would leave callers waiting for the others.
            if started.is_err() {
                std::process::abort();
            }
        }
    }
    pool
}

fn work_for(shared: &Shared) {
    let mut done = 0;
    loop {
        let mut given = lock(&shared.work);
        while given.0 == done || given.1.is_none() {
            given = shared.arrived.wait(given).unwrap_or_else(PoisonError::into_inner);
        }
        done = given.0;
        let work = given.1.clone();
        drop(given);
        if let Some(work) = work {
            // A task that panics is a bug; the other threads must not wait for this one.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work.run()));
            drop(work);
        }
        let mut busy = lock(&shared.busy);
        *busy -= 1;
        if *busy == 0 {
            shared.idle.notify_all();
        }
    }
}
