//! A program that can be run: what goes in, what comes out, and which of the two executors runs it.

use super::Weights;
use super::compiled::{Machine, slice_rows};
use super::draws::{Drawing, NamedDraws};
use super::interpreter::{Interpreter, Linked};
use super::profile::Profile;
use super::step::{ExecError, Inputs, Outputs, Tell};
use super::watch::Origin;
use crate::lower::Program;
use crate::primitive::kernel::torch_kind;
use std::sync::{Mutex, OnceLock, PoisonError};
use tch::{Device, Kind};
use totc_kernels::Form;

/// A program linked to its kernels, on a device.
pub struct Executable {
    program: Program,
    device: Device,
    kernels: Kernels,
    engine: Mutex<Option<Engine>>,
}

/// What a program is computed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernels {
    /// On the CPU, totc's own kernels in this form or the best below it that the processor has; libtorch's for the rest.
    Own(Form),
    /// libtorch's operations, one after the other: every device, and the reference.
    Libtorch,
}

static KERNELS: OnceLock<Kernels> = OnceLock::new();

impl Kernels {
    /// What [`Executable::new`] takes: the best that there is, unless [`Kernels::choose`] said otherwise.
    pub fn chosen() -> Kernels {
        *KERNELS.get_or_init(|| Kernels::Own(Form::best()))
    }

    /// Chooses for the whole process. Counts only before the first program is linked.
    pub fn choose(self) {
        let _ = KERNELS.set(self);
    }

    /// `amx`, `avx512`, `avx2`, `portable` or `libtorch`.
    pub fn named(name: &str) -> Option<Kernels> {
        if name == "libtorch" { Some(Kernels::Libtorch) } else { Form::named(name).map(Kernels::Own) }
    }
}

/// What runs a program: made when it first runs.
enum Engine {
    /// In slices of the batch, on the CPU.
    Machine(Box<Machine>),
    /// Instruction by instruction.
    Linked(Linked),
}

impl Executable {
    /// Links a program: its kernels are planned here, once.
    ///
    /// # Errors
    /// A kernel that cannot be planned (a bug of totc, or no memory left).
    pub fn new(program: Program, device: Device) -> Result<Executable, ExecError> {
        Executable::with(program, device, Kernels::chosen())
    }

    /// The same with kernels of one's choice.
    ///
    /// # Errors
    /// As [`Executable::new`].
    pub fn with(program: Program, device: Device, kernels: Kernels) -> Result<Executable, ExecError> {
        totc_kernels::Pool::set_shared_threads(tch::get_num_threads().max(1) as usize);
        totc_kernels::Pool::set_shared_first(one_thread_each);
        Ok(Executable { program, device, kernels, engine: Mutex::new(None) })
    }

    /// Whether it runs in slices on totc's own executor. Makes the machine, if that has not been done.
    ///
    /// # Errors
    /// No memory left.
    pub fn is_compiled(&self) -> Result<bool, ExecError> {
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(matches!(self.made(&mut engine)?, Engine::Machine(_)))
    }

