//! Examples on their way through the batch: takes a queue of examples, runs steps, and lets whoever looks on decide who
//! is done; rows that fall vacant are filled from the queue, and when it is empty the batch shrinks.

use tch::{Kind, TchError, Tensor, no_grad_guard};

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
pub(in crate::train) struct Job {
    /// Its number, by which whoever looks on knows it.
    pub number: usize,
    /// What goes into the row.
    pub example: Example,
    /// Seed of everything that it draws.
    pub draws: u64,
}

/// Who sits in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::train) struct Seat {
    /// The number of the job.
    pub number: usize,
    /// Seed of everything that the job draws.
    draws: u64,
    /// Supervision steps it has done.
    pub step: usize,
}

/// What can be seen after a step.
pub(in crate::train) struct Moment<'a> {
    /// The program that ran.
    pub program: &'a Program,
    /// What it gave.
    pub outputs: &'a Outputs,
    /// Who sits in each row of the batch; empty rows hold nothing of interest.
    pub seats: &'a [Option<Seat>],
    /// The batch as it went into the step.
    pub before: &'a Carry,
}

impl Moment<'_> {
    /// Rows in use, with who sits there.
    pub fn seated(&self) -> impl Iterator<Item = (usize, Seat)> {
        self.seats.iter().enumerate().filter_map(|(row, seat)| seat.map(|seat| (row, seat)))
    }

    /// How much the step changed the states of each row: ‖new - old‖ / ‖new‖ over all states. Infinite after the first
    /// step, which has nothing to compare with, and for models without states.
    pub fn residuals(&self) -> Result<Vec<f64>, TrainError> {
        let mut sums: Option<(Tensor, Tensor)> = None;
        for state in &self.program.states {
            let new = self.outputs.values.get(&format!("state.{}", state.name));
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
        let Some((change, size)) = sums else { return Ok(vec![f64::INFINITY; self.seats.len()]) };
        let share = change.f_div(&size.f_clamp_min(1e-30).doing("comparing states")?);
        let share =
            share.and_then(|share| Vec::<f64>::try_from(share.f_sqrt()?)).doing("comparing states")?;
        let first = |seat: &Option<Seat>| seat.is_none_or(|seat| seat.step < 2);
        Ok(self
            .seats
            .iter()
            .zip(share)
            .map(|(seat, r)| if first(seat) { f64::INFINITY } else { r })
            .collect())
    }
}

/// Sums of squares per row, `[rows]` float64: of the change from `old` to `new`, and of `new`.
fn squares(new: &Tensor, old: &Tensor, batch: i64) -> Result<(Tensor, Tensor), TchError> {
    let rows = |x: &Tensor| {
        let x = x.f_detach()?.f_to_kind(Kind::Double)?.f_movedim_int(batch, 0)?;
        x.f_reshape([x.size().first().copied().unwrap_or(0), -1])
    };
    let (new, old) = (rows(new)?, rows(old)?);
    let square = |x: &Tensor| x.f_square()?.f_sum_dim_intlist(1, false, Kind::Double);
    Ok((square(&new.f_sub(&old)?)?, square(&new)?))
}

/// Runs every job for at most `last` steps. After each step `look` says, row by row, who is done.
///
/// Gives the number of rows times steps that were computed.
pub(in crate::train) fn fly(
    model: &dyn SupervisionStep,
    weights: &Weights,
    columns: &Columns,
    jobs: &mut dyn Iterator<Item = Job>,
    last: usize,
    mut look: impl FnMut(&Moment) -> Result<Vec<bool>, TrainError>,
) -> Result<u64, TrainError> {
    let _constant = no_grad_guard();
    let device = weights.tensors.values().next().map_or(tch::Device::Cpu, |weight| weight.device());
    let mut step_model = model;
    let mut seats: Vec<Option<Seat>> = vec![None; columns.batch_rows().max(1)];
    let mut carry = Carry::start(model.program(), seats.len(), model.precision(), device)?;
    let mut row_steps = 0;
    loop {
        let vacant = seats.iter().filter(|seat| seat.is_none()).count();
        let fresh: Vec<Job> = jobs.take(vacant).collect();
        let staying = seats.len() - vacant;
        let needed = staying + fresh.len();
        if needed == 0 {
            return Ok(row_steps);
        }
        if let Some(smaller) = model.smaller(needed).filter(|_| needed < seats.len()) {
            let rows = smaller.program().batch_rows();
            if rows < seats.len() && rows >= needed {
                carry = carry.narrowed(smaller.program(), rows)?;
                seats.retain(Option::is_some);
                seats.resize(rows, None);
                step_model = smaller;
            }
        }
        let batch = columns.padded(&rows_of(&fresh), carry.vacancies())?;
        carry = carry.admit(Fresh::InOrder(&batch))?;
        let places = seats.iter_mut().filter(|seat| seat.is_none());
        for (place, job) in places.zip(&fresh) {
            *place = Some(Seat { number: job.number, draws: job.draws, step: 0 });
        }
        for seat in seats.iter_mut().flatten() {
            seat.step += 1;
        }
        let outputs = step_model
            .run_drawing(weights, &carry.inputs(device)?, &seeds(&seats))
            .map_err(|cause| TrainError::Run { doing: "evaluation".to_owned(), cause })?;
        row_steps += seats.len() as u64;
        let program = step_model.program();
        let done = look(&Moment { program, outputs: &outputs, seats: &seats, before: &carry })?;
        for (seat, done) in seats.iter_mut().zip(&done) {
            *seat = seat.filter(|seat| !done && seat.step < last);
        }
        carry.advance(program, &outputs, seats.iter().map(Option::is_none).collect())?;
    }
}

/// The seed of each row for the step that comes.
fn seeds(seats: &[Option<Seat>]) -> Vec<u64> {
    let seed = |seat: &Option<Seat>| seat.map_or(0, |seat| row_seed(seat.draws, seat.step as u64, 0));
    seats.iter().map(seed).collect()
}

fn rows_of(jobs: &[Job]) -> Rows {
    let mut rows = Rows::with_room(jobs.len(), jobs.first().map_or(0, |job| job.example.inputs.len()));
    for job in jobs {
        rows.push(&job.example);
    }
    rows
}
