//! Examples on their way through the batch: takes a queue of examples, runs steps, and lets whoever looks on decide who
//! is done; rows that fall vacant are filled from the queue, and when it is empty the batch shrinks.

use tch::{Kind, TchError, Tensor};

use super::super::carry::{Carry, Fresh};
use super::super::columns::Columns;
use super::super::error::{Doing, TrainError};
use super::super::halting::row_seed;
use super::super::supervision::SupervisionStep;
use crate::data::{Example, Rows};
use crate::exec::{Outputs, Weights};
use crate::lower::Program;

/// An example that waits for a row.
#[derive(Clone, Debug)]
pub(in crate::train) struct Request {
    /// Its number, by which whoever looks on knows it.
    pub number: usize,
    /// What goes into the row.
    pub example: Example,
    /// Seed of everything that it draws.
    pub draws: u64,
}

/// Who sits in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::train) struct Slot {
    /// The number of the request.
    pub number: usize,
    /// Seed of everything that the request draws.
    draws: u64,
    /// Supervision steps it has done.
    pub step: usize,
}

/// What can be seen after a step.
pub(in crate::train) struct QueueStep<'a> {
    /// The program that ran.
    pub program: &'a Program,
    /// What it gave.
    pub outputs: &'a Outputs,
    /// Who sits in each row of the batch; empty rows hold nothing of interest.
    pub slots: &'a [Option<Slot>],
    /// The batch as it went into the step.
    pub before: &'a Carry,
}

impl QueueStep<'_> {
    /// Rows in use, with who sits there.
    pub fn occupied(&self) -> impl Iterator<Item = (usize, Slot)> {
        self.slots.iter().enumerate().filter_map(|(row, slot)| slot.map(|slot| (row, slot)))
    }

    /// How much the step changed the states of each row: ‖new - old‖ / ‖new‖ over all states. Infinite after the first
    /// step, which has nothing to compare with, and for models without states.
    pub fn residuals(&self) -> Result<Vec<f64>, TrainError> {
        let mut sums: Option<(Tensor, Tensor)> = None;
        for carried in &self.program.carried {
            let state = &self.program.states[carried.state];
            if carried.name != state.name {
                continue;
            }
            let new = carried.given.and_then(|id| self.outputs.values.at(id));
            let batch = state.axes.iter().position(|axis| axis == "batch");
            let (Some(new), Some(old), Some(batch)) = (new, self.before.states.get(&state.name), batch)
            else {
                continue;
            };
            let (change, size) = squares(new, old, batch as i64).doing("comparing states")?;
            sums = Some(match sums {
                Some((changes, sizes)) => {
                    let changes = changes.f_add(&change).doing("comparing states")?;
                    (changes, sizes.f_add(&size).doing("comparing states")?)
                }
                None => (change, size),
            });
        }
        let Some((change, size)) = sums else { return Ok(vec![f64::INFINITY; self.slots.len()]) };
        let share = change.f_div(&size.f_clamp_min(1e-30).doing("comparing states")?);
        let share =
            share.and_then(|share| Vec::<f64>::try_from(share.f_sqrt()?)).doing("comparing states")?;
        let first = |slot: &Option<Slot>| slot.is_none_or(|slot| slot.step < 2);
        Ok(self
            .slots
            .iter()
            .zip(share)
            .map(|(slot, r)| if first(slot) { f64::INFINITY } else { r })
            .collect())
    }
}

/// Sums of squares per row, `[rows]` float64: of the change from `old` to `new`, and of `new`.
fn squares(new: &Tensor, old: &Tensor, batch: i64) -> Result<(Tensor, Tensor), TchError> {
    let rows = |x: &Tensor| {
        let x = x.f_to_kind(Kind::Double)?.f_movedim_int(batch, 0)?;
        x.f_reshape([x.size().first().copied().unwrap_or(0), -1])
    };
    let (new, old) = (rows(new)?, rows(old)?);
    let square = |x: &Tensor| x.f_square()?.f_sum_dim_intlist(1, false, Kind::Double);
    Ok((square(&new.f_sub(&old)?)?, square(&new)?))
}

/// Runs every request for at most `last` steps. After each step `look` says, row by row, who is done.
///
/// Gives the number of rows times steps that were computed.
pub(in crate::train) fn run_queue(
    model: &dyn SupervisionStep,
    weights: &Weights,
    columns: &Columns,
    requests: &mut dyn Iterator<Item = Request>,
    last: usize,
    mut look: impl FnMut(&QueueStep) -> Result<Vec<bool>, TrainError>,
) -> Result<u64, TrainError> {
    let device = weights.tensors.values().next().map_or(tch::Device::Cpu, |weight| weight.device());
    let mut step_model = model;
    let mut slots: Vec<Option<Slot>> = vec![None; columns.batch_rows().max(1)];
    let mut carry = Carry::start(model.program(), slots.len(), model.precision(), device)?;
    let mut row_steps = 0;
    loop {
        let vacant = slots.iter().filter(|slot| slot.is_none()).count();
        let fresh: Vec<Request> = requests.take(vacant).collect();
        let staying = slots.len() - vacant;
        let needed = staying + fresh.len();
        if needed == 0 {
            return Ok(row_steps);
        }
        if let Some(smaller) = model.smaller(needed).filter(|_| needed < slots.len()) {
            let rows = smaller.program().batch_rows();
            if rows < slots.len() && rows >= needed {
                carry = carry.narrowed(smaller.program(), rows)?;
                slots.retain(Option::is_some);
                slots.resize(rows, None);
                step_model = smaller;
            }
        }
        let batch = columns.padded(&rows_of(&fresh), carry.vacancies())?;
        carry = carry.admit(Fresh::InOrder(&batch))?;
        let places = slots.iter_mut().filter(|slot| slot.is_none());
        for (place, request) in places.zip(&fresh) {
            *place = Some(Slot { number: request.number, draws: request.draws, step: 0 });
        }
        for slot in slots.iter_mut().flatten() {
            slot.step += 1;
        }
        let outputs = step_model
            .run_drawing(weights, &carry.inputs(device)?, &seeds(&slots))
            .map_err(|cause| TrainError::Run { doing: "evaluation".to_owned(), cause })?;
        row_steps += slots.len() as u64;
        let program = step_model.program();
        let done = look(&QueueStep { program, outputs: &outputs, slots: &slots, before: &carry })?;
        for (slot, done) in slots.iter_mut().zip(&done) {
            *slot = slot.filter(|slot| !done && slot.step < last);
        }
        carry.advance(program, &outputs, slots.iter().map(Option::is_none).collect())?;
    }
}

/// The seed of each row for the step that comes.
fn seeds(slots: &[Option<Slot>]) -> Vec<u64> {
    let seed = |slot: &Option<Slot>| slot.map_or(0, |slot| row_seed(slot.draws, slot.step as u64, 0));
    slots.iter().map(seed).collect()
}

fn rows_of(requests: &[Request]) -> Rows {
    let mut rows =
        Rows::with_room(requests.len(), requests.first().map_or(0, |request| request.example.inputs.len()));
    for request in requests {
        rows.push(&request.example);
    }
    rows
}
