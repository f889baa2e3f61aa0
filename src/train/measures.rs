//! Measures of one step: takes the named outputs of a program, gives its losses and metrics row by row as float64 on
//! the CPU, fetched from the device at once.

use indexmap::IndexMap;
use tch::{Kind, TchError, Tensor};

use super::error::{Doing, TrainError};
use crate::data::NO_LABEL;
use crate::exec::Outputs;
use crate::ir::OutputKind;

/// Losses, metrics and the wish to halt of every row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measures {
    /// By name without `loss.`: one number per row, `[batch]`.
    pub losses: IndexMap<String, Vec<f64>>,
    /// By name without `metric.`: one number per row, `[batch]`; 0 or 1 for truth values.
    pub metrics: IndexMap<String, Vec<f64>>,
    /// Whether the model's halting condition holds, `[batch]`.
    pub halt: Vec<bool>,
    /// Joint norm of the gradients, where one was handed in.
    pub gradient_norm: Option<f64>,
}

impl Measures {
    /// Fetches the measures of a step of `rows` rows, and `gradient_norm` (a scalar) with them.
    pub fn fetch(
        outputs: &Outputs,
        rows: usize,
        gradient_norm: Option<&Tensor>,
    ) -> Result<Measures, TrainError> {
        let read = [OutputKind::Loss, OutputKind::Metric, OutputKind::Halt];
        let wanted: Vec<_> =
            outputs.values.iter().filter(|(output, _)| read.contains(&output.kind)).collect();
        let lines = wanted.iter().map(|(_, value)| *value).chain(gradient_norm);
        let mut lines = table(lines, rows as i64).doing("reading losses and metrics")?.into_iter();

        let mut measures = Measures { halt: vec![false; rows], ..Measures::default() };
        for ((output, _), line) in wanted.iter().zip(lines.by_ref()) {
            match output.kind {
                OutputKind::Loss => _ = measures.losses.insert(output.name.clone(), line),
                OutputKind::Metric => _ = measures.metrics.insert(output.name.clone(), line),
                _ => measures.halt = line.iter().map(|wish| *wish != 0.0).collect(),
            }
        }
        measures.gradient_norm = lines.next().and_then(|line| line.first().copied());
        Ok(measures)
    }

    /// The measures of one row, as lists of one.
    pub fn row(&self, row: usize) -> Measures {
        let one = |lists: &IndexMap<String, Vec<f64>>| {
            lists
                .iter()
                .map(|(name, rows)| (name.clone(), rows.get(row).copied().into_iter().collect()))
                .collect()
        };
        Measures {
            losses: one(&self.losses),
            metrics: one(&self.metrics),
            halt: self.halt.get(row).copied().into_iter().collect(),
            gradient_norm: None,
        }
    }

    /// The first loss that is infinite or not a number, in words.
    pub fn not_finite(&self) -> Option<String> {
        for (name, rows) in &self.losses {
            if let Some((row, value)) = rows.iter().enumerate().find(|(_, value)| !value.is_finite()) {
                return Some(format!("loss `{name}` is {value} in row {row}"));
            }
        }
        let norm = self.gradient_norm.filter(|norm| !norm.is_finite())?;
        Some(format!("every loss is finite but the gradient's norm is {norm}"))
    }
}

/// One line of `rows` numbers per value; scalars are repeated.
fn table<'a>(values: impl Iterator<Item = &'a Tensor>, rows: i64) -> Result<Vec<Vec<f64>>, TchError> {
    let device = tch::Device::Cpu;
    let lines = values.map(|value| value.f_to_kind(Kind::Double)?.f_expand([rows], false));
    let lines = lines.collect::<Result<Vec<_>, _>>()?;
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    Vec::<Vec<f64>>::try_from(Tensor::f_stack(&lines, 0)?.f_to_device(device)?)
}

/// Adds the losses up over names and rows: a float64 scalar. A loss that is one number counts for every
/// row.
pub fn total_loss(outputs: &Outputs, rows: usize) -> Result<Option<Tensor>, TrainError> {
    let mut total: Option<Tensor> = None;
    for (_, loss) in outputs.values.of(OutputKind::Loss) {
        let sum = loss
            .f_to_kind(Kind::Double)
            .and_then(|loss| loss.f_expand([rows as i64], false)?.f_sum(Kind::Double));
        let sum = sum.doing("adding up the losses")?;
        total = Some(match total {
            Some(total) => total.f_add(&sum).doing("adding up the losses")?,
            None => sum,
        });
    }
    Ok(total)
}

/// Which rows have a label in any of the targets (int64 `[rows, ..]` on the CPU); without targets, all.
pub fn labelled<'a>(targets: impl Iterator<Item = &'a Tensor>, rows: usize) -> Result<Vec<bool>, TrainError> {
    let mut any: Option<Vec<bool>> = None;
    for target in targets {
        let present =
            target.f_ne(NO_LABEL).and_then(|mask| mask.f_reshape([rows as i64, -1])?.f_any_dim(1, false));
        let present = present.and_then(Vec::<bool>::try_from).doing("looking for labels")?;
        any = Some(match any {
            Some(any) => any.iter().zip(present).map(|(one, other)| *one || other).collect(),
            None => present,
        });
    }
    Ok(any.unwrap_or_else(|| vec![true; rows]))
}
