//! A model file as commands and training use it: read once with all that it imports, compiled as often as wanted, each
//! time for another mode, batch or other configs. Gives programs or the author's mistakes; runs nothing, prints nothing.
//!
//! Nothing above the compiler calls its stages but through here.

use std::path::Path;

use crate::Values;
use crate::diagnostic::{self, Colours, Sink};
use crate::ir::{Graph, Mode};
use crate::lower::Program;
use crate::model::{Bindings, Model, Setting};
use crate::pass::PassError;
use crate::run_file::ConfigValue;
use crate::source::Sources;
use crate::syntax::{self, Modules, ast::ItemKind};

/// A model file with its imports and what is bound from outside: which model, configs, sizes of the data's axes.
#[derive(Clone)]
pub struct ModelFile {
    /// The texts of the file and its imports, for places in messages.
    pub sources: Sources,
    /// Their syntax trees.
    pub modules: Modules,
    /// What the next compilation binds; its mode is the one that is asked for.
    pub bindings: Bindings,
    /// Everything that reading and checking have found so far, warnings too.
    pub sink: Sink,
}

/// Why a model file gives no program.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The author's mistakes.
    #[error("{}", .0.render(Colours::Never).trim_end())]
    Mistakes(Box<Mistakes>),
    /// totc's own: a pass that left a broken graph.
    #[error(transparent)]
    Internal(#[from] PassError),
}

/// The mistakes of a model file, with the texts they stand in.
#[derive(Clone, Debug)]
pub struct Mistakes {
    /// At least one error, and the warnings beside it.
    pub sink: Sink,
    /// The texts.
    pub sources: Sources,
}

impl Mistakes {
    /// Each mistake with the line it points at.
    pub fn render(&self, colours: Colours) -> String {
        diagnostic::render(&self.sink, &self.sources, colours)
    }
}

impl ModelFile {
    /// Reads the file at `path` and what it imports; `model` chooses one of its models, by default the one named like
    /// the file, else the first. Mistakes of the syntax are told when it is compiled.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn load(path: &Path, model: Option<String>) -> std::io::Result<ModelFile> {
        let (mut sources, mut sink) = (Sources::default(), Sink::default());
        let modules = syntax::load(path, &syntax::Disk, &mut sources, &mut sink)?;
        let bindings = Bindings { model, ..Bindings::new(Mode::Training) };
        Ok(ModelFile { sources, modules, bindings, sink })
    }

    /// Binds configs as a run file gives them, in place of all bound before.
    pub fn bind_configs(&mut self, configs: impl IntoIterator<Item = (String, ConfigValue)>) {
        let bound = |(name, value): (String, ConfigValue)| {
            let value = match value {
                ConfigValue::Bool(value) => Setting::Bool(value),
                ConfigValue::Choice(word) => Setting::Word(word),
                number => Setting::Number(number.to_string()),
            };
            (name, value)
        };
        self.bindings.sets = configs.into_iter().map(bound).collect();
    }

    /// Binds the size of an axis of the data (`batch`, `cell`, `symbol`, `task`).
    pub fn bind_size(&mut self, axis: &str, size: usize) {
        self.bindings.sizes.insert(axis.to_owned(), size);
    }

    /// Checks the model in one mode; `None` if the author made a mistake, which `sink` then holds.
    pub fn check(&mut self, mode: Mode) -> Option<Model> {
        crate::model::check(&self.modules, &self.sources, &self.bindings.in_mode(mode), &mut self.sink)
    }

    /// The checked model.
    ///
    /// # Errors
    /// All mistakes of the author.
    pub fn model(&mut self, mode: Mode) -> Result<Model, CompileError> {
        self.check(mode).ok_or_else(|| self.mistakes())
    }

    /// The program of one mode with the outputs that `values` names.
    ///
    /// # Errors
    /// All mistakes of the author, and totc's own.
    pub fn program(&mut self, mode: Mode, values: Values) -> Result<Program, CompileError> {
        let bindings = self.bindings.in_mode(mode);
        crate::compile(&self.modules, &self.sources, &bindings, values, &mut self.sink)?
            .ok_or_else(|| self.mistakes())
    }

    /// The program of the evaluation step that gives answers alone: no loss and no metric is computed.
    ///
    /// # Errors
    /// As [`ModelFile::program`].
    pub fn answers(&mut self) -> Result<Program, CompileError> {
        let graph = crate::model::graph::build(&self.model(Mode::Evaluation)?).answers_only();
        Ok(crate::lower::program(&crate::pass::run(graph, None)?))
    }

    /// The graph of one mode after the pass `until`, or after all of them.
    ///
    /// # Errors
    /// As [`ModelFile::program`].
    pub fn graph(&mut self, mode: Mode, values: Values, until: Option<&str>) -> Result<Graph, CompileError> {
        let graph = crate::model::graph::build(&self.model(mode)?).only(values);
        Ok(crate::pass::run(graph, until)?)
    }

    /// What has been found so far, as an error.
    pub fn mistakes(&self) -> CompileError {
        let mistakes = Mistakes { sink: self.sink.clone(), sources: self.sources.clone() };
        CompileError::Mistakes(Box::new(mistakes))
    }

    /// Every model of the file itself, by name.
    pub fn models(&self) -> Vec<String> {
        let Some(root) = self.modules.by_path.get("") else { return Vec::new() };
        let name = |item: &syntax::ast::Item| match &item.kind {
            ItemKind::Model(model) => Some(model.name.name.clone()),
            _ => None,
        };
        root.tree.items.iter().filter_map(name).collect()
    }
}
