//! Columns of the data and inputs of a model: which feeds which. Takes what both say of themselves, gives pairs or why there
//! are none; never looks at a row.

use super::misfit::Misfit;
use crate::data::Field;
use crate::ir::{InputInfo, InputRole};

/// A column of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// What is asked.
    Inputs,
    /// What is wanted.
    Labels,
    /// Which puzzle it is.
    Puzzle,
}

/// Pairs each input of a model with the column of the same name, or else with the only one of its role and axis: targets
/// with `labels`, and inputs that index the same axis.
pub fn pairs(
    model: &str,
    inputs: &[InputInfo],
    fields: &[Field],
) -> Result<Vec<(InputInfo, Column)>, Misfit> {
    let mut pairs = Vec::new();
    for input in inputs {
        let field = field_for(input, fields).ok_or_else(|| no_column(model, input, fields))?;
        let source = match field.name.as_str() {
            "labels" => Column::Labels,
            "puzzle" => Column::Puzzle,
            _ => Column::Inputs,
        };
        let sizes: Vec<i64> = field.axes.iter().map(|(_, size)| *size as i64).collect();
        if input.shape.get(1..) != Some(sizes.as_slice()) {
            return Err(Misfit::Program {
                model: model.to_owned(),
                what: format!(
                    "`{}` was compiled for rows of {:?}, the data set's `{}` has {sizes:?}",
                    input.name,
                    input.shape.get(1..).unwrap_or_default(),
                    field.name
                ),
                fix: "compile the model for this data set".to_owned(),
            });
        }
        pairs.push((input.clone(), source));
    }
    Ok(pairs)
}

fn field_for<'a>(input: &InputInfo, fields: &'a [Field]) -> Option<&'a Field> {
    if let Some(field) = fields.iter().find(|field| field.name == input.name) {
        return Some(field);
    }
    let fits = |field: &&Field| {
        (field.name == "labels") == (input.role == InputRole::Target)
            && input.index_of.as_ref().is_none_or(|axis| *axis == field.index_of)
            && field.axes.len() + 1 == input.axes.len()
    };
    let mut fitting = fields.iter().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(field), None) => Some(field),
        _ => None,
    }
}

fn no_column(model: &str, input: &InputInfo, fields: &[Field]) -> Misfit {
    let names: Vec<_> = fields.iter().map(|field| format!("`{}`", field.name)).collect();
    Misfit::Program {
        model: model.to_owned(),
        what: format!("no column of the data set fits `{}` [{}]", input.name, input.axes.join(", ")),
        fix: format!("the data set offers {}: give the input one of these names", names.join(", ")),
    }
}
