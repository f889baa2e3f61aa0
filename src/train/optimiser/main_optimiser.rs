//! The main optimiser of a run: takes gradients by path, moves the `param`s and remembers per weight; never touches
//! tables or frozen weights.

use indexmap::IndexMap;
use tch::{Device, TchError, Tensor};

use super::{Now, REGISTRY, UpdateRule};
use crate::run_check::{Treatment, no_optimiser, numbers_of};
use crate::run_file::Optimiser;
use crate::train::error::{Doing, TrainError};

/// An update rule with its memory of every weight it has moved.
pub struct MainOptimiser {
    name: &'static str,
    rule: Box<dyn UpdateRule>,
    memory: IndexMap<String, Memory>,
}

struct Memory {
    /// Updates so far.
    count: u64,
    names: &'static [&'static str],
    tensors: Vec<Tensor>,
}

impl MainOptimiser {
    /// The optimiser that the settings name, without any memory.
    pub fn new(config: &Optimiser) -> Result<MainOptimiser, TrainError> {
        let numbers = numbers_of(config)?;
        let Some(entry) = REGISTRY.iter().find(|entry| entry.name == config.name) else {
            return Err(no_optimiser(&config.name).into());
        };
        let rule = (entry.build)(&numbers)?;
        Ok(MainOptimiser { name: entry.name, rule, memory: IndexMap::new() })
    }

    /// Its name in the registry.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Moves one weight in place at `factor` times its base learning rate.
    pub fn update(
        &mut self,
        path: &str,
        weight: &Tensor,
        gradient: &Tensor,
        treatment: Treatment,
        factor: f64,
    ) -> Result<(), TrainError> {
        if !self.memory.contains_key(path) {
            let names = self.rule.memory(treatment.outputs);
            let tensors = names.iter().map(|_| zeros_like(weight)).collect::<Result<_, _>>();
            let tensors = tensors.doing("making room for the optimiser's memory")?;
            self.memory.insert(path.to_owned(), Memory { count: 0, names, tensors });
        }
        let Some(memory) = self.memory.get_mut(path) else { return Ok(()) };
        memory.count += 1;
        let now = Now {
            count: memory.count,
            lr: treatment.lr * factor,
            weight_decay: treatment.weight_decay,
            outputs: treatment.outputs,
        };
        self.rule
            .update(&mut weight.shallow_clone(), gradient, &mut memory.tensors, now)
            .doing("moving the weights")
    }

    /// Everything it remembers: `m.PATH`, `v.PATH` and so on, and `count.PATH` (int64 scalar). Tensors are shared.
    pub fn state(&self) -> Result<Vec<(String, Tensor)>, TrainError> {
        let mut state = Vec::new();
        for (path, memory) in &self.memory {
            for (name, tensor) in memory.names.iter().zip(&memory.tensors) {
                state.push((format!("{name}.{path}"), tensor.shallow_clone()));
            }
            let count =
                Tensor::f_from_slice(&[memory.count as i64]).and_then(|count| count.f_reshape([0_i64; 0]));
            state.push((format!("count.{path}"), count.doing("saving the optimiser's memory")?));
        }
        Ok(state)
    }

    /// Takes back what [`MainOptimiser::state`] gave of weights with their shapes and [`Treatment::outputs`]; the tensors of a
    /// weight it never moved are absent. The names it took are removed from `saved`, so that the caller sees what is left over.
    pub fn restore(
        &mut self,
        paths: impl Iterator<Item = (String, Vec<i64>, usize)>,
        saved: &mut IndexMap<String, Tensor>,
        device: Device,
    ) -> Result<Vec<String>, TrainError> {
        let mut wrong = Vec::new();
        self.memory.clear();
        for (path, shape, outputs) in paths {
            let Some(count) = saved.shift_remove(&format!("count.{path}")) else { continue };
            let count = count.f_int64_value(&[]).doing("reading the optimiser's memory")?;
            let mut tensors = Vec::new();
            let names = self.rule.memory(outputs);
            for name in names {
                let key = format!("{name}.{path}");
                match saved.shift_remove(&key) {
                    Some(tensor) if tensor.size() == shape => {
                        tensors.push(tensor.f_to_device(device).doing("moving the optimiser's memory")?)
                    }
                    Some(tensor) => {
                        wrong.push(format!("`{key}` is {:?} instead of {shape:?}", tensor.size()))
                    }
                    None => wrong.push(format!("`{key}` is missing")),
                }
            }
            self.memory.insert(path, Memory { count: count.max(0) as u64, names, tensors });
        }
        Ok(wrong)
    }
}

fn zeros_like(weight: &Tensor) -> Result<Tensor, TchError> {
    weight.f_zeros_like()
}