    /// How it runs, in words: `2 slices of 4 samples, kernels: amx`. Makes its kernels, if that has not been done.
    ///
    /// # Errors
    /// No memory left; a kernel that cannot be planned.
    pub fn described(&self) -> Result<String, ExecError> {
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match self.made(&mut engine)? {
            Engine::Machine(machine) => machine.described(),
            Engine::Linked(_) => "operation by operation, kernels: libtorch".to_owned(),
        })
    }

    fn made<'e>(&self, engine: &'e mut Option<Engine>) -> Result<&'e mut Engine, ExecError> {
        if engine.is_none() {
            *engine = Some(self.machine()?.map_or_else(
                || Linked::of(&self.program, self.device).map(Engine::Linked),
                |machine| Ok(Engine::Machine(Box::new(machine))),
            )?);
        }
        engine.as_mut().ok_or_else(|| ExecError::Input { what: "its kernels".to_owned() })
    }

    fn machine(&self) -> Result<Option<Machine>, ExecError> {
        match (self.kernels, self.device, slice_rows(&self.program)) {
            (Kernels::Own(form), Device::Cpu, Some(rows)) => Machine::of(&self.program, rows, form),
            _ => Ok(None),
        }
    }

    /// The program it was linked from.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The libtorch kind of the run's floats.
    pub fn precision(&self) -> Kind {
        torch_kind(self.program.precision.kind())
    }

    /// Where its kernels run.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Runs one supervision step.
    ///
    /// # Errors
    /// Missing inputs or weights; kernels that fail (a bug of totc, or no memory left).
    pub fn run(&self, weights: &Weights, inputs: &Inputs) -> Result<Outputs, ExecError> {
        self.run_drawing(weights, inputs, None)
    }

    /// Runs one supervision step in which each row of the batch draws its random numbers from its own seed of `seeds`,
    /// so that they do not depend on the batch.
    ///
    /// # Errors
    /// As `run`.
    pub fn run_drawing(
        &self,
        weights: &Weights,
        inputs: &Inputs,
        seeds: Option<&[u64]>,
    ) -> Result<Outputs, ExecError> {
        Ok(self.run_noting(weights, inputs, Drawing { seeds, named: None }, None, None)?.0)
    }

    /// Runs one supervision step whose random draws are known by name: those that `draws` gives, or those of libtorch's
    /// generator, which it holds afterwards.
    ///
    /// # Errors
    /// As `run`; a draw that is lacking among those given, or has another shape.
    pub fn run_naming_draws(
        &self,
        weights: &Weights,
        inputs: &Inputs,
        draws: &mut NamedDraws,
    ) -> Result<Outputs, ExecError> {
        Ok(self.run_noting(weights, inputs, Drawing { seeds: None, named: Some(draws) }, None, None)?.0)
    }

    /// Runs one supervision step and tells of gradients of weights before it ends, on the CPU's executor; elsewhere of none.
    ///
    /// # Errors
    /// As `run`.
    pub fn run_telling(&self, weights: &Weights, inputs: &Inputs, tell: &Tell) -> Result<Outputs, ExecError> {
        Ok(self.run_noting(weights, inputs, Drawing::default(), None, Some(tell))?.0)
    }

    /// Runs one supervision step and notes how long each instruction takes.
    ///
    /// # Errors
    /// As `run`.
    pub fn run_profiled(&self, weights: &Weights, inputs: &Inputs) -> Result<(Outputs, Profile), ExecError> {
        let (outputs, profile) =
            self.run_noting(weights, inputs, Drawing::default(), Some(Profile::start()), None)?;
        Ok((outputs, profile.unwrap_or_else(Profile::start)))
    }

    /// Runs one supervision step operation by operation, and tells which of them made the first number that makes a loss
    /// or a gradient infinite or not a number; None where all are finite.
    ///
    /// # Errors
    /// As `run`.
    pub fn origin(&self, weights: &Weights, inputs: &Inputs) -> Result<Option<Origin>, ExecError> {
        let linked = Linked::apart(&self.program, self.device)?;
        let interpreter = Interpreter { program: &self.program, device: self.device, linked: &linked };
        interpreter.origin(weights, inputs)
    }

    fn run_noting(
        &self,
        weights: &Weights,
        inputs: &Inputs,
        drawing: Drawing,
        mut profile: Option<Profile>,
        tell: Option<&Tell>,
    ) -> Result<(Outputs, Option<Profile>), ExecError> {
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        match self.made(&mut engine)? {
            Engine::Machine(machine) => {
                let threads = tch::get_num_threads();
                // Slices are what runs side by side; libtorch's operations within one are not to.
                tch::set_num_threads(1);
                let outputs = machine.run(&self.program, weights, inputs, profile.as_mut(), tell);
                tch::set_num_threads(threads);
                Ok((outputs?, profile))
            }
            Engine::Linked(linked) => {
                let interpreter = Interpreter { program: &self.program, device: self.device, linked };
                interpreter.run(weights, inputs, drawing, profile)
            }
        }
    }
}

/// Slices run side by side, so that libtorch's operations in them are to use one thread: a second one would also split sums in
/// another way. MKL and OpenMP count for each thread by itself, and a thread takes libtorch's number when it first asks for it.
fn one_thread_each() {
    tch::get_num_threads();
    tch::set_num_threads(1);
}
