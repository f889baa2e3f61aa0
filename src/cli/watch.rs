//! `totc watch FOLDER`: follows a run that another process trains; reads its folder and changes nothing there.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::{Failure, Outcome};
use crate::report::{RunStatus, record_line, standing, status_lines};
use crate::run_file::RunFile;
use crate::train::run::holder;
use crate::train::{Identity, Length, MetricsKind, MetricsLog, MetricsRecord, best, run_folder, tested_at};

/// Follows a run from another terminal, or over ssh: step, losses, metrics, samples per second, memory, time left. On a
/// terminal a few lines are redrawn in place; elsewhere, or with --lines, each new record is a line. Ends when nobody trains
/// the run any more.
#[derive(clap::Args)]
pub struct Args {
    /// The folder of a run
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Seconds between looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    every: f64,
    /// Print what is there and end
    #[arg(long)]
    once: bool,
    /// Print each new record as a line, also on a terminal
    #[arg(long)]
    lines: bool,
}

/// Records of before that are printed as lines at first.
const BEFORE: usize = 10;
/// Columns where nobody tells.
const USUAL_WIDTH: usize = 80;

/// Follows the run until it ends.
pub fn main(args: &Args) -> Outcome {
    if !(0.05..=86_400.0).contains(&args.every) {
        return Err(Failure::Usage("--every takes seconds from 0.05 to 86400".to_owned()));
    }
    let every = Duration::from_secs_f64(args.every);
    let dumb = std::env::var("TERM").is_ok_and(|terminal| terminal == "dumb");
    let in_place = std::io::stdout().is_terminal() && !dumb && !args.lines;
    let mut shown = Shown::default();
    loop {
        // In this order: what the last holder has written before it let go is seen.
        let holder = holder(&args.folder);
        let seen = look(&args.folder, holder)?;
        if args.once || in_place {
            shown.redraw(&seen, in_place && !args.once);
        } else {
            shown.add(&seen);
        }
        if args.once {
            return Ok(());
        }
        if seen.status.holder.is_none() {
            end(&seen, in_place);
            return Ok(());
        }
        thread::sleep(every);
    }
}

/// A run at one look.
struct Seen {
    status: RunStatus,
    log: Vec<MetricsRecord>,
}

fn look(folder: &Path, holder: Option<String>) -> Result<Seen, Failure> {
    let world = |what: String| Failure::World(what);
    let log = MetricsLog::read(folder).map_err(|error| world(error.to_string()))?;
    let identity = Identity::read(folder).map_err(world)?;
    if identity.is_none() && holder.is_none() && log.is_empty() {
        return Err(world(format!(
            "{} is not the folder of a run: nobody trains there, and it holds no {}; give the folder that `totc run` writes",
            folder.display(),
            Identity::NAME
        )));
    }
    // Who starts a run writes its settings a little later than its lock.
    let run = run_folder::open(folder, Path::new(""), &[] as &[&str]).ok();
    let by = run.as_ref().and_then(|run| run.run.checkpoints.keep.by.clone());
    let ranked = best::ranked(&log, by.as_deref());
    let about = identity.as_ref().and_then(|identity| identity.about.as_ref());
    let last = log.last().map(|record| record.step);
    let status = RunStatus {
        folder: folder.display().to_string(),
        model: about.map(|about| about.model.clone()),
        total: run.as_ref().and_then(|run| steps_in_all(run, identity.as_ref())),
        holder,
        complete: last.is_some() && tested_at(folder) == last,
        best: ranked.into_iter().next().filter(|_| log.iter().filter(|record| is_test(record)).count() > 1),
    };
    Ok(Seen { status, log })
}

fn is_test(record: &MetricsRecord) -> bool {
    record.kind == MetricsKind::Test
}

/// Steps of the whole run; those of epochs follow from the number of training puzzles, which the run has noted.
fn steps_in_all(run: &RunFile, identity: Option<&Identity>) -> Option<u64> {
    let run = &run.run;
    if let Length::Steps(_) = run.length {
        return Some(run.length.steps(0, run.batch));
    }
    let puzzles = identity?.about.as_ref()?.train.as_ref()?.examples;
    Some(run.length.steps(puzzles, run.batch))
}

/// What stands on the screen.
#[derive(Default)]
struct Shown {
    /// Lines of the picture that is redrawn.
    lines: usize,
    /// Records that were printed as lines, or are older.
    records: Option<usize>,
}

impl Shown {
    /// The state in place of the one before.
    fn redraw(&mut self, seen: &Seen, in_place: bool) {
        let size = terminal_size::terminal_size();
        let (width, height) = size.map_or((USUAL_WIDTH, usize::MAX), |(width, height)| {
            (usize::from(width.0).max(1), usize::from(height.0).max(2))
        });
        // The last column stays free: some terminals begin a new line once it is written.
        let mut lines = status_lines(&seen.status, &seen.log, width.saturating_sub(1).max(1));
        let mut text = String::new();
        if in_place {
            lines.truncate(height - 1);
            if self.lines > 0 {
                text += &format!("\x1b[{}A", self.lines);
            }
            text += "\r\x1b[J";
        }
        self.lines = lines.len();
        for line in lines {
            text += &line;
            text.push('\n');
        }
        print(&text);
    }

    /// The records since the last look, each a line; at first the last few.
    fn add(&mut self, seen: &Seen) {
        let count = seen.log.len();
        let from = match self.records {
            None => {
                let name = seen.status.model.clone().unwrap_or_default();
                print(&format!("{}  {name}  {}\n", seen.status.folder, standing(&seen.status, &seen.log)));
                count.saturating_sub(BEFORE)
            }
            // A resumed run has cut its log.
            Some(printed) => printed.min(count),
        };
        for record in &seen.log[from..] {
            print(&format!("{}\n", record_line(record)));
        }
        self.records = Some(count);
    }
}

/// The last word: how the run stands.
fn end(seen: &Seen, in_place: bool) {
    if !in_place {
        print(&format!("{}\n", standing(&seen.status, &seen.log)));
    }
    if !seen.status.complete {
        print(&format!("go on with `totc run {} --resume`\n", seen.status.folder));
    }
}

fn print(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
