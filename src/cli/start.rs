//! A run that starts from weights of another model: takes what `init` found, puts it in place of fresh weights, gives the
//! groups that they learn in and the lines that say what came from where.

use super::Failure;
use crate::exec::Weights;
use crate::ir::{WeightInfo, WeightRole};
use crate::report::count;
use crate::run_file::{RunFile, Start};
use crate::train::{Group, optimiser::matches};
use crate::weights::{self, Converted, Source, Taken, Transfer};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// What a run started from, kept beside its checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// SHA-256 of the weight file.
    pub sha256: String,
    /// Paths that were taken from it.
    pub taken: Vec<String>,
}

impl Origin {
    /// Of what was read and paired.
    pub fn of(source: &Source, transfer: &Transfer) -> Origin {
        Origin { sha256: source.hash.clone(), taken: transfer.taken.keys().cloned().collect() }
    }
}

/// Refuses to resume a run whose weights to start from are others now. A file that is gone is no reason: the checkpoint
/// has all that came from it.
pub fn same_origin(run: &RunFile, before: Option<&Origin>) -> Result<(), Failure> {
    let (Some(start), Some(before)) = (&run.run.init, before) else { return Ok(()) };
    let now = weights::locate(&start.from).and_then(|path| weights::fingerprint(&path));
    match now {
        Ok(now) if now != before.sha256 => Err(Failure::World(format!(
            "the weights at {} changed since this run began with them (sha256 {}… then, {}… now); put the old ones back, \
             or start another run with --out",
            start.from.display(),
            before.sha256.get(..12).unwrap_or_default(),
            now.get(..12).unwrap_or_default()
        ))),
        _ => Ok(()),
    }
}

/// The groups of the run file and, after them, one for each `param` that came from the source and is in none of them.
pub fn groups(
    start: Option<&Start>,
    origin: Option<&Origin>,
    given: &[Group],
    infos: &[WeightInfo],
) -> Vec<Group> {
    let mut groups = given.to_vec();
    let (Some(start), Some(origin)) = (start, origin) else { return groups };
    if !start.frozen && start.lr.is_none() && start.lr_factor.is_none() {
        return groups;
    }
    for info in
        infos.iter().filter(|info| info.role == WeightRole::Param && origin.taken.contains(&info.path))
    {
        if !given.iter().any(|group| matches(&group.weights, &info.path)) {
            groups.push(Group {
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
            let tensor = tensor.f_to_device(fresh.device())?;
            *fresh = tensor.f_set_requires_grad(fresh.requires_grad())?;
        }
    }
    Ok(())
}

/// What came from where and what is fresh, net by net.
pub fn describe(source: &Source, transfer: &Transfer, infos: &[WeightInfo]) -> String {
    let mut text = format!(
        "starts from {} (sha256 {})",
        source.checkpoint.path.display(),
        source.hash.get(..12).unwrap_or_default()
    );
    if let Some((family, prefix)) = &transfer.family {
        let _ = write!(text, ", names of {family}, prefix `{prefix}`");
    }
    text.push('\n');
    let mut taken = Nets::default();
    let mut fresh = Nets::default();
    for info in infos {
        let elements: i64 = info.shape.iter().product();
        match transfer.taken.get(&info.path) {
            Some(_) => taken.add(&info.path, elements),
            None if elements > 0 => fresh.add(&info.path, elements),
            None => {}
        }
    }
    let _ = writeln!(text, "  from it: {}", taken.shown());
    for (path, how) in &transfer.taken {
        match how {
            Taken::Mean { from, rows } => {
                let _ = writeln!(
                    text,
                    "  {path}: has another length there, so each row is the mean of the {rows} rows of {from}"
                );
            }
            Taken::Whole { converted: Some(how @ Converted { .. }), from } => {
                let _ = writeln!(text, "  {path}: {from} from {how}");
            }
            Taken::Whole { .. } => {}
        }
    }
    let _ = writeln!(text, "  fresh: {}", fresh.shown());
    if !transfer.left.is_empty() {
        let shown: Vec<&str> = transfer.left.iter().take(6).map(String::as_str).collect();
        let more = transfer.left.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = writeln!(text, "  not taken: {}{more}", shown.join(", "));
    }
    text
}

/// Elements by the first name of a path.
#[derive(Default)]
struct Nets(indexmap::IndexMap<String, i64>);

impl Nets {
    fn add(&mut self, path: &str, elements: i64) {
        let net = path.split('.').next().unwrap_or(path);
        *self.0.entry(net.to_owned()).or_default() += elements;
    }

    fn shown(&self) -> String {
        if self.0.is_empty() {
            return "nothing".to_owned();
        }
        let one = |(net, elements): (&String, &i64)| format!("{net} ({})", count(*elements as u64));
        self.0.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}
