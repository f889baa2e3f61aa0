//! `totc sweep FILE`: trains every variant of a sweep file with every seed and prints the table.

mod jobs;
mod plan;

use super::machine::MachineArgs;
use super::output::{self, Output};
use super::{Failure, Outcome, colours, note, tell};
use crate::run_file::{self, SweepFile};
use crate::sweep::{self, Line, RunResult, State, read_run};
use crate::train::optimiser::matches;
use jobs::{Job, Jobs};
use plan::{Planned, Planner};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Trains every variant of a sweep file with every seed, each in a folder and a process of its own, and prints the table
/// of results; it is kept in the sweep's folder as table.txt, .csv, .md, .json and .svg, and runs.csv has a line per
/// run. Stopped or killed, the same command goes on: what is finished stays, what is half done is resumed. A variant
/// that fails is told in the table.
#[derive(clap::Args)]
pub struct Args {
    /// The sweep file (.ron, starting with `Sweep(`)
    file: PathBuf,
    /// List the variants with their settings, parameters and predicted cost; train nothing
    #[arg(long, conflicts_with = "table")]
    dry_run: bool,
    /// Print the table of what is there; train nothing
    #[arg(long)]
    table: bool,
    /// Write the results of what is finished into one small file (.json), for documents; train nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dry_run", "table", "only", "part", "json"])]
    save: Option<PathBuf>,
    /// Only variants whose label contains this text, or matches it if it has * or ?
    #[arg(long, value_name = "PATTERN")]
    only: Option<String>,
    /// Every N-th run alone, from number I on (0 to N-1): parts of one sweep run beside each other, on machines that share
    /// the folder; `--table` shows the whole afterwards
    #[arg(long, value_name = "I/N", value_parser = part, conflicts_with_all = ["dry_run", "table"])]
    part: Option<(usize, usize)>,
    /// Runs at the same time, each a process; the threads are shared out, and each takes a GPU in turn where there are some
    #[arg(long, default_value_t = 1, value_name = "N")]
    jobs: usize,
    /// Do not measure latency and memory at the end
    #[arg(long)]
    no_latency: bool,
    /// Another folder than the sweep file's
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Give a field of every run file, or a config of every model, another value; goes before the sweep file
    #[arg(long = "set", value_name = "NAME=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    machine: MachineArgs,
    /// Print the table as JSON
    #[arg(long)]
    json: bool,
}

/// How long to wait for a sweep that is just ending in the same folder.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs what a sweep lacks and writes its table and picture.
pub fn main(args: &Args) -> Outcome {
    let file =
        run_file::load_sweep(&args.file).map_err(|error| Failure::Mistakes(error.render(colours())))?;
    super::outlive_pipes();
    let out = args.out.clone().unwrap_or_else(|| file.out());
    if args.jobs == 0 {
        return Err(Failure::Usage("--jobs takes 1 or more".to_owned()));
    }
    let mut planner = Planner::new(&file, &out, &args.sets);
    let mut planned = planner.plan(args.only.as_deref());
    if planned.is_empty() {
        let labels: Vec<&str> = file.variants.iter().map(|variant| variant.label.as_str()).collect();
        let pattern = args.only.as_deref().unwrap_or_default();
        return Err(Failure::Usage(format!(
            "no variant is called `{pattern}`; there are {}",
            labels.join(" · ")
        )));
    }
    if args.table {
        return show(args, &file, &out, &results(&planned)?);
    }
    planner.check(&mut planned);
    let mut known: Vec<&str> = Vec::new();
    for planned in &planned {
        let (Some(problem), Some(told)) = (&planned.problem, &planned.told) else { continue };
        // The mistake of a whole grid is told at length once.
        if known.contains(&problem.as_str()) {
            note(&format!("the same is wrong with variant `{}`", planned.variant.label));
        } else {
            super::say(told);
            known.push(problem);
        }
    }
    if let Some(path) = &args.save {
        return save(args, path, &file.title(), &planned);
    }
    if args.dry_run {
        tell(plan::listing(&file.title(), &planned, &results(&planned)?).trim_end());
        return Ok(());
    }
    std::fs::create_dir_all(&out).map_err(|error| Failure::World(format!("{}: {error}", out.display())))?;
    let (lock, _own) = lock(&out, args.part)?;
    args.machine.device()?;
    planned.iter().for_each(note_problem);
    let jobs = Jobs::new(args.jobs, &args.machine, &lock)?;
    let mut queue = queue(&planned)?;
    if let Some((own, parts)) = args.part {
        let mut number = 0..;
        queue.retain(|_| number.next().is_some_and(|number| number % parts == own));
    }
    let left = queue.iter().filter(|job| !job.finished).count();
    note(&format!("{}: {} runs, {} of them to train, in {}", file.title(), queue.len(), left, out.display()));
    jobs.train(queue.iter().filter(|job| !job.finished));
    if !args.no_latency && !jobs.stopped() {
        jobs.measure(
            queue.iter().filter(|job| is_finished(job) && !job.folder.join(crate::compare::LATENCY).exists()),
        );
    }
    let lines = results(&planned)?;
    match args.part {
        // The others write to the folder at the same time.
        Some((own, parts)) => note(&format!("part {own} of {parts} is done; `--table` shows the whole")),
        None => show(args, &file, &out, &lines)?,
    }
    if jobs.stopped() {
        let (name, number) = jobs.signal().unwrap_or(("a signal", 2));
        return Err(Failure::Stopped(format!("stopped by {name}; the same command goes on"), number));
    }
    let failed = |line: &Line| match &line.problem {
        Some(_) => line.runs.len(),
        None => line.runs.iter().filter(|run| matches!(run.state, State::Failed(_))).count(),
    };
    match lines.iter().map(failed).sum() {
        0 => Ok(()),
        1 => Err(Failure::World("a run failed; the table says why".to_owned())),
        failed => Err(Failure::World(format!("{failed} runs failed; the table says why"))),
    }
}

