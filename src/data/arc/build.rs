//! The folder that the reference's builder writes: takes a plan of tasks and copies, writes it byte for byte; never
//! holds more than a few thousand examples.

use std::path::Path;

use indexmap::IndexMap;
use serde::Serialize;

use super::augment::{Augmentation, in_parts};
use super::files::{Pair, Task};
use super::grid::{CELLS, Grid, PAD, SIDE, SYMBOLS};
use super::plan::{Plan, Wanted, no_answer};
use super::test_set::TEST_PUZZLES;
use crate::data::DataError;
use crate::data::built::{self, Counts, Layout, SplitWriter, TotalPuzzles};
use crate::data::npy::NpyType;
use crate::data::python_json;
use crate::random::numpy::NumpyRandom;

/// Examples that are made together.
const TOGETHER: usize = 4096;

/// What was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Built {
    /// Examples, copies and tasks trained on.
    pub train: Counts,
    /// Examples, copies and tasks tested.
    pub test: Counts,
    /// Puzzle identifiers, the blank one included.
    pub identifiers: usize,
    /// Tasks with fewer copies than were wanted.
    pub short: usize,
    /// Test pairs of training tasks without an answer; like the reference, they are written with the answer `[[0]]`.
    pub unanswered: usize,
}

/// Builds what `dataset/build_arc_dataset.py` builds with the same choices. The bytes do not depend on `threads`.
pub fn build(wanted: &Wanted, out: &Path, threads: usize) -> Result<Built, DataError> {
    let mut plan = Plan::new(wanted, threads)?;
    let mut random = plan.random.clone();
    let train = write_split(&plan, out, "train", &mut random, threads)?;
    let test = match wanted.test_sets.is_empty() {
        true => Counts::default(),
        false => write_split(&plan, out, "test", &mut random, threads)?,
    };
    built::identifiers(out, &plan.names())?;
    plan.tasks.retain(|planned| planned.tested);
    let tested: IndexMap<&str, Written> =
        plan.tasks.iter().map(|planned| (planned.task.name.as_str(), Written(&planned.task))).collect();
    python_json::write(&out.join(TEST_PUZZLES), &tested)?;
    Ok(Built { train, test, identifiers: plan.identifiers, short: plan.short, unanswered: plan.unanswered })
}

/// A copy of a task that waits for being written.
struct Waiting {
    identifier: u32,
    examples: usize,
    ends_group: bool,
}

/// An example to be made.
struct Job<'a> {
    pair: &'a Pair,
    augmentation: &'a Augmentation,
    top: usize,
    left: usize,
}

fn write_split(
    plan: &Plan,
    out: &Path,
    split: &str,
    random: &mut NumpyRandom,
    threads: usize,
) -> Result<Counts, DataError> {
    let layout = Layout {
        seq_len: CELLS,
        vocab_size: SYMBOLS,
        dtype: NpyType::U8,
        ignore_label_id: Some(i64::from(PAD)),
    };
    let mut writer = SplitWriter::create(out, split, layout)?;
    let translated = split == "train";
    let (mut jobs, mut waiting): (Vec<Job>, Vec<Waiting>) = (Vec::with_capacity(TOGETHER), Vec::new());
    for planned in &plan.tasks {
        let pairs: Vec<&Pair> = if translated { planned.train() } else { planned.test().iter().collect() };
        if pairs.is_empty() {
            continue;
        }
        let last = planned.augmentations.len() - 1;
        for (number, augmentation) in planned.augmentations.iter().enumerate() {
            // One example of each copy stays at the corner. It is drawn for tests too, all of which stay there.
            let stays = random.below(pairs.len());
            for (place, pair) in pairs.iter().copied().enumerate() {
                let moves = translated && place != stays;
                let (top, left) = if moves { corner(pair, augmentation, random) } else { (0, 0) };
                jobs.push(Job { pair, augmentation, top, left });
            }
            let identifier = planned.identifiers[number];
            waiting.push(Waiting { identifier, examples: pairs.len(), ends_group: number == last });
            if jobs.len() >= TOGETHER {
                flush(&mut writer, &mut jobs, &mut waiting, threads)?;
            }
        }
    }
    flush(&mut writer, &mut jobs, &mut waiting, threads)?;
    writer.finish(plan.identifiers, TotalPuzzles::Puzzles)
}

/// Draws where the corner of a translated example lies.
fn corner(pair: &Pair, augmentation: &Augmentation, random: &mut NumpyRandom) -> (usize, usize) {
    let input = augmentation.size(pair.input.rows(), pair.input.columns());
    let output =
        pair.output.as_ref().map_or((1, 1), |output| augmentation.size(output.rows(), output.columns()));
    (random.below(SIDE - input.0.max(output.0) + 1), random.below(SIDE - input.1.max(output.1) + 1))
}

/// Makes the examples that wait and writes them.
fn flush(
    writer: &mut SplitWriter,
    jobs: &mut Vec<Job>,
    waiting: &mut Vec<Waiting>,
    threads: usize,
) -> Result<(), DataError> {
    let none = no_answer();
    let tokens = in_parts(jobs, threads, |job| {
        [&job.pair.input, job.pair.output.as_ref().unwrap_or(&none)].map(|grid| {
            let mut tokens = vec![PAD; CELLS];
            job.augmentation.apply(grid).write(job.top, job.left, &mut tokens);
            tokens
        })
    });
    let mut made = tokens.into_iter();
    for copy in waiting.drain(..) {
        for [input, label] in made.by_ref().take(copy.examples) {
            writer.example(&input, &label)?;
        }
        writer.end_puzzle(copy.identifier as i32)?;
        if copy.ends_group {
            writer.end_group()?;
        }
    }
    jobs.clear();
    Ok(())
}

/// A task as `test_puzzles.json` has it: its lists in the order of its file, unknown answers as `[[0]]`.
struct Written<'a>(&'a Task);

impl Serialize for Written<'_> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let none = no_answer();
        let list = |pairs: &'_ [Pair]| -> Vec<IndexMap<&str, Vec<Vec<u8>>>> {
            let lines = |grid: &Grid| grid.lines().into_iter().map(<[u8]>::to_vec).collect();
            let pair = |pair: &Pair| {
                let output = pair.output.as_ref().unwrap_or(&none);
                IndexMap::from([("input", lines(&pair.input)), ("output", lines(output))])
            };
            pairs.iter().map(pair).collect()
        };
        let mut lists = [("train", list(&self.0.train)), ("test", list(&self.0.test))];
        if self.0.test_first {
            lists.reverse();
        }
        IndexMap::from(lists).serialize(to)
    }
}
