//! What tests ask of a model and of the data: takes both as far as they are known, refuses what they cannot answer; tests
//! nothing.

use super::misfit::{Misfit, RunMistake, placed};
use super::steps::Step;
use crate::data::DataSpec;
use crate::ir::{OutputKind, OutputName};
use crate::run_file::{RunFile, Slug};

/// What a threshold is compared with.
pub const CONFIDENCE: &str = "confidence";

/// Refuses what the tests of a run cannot do. `step`: that of tests; `draws`: whether it draws random numbers.
pub(super) fn answerable(run: &RunFile, step: &Step, draws: impl FnOnce() -> bool) -> Result<(), RunMistake> {
    let wanted = &run.run.evaluation;
    rollouts_differ(&step.model, wanted.rollouts, draws).map_err(|misfit| placed(run, misfit))?;
    if let Some(threshold) = wanted.threshold
        && step.output(OutputKind::Prediction, CONFIDENCE).is_none()
    {
        return Err(placed(run, no_confidence(&step.model, threshold)));
    }
    if wanted.views > 1 && matches!(run.run.data, DataSpec::Text(_) | DataSpec::Arc(_) | DataSpec::Puzzles(_))
    {
        return Err(placed(run, no_views(wanted.views)));
    }
    let Some(by) = &run.run.checkpoints.keep.by else { return Ok(()) };
    let measured = step.measures();
    if measured.contains(by) {
        return Ok(());
    }
    let what = format!("`{}` measures no `{by}`", step.model);
    let there: Vec<String> = measured.iter().map(|name| format!("\"{name}\"")).collect();
    let help = format!("there are {}", there.join(", "));
    Err(run.refuse("checkpoints.keep.by", Slug::UnknownValue, &what, Some(&help)).into())
}

impl Step {
    /// The output of a name.
    fn output(&self, kind: OutputKind, name: &str) -> Option<&OutputName> {
        self.outputs.iter().find(|output| output.kind == kind && output.name == name)
    }

    /// What tests measure, by the names of `checkpoints.keep.by`.
    pub fn measures(&self) -> Vec<String> {
        let measure = |output: &OutputName| match output.kind {
            OutputKind::Metric => Some(output.name.clone()),
            OutputKind::Loss => Some(output.to_string()),
            _ => None,
        };
        self.outputs.iter().filter_map(measure).collect()
    }
}

/// Refuses rollouts that would all be the same.
///
/// # Errors
/// That they would.
pub fn rollouts_differ(model: &str, rollouts: usize, draws: impl FnOnce() -> bool) -> Result<(), Misfit> {
    if rollouts < 2 || draws() {
        return Ok(());
    }
    Err(Misfit::Setting {
        setting: "evaluation.rollouts".to_owned(),
        what: format!("all {rollouts} rollouts would be the same, since `{model}` draws no noise"),
        fix: "use a model that does, such as `Ptrm` of models/ptrm.tot with `sigma` above 0, or `views`"
            .to_owned(),
    })
}

/// The refusal of a threshold for a model that says nothing to compare it with.
pub fn no_confidence(model: &str, threshold: f64) -> Misfit {
    Misfit::Setting {
        setting: "evaluation.threshold".to_owned(),
        what: format!("model `{model}` predicts no `confidence` to compare with {threshold}"),
        fix: "leave the threshold out, or add `predict confidence = …` to the model".to_owned(),
    }
}

/// The refusal of views of data that have none.
pub fn no_views(views: usize) -> Misfit {
    Misfit::Setting {
        setting: "evaluation.views".to_owned(),
        what: format!("{views} views were asked for, but this data set knows no symmetries"),
        fix: "leave `views` at 1, or use rollouts of a model that draws noise".to_owned(),
    }
}
