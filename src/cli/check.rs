//! `totc check FILE…`

use super::subject::{Choice, Subject};
use super::{Failure, Outcome, colours};
use crate::Values;
use crate::diagnostic::{self, Severity};
use crate::ir::Mode;
use crate::run_file::RunFile;
use crate::train::read_init;
use serde_json::json;
use std::path::PathBuf;

/// Checks files. Every model of a model file is checked, for training and for evaluation; of a run file also its data,
/// every row.
#[derive(clap::Args)]
pub struct Args {
    /// Model files (.tot) and run files (.ron)
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

/// Checks every file and prints what is wrong with it.
pub fn main(args: &Args) -> Outcome {
    let mut rendered = String::new();
    let mut rows = Vec::new();
    let mut failed = false;
    let mut broken_data = Vec::new();
    for file in &args.files {
        let choice =
            Choice { file: file.clone(), model: None, sets: args.sets.clone(), sizes: args.sizes.clone() };
        let mut subject = match Subject::load(&choice) {
            Ok(subject) => subject,
            Err(Failure::Mistakes(text)) if !args.json => {
                rendered.push_str(&text);
                failed = true;
                continue;
            }
            Err(Failure::Mistakes(text)) => {
                rows.push(json!({ "file": file, "severity": "error", "code": "run-file", "message": text }));
                failed = true;
                continue;
            }
            Err(other) => return Err(other),
        };
        let models = if subject.run.is_some() {
            vec![subject.model_file.bindings.model.clone()]
        } else {
            subject.model_file.models().into_iter().map(Some).collect()
        };
        let models = if models.is_empty() { vec![None] } else { models };
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
        failed |= subject.model_file.sink.has_errors();
        let data_error = subject.data_error.take().map(|error| error.to_string());
        if let (Some(message), true) = (&data_error, args.json) {
            rows.push(json!({ "file": file, "severity": "error", "code": "data", "message": message }));
        }
        if !subject.model_file.sink.has_errors()
            && data_error.is_none()
            && let Some(run) = subject.run.clone()
        {
            match check_init(&run, &mut subject) {
                Ok(note) => eprint!("{note}"),
                Err(Failure::Mistakes(text)) if !args.json => {
                    rendered.push_str(&text);
                    failed = true;
                    continue;
                }
                Err(Failure::Mistakes(text)) => {
                    rows.push(
                        json!({ "file": file, "severity": "error", "code": "run-file", "message": text }),
                    );
                    failed = true;
                    continue;
                }
                Err(other) => return Err(other),
            }
        }
        if args.json {
            for diagnostic in subject.model_file.sink.sorted() {
                let (line, column) =
                    subject.model_file.sources.line_column(diagnostic.primary.0).unwrap_or((0, 0));
                let severity = if diagnostic.severity == Severity::Error { "error" } else { "warning" };
                let place = subject
                    .model_file
                    .sources
                    .files()
                    .get(diagnostic.primary.0.file as usize)
                    .map(|file| file.name.clone());
                rows.push(json!({
                    "file": place, "line": line, "column": column, "severity": severity,
                    "code": diagnostic.code.slug(), "message": diagnostic.message, "help": diagnostic.help,
                }));
            }
        } else {
            rendered.push_str(&diagnostic::render(
                &subject.model_file.sink,
                &subject.model_file.sources,
                colours(),
            ));
            let data_is_fine = data_error.is_none();
            broken_data.extend(data_error.map(|message| format!("{}: {message}", file.display())));
            if !subject.model_file.sink.has_errors() && data_is_fine {
                println!(
                    "{}: {} fine",
                    file.display(),
                    names.join(", ") + if names.len() == 1 { " is" } else { " are" }
                );
            }
        }
    }
    if args.json {
        let broken = failed || rows.iter().any(|row| row["code"] == "data");
        println!("{}", serde_json::Value::Array(rows));
        return if broken { Err(Failure::Mistakes(String::new())) } else { Ok(()) };
    }
    if failed {
        let data = broken_data.iter().map(|message| format!("error: {message}\n"));
        return Err(Failure::Mistakes(rendered + &data.collect::<String>()));
    }
    if !broken_data.is_empty() {
        eprint!("{rendered}");
        return Err(Failure::World(broken_data.join("\nerror: ")));
    }
    eprint!("{rendered}");
    Ok(())
}

/// Checks `init` as far as it can be: weights that a run has still to make are only mentioned.
fn check_init(run: &RunFile, subject: &mut Subject) -> Result<String, Failure> {
    let Some(init) = &run.run.init else { return Ok(String::new()) };
    if !init.from.exists() {
        return Ok(format!(
            "{}: `init` is not checked, as there is no {} yet\n",
            run.path.display(),
            init.from.display()
        ));
    }
    let program = subject.model_file.program(Mode::Training, Values::Dropped)?;
    read_init(run, &program.weights)?;
    Ok(String::new())
}
