//! The processes of a sweep: takes jobs, runs `totc run` and `totc eval --latency` on them, so that a run that fails or
//! is killed harms no other; tells how each ended.

use crate::cli::Failure;
use crate::cli::child::{interrupt, tied};
use crate::cli::machine::MachineArgs;
use crate::cli::note;
use crate::cli::signals::Asked;
use crate::report::duration;
use crate::sweep::{CAUSE, State, read_run};
use crate::train::{MetricsLog, checkpoint};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One run to do.
#[derive(Clone, Debug)]
pub struct Job {
    /// Names the run in what is printed.
    pub label: String,
    /// The run file.
    pub file: PathBuf,
    /// Settings as `--set` takes them.
    pub sets: Vec<String>,
    /// The run's seed.
    pub seed: u64,
    /// Whether its variant has other seeds too.
    pub several: bool,
    /// Where the run lives.
    pub folder: PathBuf,
    /// Whether an earlier sweep has finished it.
    pub finished: bool,
}

/// Starts runs as processes of totc, several at once.
pub struct Jobs<'a> {
    program: PathBuf,
    at_once: usize,
    device: String,
    threads: usize,
    lock: &'a File,
    asked: Asked,
}

/// What the output of a run goes to.
const LOG: &str = "log.txt";
const LOOK: Duration = Duration::from_millis(200);
const TELL: Duration = Duration::from_secs(60);

impl<'a> Jobs<'a> {
    /// Shares the machine's cores among `at_once` runs.
    ///
    /// # Errors
    /// totc's own program cannot be found.
    pub fn new(at_once: usize, machine: &MachineArgs, lock: &'a File) -> Result<Jobs<'a>, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| Failure::World(format!("totc cannot find itself to start runs: {error}")))?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = machine.threads.map_or((cores / at_once).max(1), |threads| threads.max(1) as usize);
        // The runs are process groups of their own: a signal reaches only this process, which hands it on once. If a second
        // one ends this process, the runs are told by the system and save.
        let asked = Asked::listen();
        Ok(Jobs { program, at_once, device: machine.device.clone(), threads, lock, asked })
    }

    /// Whether somebody has asked to stop.
    pub fn stopped(&self) -> bool {
        self.asked.stopped()
    }

    /// The name and the number of the signal that has asked.
    pub fn signal(&self) -> Option<(&'static str, u8)> {
        self.asked.signal()
    }

    /// Trains all, `at_once` at a time.
    pub fn train<'j>(&self, jobs: impl Iterator<Item = &'j Job>) {
        let jobs: Vec<&Job> = jobs.collect();
        let (next, total) = (AtomicUsize::new(0), jobs.len());
        // Lines of several runs must not mix.
        let screen = Mutex::new(());
        let tell = |number: usize, job: &Job, words: &str| {
            let _held = screen.lock().unwrap_or_else(PoisonError::into_inner);
            let seed = if job.several { format!(", seed {}", job.seed) } else { String::new() };
            note(&format!("[{}/{total}] {}{seed}: {words}", number + 1, job.label));
        };
        std::thread::scope(|scope| {
            for place in 0..self.at_once.min(total) {
                let (next, jobs, tell) = (&next, &jobs, &tell);
                scope.spawn(move || {
                    while !self.stopped() {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        let Some(job) = jobs.get(number) else { return };
                        let words = match self.run(job, place, &|words| tell(number, job, words)) {
                            Ok(words) => words,
                            Err(cause) => {
                                // What cannot be kept is at least told.
                                let _ = std::fs::write(job.folder.join(CAUSE), format!("{cause}\n"));
                                format!("failed: {cause}; see {}", job.folder.join(LOG).display())
                            }
                        };
                        tell(number, job, &words);
                    }
                });
            }
        });
    }

    fn run(&self, job: &Job, place: usize, tell: &dyn Fn(&str)) -> Result<String, String> {
        let world = |error: std::io::Error| format!("{}: {error}", job.folder.display());
        std::fs::create_dir_all(&job.folder).map_err(world)?;
        for stale in [CAUSE, crate::compare::LATENCY] {
            match std::fs::remove_file(job.folder.join(stale)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(world(error)),
                _ => {}
            }
        }
        let mut command = self.command("run", job, place);
        command.arg("--seed").arg(job.seed.to_string());
        if checkpoint::exists(&job.folder.join(checkpoint::FOLDER)) {
            command.arg("--resume");
        }
        let before = read_run(&job.folder, job.seed)?.steps;
        tell(&if before > 0 { format!("goes on from step {before}") } else { "starts".to_owned() });
        let log = Log::open(&job.folder).map_err(world)?;
        let errors = log.file.try_clone().map_err(world)?;
        command.stdout(log.file.try_clone().map_err(world)?).stderr(errors);
        let status = self.wait(command.spawn().map_err(world)?, &|| {
            let last = MetricsLog::read(&job.folder).ok().and_then(|records| records.last().cloned());
            if let Some(last) = last {
                tell(&format!("step {}", last.step));
            }
        });
        let status = status.map_err(world)?;
        if !(status.success() || self.stopped() && saved(status)) {
            return Err(log.cause().unwrap_or_else(|| ended(status)));
        }
        let run = read_run(&job.folder, job.seed)?;
        Ok(match run.state {
            State::Finished => {
                let shown =
                    |(name, value): (&String, &f64)| format!("{name} {}", crate::report::fixed(*value));
                let metrics: Vec<String> = run.metrics.iter().map(shown).collect();
                format!("done in {}: {}", duration(run.seconds), metrics.join(", "))
            }
            _ => format!("stopped at step {}", run.steps),
        })
    }

    /// Measures latency one after the other, while nothing is trained.
    pub fn measure<'j>(&self, jobs: impl Iterator<Item = &'j Job>) {
        for job in jobs {
            if self.stopped() {
                return;
            }
            note(&format!("measuring the latency of {}, seed {}", job.label, job.seed));
            let mut command = self.command("eval", job, 0);
            command.args(["--latency", "--json"]);
            let log = Log::open(&job.folder);
            let status = log.and_then(|log| {
                let status =
                    self.wait(command.stdout(Stdio::null()).stderr(log.file.try_clone()?).spawn()?, &|| {})?;
                Ok((log, status))
            });
            match status {
                Ok((_, status)) if status.success() => {}
                Ok((log, status)) => {
                    note(&format!("latency not measured: {}", log.cause().unwrap_or_else(|| ended(status))))
                }
                Err(error) => note(&format!("latency not measured: {error}")),
            }
        }
    }

    /// `totc run|eval FILE --set … ` for a job, in a process that ends with this one. `place`: among those at the same time.
    fn command(&self, verb: &str, job: &Job, place: usize) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(verb).arg(&job.file);
        for set in &job.sets {
            command.arg("--set").arg(set);
        }
        command.arg("--set").arg(format!("out={}", quoted(&job.folder)));
        command.args(["--device", &self.device_of(place), "--threads", &self.threads.to_string()]);
        command.stdin(Stdio::null());
        tied(&mut command, Some(self.lock));
        command
    }

    /// Those that run at the same time take the machine's GPUs in turn, unless one was asked for.
    fn device_of(&self, place: usize) -> String {
        match tch::Cuda::device_count().max(0) as usize {
            gpus if gpus > 1 && self.device == "auto" => format!("cuda:{}", place % gpus),
            _ => self.device.clone(),
        }
    }

    /// Waits for the end, hands one stop on, and tells how far it is every now and then.
    fn wait(&self, mut child: Child, tell: &dyn Fn()) -> std::io::Result<ExitStatus> {
        let mut asked = false;
        let mut told = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if let (Some((_, signal)), false) = (self.signal(), asked) {
                asked = true;
                interrupt(&child, signal)?;
            }
            if told.elapsed() > TELL {
                told = Instant::now();
                tell();
            }
            std::thread::sleep(LOOK);
        }
    }
}

