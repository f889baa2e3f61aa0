//! From published names to totc's: takes the tensors of a file and the weights of a model, gives the model's arrays and
//! a full account of what matched and what did not; changes no shape and no type unasked.

use super::array::{Array, Arrays, Converted, DType};
use super::pair::{Chosen, Ours};

/// A published tensor that became weights of the model.
#[derive(Clone, Debug)]
pub struct Matched {
    /// The name in the file.
    pub theirs: String,
    /// The shape in the file.
    pub theirs_shape: Vec<usize>,
    /// Paths and shapes.
    pub ours: Vec<(String, Vec<usize>)>,
    /// The change of type, if there was one.
    pub converted: Option<Converted>,
}

/// A published tensor whose name fits and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Another shape.
    Shape {
        /// The name in the file.
        theirs: String,
        /// Declared paths of the weights it was mapped to.
        ours: Vec<String>,
        /// Sizes in the file, outermost first.
        found: Vec<usize>,
        /// Sizes of the model, outermost first.
        wanted: Vec<usize>,
    },
    /// Another type, which was not to be converted.
    Type {
        /// The name in the file.
        theirs: String,
        /// Declared paths of the weights it was mapped to.
        ours: Vec<String>,
        /// The type of the elements in the file.
        found: DType,
    },
}

/// What an import came to.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// Tensors that became weights.
    pub matched: Vec<Matched>,
    /// Tensors whose name fits and nothing else.
    pub differences: Vec<Difference>,
    /// Names of the file that no weight of the model stands for.
    pub left_theirs: Vec<(String, Vec<usize>)>,
    /// Names of the file that are no weights, and why.
    pub not_weights: Vec<(String, String)>,
    /// Weights of the model that nothing in the file stands for.
    pub left_ours: Vec<(String, Vec<usize>)>,
    /// The model's weights, as far as they were found, in the model's order.
    pub arrays: Arrays,
}

impl Import {
    /// Every weight of the model was found, and nothing was left over.
    pub fn is_complete(&self) -> bool {
        self.differences.is_empty() && self.left_theirs.is_empty() && self.left_ours.is_empty()
    }
}

/// Pairs the tensors of a file with the weights of a model. Types other than float32 are differences, unless `convert`.
pub fn import(tensors: &Arrays, chosen: &Chosen, weights: &[Ours], convert: bool) -> Import {
    let mut result = Import::default();
    let mut taken = vec![None; weights.len()];
    let mut named = vec![false; weights.len()];
    for (name, array) in tensors {
        let short = name.strip_prefix(chosen.prefix.as_str());
        let pair = short.and_then(|short| chosen.pairs.iter().find(|pair| pair.theirs == short));
        let Some(pair) = pair else {
            match short.and_then(|short| chosen.map.not_a_weight(short)) {
                Some(why) => result.not_weights.push((name.clone(), why.to_owned())),
                None => result.left_theirs.push((name.clone(), array.shape.clone())),
            }
            continue;
        };
        let paths = || pair.ours.iter().map(|at| weights[*at].path.clone()).collect();
        pair.ours.iter().for_each(|at| named[*at] = true);
        if array.shape != pair.shape {
            let (found, wanted) = (array.shape.clone(), pair.shape.clone());
            result.differences.push(Difference::Shape { theirs: name.clone(), ours: paths(), found, wanted });
            continue;
        }
        let (array, converted) = match array.dtype {
            DType::Float32 => (array.clone(), None),
            dtype if convert && dtype.is_float() => {
                let (array, how) = array.convert(DType::Float32);
                (array, Some(how))
            }
            found => {
                result.differences.push(Difference::Type { theirs: name.clone(), ours: paths(), found });
                continue;
            }
        };
        let mut rest = array.data.as_slice();
        let mut ours = Vec::new();
        for at in &pair.ours {
            let weight = &weights[*at];
            let (data, after) = rest.split_at((weight.elements() * DType::Float32.size()).min(rest.len()));
            rest = after;
            taken[*at] =
                Some(Array { dtype: DType::Float32, shape: weight.shape.clone(), data: data.to_vec() });
            ours.push((weight.path.clone(), weight.shape.clone()));
        }
        result.matched.push(Matched { theirs: name.clone(), theirs_shape: array.shape, ours, converted });
    }
    for ((weight, array), named) in weights.iter().zip(taken).zip(named) {
        match array {
            Some(array) => drop(result.arrays.insert(weight.path.clone(), array)),
            // The table of no puzzle rows holds nothing, and the published code has none.
            None if weight.elements() == 0 => {
                let empty = Array { dtype: DType::Float32, shape: weight.shape.clone(), data: Vec::new() };
                result.arrays.insert(weight.path.clone(), empty);
            }
            None if named => {}
            None => result.left_ours.push((weight.path.clone(), weight.shape.clone())),
        }
    }
    result
}
