//! A group of processes: takes tensors of this one, gives those of all in their order, or their sum in a fixed order, the same
//! bits everywhere; and compares what the processes say of themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tch::{Device, Kind, TchError, Tensor};

use super::c10d::{Group, Store};
use super::watch::{Meeting, OnLost, Watch};
use super::{DistributedError, Place, Tree};

/// How processes meet.
pub struct GroupOptions {
    /// How long a process may be silent before it counts as lost, and how long the processes wait for each other at the start.
    pub timeout: Duration,
    /// Called where this process waits for one that is lost, once; it has to end the process, since nothing else can.
    pub on_lost: OnLost,
}

/// This process among several.
pub struct ProcessGroup {
    place: Place,
    // In the order in which they end: the group before the store that it was made from.
    watch: Watch,
    group: Group,
    store: Store,
    /// Whether this process has heard why another one ended.
    heard: AtomicBool,
}

/// The longest that c10d waits in a collective; who is lost is found by the watch, long before.
const COLLECTIVE: Duration = Duration::from_secs(7 * 24 * 3600);
/// After a collective has failed: how long to look for who is to blame, and how long it is silent by then.
const INQUIRY: Duration = Duration::from_secs(6);
const SILENT: Duration = Duration::from_secs(3);

/// Where a process says why it ended.
const ENDED: &str = "ended";
/// How many have heard it.
const HEARD: &str = "heard";

impl std::fmt::Debug for ProcessGroup {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("ProcessGroup").field("place", &self.place).finish_non_exhaustive()
    }
}

impl ProcessGroup {
    /// Meets the others.
    ///
    /// # Errors
    /// They cannot be reached, or do not come within the time.
    pub fn open(place: &Place, options: GroupOptions) -> Result<ProcessGroup, DistributedError> {
        let unreachable = |cause: String| DistributedError::Unreachable {
            rank: place.rank,
            size: place.size,
            host: place.host.clone(),
            port: place.port,
            cause,
        };
        let timeout = options.timeout;
        let prefix = format!("totc/{}/", place.attempt);
        let client =
            |serves| Store::open(&place.host, place.port, serves, timeout, &prefix).map_err(unreachable);
        let no_answer = unreachable(format!("no answer within {} s", timeout.as_secs()));
        let meeting = Meeting::within(timeout, Arc::clone(&options.on_lost), no_answer);
        let meeting = meeting.map_err(|error| unreachable(error.to_string()))?;
        let store = client(place.serves)?;
        all_come(&store, place, timeout).map_err(unreachable)?;
        let local = ["127.0.0.1", "localhost", "::1"].contains(&place.host.as_str());
        let interface = std::env::var("GLOO_SOCKET_IFNAME").ok();
        let address = (local && interface.is_none()).then_some("127.0.0.1");
        // Before the processes connect: one that dies meanwhile would be waited for as long as c10d waits.
        let watch = Watch::start(client(false)?, (place.rank, place.size), timeout, options.on_lost);
        let watch = watch.map_err(|error| unreachable(error.to_string()))?;
        watch.wait(true);
        drop(meeting);
        let group = Group::open(&store, place.rank, place.size, address, interface.as_deref(), COLLECTIVE);
        let group = group.map_err(unreachable)?;
        watch.wait(false);
        Ok(ProcessGroup { place: place.clone(), watch, group, store, heard: AtomicBool::new(false) })
    }

    /// Which process this is, from 0.
    pub fn rank(&self) -> usize {
        self.place.rank
    }

    /// How many there are.
    pub fn size(&self) -> usize {
        self.place.size
    }

    /// How many there are at most on this machine.
    pub fn local_size(&self) -> usize {
        self.place.local_size
    }

