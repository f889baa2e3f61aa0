//! What would end a run after it has begun: takes its settings, its model and what is known of its data, checks the model of
//! every part of the run and refuses what cannot be. Computes nothing, opens nothing.

use super::answers::answerable;
use super::columns::pairs;
use super::groups::assign;
use super::misfit::{RunMistake, placed};
use super::optimisers::numbers_of;
use super::steps::{Configs, Memo, Part, Step, parts};
use crate::Values;
use crate::data::Field;
use crate::ir::{Mode, WeightInfo};
use crate::model_file::ModelFile;
use crate::run_file::{Begin, RunFile, Slug};
use std::sync::Arc;

/// Checks the run that `run` describes. `model` is bound to the sizes of the data, and then to a part of the run; `columns` are the data's, where they are
/// known. How long the run is counts where `run` knows it.
///
/// # Errors
/// The first thing that would end the run, at its place in the run file where it has one.
pub fn preflight(
    run: &RunFile,
    model: &mut ModelFile,
    columns: Option<&[Field]>,
    memo: &Memo,
) -> Result<(), RunMistake> {
    settings(run)?;
    model.bind_size("batch", run.run.micro_batch.unwrap_or(run.run.batch));
    let mut trained: Option<Arc<Step>> = None;
    let mut training = Configs::new();
    let mut tested: Option<Arc<Step>> = None;
    for part in parts(run) {
        let step = step(model, &part, memo)?;
        match (&trained, part.mode) {
            (None, _) => trained = Some(step.clone()),
            (Some(trained), Mode::Training) => {
                let number = part.phase.unwrap_or_default();
                let set = run.run.phases.get(number).map(|phase| &phase.set);
                let at = format!("phases.{number}.set");
                same_weights(run, model, (&training, set, &at), &trained.weights, (&part, &step), memo)?;
            }
            (Some(trained), Mode::Evaluation) => {
                let place = (&training, Some(&run.run.set_in_evaluation), "set_in_evaluation");
                same_weights(run, model, place, &trained.weights, (&part, &step), memo)?;
            }
        }
        if let Some(columns) = columns {
            pairs(&step.model, &step.inputs, columns).map_err(RunMistake::Misfit)?;
        }
        match part.mode {
            Mode::Training => training = part.configs,
            Mode::Evaluation => tested = Some(step),
        }
    }
    let weights = trained.as_ref().map(|step| step.weights.as_slice()).unwrap_or_default();
    assign(weights, &run.train_config()).map_err(|misfit| placed(run, misfit))?;
    let draws = || model.program(Mode::Evaluation, Values::Dropped).is_ok_and(|program| program.draws());
    tested.map_or(Ok(()), |step| answerable(run, &step, draws))
}

fn step(model: &mut ModelFile, part: &Part, memo: &Memo) -> Result<Arc<Step>, RunMistake> {
    model.bind_configs(part.configs.clone());
    memo.step(model, part.mode).ok_or_else(|| RunMistake::Compile {
        part: part.words(),
        holders: part.holders(),
        cause: model.mistakes(),
    })
}

/// The settings that no program is needed for.
fn settings(run: &RunFile) -> Result<(), RunMistake> {
    let config = run.train_config();
    numbers_of(&config.optimiser).map_err(|misfit| placed(run, misfit))?;
    let refuse = |setting: &str, what: &str, help: &str| -> Result<(), RunMistake> {
        Err(run.refuse(setting, Slug::Conflict, what, Some(help)).into())
    };
    if let Some(rows) = config.micro_batch.filter(|rows| *rows == 0 || !config.batch.is_multiple_of(*rows)) {
        let parts: Vec<String> = (1..=config.batch)
            .filter(|part| config.batch.is_multiple_of(*part))
            .map(|part| part.to_string())
            .collect();
        let what = format!("a batch of {} cannot be computed in parts of {rows} rows", config.batch);
        return refuse("micro_batch", &what, &format!("the parts are equal: one of {}", parts.join(", ")));
    }
    let Some(total) = run.run.steps_in_all else { return Ok(()) };
    if config.accumulate > total {
        let what = format!("one update needs {} steps, and the run has {total}", config.accumulate);
        return refuse("accumulate", &what, "accumulate over fewer steps, or train longer (`length`)");
    }
    for (number, phase) in run.run.phases.iter().enumerate() {
        if let Begin::Steps(from) = phase.from
            && from >= total
        {
            let what = format!("a phase from step {from} never begins, as the run has {total} steps");
            let help = "begin it earlier, or by a share of the run as in `progress(0.5)`";
            return refuse(&format!("phases.{number}.from"), &what, help);
        }
    }
    Ok(())
}

/// Refuses configs with which the model has other weights than those that are trained. `place`: the configs without them,
/// they themselves, and where they stand.
fn same_weights(
    run: &RunFile,
    model: &mut ModelFile,
    place: (&Configs, Option<&Configs>, &str),
    trained: &[WeightInfo],
    (part, step_now): (&Part, &Step),
    memo: &Memo,
) -> Result<(), RunMistake> {
    let Some(what) = other_weight(trained, &step_now.weights, part.mode) else { return Ok(()) };
    let (without, set, at) = place;
    // Of several configs the one that does it alone.
    let alone = set.into_iter().flatten().find(|(name, value)| {
        let mut configs = without.clone();
        configs.insert((*name).clone(), (*value).clone());
        let step = step(model, &part.with(configs), memo);
        step.is_ok_and(|step| other_weight(trained, &step.weights, part.mode).is_some())
    });
    let setting = alone.map_or(at.to_owned(), |(name, _)| format!("{at}.{name}"));
    let who = alone.map_or("these configs".to_owned(), |(name, _)| format!("`{name}`"));
    let message = format!("{who} cannot change here: {what}");
    let help = "only configs that leave every weight its path and shape can change during a run";
    Err(run.refuse(&setting, Slug::Conflict, &message, Some(help)).into())
}

/// How the weights of a program differ from those that are trained; a test may do without some.
pub fn other_weight(trained: &[WeightInfo], now: &[WeightInfo], mode: Mode) -> Option<String> {
    for weight in now {
        let Some(before) = trained.iter().find(|before| before.path == weight.path) else {
            return Some(format!("the model then has a weight `{}` that is not trained before", weight.path));
        };
        if before.shape != weight.shape {
            let shapes = format!("{:?} in place of {:?}", weight.shape, before.shape);
            return Some(format!("the weight `{}` then has the shape {shapes}", weight.path));
        }
        if before.role != weight.role {
            return Some(format!("the weight `{}` is then of another kind", weight.path));
        }
    }
    let gone = trained.iter().find(|before| !now.iter().any(|weight| weight.path == before.path));
    let gone = gone.filter(|_| mode == Mode::Training);
    gone.map(|before| format!("the model then has no weight `{}`", before.path))
}
