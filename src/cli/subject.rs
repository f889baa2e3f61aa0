//! What a command works on: a model file, or a run file with the model it names. Gives checked models, graphs and
//! programs; turns mistakes into rendered text.

use super::{Failure, colours};
use crate::data::DataError;
use crate::diagnostic::{self, Diagnostic, Sink};
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
        let bindings = self.bindings.in_mode(mode);
        let model = crate::model::check(&self.modules, &self.sources, &bindings, &mut self.sink)?;
        let unread = self.settings_without_effect(&model);
        let fine = unread.is_empty();
        unread.into_iter().for_each(|told| self.sink.push(told));
        fine.then_some(model)
    }

    /// Complaints about settings by `--set` or a row of a sweep that nothing reads, neither in this mode nor in the other one, nor in any phase of the
    /// run: a sweep over one would compare a model with itself.
    fn settings_without_effect(&self, model: &Model) -> Vec<Diagnostic> {
        // What the run file itself sets may be for other variants of it.
        let given = |name: &String| self.run.as_ref().is_none_or(|run| run.overridden.contains(name));
        let mut unread = model.unread.clone();
        unread.retain(|(name, _)| given(name));
        if unread.is_empty() {
            return Vec::new();
        }
        for (mode, sets) in self.settings_in_all() {
            let bindings = Bindings { mode, sets, ..self.bindings.clone() };
            // Mistakes of another phase are told when it comes.
            let other = crate::model::check(&self.modules, &self.sources, &bindings, &mut Sink::default());
            let Some(other) = other else { return Vec::new() };
            let without = |name: &String| other.unread.iter().any(|(own, _)| own == name);
            unread.retain(|(name, _)| !bindings.sets.contains_key(name) || without(name));
        }
        unread.into_iter().map(|(_, told)| told).collect()
    }

    /// The settings of both modes in every phase.
    fn settings_in_all(&self) -> Vec<(Mode, IndexMap<String, Setting>)> {
        let Some(run) = &self.run else {
            return [Mode::Training, Mode::Evaluation]
                .map(|mode| (mode, self.bindings.sets.clone()))
                .to_vec();
        };
        let mut sets = run.run.set.clone();
        let mut all = Vec::new();
        for phase in std::iter::once(None).chain(run.run.phases.iter().map(Some)) {
            sets.extend(phase.into_iter().flat_map(|phase| phase.set.clone()));
            all.push((Mode::Training, settings(sets.clone())));
            let mut tested = sets.clone();
            tested.extend(run.run.set_in_evaluation.clone());
            all.push((Mode::Evaluation, settings(tested)));
        }
        all
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
