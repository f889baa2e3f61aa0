//! From totc's names to published ones: takes the weights of a model, gives tensors as the published code saves them;
//! of a file to be like, also its names, order and types.

use super::array::{Array, Arrays, Converted, DType};
use super::pair::{Chosen, Ours};

/// What the written tensors must be like, such as a checkpoint that the published code wrote.
#[derive(Clone, Debug)]
pub struct Like<'a> {
    /// Tensors of the checkpoint that the export is to resemble.
    pub tensors: &'a Arrays,
    /// Rounding to its types is allowed.
    pub convert: bool,
}

/// What an export came to.
#[derive(Clone, Debug, Default)]
pub struct Export {
    /// Published name, its shape, and the paths that it was made of.
    pub matched: Vec<(String, Vec<usize>, Vec<String>)>,
    /// What was converted, by name.
    pub converted: Vec<(String, Converted)>,
    /// Weights without a published name.
    pub left_ours: Vec<(String, Vec<usize>)>,
    /// Names of the file to be like that no weight stands for.
    pub left_like: Vec<(String, Vec<usize>)>,
    /// What does not fit the file to be like, in words.
    pub differences: Vec<String>,
    /// The published tensors.
    pub arrays: Arrays,
}

impl Export {
    /// Every weight was written, and nothing is missing in the file to be like.
    pub fn is_complete(&self) -> bool {
        self.left_ours.is_empty() && self.left_like.is_empty() && self.differences.is_empty()
    }
}

/// Names the weights as the published code does. `arrays` has every weight, by path.
pub fn export(arrays: &Arrays, chosen: &Chosen, weights: &[Ours], like: Option<&Like>) -> Export {
    let mut result = Export::default();
    let mut done = vec![false; weights.len()];
    for pair in &chosen.pairs {
        let paths: Vec<String> = pair.ours.iter().map(|at| weights[*at].path.clone()).collect();
        let parts: Option<Vec<&Array>> = paths.iter().map(|path| arrays.get(path)).collect();
        let Some(parts) = parts else { continue };
        pair.ours.iter().for_each(|at| done[*at] = true);
        if pair.shape.iter().product::<usize>() == 0 {
            continue;
        }
        let data: Vec<u8> = parts.iter().flat_map(|part| part.data.iter().copied()).collect();
        let name = format!("{}{}", chosen.prefix, pair.theirs);
        let array = Array { dtype: DType::Float32, shape: pair.shape.clone(), data };
        let Some(array) = fitted(&name, array, like, &mut result) else { continue };
        result.matched.push((name.clone(), array.shape.clone(), paths));
        result.arrays.insert(name, array);
    }
    for (weight, done) in weights.iter().zip(done) {
        if !done && weight.elements() > 0 {
            result.left_ours.push((weight.path.clone(), weight.shape.clone()));
        }
    }
    if let Some(like) = like {
        for (name, array) in like.tensors {
            let short = name.strip_prefix(chosen.prefix.as_str()).unwrap_or(name);
            let known = result.arrays.contains_key(name) || chosen.map.not_a_weight(short).is_some();
            if !known && !result.differences.iter().any(|what| what.contains(&format!("`{name}`"))) {
                result.left_like.push((name.clone(), array.shape.clone()));
            }
        }
        let place = |name: &String| like.tensors.get_index_of(name).unwrap_or(usize::MAX);
        result.arrays.sort_by(|a, _, b, _| place(a).cmp(&place(b)));
    }
    result
}

/// The tensor in the type of the one to be like; None (and a difference) where it does not fit.
fn fitted(name: &str, array: Array, like: Option<&Like>, result: &mut Export) -> Option<Array> {
    let Some(like) = like else { return Some(array) };
    let Some(model) = like.tensors.get(name) else {
        result.differences.push(format!("`{name}` is not in it"));
        return None;
    };
    if model.shape != array.shape {
        result
            .differences
            .push(format!("`{name}` has shape {:?} there, {:?} here", model.shape, array.shape));
        return None;
    }
    if model.dtype == DType::Float32 {
        return Some(array);
    }
    if !model.dtype.is_float() {
        result.differences.push(format!("`{name}` is {} there, float32 here", model.dtype));
        return None;
    }
    let (array, how) = array.convert(model.dtype);
    if how.rounded > 0 && !like.convert {
        result.differences.push(format!(
            "`{name}` is {} there; {} of its elements would be rounded, which takes --convert",
            model.dtype, how.rounded
        ));
        return None;
    }
    result.converted.push((name.to_owned(), how));
    Some(array)
}
