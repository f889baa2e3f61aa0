//! What `run`, `eval`, `solve` and `bench` share: the data, the two programs, the device. Takes a run file's subject,
//! gives what the trainer needs.

use super::Failure;
use super::cost::cost;
use super::subject::{Subject, settings};
use crate::Values;
use crate::data::{self, Dataset};
use crate::exec::{Executable, Weights};
use crate::ir::Mode;
use crate::lower::Program;
use crate::run_file::{self, RunFile};
use crate::train::{Graded, Programs, SupervisionStep, checkpoint};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tch::{Device, Kind};

/// Choices of a command that runs on libtorch.
#[derive(clap::Args, Clone)]
pub struct Machine {
    /// cpu, cuda:N, or auto: the first GPU if there is one
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// Threads for computing (default: one per core)
    #[arg(long, value_name = "N")]
    pub threads: Option<i32>,
}

impl Machine {
    pub fn device(&self) -> Result<Device, Failure> {
        let cuda = tch::Cuda::is_available();
        let device = match self.device.as_str() {
            "cpu" => Device::Cpu,
            "auto" if cuda => Device::Cuda(0),
            "auto" => Device::Cpu,
            other => {
                let number = other
                    .strip_prefix("cuda")
                    .map(|rest| rest.strip_prefix(':').unwrap_or(if rest.is_empty() { "0" } else { rest }));
                let Some(number) = number.and_then(|number| number.parse::<usize>().ok()) else {
                    return Err(Failure::Usage(format!(
                        "there is no device `{other}`; give cpu, cuda:0 or auto"
                    )));
                };
                let found = tch::Cuda::device_count().max(0) as usize;
                if !cuda || number >= found {
                    return Err(Failure::World(format!(
                        "cuda:{number} is not there: libtorch sees {found} GPUs; use --device cpu, or set up the CUDA build with `./x setup --device cuda`"
                    )));
                }
                Device::Cuda(number)
            }
        };
        if let Some(threads) = self.threads {
            if threads < 1 {
                return Err(Failure::Usage("--threads takes 1 or more".to_owned()));
            }
            tch::set_num_threads(threads);
        }
        keep_memory();
        Ok(device)
    }
}

/// Of the free memory, for activations; gradients, optimiser and data take the rest.
const SHARE_OF_MEMORY: f64 = 0.5;

/// Bytes that a process can still get; None where the system does not tell.
fn free_memory() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<f64>().ok().map(|kib| kib * 1024.0)
}

