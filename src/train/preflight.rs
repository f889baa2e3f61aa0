//! What is done before a run's first step: takes its settings, its model and what is known of its data, checks them as
//! `totc check` does, and compiles every program that it will need. Computes nothing, opens nothing.

use super::run::RunError;
use crate::Values;
use crate::data::Field;
use crate::model_file::ModelFile;
use crate::run_check::{self, Memo};
use crate::run_file::RunFile;

/// Checks the run that `run` describes. `model` is bound to the sizes of the data; `columns` are the data's, where they are
/// known. How long the run is counts where `run` knows it.
///
/// # Errors
/// The first thing that would end the run, at its place in the run file where it has one.
pub fn preflight(run: &RunFile, model: &ModelFile, columns: Option<&[Field]>) -> Result<(), RunError> {
    // It keeps what it has checked.
    let mut model = model.clone();
    run_check::preflight(run, &mut model, columns, &Memo::default())?;
    model.bind_size("batch", run.run.micro_batch.unwrap_or(run.run.batch));
    for part in run_check::parts(run) {
        model.bind_configs(part.configs.clone());
        model.program(part.mode, Values::Dropped)?;
    }
    Ok(())
}
