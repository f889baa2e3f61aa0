//! Columns of a batch: takes rows of a data set, gives int64 tensors under the names the model declares; never looks
//! at what the integers mean.

use indexmap::IndexMap;
use tch::Tensor;

use super::error::{Doing, TrainError};
use crate::data::{Dataset, Example, Rows};
use crate::ir::InputInfo;
use crate::lower::Program;
use crate::run_check::{Column, pairs};

/// A batch by the model's names: int64, rows outermost, on the CPU.
pub type Batch = IndexMap<String, Tensor>;

/// Which column of the data feeds which input of a model.
#[derive(Clone, Debug)]
pub struct Columns {
    pairs: Vec<(InputInfo, Column)>,
    /// Rows of a batch, as compiled.
    batch: usize,
    /// What fills up a short batch.
    padding: Example,
}

impl Columns {
    /// Pairs each input of the program with the column of the same name, or else with the only one of its role and
    /// axis: targets with `labels`, and inputs that index the same axis.
    pub fn pair(program: &Program, data: &dyn Dataset) -> Result<Columns, TrainError> {
        let pairs = pairs(&program.model, &program.inputs, &data.fields())?;
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
            .filter(|(_, source)| *source == Column::Labels)
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
                Column::Inputs => (&rows.inputs, self.padding.inputs.as_slice()),
                Column::Labels => (&rows.labels, self.padding.labels.as_slice()),
                Column::Puzzle => (&rows.puzzle, std::slice::from_ref(&self.padding.puzzle)),
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
