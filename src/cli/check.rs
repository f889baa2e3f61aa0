//! `totc check FILE…`

use super::subject::{Choice, Subject};
use super::{Failure, Outcome, colours};
use crate::Values;
use crate::diagnostic::{self, Severity};
use crate::ir::Mode;
use crate::model_file::{ModelFile, side_by_side};
use crate::run_check::{self, Data, Memo, Place, Told};
use crate::run_file::{self, RunFileError};
use crate::source::Sources;
use crate::syntax::ast::ItemKind;
use crate::train::read_init;
use indexmap::IndexSet;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Checks files. Every model of a model file is checked, for training and for evaluation. Of a run file also its data,
/// every row, and all that would end the run later: the programs of all phases and tests, and every setting. Of a sweep
/// file every variant.
#[derive(clap::Args)]
pub struct Args {
    /// Model files (.tot), run files and sweep files (.ron)
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Give a config another value
    #[arg(long = "set", value_name = "NAME=VALUE")]
    sets: Vec<String>,
    /// Give an axis of the data its size, e.g. cell=81
    #[arg(long = "size", value_name = "AXIS=N")]
    sizes: Vec<String>,
    /// Print the diagnostics as JSON
    #[arg(long)]
    json: bool,
}

/// What has been found in all files.
#[derive(Default)]
struct Found {
    /// Mistakes as people read them.
    text: String,
    /// Mistakes as programs read them.
    rows: Vec<Value>,
    /// What could not be checked, a line each, once: variants of a sweep have the same data.
    notes: IndexSet<String>,
    /// Whether the author has made a mistake.
    mistaken: bool,
    /// Data that cannot be used.
    broken_data: Vec<String>,
    /// Sentences on files without mistakes.
    fine: Vec<String>,
}

/// Checks every file and prints what is wrong with it.
pub fn main(args: &Args) -> Outcome {
    let mut found = Found::default();
    for file in &args.files {
        let text = crate::text_file::read(file).unwrap_or_default();
        match file.extension().is_some_and(|extension| extension == "ron") && run_file::is_sweep(&text) {
            true => found.sweep(file, args)?,
            false => found.file(file, args)?,
        }
    }
    found.tell(args.json)
}

impl Found {
    fn file(&mut self, file: &Path, args: &Args) -> Outcome {
        let is_run = file.extension().is_some_and(|extension| extension == "ron");
        let subject = match is_run.then(|| run_file::load_with(file, &args.sets)) {
            Some(Err(error)) => {
                let rows = rows_of(&error, file, "");
                return self.refused(file, error.into(), "", rows);
            }
            Some(Ok(run)) => Subject::of_run(run, None).and_then(|subject| subject.with_sizes(&args.sizes)),
            None => Subject::load(&Choice {
                file: file.to_owned(),
                model: None,
                sets: args.sets.clone(),
                sizes: args.sizes.clone(),
            }),
        };
        match subject {
            Ok(subject) if subject.run.is_some() => self.run(file, subject, "", &Memo::default()),
            Ok(subject) => {
                self.models(file, subject);
                Ok(())
            }
            Err(failure) => self.refused(file, failure, "", Vec::new()),
        }
    }

    /// Every model of a file; of one without models, that it can be read.
    fn models(&mut self, file: &Path, mut subject: Subject) {
        let models = subject.model_file.models();
        let library = subject.model_file.modules.by_path.get("").map_or(0, |root| {
            root.tree.items.iter().filter(|item| !matches!(item.kind, ItemKind::Use(..))).count()
        });
        if models.is_empty() && library > 0 {
            self.diagnostics(&subject.model_file);
            if !subject.model_file.sink.has_errors() {
                self.fine.push(format!(
                    "{}: a library of {library} {}, without a model; it reads well, and is checked where a model uses it",
                    file.display(),
                    if library == 1 { "declaration" } else { "declarations" }
                ));
            }
            return;
        }
        let models: Vec<_> =
            if models.is_empty() { vec![None] } else { models.into_iter().map(Some).collect() };
        let names = check_models(&mut subject, models);
        self.diagnostics(&subject.model_file);
        if !subject.model_file.sink.has_errors() {
            self.fine.push(format!("{}: {}", file.display(), are_fine(&names)));
        }
    }

