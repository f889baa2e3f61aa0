//! A model file as commands and training use it: read once with all that it imports, compiled as often as wanted, each
//! time for another mode, batch or other configs. Gives programs or the author's mistakes; runs nothing, prints nothing.
//!
//! Nothing above the compiler calls its stages but through here.

use indexmap::IndexMap;
use sha2::{Digest, Sha256};
use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::Values;
use crate::diagnostic::{self, Colours, Diagnostic, Sink};
use crate::ir::{Graph, Mode, Recompute};
use crate::lower::Program;
use crate::model::notes::Table;
use crate::model::{Bindings, Model, Setting};
use crate::pass::{BEFORE_DIFFERENTIATE, PassError};
use crate::run_file::{ConfigValue, RunFile};
use crate::source::{Origin, Sources};
use crate::syntax::{self, Modules, ast::ItemKind};

/// Bytes of stack for a check: expressions are nested hundreds deep, and debug builds are wasteful.
const STACK: usize = 64 << 20;

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
    /// Which reading of texts it is from; copies share it.
    reading: u64,
    /// What reading has found.
    found_in_reading: Sink,
    /// What a run file says of configs; None of a model file by itself.
    run: Option<RunConfigs>,
    /// The newest models that were checked, and what was bound then: commands ask for one several times in a row.
    checked: VecDeque<(Bindings, Model)>,
}

/// How often texts have been read.
static READINGS: AtomicUsize = AtomicUsize::new(0);

/// How many checked models a [`ModelFile`] keeps: a run's two modes.
const KEPT: usize = 2;

