//! What a sweep will do: takes a sweep file, gives its variants with folders, settings, cost, and what is wrong with
//! them, before anything is trained.

use super::meant;
use crate::Values;
use crate::cli::subject::Subject;
use crate::cli::{Failure, colours};
use crate::cost::cost;
use crate::data::{self, DataShape};
use crate::ir::{Mode, WeightRole};
use crate::report::{count, number, rough_duration, table};
use crate::run_file::{self, RunFile, SweepFile, Variant};
use crate::sweep::Line;
use crate::train::{Identity, preflight};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A variant and what is known of it.
pub struct Planned {
    /// As the sweep file has it.
    pub variant: Variant,
    /// One for each seed.
    pub runs: Vec<Place>,
    /// Settings as the command line of `totc run` takes them.
    pub sets: Vec<String>,
    /// Why it cannot be run, in one line.
    pub problem: Option<String>,
    /// The same at length, ready to print.
    pub told: Option<String>,
    /// Training steps.
    pub steps: u64,
    /// Elements of all learned weights.
    pub parameters: u64,
    /// Floating-point operations of a training step.
    pub flops: u64,
    /// Bytes of activations in training.
    pub activations: u64,
}

/// Where one run of a variant lives.
pub struct Place {
    /// The run's seed.
    pub seed: u64,
    /// Where the run lives.
    pub folder: PathBuf,
}

/// Looks at every variant before the first run starts.
pub struct Planner<'a> {
    file: &'a SweepFile,
    out: &'a Path,
    sets: &'a [String],
    /// Sizes and training examples of data sets that have been looked at.
    opened: HashMap<String, Result<DataShape, String>>,
}

impl<'a> Planner<'a> {
    /// A planner for a file, its output folder and further settings.
    pub fn new(file: &'a SweepFile, out: &'a Path, sets: &'a [String]) -> Planner<'a> {
        Planner { file, out, sets, opened: HashMap::new() }
    }

    /// The variants that are meant, their run files read.
    pub fn plan(&mut self, only: Option<&str>) -> Vec<Planned> {
        let variants = self.file.variants.iter().filter(|variant| meant(only, &variant.label));
        variants.map(|variant| self.planned(variant)).collect()
    }

    fn planned(&self, variant: &Variant) -> Planned {
        let sets: Vec<String> = variant.overrides().into_iter().chain(self.sets.iter().cloned()).collect();
        let (own_seed, problem, told) = match self.file.open(variant, self.sets) {
            Ok(run) => (run.run.seed, None, None),
            Err(error) => (0, Some(first_line(&error.to_string())), Some(error.render(colours()))),
        };
        let seeds = self.file.sweep.seeds.clone().unwrap_or_else(|| vec![own_seed]);
        let folder = self.out.join(&variant.folder);
        let runs = seeds
            .into_iter()
            .map(|seed| Place { seed, folder: folder.join(format!("seed-{seed}")) })
            .collect();
        Planned {
            variant: variant.clone(),
            runs,
            sets,
            problem,
            told,
            steps: 0,
            parameters: 0,
            flops: 0,
            activations: 0,
        }
    }

    /// Compiles every variant, so that its mistakes are told before hours of training.
    pub fn check(&mut self, planned: &mut [Planned]) {
        for planned in planned.iter_mut().filter(|planned| planned.problem.is_none()) {
            let Ok(run) = self.file.open(&planned.variant, self.sets) else { continue };
            if let Err((line, told)) = self.compile(planned, run) {
                planned.problem = Some(line);
                planned.told = Some(told);
            }
        }
    }

    fn compile(&mut self, planned: &mut Planned, run: RunFile) -> Result<(), (String, String)> {
        let at = {
            let (path, line) = self.file.line_of(&planned.variant);
            format!("{}:{line}: variant `{}`", path.display(), planned.variant.label)
        };
        let alone = |text: String| (first_line(&text), format!("error: {at}: {text}\n"));
        let shape = self.data(&run).map_err(alone)?;
        for place in &planned.runs {
            same_settings(&run, place).map_err(alone)?;
        }
        planned.steps = run.run.length.steps(shape.train_len, run.run.batch);
        let compiled = Subject::of_run(run, None).and_then(|mut subject| {
            for (axis, size) in shape.sizes.axes() {
                subject.model_file.bind_size(axis, size);
            }
            if let Some(mut run) = subject.run.clone() {
                run.run.steps_in_all = Some(planned.steps);
                preflight(&run, &subject.model_file, Some(&shape.sizes.fields()))?;
            }
            Ok(subject.model_file.program(Mode::Training, Values::Dropped)?)
        });
        let program = compiled.map_err(|failure| {
            let text = match failure {
                Failure::Mistakes(text)
                | Failure::Usage(text)
                | Failure::World(text)
                | Failure::Stopped(text, _)
                | Failure::Undecided(text)
                | Failure::Internal(text) => text,
                Failure::Told(_) => String::new(),
            };
            let names =
                |line: &str, name: &str| line.contains(&format!("`{}`", name.trim_start_matches("set.")));
            let mistakes: Vec<String> =
                plain(&text).lines().filter(|line| line.starts_with("error")).map(first_line).collect();
            // Of several mistakes the one about what this variant sets is the cause of the others.
            let of_settings = planned.variant.settings.iter().rev().find_map(|given| {
                Some((given, mistakes.iter().find(|line| names(line, &given.name))?.clone()))
            });
            let (setting, line) = match of_settings {
                Some((given, line)) => (Some(given), line),
                None => (None, mistakes.first().cloned().unwrap_or_else(|| first_line(&text))),
            };
            let place = self.file.refuse(
                &planned.variant,
                setting.map(|given| given.name.as_str()),
                &format!("variant `{}`: {line}", planned.variant.label),
                None,
            );
            (line, place.render(colours()) + &text)
        })?;
        let of_role = program.weights.iter().filter(|info| info.role == WeightRole::Param);
        planned.parameters = of_role.map(|info| info.shape.iter().product::<i64>() as u64).sum();
        let cost = cost(&program);
        planned.flops = cost.flops;
        planned.activations = cost.activation_bytes;
        Ok(())
    }

    fn data(&mut self, run: &RunFile) -> Result<DataShape, String> {
        let key = format!("{} {:?}", run.data_folder().display(), run.run.data);
        let open = || data::shape(&run.run.data, run.data_folder()).map_err(|error| error.to_string());
        self.opened.entry(key).or_insert_with(open).clone()
    }
}

/// Refuses a folder that holds a run of other settings.
fn same_settings(run: &RunFile, place: &Place) -> Result<(), String> {
    let Some(before) = Identity::read(&place.folder)? else { return Ok(()) };
    let seeded = run
        .clone()
        .with_overrides(&[format!("seed={}", place.seed)])
        .map_err(|error| first_line(&error.to_string()))?;
    let shown = |value: Option<String>| value.unwrap_or_else(|| "not set".to_owned());
    let refuse = |setting: &str, before: Option<String>, now: Option<String>| {
        Err(format!(
            "{} holds a run with `{setting}` {}, and it is {} now; remove the folder, or give the sweep another by `out`",
            place.folder.display(),
            shown(before),
            shown(now)
        ))
    };
    if let Some(difference) = seeded.fingerprint().differences(&before.settings).into_iter().next() {
        return refuse(&difference.setting, difference.before, difference.now);
    }
    // Checkpoints are of one length, since learning-rate curves depend on it.
    let length = |run: &RunFile| run.all_settings().get("length").cloned();
    match run_file::load(&place.folder.join("run.ron")).map(|before| length(&before)) {
        Ok(before) if before != length(&seeded) => refuse("length", before, length(&seeded)),
        _ => Ok(()),
    }
}

/// The sentence of a rendered message.
pub fn first_line(text: &str) -> String {
    let text = plain(text);
    let line = text.lines().next().unwrap_or_default();
    match line.split_once("]: ") {
        Some((head, sentence)) if head.starts_with("error") => sentence.to_owned(),
        _ => line.trim_start_matches("error: ").to_owned(),
    }
}

/// Without the colours of a terminal.
fn plain(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or(part, |(_, rest)| rest))
}