    /// A run file, or a variant of a sweep: `at` then says which.
    fn run(&mut self, file: &Path, subject: Subject, at: &str, memo: &Memo) -> Outcome {
        let Subject { model_file: model, run: Some(run), data, data_error } = subject else { return Ok(()) };
        let data = match (data, data_error) {
            (_, Some(error)) => Data::of(Err(error)),
            (Some(shape), None) => Data::Known(shape),
            (None, None) => Data::Unread,
        };
        let mut found = run_check::check(run_check::Subject { run, model, data }, memo);
        if let Data::Broken(error) = &found.subject.data {
            self.broken_data.push(format!("{}: {at}{error}", file.display()));
        }
        if found.subject.model.sink.has_errors() || at.is_empty() {
            self.name_variant(file, at);
            self.diagnostics(&found.subject.model);
        }
        // Those of the model come first, and have been told with their places in it.
        let known = found.subject.model.sink.sorted().len();
        let later: Vec<Told> = found.told().into_iter().skip(known).collect();
        let rows = rows(&later, found.subject.run.sources(), file, at);
        if let Some(mistake) = found.mistake {
            return self.refused(file, mistake.into(), at, rows);
        }
        self.rows.extend(rows);
        if !found.is_fine() {
            return Ok(());
        }
        let init = match init(&mut found.subject) {
            Ok(note) => note,
            Err(failure) => return self.refused(file, failure, at, Vec::new()),
        };
        let data = match &found.subject.data {
            Data::Absent(path) => Some(format!(
                "the data are not checked, as there is no {} (their sizes are stand-ins)",
                path.display()
            )),
            _ => None,
        };
        for note in [data, init].into_iter().flatten() {
            self.notes.insert(format!("{}: {note}\n", file.display()));
        }
        self.fine.push(format!("{}: {at}{}", file.display(), are_fine(&found.names)));
        Ok(())
    }

    /// Every variant of a sweep file; those with the same program check it once.
    fn sweep(&mut self, file: &Path, args: &Args) -> Outcome {
        let sweep = match run_file::load_sweep(file) {
            Ok(sweep) => sweep,
            Err(error) => {
                let rows = rows_of(&error, file, "");
                return self.refused(file, error.into(), "", rows);
            }
        };
        let memo = Memo::default();
        let checked = side_by_side(&sweep.variants, |variant| -> Result<Found, Failure> {
            let (_, line) = sweep.line_of(variant);
            let at = format!("variant `{}` (line {line}): ", variant.label);
            let mut found = Found::default();
            let run = match sweep.open(variant, &args.sets) {
                Ok(run) => run,
                Err(error) => {
                    let rows = rows_of(&error, file, &at);
                    found.refused(file, error.into(), &at, rows)?;
                    return Ok(found);
                }
            };
            match Subject::remembered(run, &memo).and_then(|subject| subject.with_sizes(&args.sizes)) {
                Ok(subject) => found.run(file, subject, &at, &memo)?,
                Err(failure) => found.refused(file, failure, &at, Vec::new())?,
            }
            Ok(found)
        });
        let mut all = Found::default();
        for found in checked {
            all.add(found?);
        }
        if !all.mistaken && all.broken_data.is_empty() {
            all.fine = vec![format!("{}: {} variants are fine", file.display(), sweep.variants.len())];
        }
        self.add(all);
        Ok(())
    }

    /// What was found elsewhere, after what was found so far.
    fn add(&mut self, other: Found) {
        self.notes.extend(other.notes);
        self.text.push_str(&other.text);
        self.rows.extend(other.rows);
        self.mistaken |= other.mistaken;
        self.broken_data.extend(other.broken_data);
        self.fine.extend(other.fine);
    }

    /// Something of a file that cannot be: the author's mistake, or else the end of all checking. `rows`: the same for programs,
    /// where there is more to say than the text.
    fn refused(&mut self, file: &Path, failure: Failure, at: &str, rows: Vec<Value>) -> Outcome {
        let text = match failure {
            Failure::Mistakes(text) => text,
            Failure::World(text) if !at.is_empty() => format!("error: {text}\n"),
            other => return Err(other),
        };
        self.mistaken = true;
        if rows.is_empty() {
            self.rows.push(
                json!({ "file": file, "severity": "error", "code": "run-file", "message": format!("{at}{text}") }),
            );
        }
        self.rows.extend(rows);
        self.name_variant(file, at);
        self.text.push_str(&text);
        Ok(())
    }