/// The configs of a run: those that the command line or a row of a sweep gave, and all there are in either mode and every
/// phase.
#[derive(Clone)]
struct RunConfigs {
    given: Vec<String>,
    ever: Vec<(Mode, IndexMap<String, Setting>)>,
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
        ModelFile::read(path, model, &syntax::Disk)
    }

    /// The same of the file that a run file names. That of a run's own folder comes with the library as the run used it.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of_run(run: &RunFile, model: Option<String>) -> std::io::Result<ModelFile> {
        let (path, name) = (run.model_path(), model.or(run.run.name.clone()));
        match run.keeps_model() {
            true => ModelFile::read(&path, name, &Kept(path.parent().unwrap_or(Path::new("")))),
            false => ModelFile::read(&path, name, &syntax::Disk),
        }
    }

    /// The same with texts that `reader` gives, such as an editor's.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(
        path: &Path,
        model: Option<String>,
        reader: &dyn syntax::Reader,
    ) -> std::io::Result<ModelFile> {
        let (mut sources, mut sink) = (Sources::default(), Sink::default());
        let modules = syntax::load(path, reader, &mut sources, &mut sink)?;
        let bindings = Bindings { model, ..Bindings::new(Mode::Training) };
        let reading = READINGS.fetch_add(1, Ordering::Relaxed) as u64;
        let (found_in_reading, checked) = (sink.clone(), VecDeque::new());
        Ok(ModelFile { sources, modules, bindings, sink, reading, found_in_reading, run: None, checked })
    }

    /// The texts of the file and of all that it uses, the library included, each with its place relative to the file's
    /// folder. Written there, [`ModelFile::of_run`] reads the same model.
    pub fn texts(&self) -> Vec<(PathBuf, &str)> {
        let place = |module: &str| match module {
            "" => format!("{}.tot", self.modules.root_stem),
            path => format!("{}.tot", path.replace("::", "/")),
        };
        let text = |(path, module): (&String, &syntax::Module)| {
            (PathBuf::from(place(path)), self.sources.get(module.file).text.as_str())
        };
        let mut texts: Vec<_> = self.modules.by_path.iter().map(text).collect();
        texts.sort();
        texts
    }

    /// SHA-256 of all these texts, in hexadecimal; what the file itself is called does not count.
    pub fn digest(&self) -> String {
        let mut modules: Vec<_> = self.modules.by_path.iter().collect();
        modules.sort_by_key(|(path, _)| path.as_str());
        let mut hash = Sha256::new();
        for (path, module) in modules {
            let text = &self.sources.get(module.file).text;
            hash.update(format!("{path}\0{}\0{text}", text.len()));
        }
        crate::bytes::hexadecimal(&hash.finalize())
    }

    /// Whether the author's texts still are those that it was made of.
    pub fn is_of(&self, reader: &dyn syntax::Reader) -> bool {
        let own = self.sources.files().iter().filter(|file| file.origin == Origin::Author);
        own.into_iter().all(|file| reader.read(Path::new(&file.name)).is_ok_and(|text| text == file.text))
    }

    /// All that a check in a mode depends on: two of the same text say the same.
    pub fn depends_on(&self, mode: Mode) -> String {
        let bindings = Bindings { notes: None, ..self.bindings.in_mode(mode) };
        let given = |run: &RunConfigs| -> Vec<String> {
            run.given.iter().filter(|name| bindings.sets.contains_key(*name)).cloned().collect()
        };
        // Other parts of the run count only where a config was given by itself.
        let run = self.run.as_ref().map(|run| (given(run), &run.ever)).filter(|(given, _)| !given.is_empty());
        format!("{} {bindings:?} {run:?}", self.reading)
    }

    /// Binds configs as a run file gives them, in place of all bound before.
    pub fn bind_configs(&mut self, configs: impl IntoIterator<Item = (String, ConfigValue)>) {
        self.bindings.sets = as_settings(configs);
    }

    /// Binds the precision of a run, and notes which of its configs were given and what they are in all of it.
    pub fn bind_run(&mut self, run: &RunFile) {
        self.bindings.precision = run.run.precision.into();
        let mut configs = run.run.set.clone();
        let mut ever = Vec::new();
        for phase in std::iter::once(None).chain(run.run.phases.iter().map(Some)) {
            configs.extend(phase.into_iter().flat_map(|phase| phase.set.clone()));
            ever.push((Mode::Training, as_settings(configs.clone())));
            let mut tested = configs.clone();
            tested.extend(run.run.set_in_evaluation.clone());
            ever.push((Mode::Evaluation, as_settings(tested)));
        }
        self.run = Some(RunConfigs { given: run.overridden.clone(), ever });
    }

    /// Binds all that a run file decides of the model at the start of the run, but for the data's sizes.
    pub fn bind_start(&mut self, run: &RunFile) {
        self.bind_configs(run.run.training_configs(0));
        self.bind_size("batch", run.run.batch);
        self.bind_run(run);
    }

    /// Binds a config as `--set NAME=VALUE` gives it.
    ///
    /// # Errors
    /// A sentence on a text of another form.
    pub fn set(&mut self, text: &str) -> Result<(), String> {
        let (name, value) = pair(text)?;
        self.bindings.sets.insert(name.trim_start_matches("set.").to_owned(), Setting::parse(value));
        Ok(())
    }

    /// Binds the size of an axis of the data as `--size AXIS=N` gives it.
    ///
    /// # Errors
    /// As [`ModelFile::set`].
    pub fn set_size(&mut self, text: &str) -> Result<(), String> {
        let (axis, size) = pair(text)?;
        let size = size
            .parse()
            .map_err(|_| format!("`{size}` in `--size {text}` is no size; write `--size {axis}=81`"))?;
        self.bind_size(axis, size);
        Ok(())
    }

    /// Binds the size of an axis of the data (`batch`, `cell`, `symbol`, `task`).
    pub fn bind_size(&mut self, axis: &str, size: usize) {
        self.bindings.sizes.insert(axis.to_owned(), size);
    }

    /// Checks the model in one mode; `None` if the author made a mistake, which `sink` then holds.
    pub fn check(&mut self, mode: Mode) -> Option<Model> {
        let bindings = self.bindings.in_mode(mode);
        if let Some((_, model)) = self.checked.iter().find(|(before, _)| before.gives_the_same_as(&bindings))
        {
            return Some(model.clone());
        }
        self.check_anew(bindings)
    }

    /// As [`ModelFile::check`], with all that this mode alone says, warnings too.
    pub fn check_alone(&mut self, mode: Mode) -> (Option<Model>, Vec<Diagnostic>) {
        let before = std::mem::replace(&mut self.sink, self.found_in_reading.clone());
        let model = self.check_anew(self.bindings.in_mode(mode));
        let told: Vec<Diagnostic> =
            std::mem::replace(&mut self.sink, before).sorted().into_iter().cloned().collect();
        told.iter().for_each(|told| self.sink.push(told.clone()));
        (model, told)
    }

    fn check_anew(&mut self, bindings: Bindings) -> Option<Model> {
        let model = crate::model::check(&self.modules, &self.sources, &bindings, &mut self.sink)?;
        if !self.nothing_without_effect(&model) {
            return None;
        }
        self.checked.truncate(KEPT - 1);
        self.checked.push_front((bindings, model.clone()));
        Some(model)
    }

    /// Checks every model of the file in both modes, side by side; gives the mode of each that is fine and the model, in
    /// order. What is found of one place is kept once, and notes on names come together, as if one had been checked after
    /// the other. For a file of which nothing is bound.
    pub fn check_all(&mut self) -> Vec<(Mode, Model)> {
        // Of half a tree nothing is checked.
        if self.sink.sorted().iter().any(|told| told.code == diagnostic::Code::Syntax) {
            return Vec::new();
        }
        let modes = [Mode::Training, Mode::Evaluation];
        let jobs: Vec<Bindings> = self
            .models()
            .into_iter()
            .flat_map(|name| modes.map(|mode| (name.clone(), mode)))
            .map(|(name, mode)| Bindings {
                model: Some(name),
                notes: self.bindings.notes.as_ref().map(|_| Table::default()),
                ..self.bindings.in_mode(mode)
            })
            .collect();
        let results = self.checked_side_by_side(&jobs);
        let mut fine = Vec::new();
        for (job, (model, sink)) in jobs.iter().zip(results) {
            let known: HashSet<_> =
                self.sink.sorted().iter().map(|told| (told.code, told.primary.0)).collect();
            for told in sink.sorted().into_iter().filter(|told| !known.contains(&(told.code, told.primary.0)))
            {
                self.sink.push(told.clone());
            }
            if let (Some(all), Some(own)) = (&self.bindings.notes, &job.notes)
                && let (Ok(mut all), Ok(mut own)) = (all.lock(), own.lock())
            {
                all.add(std::mem::take(&mut *own));
            }
            fine.extend(model.map(|model| (job.mode, model)));
        }
        fine
    }

    /// What each check gives, in the order of the jobs.
    fn checked_side_by_side(&self, jobs: &[Bindings]) -> Vec<(Option<Model>, Sink)> {
        side_by_side(jobs, |bindings| {
            let mut sink = self.sink.clone();
            (crate::model::check(&self.modules, &self.sources, bindings, &mut sink), sink)
        })
    }

    /// Complains about configs that the command line or a row of a sweep gave and that nothing reads, neither in this mode
    /// nor in the other one, nor in any phase of the run: a sweep over one would compare a model with itself.
    fn nothing_without_effect(&mut self, model: &Model) -> bool {
        let mut unread = model.unread.clone();
        // What the run file itself sets may be for other variants of it.
        unread.retain(|(name, _)| self.run.as_ref().is_none_or(|run| run.given.contains(name)));
        if unread.is_empty() {
            return true;
        }
        let alone = [Mode::Training, Mode::Evaluation].map(|mode| (mode, self.bindings.sets.clone()));
        let ever = self.run.as_ref().map_or(&alone[..], |run| &run.ever);
        for (mode, sets) in ever {
            let bindings = Bindings { mode: *mode, sets: sets.clone(), ..self.bindings.clone() };
            // Mistakes of another phase are told when it comes.
            let other = crate::model::check(&self.modules, &self.sources, &bindings, &mut Sink::default());
            let Some(other) = other else { return true };
            let without = |name: &String| other.unread.iter().any(|(own, _)| own == name);
            unread.retain(|(name, _)| !bindings.sets.contains_key(name) || without(name));
        }
        let fine = unread.is_empty();
        unread.into_iter().for_each(|(_, told)| self.sink.push(told));
        fine
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
        let model = self.model(mode)?;
        Ok(crate::program(model.graph, values)?)
    }

    /// The program of training with each way of recomputing, the fastest first.
    ///
    /// # Errors
    /// As [`ModelFile::program`].
    pub fn ways_to_train(&mut self) -> Result<Vec<(Recompute, Program)>, CompileError> {
        let graph = self.graph(Mode::Training, Values::Dropped, Some(BEFORE_DIFFERENTIATE))?;
        let programs = side_by_side(&Recompute::ALL, |recompute| {
            let graph =
                crate::pass::go_on(Graph { recompute: *recompute, ..graph.clone() }, BEFORE_DIFFERENTIATE)?;
            Ok((*recompute, crate::lower::program(&graph)))
        });
        programs.into_iter().collect()
    }

    /// The program of the evaluation step that gives answers alone: no loss and no metric is computed.
    ///
    /// # Errors
    /// As [`ModelFile::program`].
    pub fn answers(&mut self) -> Result<Program, CompileError> {
        self.program(Mode::Evaluation, Values::Answers)
    }

    /// The graph of one mode after the pass `until`, or after all of them.
    ///
    /// # Errors
    /// As [`ModelFile::program`].
    pub fn graph(&mut self, mode: Mode, values: Values, until: Option<&str>) -> Result<Graph, CompileError> {
        let graph = self.model(mode)?.graph.only(values);
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
            ItemKind::Model(model) if !model.mixin => Some(model.name.name.clone()),
            _ => None,
        };
        root.tree.items.iter().filter_map(name).collect()
    }
}

