//! What can be known of a run before its first step: takes its settings, its model and what is known of its data, compiles
//! every program that it will need, and refuses what would end it later. `totc run` and `totc check` ask the same.
//! Computes nothing, opens nothing.

use std::collections::BTreeMap;

use super::columns::fits;
use super::error::TrainError;
use super::evaluate::{Protocol, check_rollouts, check_threshold};
use super::optimiser::{MainOptimiser, assign};
use super::run::RunError;
use crate::Values;
use crate::data::{DataSpec, Field};
use crate::ir::{Mode, OutputKind, OutputName, WeightInfo};
use crate::lower::Program;
use crate::model_file::ModelFile;
use crate::run_file::{Begin, ConfigValue, Phase, RunFile, RunFileError, Slug};

type Configs = BTreeMap<String, ConfigValue>;

/// Checks the run that `run` describes. `model` is bound to the sizes of the data; `columns` are the data's, where they are
/// known. How long the run is counts where `run` knows it.
///
/// # Errors
/// The first thing that would end the run, at its place in the run file where it has one.
pub fn preflight(run: &RunFile, model: &ModelFile, columns: Option<&[Field]>) -> Result<(), RunError> {
    settings(run)?;
    let mut model = model.clone();
    model.bind_size("batch", run.run.micro_batch.unwrap_or(run.run.batch));
    let mut configs = run.run.set.clone();
    let mut trained: Option<Vec<WeightInfo>> = None;
    let mut tested: Option<Program> = None;
    for phase in std::iter::once(None).chain(run.run.phases.iter().enumerate().map(Some)) {
        let before = configs.clone();
        configs.extend(phase.into_iter().flat_map(|(_, phase)| phase.set.clone()));
        let training = compiled(&mut model, Mode::Training, &configs, &part_of_run(phase, Mode::Training))?;
        match &trained {
            None => trained = Some(training.weights.clone()),
            Some(trained) => {
                let at = phase.map_or(String::new(), |(number, _)| format!("phases.{number}.set"));
                let set = phase.map(|(_, phase)| &phase.set);
                same_weights(run, &mut model, Mode::Training, (&before, set, &at), trained, &training)?;
            }
        }
        let mut in_test = configs.clone();
        in_test.extend(run.run.set_in_evaluation.clone());
        let program =
            compiled(&mut model, Mode::Evaluation, &in_test, &part_of_run(phase, Mode::Evaluation))?;
        let set = Some(&run.run.set_in_evaluation);
        if let Some(trained) = &trained {
            let place = (&configs, set, "set_in_evaluation");
            same_weights(run, &mut model, Mode::Evaluation, place, trained, &program)?;
        }
        for program in [&training, &program] {
            columns.map_or(Ok(()), |columns| fits(program, columns))?;
        }
        tested = Some(program);
    }
    assign(&trained.unwrap_or_default(), &run.train_config()).map_err(|error| placed(run, error))?;
    tested.map_or(Ok(()), |program| tests(run, &program))
}

/// Where a program is needed, for who has set what it cannot be compiled with.
fn part_of_run(phase: Option<(usize, &Phase)>, mode: Mode) -> String {
    let from = match phase.map(|(number, phase)| (number, phase.from)) {
        None => String::new(),
        Some((number, Begin::Steps(steps))) => {
            format!("from step {steps} on (`phases`, number {})", number + 1)
        }
        Some((number, Begin::Share(_))) => format!("in number {} of `phases`", number + 1),
    };
    match (from.is_empty(), mode) {
        (true, Mode::Training) => String::new(),
        (false, Mode::Training) => format!("so it is with the configs of training {from}"),
        (true, Mode::Evaluation) => "so it is with the configs of tests (`set_in_evaluation`)".to_owned(),
        (false, Mode::Evaluation) => format!("so it is with the configs of tests {from}"),
    }
}

fn compiled(model: &mut ModelFile, mode: Mode, configs: &Configs, part: &str) -> Result<Program, RunError> {
    model.bind_configs(configs.clone());
    model.program(mode, Values::Dropped).map_err(|cause| match part.is_empty() {
        true => RunError::Compile(cause),
        false => RunError::Part { part: part.to_owned(), cause },
    })
}

/// The settings that no program is needed for.
fn settings(run: &RunFile) -> Result<(), RunError> {
    let config = run.train_config();
    MainOptimiser::new(&config.optimiser).map_err(|error| placed(run, error))?;
    let refuse = |setting: &str, what: &str, help: &str| -> Result<(), RunError> {
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
    mode: Mode,
    place: (&Configs, Option<&Configs>, &str),
    trained: &[WeightInfo],
    program: &Program,
) -> Result<(), RunError> {
    let Some(what) = other_weight(trained, &program.weights, mode) else { return Ok(()) };
    let (without, set, at) = place;
    // Of several configs the one that does it alone.
    let alone = set.into_iter().flatten().find(|(name, value)| {
        let mut configs = without.clone();
        configs.insert((*name).clone(), (*value).clone());
        let program = compiled(model, mode, &configs, "");
        program.is_ok_and(|program| other_weight(trained, &program.weights, mode).is_some())
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

/// What the tests need of the model and the data.
fn tests(run: &RunFile, program: &Program) -> Result<(), RunError> {
    let wanted = &run.run.evaluation;
    let protocol = Protocol::of(wanted, run.run.seed);
    check_rollouts(program, protocol.rollouts).map_err(|error| placed(run, error))?;
    check_threshold(program, protocol.threshold).map_err(|error| placed(run, error))?;
    if protocol.views > 1
        && matches!(run.run.data, DataSpec::Text(_) | DataSpec::Arc(_) | DataSpec::Puzzles(_))
    {
        return Err(placed(run, protocol.no_views()));
    }
    let Some(by) = &run.run.checkpoints.keep.by else { return Ok(()) };
    let measure = |output: &OutputName| match output.kind {
        OutputKind::Metric => Some(output.name.clone()),
        OutputKind::Loss => Some(output.to_string()),
        _ => None,
    };
    let measured: Vec<String> = program.outputs.iter().filter_map(|output| measure(&output.name)).collect();
    if measured.contains(by) {
        return Ok(());
    }
    let what = format!("`{}` measures no `{by}`", program.model);
    let there: Vec<String> = measured.iter().map(|name| format!("\"{name}\"")).collect();
    let help = format!("there are {}", there.join(", "));
    Err(run.refuse("checkpoints.keep.by", Slug::UnknownValue, &what, Some(&help)).into())
}

/// An error about a setting, at the setting's place in the run file.
pub fn placed(run: &RunFile, error: TrainError) -> RunError {
    let TrainError::Setting { setting, what, fix } = error else { return error.into() };
    let path = setting.replace('[', ".").replace(']', "");
    let told =
        |slug| -> RunFileError { run.refuse(&path, slug, &format!("`{setting}`: {what}"), Some(&fix)) };
    told(if setting == "optimiser.name" { Slug::UnknownValue } else { Slug::Conflict }).into()
}