fn quoted(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}

/// The output of a run, from where this attempt began.
struct Log {
    path: PathBuf,
    file: File,
    from: u64,
}

impl Log {
    fn open(folder: &Path) -> std::io::Result<Log> {
        let path = folder.join(LOG);
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        let from = file.seek(SeekFrom::End(0))?;
        Ok(Log { path, file, from })
    }

    /// The first error of this attempt with its advice, in one line.
    fn cause(&self) -> Option<String> {
        let mut file = File::open(&self.path).ok()?;
        file.seek(SeekFrom::Start(self.from)).ok()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines().skip_while(|line| !line.starts_with("error"));
        let Some(first) = lines.next() else { return text.lines().last().map(super::plan::first_line) };
        // What follows is more of the sentence, until the drawing of a place or another error.
        let more = lines.take_while(|line| {
            !line.is_empty() && !line.starts_with([' ', '\x1b']) && !line.starts_with("error")
        });
        let told: Vec<String> =
            std::iter::once(super::plan::first_line(first)).chain(more.map(str::to_owned)).collect();
        Some(told.join("; "))
    }
}

#[cfg(unix)]
fn ended(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(libc::SIGKILL) => "the process was killed; perhaps memory ran out".to_owned(),
        Some(signal) => format!("the process was ended by signal {signal}"),
        None => format!("the process ended with {status}"),
    }
}

#[cfg(not(unix))]
fn ended(status: ExitStatus) -> String {
    format!("the process ended with {status}")
}

/// Whether a run has ended as it does when a signal asks it to stop.
fn saved(status: ExitStatus) -> bool {
    status.code().is_some_and(|code| code > 128)
}
