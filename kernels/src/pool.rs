//! Threads that do the tasks of one caller together and sleep in between: an idle pool that spins would slow down every
//! other thread of the process. Which thread does a task is left to chance, what a task is is not: whoever gives fixed
//! slices gets the same result with any number of threads.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;

/// Threads that wait for tasks. Dropping it ends them.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Held by whoever has given tasks.
    busy: Mutex<()>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There are tasks, or it is over.
    tasks: Condvar,
    /// The last thread has left the tasks.
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    job: Option<JobRef>,
    /// Jobs so far, so that a thread takes part in each once.
    number: u64,
    /// Threads at the job.
    inside: usize,
    over: bool,
}

/// Tasks of one call of [`Pool::run`].
struct Job<'a> {
    task: &'a (dyn Fn(usize) + Sync),
    next: AtomicUsize,
    tasks: usize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// A job on the stack of the thread that gave it.
#[derive(Clone, Copy, Debug)]
struct JobRef(*const Job<'static>);

// SAFETY: a job is shared state behind atomics, a mutex and a function that is `Sync`; it lives until its threads have
// left, see `run`.
unsafe impl Send for JobRef {}

static THREADS: AtomicUsize = AtomicUsize::new(0);
static FIRST: OnceLock<fn()> = OnceLock::new();

impl Pool {
    /// The threads that all chains of this process share. A task of one of its jobs that gives it another does that alone.
    pub fn shared() -> &'static Pool {
        static POOL: OnceLock<Pool> = OnceLock::new();
        POOL.get_or_init(|| {
            let threads = match THREADS.load(Ordering::Relaxed) {
                0 => std::thread::available_parallelism().map_or(1, usize::from),
                count => count,
            };
            Pool::beginning(threads, FIRST.get().copied())
        })
    }

    /// How many threads work at once in [`Pool::shared`], the caller's included; 0 stands for as many as there are
    /// processors. Counts from its first work on.
    pub fn set_shared_threads(count: usize) {
        THREADS.store(count, Ordering::Relaxed);
    }

    /// What each thread of [`Pool::shared`] does before its first task: settings of a library that are each thread's own.
    /// Counts where no thread has begun yet; the first one stands.
    pub fn set_shared_first(first: fn()) {
        FIRST.get_or_init(|| first);
    }

    /// A pool in which `threads` work at once, the caller among them; at least one. Where the system refuses a thread, those
    /// that are there do the work.
    pub fn new(threads: usize) -> Pool {
        Pool::beginning(threads, None)
    }

    fn beginning(threads: usize, first: Option<fn()>) -> Pool {
        let shared = Arc::new(Shared::default());
        let spawn = |number: usize| {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name(format!("kernels {number}"))
                .spawn(move || {
                    if let Some(first) = first {
                        first();
                    }
                    wait(&shared);
                })
                .ok()
        };
        let threads = (1..threads).filter_map(spawn).collect();
        Pool { shared, threads, busy: Mutex::new(()) }
    }

    /// How many work at once.
    pub fn threads(&self) -> usize {
        self.threads.len() + 1
    }

    /// Does `task(0)` to `task(tasks - 1)`, each once, on all threads; returns when all are done. A panic of a task goes on
    /// in the caller. Called from within a task, or by two threads at once, the second does its tasks alone.
    pub fn run(&self, tasks: usize, task: impl Fn(usize) + Sync) {
        let job = Job { task: &task, next: AtomicUsize::new(0), tasks, panic: Mutex::new(None) };
        let alone = self.threads.is_empty() || tasks < 2;
        let busy = if alone { None } else { self.busy.try_lock().ok() };
        if busy.is_some() {
            let pointer = (&raw const job).cast::<Job<'static>>();
            let mut state = lock(&self.shared.state);
            state.job = Some(JobRef(pointer));
            state.number += 1;
            drop(state);
            self.shared.tasks.notify_all();
        }
        job.work();
        if busy.is_some() {
            // From here on nobody begins; whoever has begun is waited for, so that no thread sees the job after this.
            let mut state = lock(&self.shared.state);
            state.job = None;
            while state.inside > 0 {
                state = self.shared.done.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        drop(busy);
        let panic = lock(&job.panic).take();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        lock(&self.shared.state).over = true;
        self.shared.tasks.notify_all();
        for thread in self.threads.drain(..) {
            // A thread catches the panics of its tasks, so it ends well.
            let _ = thread.join();
        }
    }
}

impl Job<'_> {
    /// Does tasks until none is left.
    fn work(&self) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.tasks {
                return;
            }
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (self.task)(number))) {
                lock(&self.panic).get_or_insert(panic);
            }
        }
    }
}

/// The life of a thread.
fn wait(shared: &Shared) {
    let mut seen = 0;
    let mut state = lock(&shared.state);
    loop {
        if state.over {
            return;
        }
        let job = state.job.filter(|_| state.number != seen);
        let Some(JobRef(job)) = job else {
            state = shared.tasks.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        seen = state.number;
        state.inside += 1;
        drop(state);
        // SAFETY: the job was there while the lock was held and this thread was counted, so `run` has not returned and
        // does not before `inside` is 0 again.
        unsafe { (*job).work() };
        state = lock(&shared.state);
        state.inside -= 1;
        if state.inside == 0 {
            shared.done.notify_all();
        }
    }
}

/// The lock, whoever panicked while holding it: nothing is left half done under these.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
