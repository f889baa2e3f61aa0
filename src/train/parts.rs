//! A batch in parts, computed one after the other or by several processes: takes a step's inputs and the outputs of its parts, gives
//! inputs of a part and outputs of the batch. Whoever computes a part, its numbers are the same.

use std::collections::HashMap;
use std::ops::Range;

use indexmap::IndexMap;
use tch::{Kind, TchError, Tensor};

use super::error::{Doing, TrainError};
use super::halting::libtorch_seed;
use crate::distributed::ProcessGroup;
use crate::exec::{Inputs, OutputValues, Outputs};
use crate::ir::OutputKind;
use crate::lower::{OutputId, OutputInfo, Program};

/// Rows `from .. from + rows` of the inputs of a whole batch.
pub(super) fn part_of(
    program: &Program,
    inputs: &Inputs,
    from: usize,
    rows: usize,
) -> Result<Inputs, TchError> {
    let narrow = |tensor: &Tensor, axes: &[String]| {
        let batch = axes.iter().position(|axis| axis == "batch").unwrap_or(0);
        tensor.f_narrow(batch as i64, from as i64, rows as i64)
    };
    let batch = ["batch".to_owned()];
    let mut part = Inputs {
        data: HashMap::new(),
        states: HashMap::new(),
        fresh: narrow(&inputs.fresh, &batch)?,
        steps: narrow(&inputs.steps, &batch)?,
    };
    for input in &program.inputs {
        if let Some(tensor) = inputs.data.get(&input.name) {
            part.data.insert(input.name.clone(), narrow(tensor, &input.axes)?);
        }
    }
    for carried in &program.carried {
        if let Some(tensor) = inputs.states.get(&carried.name) {
            let axes = &program.states[carried.state].axes;
            part.states.insert(carried.name.clone(), narrow(tensor, axes)?);
        }
    }
    Ok(part)
}

/// The seed of libtorch's own generator for part `part` of a step: that of the step for the first.
pub(super) fn part_seed(seed: u64, step: u64, part: usize) -> i64 {
    match part {
        0 => libtorch_seed(seed, step),
        part => libtorch_seed(libtorch_seed(seed, step) as u64, part as u64),
    }
}

/// The parts of `count` that this process computes.
pub(super) fn own_parts(group: Option<&ProcessGroup>, count: usize) -> Range<usize> {
    let (rank, size) = group.map_or((0, 1), |group| (group.rank(), group.size()));
    count * rank / size..count * (rank + 1) / size
}

/// Where an output has its rows.
fn rows_axis(program: &Program, output: &OutputInfo) -> Option<i64> {
    output.ty.axes().position(|axis| program.axes.name(axis) == "batch").map(|axis| axis as i64)
}

/// The outputs of a whole batch from those of this process's parts, which begin at row `from` of its `batch` rows: losses, metrics and
/// halting of all processes; states of this process's rows, and 0 in the others', until somebody gathers them. What has no batch
/// axis counts for the rows of its part.
pub(super) fn joined(
    program: &Program,
    parts: &[Outputs],
    (from, batch): (usize, usize),
    group: Option<&ProcessGroup>,
) -> Result<Outputs, TrainError> {
    let rows = program.batch_rows() as i64;
    let mut values = Vec::with_capacity(program.outputs.len());
    for (at, output) in program.outputs.iter().enumerate() {
        let axis = rows_axis(program, output);
        let pieces: Vec<&Tensor> = parts.iter().filter_map(|part| part.values.at(OutputId(at))).collect();
        let own = || -> Result<Tensor, TchError> {
            match (axis, pieces.first()) {
                (Some(axis), _) => Tensor::f_cat(&pieces, axis),
                // Not of the rows: a table of thoughts, say. Nobody asks a training step for it.
                (None, Some(first)) if first.dim() > 0 => Ok(first.shallow_clone()),
                (None, _) => {
                    let each = pieces.iter().map(|piece| piece.f_expand([rows], false));
                    Tensor::f_cat(&each.collect::<Result<Vec<_>, _>>()?, 0)
                }
            }
        };
        values.push(own().doing("joining the parts of the batch")?);
    }
    if let Some(group) = group {
        states_in_place(program, &mut values, from, batch).doing("joining the parts of the batch")?;
        of_all(program, &mut values, group)?;
    }
    let values = OutputValues::new(&OutputValues::names_of(program), values);
    Ok(Outputs { values, gradients: IndexMap::new(), rows: Vec::new() })
}

