//! What is wrong with a run, sentence by sentence with its place: takes what a check has found, gives the same for every reader,
//! be it a program or an editor.

use super::check::{Data, Found};
use super::misfit::RunMistake;
use crate::data::DataError;
use crate::diagnostic::{Diagnostic, Setting, Severity, Sink};
use crate::model_file::CompileError;
use crate::run_file::{Problem, RunFile, RunFileError, Slug};
use crate::source::{Sources, Span};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// An error or a warning.
    pub severity: Severity,
    /// Its family, as people see it.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// What stands at the place.
    pub label: String,
    /// How to mend it.
    pub help: Option<String>,
    /// Where it is.
    pub place: Place,
}

/// Where something is wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// In the run file, or in a `--set` beside it: a span of [`RunFile::sources`].
    Run(Span),
    /// In the model's files: a span of the model's sources. Its words.
    Model(Span, String),
}

/// Where a config stands that a complaint of the model is about: its value, or its name where the model has none of it.
fn of_config(run: &RunFile, holders: &[String], told: &Diagnostic) -> Option<Span> {
    let (name, slug) = match told.setting.as_ref()? {
        Setting::Name(name) => (name, Slug::UnknownField),
        Setting::Value(name) => (name, Slug::Conflict),
    };
    holders.iter().find_map(|holder| run.place(&format!("{holder}.{name}"), slug))
}

impl Found {
    /// All that is wrong.
    pub fn told(&self) -> Vec<Told> {
        let (run, model) = (&self.subject.run, &self.subject.model);
        let at_start = ["set".to_owned()];
        let mut all: Vec<Told> = of_model(run, (&model.sink, &model.sources), &at_start, "").collect();
        if let Data::Broken(error) = &self.subject.data {
            all.push(of_data(run, error));
        }
        match &self.mistake {
            None => {}
            Some(RunMistake::RunFile(error)) => all.extend(of_run_file(error)),
            Some(RunMistake::Compile { part, holders, cause: CompileError::Mistakes(mistakes) }) => {
                let (sink, sources) = (&mistakes.sink, &mistakes.sources);
                let new = of_model(run, (sink, sources), holders, part).filter(|told| !all.contains(told));
                let new: Vec<Told> = new.filter(|told| told.severity == Severity::Error).collect();
                all.extend(new);
            }
            Some(other) => all.push(error(
                "model",
                other.to_string(),
                None,
                Place::Run(run.place("data", Slug::UnknownField).unwrap_or(Span::NONE)),
            )),
        }
        all
    }
}

fn error(code: &str, message: String, help: Option<String>, place: Place) -> Told {
    let (severity, code) = (Severity::Error, code.to_owned());
    Told { severity, code, message, label: String::new(), help, place }
}

fn of_model<'a>(
    run: &'a RunFile,
    (sink, sources): (&'a Sink, &'a Sources),
    holders: &'a [String],
    part: &'a str,
) -> impl Iterator<Item = Told> + 'a {
    sink.sorted().into_iter().map(move |told| {
        let place = match of_config(run, holders, told) {
            Some(span) => Place::Run(span),
            None => Place::Model(told.primary.0, sources.place(told.primary.0)),
        };
        let help = [told.help.clone(), (!part.is_empty()).then(|| part.to_owned())];
        let help: Vec<String> = help.into_iter().flatten().collect();
        Told {
            severity: told.severity,
            code: told.code.slug().to_owned(),
            message: told.message.clone(),
            label: if matches!(place, Place::Run(_)) { String::new() } else { told.primary.1.clone() },
            help: (!help.is_empty()).then(|| help.join("\n")),
            place,
        }
    })
}

/// Data, at the setting that is wrong where one is.
fn of_data(run: &RunFile, broken: &DataError) -> Told {
    let setting = match broken {
        DataError::Setting { setting, .. } => format!("data.{setting}"),
        _ => "data".to_owned(),
    };
    let place = |setting: &str, slug| run.place(setting, slug);
    let span = place(&setting, Slug::Conflict).or_else(|| place("data", Slug::UnknownField));
    error("data", broken.to_string(), None, Place::Run(span.unwrap_or(Span::NONE)))
}

/// The mistakes of a run file, each by itself.
pub fn of_run_file(refused: &RunFileError) -> Vec<Told> {
    let told = |problem: &Problem| Told {
        label: problem.label.clone(),
        ..error(problem.slug.name(), problem.message.clone(), problem.help.clone(), Place::Run(problem.span))
    };
    match refused {
        RunFileError::Refused(refusal) => refusal.problems.iter().map(told).collect(),
        RunFileError::Unreadable { .. } => {
            vec![error("run-file", refused.to_string(), None, Place::Run(Span::NONE))]
        }
    }
}
