//! What a command works on: a model file, or a run file with the model it names. Gives checked models, graphs and
//! programs; turns mistakes into rendered text.

use super::{Failure, colours};
use crate::data::DataError;
use crate::diagnostic::{self, Sink};
use crate::ir::Graph;
use crate::ir::Mode;
use crate::lower::Program;
use crate::model::{Bindings, Model, Setting};
use crate::run_file::{self, RunFile};
use crate::source::Sources;
use crate::syntax::{self, Modules};
use crate::{Values, data};
use clap::Args as ClapArgs;
use indexmap::IndexMap;
use std::path::{Path, PathBuf};

/// Arguments that choose a model and its configs.
#[derive(ClapArgs, Clone)]
pub struct Choice {
    /// A model file (.tot) or a run file (.ron)
    pub file: PathBuf,
    /// Which model of the file (default: the one named like the file, else the first)
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Give a config (or, of a run file, a field) another value
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub sets: Vec<String>,
    /// Give an axis of the data its size, e.g. cell=81 (a run file's data set does this by itself)
    #[arg(long = "size", value_name = "AXIS=N")]
    pub sizes: Vec<String>,
}

pub struct Subject {
    pub sources: Sources,
    pub modules: Modules,
    pub bindings: Bindings,
    pub run: Option<RunFile>,
    /// Why the run file's data cannot be used.
    pub data_error: Option<DataError>,
    /// Mistakes of the syntax, so far.
    pub sink: Sink,
}

impl Subject {
    /// Reads a model or run file and everything it names.
    pub fn load(choice: &Choice) -> Result<Subject, Failure> {
        if choice.file.extension().is_some_and(|extension| extension == "ron") {
            let run = run_file::load_with(&choice.file, &choice.sets)
                .map_err(|error| Failure::Mistakes(error.render(colours())))?;
            let subject = Subject::of_run(run, choice.model.clone())?;
            return subject.with_sizes(&choice.sizes);
        }
        let mut subject = Subject::of_model(&choice.file, choice.model.clone())?;
        for set in &choice.sets {
            let (name, value) = pair(set)?;
            subject.bindings.sets.insert(name.trim_start_matches("set.").to_owned(), Setting::parse(value));
        }
        subject.with_sizes(&choice.sizes)
    }

    fn of_model(path: &Path, model: Option<String>) -> Result<Subject, Failure> {
        let (mut sources, mut sink) = (Sources::default(), Sink::default());
        let modules = syntax::load(path, &syntax::Disk, &mut sources, &mut sink)
            .map_err(|error| Failure::World(format!("{}: {error}", path.display())))?;
        let bindings = Bindings { model, ..Bindings::new(Mode::Training) };
        Ok(Subject { sources, modules, bindings, run: None, data_error: None, sink })
    }

    /// The model of a run file, with its configs; the data's sizes come later, from the data.
    pub fn of_run(run: RunFile, model: Option<String>) -> Result<Subject, Failure> {
        let mut subject = Subject::of_model(&run.model_path(), model.or(run.run.name.clone()))?;
        subject.bindings.sets = settings(run.run.training_settings(0));
        subject.bindings.sizes.insert("batch".to_owned(), run.run.batch);
        subject.bindings.precision = run.run.precision.into();
        subject.run = Some(run);
        Ok(subject)
    }

    fn with_sizes(mut self, sizes: &[String]) -> Result<Subject, Failure> {
        if let Some(run) = &self.run {
            match data::open(&run.run.data, run.folder()) {
                Ok(opened) => {
                    for (axis, size) in opened.sizes().axes() {
                        self.bindings.sizes.insert(axis.to_owned(), size);
                    }
                }
                Err(error) => self.data_error = Some(error),
            }
        }
        for text in sizes {
            let (axis, size) = pair(text)?;
            let size = size.parse().map_err(|_| {
                Failure::Usage(format!("`{size}` in `--size {text}` is no size; write `--size {axis}=81`"))
            })?;
            self.bindings.sizes.insert(axis.to_owned(), size);
        }
        Ok(self)
    }

    /// Checks the model in one mode.
    pub fn check(&mut self, mode: Mode) -> Option<Model> {
        crate::model::check(&self.modules, &self.sources, &self.bindings.in_mode(mode), &mut self.sink)
    }

    /// The checked model, or all its mistakes.
    pub fn model(&mut self, mode: Mode) -> Result<Model, Failure> {
        match self.check(mode) {
            Some(model) => Ok(model),
            None => Err(self.mistakes()),
        }
    }

    pub fn graph(&mut self, mode: Mode, values: Values, until: Option<&str>) -> Result<Graph, Failure> {
        let graph = self.model(mode)?.graph;
        let graph = graph.only(values);
        crate::pass::run(graph, until).map_err(|error| Failure::Internal(error.to_string()))
    }

    pub fn program(&mut self, mode: Mode, values: Values) -> Result<Program, Failure> {
        Ok(crate::lower::program(&self.graph(mode, values, None)?))
    }

    pub fn mistakes(&self) -> Failure {
        Failure::Mistakes(diagnostic::render(&self.sink, &self.sources, colours()))
    }

    /// Every model of the root file, by name.
    pub fn models(&self) -> Vec<String> {
        let Some(root) = self.modules.by_path.get("") else { return Vec::new() };
        root.tree
            .items
            .iter()
            .filter_map(|item| match &item.kind {
                syntax::ast::ItemKind::Model(model) => Some(model.name.name.clone()),
                _ => None,
            })
            .collect()
    }
}

/// A run file's settings as the checker takes them.
pub fn settings(from: impl IntoIterator<Item = (String, run_file::Setting)>) -> IndexMap<String, Setting> {
    from.into_iter()
        .map(|(name, value)| {
            let value = match value {
                run_file::Setting::Bool(value) => Setting::Bool(value),
                run_file::Setting::Choice(word) => Setting::Word(word),
                number => Setting::Number(number.to_string()),
            };
            (name, value)
        })
        .collect()
}

fn pair(text: &str) -> Result<(&str, &str), Failure> {
    text.split_once('=')
        .map(|(name, value)| (name.trim(), value.trim()))
        .ok_or_else(|| Failure::Usage(format!("`{text}` says no value; write `name=value`")))
}
