//! `init:` of a run file: takes the run file and the model's weights, gives the weights to start from; errors point at the
//! run file.

use super::subject::Subject;
use super::{Failure, colours};
use crate::Values;
use crate::ir::{Mode, WeightInfo};
use crate::run_file::{RunFile, Slug};
use crate::weights::{self, Ours, Source, Transfer, TransferError, Wish};

/// Reads and pairs what `init` names; None without `init`.
pub fn begin(run: &RunFile, infos: &[WeightInfo]) -> Result<Option<(Source, Transfer)>, Failure> {
    let Some(start) = &run.run.init else { return Ok(None) };
    let source = Source::read(&start.from).map_err(|error| refuse(run, TransferError::File(error)))?;
    let wish = Wish {
        from: start.from.clone(),
        map: start.map.clone(),
        names: start.names.iter().map(|(ours, theirs)| (ours.as_str(), theirs.as_str())).collect(),
        fresh: start.fresh.iter().map(String::as_str).collect(),
        convert: start.convert,
    };
    let transfer = weights::plan(&source, &wish, &Ours::all(infos)).map_err(|error| refuse(run, error))?;
    Ok(Some((source, transfer)))
}

/// A complaint at the field of the run file that it is about.
fn refuse(run: &RunFile, error: TransferError) -> Failure {
    let error = match error {
        TransferError::File(error) => run.refuse("init.from", Slug::Weights, &error.to_string(), None),
        TransferError::Names(error) => run.refuse("init.map", Slug::Weights, &error.to_string(), None),
        TransferError::Refused { field, what, help } => {
            run.refuse(field, Slug::Weights, &what, help.as_deref())
        }
    };
    Failure::Mistakes(error.render(colours()))
}

/// Checks `init` as far as it can be: weights that a run has still to make are only mentioned.
pub fn check(run: &RunFile, subject: &mut Subject) -> Result<String, Failure> {
    let Some(start) = &run.run.init else { return Ok(String::new()) };
    if !start.from.exists() {
        return Ok(format!(
            "{}: `init` is not checked, as there is no {} yet\n",
            run.path.display(),
            start.from.display()
        ));
    }
    let program = subject.program(Mode::Training, Values::Dropped)?;
    begin(run, &program.weights)?;
    Ok(String::new())
}
