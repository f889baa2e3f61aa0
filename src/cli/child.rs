//! Processes that this one starts: in a process group of their own, so that a signal from the terminal reaches only this process,
//! which hands it on once; they are interrupted where this process dies.

use std::fs::File;
use std::process::{Child, Command};

use crate::distributed::Place;

/// A process that knows nothing of the processes among which this one is, in a process group of its own. It holds `lock`, and
/// where the system can it is interrupted if this process dies.
#[cfg(unix)]
#[expect(unsafe_code, reason = "calls of the system; see below")]
pub(super) fn tied(command: &mut Command, lock: Option<&File>) {
    use std::os::fd::AsRawFd;
    use std::os::unix::process::CommandExt;
    alone(command);
    command.process_group(0);
    let lock = lock.map(|lock| lock.as_raw_fd());
    // SAFETY: both calls are allowed between fork and exec; the descriptor is open as long as its owner, who starts the process.
    unsafe {
        command.pre_exec(move || {
            if lock.is_some_and(|lock| libc::fcntl(lock, libc::F_SETFD, 0) == -1) {
                return Err(std::io::Error::last_os_error());
            }
            #[cfg(target_os = "linux")]
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGINT) == -1 {
                return Err(std::io::Error::last_os_error());
            }
            Ok(())
        });
    }
}

#[cfg(not(unix))]
pub(super) fn tied(command: &mut Command, _: Option<&File>) {
    alone(command);
}

fn alone(command: &mut Command) {
    for name in Place::VARIABLES {
        command.env_remove(name);
    }
}

/// Hands a signal on, by which a run saves and ends.
#[cfg(unix)]
#[expect(unsafe_code, reason = "a call of the system; see below")]
pub(super) fn interrupt(child: &Child, signal: u8) -> std::io::Result<()> {
    // SAFETY: a signal to a process that this one has started and not yet waited for to its end: its number is its own.
    match unsafe { libc::kill(child.id() as libc::pid_t, i32::from(signal)) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

#[cfg(not(unix))]
pub(super) fn interrupt(_: &Child, _: u8) -> std::io::Result<()> {
    Ok(())
}
