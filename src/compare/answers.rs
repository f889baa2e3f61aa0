//! Answers puzzle by puzzle, resampled: takes the runs' `puzzles.csv`, gives columns over the same puzzles and the
//! means that a bootstrap finds for them.

use indexmap::IndexMap;

use super::grouping::Group;
use super::record::{Puzzles, RunRecord};
use crate::random::SPLITMIX_STEP;
use crate::statistics::{bootstrap, over_runs, resamples};
use crate::train::PUZZLES;

/// The column of supervision steps.
const STEPS: &str = "steps";

/// The columns of every run and their resampled means.
pub struct Answers {
    runs: Vec<Puzzles>,
    /// By run and metric.
    means: Vec<IndexMap<String, Vec<f64>>>,
    /// Resamples that its size allows.
    pub resamples: usize,
    same: bool,
}

impl Answers {
    /// `None` if a run has none, which `notes` then says. `same`: all runs were tested on the same puzzles.
    pub fn of(runs: &[RunRecord], same: bool, seed: u64, notes: &mut Vec<String>) -> Option<Answers> {
        let without: Vec<&str> =
            runs.iter().filter(|run| run.puzzles.is_none()).map(|run| run.name.as_str()).collect();
        if !without.is_empty() {
            notes.push(format!(
                "No intervals and no verdict: {} has no {PUZZLES}; `totc eval` on the run file writes it.",
                without.join(", ")
            ));
            return None;
        }
        let mut puzzles: Vec<Puzzles> = runs.iter().filter_map(|run| run.puzzles.clone()).collect();
        if same {
            puzzles = on_common(puzzles, notes)?;
        }
        let most = puzzles.iter().map(|puzzles| puzzles.index.len()).max().unwrap_or(0);
        let columns: Vec<Vec<&[f64]>> =
            puzzles.iter().map(|puzzles| puzzles.columns.values().map(Vec::as_slice).collect()).collect();
        let times = resamples(most, columns.iter().map(Vec::len).sum());
        // Every metric of every run has its means, also one that another run does not measure.
        let resampled: Vec<Vec<Vec<f64>>> = if same {
            let mut means = bootstrap(&columns.concat(), times, seed).into_iter();
            columns.iter().map(|columns| means.by_ref().take(columns.len()).collect()).collect()
        } else {
            let alone = |(number, columns): (usize, &Vec<&[f64]>)| {
                bootstrap(columns, times, seed.wrapping_add(number as u64))
            };
            columns.iter().enumerate().map(alone).collect()
        };
        let named = |(puzzles, means): (&Puzzles, Vec<Vec<f64>>)| {
            puzzles.columns.keys().cloned().zip(means).collect::<IndexMap<_, _>>()
        };
        let means = puzzles.iter().zip(resampled).map(named).collect();
        Some(Answers { runs: puzzles, means, resamples: times, same })
    }

    /// Puzzles that the runs share, if they were tested on the same ones.
    pub fn paired(&self) -> Option<usize> {
        self.runs.first().map(|puzzles| puzzles.index.len()).filter(|_| self.same)
    }

    /// Metrics that every run has; supervision steps last, and only where they differ.
    pub fn metrics(&self) -> Vec<String> {
        let first = self.runs.first().and_then(|puzzles| puzzles.columns.get(STEPS));
        let differ = self.runs.iter().any(|puzzles| puzzles.columns.get(STEPS) != first);
        let mut names = shared(&self.runs);
        let had_steps = names.contains(&STEPS.to_owned());
        names.retain(|name| name != STEPS);
        names.extend((differ && had_steps).then(|| STEPS.to_owned()));
        names
    }

    /// A metric of a run, one number per puzzle.
    pub fn column(&self, run: usize, metric: &str) -> Option<&[f64]> {
        self.runs.get(run)?.columns.get(metric).map(Vec::as_slice)
    }

    /// Resampled means of a side: over puzzles, and over its runs.
    pub fn means(&self, group: &Group, metric: &str, seed: u64) -> Vec<f64> {
        let of_run = |run: &usize| self.means.get(*run)?.get(metric).map(Vec::as_slice);
        let means: Vec<&[f64]> = group.members.iter().filter_map(of_run).collect();
        // Each side draws its runs independently of the others.
        let salt = group.members.first().copied().unwrap_or(0) as u64;
        over_runs(&means, seed.wrapping_add(1).wrapping_mul(SPLITMIX_STEP).wrapping_add(salt))
    }
}

/// Cut to the puzzles that all were tested on.
fn on_common(puzzles: Vec<Puzzles>, notes: &mut Vec<String>) -> Option<Vec<Puzzles>> {
    let first = puzzles.first()?;
    let all_have = |index: &&u64| puzzles.iter().all(|puzzles| puzzles.index.binary_search(index).is_ok());
    let common: Vec<u64> = first.index.iter().filter(all_have).copied().collect();
    if common.is_empty() {
        notes.push(format!("No intervals and no verdict: the runs' {PUZZLES} have no puzzle in common."));
        return None;
    }
    if puzzles.iter().any(|puzzles| puzzles.index.len() != common.len()) {
        notes.push(format!("Compared on the {} test puzzles that all runs answered.", common.len()));
    }
    Some(puzzles.iter().map(|puzzles| puzzles.only(&common)).collect())
}

fn shared(runs: &[Puzzles]) -> Vec<String> {
    let Some((first, others)) = runs.split_first() else { return Vec::new() };
    let in_all = |name: &&String| others.iter().all(|other| other.columns.contains_key(*name));
    first.columns.keys().filter(in_all).cloned().collect()
}
