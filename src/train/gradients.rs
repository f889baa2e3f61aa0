//! Gradients between the program and the optimisers: of a part of a batch, of a batch, of several supervision steps; holds
//! sums, never moves a weight.

use indexmap::IndexMap;
use tch::{Device, TchError, Tensor};

use crate::exec::TableRows;

/// Gradients by weight. Those of a table stay per row that was looked up: its ids `[n]` and gradients `[n, width]`.
#[derive(Debug, Default)]
pub(super) struct Gradients {
    /// Of each `param`, by path, in its shape.
    pub params: IndexMap<String, Tensor>,
    /// Of the rows in use of each table, by path: identifiers `[n]` and gradients `[n, width]`.
    pub tables: IndexMap<String, (Tensor, Tensor)>,
}

/// Names in a checkpoint.
const PARAM: &str = "accumulated.param.";
const IDS: &str = "accumulated.ids.";
const ROWS: &str = "accumulated.rows.";

impl Gradients {
    /// The lookups of one table are joined.
    pub fn new(params: IndexMap<String, Tensor>, rows: Vec<TableRows>) -> Result<Gradients, TchError> {
        let mut tables = IndexMap::new();
        for lookup in rows {
            let width = lookup.gradient.size().last().copied().unwrap_or(1);
            let more = (lookup.ids.f_flatten(0, -1)?, lookup.gradient.f_reshape([-1, width])?);
            join(&mut tables, lookup.table, more)?;
        }
        Ok(Gradients { params, tables })
    }

    /// The sum; what only one side reaches is taken as it is. Neither side's tensors change.
    pub fn plus(mut self, other: Gradients) -> Result<Gradients, TchError> {
        for (path, gradient) in other.params {
            let sum = match self.params.get(&path) {
                Some(own) => own.f_add(&gradient)?,
                None => gradient,
            };
            self.params.insert(path, sum);
        }
        for (table, rows) in other.tables {
            join(&mut self.tables, table, rows)?;
        }
        Ok(self)
    }

    /// The same gradients, tensors shared.
    pub fn share(&self) -> Gradients {
        let params = self.params.iter().map(|(path, gradient)| (path.clone(), gradient.shallow_clone()));
        let tables = self
            .tables
            .iter()
            .map(|(table, (ids, rows))| (table.clone(), (ids.shallow_clone(), rows.shallow_clone())));
        Gradients { params: params.collect(), tables: tables.collect() }
    }

    /// By the names of a checkpoint.
    pub fn named(&self) -> Vec<(String, Tensor)> {
        let params = self.params.iter().map(|(path, sum)| (format!("{PARAM}{path}"), sum.shallow_clone()));
        let tables = self.tables.iter().flat_map(|(table, (ids, rows))| {
            [(format!("{IDS}{table}"), ids.shallow_clone()), (format!("{ROWS}{table}"), rows.shallow_clone())]
        });
        params.chain(tables).collect()
    }

    /// Takes what [`Gradients::named`] gave out of `saved`, onto `device`; None where nothing was accumulated, and what
    /// does not fit the `weights` (paths and shapes) in `wrong`.
    pub fn restore(
        saved: &mut IndexMap<String, Tensor>,
        weights: &IndexMap<String, Tensor>,
        device: Device,
        wrong: &mut Vec<String>,
    ) -> Result<Option<Gradients>, TchError> {
        let mut found = Gradients::default();
        for (path, weight) in weights {
            if let Some(sum) = saved.shift_remove(&format!("{PARAM}{path}")) {
                if sum.size() == weight.size() {
                    found.params.insert(path.clone(), sum.f_to_device(device)?);
                } else {
                    wrong.push(format!("`{PARAM}{path}` is {:?} instead of {:?}", sum.size(), weight.size()));
                }
            }
            let pair =
                (saved.shift_remove(&format!("{IDS}{path}")), saved.shift_remove(&format!("{ROWS}{path}")));
            if let (Some(ids), Some(rows)) = pair {
                if rows.size().first() == ids.size().first() && rows.size().get(1) == weight.size().get(1) {
                    found.tables.insert(path.clone(), (ids.f_to_device(device)?, rows.f_to_device(device)?));
                } else {
                    wrong.push(format!("`{ROWS}{path}` is {:?} for ids of {:?}", rows.size(), ids.size()));
                }
            }
        }
        Ok((!found.params.is_empty() || !found.tables.is_empty()).then_some(found))
    }
}

fn join(
    tables: &mut IndexMap<String, (Tensor, Tensor)>,
    table: String,
    (ids, rows): (Tensor, Tensor),
) -> Result<(), TchError> {
    let joined = match tables.get(&table) {
        Some((before, own)) => (Tensor::f_cat(&[before, &ids], 0)?, Tensor::f_cat(&[own, &rows], 0)?),
        None => (ids, rows),
    };
    tables.insert(table, joined);
    Ok(())
}
