//! A run file made ready to compute: takes the run file and a device, gives its data, its programs for any step of the run,
//! and its weights; trains nothing itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tch::{Device, Kind};

use super::RunError;
use super::machine::free_memory;
use crate::Values;
use crate::cost::cost;
use crate::data::{self, Dataset};
use crate::distributed::ProcessGroup;
use crate::exec::{Executable, Weights};
use crate::ir::{Mode, Recompute, WeightInfo};
use crate::lower::Program;
use crate::model_file::ModelFile;
use crate::run_file::{self, EvaluationWeights, Precision, RunFile, TrainConfig};
use crate::train::best::{self, BEST};
use crate::train::checkpoint;
use crate::train::error::TrainError;
use crate::train::optimiser::assign;
use crate::train::run_folder;
use crate::train::supervision::{Graded, SupervisionStep};
use crate::train::trainer::Programs;
use crate::train::used_run::{self, UsedRun, Wish, compare_about, facts};
use crate::weights::WeightsAbout;

/// Of the free memory, for activations; gradients, optimiser and data take the rest.
const SHARE_OF_MEMORY: f64 = 0.5;

/// A run file with its data and its model, on a device.
pub struct Session {
    /// The run file, which knows the steps of the whole run now.
    pub run: RunFile,
    /// The model, bound to the sizes of the data; its configs are those of the step that was asked for last, at first of
    /// training step 0.
    pub model_file: ModelFile,
    /// The data set.
    pub data: Arc<dyn Dataset>,
    /// Where to compute.
    pub device: Device,
    /// Rows of a batch that are computed at once; decided when first asked.
    pub micro_batch: Option<usize>,
    /// Whether it has been decided what the backward pass computes again.
    pub(super) fitted: bool,
    /// Processes that share each batch.
    processes: usize,
    /// Those of them that share this machine's memory.
    processes_here: usize,
}

/// A way to do a training step.
struct Fit {
    /// Bytes beyond the memory there is.
    over: f64,
    /// In a unit of its own.
    seconds: f64,
    rows: usize,
    recompute: Recompute,
}

impl Fit {
    fn better_than(&self, other: &Fit) -> bool {
        (self.over, self.seconds) < (other.over, other.seconds)
    }
}

impl Session {
    /// Reads the run file at `path`, or of the run whose folder it is, with `--set`s, and opens what it names.
    ///
    /// # Errors
    /// A run file, model file or data that cannot be read or used.
    pub fn open(path: &Path, sets: &[String], device: Device) -> Result<Session, RunError> {
        Session::of(read(path, sets)?, device)
    }

    /// Opens the run whose weights a command uses, with the settings of that run; what the user has to know of them is in
    /// the second value.
    ///
    /// # Errors
    /// As [`Session::open`], and settings that nobody asked for.
    pub fn to_use(wish: &Wish, device: Device) -> Result<(Session, UsedRun), RunError> {
        refuse_model_files(wish.file)?;
        let used = used_run::find(wish)?;
        Ok((Session::of(used.run.clone(), device)?, used))
    }

    /// Of a run file that has been read.
    ///
    /// # Errors
    /// A model file or data that cannot be read.
    pub fn of(mut run: RunFile, device: Device) -> Result<Session, RunError> {
        let data: Arc<dyn Dataset> = Arc::from(data::open(&run.run.data, run.data_folder())?);
        run.run.steps_in_all = Some(run.run.length.steps(data.train_len(), run.run.batch));
        let mut model_file =
            ModelFile::of_run(&run, None).map_err(|cause| RunError::Io { path: run.model_path(), cause })?;
        for (axis, size) in data.sizes().axes() {
            model_file.bind_size(axis, size);
        }
        model_file.bind_run(&run);
        let micro_batch = run.run.micro_batch;
        let batch = run.run.batch;
        let mut session = Session {
            run,
            model_file,
            data,
            device,
            micro_batch,
            fitted: false,
            processes: 1,
            processes_here: 1,
        };
        session.bind(Mode::Training, 0, batch);
        Ok(session)
    }

    /// The processes of a group share each batch.
    pub(super) fn share(&mut self, group: &ProcessGroup) {
        (self.processes, self.processes_here) = (group.size(), group.local_size());
    }

    /// Binds the configs of one mode after `steps` training steps, and the batch.
    pub fn bind(&mut self, mode: Mode, steps: u64, batch: usize) {
        self.model_file.bind_configs(match mode {
            Mode::Training => self.run.run.training_configs(steps),
            Mode::Evaluation => self.run.run.evaluation_configs(steps),
        });
        self.model_file.bind_size("batch", batch);
    }

    /// The program of one mode after `steps` training steps, for batches of `batch`.
    ///
    /// # Errors
    /// The author's mistakes.
    pub fn program(
        &mut self,
        mode: Mode,
        steps: u64,
        batch: usize,
        values: Values,
    ) -> Result<Program, RunError> {
        self.bind(mode, steps, batch);
        Ok(self.model_file.program(mode, values)?)
    }