/// What `work` makes of each job, in the order of the jobs, with as many threads as there are processors.
pub(crate) fn side_by_side<J: Sync, R: Send>(jobs: &[J], work: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let take = || {
        while let Some((at, job)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, jobs.get(at)?)))
        {
            let result = work(job);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // Where there is no thread to be had, this one does the work.
            let _ = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, take);
        }
        take();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Model files in the folder of a run, which holds their library too.
struct Kept<'a>(&'a Path);

impl syntax::Reader for Kept<'_> {
    fn read(&self, path: &Path) -> std::io::Result<String> {
        syntax::Disk.read(path)
    }

    fn siblings(&self, folder: &Path) -> Vec<String> {
        syntax::Disk.siblings(folder)
    }

    fn shipped(&self, module: &str) -> Option<(String, String)> {
        let place = format!("{}.tot", module.strip_prefix("std::").map(|name| format!("std/{name}"))?);
        let path = self.0.join(&place);
        let text = crate::text_file::read(&path).ok()?;
        // What has not changed since is the embedded text, which is parsed already.
        (syntax::shipped_text(&place) != Some(text.as_str())).then(|| (path.display().to_string(), text))
    }
}

fn pair(text: &str) -> Result<(&str, &str), String> {
    let parts = text.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
    parts.ok_or_else(|| format!("`{text}` says no value; write `name=value`"))
}

/// Configs of a run file as the checker takes them.
fn as_settings(configs: impl IntoIterator<Item = (String, ConfigValue)>) -> IndexMap<String, Setting> {
    let bound = |(name, value): (String, ConfigValue)| {
        let value = match value {
            ConfigValue::Bool(value) => Setting::Bool(value),
            ConfigValue::Choice(word) => Setting::Word(word),
            ConfigValue::List(entries) => Setting::Numbers(entries.iter().map(ToString::to_string).collect()),
            number => Setting::Number(number.to_string()),
        };
        (name, value)
    };
    configs.into_iter().map(bound).collect()
}
