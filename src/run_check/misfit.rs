//! Why a run cannot be done as it is described: takes settings and what they are about, gives sentences, or the place in the
//! run file where one stands; decides nothing.

use crate::model_file::CompileError;
use crate::run_file::{RunFile, RunFileError, Slug};

/// Two things of a run that do not go together.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Misfit {
    /// A setting asks for something that cannot be.
    #[error("setting `{setting}`: {what}; {fix}")]
    Setting {
        /// The setting, as in `groups[1].weights`.
        setting: String,
        /// The cause.
        what: String,
        /// How to fix it.
        fix: String,
    },
    /// A name in the settings that means nothing.
    #[error("setting `{setting}`: {what}; {fix}")]
    Name {
        /// The setting, as in `optimiser.options.beta3`.
        setting: String,
        /// The cause.
        what: String,
        /// How to fix it.
        fix: String,
    },
    /// A model and the data or settings that it is used with.
    #[error("model `{model}`: {what}; {fix}")]
    Program {
        /// The model's name.
        model: String,
        /// The cause.
        what: String,
        /// How to fix it.
        fix: String,
    },
}

/// What would end a run later.
#[derive(Debug, thiserror::Error)]
pub enum RunMistake {
    /// A setting, at its place in the run file.
    #[error(transparent)]
    RunFile(#[from] RunFileError),
    /// The model does not check with the configs of a part of the run.
    #[error("{cause}{}", if part.is_empty() { String::new() } else { format!("\nnote: {part}") })]
    Compile {
        /// Which part, in a sentence without full stop; nothing of the run's beginning.
        part: String,
        /// Where configs stand that hold in this part, those that go before others first, as in `phases.0.set`.
        holders: Vec<String>,
        /// What is wrong.
        cause: CompileError,
    },
    /// Model and data.
    #[error(transparent)]
    Misfit(Misfit),
}

/// A misfit, at the setting's place in the run file if it is about one.
pub fn placed(run: &RunFile, misfit: Misfit) -> RunMistake {
    let (setting, what, fix, slug) = match misfit {
        Misfit::Setting { setting, what, fix } if setting == "optimiser.name" => {
            (setting, what, fix, Slug::UnknownValue)
        }
        Misfit::Setting { setting, what, fix } => (setting, what, fix, Slug::Conflict),
        Misfit::Name { setting, what, fix } => (setting, what, fix, Slug::UnknownField),
        Misfit::Program { .. } => return RunMistake::Misfit(misfit),
    };
    let path = setting.replace('[', ".").replace(']', "");
    run.refuse(&path, slug, &format!("`{setting}`: {what}"), Some(&fix)).into()
}