    /// `own` of all processes, one after the other along the first axis: any kind, one shape in all.
    ///
    /// # Errors
    /// A process is lost or has ended; libtorch has no memory.
    pub fn all_gather(&self, own: &Tensor) -> Result<Tensor, DistributedError> {
        let mut shape = own.size();
        match shape.first_mut() {
            Some(first) => *first *= self.size() as i64,
            None => shape = vec![self.size() as i64],
        }
        let own = bytes(own).map_err(failed)?;
        let mut all =
            Tensor::f_empty([own.0.numel() as i64 * self.size() as i64], (Kind::Uint8, Device::Cpu))
                .map_err(failed)?;
        self.together(|| self.group.all_gather(&mut all, &own.0))?;
        all.f_view_dtype(own.1).and_then(|all| all.f_reshape(&shape)).map_err(failed)
    }

    /// The sum of `own`, flat float32, over all processes, in the order of [`Tree`]: the same bits in each. Each sends and gets
    /// what c10d's own sum would (2 (n - 1) / n of the tensor).
    ///
    /// # Errors
    /// As [`ProcessGroup::all_gather`].
    pub fn sum(&self, own: &Tensor) -> Result<Tensor, DistributedError> {
        let (count, size) = (own.numel() as i64, self.size() as i64);
        let part = (count + size - 1) / size;
        let (float, cpu) = (Kind::Float, Device::Cpu);
        let padded = || -> Result<(Tensor, Tensor), TchError> {
            let own = own.f_to_device(cpu)?.f_to_kind(float)?.f_reshape([-1])?;
            let rest = Tensor::f_zeros([part * size - count], (float, cpu))?;
            Ok((Tensor::f_cat(&[own, rest], 0)?, Tensor::f_empty([part * size], (float, cpu))?))
        };
        let (given, mut got) = padded().map_err(failed)?;
        self.together(|| self.group.all_to_all(&mut got, &given))?;
        let add = |a: Tensor, b: Tensor| a.f_add(&b);
        let mut tree = Tree::default();
        for summand in got.f_chunk(size, 0).map_err(failed)? {
            tree.push(summand, add).map_err(failed)?;
        }
        let Some(sum) = tree.sum(add).map_err(failed)? else { return Ok(own.shallow_clone()) };
        let mut all = got;
        let sum = sum.f_contiguous().map_err(failed)?;
        self.together(|| self.group.all_gather(&mut all, &sum))?;
        let all = all.f_narrow(0, 0, count).and_then(|all| all.f_to_device(own.device()));
        all.map_err(failed)
    }

    /// Numbers of all processes, as many from each, in their order.
    ///
    /// # Errors
    /// As [`ProcessGroup::all_gather`].
    pub fn exchange(&self, own: &[i64]) -> Result<Vec<Vec<i64>>, DistributedError> {
        let own = Tensor::f_from_slice(own).map_err(failed)?;
        let count = own.numel();
        let all = self.all_gather(&own)?;
        let all = Vec::<i64>::try_from(all).map_err(failed)?;
        Ok(all.chunks(count.max(1)).map(<[i64]>::to_vec).collect())
    }

    /// Compares what the processes say of themselves, by name: the first difference, in all of them.
    ///
    /// # Errors
    /// A process that differs from process 0; one that is lost or has ended.
    pub fn agree(&self, facts: &[(String, String)]) -> Result<(), DistributedError> {
        let text = serde_json::to_vec(facts).unwrap_or_default();
        let all = self.all_bytes(&text)?;
        let all: Vec<Vec<(String, String)>> =
            all.iter().map(|text| serde_json::from_slice(text).unwrap_or_default()).collect();
        let Some((first, others)) = all.split_first() else { return Ok(()) };
        for (rank, other) in (1..).zip(others) {
            if let Some(what) = difference(first, other) {
                return Err(DistributedError::Differs { rank, what });
            }
        }
        Ok(())
    }

