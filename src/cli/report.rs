//! `totc report RUN`: one HTML page about a run, finished or still going on.

use super::machine::MachineArgs;
use super::output::{self, Output};
use super::{Failure, Outcome};
use crate::Values;
use crate::data::Example;
use crate::draw;
use crate::ir::{Mode, WeightRole};
use crate::lower::Program;
use crate::report::count;
use crate::report::page::{self, Guess, Moment, Page, Thinking, Thought};
use crate::train::evaluation_folder::EVALUATIONS;
use crate::train::run::{LIBTORCH, RunError, Session, stops_early};
use crate::train::used_run::{self, UsedRun, Wish};
use crate::train::{
    Answer, FinalTest, MetricsLog, MetricsRecord, PUZZLES, Provenance, Watched, checkpoint, saved_arc_test,
    tested_at, watch,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Writes one HTML page about a run: its settings, its curves, its results, a drawing of its model, and for chosen test
/// puzzles the answer after every supervision step, also of each thought alone where the model shows its thoughts. The
/// page needs no network and no other file. A run that is still going on is shown as far as it has come.
#[derive(clap::Args)]
pub struct Args {
    /// The run's folder, or its run file (.ron)
    run: PathBuf,
    /// The page to write (default: report.html in the run's folder)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How many puzzles to show (default: as many as fit, solved and unsolved ones), or which: numbers of test examples
    /// from 0 with commas, as in 3,17,40 (`3,` for one)
    #[arg(long, value_name = "N or LIST")]
    puzzles: Option<Puzzles>,
    /// Watch the model on the first so many test puzzles, to choose from and for means
    #[arg(long, value_name = "N", default_value_t = 32)]
    sample: usize,
    /// Supervision steps (default: as in the run's evaluation)
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
    /// Weights (safetensors), a run's folder, or `best`: those of the run's best test (default: the run's last checkpoint)
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Use --weights although they were trained with other settings
    #[arg(long)]
    other_settings: bool,
    #[command(flatten)]
    machine: MachineArgs,
}

#[derive(Clone, Debug, PartialEq)]
enum Puzzles {
    Some(usize),
    These(Vec<usize>),
}

impl std::str::FromStr for Puzzles {
    type Err = String;

    fn from_str(text: &str) -> Result<Puzzles, String> {
        let read = |text: &str| {
            text.trim().parse::<usize>().map_err(|_| {
                format!("`{text}` is no number of a puzzle; give how many, as in 6, or which, as in 3,17,40")
            })
        };
        if !text.contains(',') {
            return read(text).map(Puzzles::Some);
        }
        let which = text.trim_end_matches(',').split(',').map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Puzzles::These(which))
    }
}

/// Cells that a page draws at most, so that it stays small; and puzzles shown where that allows more.
const MOST_CELLS: usize = 60_000;
const MOST_PUZZLES: usize = 8;

/// Writes the page of a run.
pub fn main(args: &Args) -> Outcome {
    let device = args.machine.device()?;
    let wish = Wish {
        file: &args.run,
        weights: args.weights.as_deref(),
        sets: &[],
        other_settings: args.other_settings,
    };
    let mut used = find(&wish)?;
    for note in &used.notes {
        eprintln!("note: {note}");
    }
    let folder = used.folder.clone();
    let log_path = folder.join(MetricsLog::NAME);
    if !log_path.exists() {
        return Err(Failure::World(format!(
            "{} holds no {}; start the run first with `totc run`",
            folder.display(),
            MetricsLog::NAME
        )));
    }
    let log = MetricsLog::read(&folder).map_err(|error| Failure::World(error.to_string()))?;
    let puzzles = page::read_puzzles(&folder.join(PUZZLES)).map_err(Failure::World)?;
    let fingerprint = serde_json::to_value(used.run.fingerprint()).unwrap_or_default();
    let run_file = used.run.effective_text().to_owned();
    let mut session = Session::of(used.run.clone(), device)?;
    let outline = session.model_file.model(Mode::Training)?.outline;
    let drawing = draw::draw(&outline, draw::Format::Svg, 0);

    let sample = args.sample.min(session.data.test_len());
    let batch = sample.clamp(1, session.run.run.batch);
    let program = session.program(Mode::Evaluation, u64::MAX, batch, Values::Thoughts)?;
    let facts = facts(&session, &program, &folder);
    let model = program.model.clone();
    let halts = stops_early(&program);
    let saved = args.weights.is_some() || checkpoint::weights_file(&folder.join(checkpoint::FOLDER)).exists();
    let (watched, chosen, unseen) = if saved {
        let (watched, chosen) = look(args, &wish, &mut session, &mut used, program, sample)?;
        (watched, chosen, None)
    } else {
        let why = "The run has saved no checkpoint yet, so there are no weights to answer puzzles with.";
        (Vec::new(), Vec::new(), Some(why.to_owned()))
    };
    let evaluation = std::fs::read_to_string(folder.join(FinalTest::NAME)).ok();
    let page = Page {
        halts,
        evaluations: evaluations(&folder),
        best_by: session.run.run.checkpoints.keep.by.clone(),
        evaluation: evaluation.and_then(|text| serde_json::from_str(&text).ok()),
        model,
        standing: standing(&folder, &log),
        facts,
        command: Provenance::read(&folder).map(|made| command(&made)),
        settings: fingerprint
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.as_str().map_or(value.to_string(), str::to_owned)))
            .collect(),
        run_file,
        log,
        puzzles,
        rating_name: session.data.rating_name().to_owned(),
        drawing,
        tree: draw::thoughts_after_each_branch(&outline),
        arc: saved_arc_test(&folder),
        data: session.data.as_ref(),
        watched,
        chosen,
        unseen,
    };
    let html = page.render().map_err(|error| Failure::Internal(error.to_string()))?;
    let out = args.out.clone().unwrap_or_else(|| folder.join("report.html"));
    output::write(&out, Output::Text("<!"), &[], html.as_bytes())?;
    println!("{}: {} puzzles, {} kB", out.display(), page.chosen.len(), count(html.len() as u64 / 1000));
    Ok(())
}