/// Keeps why a variant cannot be run for `--table`, which checks nothing; a folder that holds a run is left alone.
fn note_problem(planned: &Planned) {
    let Some(problem) = &planned.problem else { return };
    for place in planned.runs.iter().filter(|place| !place.folder.join("run.json").exists()) {
        // A note that cannot be kept is told at the next start again.
        let _ = std::fs::create_dir_all(&place.folder)
            .and_then(|()| std::fs::write(place.folder.join(sweep::CAUSE), format!("{problem}\n")));
    }
}

/// Whether a label is meant by `--only`.
fn meant(pattern: Option<&str>, label: &str) -> bool {
    let Some(pattern) = pattern else { return true };
    let (pattern, label) = (pattern.to_lowercase(), label.to_lowercase());
    if pattern.contains(['*', '?']) { matches(&pattern, &label) } else { label.contains(&pattern) }
}

/// `I/N`
fn part(text: &str) -> Result<(usize, usize), String> {
    let numbers =
        text.split_once('/').and_then(|(own, parts)| Some((own.parse().ok()?, parts.parse().ok()?)));
    numbers
        .filter(|(own, parts)| own < parts)
        .ok_or_else(|| "give the number of the part, from 0, and how many there are, as 0/4".to_owned())
}

/// Two sweeps in one folder would train the same runs twice; parts of one go together. The runs hold the lock too, until they
/// have saved.
fn lock(out: &Path, part: Option<(usize, usize)>) -> Result<(File, Option<File>), Failure> {
    let whole = locked(&out.join("sweep.lock"), part.is_some(), out)?;
    let own = part.map(|(own, parts)| locked(&out.join(format!("sweep-{own}-of-{parts}.lock")), false, out));
    Ok((whole, own.transpose()?))
}

fn locked(path: &Path, shared: bool, out: &Path) -> Result<File, Failure> {
    let world = |error: std::io::Error| Failure::World(format!("{}: {error}", path.display()));
    let file = File::options().create(true).append(true).open(path).map_err(world)?;
    let began = Instant::now();
    let mut told = false;
    loop {
        match if shared { file.try_lock_shared() } else { file.try_lock() } {
            Ok(()) => return Ok(file),
            Err(std::fs::TryLockError::Error(error)) => return Err(world(error)),
            Err(std::fs::TryLockError::WouldBlock) if began.elapsed() > PATIENCE => {
                return Err(Failure::World(format!(
                    "another sweep is at work in {}; let it end, or give this one another folder by --out",
                    out.display()
                )));
            }
            Err(std::fs::TryLockError::WouldBlock) => {
                if !told {
                    note(&format!("waiting for the sweep that is at work in {}", out.display()));
                    told = true;
                }
                std::thread::sleep(Duration::from_millis(250));
            }
        }
    }
}

