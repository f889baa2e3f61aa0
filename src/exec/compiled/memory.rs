//! Which steps anybody needs, and where each buffer lies: a place in one arena per slice that is given again as soon as
//! nobody reads it any more, so that a step allocates nothing.

use super::gates;
use super::plan::{Plan, Room, Step, What};
use super::product::Application;
use super::record::bytes_of;
use memmap2::{Advice, MmapMut};
use std::collections::{BTreeMap, HashSet};

/// Buffers begin at multiples of so many bytes: a line of the cache.
const ALIGNMENT: usize = 64;

/// Memory of a plan: where its buffers begin, in bytes, and how many bytes both rooms take.
pub(super) struct Layout {
    pub offsets: Vec<usize>,
    pub shared: usize,
    pub slice: usize,
}

/// Memory that buffers lie in.
pub(super) struct Arena(MmapMut);

impl Arena {
    /// Of so many bytes, all zero.
    ///
    /// # Errors
    /// The system has no memory left.
    pub fn new(bytes: usize) -> std::io::Result<Arena> {
        let map = MmapMut::map_anon(bytes.max(ALIGNMENT))?;
        // Only speed depends on it.
        let _ = map.advise(Advice::HugePage);
        Ok(Arena(map))
    }

    /// Address of the first byte.
    pub fn start(&mut self) -> usize {
        self.0.as_mut_ptr() as usize
    }
}

