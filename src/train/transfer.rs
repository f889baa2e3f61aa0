//! `init:` of a run file: takes the run file and the model's weights, gives the weights to start from; errors point at the
//! run file.

use crate::ir::WeightInfo;
use crate::run_file::{RunFile, RunFileError, Slug};
use crate::weights::{self, Ours, Source, Transfer, TransferError, Wish};

/// Reads and pairs what `init` names; `None` without `init`.
///
/// # Errors
/// A weight file that cannot be read or does not fit, told at the field of the run file that is to blame.
pub fn read_init(run: &RunFile, infos: &[WeightInfo]) -> Result<Option<(Source, Transfer)>, RunFileError> {
    let Some(init) = &run.run.init else { return Ok(None) };
    let source = Source::read(&init.from).map_err(|error| refuse(run, TransferError::File(error)))?;
    let wish = Wish {
        from: init.from.clone(),
        map: init.map.clone(),
        names: init.names.iter().map(|(ours, theirs)| (ours.as_str(), theirs.as_str())).collect(),
        fresh: init.fresh.iter().map(String::as_str).collect(),
        convert: init.convert,
    };
    let transfer = weights::plan(&source, &wish, &Ours::all(infos)).map_err(|error| refuse(run, error))?;
    Ok(Some((source, transfer)))
}

/// A complaint at the field of the run file that it is about.
fn refuse(run: &RunFile, error: TransferError) -> RunFileError {
    match error {
        TransferError::File(error) => run.refuse("init.from", Slug::Weights, &error.to_string(), None),
        TransferError::Names(error) => run.refuse("init.map", Slug::Weights, &error.to_string(), None),
        TransferError::Refused { field, what, help } => {
            run.refuse(field, Slug::Weights, &what, help.as_deref())
        }
    }
}