/// All runs of variants that can be run, seed by seed, so that a whole table stands after the first seed.
fn queue(planned: &[Planned]) -> Result<Vec<Job>, Failure> {
    let most = planned.iter().map(|planned| planned.runs.len()).max().unwrap_or(0);
    let mut queue = Vec::new();
    for number in 0..most {
        for planned in planned.iter().filter(|planned| planned.problem.is_none()) {
            let Some(run) = planned.runs.get(number) else { continue };
            let now = read_run(&run.folder, run.seed).map_err(Failure::World)?;
            queue.push(Job {
                label: planned.variant.label.clone(),
                file: planned.variant.run.clone(),
                sets: planned.sets.clone(),
                seed: run.seed,
                several: planned.runs.len() > 1,
                folder: run.folder.clone(),
                finished: now.state == State::Finished && now.steps >= planned.steps,
            });
        }
    }
    Ok(queue)
}

fn is_finished(job: &Job) -> bool {
    read_run(&job.folder, job.seed).is_ok_and(|run| run.state == State::Finished)
}

/// What the folders hold.
fn results(planned: &[Planned]) -> Result<Vec<Line>, Failure> {
    let line = |planned: &Planned| {
        let read = |run: &plan::Place| read_run(&run.folder, run.seed).map_err(Failure::World);
        let runs = planned.runs.iter().map(read).collect::<Result<Vec<RunResult>, Failure>>()?;
        Ok(Line { label: planned.variant.label.clone(), runs, problem: planned.problem.clone() })
    };
    planned.iter().map(line).collect()
}

/// Writes the finished runs into one file and tells what is left out.
fn save(args: &Args, path: &Path, title: &str, planned: &[Planned]) -> Outcome {
    let lines = results(planned)?;
    let flops: Vec<u64> = planned.iter().map(|planned| planned.flops).collect();
    let (saved, left_out) = sweep::gather(title, &lines, &flops).map_err(Failure::World)?;
    output::write(path, Output::Text("{"), &[&args.file], saved.text().as_bytes())?;
    for what in &left_out {
        note(&format!("left out: {what}"));
    }
    let runs: usize = lines.iter().map(|line| line.runs.len()).sum();
    let kept: usize = saved.variants.iter().map(|variant| variant.runs.len()).sum();
    tell(&format!("{kept} of {runs} runs saved in {}", path.display()));
    Ok(())
}

/// Prints the table and keeps it.
fn show(args: &Args, file: &SweepFile, out: &Path, lines: &[Line]) -> Outcome {
    let title = file.title();
    let json = sweep::as_json(&title, lines);
    if args.json {
        tell(&format!("{json}"));
    } else {
        tell(sweep::as_text(&title, lines).trim_end());
    }
    if !out.exists() {
        return Ok(());
    }
    let mut kept = vec![
        ("table.txt", sweep::as_text(&title, lines)),
        ("table.csv", sweep::as_csv(lines)),
        ("table.md", sweep::as_markdown(&title, lines)),
        ("table.json", format!("{json:#}\n")),
        ("runs.csv", sweep::runs_as_csv(lines)),
    ];
    // Before the first run is finished there is nothing to draw.
    kept.extend(sweep::picture(&title, lines).ok().map(|svg| ("table.svg", svg)));
    // A part of the variants must not take the place of the whole table.
    let prefix = if args.only.is_some() { "only-" } else { "" };
    for (name, text) in kept {
        let path = out.join(format!("{prefix}{name}"));
        std::fs::write(&path, text)
            .map_err(|error| Failure::World(format!("{}: {error}", path.display())))?;
    }
    if !args.json {
        tell(&format!(
            "kept in {}: {prefix}table.txt, .csv, .md, .json, .svg and {prefix}runs.csv",
            out.display()
        ));
    }
    Ok(())
}
