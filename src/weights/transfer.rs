//! Weights of another model as a start: takes the tensors of a file and the weights of a model, says which are taken,
//! which table is reset and which weights are fresh; a shape or type that does not fit is refused.

use super::array::{Array, Arrays, Converted, DType};
use super::checkpoint::{self, Checkpoint};
use super::error::WeightFileError;
use super::name_map::{NameMap, NameMapError};
use super::pair::{self, Chosen, Ours};
use crate::ir::WeightRole;
use indexmap::IndexMap;
use std::path::{Path, PathBuf};

/// What a run file says of its start.
#[derive(Clone, Debug, Default)]
pub struct Wish<'a> {
    /// A weight file or the folder of a run.
    pub from: PathBuf,
    /// A name map in place of the shipped ones.
    pub map: Option<PathBuf>,
    /// Patterns of this model's paths to the source's: `"high.*": "f.*"`.
    pub names: Vec<(&'a str, &'a str)>,
    /// Patterns of weights that start fresh although the source has them.
    pub fresh: Vec<&'a str>,
    /// Turn other floating-point types into float32.
    pub convert: bool,
}

/// Where the weights come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// What the file holds.
    pub checkpoint: Checkpoint,
    /// SHA-256 of the file.
    pub hash: String,
}

/// How a weight of the model came by its numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Taken {
    /// As the source has it.
    Whole {
        /// The name in the other weights.
        from: String,
        /// How the elements were converted, if they were.
        converted: Option<Converted>,
    },
    /// A table with another number of rows: every row is the mean of the source's rows.
    Mean {
        /// The name in the other weights.
        from: String,
        /// How many rows the mean is of.
        rows: usize,
    },
}

/// Which weights are taken, and which are not.
#[derive(Clone, Debug, Default)]
pub struct Transfer {
    /// Family and prefix of the source's names; None: totc's own.
    pub family: Option<(String, String)>,
    /// By path.
    pub taken: IndexMap<String, Taken>,
    /// Paths of weights that start fresh.
    pub fresh: Vec<String>,
    /// Names of the source that nothing was taken from.
    pub left: Vec<String>,
    /// The numbers, by path.
    pub arrays: Arrays,
}

/// Why a run cannot start from a file.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] WeightFileError),
    /// The name map is wrong.
    #[error(transparent)]
    Names(#[from] NameMapError),
    /// The field of `init` that is wrong, what is wrong and the fix.
    #[error("{what}")]
    Refused {
        /// The setting that is to blame.
        field: &'static str,
        /// What is wrong.
        what: String,
        /// How to mend it.
        help: Option<String>,
    },
}

impl Source {
    /// Reads the source of a start.
    pub fn read(path: &Path) -> Result<Source, WeightFileError> {
        let checkpoint = checkpoint::read(path, None)?;
        let hash = checkpoint::fingerprint(&checkpoint.path)?;
        Ok(Source { checkpoint, hash })
    }
}

/// Pairs a source with the weights of a model as `wish` says.
///
/// # Errors
/// Weights whose shape or type differs (tables of another length aside), patterns that match nothing, and a source that
/// has nothing for the model.
pub fn plan(source: &Source, wish: &Wish, weights: &[Ours]) -> Result<Transfer, TransferError> {
    let tensors = &source.checkpoint.tensors;
    let map = wish.map.as_deref().map(NameMap::load).transpose()?;
    let sought = renamed(wish, weights)?;
    let chosen = pair::choose(map, &sought, tensors.keys())?;
    let mut result = Transfer::default();
    if !chosen.map.own {
        result.family = Some((chosen.map.family.clone(), chosen.prefix.clone()));
    }
    let mut problems = Vec::new();
    let mut types = Vec::new();
    let mut used = Vec::new();
    for pair in &chosen.pairs {
        let name = format!("{}{}", chosen.prefix, pair.theirs);
        let Some(array) = tensors.get(&name) else { continue };
        let fresh =
            |at: &usize| wish.fresh.iter().any(|pattern| wildcard(pattern, &weights[*at].path).is_some());
        if pair.ours.iter().all(fresh) {
            continue;
        }
        let path = pair.ours.iter().map(|at| weights[*at].path.as_str()).collect::<Vec<_>>().join(" and ");
        if array.dtype != DType::Float32 && !(wish.convert && array.dtype.is_float()) {
            types.push(format!("`{path}` would come from {name}, which is {}", array.dtype));
            continue;
        }
        let (array, converted) = match array.dtype {
            DType::Float32 => (array.clone(), None),
            _ => {
                let (array, how) = array.convert(DType::Float32);
                (array, Some(how))
            }
        };
        used.push(name.clone());
        if let Some((at, filled)) = mean(&array, &pair.shape, &pair.ours, weights) {
            let weight = &weights[at];
            result.taken.insert(weight.path.clone(), Taken::Mean { from: name, rows: array.shape[0] });
            result.arrays.insert(weight.path.clone(), filled);
            continue;
        }
        if array.shape != pair.shape {
            problems.push(format!("`{path}` needs {:?}, {name} is {:?}", pair.shape, array.shape));
            continue;
        }
        let mut rest = array.data.as_slice();
        for at in &pair.ours {
            let weight = &weights[*at];
            let (data, after) = rest.split_at((weight.elements() * 4).min(rest.len()));
            rest = after;
            if !fresh(at) {
                let array = Array { dtype: DType::Float32, shape: weight.shape.clone(), data: data.to_vec() };
                result.taken.insert(weight.path.clone(), Taken::Whole { from: name.clone(), converted });
                result.arrays.insert(weight.path.clone(), array);
            }
        }
    }
    refuse(source, &chosen, problems, types, &result)?;
    useful(wish, source, &chosen, weights)?;
    let is_fresh = |weight: &&Ours| !result.taken.contains_key(&weight.path) && weight.elements() > 0;
    result.fresh = weights.iter().filter(is_fresh).map(|weight| weight.path.clone()).collect();
    result.left = tensors.keys().filter(|name| !used.contains(name)).cloned().collect();
    Ok(result)
}