/// Where a pack's numbers come from, if they are those of a weight as it stands outside.
pub(super) fn weight_behind(plan: &Plan, buffer: usize) -> Option<usize> {
    let writer =
        |buffer: usize| plan.shared.iter().find(|step| step.writes.iter().any(|to| to.buffer == buffer));
    let step = writer(buffer)?;
    match &step.what {
        What::Weight(at) => Some(*at),
        What::Convert(_) => {
            let (from, to) = (step.reads.first()?, step.writes.first()?);
            let same = from.is_dense() && to.is_dense() && from.offset == 0 && from.ty.dims == to.ty.dims;
            match writer(from.buffer)?.what {
                What::Weight(at) if same => Some(at),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Leaves out the steps whose results nobody reads.
pub(super) fn tidy(plan: &mut Plan) {
    gates::join(plan);
    let mut needed: HashSet<usize> = HashSet::new();
    needed.extend(plan.results.iter().map(|result| result.from.buffer));
    for gradient in &plan.gradients {
        needed.extend(gradient.applications.iter().flat_map(Application::buffers));
        needed.extend(gradient.arrays.iter().map(|array| array.buffer));
    }
    needed.extend(plan.row_gradients.iter().flat_map(|rows| [rows.ids.buffer, rows.from.buffer]));
    let kept = wanted(&plan.slice, &mut needed);
    for meeting in &mut plan.meetings {
        meeting.after = kept[..meeting.after].iter().filter(|kept| **kept).count();
    }
    keep(&mut plan.slice, &kept);
    gates::drop_packs(plan);
    let packs: HashSet<usize> = plan
        .slice
        .iter()
        .filter_map(|step| match &step.what {
            What::Product(_, pack) => *pack,
            What::Gated(_, pack) => Some(*pack),
            _ => None,
        })
        .collect();
    for pack in packs {
        let buffer = plan.packs[pack].from.buffer;
        if weight_behind(plan, buffer).is_none() {
            needed.insert(buffer);
        }
    }
    let kept = wanted(&plan.shared, &mut needed);
    // Steps that only packs read are left out, but packs still have to find the weight behind them.
    plan.pack_weights = plan.packs.iter().map(|pack| weight_behind(plan, pack.from.buffer)).collect();
    keep(&mut plan.shared, &kept);
}

fn wanted(steps: &[Step], needed: &mut HashSet<usize>) -> Vec<bool> {
    let mut kept = vec![false; steps.len()];
    for (at, step) in steps.iter().enumerate().rev() {
        if step.what.steers() || step.writes.iter().any(|to| needed.contains(&to.buffer)) {
            kept[at] = true;
            // A packed operand is read from its pack.
            let packed = match &step.what {
                What::Product(product, Some(_)) | What::Gated(product, _) => {
                    Some(usize::from(!product.swapped))
                }
                _ => None,
            };
            let reads = step.reads.iter().enumerate().filter(|(place, _)| Some(*place) != packed);
            needed.extend(reads.map(|(_, array)| array.buffer));
        }
    }
    kept
}

fn keep(steps: &mut Vec<Step>, kept: &[bool]) {
    let mut each = kept.iter();
    steps.retain(|_| each.next().copied().unwrap_or(true));
}

/// Places for all buffers.
pub(super) fn layout(plan: &Plan) -> Layout {
    let mut offsets = vec![usize::MAX; plan.buffers.len()];
    let size = |buffer: usize| {
        let own = &plan.buffers[buffer];
        (own.count * bytes_of(own.kind)).next_multiple_of(ALIGNMENT).max(ALIGNMENT)
    };
    let mut shared = 0;
    for to in plan.shared.iter().flat_map(|step| &step.writes) {
        if offsets[to.buffer] == usize::MAX {
            offsets[to.buffer] = shared;
            shared += size(to.buffer);
        }
    }
    let mut last = vec![0usize; plan.buffers.len()];
    for (at, step) in plan.slice.iter().enumerate() {
        step.reads.iter().chain(&step.writes).for_each(|array| last[array.buffer] = at);
    }
    let end = plan.slice.len();
    plan.results.iter().for_each(|result| last[result.from.buffer] = end);
    for rows in &plan.row_gradients {
        last[rows.ids.buffer] = end;
        last[rows.from.buffer] = end;
    }
    for gradient in &plan.gradients {
        gradient.arrays.iter().for_each(|array| last[array.buffer] = end);
    }
    for meeting in &plan.meetings {
        for (gradient, range) in &meeting.sums {
            for own in &plan.gradients[*gradient].applications[range.clone()] {
                for buffer in own.buffers() {
                    last[buffer] = last[buffer].max(meeting.after);
                }
            }
        }
    }
    let mut free = Free::default();
    let mut ends: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, step) in plan.slice.iter().enumerate() {
        while let Some(entry) = ends.first_entry().filter(|entry| *entry.key() < at) {
            for buffer in entry.remove() {
                free.give(offsets[buffer], size(buffer));
            }
        }
        for to in &step.writes {
            let own = plan.buffers[to.buffer].room == Room::Slice;
            if own && offsets[to.buffer] == usize::MAX {
                offsets[to.buffer] = free.take(size(to.buffer));
                ends.entry(last[to.buffer]).or_default().push(to.buffer);
            }
        }
    }
    Layout { offsets, shared, slice: free.end }
}

/// Places that nobody uses, by where they begin.
#[derive(Default)]
struct Free {
    places: BTreeMap<usize, usize>,
    end: usize,
}

impl Free {
    /// The tightest place, or one at the end.
    fn take(&mut self, size: usize) -> usize {
        let fitting = self.places.iter().filter(|(_, room)| **room >= size);
        if let Some((at, room)) = fitting.min_by_key(|(_, room)| **room).map(|(at, room)| (*at, *room)) {
            self.places.remove(&at);
            if room > size {
                self.places.insert(at + size, room - size);
            }
            return at;
        }
        // What is free at the end is part of what is taken there.
        if let Some((at, room)) = self.places.last_key_value().map(|(at, room)| (*at, *room))
            && at + room == self.end
        {
            self.places.remove(&at);
            self.end = at + size;
            return at;
        }
        self.end += size;
        self.end - size
    }

    fn give(&mut self, at: usize, size: usize) {
        let (mut at, mut size) = (at, size);
        if let Some((before, room)) = self.places.range(..at).next_back().map(|(at, room)| (*at, *room))
            && before + room == at
        {
            self.places.remove(&before);
            at = before;
            size += room;
        }
        if let Some(room) = self.places.remove(&(at + size)) {
            size += room;
        }
        self.places.insert(at, size);
    }
}
