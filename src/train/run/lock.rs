//! One process works in the folder of a run: takes the folder, holds it until dropped; says who holds it otherwise. A lock
//! whose process is gone is taken over.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, SystemTime};

use super::RunError;

/// The name of the lock in a run's folder; it says host and process.
pub const LOCK: &str = "run.lock";

/// How often the holder shows that it lives, and how long the lock of another host may be silent.
const SIGN: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(90);

/// A folder that is this process's alone.
pub struct Lock {
    path: PathBuf,
    /// The system's lock on it goes with the process, however that ends.
    file: File,
    owner: String,
    /// Dropped, it ends the signs of life.
    _alive: Option<Sender<()>>,
}

impl Lock {
    /// Takes the folder `out`, which exists.
    ///
    /// # Errors
    /// Another process that holds it; a folder that cannot be written.
    pub fn take(out: &Path) -> Result<Lock, RunError> {
        let path = out.join(LOCK);
        let failed = |cause| RunError::Io { path: path.clone(), cause };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        let mut before = String::new();
        let locked = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => {
                // What is no text names nobody.
                let _ = file.read_to_string(&mut before);
                return Err(RunError::Held {
                    folder: out.to_owned(),
                    owner: owner_in_words(&before),
                    lock: None,
                });
            }
            // Some network file systems have no such locks: then what the file says counts.
            Err(TryLockError::Error(_)) => false,
        };
        let _ = file.read_to_string(&mut before);
        if !before.trim().is_empty() && held_by_another(&before, &path, locked).map_err(failed)? {
            let (owner, lock) = (owner_in_words(&before), Some(path));
            return Err(RunError::Held { folder: out.to_owned(), owner, lock });
        }
        let owner = format!("{} {}\n", host(), std::process::id());
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(owner.as_bytes())?;
            file.sync_all()
        };
        write(&mut file).map_err(failed)?;
        let _alive = signs_of_life(&file);
        Ok(Lock { path, file, owner, _alive })
    }

    /// Whether the folder is still this process's: one that was halted for minutes may have lost it to another host.
    pub fn is_ours(&self) -> bool {
        // Who cannot be read takes nothing away.
        std::fs::read_to_string(&self.path).map_or(true, |text| text.is_empty() || text == self.owner)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The file stays, empty: another process may be waiting on it by name.
        if self.is_ours() {
            let _ = self.file.set_len(0);
        }
        // The thread that gives signs of life may keep the file open a little longer.
        let _ = self.file.unlock();
    }
}

/// Who trains in the folder `out` now, as far as it can be seen without touching anything there.
pub fn holder(out: &Path) -> Option<String> {
    let path = out.join(LOCK);
    let text = std::fs::read_to_string(&path).ok()?;
    let mut words = text.split_whitespace();
    let (other, pid) = (words.next()?, words.next()?.parse::<u32>().ok()?);
    let at_work = if other == host() {
        lives(pid)
    } else {
        // A sign of the future, by a clock that is wrong, is one of life.
        let sign = std::fs::metadata(&path).and_then(|about| about.modified()).ok()?;
        SystemTime::now().duration_since(sign).unwrap_or_default() < SILENCE
    };
    at_work.then(|| owner_in_words(&text))
}

/// Whether the process that `text` names may still be at work, though the system has no lock of it (`locked`: it would).
fn held_by_another(text: &str, path: &Path, locked: bool) -> io::Result<bool> {
    let mut words = text.split_whitespace();
    let (Some(other), Some(Ok(pid))) = (words.next(), words.next().map(str::parse::<u32>)) else {
        return Ok(false);
    };
    if other == host() {
        return Ok(!locked && pid != std::process::id() && lives(pid));
    }
    // The file system's own clock on both sides: that of the other host may be wrong.
    let folder = path.parent().unwrap_or(Path::new("."));
    let probe = tempfile::tempfile_in(folder)?.metadata()?.modified()?;
    let sign = std::fs::metadata(path)?.modified()?;
    Ok(probe.duration_since(sign).unwrap_or_default() < SILENCE)
}

/// Touches the lock now and then as long as the sender lives.
fn signs_of_life(file: &File) -> Option<Sender<()>> {
    let file = file.try_clone().ok()?;
    let (alive, ended) = channel::<()>();
    let sign = move || {
        while ended.recv_timeout(SIGN) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            // A sign that is missed is made good by the next.
            let _ = file.set_modified(SystemTime::now());
        }
    };
    thread::Builder::new().name("lock".to_owned()).spawn(sign).ok()?;
    Some(alive)
}

fn owner_in_words(text: &str) -> String {
    let mut words = text.split_whitespace();
    match (words.next(), words.next()) {
        (Some(host), Some(pid)) => format!("process {} on {}", pid.escape_debug(), host.escape_debug()),
        _ => "another process".to_owned(),
    }
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    let name: String = name.split_whitespace().collect();
    if name.is_empty() { "this-machine".to_owned() } else { name }
}

#[cfg(target_os = "linux")]
fn lives(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

#[cfg(not(target_os = "linux"))]
fn lives(_: u32) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_process_s_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let held = Lock::take(folder.path()).unwrap();
        let told = Lock::take(folder.path()).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(told.contains(&format!("process {}", std::process::id())), "{told}");
        assert!(holder(folder.path()).is_some_and(|holder| told.contains(&holder)));
        drop(held);
        assert_eq!(holder(folder.path()), None);
        assert!(Lock::take(folder.path()).is_ok());
    }

    #[test]
    fn who_is_gone_holds_nothing_and_another_host_is_believed_for_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOCK);
        std::fs::write(&path, format!("{} 4194305\n", host())).unwrap();
        assert!(Lock::take(folder.path()).is_ok(), "a process that is gone");
        std::fs::write(&path, "another-host 1\n").unwrap();
        let told = Lock::take(folder.path()).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(told.contains("process 1 on another-host") && told.contains("run.lock"), "{told}");
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - 2 * SILENCE).unwrap();
        assert!(Lock::take(folder.path()).is_ok(), "silent for long");
    }

    #[test]
    fn a_lock_that_another_host_has_taken_over_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let held = Lock::take(folder.path()).unwrap();
        assert!(held.is_ours());
        std::fs::write(folder.path().join(LOCK), "another-host 7\n").unwrap();
        assert!(!held.is_ours());
    }
}