fn refuse(
    source: &Source,
    chosen: &Chosen,
    problems: Vec<String>,
    types: Vec<String>,
    result: &Transfer,
) -> Result<(), TransferError> {
    let path = source.checkpoint.path.display();
    let listed = |list: &[String]| match list.len() {
        0..=4 => list.join("; "),
        many => format!("{}; and {} more", list[..4].join("; "), many - 4),
    };
    let refused = |what: String, help: &str| {
        Err(TransferError::Refused { field: "init.from", what, help: Some(help.to_owned()) })
    };
    if !problems.is_empty() {
        return refused(
            format!("{path} has weights of another shape: {}", listed(&problems)),
            "give the model the sizes that the source has (`set`), or let them start fresh: `fresh: [\"…\"]` in `init`",
        );
    }
    if !types.is_empty() {
        return refused(
            format!("{path} has weights that are not float32: {}", listed(&types)),
            "write `convert: true` in `init` to turn them into float32",
        );
    }
    if result.taken.is_empty() {
        let names: Vec<String> = source.checkpoint.tensors.keys().take(4).cloned().collect();
        let known = if chosen.map.own { "" } else { " by their names" };
        return refused(
            format!("{path} has no weight for this model{known} (it has {}, …)", names.join(", ")),
            "`names: { \"ours.*\": \"theirs.*\" }` in `init` says which of its names stand for which weights",
        );
    }
    Ok(())
}

/// Every pattern of `fresh` keeps something from being taken.
fn useful(wish: &Wish, source: &Source, chosen: &Chosen, weights: &[Ours]) -> Result<(), TransferError> {
    let there = |pair: &&pair::Concrete| {
        source.checkpoint.tensors.contains_key(&format!("{}{}", chosen.prefix, pair.theirs))
    };
    let hit = |pattern: &str| {
        let mut pairs = chosen.pairs.iter().filter(there);
        pairs.any(|pair| pair.paths(weights).any(|path| wildcard(pattern, path).is_some()))
    };
    match wish.fresh.iter().find(|pattern| !hit(pattern)) {
        None => Ok(()),
        Some(pattern) => Err(TransferError::Refused {
            field: "init.fresh",
            what: format!(
                "`{pattern}` is no weight that {} has for this model",
                source.checkpoint.path.display()
            ),
            help: Some("leave it out: what the source has not starts fresh anyway".to_owned()),
        }),
    }
}

/// The model's weights under the names by which they are sought in the source.
fn renamed(wish: &Wish, weights: &[Ours]) -> Result<Vec<Ours>, TransferError> {
    let mut sought = weights.to_vec();
    for (ours, theirs) in &wish.names {
        let mut hits = 0;
        for (weight, sought) in weights.iter().zip(&mut sought) {
            if let Some(text) = wildcard(ours, &weight.path) {
                sought.path = theirs.replacen('*', text, 1);
                hits += 1;
            }
        }
        if hits == 0 {
            return Err(TransferError::Refused {
                field: "init.names",
                what: format!("`{ours}` is no weight of this model"),
                help: Some(
                    "left stand weights of the model, right those of the source: `\"high.*\": \"f.*\"`"
                        .to_owned(),
                ),
            });
        }
    }
    Ok(sought)
}

/// What `*` stands for, where a path is of the pattern; the empty text for a pattern without one.
pub fn wildcard<'a>(pattern: &str, path: &'a str) -> Option<&'a str> {
    match pattern.split_once('*') {
        None => (pattern == path).then_some(""),
        Some((before, after)) => path.strip_prefix(before)?.strip_suffix(after),
    }
}

/// A table of another length, filled with the mean of the source's rows, as the published code's `load_checkpoint` does.
fn mean(array: &Array, wanted: &[usize], ours: &[usize], weights: &[Ours]) -> Option<(usize, Array)> {
    let [at] = ours else { return None };
    if weights[*at].role != WeightRole::Table || array.shape.len() != 2 || wanted.len() != 2 {
        return None;
    }
    let (rows, columns) = (array.shape[0], array.shape[1]);
    if columns != wanted[1] || rows == wanted[0] || rows == 0 {
        return None;
    }
    let mut sums = vec![0.0f64; columns];
    let numbers = array.numbers();
    for row in numbers.chunks_exact(columns.max(1)) {
        sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
    }
    let row: Vec<f32> = sums.iter().map(|sum| (sum / rows as f64) as f32).collect();
    let all: Vec<f32> = row.iter().copied().cycle().take(wanted[0] * columns).collect();
    Some((*at, Array::float32(wanted.to_vec(), &all)))
}