/// Has the allocator keep freed activations instead of returning them to the system after every operation.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "a call of the allocator; see below")]
fn keep_memory() {
    // SAFETY: sets two numbers of the allocator.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 30);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_memory() {}

pub struct Session {
    pub run: RunFile,
    pub subject: Subject,
    pub data: Arc<dyn Dataset>,
    pub device: Device,
    /// Rows of a batch that are computed at once; decided when first asked.
    pub micro_batch: Option<usize>,
}

impl Session {
    pub fn open(path: &Path, sets: &[String], device: Device) -> Result<Session, Failure> {
        if path.extension().is_some_and(|extension| extension == "tot") {
            return Err(Failure::Usage(format!(
                "{} is a model file; this command takes a run file (.ron), which names a model and its data",
                path.display()
            )));
        }
        let run = run_file::load_with(path, sets)
            .map_err(|error| Failure::Mistakes(error.render(super::colours())))?;
        Session::of(run, device)
    }

    /// Of a run file that has been read.
    pub fn of(mut run: RunFile, device: Device) -> Result<Session, Failure> {
        let data: Arc<dyn Dataset> = Arc::from(
            data::open(&run.run.data, run.folder()).map_err(|error| Failure::World(error.to_string()))?,
        );
        run.run.steps_in_all = Some(run.run.length.steps(data.train_len(), run.run.batch));
        let mut subject = Subject::of_run(run.clone(), None)?;
        for (axis, size) in data.sizes().axes() {
            subject.bindings.sizes.insert(axis.to_owned(), size);
        }
        let micro_batch = run.run.micro_batch;
        Ok(Session { run, subject, data, device, micro_batch })
    }

    /// The program of one mode after `steps` training steps, for batches of `batch`.
    pub fn program(
        &mut self,
        mode: Mode,
        steps: u64,
        batch: usize,
        values: Values,
    ) -> Result<Program, Failure> {
        self.subject.bindings.sets = settings(match mode {
            Mode::Training => self.run.run.training_settings(steps),
            Mode::Evaluation => self.run.run.evaluation_settings(steps),
        });
        self.subject.bindings.sizes.insert("batch".to_owned(), batch);
        self.subject.program(mode, values)
    }

    pub fn executable(&mut self, mode: Mode, steps: u64, batch: usize) -> Result<Executable, Failure> {
        let program = self.program(mode, steps, batch, Values::Dropped)?;
        self.linked(program)
    }

    /// A program linked to its kernels, on the session's device.
    pub fn linked(&self, program: Program) -> Result<Executable, Failure> {
        Executable::new(program, self.device).map_err(|error| Failure::Internal(error.to_string()))
    }

    /// The program that tests, for batches of `batch` and less.
    pub fn evaluation(&mut self, steps: u64, batch: usize) -> Result<Graded, Failure> {
        Graded::new(batch, |rows| self.executable(Mode::Evaluation, steps, rows))
    }

    /// Rows of a batch computed at once: what the run file says, else the largest equal part of the batch whose
    /// activations fit into the memory that is free.
    pub fn micro_batch(&mut self) -> Result<usize, Failure> {
        if let Some(rows) = self.micro_batch {
            return Ok(rows);
        }
        let batch = self.run.run.batch;
        let mut rows = batch;
        if let (Device::Cpu, Some(free)) = (self.device, free_memory()) {
            let program = self.program(Mode::Training, 0, batch, Values::Dropped)?;
            let needed = cost(&program).activation_bytes as f64 / batch as f64;
            let fits = |rows: usize| needed * rows as f64 <= SHARE_OF_MEMORY * free;
            rows = (1..=batch)
                .rev()
                .filter(|rows| batch.is_multiple_of(*rows))
                .find(|rows| fits(*rows))
                .unwrap_or(1);
        }
        self.micro_batch = Some(rows);
        Ok(rows)
    }

    pub fn programs(&mut self, steps: u64) -> Result<Programs, Failure> {
        let part = self.micro_batch()?;
        let test = self.data.test_len().clamp(1, self.run.run.batch);
        let training: Box<dyn SupervisionStep> = Box::new(self.executable(Mode::Training, steps, part)?);
        let evaluation: Box<dyn SupervisionStep> = Box::new(self.evaluation(steps, test)?);
        Ok(Programs { training, evaluation })
    }

    pub fn precision(&self) -> Kind {
        crate::primitive::kernel::torch_kind(self.subject.bindings.precision.kind())
    }

    /// Weights from a file, or of the run's last checkpoint (averaged where it has averages).
    pub fn weights(&self, given: Option<&Path>, program: &Program) -> Result<(Weights, PathBuf), Failure> {
        let path = match given {
            Some(path) if path.is_dir() => weights_in(path)?,
            Some(path) => path.to_owned(),
            None => weights_in(&self.run.out())?,
        };
        let weights = Weights::load(&path, &program.weights, self.device)
            .map_err(|error| Failure::World(error.to_string()))?;
        Ok((weights, path))
    }
}

/// The weights that a run's folder holds.
fn weights_in(folder: &Path) -> Result<PathBuf, Failure> {
    let inner = folder.join(checkpoint::FOLDER);
    let place = if inner.exists() { inner } else { folder.to_owned() };
    let file = checkpoint::weights_file(&place);
    if !file.exists() {
        return Err(Failure::World(format!(
            "{} holds no checkpoint; train first with `totc run`, or give --weights FILE",
            folder.display()
        )));
    }
    Ok(file)
}
