//! Several processes of one run on this machine: takes how many, starts them with the environment that `torchrun` would set, waits
//! for all; and how each of them meets the others.

use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::child::{interrupt, tied};
use super::signals::Asked;
use super::{Failure, Outcome};
use crate::distributed::{GroupOptions, Place, ProcessGroup};
use crate::train::run::RunError;

/// The least silence, in seconds, that can be told from a busy machine.
const SHORTEST: u64 = 5;
/// The exit code of a process that ends because another one is lost.
const LOST: i32 = 3;

/// Meets the others.
pub(super) fn meet(place: &Place, timeout: u64) -> Result<Arc<ProcessGroup>, Failure> {
    let own = place.clone();
    let options = GroupOptions {
        timeout: Duration::from_secs(timeout.max(SHORTEST)),
        on_lost: Arc::new(move |error| {
            super::say(&format!("error: process {} of {}: {error}\n", own.rank, own.size));
            std::process::exit(LOST);
        }),
    };
    Ok(Arc::new(ProcessGroup::open(place, options).map_err(RunError::from)?))
}

/// An error of a process that is not the first, with its number; the author's mistakes are told by the first.
pub(super) fn told(place: &Place, error: &RunError) -> Failure {
    if matches!(error, RunError::RunFile(_) | RunError::Compile(_) | RunError::Part { .. }) {
        return Failure::Told(1);
    }
    Failure::World(format!("process {} of {}: {error}", place.rank, place.size))
}

/// Starts `count` processes of this command on this machine and waits for them.
pub(super) fn start(count: usize, threads: Option<i32>, timeout: u64, asked: &Asked) -> Outcome {
    if count < 1 {
        return Err(Failure::Usage("--processes takes 1 or more".to_owned()));
    }
    let world = |error: std::io::Error| Failure::World(format!("the processes cannot be started: {error}"));
    let binary = std::env::current_exe().map_err(world)?;
    // The port is free now, and nobody else is likely to take it before the first process does.
    let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr()).map_err(world)?.port();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut processes = Vec::with_capacity(count);
    for rank in 0..count {
        let mut command = Command::new(&binary);
        tied(&mut command, None);
        command.args(arguments()).envs([
            ("RANK", rank.to_string()),
            ("LOCAL_RANK", rank.to_string()),
            ("WORLD_SIZE", count.to_string()),
            ("LOCAL_WORLD_SIZE", count.to_string()),
            ("MASTER_ADDR", "127.0.0.1".to_owned()),
            ("MASTER_PORT", port.to_string()),
        ]);
        if threads.is_none() {
            command.env("OMP_NUM_THREADS", (cores / count).max(1).to_string());
        }
        processes.push(command.spawn().map_err(world)?);
    }
    let ends = wait(&mut processes, patience(timeout), asked).map_err(world)?;
    match ends.iter().enumerate().find(|(_, end)| !end.success()) {
        None => Ok(()),
        // What the first process has told is told; a process that was killed could say nothing.
        Some(_) => Err(failed(&ends)),
    }
}

/// The arguments of this command without `--processes`.
fn arguments() -> Vec<std::ffi::OsString> {
    let mut given = std::env::args_os().skip(1);
    let mut kept = Vec::new();
    while let Some(argument) = given.next() {
        if argument == "--processes" {
            given.next();
        } else if !argument.to_string_lossy().starts_with("--processes=") {
            kept.push(argument);
        }
    }
    kept
}

/// After one has failed, how long the others may take to see it and end.
fn patience(timeout: u64) -> Duration {
    Duration::from_secs(timeout.max(SHORTEST) + 20)
}

/// Waits for all; a signal is handed on to the first, which lets all of them save and end. One that hangs after another has
/// failed is killed.
fn wait(processes: &mut [Child], patience: Duration, asked: &Asked) -> std::io::Result<Vec<ExitStatus>> {
    let mut ends: Vec<Option<ExitStatus>> = vec![None; processes.len()];
    let mut handed_on = false;
    let mut failed: Option<Instant> = None;
    while ends.iter().any(Option::is_none) {
        for (end, process) in ends.iter_mut().zip(processes.iter_mut()) {
            if end.is_none() {
                *end = process.try_wait()?;
            }
        }
        if ends.iter().flatten().any(|end| !end.success()) {
            failed.get_or_insert_with(Instant::now);
        }
        if failed.is_some_and(|since| since.elapsed() > patience) {
            let mut left = ends.iter().zip(processes.iter_mut()).filter(|(end, _)| end.is_none());
            left.try_for_each(|(_, process)| process.kill())?;
        }
        let waits = ends.first().is_some_and(Option::is_none) && !handed_on;
        if let (Some((_, signal)), Some(first), true) = (asked.signal(), processes.first(), waits) {
            handed_on = true;
            interrupt(first, signal)?;
        }
        std::thread::sleep(Duration::from_millis(30));
    }
    Ok(ends.into_iter().flatten().collect())
}

/// How the run ended: as its first process did, unless another was killed.
fn failed(ends: &[ExitStatus]) -> Failure {
    let killed: Vec<String> = ends
        .iter()
        .enumerate()
        .filter_map(|(rank, end)| {
            signal(*end).map(|signal| format!("process {rank} was killed by signal {signal}"))
        })
        .collect();
    if !killed.is_empty() {
        return Failure::World(killed.join(", "));
    }
    let code = ends.iter().filter_map(ExitStatus::code).find(|code| *code != 0).unwrap_or(LOST);
    Failure::Told(u8::try_from(code).unwrap_or(1))
}

#[cfg(unix)]
fn signal(end: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&end)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}
