//! Sizes of the data's axes, as the shapes of a file show them.

use super::array::Arrays;
use super::name_map::NameMap;
use super::name_map::NameMapError;
use super::pair::{self, Chosen, Ours};
use crate::model::Model;
use crate::types::{AxisId, AxisSize};
use indexmap::IndexMap;

/// The sizes of axes that the data would bind (`task`, `symbol`, `cell`) and for which the model has stand-ins, in the
/// order of the weights that show them.
pub fn infer(
    model: &Model,
    given: Option<NameMap>,
    tensors: &Arrays,
) -> Result<IndexMap<String, usize>, NameMapError> {
    let weights = of_model(model);
    let Chosen { pairs, prefix, .. } = pair::choose(given, &weights, tensors.keys())?;
    let mut sizes = IndexMap::new();
    for pair in &pairs {
        let ([at], Some(array)) = (pair.ours.as_slice(), tensors.get(&format!("{prefix}{}", pair.theirs)))
        else {
            continue;
        };
        // Axes that the published shape puts together cannot be told apart.
        let dims = &model.graph.weights[*at].dims;
        if pair.shape.len() != dims.len() || array.shape.len() != dims.len() {
            continue;
        }
        for (dim, size) in dims.iter().zip(&array.shape) {
            if let Some((name, size)) = stand_in(model, dim.axis, *size) {
                sizes.entry(name).or_insert(size);
            }
        }
    }
    Ok(sizes)
}

/// The axis with a stand-in that must have some size for `axis` to have `size`: itself, or the only such part of it.
fn stand_in(model: &Model, axis: AxisId, size: usize) -> Option<(String, usize)> {
    let is_stand_in = |axis: AxisId| model.graph.axes.get(axis).origin.starts_with("a stand-in");
    if is_stand_in(axis) {
        return Some((model.graph.axes.name(axis).to_owned(), size));
    }
    let parts = &model.graph.axes.get(axis).parts;
    let open: Vec<AxisId> = parts.iter().copied().filter(|part| is_stand_in(*part)).collect();
    let [open] = open.as_slice() else { return None };
    let others =
        parts.iter().filter(|part| *part != open).map(|part| match model.graph.axes.get(*part).size {
            AxisSize::Fixed(size) => Some(size),
            _ => None,
        });
    let others: usize = others.sum::<Option<usize>>()?;
    Some((model.graph.axes.name(*open).to_owned(), size.checked_sub(others).filter(|left| *left > 0)?))
}

/// The weights of a checked model, which no program has been made of yet.
fn of_model(model: &Model) -> Vec<Ours> {
    let one = |weight: &crate::ir::Weight| Ours {
        path: weight.path.clone(),
        axes: weight.dims.iter().map(|dim| model.graph.axes.name(dim.axis).to_owned()).collect(),
        shape: weight.dims.iter().map(|dim| dim.size).collect(),
        role: weight.role,
    };
    model.graph.weights.iter().map(one).collect()
}
