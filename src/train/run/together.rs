//! A run of several processes: the first decides what comes next and keeps the run's folder, the others do as it does. Each step
//! begins with one small exchange, in which every process also tells what it has come to.

use std::sync::atomic::{AtomicBool, Ordering};

use super::error::RunError;
use super::session::Session;
use super::{LIBTORCH, RunOptions, begin, go_on};
use crate::distributed::{DistributedError, ProcessGroup};
use crate::run_file::RunFile;
use crate::train::error::TrainError;
use crate::train::identity::Identity;
use crate::train::preflight::preflight;
use crate::train::trainer::Group;
use crate::train::trainer::Trainer;

/// What all processes do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A training step.
    Step,
    /// Programs of the phase that begins.
    Phase,
    /// Collecting the states, for a checkpoint.
    Gather,
    /// Nothing: training is over.
    End,
    /// Nothing: training has been stopped before its end.
    Stop,
}

const ALL: [Next; 5] = [Next::Step, Next::Phase, Next::Gather, Next::End, Next::Stop];

/// Agrees on what comes next, which the first process says, and whether any process was asked to stop.
pub(super) fn agree_on_next(
    group: &ProcessGroup,
    next: Next,
    trainer: &Trainer,
    stop: &AtomicBool,
) -> Result<(Next, bool), DistributedError> {
    let code = ALL.iter().position(|one| *one == next).unwrap_or_default() as i64;
    let asked = i64::from(stop.load(Ordering::SeqCst));
    let came_to = trainer.last_norm().to_bits() as i64;
    let all = group.exchange(&[code, asked, trainer.steps_done() as i64, came_to])?;
    let Some((first, others)) = all.split_first() else { return Ok((next, false)) };
    for (rank, other) in (1..).zip(others) {
        if other.get(2..) != first.get(2..) {
            let what = format!("what step {} came to: its gradient has another norm", trainer.steps_done());
            return Err(DistributedError::Differs { rank, what });
        }
    }
    let next = first.first().and_then(|code| ALL.get(*code as usize)).copied().unwrap_or(Next::End);
    Ok((next, all.iter().any(|one| one.get(1) == Some(&1))))
}

/// Waits until the first process has put the folder in order. All take its `rows` computed at once, if it says any: it goes by the
/// free memory of its machine, of which others may have more or less.
pub(super) fn agree_on_parts(
    group: &ProcessGroup,
    session: &mut Session,
    rows: Option<usize>,
) -> Result<(), DistributedError> {
    let all = group.exchange(&[rows.unwrap_or(0) as i64])?;
    if let Some(rows) = all.first().and_then(|first| first.first()).filter(|rows| **rows > 0) {
        session.micro_batch = Some(*rows as usize);
    }
    Ok(())
}

/// Compares what the processes are about to compute.
///
/// # Errors
/// A process with another build, model, data, settings or weights.
pub(super) fn agree(
    group: &ProcessGroup,
    session: &mut Session,
    identity: &Identity,
    trainer: &Trainer,
) -> Result<(), RunError> {
    let contents = identity.about.as_ref().and_then(|about| about.contents_sha256.clone());
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let mut facts = vec![
        fact("the version of totc", env!("CARGO_PKG_VERSION").to_owned()),
        fact("the version of libtorch", LIBTORCH.to_owned()),
    ];
    facts.extend(
        identity
            .settings
            .values()
            .iter()
            .map(|(name, value)| fact(&format!("the setting `{name}`"), value.clone())),
    );
    facts.extend([
        fact("the data (sha256)", contents.unwrap_or_default()),
        fact("the model files (sha256)", session.model_file.digest()),
        fact("the compiled program", format!("{:x}", identity.program)),
        fact("the rows computed at once", session.micro_batch()?.to_string()),
        fact("the steps done", trainer.steps_done().to_string()),
        fact("the weights (sha256)", trainer.fingerprint()?),
    ]);
    Ok(group.agree(&facts)?)
}

/// Does what the first process does, until it ends; gives the steps done, and whether training was stopped before its end.
/// Writes nothing.
///
/// # Errors
/// As [`super::run`].
pub(super) fn follow(
    file: &RunFile,
    options: &RunOptions,
    group: &Group,
    stop: &AtomicBool,
) -> Result<(u64, bool), RunError> {
    let device = options.machine.prepare()?;
    let mut session = Session::of(file.clone(), device)?;
    session.share(group);
    preflight(&session.run, &session.model_file, Some(&session.data.fields()))?;
    let out = session.run.out();
    agree_on_parts(group, &mut session, None)?;
    let (mut trainer, identity) = match options.resume {
        true => go_on(&mut session, &out)?,
        false => begin(&mut session, None, &mut ())?,
    };
    trainer.set_loaders(options.loaders);
    agree(group, &mut session, &identity, &trainer)?;
    trainer.share(Some(Group::clone(group)));
    loop {
        let (next, _) = agree_on_next(group, Next::Step, &trainer, stop)?;
        match next {
            Next::Step => {
                trainer.step().map_err(|error| session.placed(error))?;
            }
            Next::Phase => {
                let programs = session.programs(trainer.steps_done())?;
                trainer.change_phase(programs)?;
            }
            Next::Gather => trainer.gather_states()?,
            Next::End | Next::Stop => return Ok((trainer.steps_done(), next == Next::Stop)),
        }
    }
}

/// Lets the others know why this process ends, unless it ends because of them.
pub(super) fn end(group: &ProcessGroup, error: &RunError) {
    if !matches!(error, RunError::Distributed(_) | RunError::Train(TrainError::Distributed(_))) {
        group.end(&error.to_string());
    }
}