/// The evaluations that a run's folder holds, with the names of their folders.
fn evaluations(folder: &Path) -> Vec<(String, serde_json::Value)> {
    let there = std::fs::read_dir(folder.join(EVALUATIONS)).into_iter().flatten().flatten();
    let mut found: Vec<_> = there
        .filter_map(|entry| {
            let text = std::fs::read(entry.path().join(FinalTest::NAME)).ok()?;
            let name = entry.file_name().to_string_lossy().into_owned();
            Some((name, serde_json::from_slice(&text).ok()?))
        })
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

/// The run and its settings.
fn find(wish: &Wish) -> Result<UsedRun, Failure> {
    let run = wish.file;
    if !run.is_dir() && run.extension().is_none_or(|extension| extension != "ron") {
        let what = if run.exists() { "is neither" } else { "is not there; it should be" };
        return Err(Failure::Usage(format!(
            "{} {what} a run's folder{} a run file (.ron)",
            run.display(),
            if run.exists() { " nor" } else { " or" }
        )));
    }
    Ok(used_run::find(wish).map_err(RunError::from)?)
}

/// Runs the model on the sample and on the puzzles asked for; and says which to show.
fn look(
    args: &Args,
    wish: &Wish,
    session: &mut Session,
    used: &mut UsedRun,
    program: Program,
    sample: usize,
) -> Result<(Vec<Thinking>, Vec<usize>), Failure> {
    let data = Arc::clone(&session.data);
    let data = data.as_ref();
    let mut indices: Vec<usize> = (0..sample).collect();
    if let Some(Puzzles::These(which)) = &args.puzzles {
        indices.extend(which.iter().filter(|index| **index >= sample));
    }
    let mut examples = Vec::new();
    for &index in &indices {
        let last = data.test_len().saturating_sub(1);
        let example = data.test_example(index).ok_or_else(|| {
            Failure::Usage(format!(
                "there is no test puzzle {index}; the data set's are numbered 0 to {last}"
            ))
        })?;
        examples.push(example);
    }
    let weights = session.weights(wish, used, &program)?.weights;
    super::used::tell_other(used);
    let model = session.linked(program)?;
    eprintln!("answering {} test puzzles …", examples.len());
    let steps = args.steps.or(session.run.run.evaluation.steps);
    let watched = watch(&model, &weights, data, &examples, steps, session.run.run.seed)
        .map_err(|error| Failure::World(error.to_string()))?;
    let watched: Vec<Thinking> = indices
        .iter()
        .zip(examples)
        .zip(watched)
        .map(|((index, example), watched)| {
            let rating = data.rating(*index);
            plain(*index, rating, example, watched)
        })
        .collect();
    let chosen = match &args.puzzles {
        Some(Puzzles::These(which)) => {
            which.iter().filter_map(|index| indices.iter().position(|known| known == index)).collect()
        }
        Some(Puzzles::Some(count)) => page::choose(&watched, *count, data),
        None => page::choose(&watched, fitting(&watched), data),
    };
    Ok((watched, chosen))
}

/// How many puzzles a page has room for.
fn fitting(watched: &[Thinking]) -> usize {
    let drawings = |thinking: &Thinking| -> usize {
        thinking.steps.iter().map(|moment| 1 + moment.thoughts.len()).sum::<usize>() * thinking.given.len()
    };
    let cells = watched.iter().map(drawings).max().unwrap_or(0).max(1);
    (MOST_CELLS / cells).clamp(2, MOST_PUZZLES)
}

fn plain(index: usize, rating: Option<f64>, example: Example, watched: Watched) -> Thinking {
    let guess = |answer: Answer| Guess { tokens: answer.tokens, probabilities: answer.probabilities };
    let steps = watched.prediction.steps.into_iter().zip(watched.thoughts).map(|(answer, thoughts)| Moment {
        confidence: answer.confidence.first().copied(),
        answer: guess(answer),
        thoughts: thoughts
            .answers
            .into_iter()
            .enumerate()
            .map(|(at, answer)| Thought { answer: guess(answer), weight: thoughts.weights.get(at).copied() })
            .collect(),
        similarity: thoughts.similarity,
    });
    Thinking {
        index,
        rating,
        given: example.inputs,
        label: example.labels,
        steps: steps.collect(),
        halted_at: watched.prediction.halted_at,
    }
}

fn facts(session: &Session, program: &Program, folder: &Path) -> Vec<(String, String)> {
    let parameters = |role: WeightRole| -> u64 {
        let of_role = program.weights.iter().filter(|info| info.role == role);
        of_role.map(|info| info.shape.iter().product::<i64>().max(0) as u64).sum()
    };
    let run = &session.run.run;
    let sizes = session.data.sizes();
    let mut facts = vec![
        ("data", session.data.describe()),
        (
            "examples",
            format!(
                "{} for training, {} for testing; {} cells, {} tokens",
                count(session.data.train_len() as u64),
                count(session.data.test_len() as u64),
                count(sizes.cell as u64),
                count(sizes.symbol as u64)
            ),
        ),
        ("parameters", count(parameters(WeightRole::Param))),
    ];
    if parameters(WeightRole::Table) > 0 {
        facts.push(("embedding tables", count(parameters(WeightRole::Table))));
    }
    let name = run.name.clone().map(|name| format!(", {name}")).unwrap_or_default();
    facts.push(("model file", format!("{}{name}", run.model.display())));
    facts.push(("batch", count(run.batch as u64)));
    facts.push(("optimiser", format!("{}, learning rate {:e}", run.optimiser.name, run.optimiser.lr)));
    facts.push(("seed", run.seed.to_string()));
    facts.push(("precision", format!("{:?}", run.precision).to_lowercase()));
    facts.push(("folder", folder.display().to_string()));
    let trained = Provenance::read(folder).map(|made| format!("trained by totc {}, ", made.totc));
    let versions = format!(
        "{}page by totc {}, libtorch {LIBTORCH}",
        trained.unwrap_or_default(),
        env!("CARGO_PKG_VERSION")
    );
    facts.push(("versions", versions));
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// How far the run has come.
fn standing(folder: &Path, log: &[MetricsRecord]) -> String {
    let logged = log.iter().map(|entry| entry.step).max().unwrap_or(0);
    match checkpoint::peek(&folder.join(checkpoint::FOLDER)) {
        Ok(state) if state.step >= state.total => {
            format!("finished after {} steps", count(state.step))
        }
        Ok(state) if tested_at(folder) == Some(state.step) => {
            format!("ended early after {} of {} steps", count(state.step), count(state.total))
        }
        Ok(state) => format!(
            "at step {} of {}, last checkpoint after step {}",
            count(logged.max(state.step)),
            count(state.total),
            count(state.step)
        ),
        Err(_) => format!("at step {}, no checkpoint yet", count(logged)),
    }
}

/// The command as a shell takes it.
fn command(made: &Provenance) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_./=,:+@%".contains(letter);
    let word = |(at, word): (usize, &String)| match word {
        _ if at == 0 => "totc".to_owned(),
        word if !word.is_empty() && word.chars().all(plain) => word.clone(),
        word => format!("'{}'", word.replace('\'', r"'\''")),
    };
    let words: Vec<String> = made.command.iter().enumerate().map(word).collect();
    format!("cd {} && {}", made.folder.display(), words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn puzzles_are_a_number_or_a_list() {
        assert_eq!("6".parse(), Ok(Puzzles::Some(6)));
        assert_eq!("3,17,40".parse(), Ok(Puzzles::These(vec![3, 17, 40])));
        assert_eq!("3,".parse(), Ok(Puzzles::These(vec![3])));
        assert!("three".parse::<Puzzles>().unwrap_err().contains("as in 3,17,40"));
    }

    #[test]
    fn commands_are_quoted_for_a_shell() {
        let words = ["/bin/totc", "run", "my run.ron", "--set", "a='b'"];
        let made = Provenance {
            folder: PathBuf::from("/home/me"),
            command: words.map(str::to_owned).to_vec(),
            ..Provenance::default()
        };
        assert_eq!(command(&made), r"cd /home/me && totc run 'my run.ron' --set 'a='\''b'\'''");
    }
}
