//! What a resumed run must share with its beginning: takes a session, gives the identity kept beside its checkpoints;
//! refuses to go on with another run.

use std::path::Path;

use super::session::Session;
use super::{RunError, origin};
use crate::Values;
use crate::ir::{Mode, Recompute, WeightRole};
use crate::lower;
use crate::random::fnv1a;
use crate::train::arc_test::other_identifiers;
use crate::train::identity::{About, Identity, Provenance, TestSetHash, WeightOrigin};

/// Of the run that a session would start.
pub fn identity(session: &mut Session) -> Result<Identity, RunError> {
    let batch = session.run.run.batch;
    // The memory of the machine is no part of the run.
    session.model_file.bindings.recompute = Recompute::default();
    session.fitted = false;
    let program = session.program(Mode::Training, 0, batch, Values::Dropped)?;
    let about = About {
        model: program.model.clone(),
        parameters: super::numbers(&program, WeightRole::Param),
        table_parameters: super::numbers(&program, WeightRole::Table),
        batch,
        data: session.data.describe(),
        test: TestSetHash::of(session.data.as_ref()),
    };
    Ok(Identity {
        settings: session.run.fingerprint(),
        program: fnv1a(lower::print(&program).bytes()),
        micro_batch: session.micro_batch()?,
        origin: None,
        about: Some(about),
        made: Provenance::of(&session.run.path),
    })
}

/// Refuses to go on with another run in the folder `out`; gives what the run started from.
pub fn same_run(session: &mut Session, out: &Path) -> Result<Option<WeightOrigin>, RunError> {
    if let Some(what) = other_identifiers(out, session.data.as_ref()) {
        return Err(RunError::OtherRun(what));
    }
    let Some(before) = Identity::read(out).map_err(RunError::OtherRun)? else { return Ok(None) };
    session.micro_batch = Some(before.micro_batch);
    let now = identity(session)?;
    if let Some(difference) = now.settings.differences(&before.settings).first() {
        let show = |value: &Option<String>| value.clone().unwrap_or("not set".to_owned());
        return Err(RunError::OtherRun(format!(
            "`{}` was {} when this run began and is {} now; a resumed run goes on as it began: take the change back, or \
             start another run with --out",
            difference.setting,
            show(&difference.before),
            show(&difference.now)
        )));
    }
    if now.program != before.program {
        return Err(RunError::OtherRun(
            "the model computes something else than when this run began (its files have changed); take the change back, \
             or start another run with --out"
                .to_owned(),
        ));
    }
    origin::same_origin(&session.run, before.origin.as_ref())?;
    Ok(before.origin)
}