    /// Tells the others that this process ends and why, and lets them hear it. What it has learned of another process they find
    /// out themselves.
    pub fn end(&self, why: &str) {
        // The store may be gone, or hang.
        self.watch.wait(true);
        let text = format!("{}\n{why}", self.rank());
        if self.ended().is_some() || self.store.set(ENDED, text.as_bytes()).is_err() || !self.place.serves {
            return;
        }
        // With this process goes the store.
        let began = Instant::now();
        let others = self.size() as i64 - 1;
        while began.elapsed() < INQUIRY && self.store.add(HEARD, 0).is_ok_and(|heard| heard < others) {
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Bytes of all processes, of any length.
    fn all_bytes(&self, own: &[u8]) -> Result<Vec<Vec<u8>>, DistributedError> {
        let lengths: Vec<usize> =
            self.exchange(&[own.len() as i64])?.iter().flatten().map(|length| *length as usize).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let mut padded = own.to_vec();
        padded.resize(longest, 0);
        let all = self.all_gather(&Tensor::f_from_slice(&padded).map_err(failed)?)?;
        let all = Vec::<u8>::try_from(all).map_err(failed)?;
        let each = all.chunks(longest.max(1)).zip(lengths);
        Ok(each.map(|(bytes, length)| bytes[..length.min(bytes.len())].to_vec()).collect())
    }

    fn together(&self, work: impl FnOnce() -> Result<(), String>) -> Result<(), DistributedError> {
        self.watch.wait(true);
        let done = work().map_err(|error| self.blame(error));
        self.watch.wait(false);
        done
    }

    /// Whose fault it is that an exchange has failed.
    fn blame(&self, error: String) -> DistributedError {
        let began = Instant::now();
        loop {
            // This may take long where the store is gone.
            if let Some(ended) = self.ended() {
                return ended;
            }
            let (rank, silence) = self.watch.most_silent();
            if silence > SILENT && rank != self.rank() {
                // Who holds the store waits until the others have heard it too.
                if self.place.serves {
                    std::thread::sleep(INQUIRY);
                }
                return DistributedError::Lost { rank, seconds: silence.as_secs() };
            }
            if began.elapsed() > INQUIRY {
                return DistributedError::Exchange(error);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// What another process has said when it ended.
    fn ended(&self) -> Option<DistributedError> {
        let text = String::from_utf8(self.store.get(ENDED).ok()??).ok()?;
        let (rank, why) = text.split_once('\n')?;
        if !self.heard.swap(true, Ordering::SeqCst) {
            let _ = self.store.add(HEARD, 1);
        }
        Some(DistributedError::Ended { rank: rank.parse().ok()?, why: why.to_owned() })
    }
}

/// The first fact that differs, with both values; what only one of them has set differs too.
fn difference(first: &[(String, String)], other: &[(String, String)]) -> Option<String> {
    let value = |facts: &[(String, String)], name: &str| {
        let fact = facts.iter().find(|(own, _)| own == name);
        fact.map_or_else(|| "not set".to_owned(), |(_, value)| value.clone())
    };
    let names = first.iter().chain(other).map(|(name, _)| name);
    let mut both = names.map(|name| (name, value(first, name), value(other, name)));
    both.find(|(_, here, there)| here != there)
        .map(|(name, here, there)| format!("{name} ({there}, not {here})"))
}

/// Waits until all processes have come.
fn all_come(store: &Store, place: &Place, timeout: Duration) -> Result<(), String> {
    let began = Instant::now();
    let mut come = store.add("come", 1)?;
    while come < place.size as i64 {
        if began.elapsed() > timeout {
            return Err(format!("{come} of {} have come within {} s", place.size, timeout.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(20));
        come = store.add("come", 0)?;
    }
    Ok(())
}

/// The bytes of a tensor on the CPU, and their kind.
fn bytes(tensor: &Tensor) -> Result<(Tensor, Kind), TchError> {
    let own = tensor.f_to_device(Device::Cpu)?.f_contiguous()?;
    let flat = own.f_reshape([-1])?;
    Ok((flat.f_view_dtype(Kind::Uint8)?, own.kind()))
}

fn failed(error: TchError) -> DistributedError {
    DistributedError::Exchange(error.to_string().lines().next().unwrap_or_default().to_owned())
}
