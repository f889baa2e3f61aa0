//! Columns of a batch: takes rows of a data set, gives int64 tensors under the names the model declares; never looks
//! at what the integers mean.

use indexmap::IndexMap;
use tch::Tensor;

use super::error::{Doing, TrainError};
use crate::data::{Dataset, Example, Field, Rows};
use crate::ir::{InputInfo, InputRole};
use crate::lower::Program;

/// A batch by the model's names: int64, rows outermost, on the CPU.
pub type Batch = IndexMap<String, Tensor>;

/// Which column of the data feeds which input of a model.
#[derive(Clone, Debug)]
pub struct Columns {
    pairs: Vec<(InputInfo, Source)>,
    /// Rows of a batch, as compiled.
    batch: usize,
    /// What fills up a short batch.
    padding: Example,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Inputs,
    Labels,
    Puzzle,
}

impl Columns {
    /// Pairs each input of the program with the column of the same name, or else with the only one of its role and
    /// axis: targets with `labels`, and inputs that index the same axis.
    pub fn pair(program: &Program, data: &dyn Dataset) -> Result<Columns, TrainError> {
        let pairs = pairs(program, &data.fields())?;
        let batch = program.inputs.first().and_then(|input| input.shape.first()).copied().unwrap_or(0);
        Ok(Columns { pairs, batch: batch.max(0) as usize, padding: data.padding() })
    }

    /// Rows of a batch, as the program was compiled.
    pub fn batch_rows(&self) -> usize {
        self.batch
    }

    /// Names of the model's targets.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.pairs
            .iter()
            .filter(|(_, source)| *source == Source::Labels)
            .map(|(input, _)| input.name.as_str())
    }

    /// The rows as tensors `[n, ..]`.
    pub fn collate(&self, rows: &Rows) -> Result<Batch, TrainError> {
        self.padded(rows, rows.n)
    }

    /// The rows as tensors `[to, ..]`: rows that are missing are the data set's padding, without a label.
    pub fn padded(&self, rows: &Rows, to: usize) -> Result<Batch, TrainError> {
        let mut batch = Batch::new();
        for (input, source) in &self.pairs {
            let (values, filler) = match source {
                Source::Inputs => (&rows.inputs, self.padding.inputs.as_slice()),
                Source::Labels => (&rows.labels, self.padding.labels.as_slice()),
                Source::Puzzle => (&rows.puzzle, std::slice::from_ref(&self.padding.puzzle)),
            };
            let mut shape = input.shape.clone();
            if let Some(first) = shape.first_mut() {
                *first = to as i64;
            }
            let tensor = if rows.n >= to {
                Tensor::f_from_slice(values)
            } else {
                let mut values = values.clone();
                values.extend(filler.iter().cycle().take(filler.len() * (to - rows.n)));
                Tensor::f_from_slice(&values)
            };
            let tensor = tensor.and_then(|flat| flat.f_reshape(&shape));
            batch.insert(input.name.clone(), tensor.doing("making a batch")?);
        }
        Ok(batch)
    }
}

/// Refuses columns that do not fit the inputs of a program.
pub fn fits(program: &Program, fields: &[Field]) -> Result<(), TrainError> {
    pairs(program, fields).map(|_| ())
}

fn pairs(program: &Program, fields: &[Field]) -> Result<Vec<(InputInfo, Source)>, TrainError> {
    let mut pairs = Vec::new();
    for input in &program.inputs {
        let field = field_for(input, fields).ok_or_else(|| no_column(program, input, fields))?;
        let source = match field.name.as_str() {
            "labels" => Source::Labels,
            "puzzle" => Source::Puzzle,
            _ => Source::Inputs,
        };
        let sizes: Vec<i64> = field.axes.iter().map(|(_, size)| *size as i64).collect();
        if input.shape.get(1..) != Some(sizes.as_slice()) {
            return Err(TrainError::Program {
                model: program.model.clone(),
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

fn no_column(program: &Program, input: &InputInfo, fields: &[Field]) -> TrainError {
    let names: Vec<_> = fields.iter().map(|field| format!("`{}`", field.name)).collect();
    TrainError::Program {
        model: program.model.clone(),
        what: format!("no column of the data set fits `{}` [{}]", input.name, input.axes.join(", ")),
        fix: format!("the data set offers {}: give the input one of these names", names.join(", ")),
    }
}
