//! A run that starts from weights of another model: puts what `init` found in place of fresh weights, gives the param groups
//! that they learn in, and refuses to resume from others.

use super::RunError;
use crate::exec::Weights;
use crate::ir::{WeightInfo, WeightRole};
use crate::run_file::{ParamGroup, RunFile, Start};
use crate::train::identity::WeightOrigin;
use crate::train::optimiser::matches;
use crate::weights::{self, Source, Transfer};

/// What a run keeps of the weights it starts from.
pub fn origin(source: &Source, transfer: &Transfer) -> WeightOrigin {
    WeightOrigin { sha256: source.hash.clone(), taken: transfer.taken.keys().cloned().collect() }
}

/// Refuses to resume a run whose weights to start from are others now. A file that is gone is no reason: the checkpoint
/// has all that came from it.
pub fn same_origin(run: &RunFile, before: Option<&WeightOrigin>) -> Result<(), RunError> {
    let (Some(start), Some(before)) = (&run.run.init, before) else { return Ok(()) };
    let now = weights::locate(&start.from).and_then(|path| weights::fingerprint(&path));
    match now {
        Ok(now) if now != before.sha256 => Err(RunError::OtherRun(format!(
            "the weights at {} changed since this run began with them (sha256 {}… then, {}… now); put the old ones back, \
             or start another run with --out",
            start.from.display(),
            before.sha256.get(..12).unwrap_or_default(),
            now.get(..12).unwrap_or_default()
        ))),
        _ => Ok(()),
    }
}

/// The param groups of the run file and, after them, one for each `param` that came from the source and is in none.
pub fn groups(
    start: Option<&Start>,
    origin: Option<&WeightOrigin>,
    given: &[ParamGroup],
    infos: &[WeightInfo],
) -> Vec<ParamGroup> {
    let mut groups = given.to_vec();
    let (Some(start), Some(origin)) = (start, origin) else { return groups };
    if !start.frozen && start.lr.is_none() && start.lr_factor.is_none() {
        return groups;
    }
    for info in
        infos.iter().filter(|info| info.role == WeightRole::Param && origin.taken.contains(&info.path))
    {
        if !given.iter().any(|group| matches(&group.weights, &info.path)) {
            groups.push(ParamGroup {
                weights: info.path.clone(),
                lr: start.lr,
                lr_factor: start.lr_factor,
                weight_decay: None,
                frozen: start.frozen,
            });
        }
    }
    groups
}

/// Puts what was taken in place of fresh weights, on their device.
pub fn apply(transfer: &Transfer, weights: &mut Weights) -> Result<(), tch::TchError> {
    for (path, array) in &transfer.arrays {
        if let Some(fresh) = weights.tensors.get_mut(path) {
            let shape: Vec<i64> = array.shape.iter().map(|size| *size as i64).collect();
            let tensor = tch::Tensor::f_from_data_size(&array.data, &shape, tch::Kind::Float)?;
            *fresh = tensor.f_to_device(fresh.device())?;
        }
    }
    Ok(())
}
