//! A gate right behind the product that it closes: `silu(a) · b` of the two halves of a product's columns becomes what the
//! product does with its sums before it stores them, so that both halves are not written and read again where nobody else
//! reads them. Takes a plan before memory is given to it and changes nothing but the rounding of the halves.

use super::array::{Array, merged};
use super::plan::{Pack, Plan, Step, What};
use super::product::{Application, Product};
use crate::exec::chain::Planned;
use std::collections::HashMap;

/// Joins products and gates.
pub(super) fn join(plan: &mut Plan) {
    let mut writers: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut readers: HashMap<usize, Vec<usize>> = HashMap::new();
    for (at, step) in plan.slice.iter().enumerate() {
        step.writes.iter().for_each(|to| writers.entry(to.buffer).or_default().push(at));
        step.reads.iter().for_each(|from| readers.entry(from.buffer).or_default().push(at));
    }
    let mut gone = vec![false; plan.slice.len()];
    let mut paired: HashMap<usize, usize> = HashMap::new();
    for (at, gone) in gone.iter_mut().enumerate() {
        let Some((a, b)) = gate_of(&plan.slice[at]) else { continue };
        let [from] = writers.get(&a.buffer).map_or(&[][..], |all| &all[..]) else { continue };
        let from = *from;
        let What::Product(product, Some(pack)) = &plan.slice[from].what else { continue };
        let gate = &plan.slice[at].writes[0];
        if !fits(product, &plan.slice[from].writes[0], (a, b), gate) {
            continue;
        }
        let others = readers.get(&a.buffer).is_some_and(|all| all.iter().any(|reader| *reader != at));
        let kept = others || outside(plan, a.buffer);
        let (product, pack) = (product.clone(), *pack);
        let pack = *paired.entry(pack).or_insert_with(|| {
            let own = Pack { paired: true, ..plan.packs[pack].clone() };
            plan.packs.push(own);
            plan.packs.len() - 1
        });
        let mut writes = vec![gate.clone()];
        if kept {
            writes.extend(plan.slice[from].writes.iter().cloned());
        }
        let step = &mut plan.slice[from];
        *step = Step { what: What::Gated(product, pack), writes, reads: step.reads.clone(), note: step.note };
        *gone = true;
    }
    for meeting in &mut plan.meetings {
        meeting.after = gone[..meeting.after].iter().filter(|gone| !**gone).count();
    }
    let mut each = gone.iter();
    plan.slice.retain(|_| !each.next().copied().unwrap_or(false));
}

/// Both operands of a step that is a gate and nothing else.
fn gate_of(step: &Step) -> Option<(&Array, &Array)> {
    let What::Chain(planned) = &step.what else { return None };
    let (a, b) = Planned::gate(planned)?;
    (step.writes.len() == 1).then_some((step.reads.get(a)?, step.reads.get(b)?))
}

/// Whether the operands are the halves of a product's rows, in order, and the gate's rows follow one another as they do.
fn fits(product: &Product, out: &Array, (a, b): (&Array, &Array), gate: &Array) -> bool {
    let (rows, half) = (product.rows, product.cols / 2);
    let halves = |array: &Array, start: usize| {
        let Some((last, outer)) = array.ty.dims.split_last() else { return false };
        let outer: Vec<_> =
            outer.iter().zip(&array.strides).map(|(dim, stride)| (dim.size, *stride)).collect();
        array.buffer == out.buffer
            && array.offset == out.offset + start
            && last.size == half
            && array.strides.last() == Some(&1)
            && (rows == 1 || merged(&outer) == Some((rows, product.out)))
    };
    product.walks.iter().all(|walk| walk.size == 1)
        && product.cols.is_multiple_of(2)
        && halves(a, 0)
        && halves(b, half)
        && [a, b].iter().all(|array| array.ty == gate.ty && array.ty.kind == out.ty.kind)
        && gate.is_dense()
        && gate.ty.count() == rows * half
}

/// Whether what lies outside of the steps of a slice reads a buffer.
fn outside(plan: &Plan, buffer: usize) -> bool {
    let results = plan.results.iter().map(|result| result.from.buffer);
    let rows = plan.row_gradients.iter().flat_map(|rows| [rows.ids.buffer, rows.from.buffer]);
    let sums = plan.gradients.iter().flat_map(|gradient| {
        let operands = gradient.applications.iter().flat_map(Application::buffers);
        operands.chain(gradient.arrays.iter().map(|array| array.buffer))
    });
    results.chain(rows).chain(sums).any(|own| own == buffer)
}

/// Leaves out the packs that no product reads.
pub(super) fn drop_packs(plan: &mut Plan) {
    let mut places: HashMap<usize, usize> = HashMap::new();
    let mut packs = Vec::new();
    for step in &mut plan.slice {
        let (What::Product(_, Some(pack)) | What::Gated(_, pack)) = &mut step.what else { continue };
        *pack = *places.entry(*pack).or_insert_with(|| {
            packs.push(plan.packs[*pack].clone());
            packs.len() - 1
        });
    }
    plan.packs = packs;
}
