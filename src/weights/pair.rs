//! A name map for one model: takes the model's weights, gives the published names and shapes that stand for them, and
//! finds the prefix of a file.

use super::name_map::{FAMILIES, NameMap, NameMapError};
use crate::ir::{WeightInfo, WeightRole};
use indexmap::IndexMap;

/// A weight of the model, as pairing needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    /// Declared path.
    pub path: String,
    /// Names of its axes, outermost first.
    pub axes: Vec<String>,
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// How it is trained.
    pub role: WeightRole,
}

impl Ours {
    /// All weights of a program.
    pub fn all(infos: &[WeightInfo]) -> Vec<Ours> {
        let one = |info: &WeightInfo| Ours {
            path: info.path.clone(),
            axes: info.axes.clone(),
            shape: info.shape.iter().map(|size| *size as usize).collect(),
            role: info.role,
        };
        infos.iter().map(one).collect()
    }

    /// How many numbers it holds.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A published name and the weights of one model that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concrete {
    /// Without prefix.
    pub theirs: String,
    /// Places in the list of the model's weights; several: rows one below the other.
    pub ours: Vec<usize>,
    /// The published shape.
    pub shape: Vec<usize>,
}

impl Concrete {
    /// Paths of the weights that it stands for.
    pub fn paths<'a>(&'a self, weights: &'a [Ours]) -> impl Iterator<Item = &'a str> {
        self.ours.iter().map(|at| weights[*at].path.as_str())
    }
}

/// The pairs of a map that a model has, in the map's order.
///
/// # Errors
/// A map that gives a weight other axes than the model does.
pub fn concrete(map: &NameMap, weights: &[Ours]) -> Result<Vec<Concrete>, NameMapError> {
    if map.own {
        let own = |(at, weight): (usize, &Ours)| Concrete {
            theirs: weight.path.clone(),
            ours: vec![at],
            shape: weight.shape.clone(),
        };
        return Ok(weights.iter().enumerate().map(own).collect());
    }
    let mut found = Vec::new();
    let mut taken = vec![false; weights.len()];
    for pair in &map.pairs {
        let Some((first, others)) = pair.ours.split_first() else { continue };
        for (at, weight) in weights.iter().enumerate() {
            // Pairs of the map itself come before those of the family it extends.
            let Some(numbers) = first.read(&weight.path).filter(|_| !taken[at]) else { continue };
            let Some(theirs) = pair.theirs.write(&numbers) else { continue };
            let rest: Option<Vec<usize>> = others
                .iter()
                .map(|name| name.write(&numbers))
                .map(|path| weights.iter().position(|weight| Some(&weight.path) == path.as_ref()))
                .collect();
            let Some(rest) = rest else { continue };
            let shape = match &pair.axes {
                None => Ok(weight.shape.clone()),
                Some(axes) => axes.shape(&weight.axes, &weight.shape),
            };
            let mut shape = shape.map_err(|what| NameMapError {
                place: format!("the name map of {}", map.family),
                what: format!("`{}`: {what}", weight.path),
            })?;
            let ours: Vec<usize> = std::iter::once(at).chain(rest).collect();
            if let (Some(rows), true) = (shape.first_mut(), ours.len() > 1) {
                *rows = ours.iter().filter_map(|at| weights[*at].shape.first()).sum();
            }
            ours.iter().for_each(|at| taken[*at] = true);
            found.push(Concrete { theirs, ours, shape });
        }
    }
    Ok(found)
}

/// What stands before the names of a file that the map knows: the prefix of most of them.
pub fn prefix<'a>(map: &NameMap, pairs: &[Concrete], names: impl IntoIterator<Item = &'a String>) -> String {
    let mut counts: IndexMap<&str, usize> = IndexMap::new();
    let known = |name: &str| map.knows(name) || pairs.iter().any(|pair| pair.theirs == name);
    for name in names {
        let starts = std::iter::once(0).chain(name.match_indices('.').map(|(at, _)| at + 1));
        if let Some(start) = starts.into_iter().find(|start| name.get(*start..).is_some_and(known)) {
            *counts.entry(name.get(..start).unwrap_or("")).or_default() += 1;
        }
    }
    let mut best = ("", 0);
    for (prefix, count) in counts {
        if count > best.1 {
            best = (prefix, count);
        }
    }
    best.0.to_owned()
}

/// A map with its pairs for one model and the prefix of one file.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The name map.
    pub map: NameMap,
    /// Its pairs for this model.
    pub pairs: Vec<Concrete>,
    /// What stands before the map's names in the file.
    pub prefix: String,
}

impl Chosen {
    /// The pairs of `map`, and the prefix by which `names` have most of them.
    pub fn of<'a>(
        map: NameMap,
        weights: &[Ours],
        names: impl IntoIterator<Item = &'a String>,
    ) -> Result<Chosen, NameMapError> {
        let pairs = concrete(&map, weights)?;
        let prefix = prefix(&map, &pairs, names);
        Ok(Chosen { map, pairs, prefix })
    }

    fn matches(&self, names: &[&String]) -> usize {
        let known = |name: &&&String| {
            name.strip_prefix(self.prefix.as_str())
                .is_some_and(|name| self.pairs.iter().any(|pair| pair.theirs == name))
        };
        names.iter().filter(known).count()
    }
}

/// The map given, else the shipped one (or totc's own names) that pairs most names of the file with weights of the model.
pub fn choose<'a>(
    given: Option<NameMap>,
    weights: &[Ours],
    names: impl IntoIterator<Item = &'a String>,
) -> Result<Chosen, NameMapError> {
    let names: Vec<&String> = names.into_iter().collect();
    if let Some(map) = given {
        return Chosen::of(map, weights, names);
    }
    let mut best = Chosen::of(NameMap::own(), weights, names.iter().copied())?;
    for family in FAMILIES {
        // A shipped map is not for every model: one whose axes are others is passed over.
        let Ok(next) = Chosen::of(NameMap::shipped(family)?, weights, names.iter().copied()) else {
            continue;
        };
        if next.matches(&names) > best.matches(&names) {
            best = next;
        }
    }
    Ok(best)
}
