//! `totc check FILE…`

use super::subject::{Choice, Subject};
use super::{Failure, Outcome, colours};
use crate::Values;
use crate::data::DataError;
use crate::diagnostic::{self, Severity};
use crate::ir::Mode;
use crate::model_file::side_by_side;
use crate::run_file::{self, Length, RunFile};
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
        let choice =
            Choice { file: file.to_owned(), model: None, sets: args.sets.clone(), sizes: args.sizes.clone() };
        match Subject::load(&choice) {
            Ok(subject) if subject.run.is_some() => self.run(file, subject, ""),
            Ok(subject) => {
                self.models(file, subject);
                Ok(())
            }
            Err(failure) => self.refused(file, failure, ""),
        }
    }

    /// Every model of a file; of one without models, that it can be read.
    fn models(&mut self, file: &Path, mut subject: Subject) {
        let models = subject.model_file.models();
        let library = subject.model_file.modules.by_path.get("").map_or(0, |root| {
            root.tree.items.iter().filter(|item| !matches!(item.kind, ItemKind::Use(..))).count()
        });
        if models.is_empty() && library > 0 {
            self.diagnostics(&subject);
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
        self.diagnostics(&subject);
        if !subject.model_file.sink.has_errors() {
            self.fine.push(format!("{}: {}", file.display(), are_fine(&names)));
        }
    }

    /// A run file, or a variant of a sweep: `at` then says which.
    fn run(&mut self, file: &Path, mut subject: Subject, at: &str) -> Outcome {
        let model = vec![subject.model_file.bindings.model.clone()];
        let names = check_models(&mut subject, model);
        let absent = match subject.data_error.take() {
            Some(DataError::File { path, cause }) if cause.kind() == std::io::ErrorKind::NotFound => {
                Some(path)
            }
            Some(error) => {
                let message = error.to_string();
                self.rows.push(
                    json!({ "file": file, "severity": "error", "code": "data", "message": format!("{at}{message}") }),
                );
                self.broken_data.push(format!("{}: {at}{message}", file.display()));
                None
            }
            None => None,
        };
        if subject.model_file.sink.has_errors() || at.is_empty() {
            self.name_variant(file, at);
            self.diagnostics(&subject);
        }
        if subject.model_file.sink.has_errors() || absent.is_none() && subject.data.is_none() {
            return Ok(());
        }
        let init = match settings(&mut subject) {
            Ok(note) => note,
            Err(failure) => return self.refused(file, failure, at),
        };
        let data = absent.map(|path| {
            format!("the data are not checked, as there is no {} (their sizes are stand-ins)", path.display())
        });
        for note in [data, init].into_iter().flatten() {
            self.notes.insert(format!("{}: {note}\n", file.display()));
        }
        self.fine.push(format!("{}: {at}{}", file.display(), are_fine(&names)));
        Ok(())
    }

    /// Every variant of a sweep file.
    fn sweep(&mut self, file: &Path, args: &Args) -> Outcome {
        let sweep = match run_file::load_sweep(file) {
            Ok(sweep) => sweep,
            Err(error) => return self.refused(file, error.into(), ""),
        };
        let checked = side_by_side(&sweep.variants, |variant| -> Result<Found, Failure> {
            let (_, line) = sweep.line_of(variant);
            let at = format!("variant `{}` (line {line}): ", variant.label);
            let subject = sweep.open(variant, &args.sets).map_err(Failure::from);
            let subject = subject.and_then(|run| Subject::of_run(run, None)?.with_sizes(&args.sizes));
            let mut found = Found::default();
            match subject {
                Ok(subject) => found.run(file, subject, &at)?,
                Err(failure) => found.refused(file, failure, &at)?,
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

    /// Something of a file that cannot be: the author's mistake, or else the end of all checking.
    fn refused(&mut self, file: &Path, failure: Failure, at: &str) -> Outcome {
        let text = match failure {
            Failure::Mistakes(text) => text,
            Failure::World(text) if !at.is_empty() => format!("error: {text}\n"),
            other => return Err(other),
        };
        self.mistaken = true;
        self.rows.push(
            json!({ "file": file, "severity": "error", "code": "run-file", "message": format!("{at}{text}") }),
        );
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

    fn diagnostics(&mut self, subject: &Subject) {
        let file = &subject.model_file;
        self.mistaken |= file.sink.has_errors();
        self.text.push_str(&diagnostic::render(&file.sink, &file.sources, colours()));
        for diagnostic in file.sink.sorted() {
            let (line, column) = file.sources.line_column(diagnostic.primary.0).unwrap_or((0, 0));
            let severity = if diagnostic.severity == Severity::Error { "error" } else { "warning" };
            let place = file.sources.files().get(diagnostic.primary.0.file as usize);
            self.rows.push(json!({
                "file": place.map(|file| file.name.clone()), "line": line, "column": column, "severity": severity,
                "code": diagnostic.code.slug(), "message": diagnostic.message, "help": diagnostic.help,
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

/// What would end the run later, and `init` as far as it can be checked: weights that a run has still to make are only
/// mentioned.
fn settings(subject: &mut Subject) -> Result<Option<String>, Failure> {
    let Some(mut run) = subject.run.clone() else { return Ok(None) };
    if let (None, Length::Steps(steps)) = (run.run.steps_in_all, run.run.length) {
        run.run.steps_in_all = Some(steps);
    }
    #[cfg(feature = "torch")]
    {
        let columns = subject.data.map(|data| data.sizes.fields());
        crate::train::preflight(&run, &subject.model_file, columns.as_deref())?;
    }
    init(&run, subject)
}

fn init(run: &RunFile, subject: &mut Subject) -> Result<Option<String>, Failure> {
    let Some(init) = &run.run.init else { return Ok(None) };
    if !init.from.exists() {
        return Ok(Some(format!("`init` is not checked, as there is no {} yet", init.from.display())));
    }
    let program = subject.model_file.program(Mode::Training, Values::Dropped)?;
    read_init(run, &program.weights)?;
    Ok(None)
}
