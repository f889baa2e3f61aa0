//! The moving average of the `param`s: takes the weights after each step, gives weights to test with; tables and
//! buffers are never averaged.

use indexmap::IndexMap;
use tch::{TchError, Tensor};
use totc_kernels::Form;
use totc_kernels::optimiser::moving_average;

use super::flat::pieces;
use crate::exec::Weights;
use crate::ir::{WeightInfo, WeightRole};

/// Shadow weights, by path.
#[derive(Debug)]
pub struct MovingAverage {
    rate: f64,
    shadow: IndexMap<String, Tensor>,
}

impl MovingAverage {
    /// Starts from the weights as they are.
    pub fn start(rate: f64, infos: &[WeightInfo], weights: &Weights) -> Result<MovingAverage, TchError> {
        let mut shadow = IndexMap::new();
        for info in infos.iter().filter(|info| info.role == WeightRole::Param) {
            if let Some(weight) = weights.get(&info.path) {
                shadow.insert(info.path.clone(), weight.f_alias_copy()?);
            }
        }
        Ok(MovingAverage { rate, shadow })
    }

    /// `shadow ← (1 - rate) · weight + rate · shadow`, after a step of the optimiser.
    pub fn update(&mut self, weights: &Weights) -> Result<(), TchError> {
        for (path, shadow) in &mut self.shadow {
            if let Some(weight) = weights.get(path) {
                let rate = self.rate;
                let averaged = pieces([shadow, weight], |[shadow, weight]| {
                    moving_average(Form::best(), shadow, weight, rate).is_ok()
                });
                if averaged {
                    continue;
                }
                let share = weight.f_mul_scalar(1.0 - self.rate)?;
                let _ = shadow.f_mul_scalar_(self.rate)?.f_add_(&share)?;
            }
        }
        Ok(())
    }

    /// A full set of weights: averaged `param`s, everything else as in `weights`. The tensors are shared, not copied.
    pub fn averaged(&self, weights: &Weights) -> Weights {
        let tensors = weights
            .tensors
            .iter()
            .map(|(path, weight)| (path.clone(), self.shadow.get(path).unwrap_or(weight).shallow_clone()));
        Weights { tensors: tensors.collect() }
    }

    /// Puts saved averages in place; paths it does not keep are ignored.
    pub fn restore(&mut self, saved: &IndexMap<String, Tensor>) -> Result<(), TchError> {
        for (path, shadow) in &mut self.shadow {
            if let Some(value) = saved.get(path) {
                shadow.f_copy_(value)?;
            }
        }
        Ok(())
    }
}