    /// The same, ready to run on the device.
    ///
    /// # Errors
    /// The author's mistakes.
    pub fn executable(&mut self, mode: Mode, steps: u64, batch: usize) -> Result<Executable, RunError> {
        let program = self.program(mode, steps, batch, Values::Dropped)?;
        self.linked(program)
    }

    /// A program linked to its kernels, on the device.
    ///
    /// # Errors
    /// A kernel that cannot be planned: totc's own mistake, or no memory left.
    pub fn linked(&self, program: Program) -> Result<Executable, RunError> {
        Ok(Executable::new(program, self.device)?)
    }

    /// The program that tests, for batches of `batch` and less.
    ///
    /// # Errors
    /// The author's mistakes.
    pub fn evaluation(&mut self, steps: u64, batch: usize) -> Result<Graded, RunError> {
        Graded::new(batch, |rows| self.executable(Mode::Evaluation, steps, rows))
    }

    /// Rows of a batch computed at once, and what the backward pass computes again: what the run file says, else what is
    /// estimated to be fastest among what fits into the memory. Computing again changes no result, parts change rounding.
    ///
    /// # Errors
    /// The author's mistakes.
    pub fn micro_batch(&mut self) -> Result<usize, RunError> {
        if let (Some(rows), true) = (self.micro_batch, self.fitted) {
            return Ok(rows);
        }
        let batch = self.run.run.batch;
        let processes = self.processes;
        let shared = |rows: &usize| batch.is_multiple_of(*rows) && (batch / rows).is_multiple_of(processes);
        // What was asked for, or the largest part of it that lets all processes have as many.
        let given = self
            .micro_batch
            .and_then(|given| (1..=given).rev().find(|rows| given.is_multiple_of(*rows) && shared(rows)));
        if !batch.is_multiple_of(self.processes) || self.micro_batch.is_some() && given.is_none() {
            let part = self.run.run.micro_batch;
            return Err(RunError::Unshared { batch, part, processes: self.processes });
        }
        let bound = match (self.run.run.memory, self.device) {
            (Some(memory), _) => memory * 1e9,
            (None, Device::Cpu) => free_memory()
                .map_or(f64::INFINITY, |free| SHARE_OF_MEMORY * free / self.processes_here as f64),
            (None, _) => f64::INFINITY,
        };
        let mut best: Option<Fit> = None;
        for recompute in Recompute::ALL {
            self.model_file.bindings.recompute = recompute;
            let program = self.program(Mode::Training, 0, batch, Values::Dropped)?;
            let whole = cost(&program);
            let (bytes, flops) = (whole.activation_bytes as f64, whole.flops as f64);
            let parts = (1..=batch).rev().filter(shared);
            let allowed = parts.filter(|rows| given.is_none_or(|given| given == *rows));
            for rows in allowed {
                let share = rows as f64 / batch as f64;
                // A part costs what dispatching its operations costs, which counts for less the larger it is.
                let seconds = flops * (1.0 + 1.0 / rows as f64);
                let over = (bytes * share - bound).max(0.0);
                let fit = Fit { over, seconds, rows, recompute };
                if best.as_ref().is_none_or(|best| fit.better_than(best)) {
                    best = Some(fit);
                }
            }
            if best.as_ref().is_some_and(|best| best.over == 0.0 && best.rows * self.processes >= batch) {
                break;
            }
        }
        let (rows, recompute) = best.map_or((batch, Recompute::default()), |fit| (fit.rows, fit.recompute));
        self.model_file.bindings.recompute = recompute;
        (self.micro_batch, self.fitted) = (Some(rows), true);
        Ok(rows)
    }

    /// Every weight of the model.
    ///
    /// # Errors
    /// The author's mistakes.
    pub fn weight_infos(&mut self) -> Result<Vec<WeightInfo>, RunError> {
        let batch = self.run.run.batch;
        Ok(self.program(Mode::Training, 0, batch, Values::Dropped)?.weights)
    }

    /// Has no gradient computed for the `param`s that stay as they are. Settings that cannot be are the trainer's to refuse.
    pub fn freeze(&mut self, config: &TrainConfig, infos: &[WeightInfo]) {
        let treatments = assign(infos, config).unwrap_or_default();
        let frozen = treatments.into_iter().filter(|(_, treatment)| treatment.frozen);
        self.model_file.bindings.frozen = frozen.map(|(path, _)| path).collect();
        self.fitted = false;
    }

    /// Both programs of a trainer that has done `steps` steps.
    ///
    /// # Errors
    /// The author's mistakes.
    pub fn programs(&mut self, steps: u64) -> Result<Programs, RunError> {
        let part = self.micro_batch()?;
        let test = self.data.test_len().clamp(1, self.run.run.batch);
        let training: Box<dyn SupervisionStep> = Box::new(self.executable(Mode::Training, steps, part)?);
        let evaluation: Box<dyn SupervisionStep> = Box::new(self.evaluation(steps, test)?);
        Ok(Programs { training, evaluation })
    }

