//! Who of the processes lives: each counts in the store and looks whether the others still do. Where one is lost while this process
//! waits for it, somebody else has to end the wait: c10d cannot. One thread asks the store, which may take for ever where the
//! process that serves it hangs; another looks at the time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::DistributedError;
use super::c10d::Store;

/// Time between two looks.
const EVERY: Duration = Duration::from_millis(400);
/// How long a wait goes on that another process has spoilt, so that it may end by itself.
const GRACE: Duration = Duration::from_secs(4);

/// A thread that counts for this process and watches the others.
pub(super) struct Watch {
    shared: Arc<Shared>,
    rank: usize,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    ended: AtomicBool,
    /// Since when the process waits for others.
    waiting: Mutex<Option<Instant>>,
    /// When each was last heard of.
    heard: Mutex<Vec<Instant>>,
    /// When the store was last reached.
    reached: Mutex<Instant>,
}

/// What is called, once, where this process waits for one that is lost.
pub(super) type OnLost = Arc<dyn Fn(&DistributedError) + Send + Sync>;

/// Calls out where the processes take longer to meet than they may, until it is dropped: a store whose process hangs takes
/// connections, answers nobody and gives no error.
pub(super) struct Meeting {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Meeting {
    /// After `time`, and the time that c10d needs to find out for itself, `on_lost` is told of `error`.
    pub fn within(time: Duration, on_lost: OnLost, error: DistributedError) -> std::io::Result<Meeting> {
        let over = Arc::new(AtomicBool::new(false));
        let (own, began) = (Arc::clone(&over), Instant::now());
        let wait = move || {
            while !own.load(Ordering::SeqCst) {
                let Some(left) = (time + GRACE).checked_sub(began.elapsed()) else { return on_lost(&error) };
                std::thread::park_timeout(left);
            }
        };
        let thread = Builder::new().name("meeting".to_owned()).spawn(wait)?;
        Ok(Meeting { over, thread: Some(thread) })
    }
}

impl Drop for Meeting {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

impl Watch {
    /// Watches `size` processes as number `rank`; one that has been silent for `timeout` is lost.
    pub fn start(
        store: Store,
        (rank, size): (usize, usize),
        timeout: Duration,
        on_lost: OnLost,
    ) -> std::io::Result<Watch> {
        let now = Instant::now();
        let shared = Arc::new(Shared {
            ended: AtomicBool::new(false),
            waiting: Mutex::new(None),
            heard: Mutex::new(vec![now; size]),
            reached: Mutex::new(now),
        });
        let own = Arc::clone(&shared);
        // Nobody waits for this one.
        Builder::new().name("alive".to_owned()).spawn(move || count(&own, &store, rank))?;
        let own = Arc::clone(&shared);
        let watch = move || watch(&own, rank, timeout, &on_lost);
        let thread = Builder::new().name("watch".to_owned()).spawn(watch)?;
        Ok(Watch { shared, rank, thread: Some(thread) })
    }

    /// This process begins or ends to wait for the others.
    pub fn wait(&self, waits: bool) {
        *lock(&self.shared.waiting) = waits.then(Instant::now);
    }

    /// The other process that has been silent for longest, and how long.
    pub fn most_silent(&self) -> (usize, Duration) {
        silent(&self.shared, self.rank)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// Counts for this process, and notes whose count has changed.
fn count(shared: &Shared, store: &Store, rank: usize) {
    let size = lock(&shared.heard).len();
    let mut counts = vec![-1; size];
    while !shared.ended.load(Ordering::SeqCst) {
        let all = (0..size).map(|other| store.add(&format!("alive/{other}"), i64::from(other == rank)));
        if let Ok(found) = all.collect::<Result<Vec<i64>, String>>() {
            let now = Instant::now();
            *lock(&shared.reached) = now;
            let mut heard = lock(&shared.heard);
            for (other, count) in found.into_iter().enumerate() {
                if count != counts[other] {
                    (counts[other], heard[other]) = (count, now);
                }
            }
        }
        std::thread::park_timeout(EVERY);
    }
}

fn watch(shared: &Shared, rank: usize, timeout: Duration, on_lost: &OnLost) {
    while !shared.ended.load(Ordering::SeqCst) {
        let (lost, silence) = silent(shared, rank);
        let spoilt = lock(&shared.waiting).is_some_and(|since| since.elapsed() > GRACE);
        if silence > timeout && spoilt {
            on_lost(&DistributedError::Lost { rank: lost, seconds: silence.as_secs() });
            return;
        }
        std::thread::park_timeout(EVERY);
    }
}

/// Where the store is not reached, process 0 is lost, which holds it.
fn silent(shared: &Shared, rank: usize) -> (usize, Duration) {
    let now = Instant::now();
    let unreached = now.saturating_duration_since(*lock(&shared.reached));
    let heard = lock(&shared.heard);
    let others = heard.iter().enumerate().filter(|(other, _)| *other != rank);
    let silences = others.map(|(other, heard)| (other, now.saturating_duration_since(*heard)));
    let (most, silence) = silences.max_by_key(|(_, silence)| *silence).unwrap_or_default();
    if rank > 0 && unreached > 2 * EVERY && unreached + EVERY >= silence {
        (0, unreached)
    } else {
        (most, silence)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