/// Puts this process's rows of the states where they are in the whole batch.
fn states_in_place(
    program: &Program,
    values: &mut [Tensor],
    from: usize,
    batch: usize,
) -> Result<(), TchError> {
    for (id, output) in program.outputs_of(OutputKind::State) {
        let Some(axis) = rows_axis(program, output) else { continue };
        let own = &values[id.0];
        let mut shape = own.size();
        let rows = std::mem::replace(&mut shape[axis as usize], batch as i64);
        let all = Tensor::f_zeros(&shape, (own.kind(), own.device()))?;
        all.f_narrow(axis, from as i64, rows)?.f_copy_(own)?;
        values[id.0] = all;
    }
    Ok(())
}

/// Losses, metrics and halting of all processes, by one exchange.
fn of_all(program: &Program, values: &mut [Tensor], group: &ProcessGroup) -> Result<(), TrainError> {
    let told = [OutputKind::Loss, OutputKind::Metric, OutputKind::Halt];
    let places: Vec<usize> =
        (0..values.len()).filter(|at| told.contains(&program.outputs[*at].name.kind)).collect();
    if places.is_empty() {
        return Ok(());
    }
    let own: Result<Vec<Tensor>, TchError> =
        places.iter().map(|at| values[*at].f_to_kind(Kind::Double)).collect();
    let own = own.and_then(|own| Tensor::f_stack(&own, 1)).doing("reading losses and metrics")?;
    let all = group.all_gather(&own)?;
    for (column, at) in places.into_iter().enumerate() {
        let of_kind = all.f_select(1, column as i64).and_then(|all| all.f_to_kind(values[at].kind()));
        values[at] = of_kind.doing("reading losses and metrics")?;
    }
    Ok(())
}

/// Rows of tables that the processes have looked up, and their gradients, in the order of the processes.
pub(super) fn rows_of_all(
    tables: IndexMap<String, (Tensor, Tensor)>,
    group: &ProcessGroup,
) -> Result<IndexMap<String, (Tensor, Tensor)>, TrainError> {
    let mut of_all = IndexMap::new();
    for (table, (ids, rows)) in tables {
        let device = rows.device();
        let all = (group.all_gather(&ids)?, group.all_gather(&rows)?);
        let there = |tensor: Tensor| tensor.f_to_device(device).doing("collecting table rows");
        of_all.insert(table, (there(all.0)?, there(all.1)?));
    }
    Ok(of_all)
}

/// The states of all rows, of which each process has its own.
pub(super) fn gathered(
    program: &Program,
    states: &IndexMap<String, Tensor>,
    group: &ProcessGroup,
) -> Result<IndexMap<String, Tensor>, TrainError> {
    let mut all = IndexMap::new();
    for carried in &program.carried {
        let Some(state) = states.get(&carried.name) else { continue };
        let axis = program.states[carried.state].axes.iter().position(|axis| axis == "batch");
        let Some(axis) = axis.map(|axis| axis as i64) else {
            all.insert(carried.name.clone(), state.shallow_clone());
            continue;
        };
        let doing = "collecting the carried states";
        let rows = state.size()[axis as usize] / group.size() as i64;
        let own =
            state.f_narrow(axis, group.rank() as i64 * rows, rows).and_then(|own| own.f_movedim(axis, 0));
        let of_all = group.all_gather(&own.doing(doing)?)?;
        let of_all =
            of_all.f_movedim(0, axis).and_then(|all| all.f_contiguous()?.f_to_device(state.device()));
        all.insert(carried.name.clone(), of_all.doing(doing)?);
    }
    Ok(all)
}
