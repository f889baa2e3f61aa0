//! The batch of mixed age: takes fresh rows for those that have halted, gives a program's inputs; decides nothing about
//! halting.

use std::collections::HashMap;

use indexmap::IndexMap;
use tch::{Device, Kind, Tensor};

use super::columns::Batch;
use super::error::{Doing, TrainError};
use crate::exec::{Inputs, Outputs};
use crate::lower::Program;
use crate::run_check::Misfit;

/// What lives from one supervision step to the next.
#[derive(Debug)]
pub struct Carry {
    /// The data of each row, on the CPU; empty before the first step.
    pub data: Batch,
    /// Carried states, detached, on the device: `y`, and `y@2` for the one before.
    pub states: IndexMap<String, Tensor>,
    /// Supervision steps that each row has done.
    pub steps: Vec<i64>,
    /// Rows that start anew at the next step: all of them at first.
    pub halted: Vec<bool>,
}

/// Where fresh rows come from.
#[derive(Clone, Copy, Debug)]
pub enum Fresh<'a> {
    /// One row for each halted row, in order: nothing is skipped.
    InOrder(&'a Batch),
    /// A whole batch, of which row `i` replaces row `i` if that has halted; the others are ignored, as in the
    /// reference code.
    InPlace(&'a Batch),
}

impl Carry {
    /// A batch of `rows` rows that have all halted, with the states that `program` declares.
    pub fn start(
        program: &Program,
        rows: usize,
        precision: Kind,
        device: Device,
    ) -> Result<Carry, TrainError> {
        let mut states = IndexMap::new();
        for carried in &program.carried {
            // The program may be compiled for a part of the batch.
            let state = &program.states[carried.state];
            let mut shape = state.shape.clone();
            if let Some(batch) = state.axes.iter().position(|axis| axis == "batch") {
                shape[batch] = rows as i64;
            }
            let zeros = Tensor::f_zeros(&shape, (precision, device)).doing("making room for states")?;
            states.insert(carried.name.clone(), zeros);
        }
        Ok(Carry { data: Batch::new(), states, steps: vec![0; rows], halted: vec![true; rows] })
    }

    /// Number of rows that the next step replaces.
    pub fn vacancies(&self) -> usize {
        self.halted.iter().filter(|halted| **halted).count()
    }

    /// The rows that have not halted, followed by as many halted ones as make `rows`, for the same model compiled as
    /// `program`.
    pub fn narrowed(&self, program: &Program, rows: usize) -> Result<Carry, TrainError> {
        let staying: Vec<usize> = (0..self.halted.len()).filter(|row| !self.halted[*row]).collect();
        let mut from: Vec<i64> = staying.iter().map(|row| *row as i64).collect();
        from.resize(rows, 0);
        let from = Tensor::f_from_slice(&from).doing("making the batch smaller")?;
        let mut states = IndexMap::new();
        for carried in &program.carried {
            let batch = program.states[carried.state].axes.iter().position(|axis| axis == "batch");
            let name = &carried.name;
            let Some(value) = self.states.get(name) else { return Err(stateless(program, name)) };
            let kept = match batch {
                Some(batch) => from
                    .f_to_device(value.device())
                    .and_then(|from| value.f_index_select(batch as i64, &from)),
                None => Ok(value.shallow_clone()),
            };
            states.insert(name.clone(), kept.doing("making the batch smaller")?);
        }
        let mut data = Batch::new();
        for (name, column) in &self.data {
            let kept = column.f_index_select(0, &from).doing("making the batch smaller")?;
            data.insert(name.clone(), kept);
        }
        let mut steps: Vec<i64> = staying.iter().map(|row| self.steps[*row]).collect();
        steps.resize(rows, 0);
        let mut halted = vec![false; staying.len()];
        halted.resize(rows, true);
        Ok(Carry { data, states, steps, halted })
    }

    /// The batch with fresh rows in place of the halted ones and the step that comes counted. This one stays as it is,
    /// so a step that fails leaves nothing half done.
    pub fn admit(&self, fresh: Fresh) -> Result<Carry, TrainError> {
        let rows = (0_i64..).zip(&self.halted).filter_map(|(row, halted)| halted.then_some(row));
        let rows: Vec<i64> = rows.collect();
        let (batch, from) = match fresh {
            Fresh::InOrder(batch) => (batch, (0..rows.len() as i64).collect()),
            Fresh::InPlace(batch) => (batch, rows.clone()),
        };
        let steps = self.steps.iter().zip(&self.halted);
        Ok(Carry {
            data: self.replaced(batch, &rows, &from).doing("taking fresh rows into the batch")?,
            states: self.states.iter().map(|(name, state)| (name.clone(), state.shallow_clone())).collect(),
            steps: steps.map(|(steps, halted)| if *halted { 1 } else { *steps + 1 }).collect(),
            halted: self.halted.clone(),
        })
    }

    fn replaced(&self, batch: &Batch, rows: &[i64], from: &[i64]) -> Result<Batch, tch::TchError> {
        let (rows, from) = (Tensor::f_from_slice(rows)?, Tensor::f_from_slice(from)?);
        let mut data = Batch::new();
        for (name, fresh) in batch {
            let chosen = fresh.f_index_select(0, &from)?;
            let column = match self.data.get(name) {
                Some(current) => current.f_index_copy(0, &rows, &chosen)?,
                None => chosen,
            };
            data.insert(name.clone(), column);
        }
        Ok(data)
    }

    /// The inputs of the step that comes, of what [`Carry::admit`] gave.
    pub fn inputs(&self, device: Device) -> Result<Inputs, TrainError> {
        self.on_device(device).doing("handing the batch to the device")
    }

    fn on_device(&self, device: Device) -> Result<Inputs, tch::TchError> {
        let data = self.data.iter().map(|(name, rows)| Ok((name.clone(), rows.f_to_device(device)?)));
        let states = self.states.iter().map(|(name, state)| (name.clone(), state.shallow_clone()));
        Ok(Inputs {
            data: data.collect::<Result<HashMap<_, _>, tch::TchError>>()?,
            states: states.collect(),
            fresh: Tensor::f_from_slice(&self.halted)?.f_to_device(device)?,
            steps: Tensor::f_from_slice(&self.steps)?.f_to_device(device)?,
        })
    }

    /// Counts the other supervision steps of a program that does several in a row (`carry grad`): the first is counted.
    pub fn count(&mut self, program: &Program) {
        let more = program.steps_in_a_row.saturating_sub(1) as i64;
        self.steps.iter_mut().for_each(|steps| *steps += more);
    }

    /// Takes over the states that a step gave, detached, and who has halted. A state's earlier values move back by
    /// one, unless the program gives them itself.
    pub fn advance(
        &mut self,
        program: &Program,
        outputs: &Outputs,
        halted: Vec<bool>,
    ) -> Result<(), TrainError> {
        // From the oldest, each of which takes the place of one that has moved on already.
        for (at, carried) in program.carried.iter().enumerate().rev() {
            let next = match carried.given {
                Some(id) => outputs.values.at(id),
                None => {
                    at.checked_sub(1).and_then(|before| self.states.get_index(before)).map(|(_, value)| value)
                }
            };
            let next = next.map(Tensor::shallow_clone);
            match (next, self.states.get_index_mut(at)) {
                (Some(next), Some((_, state))) => *state = next,
                _ => return Err(stateless(program, &carried.name)),
            }
        }
        self.halted = halted;
        Ok(())
    }
}

fn stateless(program: &Program, state: &str) -> TrainError {
    Misfit::Program {
        model: program.model.clone(),
        what: format!("the compiled program gave no `state.{state}`"),
        fix: "this is an error of totc itself: please report it with the model's text".to_owned(),
    }
    .into()
}
