//! `totc check FILE…`

use super::subject::{Choice, Subject};
use super::transfer;
use super::{Failure, Outcome, colours};
use crate::diagnostic::{self, Severity};
use crate::ir::Mode;
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
            vec![subject.bindings.model.clone()]
        } else {
            subject.models().into_iter().map(Some).collect()
        };
        let models = if models.is_empty() { vec![None] } else { models };
        let mut names = Vec::new();
        for model in models {
            subject.bindings.model = model;
            for mode in [Mode::Training, Mode::Evaluation] {
                if let Some(model) = subject.check(mode)
                    && !names.contains(&model.graph.model)
                {
                    names.push(model.graph.model);
                }
            }
        }
        failed |= subject.sink.has_errors();
        let data_error = subject.data_error.take().map(|error| error.to_string());
        if let (Some(message), true) = (&data_error, args.json) {
            rows.push(json!({ "file": file, "severity": "error", "code": "data", "message": message }));
        }
        if !subject.sink.has_errors()
            && data_error.is_none()
            && let Some(run) = subject.run.clone()
        {
            match transfer::check(&run, &mut subject) {
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
            for diagnostic in subject.sink.sorted() {
                let (line, column) = subject.sources.line_column(diagnostic.primary.0).unwrap_or((0, 0));
                let severity = if diagnostic.severity == Severity::Error { "error" } else { "warning" };
                let place = subject
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
            rendered.push_str(&diagnostic::render(&subject.sink, &subject.sources, colours()));
            let data_is_fine = data_error.is_none();
            broken_data.extend(data_error.map(|message| format!("{}: {message}", file.display())));
            if !subject.sink.has_errors() && data_is_fine {
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