/// The variants with settings, parameters and predicted cost.
pub fn listing(title: &str, planned: &[Planned], lines: &[Line]) -> String {
    let pace = pace(planned, lines);
    let head =
        ["variant", "seeds", "parameters", "steps", "GFLOP a step", "MB of activations", "about", "done"];
    let mut cells = vec![head.map(str::to_owned).to_vec()];
    let mut total = 0.0;
    for (planned, line) in planned.iter().zip(lines) {
        let done = line.finished().count();
        let left = (planned.runs.len() - done) as f64;
        let flops = planned.flops as f64 * planned.steps as f64;
        total += flops * left;
        let seconds = pace
            .map_or_else(|| "-".to_owned(), |pace| rough_duration(flops * planned.runs.len() as f64 / pace));
        cells.push(match &planned.problem {
            Some(_) => vec![planned.variant.label.clone(), planned.runs.len().to_string()],
            None => vec![
                planned.variant.label.clone(),
                planned.runs.len().to_string(),
                count(planned.parameters),
                count(planned.steps),
                number(planned.flops as f64 / 1e9),
                number(planned.activations as f64 / 1e6),
                seconds,
                format!("{done} of {}", planned.runs.len()),
            ],
        });
    }
    let runs: usize = planned.iter().map(|planned| planned.runs.len()).sum();
    let mut out = format!("{title}: {} variants, {runs} runs\n\n{}", planned.len(), table(&cells));
    out.push_str("\nSettings\n");
    for planned in planned {
        let sets =
            if planned.sets.is_empty() { "as in the run file".to_owned() } else { planned.sets.join("  ") };
        out.push_str(&format!(
            "  {}: {}  {sets}\n",
            planned.variant.label,
            run_file::plain(&planned.variant.run).display()
        ));
        if let Some(problem) = &planned.problem {
            out.push_str(&format!("    cannot be run: {problem}\n"));
        }
    }
    let when = match pace {
        Some(pace) => {
            format!(
                "about {} one after the other, at the pace of the runs that are done",
                rough_duration(total / pace)
            )
        }
        None => "how long that takes here is known when a run is done".to_owned(),
    };
    out + &format!("\n{} TFLOP of training are left: {when}.\n", number(total / 1e12))
}

/// Floating-point operations per second of the finished runs, tests included.
fn pace(planned: &[Planned], lines: &[Line]) -> Option<f64> {
    let mut flops = 0.0;
    let mut seconds = 0.0;
    for (planned, line) in planned.iter().zip(lines) {
        for run in line.finished() {
            flops += planned.flops as f64 * run.steps as f64;
            seconds += run.seconds;
        }
    }
    (seconds > 0.0 && flops > 0.0).then(|| flops / seconds)
}
