//! What a resumed run must share with its beginning: takes a session, gives the identity kept beside its checkpoints;
//! refuses to go on with another run.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::session::Session;
use super::{RunError, origin};
use crate::Values;
use crate::ir::{Mode, Recompute, WeightRole};
use crate::lower;
use crate::random::fnv1a;
use crate::run_file::RunFile;
use crate::train::arc_test::other_identifiers;
use crate::train::identity::{About, FOLDER_FORMAT, Identity, Provenance, TestSetHash, contents_hash};

/// Of the run that a session would start.
pub fn identity(session: &mut Session) -> Result<Identity, RunError> {
    let batch = session.run.run.batch;
    // The memory of the machine is no part of the run.
    session.model_file.bindings.recompute = Recompute::default();
    session.model_file.bindings.frozen.clear();
    session.fitted = false;
    let program = session.program(Mode::Training, 0, batch, Values::Dropped)?;
    let about = About {
        model: program.model.clone(),
        parameters: super::numbers(&program, WeightRole::Param),
        table_parameters: super::numbers(&program, WeightRole::Table),
        batch,
        data: session.data.describe(),
        test: TestSetHash::of(session.data.as_ref()),
        train: Some(TestSetHash::of_training(session.data.as_ref(), session.run.run.seed)),
        model_sha256: Some(session.model_file.digest()),
        contents_sha256: Some(contents_hash(session.data.as_ref())),
    };
    let programs = programs(session)?;
    Ok(Identity {
        format: FOLDER_FORMAT,
        settings: session.run.fingerprint(),
        program: fnv1a(lower::print(&program).bytes()),
        programs,
        micro_batch: session.micro_batch()?,
        origin: None,
        about: Some(about),
        made: Provenance { run_file: begun_at(&session.run)?, ..Provenance::of(&session.run.path) },
        sessions: Vec::new(),
    })
}

/// Hashes of the programs of every phase: what they compute, take and give, and when samples end.
fn programs(session: &mut Session) -> Result<Vec<(u64, u64)>, RunError> {
    let batch = session.run.run.batch;
    let run = &session.run.run;
    let begins = run.phases.iter().filter_map(|phase| run.begins(phase));
    let mut steps: Vec<u64> = std::iter::once(0).chain(begins).collect();
    steps.sort_unstable();
    steps.dedup();
    let mut hashes = Vec::new();
    for step in steps {
        let mut text = String::new();
        for mode in [Mode::Training, Mode::Evaluation] {
            let program = session.program(mode, step, batch, Values::Dropped)?;
            text += &lower::print(&program);
            let weights = program.weights.iter().map(|info| (&info.path, info.role, &info.shape));
            let _ = write!(text, "{:?}", weights.collect::<Vec<_>>());
            let _ = write!(text, "{:?}{:?}{:?}", program.inputs, program.states, program.halt);
        }
        hashes.push((step, fnv1a(text.bytes())));
    }
    Ok(hashes)
}

/// Where the run file lies that the data are relative to.
fn begun_at(run: &RunFile) -> Result<PathBuf, RunError> {
    let folder = run.data_folder();
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let whole = std::path::absolute(folder);
    let whole = whole.map_err(|cause| RunError::Io { path: folder.to_owned(), cause })?;
    Ok(whole.join(run.path.file_name().unwrap_or_default()))
}

/// Those of the programs in order; a longer run has its phases at other steps.
fn hashes(identity: &Identity) -> impl Iterator<Item = u64> {
    identity.programs.iter().map(|(_, hash)| *hash)
}

fn contents(identity: &Identity) -> Option<String> {
    identity.about.as_ref()?.contents_sha256.clone()
}

/// Refuses to go on with another run in the folder `out`; gives what is to be kept of it from now on.
pub fn same_run(session: &mut Session, out: &Path) -> Result<Identity, RunError> {
    if let Some(what) = other_identifiers(out, session.data.as_ref()) {
        return Err(RunError::OtherRun(what));
    }
    let Some(before) = Identity::read(out).map_err(RunError::OtherRun)? else {
        return identity(session);
    };
    session.micro_batch = Some(before.micro_batch);
    let now = identity(session)?;
    // The same rows are the same data, wherever they lie.
    let elsewhere = now.same_data(&before);
    let mut differences = now.settings.differences(&before.settings);
    differences.retain(|difference| !(elsewhere && difference.setting == "data"));
    if let Some(difference) = differences.first() {
        let show = |value: &Option<String>| value.clone().unwrap_or("not set".to_owned());
        return Err(RunError::OtherRun(format!(
            "`{}` was {} when this run began and is {} now; a resumed run goes on as it began: `totc run {} \
             --resume` takes its own settings; or take the change back, or start another run with --out",
            difference.setting,
            show(&difference.before),
            show(&difference.now),
            out.display()
        )));
    }
    // A part of what is trained on may have changed, behind all that is compared above.
    if let (Some(before), Some(now)) = (contents(&before), contents(&now))
        && before != now
    {
        return Err(RunError::OtherRun(format!(
            "the data are other than when this run began with them (sha256 {}… of all puzzles then, {}… now); put the old \
             ones back, or start another run with --out",
            before.get(..12).unwrap_or_default(),
            now.get(..12).unwrap_or_default()
        )));
    }
    let same_programs = before.programs.is_empty() || hashes(&before).eq(hashes(&now));
    if now.program != before.program || !same_programs {
        return Err(RunError::OtherRun(match before.made.totc == now.made.totc {
            true => format!(
                "the model computes something else than when this run began (its files have changed); `totc run {} \
                     --resume` takes the run's own copies; or take the change back, or start another run with --out",
                out.display()
            ),
            false => format!(
                "the model is not compiled as when this run began, by totc {} (this is {}); go on with that totc, or \
                     start another run with --out",
                before.made.totc, now.made.totc
            ),
        }));
    }
    origin::same_origin(&session.run, before.origin.as_ref())?;
    // The folder that the data are relative to stays the one where the run began.
    let made = Provenance { run_file: now.made.run_file.clone(), ..before.made };
    Ok(Identity { origin: before.origin, made, sessions: before.sessions, ..now })
}