    /// Says which variant of a sweep the next lines are about.
    fn name_variant(&mut self, file: &Path, at: &str) {
        if !at.is_empty() {
            self.text.push_str(&format!("{}: {}\n", file.display(), at.trim_end()));
        }
    }

    fn diagnostics(&mut self, file: &ModelFile) {
        self.mistaken |= file.sink.has_errors();
        self.text.push_str(&diagnostic::render(&file.sink, &file.sources, colours()));
        for diagnostic in file.sink.sorted() {
            let (line, column) = file.sources.line_column(diagnostic.primary.0).unwrap_or((0, 0));
            let place = file.sources.files().get(diagnostic.primary.0.file as usize);
            self.rows.push(json!({
                "file": place.map(|file| file.name.clone()), "line": line, "column": column,
                "severity": word(diagnostic.severity), "code": diagnostic.code.slug(), "message": diagnostic.message,
                "help": diagnostic.help,
            }));
        }
    }

    fn tell(self, json: bool) -> Outcome {
        if json {
            println!("{}", Value::Array(self.rows));
            let broken = self.mistaken || !self.broken_data.is_empty();
            return if broken { Err(Failure::Mistakes(String::new())) } else { Ok(()) };
        }
        for line in &self.fine {
            println!("{line}");
        }
        let text = self.notes.into_iter().collect::<String>() + &self.text;
        if self.mistaken {
            let data = self.broken_data.iter().map(|message| format!("error: {message}\n"));
            return Err(Failure::Mistakes(text + &data.collect::<String>()));
        }
        eprint!("{text}");
        match self.broken_data.is_empty() {
            true => Ok(()),
            false => Err(Failure::World(self.broken_data.join("\nerror: "))),
        }
    }
}

fn are_fine(names: &[String]) -> String {
    names.join(", ") + if names.len() == 1 { " is fine" } else { " are fine" }
}

/// Checks models in both modes; gives their names.
fn check_models(subject: &mut Subject, models: Vec<Option<String>>) -> Vec<String> {
    let mut names = Vec::new();
    for model in models {
        subject.model_file.bindings.model = model;
        for mode in [Mode::Training, Mode::Evaluation] {
            if let Some(model) = subject.model_file.check(mode)
                && !names.contains(&model.graph.model)
            {
                names.push(model.graph.model);
            }
        }
    }
    names
}

/// The mistakes of a run or sweep file as programs read them.
fn rows_of(refused: &RunFileError, file: &Path, at: &str) -> Vec<Value> {
    match refused {
        RunFileError::Refused(refusal) => rows(&run_check::of_run_file(refused), &refusal.sources, file, at),
        RunFileError::Unreadable { .. } => Vec::new(),
    }
}

/// What is told of a run as programs read it; `sources`: what it is told of, the run file first.
fn rows(told: &[Told], sources: &Sources, file: &Path, at: &str) -> Vec<Value> {
    let row = |told: &Told| {
        let (line, column) = match &told.place {
            Place::Run(span) => sources.line_column(*span).unwrap_or((0, 0)),
            Place::Model(..) => (0, 0),
        };
        json!({
            "file": file, "line": line, "column": column, "severity": word(told.severity), "code": told.code,
            "message": format!("{at}{}", told.message), "help": told.help,
        })
    };
    told.iter().map(row).collect()
}

fn word(severity: Severity) -> &'static str {
    if severity == Severity::Error { "error" } else { "warning" }
}

/// `init` as far as it can be checked: weights that a run has still to make are only mentioned.
fn init(subject: &mut run_check::Subject) -> Result<Option<String>, Failure> {
    let Some(init) = &subject.run.run.init else { return Ok(None) };
    if !init.from.exists() {
        return Ok(Some(format!("`init` is not checked, as there is no {} yet", init.from.display())));
    }
    let program = subject.model.program(Mode::Training, Values::Dropped)?;
    read_init(&subject.run, &program.weights)?;
    Ok(None)
}
