//! Why a command stops short: turns the errors of the rooms below into text and an exit code.

use super::colours;
use crate::model_file::CompileError;
use crate::run_check::RunMistake;
use crate::run_file::RunFileError;
use crate::text_file::printable;

/// Why a command stops short.
pub enum Failure {
    /// The author's mistakes, already rendered.
    Mistakes(String),
    /// The command line asks for what there is not.
    Usage(String),
    /// The world: files, data, devices.
    World(String),
    /// A signal has asked to stop, of this number: what was learned is saved.
    #[cfg(feature = "torch")]
    Stopped(String, u8),
    /// Others have told it, with this exit code.
    #[cfg(feature = "torch")]
    Told(u8),
    /// Whether two things differ cannot be told: the text of what stands in the way, already rendered.
    Undecided(String),
    /// totc is wrong.
    Internal(String),
}

impl Failure {
    /// What goes to standard error, and the exit code.
    pub fn told(self) -> (String, u8) {
        match self {
            Failure::Mistakes(text) => (text, 1),
            Failure::Usage(text) => (format!("error: {}\n", printable(&text)), 2),
            Failure::World(text) => (format!("error: {}\n", printable(&text)), 3),
            #[cfg(feature = "torch")]
            Failure::Stopped(text, signal) => (format!("{}\n", printable(&text)), 128 + signal),
            #[cfg(feature = "torch")]
            Failure::Told(code) => (String::new(), code),
            Failure::Undecided(text) => (text, 2),
            Failure::Internal(text) => (format!("{}\n", printable(&text)), 4),
        }
    }
}

impl From<RunFileError> for Failure {
    fn from(error: RunFileError) -> Failure {
        Failure::Mistakes(error.render(colours()))
    }
}

impl From<CompileError> for Failure {
    fn from(error: CompileError) -> Failure {
        match error {
            CompileError::Mistakes(mistakes) => Failure::Mistakes(mistakes.render(colours())),
            CompileError::Internal(error) => Failure::Internal(error.to_string()),
        }
    }
}

impl From<RunMistake> for Failure {
    fn from(mistake: RunMistake) -> Failure {
        match mistake {
            RunMistake::RunFile(error) => error.into(),
            RunMistake::Compile { part, cause, .. } => match cause.into() {
                Failure::Mistakes(text) if !part.is_empty() => {
                    Failure::Mistakes(format!("{text}note: {part}\n"))
                }
                other => other,
            },
            RunMistake::Misfit(misfit) => Failure::World(misfit.to_string()),
        }
    }
}

#[cfg(feature = "torch")]
mod of_training {
    use super::Failure;
    use crate::train::TrainError;
    use crate::train::run::{MachineError, RunError};

    impl From<RunError> for Failure {
        fn from(error: RunError) -> Failure {
            match error {
                RunError::RunFile(error) => error.into(),
                RunError::Compile(error) => error.into(),
                RunError::Part { part, cause } => match cause.into() {
                    Failure::Mistakes(text) => Failure::Mistakes(format!("{text}note: {part}\n")),
                    other => other,
                },
                RunError::Machine(error) => error.into(),
                RunError::ModelFile(_)
                | RunError::Occupied(_)
                | RunError::NothingToResume(_)
                | RunError::NoEarlier(_)
                | RunError::InTheWay(_) => Failure::Usage(error.to_string()),
                _ => Failure::World(error.to_string()),
            }
        }
    }

    impl From<MachineError> for Failure {
        fn from(error: MachineError) -> Failure {
            match error {
                MachineError::AbsentGpu { .. } => Failure::World(error.to_string()),
                _ => Failure::Usage(error.to_string()),
            }
        }
    }

    impl From<TrainError> for Failure {
        fn from(error: TrainError) -> Failure {
            Failure::World(error.to_string())
        }
    }
}
