//! Preparing rows ahead of their use: takes a data set, gives the rows that come next while threads of its own work on
//! those after them. What comes depends on seed and position alone, not on the number of threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use super::{DataError, Dataset, Example, Rows};

/// Rows of a training stream, prepared ahead.
pub struct Prefetch {
    data: Arc<dyn Dataset>,
    seed: u64,
    threads: usize,
    /// Rows of a piece: what a thread prepares at a time.
    piece: usize,
    /// Pieces that each thread is ahead.
    depth: usize,
    running: Option<Running>,
}

/// Threads at work, each on every n-th piece.
struct Running {
    /// Position of the next row that is handed out.
    position: u64,
    /// The piece that rows are taken from, and how many have been.
    piece: Rows,
    taken: usize,
    /// Which thread has the next piece.
    turn: usize,
    pieces: Vec<Receiver<Result<Rows, DataError>>>,
}

/// Rows of a piece at most: enough that handing it over costs nothing, few enough that the first ones come at once.
const PIECE: usize = 64;

impl Prefetch {
    /// Rows of the stream of `seed` for steps that take up to `batch` rows. The threads start with the first rows that
    /// are taken; without threads, rows are prepared when they are taken.
    pub fn new(data: Arc<dyn Dataset>, seed: u64, batch: usize, threads: usize) -> Prefetch {
        let piece = batch.clamp(1, PIECE);
        // Two batches ahead in all.
        let depth = (2 * batch).div_ceil(piece * threads.max(1)).max(1);
        Prefetch { data, seed, threads, piece, depth, running: None }
    }

    /// Rows `position .. position + count` of the stream. Going on where the last call ended costs no waiting, unless
    /// the threads cannot keep up; any other position starts them anew.
    pub fn take(&mut self, position: u64, count: usize) -> Result<Rows, DataError> {
        if count == 0 || self.threads == 0 {
            return prepared(|| self.data.train_rows(self.seed, position, count));
        }
        let mut running = match self.running.take() {
            Some(running) if running.position == position => running,
            _ => self.start(position)?,
        };
        let mut rows = Rows::with_room(count, self.data.sizes().cell);
        while rows.n < count {
            if running.taken == running.piece.n {
                running.piece = running.next()?;
                running.taken = 0;
            }
            let end = running.piece.n.min(running.taken + count - rows.n);
            rows.append(&running.piece, running.taken..end);
            running.taken = end;
        }
        running.position += count as u64;
        self.running = Some(running);
        Ok(rows)
    }

    fn start(&self, position: u64) -> Result<Running, DataError> {
        let mut pieces = Vec::new();
        for number in 0..self.threads as u64 {
            let (send, receive) = sync_channel(self.depth);
            let (data, seed, piece) = (Arc::clone(&self.data), self.seed, self.piece);
            let stride = piece as u64 * self.threads as u64;
            let work = move || {
                let mut from = position + number * piece as u64;
                loop {
                    let rows = prepared(|| data.train_rows(seed, from, piece));
                    let failed = rows.is_err();
                    // Nobody takes rows any more: the run is over, or goes on elsewhere.
                    if send.send(rows).is_err() || failed {
                        return;
                    }
                    from += stride;
                }
            };
            spawn(work)?;
            pieces.push(receive);
        }
        Ok(Running { position, piece: Rows::default(), taken: 0, turn: 0, pieces })
    }
}

impl Running {
    fn next(&mut self) -> Result<Rows, DataError> {
        let turn = self.turn;
        self.turn = (turn + 1) % self.pieces.len();
        let piece = self.pieces.get(turn).and_then(|pieces| pieces.recv().ok());
        piece.unwrap_or_else(|| Err(ended()))
    }
}

/// Hands `take` a function that gives one test example of `order` after the other, prepared ahead by a thread; none of
/// those that do not exist, and an error after the last.
pub fn prefetch_test_examples<T>(
    data: &dyn Dataset,
    order: &[usize],
    take: impl FnOnce(&mut dyn FnMut() -> Result<Option<Example>, DataError>) -> T,
) -> T {
    thread::scope(|scope| {
        let (send, receive) = sync_channel(2 * PIECE);
        let work = move || {
            for index in order {
                let example = prepared(|| data.test_example(*index));
                let failed = example.is_err();
                if send.send(example).is_err() || failed {
                    return;
                }
            }
        };
        let started = thread::Builder::new().name("data".to_owned()).spawn_scoped(scope, work);
        let mut failed = started.err();
        // The scope waits for the thread, which ends when nobody receives any more.
        let receive = receive;
        take(&mut || match failed.take() {
            Some(cause) => Err(DataError::NoThread { cause }),
            None => receive.recv().unwrap_or_else(|_| Err(ended())),
        })
    })
}

/// What the data set gives, or the error that it unwinds with, or its panic as an error.
pub fn prepared<T>(make: impl FnOnce() -> T) -> Result<T, DataError> {
    catch_unwind(AssertUnwindSafe(make)).map_err(|panic| {
        let panic = match panic.downcast::<DataError>() {
            Ok(error) => return *error,
            Err(panic) => panic,
        };
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        DataError::Preparing { what: text.lines().next().unwrap_or_default().to_owned() }
    })
}

fn spawn(work: impl FnOnce() + Send + 'static) -> Result<(), DataError> {
    let started = thread::Builder::new().name("data".to_owned()).spawn(work);
    started.map(|_| ()).map_err(|cause| DataError::NoThread { cause })
}

fn ended() -> DataError {
    DataError::Preparing { what: "its thread has ended".to_owned() }
}