    /// An error of training with the lines of the model that it speaks of.
    pub fn placed(&self, mut error: TrainError) -> TrainError {
        if let TrainError::NotFinite { origin: Some(origin), .. } = &mut error {
            origin.find(|span| self.model_file.sources.place(span));
        }
        error
    }

    /// The number format of matrices and activations.
    pub fn precision(&self) -> Kind {
        match self.run.run.precision {
            Precision::Float32 => Kind::Float,
            Precision::Bfloat16 => Kind::BFloat16,
        }
    }

    /// The weights that a command uses: those that were given, or of the run's last checkpoint (averaged where it has
    /// averages and its evaluation wants them).
    ///
    /// # Errors
    /// A folder without checkpoint; a file that does not fit, or was trained with settings that nobody asked for.
    pub fn weights(
        &mut self,
        wish: &Wish,
        used: &mut UsedRun,
        program: &Program,
    ) -> Result<UsedWeights, RunError> {
        let path = match wish.weights {
            Some(path) if path == Path::new(BEST) && !path.exists() => {
                best::file(&used.folder).ok_or_else(|| {
                    RunError::Folder(format!("{} keeps no weights of its best test", used.folder.display()))
                })?
            }
            Some(path) if path.is_dir() => self.weights_in(path)?,
            Some(path) => path.to_owned(),
            None => self.weights_in(&used.folder)?,
        };
        let (sha256, about) = facts(&path)?;
        let weights = Weights::load(&path, &program.weights, self.device)?;
        if let Some(name) = not_finite(&weights)? {
            return Err(RunError::Folder(format!(
                "{}: `{name}` holds numbers that are infinite or not a number (NaN): whatever is computed with these \
                 weights is meaningless; take those of an earlier checkpoint",
                path.display()
            )));
        }
        if let (Some(about), false, Some(_)) = (&about, used.compared, wish.weights) {
            self.bind(Mode::Evaluation, u64::MAX, self.run.run.batch);
            let model = self.model_file.model(Mode::Evaluation)?;
            used.other.extend(compare_about(wish, about, &model, &self.model_file, &self.run)?);
        }
        let own =
            wish.weights.is_none() || same_file(&path, &self.weights_in(&used.folder).unwrap_or_default());
        Ok(UsedWeights { weights, path, sha256, step: about.and_then(|about| about.step), own })
    }

    /// The weights that a run's folder holds.
    fn weights_in(&self, folder: &Path) -> Result<PathBuf, RunError> {
        let inner = folder.join(checkpoint::FOLDER);
        let place = if inner.exists() { inner } else { folder.to_owned() };
        let file = match self.run.run.evaluation.weights {
            EvaluationWeights::Average => checkpoint::weights_file(&place),
            EvaluationWeights::Trained => checkpoint::trained_weights_file(&place),
        };
        if !file.exists() {
            return Err(RunError::NoCheckpoint(folder.to_owned()));
        }
        Ok(file)
    }

    /// What weights of this run say of themselves; the step and which they are is known when they are written.
    ///
    /// # Errors
    /// The author's mistakes.
    pub fn about(&mut self) -> Result<WeightsAbout, RunError> {
        self.bind(Mode::Evaluation, u64::MAX, self.run.run.batch);
        let model = self.model_file.model(Mode::Evaluation)?;
        let name = model.graph.model.clone();
        Ok(WeightsAbout {
            totc: env!("CARGO_PKG_VERSION").to_owned(),
            model: name,
            model_sha256: self.model_file.digest(),
            configs: model.configs.into_iter().collect(),
            sizes: self.data.sizes().axes().map(|(axis, size)| (axis.to_owned(), size)).into(),
            precision: self.run.run.precision.name().to_owned(),
            ..WeightsAbout::default()
        })
    }
}

/// The first weight that holds a number that is none.
fn not_finite(weights: &Weights) -> Result<Option<&String>, tch::TchError> {
    for (name, tensor) in &weights.tensors {
        if !bool::try_from(tensor.f_isfinite()?.f_all()?)? {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Weights that a command uses.
#[derive(Debug)]
pub struct UsedWeights {
    /// The tensors.
    pub weights: Weights,
    /// Their file.
    pub path: PathBuf,
    /// SHA-256 of it.
    pub sha256: String,
    /// Training steps they have seen, where the file says it.
    pub step: Option<u64>,
    /// Whether they are those of the run's last checkpoint.
    pub own: bool,
}

/// Reads a run file, or the one of a run's folder.
///
/// # Errors
/// A model file in its place; a run file with mistakes; a folder without a run.
pub fn read(path: &Path, sets: &[String]) -> Result<RunFile, RunError> {
    refuse_model_files(path)?;
    match run_folder::named(path) {
        Some(folder) => Ok(run_folder::open(&folder, Path::new(""), sets)?),
        None => Ok(run_file::load_with(path, sets)?),
    }
}

fn refuse_model_files(path: &Path) -> Result<(), RunError> {
    match path.extension() {
        Some(extension) if extension == "tot" => Err(RunError::ModelFile(path.to_owned())),
        _ => Ok(()),
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}
